"""The walk over changed tickets, though Halo may ignore what it is asked: what came back is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from psa_copilot import Expected, Finding, Moment, NotFound, NotReady, Rejected, Step, keyset
from psa_copilot_connectors.halopsa import mapping
from psa_copilot_connectors.halopsa.rows import Row, asked, moment, number, reached, settled, stamp, text
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import PAGE, Site

TICKETS = "/Tickets"
EVERY = {"includeclosed": "true"}
OLDEST_CHANGE_FIRST = {"order": "last_update", "orderdesc": "false", "order2": "id", "orderdesc2": "false"}
NEWEST_CHANGE_FIRST = {"order": "last_update", "orderdesc": "true"}
OVERLAP = timedelta(seconds=1)
"""Nobody knows whether the PSA's filter includes its own moment."""
SLACK = timedelta(minutes=1)
"""A row older than this before what was asked for means that the filter was ignored; actions may count as changes."""
SETUP = 10
"""Requests that tell who and what there is."""
TRIES = 3
DOING = "list changed tickets"
ALWAYS = "9"
"""A stamp after all others."""


@dataclass
class _Sinking:
    """Whether pages come newest change first as asked, or only look so because their own order is much the same."""

    proven: bool
    holds: bool = True
    _last: str = ALWAYS

    def saw(self, rows: list[Row], keys: list[str]) -> None:
        """The next page, with the stamps of its rows."""
        self.holds &= all(one >= other for one, other in pairwise([self._last, *keys]))
        self._last = keys[-1] if keys else self._last
        self.proven = self.holds and (self.proven or not any(_sinks(rows, name) for name in ("id", "dateoccurred")))

    def has_passed(self, since: str) -> bool:
        """Whether nothing changed since then can follow."""
        return self.proven and self._last < since


class Changes:
    """Changed tickets, oldest change first."""

    def __init__(self, site: Site, settings: HaloPsaSettings, now: Callable[[], Moment]) -> None:
        self._site, self._zone, self._now = site, ZoneInfo(settings.zone), now
        self._obeys = True
        """Whether this server has heeded filter and order so far."""
        self._filters = True
        """Whether it has heeded the filter, at least."""
        self._sinks = False
        """Whether it was seen to heed the order, newest change first."""
        self._reads_changes = False
        """Whether the filter was seen to let through what nothing but its last_update does."""

    async def since(self, cursor: str) -> AsyncIterator[tuple[list[Row], str]]:
        """Pages of rows changed at or after a stamp, each with the stamp to go on from."""
        seen: set[tuple[str, int]] = set()
        start = stamp(reached(datetime.fromisoformat(cursor), self._zone))
        if self._obeys:
            newest = {} if self._reads_changes else await self._newest(start)
            async for rows in self._asked(start):
                last = self.key(rows[-1])[0]
                if await self._overlooks(newest, rows, last):
                    break
                seen |= {self.key(row) for row in rows}
                yield rows, max(cursor, last)
            await self._overlooks(newest, [], ALWAYS)
        if not self._obeys:
            rows, sure = await self._searched(start)
            found = [row for row in rows if self.key(row) not in seen]
            for at in range(0, len(found), PAGE):
                page = found[at : at + PAGE]
                yield page, max(cursor, min(self.key(page[-1])[0], sure))

    async def expected(self, since: Moment) -> Expected | None:
        """How many tickets have changed since a moment, each of which takes a read of its own for its actions.

        One whose first action does not tell what it was opened with takes another, which nobody knows beforehand.
        """
        params = {**EVERY, "lastupdatefromdate": asked(since, self._zone), "ticketidonly": "true"}
        _, total = await self._site.page(TICKETS, params, 1, doing="count changed tickets")
        return Expected(total, SETUP + total + -(-total // PAGE)) if total is not None else None

    async def check(self) -> list[Finding]:
        """What no walk can see: changes that the filter withholds, where lists come in no order that shows them."""
        rows, _ = await self._site.page(TICKETS, {**EVERY, **NEWEST_CHANGE_FIRST}, 1, doing=DOING)
        keys = [self.key(row) for row in rows]
        silent = [key for key, row in zip(keys, rows, strict=True) if "" < self._acted(row) < _earlier(key[0], SLACK)]
        is_ordered = all(one[0] >= other[0] for one, other in pairwise(keys))
        if is_ordered or not silent or await self._lets_through(*max(silent)):
            return []
        says = (
            "lists come in an order of their own, and lastupdatefromdate withholds what changed without an action: "
            "such a change is seen when a webhook tells of it, or with the next action on its ticket"
        )
        return [Finding("warning", "changes", says)]

    async def _lets_through(self, when: str, number_: int) -> bool:
        """Whether the filter shows a ticket by its last_update."""
        since = asked(datetime.fromisoformat(when) - OVERLAP, self._zone)
        async for rows in self._site.walk(TICKETS, {**EVERY, "lastupdatefromdate": since}, doing=DOING):
            if any(number(row.get("id")) == str(number_) for row in rows):
                return True
        return False

    def key(self, row: Row) -> tuple[str, int]:
        """What the walk goes by."""
        when = mapping.changed(row, self._zone)
        if when is None:
            raise NotReady(self._site.connection, DOING, "one of them has no last_update")
        return stamp(when), int(number(row.get("id")))

    async def _newest(self, start: str) -> dict[int, str]:
        """What has changed last, by a list that is not filtered: nobody knows which date the filter reads."""
        rows, _ = await self._site.page(TICKETS, {**EVERY, **NEWEST_CHANGE_FIRST}, 1, doing=DOING)
        return {number_: when for when, number_ in map(self.key, rows) if when >= start}

    async def _overlooks(self, newest: dict[int, str], rows: list[Row], until: str) -> bool:
        """Whether the filter withholds one of the newest up to a stamp, and not because it has changed again since."""
        for when, number_ in map(self.key, rows):
            if newest.get(number_, ALWAYS) <= when:
                del newest[number_]
        for number_ in [one for one, when in newest.items() if when <= until] if self._obeys else ():
            if await self._stands(number_, newest.pop(number_)):
                self._obeys = self._filters = False
                return True
        return False

    async def _stands(self, number_: int, when: str) -> bool:
        """Whether a ticket is still there, and as it was."""
        try:
            row = await self._site.row(f"{TICKETS}/{number_}", doing=DOING)
        except (NotFound, Rejected):
            return False
        return self.key(row)[0] == when and row.get("deleted") is not True

    async def _asked(self, cursor: str) -> AsyncIterator[list[Row]]:
        """As long as the server does as it is told."""
        async for rows in keyset(self._step, cursor, self.key):
            if not self._obeys:
                return
            yield rows

    async def _step(self, step: Step) -> tuple[list[Row], bool]:
        """One step of the walk. Pages by number shift when a row moves, which a changed count gives away."""
        for _ in range(TRIES):
            found = await self._tried(step)
            if found is not None or not self._obeys:
                return found or ([], False)
        raise NotReady(self._site.connection, DOING, "they change faster than they can be read")

    async def _tried(self, step: Step) -> tuple[list[Row], bool] | None:
        since = datetime.fromisoformat(step.stamp) - OVERLAP
        params = {**EVERY, **OLDEST_CHANGE_FIRST, "lastupdatefromdate": asked(since, self._zone)}
        page, got, first, kept = 1, 0, None, dict[int, Row]()
        while True:
            rows, total = await self._site.page(TICKETS, params, page, doing=DOING)
            first = total if first is None else first
            if total != first:
                return None
            page, got = page + 1, got + len(rows)
            more = bool(rows) and (len(rows) >= PAGE if total is None else got < total)
            if not self._heeded(rows, since) or (more and _sinks(rows, "id")):
                self._obeys = False  # also where pages still follow and the rising stamps may be by chance
                return None
            self._reads_changes |= any(self._is_proof(row, since) for row in rows)
            fresh = {int(number(row["id"])): settled(row) for row in rows if _wanted(self.key(row)[0], step)}
            kept |= fresh
            passed = bool(rows) and self.key(rows[-1])[0] > step.stamp
            if not more or (passed if step.op == "=" else kept):
                # The rows of one stamp are read to their end, which leaves no more of them.
                return sorted(kept.values(), key=self.key), more and step.op != "="

    def _heeded(self, rows: list[Row], since: datetime) -> bool:
        """Whether the filter filtered and the order ordered."""
        keys = [self.key(row) for row in rows]
        return self._touched(rows, since) and all(one <= other for one, other in pairwise(keys))

    def _touched(self, rows: list[Row], since: datetime) -> bool:
        """Whether the filter filtered: something has happened to each of them."""
        oldest = stamp(since.astimezone(UTC) - SLACK)
        return all(self.key(row)[0] >= oldest or self._acted(row) >= oldest for row in rows)

    def _is_proof(self, row: Row, since: datetime) -> bool:
        """Whether the filter can have let a row through for nothing but its last_update."""
        others = [moment(row.get(name), self._zone) for name in ("lastactiondate", "dateoccurred")]
        return all(when is not None and when < since - SLACK for when in others)

    def _acted(self, row: Row) -> str:
        when = moment(row.get("lastactiondate"), self._zone)
        return stamp(when) if when else ""

    async def _searched(self, since: str) -> tuple[list[Row], str]:
        """All of them by our own looking, and up to when that is sure to be all."""
        for _ in range(TRIES):
            began = stamp(self._now() - SLACK)
            found = await self._looked_through(since)
            if found is not None:
                rows, is_whole = found
                own = (row for row in rows if self.key(row)[0] >= since)
                return sorted(own, key=self.key), ALWAYS if is_whole else began
        raise NotReady(self._site.connection, DOING, "they change faster than they can be read")

    async def _looked_through(self, since: str) -> tuple[list[Row], bool] | None:
        """Pages to their end, or until older ones follow. What changes meanwhile shows only where the order holds."""
        start, sinking = datetime.fromisoformat(since) - OVERLAP, _Sinking(self._sinks)
        wanted = {"lastupdatefromdate": asked(start, self._zone)} if self._filters else {}
        page, got, most, found = 1, 0, 0, dict[int, Row]()
        while True:
            rows, total = await self._site.page(TICKETS, {**EVERY, **NEWEST_CHANGE_FIRST, **wanted}, page, doing=DOING)
            if self._filters and not self._touched(rows, start):
                self._filters = False
                return None
            if total is not None and total < most:
                return None  # one is gone, so that another may have slipped onto a page that was read already
            known = len(found)
            found |= {int(number(row["id"])): row for row in rows}
            sinking.saw(rows, [self.key(row)[0] for row in rows])
            page, got, most = page + 1, got + len(rows), total or 0
            is_end = len(found) == known or (got >= total if total is not None else len(rows) < PAGE)
            if is_end or sinking.has_passed(since):
                self._sinks = sinking.proven
                return list(found.values()), page == 2 or sinking.holds


def _earlier(when: str, by: timedelta) -> str:
    return stamp(datetime.fromisoformat(when) - by)


def _sinks(rows: list[Row], name: str) -> bool:
    """Whether rows may come newest first by something else than their last change; of what is not told, no."""
    told = [f"{int(number(row['id'])):020}" if name == "id" else text(row, name) for row in rows]
    return (any(told) or not rows) and all(one >= other for one, other in pairwise(told))


def _wanted(key: str, step: Step) -> bool:
    return {">=": key >= step.stamp, "=": key == step.stamp, ">": key > step.stamp}[step.op]

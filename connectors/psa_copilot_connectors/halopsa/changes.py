"""The walk over changed tickets, though Halo may ignore what it is asked: what came back is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from psa_copilot import Expected, Moment, NotReady, Step, keyset
from psa_copilot_connectors.halopsa import mapping
from psa_copilot_connectors.halopsa.rows import Row, asked, moment, number, settled, stamp
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


class Changes:
    """Changed tickets, oldest change first."""

    def __init__(self, site: Site, settings: HaloPsaSettings) -> None:
        self._site, self._zone = site, ZoneInfo(settings.zone)
        self._obeys = True
        """Whether this server has heeded filter and order so far."""

    async def since(self, cursor: str) -> AsyncIterator[list[Row]]:
        """Pages of rows changed at or after a stamp."""
        seen: set[tuple[str, int]] = set()
        if self._obeys:
            async for rows in self._asked(cursor):
                yield rows
                seen = {self.key(row) for row in rows}
                cursor = max(stamp for stamp, _ in seen)
        if not self._obeys:
            found = [row for row in await self._searched(cursor) if self.key(row) not in seen]
            for start in range(0, len(found), PAGE):
                yield found[start : start + PAGE]

    async def expected(self, since: Moment) -> Expected | None:
        """How many tickets have changed since a moment, each of which takes a read of its own for its actions.

        One whose first action does not tell what it was opened with takes another, which nobody knows beforehand.
        """
        params = {**EVERY, "lastupdatefromdate": asked(since, self._zone), "ticketidonly": "true"}
        _, total = await self._site.page(TICKETS, params, 1, doing="count changed tickets")
        return Expected(total, SETUP + total + -(-total // PAGE)) if total is not None else None

    def key(self, row: Row) -> tuple[str, int]:
        """What the walk goes by."""
        when = mapping.changed(row, self._zone)
        if when is None:
            raise NotReady(self._site.connection, DOING, "one of them has no last_update")
        return stamp(when), int(number(row.get("id")))

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
            if not self._heeded(rows, since):
                self._obeys = False
                return None
            page, got = page + 1, got + len(rows)
            fresh = {int(number(row["id"])): settled(row) for row in rows if _wanted(self.key(row)[0], step)}
            kept |= fresh
            more = bool(rows) and (len(rows) >= PAGE if total is None else got < total)
            passed = bool(rows) and self.key(rows[-1])[0] > step.stamp
            if not more or (passed if step.op == "=" else kept):
                # The rows of one stamp are read to their end, which leaves no more of them.
                return sorted(kept.values(), key=self.key), more and step.op != "="

    def _heeded(self, rows: list[Row], since: datetime) -> bool:
        """Whether the filter filtered and the order ordered."""
        keys = [self.key(row)[0] for row in rows]
        oldest = stamp(since.astimezone(UTC) - SLACK)
        touched = all(key >= oldest or self._acted(row) >= oldest for key, row in zip(keys, rows, strict=True))
        return touched and all(one <= other for one, other in pairwise(keys))

    def _acted(self, row: Row) -> str:
        when = moment(row.get("lastactiondate"), self._zone)
        return stamp(when) if when else ""

    async def _searched(self, cursor: str) -> list[Row]:
        """All of them by our own looking: newest first where that is heeded, else through everything."""
        page, got, found, last = 1, 0, dict[int, Row](), ""
        while True:
            rows, total = await self._site.page(TICKETS, {**EVERY, **NEWEST_CHANGE_FIRST}, page, doing=DOING)
            fresh = [row for row in rows if int(number(row["id"])) not in found]
            found |= {int(number(row["id"])): row for row in fresh}
            keys = [self.key(row)[0] for row in rows]
            page, got = page + 1, got + len(rows)
            sinks = all(one >= other for one, other in pairwise([last or "9", *keys]))
            last = keys[-1] if keys and sinks else "0"  # once out of order, always
            done = not fresh or (total is not None and got >= total) or (total is None and len(rows) < PAGE)
            if done or (last != "0" and last < cursor):
                return sorted((row for row in found.values() if self.key(row)[0] >= cursor), key=self.key)


def _wanted(key: str, step: Step) -> bool:
    return {">=": key >= step.stamp, "=": key == step.stamp, ">": key > step.stamp}[step.op]

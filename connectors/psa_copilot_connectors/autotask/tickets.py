"""Tickets of one database: read one by one, as they change, and what hangs on them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psa_copilot import Expected, Moment, NotFound, NotReady, Ref, Rejected, Ticket
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.roster import MATCH_ALL, Roster
from psa_copilot_connectors.autotask.rows import Row, number, stamp, text, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

TICKETS = "Tickets"
ROWS = 500
"""Records that one answer holds."""
PAGE = 250
"""Whole tickets a page: big enough for a backfill, small enough for one transaction."""
MOST = 5_000
"""So many changed tickets are put in order at once; more are asked for in shorter spans of time."""
LONG = timedelta(days=1)
SECOND = timedelta(seconds=1)
MARGIN = timedelta(seconds=10)
"""By so much our idea of the PSA's time may be wrong."""
REMEMBERED = 2_000
"""Of so many tickets we know what they began with, which saves a read where only their messages are wanted."""
FEW = 5
"""Of what blocks a close, so many are named."""


@dataclass(frozen=True)
class Changed:
    """Some changed tickets, oldest change first, and the stamp to go on from."""

    tickets: list[Ticket]
    cursor: str


class Tickets:
    """The tickets of one database."""

    def __init__(self, site: Site, roster: Roster, settings: AutotaskSettings) -> None:
        self._site, self._roster, self._settings = site, roster, settings
        self._openings: OrderedDict[str, Row] = OrderedDict()

    async def row(self, ref: Ref) -> Row:
        """The record as it stands."""
        return await self._site.item(f"/{TICKETS}/{ref.remote_id}", doing=f"read ticket {ref.remote_id}")

    async def opening(self, ticket: Ticket) -> Row:
        """What of a ticket's record belongs to its messages, as of the state that is at hand; seldom asked for."""
        return self._at_hand(ticket) or opening_of(await self.row(ticket.ref))

    def _at_hand(self, ticket: Ticket) -> Row | None:
        known = self._openings.get(ticket.ref.remote_id)
        stamped = mapping.changed(known) if known else None
        return known if stamped and stamped >= ticket.updated_at else None

    async def openings(self, tickets: Iterable[Ticket]) -> dict[str, Row]:
        """The same of some tickets, by their numbers; those that are gone may be missing."""
        wanted = {ticket.ref.remote_id: self._at_hand(ticket) for ticket in tickets}
        known = {key: row for key, row in wanted.items() if row}
        unknown = [int(key) for key in wanted if key not in known]
        rows = await self._site.those(TICKETS, "id", unknown, mapping.OPENING, doing="read what tickets began with")
        return known | {str(row["id"]): opening_of(row) for row in rows}

    async def there(self, remote_ids: Iterable[str]) -> set[str]:
        """Which of these tickets there are."""
        rows = await self._site.those(
            TICKETS, "id", map(int, remote_ids), ("id",), doing="look which tickets there are"
        )
        return {str(row["id"]) for row in rows}

    async def one(self, ref: Ref) -> Ticket:
        """The ticket as it stands."""
        [ticket] = await self.of([await self.row(ref)])
        return ticket

    async def of(self, rows: Iterable[Row]) -> list[Ticket]:
        """The tickets that rows tell."""
        there = list(rows)
        words = await self._roster.words_for(there)
        try:
            tickets = [mapping.to_ticket(row, words) for row in there]
        except ValueError as exc:
            raise NotReady(self._site.connection, "understand a ticket", str(exc)) from exc
        for row in there:
            self._remember(row)
        return tickets

    def _remember(self, row: Row) -> None:
        self._openings[str(row["id"])] = opening_of(row)
        self._openings.move_to_end(str(row["id"]))
        if len(self._openings) > REMEMBERED:
            self._openings.popitem(last=False)

    async def changed(self, since: Moment) -> AsyncIterator[Changed]:
        """What changed at or after a moment.

        The PSA orders by id only, so each span of time is read whole and put in order here. A ticket that changes
        while we read may be missed or seen as it was; it then has a stamp later than our beginning, so no cursor goes
        beyond that, unless one single answer told everything at once.
        """
        began = self._site.now() - MARGIN
        async for rows, at_once in self._spans(since, None):
            in_order = sorted(rows, key=lambda row: (self._stamped(row), int(row["id"])))
            for start in range(0, len(in_order), PAGE):
                part = in_order[start : start + PAGE]
                last = self._stamped(part[-1])
                yield Changed(await self.of(part), stamp(last if at_once else max(since, min(last, began))))

    def _stamped(self, row: Row) -> Moment:
        told = mapping.changed(row)
        if told is None:
            raise NotReady(self._site.connection, "list changed tickets", "one of them has no lastActivityDate")
        return told

    async def _spans(self, low: Moment, high: Moment | None) -> AsyncIterator[tuple[list[Row], bool]]:
        """The rows of one span after the other, and whether they came in one answer; a busy span is cut in two."""
        asked = [where("lastActivityDate", "gte", stamp(low))]
        asked += [where("lastActivityDate", "lt", stamp(high))] if high else []
        ends = high or self._site.now()
        if ends - low > LONG and await self._site.count(TICKETS, asked, doing="count changed tickets") > MOST:
            middle = (low + (ends - low) / 2).replace(microsecond=0)
            for one, other in ((low, middle), (middle, high)):
                async for part, _ in self._spans(one, other):
                    yield part, False
            return
        rows, more = await self._site.page(TICKETS, asked, doing="list changed tickets")
        at_once = high is None and not more
        while more:
            further, more = await self._site.page(
                TICKETS, asked, beyond=int(rows[-1]["id"]), doing="list changed tickets"
            )
            rows += further
        if rows:
            yield rows, at_once

    async def expected(self, since: Moment, at_once: int) -> Expected:
        """How much there is to be read of what has changed since a moment, counted in three reads."""
        asked = [where("lastActivityDate", "gte", stamp(since))]
        tickets = await self._site.count(TICKETS, asked, doing="count changed tickets")
        notes = await self._site.count("TicketNotes", asked, doing="count their notes")
        entered = [where("createDateTime", "gte", stamp(since))]
        times = await self._site.count("TimeEntries", entered, doing="count their time entries")
        # Tickets page by page; of each batch what its tickets began with, its notes and its time entries, page by page.
        batches = -(-tickets // at_once)
        return Expected(tickets, -(-tickets // ROWS) + 3 * batches + (notes + times) // ROWS)

    async def open(self) -> AsyncIterator[list[Ticket]]:
        """Pages of all open tickets, newest first; the PSA lists the oldest first."""
        is_open = where("status", "noteq", mapping.COMPLETE)
        numbers = await self._site.all(TICKETS, is_open, fields=("id",), doing="list open tickets")
        newest = [int(row["id"]) for row in reversed(numbers)]
        for start in range(0, len(newest), PAGE):
            part = newest[start : start + PAGE]
            rows = await self._site.those(TICKETS, "id", part, doing="read open tickets")
            yield await self.of(reversed(rows))

    async def ids(self) -> AsyncIterator[list[str]]:
        """Pages of the numbers of all tickets."""
        async for rows in self._site.walk(TICKETS, MATCH_ALL, fields=("id",), doing="list the numbers of all tickets"):
            yield [str(row["id"]) for row in rows]

    async def time_entries(self, remote_id: str) -> list[Row]:
        """The time on a ticket."""
        on = where("ticketID", "eq", int(remote_id))
        return await self._site.all("TimeEntries", on, doing=f"read the time entries of ticket {remote_id}")

    async def blocks_closing(self, ref: Ref) -> list[str]:
        """What a close would step over: through the API the PSA itself looks at none of it."""
        await self.one(ref)  # of a ticket that is gone nothing is told
        found: list[str] = []
        for what, look in (
            ("record", self._unfilled),
            ("checklist", self._undone),
            ("time", self._running),
            ("charges", self._charges),
            ("incidents", self._open_incidents),
        ):
            try:
                found += await look(ref.remote_id)
            except (NotFound, Rejected) as exc:
                found.append(f"its {what} cannot be looked at: {exc.why}")
        return found

    async def _unfilled(self, remote_id: str) -> list[str]:
        """Fields that this desk wants filled before a ticket is complete; the PSA does not tell which."""
        if not self._settings.required_to_close:
            return []
        row = await self._site.item(f"/{TICKETS}/{remote_id}", doing=f"read ticket {remote_id}")
        by_name = {name.casefold(): value for name, value in row.items()}
        empty = [name for name in sorted(self._settings.required_to_close) if not by_name.get(name.casefold())]
        return some("empty field that has to be filled", empty)

    async def _open_incidents(self, remote_id: str) -> list[str]:
        asked = (where("problemTicketId", "eq", int(remote_id)), where("status", "noteq", mapping.COMPLETE))
        doing = f"list the incidents of ticket {remote_id}"
        rows = await self._site.all(TICKETS, *asked, fields=("id", "ticketNumber"), doing=doing)
        return some("open incident of this problem", [text(row, "ticketNumber") or str(row["id"]) for row in rows])

    async def _undone(self, remote_id: str) -> list[str]:
        on = where("ticketID", "eq", int(remote_id))
        rows = await self._site.all("TicketChecklistItems", on, doing=f"read the checklist of ticket {remote_id}")
        return some("open checklist item", [text(row, "itemName") for row in rows if not row.get("isCompleted")])

    async def _running(self, remote_id: str) -> list[str]:
        rows = await self.time_entries(remote_id)
        words = (await self._roster.at_hand()).words
        running = [words.identifier(number(row, "resourceID")) for row in rows if not row.get("endDateTime")]
        return some("running timer", running)

    async def _charges(self, remote_id: str) -> list[str]:
        on = where("ticketID", "eq", int(remote_id))
        rows = await self._site.all("TicketCharges", on, doing=f"read the charges of ticket {remote_id}")
        return some("charge that is not billed", [text(row, "name") for row in rows if not row.get("isBilled")])


def opening_of(row: Row) -> Row:
    """Of a ticket's record only what its own messages are made of: its description and its resolution."""
    return {name: row.get(name) for name in mapping.OPENING}


def some(what: str, which: list[str]) -> list[str]:
    """One line for all of a kind."""
    named = ", ".join(filter(None, which[:FEW])) + (", …" if len(which) > FEW else "")
    return [f"{len(which)} × {what}" + (f": {named}" if named else "")] if which else []


def moment_of(cursor: str) -> Moment:
    """The moment that a cursor means."""
    read = datetime.fromisoformat(cursor)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read

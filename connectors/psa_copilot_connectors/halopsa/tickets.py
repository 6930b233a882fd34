"""Reads Halo's tickets: one, the open ones, all numbers, and what a close would step over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

from psa_copilot import Event, Moment, NotFound, NotReady, Ref, Rejected, Ticket
from psa_copilot_connectors.halopsa import mapping
from psa_copilot_connectors.halopsa.changes import EVERY, TICKETS
from psa_copilot_connectors.halopsa.roster import Roster
from psa_copilot_connectors.halopsa.rows import Row, count, number, some, text
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import PAGE, Site

MANY = 1000
"""Of so many tickets it is remembered what they were opened with."""


class Tickets:
    """The tickets of one tenant."""

    def __init__(self, site: Site, roster: Roster, settings: HaloPsaSettings) -> None:
        self._site, self._roster, self._zone = site, roster, ZoneInfo(settings.zone)
        self._openings: dict[str, Row] = {}
        self._link = f"{settings.url.removesuffix('/api')}/tickets?id={{id}}"

    async def row(self, number_: str, **params: str) -> Row:
        """The record as Halo tells it."""
        asked = {"includedetails": "true", **params}
        row = await self._site.row(f"{TICKETS}/{number_}", asked, doing=f"read ticket {number_}")
        if row.get("deleted") is True:
            raise NotFound(self._site.connection, f"read ticket {number_}", "somebody deleted it")
        self._remember(number_, row)
        return row

    async def opening(self, number_: str) -> Row:
        """What a ticket was opened with, by its record; lists may leave it out. It hardly changes, so it is kept."""
        return self._openings.get(number_) or await self.row(number_)

    def _remember(self, number_: str, row: Row) -> None:
        self._openings.pop(number_, None)
        self._openings[number_] = {name: row.get(name) for name in mapping.OPENING}
        if len(self._openings) > MANY:
            self._openings.pop(next(iter(self._openings)))

    async def one(self, ref: Ref) -> Ticket:
        """The record as it stands."""
        row = await self.row(ref.remote_id, include_auditing="true")
        [ticket] = await self.of([row])
        audited = await self._audited(row, ref, ticket.updated_at)
        return ticket.model_copy(update={"updated_by": audited[-1].actor}) if audited else ticket

    async def of(self, rows: list[Row]) -> list[Ticket]:
        """The tickets that rows tell."""
        names = await self._roster.names_for(rows)
        try:
            return [mapping.to_ticket(row, self._site.connection, names, self._zone, self._link) for row in rows]
        except ValueError as exc:
            raise NotReady(self._site.connection, "understand a ticket", str(exc)) from exc

    async def open(self) -> AsyncIterator[list[Ticket]]:
        """Pages of all open tickets, newest first; a filter that is ignored changes nothing."""
        page, got, total, seen = 1, 0, None, set[str]()
        params = {"open_only": "true", "order": "id", "orderdesc": "true"}
        while total is None or got < total:
            rows, total = await self._site.page(TICKETS, params, page, doing="list open tickets")
            fresh = [row for row in rows if number(row.get("id")) not in seen]
            if not fresh:
                return
            seen |= {number(row.get("id")) for row in fresh}
            if tickets := [ticket for ticket in await self.of(fresh) if not ticket.is_closed]:
                yield tickets
            page, got = page + 1, got + len(rows)
            if total is None and len(rows) < PAGE:
                return

    async def ids(self) -> AsyncIterator[list[str]]:
        """Pages of the numbers of all tickets."""
        asked = {**EVERY, "ticketidonly": "true"}
        async for rows in self._site.walk(TICKETS, asked, doing="list the numbers of all tickets"):
            yield [number(row.get("id")) for row in rows]

    async def history(self, ref: Ref, seen_at: Moment) -> list[Event]:
        """The field changes in a ticket's audit log; none where the server tells no log."""
        return await self._audited(await self.row(ref.remote_id, include_auditing="true"), ref, seen_at)

    async def _audited(self, row: Row, ref: Ref, seen_at: Moment) -> list[Event]:
        log, names = row.get("audit_log"), (await self._roster.at_hand()).names
        lines = [one for one in log if isinstance(one, dict)] if isinstance(log, list) else []
        events = (mapping.to_event(line, ref, names, self._zone, seen_at) for line in lines)
        return sorted((event for event in events if event), key=lambda event: event.happened_at)

    async def blocks_closing(self, ref: Ref) -> list[str]:
        """What a close would step over; what we may not look at counts as something."""
        own, found = ref.remote_id, list[str]()
        row = await self.row(own)  # of a ticket that is gone nothing is told
        for what, look in (("tasks", self._open_tasks), ("children", self._open_children)):
            try:
                found += await look(own, row)
            except (NotFound, Rejected) as exc:
                found.append(f"its {what} cannot be looked at: {exc.why}")
        return found

    async def _open_tasks(self, own: str, _: Row) -> list[str]:
        rows = await self._site.rows("/ToDo", {"ticket_id": own}, doing=f"read the to-dos of ticket {own}")
        mine = (row for row in rows if number(row.get("ticket_id")) in ("", own))
        return some("open task", [text(row, "text") for row in mine if not row.get("done")])

    async def _open_children(self, own: str, record: Row) -> list[str]:
        rows = await self.children(own, open_only="true")
        if len(rows) < count(record.get("child_count_open")):
            says = f"{record['child_count_open']} of them are open, and {len(rows)} are listed"
            raise Rejected(self._site.connection, _listing(own), says)
        return some("open child ticket", [one.number for one in await self.of(rows) if not one.is_closed])

    async def children(self, own: str, **asked: str) -> list[Row]:
        """Rows of a ticket's children. Where others come too, the filter was ignored, and no page tells of all."""
        found: list[Row] = []
        params = {"parent_id": own, **asked}
        async for rows in self._site.walk(TICKETS, params, doing=_listing(own), whole=True):
            if any(number(row.get("parent_id")) != own for row in rows):
                says = "the PSA lists tickets among them that are not known to be its children"
                raise Rejected(self._site.connection, _listing(own), says)
            found += rows
        return found


def _listing(own: str) -> str:
    return f"list the children of ticket {own}"

"""Reads ConnectWise's tickets: one, what changed, all numbers, and what a close would step over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

from psa_copilot import Expected, NotFound, NotReady, Ref, Rejected, Step, Ticket, to_text
from psa_copilot_connectors.connectwise import mapping
from psa_copilot_connectors.connectwise.roster import Roster
from psa_copilot_connectors.connectwise.rows import Row, name_in
from psa_copilot_connectors.connectwise.settings import ConnectWiseSettings
from psa_copilot_connectors.connectwise.site import Site

TICKETS = "/service/tickets"
PAGE = 250
"""Whole tickets a page: big enough for a backfill, small enough for one transaction."""
FEW = 5
"""Of what blocks a close, so many are named."""

UNAPPROVED = frozenset(
    {"Open", "Rejected", "PendingApproval", "ErrorsCorrected", "PendingProjectApproval", "RejectBySecondTier"}
)


class Tickets:
    """The tickets of one company."""

    def __init__(self, site: Site, roster: Roster, settings: ConnectWiseSettings) -> None:
        self._site, self._roster = site, roster
        self._link = _link(settings)
        self._zone = "Z" if settings.dates_with_zone else ""

    async def one(self, ref: Ref) -> Ticket:
        """The record as it stands."""
        return self.of(await self._site.row(f"{TICKETS}/{ref.remote_id}", doing=f"read ticket {ref.remote_id}"))

    def of(self, row: Row) -> Ticket:
        """The ticket that a row tells."""
        try:
            return self.told(row)
        except ValueError as exc:
            raise NotReady(self._site.connection, "understand a ticket", str(exc)) from exc

    def told(self, row: Row) -> Ticket:
        """The same; ValueError when the row is no ticket."""
        known = self._roster.known
        return mapping.to_ticket(row, self._site.connection, self._link, known.promises if known else None)

    async def changed(self, step: Step) -> tuple[list[Row], bool]:
        """One page of a walk over changed tickets, ordered so that nothing can hide between two pages."""
        doing, conditions = (
            "list changed tickets",
            f"lastUpdated {step.op} [{step.stamp.removesuffix('Z')}{self._zone}]",
        )
        if step.beyond is not None:
            conditions += f" and id > {step.beyond}"
        asked = {"conditions": conditions, "orderBy": "lastUpdated asc,id asc", "pageSize": PAGE}
        rows, more = await self._site.page(TICKETS, asked, doing=doing)
        if not all(mapping.changed(row) for row in rows):
            raise NotReady(self._site.connection, doing, "one of them has no lastUpdated")
        return rows, more

    async def expected(self, since: str) -> Expected | None:
        """How many tickets have changed since a stamp, each of which takes a read of its own for its notes."""
        asked = {"conditions": f"lastUpdated >= [{since.removesuffix('Z')}{self._zone}]"}
        told = (await self._site.get(f"{TICKETS}/count", asked, doing="count changed tickets")).json
        count = told.get("count") if isinstance(told, dict) else None
        return Expected(count, count + -(-count // PAGE)) if isinstance(count, int) else None

    async def open(self) -> AsyncIterator[list[Ticket]]:
        """Pages of all open tickets, newest first."""
        below, more = "", True
        while more:
            asked = {"conditions": f"closedFlag = false{below}", "orderBy": "id desc", "pageSize": PAGE}
            rows, more = await self._site.page(TICKETS, asked, doing="list open tickets")
            if rows:
                yield [self.of(row) for row in rows]
                below = f" and id < {min(int(row['id']) for row in rows)}"

    async def ids(self) -> AsyncIterator[list[str]]:
        """Pages of the numbers of all tickets."""
        async for rows in self._site.walk(TICKETS, fields="id", doing="list the numbers of all tickets"):
            yield [str(row["id"]) for row in rows]

    async def time_entries(self, number: str, more: str = "") -> list[Row]:
        """The time on a ticket. The ticket's own list of time entries tells only their numbers."""
        asked = {"conditions": f'chargeToId = {number} and chargeToType = "ServiceTicket"{more}'}
        return await self._site.all("/time/entries", asked, doing=f"read the time entries of ticket {number}")

    async def blocks_closing(self, ref: Ref) -> list[str]:
        """What a close would step over; what we may not look at counts as something."""
        number, found = ref.remote_id, list[str]()
        await self.one(ref)  # of a ticket that is gone nothing is told
        for what, look in (
            ("tasks", self._open_tasks),
            ("time", self._unsettled_time),
            ("products", self._products),
            ("children", self._open_children),
        ):
            try:
                found += await look(number)
            except (NotFound, Rejected) as exc:
                found.append(f"its {what} cannot be looked at: {exc.why}")
        return found

    async def _open_tasks(self, number: str) -> list[str]:
        rows = await self._site.all(
            f"{TICKETS}/{number}/tasks", doing=f"read the tasks of ticket {number}", may_lack=True
        )
        return _some("open task", [_first_line(row.get("notes")) for row in rows if not row.get("closedFlag")])

    async def _unsettled_time(self, number: str) -> list[str]:
        rows = await self.time_entries(number)
        running = [_who(row) for row in rows if not row.get("timeEnd") and not row.get("actualHours")]
        waiting = [_who(row) for row in rows if row.get("status") in UNAPPROVED and _who(row) not in running]
        return [*_some("running timer", running), *_some("unapproved time entry", waiting)]

    async def _products(self, number: str) -> list[str]:
        """Products are shown by their names only, so whether one is posted nobody can tell."""
        rows = await self._site.all(
            f"{TICKETS}/{number}/products", doing=f"read the products of ticket {number}", may_lack=True
        )
        return _some("product that may not be posted", [_first_line(row.get("description")) for row in rows])

    async def _open_children(self, number: str) -> list[str]:
        asked = {"conditions": f"parentTicketId = {number} and closedFlag = false", "fields": "id"}
        rows = await self._site.all(TICKETS, asked, doing=f"list the children of ticket {number}")
        return _some("open child ticket", [str(row["id"]) for row in rows])


def _some(what: str, which: list[str]) -> list[str]:
    """One line for all of a kind."""
    named = ", ".join(filter(None, which[:FEW])) + (", …" if len(which) > FEW else "")
    return [f"{len(which)} × {what}" + (f": {named}" if named else "")] if which else []


def _first_line(text: object) -> str:
    return to_text(text).partition("\n")[0][:80]


def _who(row: Row) -> str:
    return name_in(row, "member") or str(row.get("enteredBy") or "somebody")


def _link(settings: ConnectWiseSettings) -> str:
    """What opens a ticket in a browser: people have a host of their own in the cloud."""
    parts = urlsplit(settings.url)
    site = f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"
    asked = f"service_recid={{id}}&companyName={quote(settings.company, safe='')}"
    return f"{site}/v4_6_release/services/system_io/Service/fv_sr100_request.rails?{asked}"

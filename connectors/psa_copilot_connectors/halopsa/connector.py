"""HaloPSA: tickets, actions and calendars of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from psa_copilot import (
    Action,
    AddNote,
    Appointment,
    Book,
    Can,
    ChangeField,
    Connector,
    Contact,
    Delivery,
    Directory,
    EditNote,
    Event,
    Expected,
    Finding,
    Hint,
    Http,
    LinkTo,
    LogTime,
    Moment,
    NotFound,
    PsaError,
    Pulled,
    Receipt,
    Ref,
    Rejected,
    Ticket,
    TicketPage,
    Traces,
    Unsupported,
)
from psa_copilot_connectors.halopsa import checks, mapping, webhooks
from psa_copilot_connectors.halopsa.calendars import Calendars
from psa_copilot_connectors.halopsa.changes import Changes
from psa_copilot_connectors.halopsa.fields import FIELDS, Fields
from psa_copilot_connectors.halopsa.fingerprint import fingerprint
from psa_copilot_connectors.halopsa.notes import Notes
from psa_copilot_connectors.halopsa.roster import Known, Roster
from psa_copilot_connectors.halopsa.rows import Row, stamp
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site
from psa_copilot_connectors.halopsa.tickets import Tickets
from psa_copilot_connectors.halopsa.traces import Looks


class HaloPsa(Connector):
    """Tickets, actions and calendars of one HaloPSA tenant."""

    name = "halopsa"
    can = Can(
        webhooks=True,
        internal_notes=True,
        edit_notes=True,
        history=True,
        fields=FIELDS,
        public_notes=True,
        resolution_notes=True,
        hides_from_client_it=True,
        appointments=True,
        contacts=True,
        time_entries=True,
        bookings=True,
        links=True,
        message_bumps_ticket="unknown",
    )
    Settings = HaloPsaSettings
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})
    shows_late: ClassVar[bool] = True

    settings: HaloPsaSettings

    def __init__(self, settings: HaloPsaSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._site = Site(settings, http)
        self._roster = Roster(self._site, settings, http.psa_now)
        self._tickets = Tickets(self._site, self._roster, settings)
        self._changes = Changes(self._site, settings, http.psa_now)
        self._notes = Notes(self._site, self._roster, self._tickets, settings)
        self._looks = Looks(self._site, self._tickets, self._notes)
        self._fields = Fields(self._site, self._roster, self._tickets)
        self._calendars = Calendars(self._site, self._roster, settings)
        self._registrations = webhooks.Registrations(self._site, settings)

    # Who and what

    async def known_good(self) -> None:
        await self._roster.me()

    async def check(self) -> list[Finding]:
        try:
            me = await self._roster.me()
        except PsaError as exc:
            return [Finding("fault", "access", str(exc))]
        known = await self._maybe_known()
        findings = await checks.check_rights(self._site, known)
        if known is None or any(finding.level == "fault" for finding in findings):
            return [*findings, *checks.recipes()]
        return [*findings, *await self._check_setup(me, known), *checks.recipes()]

    async def _maybe_known(self) -> Known | None:
        """Who and what there is; nothing where we may not read some of it, which is told right by right then."""
        try:
            return await self._roster.read()
        except (NotFound, Rejected):
            return None

    async def _check_setup(self, me: Row, known: Known) -> list[Finding]:
        """What there is, and what it does by itself."""
        connection = self.http.connection
        findings = [checks.check_account(me, connection), *checks.check_outcomes(known, self.settings, connection)]
        findings += [*checks.check_setup(known), *await checks.check_zones(self._site, self.settings)]
        findings += await self._changes.check()
        return [*findings, *checks.check_webhooks(await self._registrations.maybe_ours())]

    async def directory(self) -> Directory:
        return (await self._roster.read()).directory

    async def contacts(self) -> AsyncIterator[list[Contact]]:
        async for rows in self._site.walk("/Users", {"includeinactive": "true"}, doing="list users"):
            yield [mapping.to_contact(row) for row in rows]

    async def fingerprint(self) -> str:
        return fingerprint(await self._roster.setup())

    # Tickets

    async def expected(self, since: Moment) -> Expected | None:
        return await self._changes.expected(since)

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        async for rows, cursor in self._changes.since(since):
            yield TicketPage(await self._tickets.of(rows), cursor=cursor)

    def cursor_at(self, moment: Moment) -> str:
        return stamp(moment)

    async def pull(self, ref: Ref) -> Pulled:
        return await self.messages(await self.ticket(ref))

    async def ticket(self, ref: Ref) -> Ticket:
        return await self._tickets.one(ref)

    async def messages(self, ticket: Ticket) -> Pulled:
        return Pulled(ticket=ticket, messages=await self._notes.messages(ticket))

    def open_tickets(self) -> AsyncIterator[list[Ticket]]:
        return self._tickets.open()

    def ids(self) -> AsyncIterator[list[str]]:
        return self._tickets.ids()

    async def history(self, ref: Ref) -> list[Event]:
        return await self._tickets.history(ref, self.http.psa_now())

    async def appointments(self, start: Moment, end: Moment, ref: Ref | None = None) -> list[Appointment]:
        return await self._calendars.between(start, end, ref)

    async def blocks_closing(self, ref: Ref) -> list[str]:
        blocks = await self._tickets.blocks_closing(ref)
        return [*blocks, *await self._calendars.blocks_closing(ref, self.http.psa_now())]

    async def traces(self, ref: Ref) -> Traces:
        return await self._looks.at(ref)

    # Writing

    async def apply(self, ref: Ref, action: Action, marker: str) -> Receipt:
        match action:
            case AddNote():
                return await self._notes.add(ref, action)
            case EditNote():
                return await self._notes.edit(ref, action)
            case ChangeField():
                return await self._fields.change(ref, action)
            case LogTime():
                return await self._notes.log_time(ref, action, marker, self.http.psa_now())
            case Book():
                return await self._calendars.book(ref, action)
            case LinkTo():
                return await self._fields.link(ref, action)
            case _:
                raise Unsupported(self.http.connection, "write", f"there is no {type(action).__name__} here")

    async def find(self, ref: Ref, action: Action, marker: str) -> Receipt | None:
        match action:
            case AddNote():
                return await self._notes.find(ref, marker)
            case EditNote():
                return await self._notes.find_edit(ref, action)
            case ChangeField():
                return await self._fields.find(ref, action)
            case LogTime():
                return await self._notes.find_time(ref, marker)
            case Book():
                return await self._calendars.find(ref, action)
            case LinkTo():
                return await self._fields.find_link(ref, action)
            case _:
                raise Unsupported(self.http.connection, "find a write", f"there is no {type(action).__name__} here")

    # Webhooks

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        return webhooks.read(delivery, self.settings, self.http)

    async def register_webhooks(self, url: str) -> None:
        await self._registrations.register(url)

    async def remove_webhooks(self, keep: str = "") -> list[str]:
        return await self._registrations.remove(keep)

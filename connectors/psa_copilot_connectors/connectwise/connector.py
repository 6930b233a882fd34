"""ConnectWise PSA: tickets, notes, time and calendars of one company."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from psa_copilot import (
    Action,
    AddNote,
    Appointment,
    AuthFailed,
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
    NotReady,
    PsaError,
    Pulled,
    Receipt,
    Ref,
    Rejected,
    Ticket,
    TicketPage,
    Traces,
    Unsupported,
    keyset,
)
from psa_copilot_connectors.connectwise import checks, fingerprint, mapping, webhooks
from psa_copilot_connectors.connectwise.fields import PATHS, Fields
from psa_copilot_connectors.connectwise.notes import Notes
from psa_copilot_connectors.connectwise.roster import Roster
from psa_copilot_connectors.connectwise.rows import stamp
from psa_copilot_connectors.connectwise.settings import KEYS, ConnectWiseSettings
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import Tickets
from psa_copilot_connectors.connectwise.traces import Looks
from psa_copilot_connectors.connectwise.work import Work

CONTACTS = "/company/contacts"
CONTACT_FIELDS = "id,firstName,lastName,company,inactiveFlag,types,communicationItems"


class ConnectWise(Connector):
    """Tickets, notes, time and calendars of one ConnectWise company."""

    name = "connectwise"
    can = Can(
        webhooks=True,
        internal_notes=True,
        edit_notes=True,
        history=True,
        fields=frozenset(PATHS),
        public_notes=True,
        resolution_notes=True,
        # Internal analysis is for the MSP's members; a client's technicians have the portal or a member's license.
        hides_from_client_it=False,
        appointments=True,
        contacts=True,
        time_entries=True,
        bookings=True,
        links=True,
        message_bumps_ticket="unknown",
    )
    Settings = ConnectWiseSettings
    secrets: ClassVar[frozenset[str]] = frozenset({"private_key"})

    settings: ConnectWiseSettings

    def __init__(self, settings: ConnectWiseSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._site = Site(settings, http)
        self._keyring = webhooks.Keyring(settings.url, http)
        self._registrations = webhooks.Registrations(self._site)
        self._roster = Roster(self._site, settings.member)
        self._tickets = Tickets(self._site, self._roster, settings)
        self._notes = Notes(self._site, self._roster, self._tickets)
        self._fields = Fields(self._site, self._roster, self._tickets)
        self._looks = Looks(self._site, self._roster, self._tickets)
        self._work = Work(self._site, self._roster, self._tickets, settings)

    # Who and what

    async def known_good(self) -> None:
        doing = "read its own version"
        try:
            await self._site.get("/system/info", doing=doing)
        except NotFound as exc:
            keys = ", ".join(f"connections.{self.http.connection}.{key}" for key in KEYS)
            why = f"{exc.why}, which ConnectWise also answers to bad keys; check {keys}"
            raise AuthFailed(self.http.connection, doing, why) from exc

    async def check(self) -> list[Finding]:
        try:
            await self.known_good()
        except PsaError as exc:
            return [Finding("fault", "access", str(exc))]
        findings = await checks.check_rights(self._site)
        if any(finding.level == "fault" for finding in findings):
            return [*findings, *checks.recipes()]
        findings += await checks.check_excess(self._site)
        return [*findings, *await self._check_account(), *await self._check_boards(), *checks.recipes()]

    async def _check_account(self) -> list[Finding]:
        directory, members = await self.directory(), await self._roster.members()
        account = checks.check_account(members, directory.ourselves, self.http.connection)
        try:
            return [account, *checks.check_callbacks(await self._registrations.ours())]
        except Rejected:
            return [account]  # the right is missing, which has been said

    async def _check_boards(self) -> list[Finding]:
        boards = (await self._roster.setup()).boards
        return [
            checks.check_board(row, statuses, await fingerprint.templates(self._site, row)) for row, statuses in boards
        ]

    async def directory(self) -> Directory:
        self._work.forget()
        return (await self._roster.read()).directory

    async def contacts(self) -> AsyncIterator[list[Contact]]:
        async for rows in self._site.walk(CONTACTS, fields=CONTACT_FIELDS, doing="list contacts"):
            yield [mapping.to_contact(row) for row in rows]

    async def fingerprint(self) -> str:
        return await fingerprint.fingerprint(self._site, self._roster)

    # Tickets

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        async for rows in keyset(self._tickets.changed, since, lambda row: (mapping.changed(row), int(row["id"]))):
            yield TicketPage([self._tickets.of(row) for row in rows], cursor=mapping.changed(rows[-1]))

    async def expected(self, since: Moment) -> Expected | None:
        return await self._tickets.expected(stamp(since))

    def cursor_at(self, moment: Moment) -> str:
        return stamp(moment)

    async def pull(self, ref: Ref) -> Pulled:
        return await self.messages(await self.ticket(ref))

    async def ticket(self, ref: Ref) -> Ticket:
        return await self._tickets.one(ref)

    async def messages(self, ticket: Ticket) -> Pulled:
        accounts = await self._roster.accounts()
        try:
            messages = mapping.to_messages(await self._notes.on(ticket.ref.remote_id), ticket.ref, accounts)
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand a note", str(exc)) from exc
        return Pulled(ticket=ticket, messages=messages)

    def open_tickets(self) -> AsyncIterator[list[Ticket]]:
        return self._tickets.open()

    def ids(self) -> AsyncIterator[list[str]]:
        return self._tickets.ids()

    async def history(self, ref: Ref) -> list[Event]:
        asked = {"type": "Ticket", "id": ref.remote_id}
        try:
            rows = await self._site.all("/system/audittrail", asked, doing="read the audit trail")
        except Rejected:
            return []  # the role may not read it; `check` says so
        seen_at = self.http.psa_now()
        events = (mapping.to_event(row, ref, seen_at) for row in rows)
        return sorted((event for event in events if event), key=lambda event: event.happened_at)

    async def appointments(self, start: Moment, end: Moment, ref: Ref | None = None) -> list[Appointment]:
        return await self._work.appointments(start, end, ref)

    async def traces(self, ref: Ref) -> Traces:
        return await self._looks.at(ref)

    async def blocks_closing(self, ref: Ref) -> list[str]:
        return await self._tickets.blocks_closing(ref)

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
                return await self._work.log_time(ref, action, marker, self.http.psa_now())
            case Book():
                return await self._work.book(ref, action)
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
                return await self._work.find_time(ref, marker)
            case Book():
                return await self._work.find_booking(ref, action)
            case LinkTo():
                return await self._fields.find_link(ref, action)
            case _:
                raise Unsupported(self.http.connection, "find a write", f"there is no {type(action).__name__} here")

    # Webhooks

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        return await webhooks.read(delivery, self._keyring, self.http, self._tickets.told)

    async def register_webhooks(self, url: str) -> None:
        await self._registrations.register(url)

    async def remove_webhooks(self, keep: str = "") -> list[str]:
        return await self._registrations.remove(keep)

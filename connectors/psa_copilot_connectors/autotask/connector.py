"""Autotask PSA: tickets, notes, time and calendars of one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from psa_copilot import (
    Action,
    AddNote,
    Allowance,
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
)
from psa_copilot_connectors.autotask import checks, fingerprint, mapping, webhooks
from psa_copilot_connectors.autotask.calendar import Calendar
from psa_copilot_connectors.autotask.fields import WRITES, Fields
from psa_copilot_connectors.autotask.notes import Notes, Said
from psa_copilot_connectors.autotask.roster import MATCH_ALL, Roster
from psa_copilot_connectors.autotask.rows import Row, number, stamp, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import Tickets, moment_of
from psa_copilot_connectors.autotask.timeoff import TimeOff
from psa_copilot_connectors.autotask.traces import Looks
from psa_copilot_connectors.autotask.work import Work

CONTACT_FIELDS = ("id", "firstName", "lastName", "emailAddress", "companyID", "title", "isActive")


class Autotask(Connector):
    """Tickets, notes, time and calendars of one Autotask database."""

    name = "autotask"
    can = Can(
        webhooks=True,
        internal_notes=True,
        edit_notes=True,
        history=True,
        fields=WRITES,
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
    Settings = AutotaskSettings
    secrets: ClassVar[frozenset[str]] = frozenset({"secret"})
    at_once: ClassVar[int] = 200
    shows_late: ClassVar[bool] = True

    settings: AutotaskSettings

    def __init__(self, settings: AutotaskSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._site = Site(settings, http)
        self._roster = Roster(self._site, settings)
        self._tickets = Tickets(self._site, self._roster, settings)
        self._notes = Notes(self._site, self._roster, self._tickets)
        self._fields = Fields(self._site, self._roster, self._tickets)
        self._looks = Looks(self._site, self._roster, self._tickets)
        self._away = TimeOff(self._site, self._roster)
        self._calendar = Calendar(self._site, self._roster, self._tickets, self._away, settings.time_off)
        self._work = Work(self._site, self._roster, settings)
        self._key = webhooks.signing_key(settings, http.connection)
        self._registrations = webhooks.Registrations(self._site, self._key)

    # Who and what

    async def known_good(self) -> None:
        await self._threshold()

    async def allowance(self) -> Allowance | None:
        told = await self._threshold()
        most, used = number(told, "externalRequestThreshold"), number(told, "currentTimeframeRequestCount")
        return Allowance(left=max(0, most - used), most=most) if most and used is not None else None

    async def _threshold(self) -> Row:
        return await self._site.get("/ThresholdInformation", doing="read how many requests are left")

    async def check(self) -> list[Finding]:
        try:
            threshold = checks.check_threshold(await self._threshold())
        except PsaError as exc:
            return [Finding("fault", "access", str(exc))]
        rights = await checks.check_rights(self._site)
        if any(finding.level == "fault" for finding in rights):
            return [*rights, *checks.recipes()]
        known, name = await self._roster.read(), self.http.connection
        return [
            *rights,
            *await checks.check_writes(self._site),
            checks.check_account(known, name),
            checks.check_notes(known),
            threshold,
            await checks.check_mails(self._site, known),
            *checks.check_statuses(known, self.settings, name),
            await checks.check_closing(self._site, self.settings, name),
            await checks.check_time(self._work),
            *checks.check_time_off(await self._away.known()),
            *checks.check_webhooks(await self._registrations.sleeping()),
            *checks.recipes(),
        ]

    async def directory(self) -> Directory:
        self._work.forget()
        self._away.forget()
        return (await self._roster.read()).directory

    async def contacts(self) -> AsyncIterator[list[Contact]]:
        async for rows in self._site.walk("Contacts", MATCH_ALL, fields=CONTACT_FIELDS, doing="list contacts"):
            yield [mapping.to_contact(row) for row in rows]

    async def fingerprint(self) -> str:
        return await fingerprint.fingerprint(self._site, self.settings)

    # Tickets

    async def expected(self, since: Moment) -> Expected | None:
        return await self._tickets.expected(since, self.at_once)

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        await self._registrations.wake()
        async for page in self._tickets.changed(moment_of(since)):
            yield TicketPage(page.tickets, page.cursor)

    def cursor_at(self, moment: Moment) -> str:
        return stamp(moment)

    async def pull(self, ref: Ref) -> Pulled:
        return await self.messages(await self.ticket(ref))

    async def ticket(self, ref: Ref) -> Ticket:
        return await self._tickets.one(ref)

    async def messages(self, ticket: Ticket) -> Pulled:
        remote_id, row = ticket.ref.remote_id, await self._tickets.opening(ticket)
        notes, times = await self._notes.on(remote_id), await self._tickets.time_entries(remote_id)
        if not notes and not times:
            await self._tickets.row(ticket.ref)  # a question about a ticket that is gone is answered with nothing
        return self._told(ticket, Said(row, notes, times), await self._roster.words_for([row, *notes]))

    async def messages_of(self, tickets: Sequence[Ticket]) -> list[Pulled]:
        said = await self._notes.said_on(tickets)
        words = await self._roster.words_for(row for one in said.values() for row in (one.opening, *one.notes))
        there = [ticket for ticket in tickets if ticket.ref.remote_id in said]
        return [self._told(ticket, said[ticket.ref.remote_id], words) for ticket in there]

    def _told(self, ticket: Ticket, said: Said, words: mapping.Words) -> Pulled:
        try:
            messages = mapping.to_messages(said.opening, said.notes, said.times, words)
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand a note", str(exc)) from exc
        return Pulled(ticket=ticket, messages=messages)

    def open_tickets(self) -> AsyncIterator[list[Ticket]]:
        return self._tickets.open()

    def ids(self) -> AsyncIterator[list[str]]:
        return self._tickets.ids()

    async def history(self, ref: Ref) -> list[Event]:
        on = where("ticketID", "eq", int(ref.remote_id))
        try:
            rows = await self._site.all("TicketHistory", on, doing="read the history of a ticket")
        except Rejected:
            return []  # the security level may not read it; `check` says so
        words, seen_at = (await self._roster.at_hand()).words, self.http.psa_now()
        events = (mapping.to_event(row, ref, words, seen_at) for row in rows)
        return sorted((event for event in events if event), key=lambda event: event.happened_at)

    async def appointments(self, start: Moment, end: Moment, ref: Ref | None = None) -> list[Appointment]:
        return await self._calendar.between(start, end, ref)

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
                return await self._calendar.book(ref, action)
            case LinkTo():
                return await self._fields.link(ref, action)
            case _:
                raise Unsupported(self.http.connection, "write", f"there is no {type(action).__name__} here")

    async def find(self, ref: Ref, action: Action, marker: str) -> Receipt | None:
        match action:
            case AddNote():
                return await self._notes.find(ref, action, marker)
            case EditNote():
                return await self._notes.find_edit(ref, action)
            case ChangeField():
                return await self._fields.find(ref, action)
            case LogTime():
                return await self._work.find_time(ref, marker)
            case Book():
                return await self._calendar.find_booking(ref, action)
            case LinkTo():
                return await self._fields.find_link(ref, action)
            case _:
                raise Unsupported(self.http.connection, "find a write", f"there is no {type(action).__name__} here")

    # Webhooks

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        if webhooks.says_deactivated(delivery):
            self._registrations.doubt()
        return await webhooks.read(delivery, self._key, self._site)

    async def register_webhooks(self, url: str) -> None:
        await self._registrations.register(url)

    async def remove_webhooks(self, keep: str = "") -> list[str]:
        return await self._registrations.remove(keep)

"""How tickets stand: kept up while messages are read, so that a sweep over all open tickets reads no texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Session, col, select

from psa_copilot.events import Event
from psa_copilot.models import (
    ActorClass,
    Appointment,
    AppointmentKind,
    Contact,
    Field,
    Message,
    Ref,
    Thread,
    Ticket,
)
from psa_copilot.store import values
from psa_copilot.store.tables import AppointmentRow, ContactRow, EventRow, StandingRow, TicketRow
from psa_copilot.text import Text

PEOPLE = (ActorClass.TECHNICIAN, ActorClass.CLIENT_IT, ActorClass.CUSTOMER)
CUSTOMERS = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT)
PAGE = 500
LATE_EVENTS = 20_000
"""The newest ones, among which somebody's last assignment is looked for."""


@dataclass(frozen=True)
class Stand:
    """One open ticket of a page, with what is kept about it."""

    ticket: Ticket
    row: StandingRow
    appointments: tuple[Appointment, ...] = ()
    open_children: int = 0
    thread_id: str = ""


class Standings:
    """Standings, calendars and contacts within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- keeping ---------------------------------------------------------------------------------------------

    def update(self, ticket: Ticket, messages: Sequence[Message]) -> None:
        """All messages of a ticket were read: who spoke last, and when did who do what."""
        row = self.row(ticket.ref)
        acted = row.technician_at  # by a field that they set, which no message tells
        said = tuple(sorted(messages, key=lambda message: message.sent_at))
        thread = Thread(id=str(ticket.ref), revision=0, tickets=(ticket,), messages=said)
        for name, value in _standing(thread).items():
            setattr(row, name, value)
        row.technician_at = max(filter(None, (acted, row.technician_at)), default=None)
        self._session.add(row)

    def field_set(self, ref: Ref, *, at: datetime, by: ActorClass, is_status: bool) -> None:
        """A field of a ticket was set."""
        row = self.row(ref)
        if is_status:
            row.status_since = at
        if by is ActorClass.TECHNICIAN and (row.technician_at is None or row.technician_at < at):
            row.technician_at = at
        self._session.add(row)

    def history_read(self, ref: Ref, at: datetime) -> None:
        """The PSA's own record of this ticket's fields was read."""
        row = self.row(ref)
        row.history_at = at
        self._session.add(row)

    def keep_appointments(
        self, connection: str, there: Iterable[Appointment], *, start: datetime, end: datetime, ticket: str = ""
    ) -> None:
        """What the calendars hold between two moments, or for one ticket; what is not there any more goes."""
        gone = delete(AppointmentRow).where(
            col(AppointmentRow.connection) == connection,
            col(AppointmentRow.ends) > start,
            col(AppointmentRow.starts) < end,
        )
        if ticket:
            gone = gone.where(col(AppointmentRow.ticket) == ticket)
        self._session.execute(gone)
        for one in there:
            row = AppointmentRow(connection=connection, **one.model_dump())
            self._session.merge(row)

    def keep_contacts(self, connection: str, contacts: Iterable[Contact]) -> None:
        """People at clients, as the PSA has them."""
        rows = [{"connection": connection, **one.model_dump()} for one in contacts]
        if rows:
            statement = upsert(ContactRow)
            changed = {name: statement.excluded[name] for name in rows[0] if name not in ("connection", "remote_id")}
            self._session.execute(
                statement.on_conflict_do_update(index_elements=["connection", "remote_id"], set_=changed), rows
            )

    # -- looking ---------------------------------------------------------------------------------------------

    def row(self, ref: Ref) -> StandingRow:
        """What is kept about one ticket; an empty row where nothing is."""
        found = self._session.get(StandingRow, (ref.connection, ref.remote_id))
        return found or StandingRow(connection=ref.connection, ticket=ref.remote_id)

    def of(self, ticket: Ticket) -> Stand:
        """How one ticket stands."""
        ref = ticket.ref
        [children] = self._children(ref.connection, [ref.remote_id]).values() or [0]
        return Stand(ticket, self.row(ref), tuple(self.appointments(ref.connection, tickets=[ref.remote_id])), children)

    def page(self, connection: str, after: str = "", limit: int = PAGE) -> list[Stand]:
        """Open tickets in the order of their remote ids, beginning behind `after`."""
        # Values, not rows: on a big desk, making the rows' objects would be half of the time.
        query = (
            select(TicketRow.value, TicketRow.thread_id)
            .where(
                TicketRow.connection == connection,
                col(TicketRow.is_open).is_(True),
                col(TicketRow.deleted_at).is_(None),
                TicketRow.remote_id > after,
            )
            .order_by(col(TicketRow.remote_id))
            .limit(limit)
        )
        rows = self._session.exec(query).all()
        tickets = [Ticket.model_validate(value) for value, _ in rows]
        return self._stands(connection, tickets, [thread for _, thread in rows])

    def _stands(self, connection: str, tickets: list[Ticket], threads: list[str]) -> list[Stand]:
        ids = [ticket.ref.remote_id for ticket in tickets]
        query = select(StandingRow).where(StandingRow.connection == connection, col(StandingRow.ticket).in_(ids))
        rows = {row.ticket: row for row in self._session.exec(query)}
        children, planned = self._children(connection, ids), _by_ticket(self.appointments(connection, tickets=ids))
        return [
            Stand(
                ticket,
                rows.get(number) or StandingRow(connection=connection, ticket=number),
                tuple(planned.get(number, ())),
                children.get(number, 0),
                thread,
            )
            for ticket, number, thread in zip(tickets, ids, threads, strict=True)
        ]

    def stamps(self, connection: str, tickets: Sequence[str]) -> dict[str, datetime]:
        """When those of these tickets that are mirrored had changed last."""
        query = select(TicketRow.remote_id, TicketRow.updated_at).where(
            TicketRow.connection == connection, col(TicketRow.remote_id).in_(tickets)
        )
        return dict(self._session.exec(query).all())

    def unread(self, connection: str) -> list[Ticket]:
        """Open tickets whose messages were never read, newest change first."""
        query = select(TicketRow).where(
            TicketRow.connection == connection,
            col(TicketRow.is_open).is_(True),
            TicketRow.message_state == "none",
            col(TicketRow.deleted_at).is_(None),
        )
        return [values.to_ticket(row) for row in self._session.exec(query.order_by(col(TicketRow.updated_at).desc()))]

    def count_unread(self, connection: str) -> int:
        """How many those are."""
        query = select(func.count()).where(
            TicketRow.connection == connection,
            col(TicketRow.is_open).is_(True),
            TicketRow.message_state == "none",
            col(TicketRow.deleted_at).is_(None),
        )
        return self._session.exec(query).one()

    def opened_since(self, connection: str, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Tickets opened lately, closed ones too, newest first, as they are kept: most are not looked at."""
        query = select(TicketRow.value).where(
            TicketRow.connection == connection,
            col(TicketRow.opened_at) >= since,
            col(TicketRow.deleted_at).is_(None),
        )
        found = self._session.exec(query.order_by(col(TicketRow.opened_at).desc()).limit(limit))
        return [dict(value) for value in found]

    def moves(self, connection: str, tickets: Sequence[str], fields: Iterable[Field]) -> dict[str, list[Event]]:
        """What is known of some fields' history, by remote id, oldest first."""
        named = [field.value for field in fields]
        found: dict[str, list[Event]] = {}
        for start in range(0, len(tickets), PAGE):
            query = select(EventRow).where(
                EventRow.connection == connection,
                col(EventRow.ticket).in_(tickets[start : start + PAGE]),
                col(EventRow.field).in_(named),
            )
            for row in self._session.exec(query.order_by(col(EventRow.happened_at))):
                found.setdefault(row.ticket, []).append(values.to_event(row))
        return found

    def appointments(
        self, connection: str, *, tickets: Sequence[str] | None = None, person: str = ""
    ) -> list[Appointment]:
        """Entries on some tickets, or in one technician's calendar."""
        query = select(AppointmentRow).where(AppointmentRow.connection == connection)
        if tickets is not None:
            query = query.where(col(AppointmentRow.ticket).in_(tickets))
        if person:
            query = query.where(AppointmentRow.person == person)
        return [_appointment(row) for row in self._session.exec(query.order_by(col(AppointmentRow.starts)))]

    def time_off(self, connection: str, now: datetime) -> dict[str, datetime]:
        """Who is away now, and until when, as the calendars say."""
        query = select(AppointmentRow).where(
            AppointmentRow.connection == connection,
            AppointmentRow.kind == AppointmentKind.TIME_OFF.value,
            col(AppointmentRow.starts) <= now,
            col(AppointmentRow.ends) > now,
        )
        return {row.person: row.ends for row in self._session.exec(query)}

    def open_work(self, connection: str) -> dict[str, int]:
        """How many open tickets each technician has, by identifier in small letters."""
        whose = func.lower(col(TicketRow.assignee))
        query = (
            select(whose, func.count())
            .where(
                TicketRow.connection == connection,
                col(TicketRow.is_open).is_(True),
                col(TicketRow.deleted_at).is_(None),
                TicketRow.assignee != "",
            )
            .group_by(whose)
        )
        return dict(self._session.exec(query).all())

    def booked(self, connection: str, since: datetime, until: datetime) -> dict[str, timedelta]:
        """How much of that time each technician's calendar holds, time off left out, by identifier in small letters."""
        query = select(AppointmentRow).where(
            AppointmentRow.connection == connection,
            AppointmentRow.kind != AppointmentKind.TIME_OFF.value,
            col(AppointmentRow.done).is_(False),
            col(AppointmentRow.starts) < until,
            col(AppointmentRow.ends) > since,
        )
        found: dict[str, timedelta] = {}
        for row in self._session.exec(query):
            part = min(row.ends, until) - max(row.starts, since)
            found[row.person.casefold()] = found.get(row.person.casefold(), timedelta()) + part
        return found

    def assigned_last(self, connection: str) -> dict[str, datetime]:
        """When each technician was last given a ticket, of late, by identifier in small letters."""
        newest = self._session.exec(select(func.max(EventRow.id))).one() or 0
        whose = func.lower(col(EventRow.after))
        query = (
            select(whose, func.max(EventRow.happened_at))
            .where(
                EventRow.connection == connection,
                EventRow.field == Field.ASSIGNEE.value,
                # By the primary key, so that a long history costs nothing.
                col(EventRow.id) > newest - LATE_EVENTS,
            )
            .group_by(whose)
        )
        return {person: at for person, at in self._session.exec(query) if person}

    def contact(self, connection: str, remote_id: str) -> Contact | None:
        """One contact."""
        row = self._session.get(ContactRow, (connection, remote_id))
        return _contact(row) if row else None

    def contacts_at(self, connection: str, email: str, company_id: str) -> list[Contact]:
        """Contacts of one client with exactly this address: the same person, entered twice."""
        query = select(ContactRow).where(
            ContactRow.connection == connection, ContactRow.email == email, ContactRow.company_id == company_id
        )
        return [_contact(row) for row in self._session.exec(query)] if email else []

    def _children(self, connection: str, parents: Sequence[str]) -> dict[str, int]:
        query = (
            select(TicketRow.parent, func.count())
            .where(
                # As an expression, so that SQLite goes by the index on the parents and not over the whole connection.
                col(TicketRow.connection) + "" == connection,
                col(TicketRow.parent).in_(parents),
                col(TicketRow.is_open).is_(True),
            )
            .group_by(TicketRow.parent)
        )
        return dict(self._session.exec(query).all())


def _standing(thread: Thread) -> dict[str, Any]:
    """What the messages of one ticket say about how it stands."""
    text = Text()
    spoken = [message for message in thread.messages if message.by in PEOPLE]
    reasons = {message.key: text.quiet(message, thread) for message in spoken}
    words = [message for message in spoken if not reasons[message.key]]
    last = words[-1] if words else None
    since = last.sent_at if last else None
    after = [message for message in thread.messages if since is None or message.sent_at >= since]
    return {
        "last_key": last.key if last else "",
        "last_by": (last.by if last else ActorClass.UNKNOWN).value,
        "last_at": since,
        "customer_at": _newest(words, CUSTOMERS),
        "technician_at": _newest(spoken, (ActorClass.TECHNICIAN,)),
        "responded_at": next((m.sent_at for m in words if m.by is ActorClass.TECHNICIAN and not m.internal), None),
        "away_until": _away_until(thread, text),
        "bounced": any(text.quiet(message, thread) == "bounce" for message in after),
        "messages": len(spoken),
    }


def _away_until(thread: Thread, text: Text) -> datetime | None:
    """What the newest automatic reply says of the return, unless the customer has written since.

    A technician's note after it does not bring the customer back.
    """
    for message in reversed(thread.messages):
        reason = "ours" if message.by in (ActorClass.TECHNICIAN, ActorClass.COPILOT) else text.quiet(message, thread)
        if reason == "auto-reply":
            return text.back_from(message)
        if not reason:
            return None
    return None


def _newest(messages: Iterable[Message], by: tuple[ActorClass, ...]) -> datetime | None:
    return max((message.sent_at for message in messages if message.by in by), default=None)


def _by_ticket(appointments: Iterable[Appointment]) -> dict[str, list[Appointment]]:
    found: dict[str, list[Appointment]] = {}
    for one in appointments:
        found.setdefault(one.ticket, []).append(one)
    return found


def _appointment(row: AppointmentRow) -> Appointment:
    return Appointment.model_validate(row.model_dump(exclude={"connection"}))


def _contact(row: ContactRow) -> Contact:
    return Contact.model_validate(row.model_dump(exclude={"connection"}))

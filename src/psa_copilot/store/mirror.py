"""The mirror: what the PSA shows, with the history of how it came to be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Executable, func, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Session, SQLModel, col, select

from psa_copilot.events import Event, EventKind, Source
from psa_copilot.markers import marker_of, same_text
from psa_copilot.models import ActorClass, Field, Message, Origin, Ref, Thread, Ticket
from psa_copilot.store import values
from psa_copilot.store.history import fields_at, known_from, versions_at
from psa_copilot.store.incidents import Incidents
from psa_copilot.store.standings import Standings
from psa_copilot.store.tables import (
    EventRow,
    FeedbackRow,
    LivingNoteRow,
    MessageRow,
    ThreadAliasRow,
    ThreadRow,
    TicketRow,
    WriteRow,
)
from psa_copilot.text.matter import matters
from psa_copilot.threads import linked

_TICKET, _THREAD, _EVENT = (SQLModel.metadata.tables[name] for name in ("ticket", "thread", "event"))
SECOND = timedelta(seconds=1)
FIRST_DOUBT = timedelta(seconds=5)
"""So long after a change that no message explains, its ticket is looked at again; once more when nothing hides now."""
Hands = Mapping[Ref, Mapping[Field, str]]
"""Who set which field of a ticket last, by the PSA's own history."""
DISPATCHED = (Field.BOARD, Field.ASSIGNEE, Field.PRIORITY, Field.CATEGORY)
"""What a dispatcher sets: that a rule or a program touched the ticket next must not hide whose word it was."""
LIVE_WRITES = ("pending", "sending", "done")
WRITTEN = ("sending", "done", "undone")


@dataclass(frozen=True)
class Look:
    """The circumstances of one read of the PSA."""

    now: datetime
    """Our clock."""
    psa_now: datetime
    """The PSA's clock when the read began."""
    source: Source
    first_contact: datetime
    """What is older is backfill, whenever we first read it."""
    ourselves: str = ""
    """Identifier of the account that we write with."""
    hides_for: timedelta = timedelta()
    """So long what was written there may not show."""
    people: dict[str, ActorClass] | None = None
    """Actor class by account identifier."""
    is_person: Callable[[Ticket], bool] = lambda ticket: ticket.origin is Origin.PERSON
    """Whether a ticket was made by a person: only those make an incident."""
    client_it: frozenset[str] = frozenset()
    """Names, addresses, mail domains and contact types, in lower case, of clients' own IT staff."""
    retold: Callable[[Sequence[Event]], Sequence[Event]] = lambda events: events
    """What is on record of what this read shows: a replay knows each change and whose it was, not only its ends."""

    def actor(self, identifier: str) -> ActorClass:
        """Who hides behind an account of the PSA."""
        return (self.people or {}).get(identifier.lower(), ActorClass.UNKNOWN)

    def known(self, event: Event) -> Event:
        """An event of the PSA's own record, with who hides behind its account."""
        named = event.actor_class is not ActorClass.UNKNOWN
        return event if named else event.model_copy(update={"actor_class": self.actor(event.actor)})


@dataclass(frozen=True)
class AsOf:
    """A thread as it could be known at one moment; a field of None was not known then."""

    at: datetime
    fields: dict[str, dict[Field, str | None]]
    """By ticket ref."""
    messages: tuple[Message, ...]
    events: tuple[Event, ...] = ()
    """What was known to have happened, for a ticket by itself; oldest first."""


class Mirror:
    """Reads and writes of the mirror within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._standings, self._incidents = Standings(session), Incidents(session)

    # -- reading ---------------------------------------------------------------------------------------------

    def row(self, ref: Ref) -> TicketRow | None:
        """The mirror row of a ticket."""
        return self._session.get(TicketRow, (ref.connection, ref.remote_id))

    def ticket(self, ref: Ref) -> Ticket | None:
        """One mirrored ticket."""
        row = self.row(ref)
        return values.to_ticket(row) if row else None

    def recent_of_contact(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Tickets of the same contact that changed since then, newest first, without those of its own thread."""
        own = self.row(ticket.ref)
        query = select(TicketRow).where(
            TicketRow.connection == ticket.ref.connection,
            TicketRow.company_id == ticket.company_id,
            col(TicketRow.updated_at) >= since,
            col(TicketRow.value)["contact_id"].as_string() == ticket.contact_id,
            TicketRow.thread_id != (own.thread_id if own else str(ticket.ref)),
            col(TicketRow.deleted_at).is_(None),
        )
        newest = query.order_by(col(TicketRow.updated_at).desc(), col(TicketRow.remote_id))
        return [values.to_ticket(row) for row in self._session.exec(newest)]

    def recent_of_company(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Other tickets of the same client that were opened since then, oldest first."""
        query = select(TicketRow).where(
            TicketRow.connection == ticket.ref.connection,
            TicketRow.company_id == ticket.company_id,
            col(TicketRow.opened_at) >= since,
            TicketRow.remote_id != ticket.ref.remote_id,
            TicketRow.merged_into == "",
            col(TicketRow.deleted_at).is_(None),
        )
        return [values.to_ticket(row) for row in self._session.exec(query.order_by(col(TicketRow.opened_at)))]

    def companies(self, connection: str) -> list[str]:
        """Names of all clients that have tickets."""
        name = col(TicketRow.value)["company"].as_string()
        query = select(name).where(TicketRow.connection == connection).distinct()
        return sorted(found for found in self._session.exec(query) if found)

    def survivor(self, thread_id: str) -> str:
        """The thread that this id stands for today."""
        alias = self._session.get(ThreadAliasRow, thread_id)
        return alias.survivor if alias else thread_id

    def thread_of(self, ref: Ref) -> Thread | None:
        """The thread that a ticket belongs to."""
        row = self.row(ref)
        return self.thread(row.thread_id) if row else None

    def thread(self, thread_id: str) -> Thread | None:
        """A whole thread: its tickets and all their messages, oldest first."""
        thread_id = self.survivor(thread_id)
        rows = self.tickets_of(thread_id)
        head = self._session.get(ThreadRow, thread_id)
        if not rows or head is None:
            return None
        tickets = tuple(values.to_ticket(row) for row in rows)
        messages = sorted(
            (message for row in rows for message in self.messages(row.connection, row.remote_id)),
            key=lambda message: (message.sent_at, message.ticket.remote_id, _numeric(message.remote_id)),
        )
        return Thread(id=thread_id, revision=head.revision, tickets=tickets, messages=tuple(messages))

    def tickets_of(self, thread_id: str) -> Sequence[TicketRow]:
        """The rows of a thread's tickets that the PSA still has, oldest first."""
        query = select(TicketRow).where(TicketRow.thread_id == thread_id, col(TicketRow.deleted_at).is_(None))
        return self._session.exec(query.order_by(col(TicketRow.opened_at), col(TicketRow.remote_id))).all()

    def messages(self, connection: str, ticket: str) -> list[Message]:
        """The current messages of one ticket."""
        return [values.to_message(row) for row in self._message_rows(connection, ticket) if row.deleted_at is None]

    def _message_rows(self, connection: str, ticket: str) -> Sequence[MessageRow]:
        query = select(MessageRow).where(
            MessageRow.connection == connection, MessageRow.ticket == ticket, col(MessageRow.current).is_(True)
        )
        return self._session.exec(query).all()

    def events_since(self, thread: Thread, last_event: int) -> tuple[Event, ...]:
        """What has happened on a thread's tickets after that event, oldest first."""
        refs = [ticket.ref.remote_id for ticket in thread.tickets]
        query = select(EventRow).where(
            EventRow.connection == thread.tickets[0].ref.connection,
            col(EventRow.ticket).in_(refs),
            col(EventRow.id) > last_event,
        )
        return tuple(values.to_event(row) for row in self._session.exec(query.order_by(col(EventRow.id))))

    def last_event_id(self) -> int:
        """Id of the newest event of all."""
        return self._session.exec(select(func.max(EventRow.id))).one() or 0

    def was_touched_by(self, ref: Ref, accounts: Collection[str]) -> bool:
        """Whether one of these accounts has done anything to a ticket, as far as we saw."""
        names = [name for account in accounts for name in (account, account.lower())]
        query = select(EventRow.id).where(
            EventRow.connection == ref.connection, EventRow.ticket == ref.remote_id, col(EventRow.actor).in_(names)
        )
        return bool(names) and self._session.exec(query.limit(1)).first() is not None

    def field_events(self, ref: Ref, field: Field) -> list[Event]:
        """The history of one field of one ticket, oldest first."""
        query = select(EventRow).where(
            EventRow.connection == ref.connection, EventRow.ticket == ref.remote_id, EventRow.field == field.value
        )
        return [values.to_event(row) for row in self._session.exec(query.order_by(col(EventRow.id)))]

    def wanting_messages(self, connection: str, limit: int) -> list[Ticket]:
        """Tickets whose messages were never read: open ones first, the newest first among them."""
        query = select(TicketRow).where(
            TicketRow.connection == connection, TicketRow.message_state == "none", col(TicketRow.deleted_at).is_(None)
        )
        order = (col(TicketRow.is_open).desc(), col(TicketRow.updated_at).desc())
        return [values.to_ticket(row) for row in self._session.exec(query.order_by(*order).limit(limit))]

    def want(self, ref: Ref, wants: str) -> None:
        """Its messages are to be read, and it is to be thought about afterwards when `wants` is `change`."""
        row = self.row(ref)
        if row is not None and row.wants != "change":
            row.wants = wants
            self._session.add(row)

    def unwant(self, ref: Ref) -> None:
        """Its messages cannot be read."""
        row = self.row(ref)
        if row is not None:
            row.wants, row.message_state, row.look_again_at = "", "partial", None
            self._session.add(row)

    def wanted(self, connection: str, limit: int = 1000) -> list[Ticket]:
        """Tickets whose messages are to be read now."""
        query = select(TicketRow).where(TicketRow.connection == connection, TicketRow.wants != "")
        return [
            values.to_ticket(row) for row in self._session.exec(query.order_by(col(TicketRow.updated_at)).limit(limit))
        ]

    def recent_open(self, connection: str, since: datetime, read_before: datetime, limit: int) -> list[Ticket]:
        """Open tickets that changed lately and whose messages were not read for a while: the slow sweep's work."""
        query = select(TicketRow).where(
            TicketRow.connection == connection,
            col(TicketRow.is_open).is_(True),
            col(TicketRow.updated_at) >= since,
            col(TicketRow.messages_read_at) < read_before,
            col(TicketRow.deleted_at).is_(None),
        )
        return [
            values.to_ticket(row)
            for row in self._session.exec(query.order_by(col(TicketRow.messages_read_at)).limit(limit))
        ]

    def has_shown(self, ref: Ref, note_id: str, body: str) -> bool:
        """Whether a read has ever shown this note with these words."""
        query = select(MessageRow.value).where(
            MessageRow.connection == ref.connection, MessageRow.ticket == ref.remote_id
        )
        versions = (value for value in self._session.exec(query) if value.get("remote_id") == note_id)
        return any(same_text(str(value.get("text", "")), body) for value in versions)

    def doubted(self, connection: str, until: datetime, limit: int) -> list[Ref]:
        """Tickets to be looked at again by then: they were read so early that something may not have shown."""
        query = select(TicketRow.remote_id).where(
            TicketRow.connection == connection,
            col(TicketRow.look_again_at) <= until,
            col(TicketRow.deleted_at).is_(None),
        )
        oldest = query.order_by(col(TicketRow.look_again_at)).limit(limit)
        return [Ref(connection=connection, remote_id=remote_id) for remote_id in self._session.exec(oldest)]

    def live_ids(self, connection: str) -> set[str]:
        """Remote ids of all tickets that we think exist."""
        query = select(TicketRow.remote_id).where(
            TicketRow.connection == connection, col(TicketRow.deleted_at).is_(None)
        )
        return set(self._session.exec(query))

    def counts(self, connection: str) -> dict[str, int]:
        """How many tickets and messages are mirrored."""
        tickets = select(func.count()).where(TicketRow.connection == connection)
        messages = select(func.count()).where(MessageRow.connection == connection, col(MessageRow.current).is_(True))
        return {"tickets": self._session.exec(tickets).one(), "messages": self._session.exec(messages).one()}

    def needs_messages(self, ticket: Ticket) -> bool:
        """Whether this ticket, as just shown, may have messages that we have not read."""
        row = self.row(ticket.ref)
        if row is None or row.messages_at is None or row.messages_read_at is None:
            return True
        # Stamps have whole seconds: what was read within the stamp's own second may lack the rest of it.
        return row.messages_at < ticket.updated_at or row.messages_read_at < row.messages_at + SECOND

    # -- saving ----------------------------------------------------------------------------------------------

    def save_tickets(self, tickets: Iterable[Ticket], look: Look, hands: Hands | None = None) -> list[Event]:
        """Take over tickets as they stand now; returns what happened to them. Older news than ours is dropped."""
        hands = hands or {}
        fresh = {ticket.ref.remote_id: ticket for ticket in tickets}
        known = self._rows(fresh.values())
        newer = [t for t in fresh.values() if not self._is_old_news(known.get(t.ref.remote_id), t)]
        shown = (self._ticket_events(known.get(t.ref.remote_id), t, look, hands.get(t.ref, {})) for t in newer)
        events = list(look.retold([event for each in shown for event in each]))
        self._upsert([self._columns(known.get(ticket.ref.remote_id), ticket, look) for ticket in newer])
        self._start_threads([t for t in newer if t.ref.remote_id not in known])
        self._link(newer)
        for event in events:
            if event.kind is EventKind.TICKET_OPENED:
                came = fresh[event.ticket.remote_id]
                if look.is_person(came):
                    self._incidents.saw(came, matters(came.board, came.title))
            if event.field is not None:
                self._standings.field_set(
                    event.ticket,
                    at=event.happened_at,
                    by=event.actor_class,
                    is_status=event.field in (Field.STATUS, Field.BOARD),
                )
        return self.record(events)

    def save_messages(self, ticket: Ticket, messages: Sequence[Message], look: Look) -> list[Event]:
        """Take over all messages of one ticket; a message that is missing now was deleted."""
        ref = ticket.ref
        there = self.row(ref)
        if there is not None and there.messages_read_at is not None and look.psa_now < there.messages_read_at:
            return []  # a read that began later was quicker; to this one, what that one saw would seem deleted
        known = {row.key: row for row in self._message_rows(ref.connection, ref.remote_id)}
        first_read = not known and self._never_read(ref)
        events: list[Event] = []
        for message in messages:
            events += self._save_message(known.get(message.key), self.claim(message, look), look)
        present = {message.key for message in messages}
        gone = [row for key, row in known.items() if key not in present and row.deleted_at is None]
        events += [event for row in gone if not first_read for event in self._message_gone(row, look)]
        self._mark_read(ticket, look, _look_again_at(ticket, messages, look))
        self._session.flush()
        self._standings.update(ticket, self.messages(ref.connection, ref.remote_id))
        return self.record(events)

    def record(self, events: Iterable[Event]) -> list[Event]:
        """Append to the history."""
        events = list(events)
        if events:
            self._all_at_once(insert(_EVENT), [values.event_columns(event) for event in events])
        return events

    def delete(self, ref: Ref, look: Look) -> list[Event]:
        """The PSA has this ticket no longer: archived here, nothing more is written to it."""
        row = self.row(ref)
        if row is None or row.deleted_at is not None:
            return []
        row.deleted_at, row.wants, row.look_again_at = look.now, "", None
        self._session.add(row)
        return self.record([_event(EventKind.TICKET_DELETED, ref, look, look.psa_now)])

    def touch_thread(self, ref: Ref) -> tuple[str, int]:
        """Count one more revision of the ticket's thread; returns its id and the new revision."""
        row = self.row(ref)
        if row is None:
            raise KeyError(str(ref))
        head = self._session.get_one(ThreadRow, row.thread_id)
        head.revision += 1
        self._session.add(head)
        self._session.flush()
        return head.id, head.revision

    # -- tickets ---------------------------------------------------------------------------------------------

    def _rows(self, tickets: Iterable[Ticket]) -> dict[str, TicketRow]:
        by_connection: dict[str, list[str]] = {}
        for ticket in tickets:
            by_connection.setdefault(ticket.ref.connection, []).append(ticket.ref.remote_id)
        found: dict[str, TicketRow] = {}
        for connection, ids in by_connection.items():
            query = select(TicketRow).where(TicketRow.connection == connection, col(TicketRow.remote_id).in_(ids))
            found |= {row.remote_id: row for row in self._session.exec(query)}
        return found

    @staticmethod
    def _is_old_news(row: TicketRow | None, ticket: Ticket) -> bool:
        return row is not None and ticket.updated_at < row.updated_at

    def _columns(self, row: TicketRow | None, ticket: Ticket, look: Look) -> dict[str, Any]:
        columns = values.ticket_columns(ticket, row.thread_id if row else str(ticket.ref), look.now)
        kept = (
            {"message_state": row.message_state, "wants": row.wants} if row else {"message_state": "none", "wants": ""}
        )
        return columns | kept | {"deleted_at": None}

    def _upsert(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = upsert(_TICKET)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in ("connection", "remote_id")}
        self._all_at_once(
            statement.on_conflict_do_update(index_elements=["connection", "remote_id"], set_=changed), rows
        )
        self._session.expire_all()

    def _all_at_once(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        """Many rows by one `executemany`; by way of the ORM a first sync takes twice as long."""
        self._session.flush()
        self._session.connection().execute(statement, rows)

    def _start_threads(self, tickets: list[Ticket]) -> None:
        rows = [{"id": str(t.ref), "connection": t.ref.connection, "revision": 0} for t in tickets]
        if rows:
            self._all_at_once(upsert(_THREAD).on_conflict_do_nothing(), rows)

    def _ticket_events(
        self, row: TicketRow | None, ticket: Ticket, look: Look, hands: Mapping[Field, str]
    ) -> list[Event]:
        if row is None:
            return [self._first_sight(ticket, look)]
        before = values.to_ticket(row)
        changed = [field for field in Field if before.field(field) != ticket.field(field)]
        by = {field: ticket.model_copy(update={"updated_by": hands[field]}) for field in changed if field in hands}
        return [self._field_event(before, by.get(field, ticket), field, look) for field in changed]

    @staticmethod
    def _first_sight(ticket: Ticket, look: Look) -> Event:
        is_news = look.source is not Source.BACKFILL and ticket.opened_at >= look.first_contact
        return Event(
            kind=EventKind.TICKET_OPENED if is_news else EventKind.TICKET_SEEN,
            ticket=ticket.ref,
            after=values.snapshot(ticket),
            happened_at=ticket.opened_at if is_news else ticket.updated_at,
            seen_at=look.now,
            source=look.source if is_news else Source.BACKFILL,
            gap=ticket.updated_at > ticket.opened_at,
        )

    def _field_event(self, before: Ticket, after: Ticket, field: Field, look: Look) -> Event:
        ours = self._is_our_change(after, field, look)
        return Event(
            kind=EventKind.FIELD_CHANGED,
            ticket=after.ref,
            field=field,
            before=before.field(field),
            after=after.field(field),
            actor=after.updated_by,
            actor_class=ActorClass.COPILOT if ours else look.actor(after.updated_by),
            happened_at=after.updated_at,
            seen_at=look.now,
            source=Source.OURS if ours else look.source,
            gap=look.source is Source.POLL,
        )

    def unexplained(self, tickets: Sequence[Ticket], look: Look) -> list[Ref]:
        """Those with a changed field that is not known to be ours, and that do not tell which person set it."""
        known = self._rows(tickets)
        pairs = [(known[t.ref.remote_id], t) for t in tickets if t.ref.remote_id in known]
        pairs = [(row, t) for row, t in pairs if look.actor(t.updated_by) is not ActorClass.TECHNICIAN]
        return [ticket.ref for row, ticket in pairs if self._has_another_hand(row.value, ticket, look)]

    def _has_another_hand(self, before: Mapping[str, Any], after: Ticket, look: Look) -> bool:
        told = DISPATCHED if after.updated_by else Field
        changed = [field for field in told if before.get(field.value, "") != after.field(field)]
        return any(not self._is_our_change(after, field, look) for field in changed)

    def _is_our_change(self, ticket: Ticket, field: Field, look: Look) -> bool:
        """Its value is that of an open or done write, and the updater, where the PSA tells, is our account."""
        if ticket.updated_by and look.ourselves and ticket.updated_by.lower() != look.ourselves.lower():
            return False
        query = select(WriteRow).where(
            WriteRow.connection == ticket.ref.connection,
            WriteRow.ticket == ticket.ref.remote_id,
            col(WriteRow.state).in_(LIVE_WRITES),
        )
        actions = [row.action for row in self._session.exec(query)]
        return any(a.get("field") == field.value and a.get("to") == ticket.field(field) for a in actions)

    # -- threads ---------------------------------------------------------------------------------------------

    def _link(self, tickets: Sequence[Ticket]) -> None:
        """Join what belongs together. Few tickets do, so a page of them asks once for all of its kin."""
        wanted = {ticket.ref.remote_id: {ref.remote_id for ref in linked(ticket)} for ticket in tickets}
        named = self._having(TicketRow.remote_id, tickets, set().union(*wanted.values()))
        children = self._having(TicketRow.parent, tickets, wanted) + self._having(
            TicketRow.merged_into, tickets, wanted
        )
        for ticket in tickets if named or children else ():
            number = ticket.ref.remote_id
            for other in named:
                if other.ref.remote_id in wanted[number]:
                    self._join(ticket, other)
            for other in children:
                if number in (other.parent, other.merged_into):
                    self._join(ticket, other)

    def _having(self, column: Any, tickets: Sequence[Ticket], ids: Collection[str]) -> list[Ticket]:
        """Tickets of the same connection with one of these ids in a column."""
        if not (tickets and ids):
            return []
        # As an expression, so that SQLite goes by the index on the link: over the whole connection, each page
        # saved would cost a look at all others.
        is_id = column is TicketRow.remote_id
        connection = col(TicketRow.connection) if is_id else col(TicketRow.connection) + ""
        query = select(TicketRow).where(connection == tickets[0].ref.connection, col(column).in_(sorted(ids)))
        return [values.to_ticket(row) for row in self._session.exec(query).all()]

    def _join(self, ticket: Ticket, other: Ticket | None) -> None:
        # Only one customer's tickets make a thread: a parent ticket of an outage has children of many clients.
        if other is None or other.ref == ticket.ref or not ticket.company_id or other.company_id != ticket.company_id:
            return
        mine, theirs = self.row(ticket.ref), self.row(other.ref)
        if mine is None or theirs is None or mine.thread_id == theirs.thread_id:
            return
        older, younger = sorted((mine, theirs), key=lambda row: (row.opened_at, _numeric(row.remote_id)))
        self._merge_threads(older.thread_id, younger.thread_id)

    def _merge_threads(self, survivor: str, other: str) -> None:
        kept, gone = self._session.get_one(ThreadRow, survivor), self._session.get_one(ThreadRow, other)
        kept.revision = max(kept.revision, gone.revision) + 1
        self._session.add(kept)
        self._session.execute(update(TicketRow).where(col(TicketRow.thread_id) == other).values(thread_id=survivor))
        self._session.execute(
            update(ThreadAliasRow).where(col(ThreadAliasRow.survivor) == other).values(survivor=survivor)
        )
        self._session.execute(
            upsert(ThreadAliasRow).values(id=other, survivor=survivor).on_conflict_do_nothing(index_elements=["id"])
        )
        self._session.expire_all()

    # -- messages --------------------------------------------------------------------------------------------

    def _never_read(self, ref: Ref) -> bool:
        row = self.row(ref)
        return row is None or row.message_state == "none"

    def _mark_read(self, ticket: Ticket, look: Look, look_again_at: datetime | None) -> None:
        row = self.row(ticket.ref)
        if row is None:
            return
        row.message_state, row.messages_at, row.messages_read_at = "full", ticket.updated_at, look.psa_now
        row.wants, row.look_again_at = "", look_again_at
        self._session.add(row)

    def claim(self, message: Message, look: Look) -> tuple[Message, str]:
        """The message, said to be by the copilot if it is ours, and its marker then.

        Ours is the remote id of a receipt, or our marker on the last line and our account as author. A marker
        that anybody else pasted is text.
        """
        if message.by is ActorClass.CUSTOMER and look.client_it and self._is_client_it(message, look.client_it):
            return message.model_copy(update={"by": ActorClass.CLIENT_IT}), ""
        marker = marker_of(message.text)
        ours = self._receipt_marker(message)
        if not ours and marker and look.ourselves and message.author_id.lower() == look.ourselves.lower():
            written = self._write_of(marker)
            ours = marker if written and written.connection == message.ticket.connection else ""
        if not ours:
            return message, ""
        return message.model_copy(update={"by": ActorClass.COPILOT}), ours

    def _is_client_it(self, message: Message, known: frozenset[str]) -> bool:
        """A client's own IT staff is not the end user: by name, address, mail domain or kind of contact."""
        contact = self._standings.contact(message.ticket.connection, message.contact_id) if message.contact_id else None
        told = {message.author, *((contact.name, contact.email, contact.kind) if contact else ())}
        domains = {value.partition("@")[2] for value in told}
        kinds = {kind.strip() for kind in contact.kind.split(",")} if contact else set()
        return bool({value.casefold() for value in told | domains | kinds if value} & known)

    def _receipt_marker(self, message: Message) -> str:
        query = select(WriteRow).where(
            WriteRow.connection == message.ticket.connection,
            WriteRow.ticket == message.ticket.remote_id,
            col(WriteRow.receipt).is_not(None),
        )
        for row in self._session.exec(query):
            if (row.receipt or {}).get("remote_id") == message.key and row.action.get("kind") == "add_note":
                return row.marker
        return ""

    def _write_of(self, marker: str) -> WriteRow | None:
        return self._session.exec(select(WriteRow).where(WriteRow.marker == marker)).first()

    def _save_message(self, row: MessageRow | None, claimed: tuple[Message, str], look: Look) -> list[Event]:
        message, marker = claimed
        if row is not None and not row.value.get("text"):
            row.value = message.model_dump(mode="json")  # forgotten by `keep:`, and read again: no news
            self._session.add(row)
            return []
        if row is not None and row.deleted_at is None and _reads_the_same(values.to_message(row), message):
            return []
        is_news = look.source is not Source.BACKFILL and message.sent_at >= look.first_contact
        fresh = self._add_version(row, message, marker, look, is_news=is_news or row is not None)
        by_hand = bool(marker) and self._by_hand(fresh, message, look)
        kind = EventKind.MESSAGE_ADDED if row is None else EventKind.MESSAGE_EDITED
        source = look.source if is_news or row is not None else Source.BACKFILL
        return [
            Event(
                kind=kind,
                ticket=message.ticket,
                message=message.key,
                actor=message.author_id,
                actor_class=message.by,
                happened_at=message.sent_at if row is None else (message.edited_at or look.psa_now),
                seen_at=look.now,
                source=Source.OURS if marker and (row is None or not by_hand) else source,
            )
        ]

    def _add_version(
        self, row: MessageRow | None, message: Message, marker: str, look: Look, *, is_news: bool
    ) -> MessageRow:
        if row is not None:
            row.current = False
            self._session.add(row)
        written = max(message.sent_at, message.edited_at or message.sent_at)
        fresh = MessageRow(
            connection=message.ticket.connection,
            ticket=message.ticket.remote_id,
            key=message.key,
            version=row.version + 1 if row else 1,
            current=True,
            value=message.model_dump(mode="json"),
            marker=marker,
            sent_at=message.sent_at,
            seen_at=look.now,
            known_at=look.now if is_news else written,
        )
        self._session.add(fresh)
        self._session.flush()
        return fresh

    def _message_gone(self, row: MessageRow, look: Look) -> list[Event]:
        row.deleted_at = look.now
        self._session.add(row)
        message = values.to_message(row)
        if row.marker:
            self._leave_alone(row, "deleted", "", look)
        event = _event(EventKind.MESSAGE_DELETED, message.ticket, look, look.psa_now)
        return [event.model_copy(update={"message": row.key})]

    # -- our own notes in the mirror -------------------------------------------------------------------------

    def _by_hand(self, row: MessageRow, message: Message, look: Look) -> bool:
        """Whether a human changed this note of ours: shown to the customer, or neither what we wrote nor write."""
        ours = select(WriteRow).where(
            WriteRow.connection == message.ticket.connection, WriteRow.ticket == message.ticket.remote_id
        )
        bodies = [w.action.get("body", "") for w in self._session.exec(ours) if w.state in WRITTEN]
        if message.internal and any(same_text(message.text, body) for body in bodies):
            return False
        self._leave_alone(row, "edited", message.author_id, look)
        return True

    def _leave_alone(self, row: MessageRow, kind: str, actor: str, look: Look) -> None:
        query = select(LivingNoteRow).where(
            LivingNoteRow.connection == row.connection,
            LivingNoteRow.ticket == row.ticket,
            LivingNoteRow.note_id == row.value["remote_id"],
        )
        living = self._session.exec(query).first()
        write = self._write_of(row.marker)
        if living is not None and not living.touched:
            living.touched = True
            self._session.add(living)
        if write is not None and write.state != "undone":
            self._session.add(
                FeedbackRow(
                    connection=row.connection,
                    ticket=row.ticket,
                    plugin=write.plugin,
                    kind=f"note {kind}",
                    actor=actor,
                    write_id=write.id,
                    at=look.now,
                )
            )

    def doubled(self, ref: Ref) -> list[str]:
        """Markers that stand in more than one message of a ticket: a write that was carried out twice."""
        counts: dict[str, int] = {}
        for row in self._message_rows(ref.connection, ref.remote_id):
            if row.marker and row.deleted_at is None:
                counts[row.marker] = counts.get(row.marker, 0) + 1
        return [marker for marker, count in counts.items() if count > 1]

    # -- looking back ----------------------------------------------------------------------------------------

    def as_of(self, thread_id: str, at: datetime) -> AsOf:
        """A thread as it could be known at `at`: no field, message or version that came later.

        `backfill` and `history` rows count from when the PSA says they happened, all others from when we saw them.
        A field without known history at that time is unknown (None), never its present value.
        """
        rows = [row for row in self.tickets_of(self.survivor(thread_id)) if row.opened_at <= at]
        fields = {f"{row.connection}/{row.remote_id}": self._fields_at(row, at) for row in rows}
        messages = [message for row in rows for message in self._messages_at(row, at)]
        messages.sort(key=lambda message: (message.sent_at, message.ticket.remote_id, _numeric(message.remote_id)))
        return AsOf(at, fields, tuple(messages))

    def ticket_as_of(self, ref: Ref, at: datetime) -> AsOf:
        """One ticket by itself as it could be known at `at`, whichever thread it belongs to today.

        Where the PSA's own record of it was read, what has no entry there had not changed before.
        """
        row = self._session.get_one(TicketRow, (ref.connection, ref.remote_id))
        events = self._events_of(row)
        fields = fields_at(events, at, whole=self._standings.row(ref).history_at is not None)
        messages = sorted(self._messages_at(row, at), key=lambda one: (one.sent_at, _numeric(one.remote_id)))
        known = sorted((one for one in events if known_from(one) <= at), key=lambda one: (known_from(one), one.id))
        return AsOf(at, {str(ref): fields}, tuple(messages), tuple(known))

    def _fields_at(self, row: TicketRow, at: datetime) -> dict[Field, str | None]:
        return fields_at(self._events_of(row), at)

    def _events_of(self, row: TicketRow) -> list[Event]:
        query = select(EventRow).where(EventRow.connection == row.connection, EventRow.ticket == row.remote_id)
        return [values.to_event(each) for each in self._session.exec(query.order_by(col(EventRow.id)))]

    def _messages_at(self, row: TicketRow, at: datetime) -> list[Message]:
        query = select(MessageRow).where(
            MessageRow.connection == row.connection, MessageRow.ticket == row.remote_id, col(MessageRow.known_at) <= at
        )
        return [values.to_message(each) for each in versions_at(self._session.exec(query), at)]


def _look_again_at(ticket: Ticket, messages: Iterable[Message], look: Look) -> datetime | None:
    """A stamp that no message explains may be that of one that does not show yet.

    A note of ours explains nothing: somebody may have written in the same moment.
    """
    age, us = look.psa_now - ticket.updated_at, look.ourselves.casefold()
    others = [message for message in messages if not us or message.author_id.casefold() != us]
    newest = max((message.edited_at or message.sent_at for message in others), default=None)
    if age >= look.hides_for or (newest is not None and newest >= ticket.updated_at):
        return None
    return ticket.updated_at + (min(FIRST_DOUBT, look.hides_for) if age < FIRST_DOUBT else look.hides_for)


def _reads_the_same(one: Message, other: Message) -> bool:
    return (one.text, one.internal) == (other.text, other.internal)


def _event(kind: EventKind, ref: Ref, look: Look, happened_at: datetime) -> Event:
    return Event(kind=kind, ticket=ref, happened_at=happened_at, seen_at=look.now, source=look.source)


def _numeric(remote_id: str) -> tuple[int, str]:
    return (int(remote_id), "") if remote_id.isdigit() else (0, remote_id)

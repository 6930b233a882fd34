"""From values to rows and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Field, Message, Ref, Ticket
from psa_copilot.store.tables import EventRow, MessageRow, TicketRow
from psa_copilot.text.opening import opening

FIRST = 5
"""Messages among which the opening is looked for."""

_FIELDS = tuple(field.value for field in Field)


def ticket_columns(ticket: Ticket, thread_id: str, now: datetime) -> dict[str, Any]:
    """What a mirror row says of this ticket."""
    return {
        "connection": ticket.ref.connection,
        "remote_id": ticket.ref.remote_id,
        "thread_id": thread_id,
        "company_id": ticket.company_id,
        "board": ticket.board,
        "status": ticket.status,
        "assignee": ticket.assignee,
        "is_open": not ticket.is_closed,
        "parent": ticket.parent,
        "merged_into": ticket.merged_into,
        "opened_at": ticket.opened_at,
        "updated_at": ticket.updated_at,
        "value": ticket,
        "seen_at": now,
    }


def to_ticket(row: TicketRow) -> Ticket:
    """The mirrored ticket."""
    return Ticket.model_validate(row.value)


def to_message(row: MessageRow) -> Message:
    """The mirrored message, one version of it."""
    return Message.model_validate(row.value)


def opening_of(rows: Sequence[MessageRow]) -> str:
    """What a ticket said when it came in, from its messages, oldest first."""
    return opening([to_message(row) for row in rows[:FIRST]])


def to_event(row: EventRow) -> Event:
    """The recorded event."""
    return Event(
        id=row.id or 0,
        kind=EventKind(row.kind),
        ticket=Ref(connection=row.connection, remote_id=row.ticket),
        field=Field(row.field) if row.field else None,
        before=row.before,
        after=row.after,
        message=row.message,
        actor=row.actor,
        actor_class=ActorClass(row.actor_class),
        happened_at=row.happened_at,
        seen_at=row.seen_at,
        source=Source(row.source),
        gap=row.gap,
    )


def event_columns(event: Event) -> dict[str, Any]:
    """An event as a row to insert."""
    return {
        "connection": event.ticket.connection,
        "ticket": event.ticket.remote_id,
        "kind": event.kind.value,
        "field": event.field.value if event.field else None,
        "before": event.before,
        "after": event.after,
        "message": event.message,
        "actor": event.actor,
        "actor_class": event.actor_class.value,
        "happened_at": event.happened_at,
        "seen_at": event.seen_at,
        "source": event.source.value,
        "gap": event.gap,
    }


def snapshot(ticket: Ticket) -> str:
    """All tracked fields at once, for the first time that we see a ticket."""
    return to_json({name: getattr(ticket, name) for name in _FIELDS}).decode()

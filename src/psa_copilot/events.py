"""What happened to a ticket: one field that changed, one message that came, by whom and when."""

from enum import StrEnum

import pydantic

from psa_copilot.models import ActorClass, Field, Moment, Ref, Value


class EventKind(StrEnum):
    """Kinds of events that a plugin can listen to."""

    TICKET_OPENED = "ticket_opened"
    TICKET_SEEN = "ticket_seen"
    """Backfill: how a ticket stood when we met it; nobody acts on it."""
    TICKET_DELETED = "ticket_deleted"
    FIELD_CHANGED = "field_changed"
    MESSAGE_ADDED = "message_added"
    MESSAGE_EDITED = "message_edited"
    MESSAGE_DELETED = "message_deleted"
    FOUND = "found"


class Source(StrEnum):
    """How we came to know of an event."""

    POLL = "poll"
    WEBHOOK = "webhook"
    HISTORY = "history"
    BACKFILL = "backfill"
    OURS = "ours"


class Event(Value):
    """One thing that happened, with both of its times."""

    id: int = 0
    kind: EventKind
    ticket: Ref
    field: Field | None = None
    before: str | None = None
    after: str | None = None
    message: str = ""
    """Key of the message that came, changed or went."""
    actor: str = ""
    actor_class: ActorClass = ActorClass.UNKNOWN
    happened_at: Moment
    """When it happened, as the PSA says."""
    seen_at: Moment
    """When we saw it."""
    source: Source
    gap: bool = False
    """Others may hide between this one and the one before: we only saw the ends."""


class Change(Value):
    """Why a plugin is asked: what has happened on a thread since its last finished run."""

    thread_id: str
    revision: int
    events: tuple[Event, ...] = ()
    because: str = ""
    """For a sweep's find: its reason."""
    facts: dict[str, str] = pydantic.Field(default_factory=dict)
    """For a sweep's find: what it noted."""
    key: str
    """`rev:N`, or the sweep's key; unique per thread and plugin."""

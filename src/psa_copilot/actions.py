"""What may be wished. A plugin returns actions; only the outbox carries them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import pydantic
from pydantic import TypeAdapter

from psa_copilot.models import Field, Moment, Ref, Value

Place = Literal["internal", "discussion", "resolution"]
Purpose = Literal["recap", "nudge", "hand-off", "resolution", "reply"]
Delicate = Literal["scores", "other tickets", "sentiment", "sla", "cost"]

RECAP_LIFE = timedelta(hours=4)
NOTE_LIVES = {
    "recap": RECAP_LIFE,
    "nudge": timedelta(hours=1),
    "hand-off": timedelta(hours=24),
    "resolution": timedelta(hours=24),
    "reply": timedelta(hours=1),
}
ASSIGNMENT_LIFE = timedelta(minutes=15)
FIELD_LIFE = timedelta(minutes=15)


class Reason(Value):
    """Why, in words of the ticket or of something that is cited: never a feature's name or a weight."""

    text: str
    words: tuple[str, ...] = ()
    """As they stand in the ticket."""
    cites: str = ""
    """The ref of a ticket, or the key of a message of the thread."""


class Opinion(Value):
    """What one mind would choose; where two were asked, the ledger shows both."""

    mind: str
    """The model's name, or `no model`."""
    choice: str
    confidence: float | None = pydantic.Field(None, ge=0, le=1)


class Wish(Value):
    """What all wishes have: a reason, its evidence, and how sure the plugin is."""

    because: str = pydantic.Field(min_length=1)
    reasons: tuple[Reason, ...] = ()
    """The strongest first."""
    opinions: tuple[Opinion, ...] = ()
    """Where more than one mind was asked."""
    learned: str = ""
    """What it rests on of all that the plugin has learned here: `version 7`, `version 7, rule vpn-kestrel`."""
    evidence: tuple[str, ...] = ()
    """Keys of the messages, or refs of the tickets, that it rests on."""
    confidence: float | None = pydantic.Field(None, ge=0, le=1)
    ticket: Ref | None = None
    """The ticket to write to; left out: the thread's present one."""
    abstains: str = ""
    """Why the plugin itself would rather not: it is the best it knows, is kept on record, and is not written."""
    suggest_only: bool = False
    """Whatever the mode, a human has to approve it."""
    rule: str = ""
    """Id of the configured rule that asks for it; nothing closes a ticket without one."""

    @property
    def customer_visible(self) -> bool:
        """Whether the customer will see it."""
        return False

    @property
    def time_to_live(self) -> timedelta:
        """How long after the verdict it is still worth writing."""
        return FIELD_LIFE


class AddNote(Wish):
    """An internal note; a living one is kept up to date in place instead of being repeated."""

    kind: Literal["add_note"] = "add_note"
    body: str = pydantic.Field(min_length=1)
    living: bool = False
    place: Place = "internal"
    """Where the PSA keeps it. All but `internal` is shown to the customer."""
    notify: bool = False
    """Whether the PSA may mail it; only for a note that the customer is meant to see."""
    purpose: Purpose = "recap"
    tells: frozenset[Delicate] = frozenset()
    """What is in it that a client's own technicians must not read."""

    @property
    def customer_visible(self) -> bool:
        return self.place != "internal" or self.notify

    @property
    def time_to_live(self) -> timedelta:
        return NOTE_LIVES[self.purpose]


class EditNote(Wish):
    """A note of ours gets a new text: a living note that goes on, or one that is withdrawn."""

    kind: Literal["edit_note"] = "edit_note"
    note_id: str
    body: str
    was: str = ""
    """Our text that should still stand there; anything else means that a human was here."""

    @property
    def time_to_live(self) -> timedelta:
        return RECAP_LIFE


class ChangeField(Wish):
    """A field gets another value, as long as it still has the one that the plugin saw."""

    kind: Literal["change_field"] = "change_field"
    field: Field
    to: str
    was: str
    along: dict[Field, str] = pydantic.Field(default_factory=dict)
    """What has to change in the same request: a board brings its own statuses and categories."""

    @property
    def time_to_live(self) -> timedelta:
        return ASSIGNMENT_LIFE if self.field is Field.ASSIGNEE else FIELD_LIFE


class LogTime(Wish):
    """A time entry of our own: never billable, never in a technician's name. Off unless `allow:` names it."""

    kind: Literal["log_time"] = "log_time"
    body: str = pydantic.Field(min_length=1)
    minutes: int = pydantic.Field(ge=1, le=24 * 60)


class Book(Wish):
    """An appointment for a technician on the ticket. Off unless `allow:` names it."""

    kind: Literal["book"] = "book"
    person: str
    starts: Moment
    ends: Moment


class LinkTo(Wish):
    """The ticket becomes a child of another one. Off unless `allow:` names it."""

    kind: Literal["link_to"] = "link_to"
    parent: str
    """Remote id of the parent, a ticket of the same connection."""


class Mention(Wish):
    """A line for the digest; nothing is written to the PSA."""

    kind: Literal["mention"] = "mention"
    body: str = pydantic.Field(min_length=1)


Action = Annotated[
    AddNote | EditNote | ChangeField | LogTime | Book | LinkTo | Mention, pydantic.Field(discriminator="kind")
]

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


def action_from(data: object) -> Action:
    """An action from its stored JSON value."""
    return _ACTION.validate_python(data)


class Receipt(Value):
    """Proof that the PSA carried out a write."""

    remote_id: str = ""
    """Id of the note, time entry or appointment made or changed; empty for a field."""
    value: str = ""
    """For a field: its value in the PSA's answer."""
    sla_state: str = ""
    """For a field: how the SLA stands in the PSA's answer, as `Ticket.sla_state`."""
    at: Moment | None = None

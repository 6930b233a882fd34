"""What may be wished. A plugin returns actions; only the outbox carries them out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import TypeAdapter

from psa_copilot.models import Field, Moment, Ref, Value

RECAP_LIFE = timedelta(hours=4)
ASSIGNMENT_LIFE = timedelta(minutes=15)
FIELD_LIFE = timedelta(minutes=15)


class Wish(Value):
    """What all wishes have: a reason, its evidence, and how sure the plugin is."""

    because: str = pydantic.Field(min_length=1)
    evidence: tuple[str, ...] = ()
    """Keys of the messages, or refs of the tickets, that it rests on."""
    confidence: float | None = pydantic.Field(None, ge=0, le=1)
    ticket: Ref | None = None
    """The ticket to write to; left out: the thread's present one."""

    customer_visible: ClassVar[bool] = False

    @property
    def time_to_live(self) -> timedelta:
        """How long after the verdict it is still worth writing."""
        return FIELD_LIFE


class AddNote(Wish):
    """An internal note; a living one is kept up to date in place instead of being repeated."""

    kind: Literal["add_note"] = "add_note"
    body: str = pydantic.Field(min_length=1)
    living: bool = False

    @property
    def time_to_live(self) -> timedelta:
        return RECAP_LIFE


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

    @property
    def time_to_live(self) -> timedelta:
        return ASSIGNMENT_LIFE if self.field is Field.ASSIGNEE else FIELD_LIFE


Action = Annotated[AddNote | EditNote | ChangeField, pydantic.Field(discriminator="kind")]

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


def action_from(data: object) -> Action:
    """An action from its stored JSON value."""
    return _ACTION.validate_python(data)


class Receipt(Value):
    """Proof that the PSA carried out a write."""

    remote_id: str = ""
    """Id of the note made or changed; empty for a field."""
    value: str = ""
    """For a field: its value in the PSA's answer."""
    at: Moment | None = None

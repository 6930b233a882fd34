"""What people leave on tickets besides messages: work, plans, links. The same lines for every PSA."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from psa_copilot.sandbox.strict import Strict
from psa_copilot.sandbox.tickets import Moment


class _OnTicket(Strict):
    ticket: int | str
    at: Moment | None = None  # when it is entered; left out: as soon as it can be
    by: str = ""


class TimeLine(_OnTicket):
    """One time entry, which begins at `at`; a running one has no end yet."""

    kind: Literal["time"] = "time"
    minutes: int
    text: str
    internal: bool = True
    running: bool = False
    status: str = ""  # in the PSA's own word; left out: as entered


class AppointmentLine(_OnTicket):
    """A technician is booked for a ticket."""

    kind: Literal["appointment"]
    starts: Moment
    minutes: int = 60
    done: bool = False


class TaskLine(_OnTicket):
    """A line of a ticket's checklist."""

    kind: Literal["task"]
    text: str
    done: bool = False


class LinkLine(_OnTicket):
    """A ticket becomes a child of another, or is merged into it."""

    kind: Literal["child_of", "merged_into"]
    to: int | str


class DeviceLine(_OnTicket):
    """A device that the ticket is about, by its name; a new one becomes its client's."""

    kind: Literal["device"]
    device: str


class DocumentLine(_OnTicket):
    """A file."""

    kind: Literal["document"]
    name: str
    text: str = ""
    public: bool = False


class ProductLine(_OnTicket):
    """Something that will be charged."""

    kind: Literal["product"]
    text: str


class MirrorLine(_OnTicket):
    """Another system's mark on the ticket: its own number, or a tag."""

    kind: Literal["external_ref", "tag"]
    text: str


class GoneLine(_OnTicket):
    """Somebody deletes the ticket, or takes its appointments away."""

    kind: Literal["deleted", "unbooked"]


class NoteGoneLine(_OnTicket):
    """Somebody throws a note away, where the user interface can."""

    kind: Literal["note_deleted"]
    note: int


class TimeOffLine(Strict):
    """A technician is away."""

    kind: Literal["time_off"]
    by: str
    starts: Moment
    ends: Moment
    text: str = "Vacation"
    at: Moment | None = None


class LeaverLine(Strict):
    """A technician's login is switched off."""

    kind: Literal["leaver"]
    by: str
    at: Moment | None = None


OnTicket = (
    TimeLine
    | AppointmentLine
    | TaskLine
    | LinkLine
    | DeviceLine
    | DocumentLine
    | ProductLine
    | MirrorLine
    | GoneLine
    | NoteGoneLine
)
Record = OnTicket | TimeOffLine | LeaverLine
AnyRecord = Annotated[Record, Field(discriminator="kind")]
_RECORD: TypeAdapter[Record] = TypeAdapter(AnyRecord)


def read_record(given: Mapping[str, object], *, start: datetime) -> Record:
    """One line from parsed JSON; ValueError names the key."""
    try:
        return _RECORD.validate_python(given, context={"start": start})
    except ValidationError as exc:
        first = exc.errors()[0]
        raise ValueError(f"record: {'.'.join(map(str, first['loc']))}: {first['msg']}") from exc

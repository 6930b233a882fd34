"""What a help desk is made of, as frozen values: tickets, messages, people, threads.

`Ref` names a ticket as people do, `main/48213`. `remote_id` is the PSA's, `id` is ours. Times are aware, in UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Value(BaseModel):
    """The base of all values: frozen, strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


Moment = Annotated[datetime, AfterValidator(_aware)]


class Ref(Value):
    """One ticket of one connection: `main/48213`."""

    connection: str
    remote_id: str

    def __str__(self) -> str:
        return f"{self.connection}/{self.remote_id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read `main/48213`; ValueError for anything else."""
        connection, slash, remote_id = text.partition("/")
        if not (connection and slash and remote_id):
            raise ValueError(f"{text!r} is no ticket; write CONNECTION/NUMBER, for example main/48213")
        return cls(connection=connection, remote_id=remote_id)


class Meaning(StrEnum):
    """What a status means to the desk, whatever the PSA calls it."""

    NEW = "new"
    TRIAGE = "triage"
    IN_PROGRESS = "in progress"
    SCHEDULED = "scheduled"
    WAITING_ON_CUSTOMER = "waiting on customer"
    WAITING_ON_VENDOR = "waiting on vendor"
    WAITING_INTERNAL = "waiting internal"
    RESOLVED = "resolved"
    CLOSED = "closed"
    STOP = "stop"


OVER = (Meaning.RESOLVED, Meaning.CLOSED)
"""Meanings of a status under which nobody works on a ticket any more."""


class ActorClass(StrEnum):
    """Who did it. Only some of them count as activity."""

    TECHNICIAN = "technician"
    CLIENT_IT = "client_it"
    CUSTOMER = "customer"
    INTEGRATION = "integration"
    SYSTEM = "system"
    COPILOT = "copilot"
    UNKNOWN = "unknown"

    @property
    def is_human(self) -> bool:
        """A person at a keyboard, as far as the PSA tells."""
        return self in (ActorClass.TECHNICIAN, ActorClass.CLIENT_IT, ActorClass.CUSTOMER)


class Origin(StrEnum):
    """Who made the ticket."""

    PERSON = "person"
    ALERT = "alert"
    RECURRING = "recurring"
    PROJECT = "project"
    INTERNAL = "internal"
    SYNC = "sync"


class Company(Value):
    """A client of the MSP."""

    remote_id: str
    name: str


class Contact(Value):
    """A person at a client."""

    remote_id: str
    name: str
    email: str = ""
    company_id: str = ""
    kind: str = ""
    """What the PSA calls this kind of contact, for example `End User` or `Client IT`."""
    active: bool = True


class Person(Value):
    """A technician, or an account of an integration (`is_api`)."""

    remote_id: str
    identifier: str
    name: str
    email: str = ""
    active: bool = True
    is_api: bool = False
    team: str = ""


class Status(Value):
    """A status of one board, with the PSA's own flags."""

    remote_id: str
    name: str
    is_closed: bool = False
    is_default: bool = False
    mails: bool = False
    touches_sla: bool = False

    def meaning(self) -> Meaning:
        """What the PSA's flags say; a human's word in the config goes before this."""
        if self.is_closed:
            return Meaning.CLOSED
        return Meaning.NEW if self.is_default else Meaning.IN_PROGRESS


class Board(Value):
    """A board, queue or team with the statuses that a ticket on it can have."""

    remote_id: str
    name: str
    statuses: tuple[Status, ...] = ()
    categories: tuple[str, ...] = ()
    """Category paths that a ticket here can have, `type / subtype / item`."""
    teams: tuple[str, ...] = ()
    mails: bool = False
    bills: bool = False


class Priority(Value):
    """A priority of the PSA; `level` is 1 (most urgent) to 4, as far as its order tells."""

    remote_id: str
    name: str
    level: int | None = None


class Directory(Value):
    """Who and what exists in one PSA: the only values that a wish may name."""

    technicians: tuple[Person, ...] = ()
    boards: tuple[Board, ...] = ()
    priorities: tuple[Priority, ...] = ()
    ourselves: str = ""
    """Identifier of the account that we act as."""


class Field(StrEnum):
    """The fields of a ticket whose history we keep and that a wish may change."""

    TITLE = "title"
    STATUS = "status"
    BOARD = "board"
    PRIORITY = "priority"
    ASSIGNEE = "assignee"
    CATEGORY = "category"
    COMPANY = "company"
    CONTACT = "contact"


class Ticket(Value):
    """One record in the PSA. Field values are the PSA's own labels; an empty one is not set."""

    ref: Ref
    number: str
    title: str
    board: str = ""
    status: str = ""
    priority: str = ""
    category: str = ""
    """Category path, `type / subtype / item`."""
    company: str = ""
    company_id: str = ""
    contact: str = ""
    contact_id: str = ""
    assignee: str = ""
    """Identifier of the owning technician."""
    team: str = ""
    priority_level: int | None = None
    is_closed: bool = False
    meaning: Meaning | None = None
    """What the status means; filled by the core from the config, then from the board's flags."""
    origin: Origin = Origin.PERSON
    source: str = ""
    external_ref: str = ""
    parent: str = ""
    """Remote id of the parent ticket."""
    merged_into: str = ""
    """Remote id of the ticket that this one was merged into."""
    created_by: str = ""
    """Identifier of who entered it, where the PSA tells."""
    required_at: Moment | None = None
    """The date that the desk has promised or waits for."""
    sla_due: Moment | None = None
    """When the next open SLA target is missed; None without one, and while its clock is paused."""
    sla_met: bool | None = None
    """Whether it was done within its SLA; only of what is done, where the PSA tells."""
    sla_state: str = ""
    """Everything the PSA tells about the SLA, in one line: two equal lines mean that nothing has moved."""
    opened_at: Moment
    updated_at: Moment
    closed_at: Moment | None = None
    updated_by: str = ""
    """Identifier of who changed it last, where the PSA tells."""
    url: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it is resolved or closed, as far as its status and what that means tell."""
        return self.is_closed or self.meaning in OVER

    def field(self, name: Field) -> str:
        """The present value of one of the tracked fields."""
        return str(getattr(self, name.value))


class MessageKind(StrEnum):
    """Where the PSA keeps a message."""

    NOTE = "note"
    TIME_ENTRY = "time_entry"


class Message(Value):
    """One utterance on a ticket, as it stands now."""

    remote_id: str
    ticket: Ref
    kind: MessageKind = MessageKind.NOTE
    by: ActorClass
    author: str = ""
    """Name of who wrote it, for people."""
    author_id: str = ""
    """Identifier of the account that wrote it, where the PSA tells."""
    entered_by: str = ""
    """Identifier of the account that entered it, where the PSA tells: a program may write in somebody's name."""
    contact_id: str = ""
    """Remote id of the contact that wrote it."""
    internal: bool = False
    text: str
    sent_at: Moment
    edited_at: Moment | None = None
    has_attachment: bool = False

    @property
    def key(self) -> str:
        """Unique on its ticket; notes and time entries may share numbers."""
        return self.remote_id if self.kind is MessageKind.NOTE else f"{self.kind}:{self.remote_id}"


class AppointmentKind(StrEnum):
    """What an entry in somebody's calendar is for."""

    TICKET = "ticket"
    TIME_OFF = "time_off"
    OTHER = "other"


class Appointment(Value):
    """An entry in a technician's calendar: work that is planned, or time off."""

    remote_id: str
    kind: AppointmentKind
    person: str
    """Identifier of the technician."""
    ticket: str = ""
    """Remote id of the ticket that it is for."""
    starts: Moment
    ends: Moment
    done: bool = False


class Pulled(Value):
    """One ticket read whole."""

    ticket: Ticket
    messages: tuple[Message, ...] = ()


class Thread(Value):
    """One customer's conversation about one matter: one or more tickets and all their messages, oldest first."""

    id: str
    revision: int
    tickets: tuple[Ticket, ...]
    messages: tuple[Message, ...] = ()

    @property
    def ticket(self) -> Ticket:
        """Where we would write: the open ticket that changed last, else the one that changed last."""
        return max(self.tickets, key=lambda ticket: (not ticket.is_closed, ticket.updated_at, ticket.ref.remote_id))

    def note(self, ref: Ref, note_id: str) -> Message | None:
        """A note of one of its tickets: tickets may number their notes alike, and so may notes and time entries."""
        return next((one for one in self.messages if one.ticket == ref and one.key == note_id), None)

    def of(self, ref: Ref) -> Ticket | None:
        """The ticket of this thread with that ref."""
        return next((ticket for ticket in self.tickets if ticket.ref == ref), None)

    def spoken(self) -> tuple[Message, ...]:
        """What people said: no message of ours, of a system or of an integration."""
        quiet = (ActorClass.COPILOT, ActorClass.SYSTEM, ActorClass.INTEGRATION)
        return tuple(message for message in self.messages if message.by not in quiet)

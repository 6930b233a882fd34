"""What every PSA's sandbox is made of, and what the shared machinery asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from psa_copilot.sandbox.agenda import Agenda
from psa_copilot.sandbox.callbacks import Postman
from psa_copilot.sandbox.clock import SandboxClock
from psa_copilot.sandbox.directory import Directory
from psa_copilot.sandbox.records import Record
from psa_copilot.sandbox.switches import Switch, Switches
from psa_copilot.sandbox.tickets import MessageLine, TicketLine


@dataclass(frozen=True)
class Request:
    """One request to the PSA's API; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What the PSA answers."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


@dataclass(frozen=True)
class World:
    """What a PSA's sandbox lives in."""

    url: str
    clock: SandboxClock
    switches: Switches
    postman: Postman
    agenda: Agenda


@dataclass
class Watchers:
    """Who wants to know what happens on tickets: the scripted people."""

    api_used: list[Callable[[], None]] = field(default_factory=list)
    notes_read: list[Callable[[int], None]] = field(default_factory=list)
    noted_by_api: list[Callable[[int, str], None]] = field(default_factory=list)
    read_by_api: list[Callable[[int], None]] = field(default_factory=list)
    before_write_of_api: list[Callable[[int], None]] = field(default_factory=list)


class PsaSandbox(ABC):
    """One PSA in small. Everything here runs in one thread and never waits, so each change is atomic."""

    name: ClassVar[str]
    switches: ClassVar[tuple[Switch, ...]] = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self.watchers = Watchers()

    # What clients see.

    @property
    @abstractmethod
    def revision(self) -> int:
        """Grows with every change of state, so that a request that changed nothing can be told."""

    @abstractmethod
    def key_of(self, request: Request) -> str:
        """Which login a request claims to be, for the log."""

    @abstractmethod
    def writes(self, request: Request) -> bool:
        """Whether a request would change something."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Do what a request asks, at once and as a whole."""

    @abstractmethod
    def is_api_login(self, key: str) -> bool:
        """Whether this login is a program's and not a person's."""

    @abstractmethod
    def reads_notes_of(self, request: Request) -> int | None:
        """The ticket whose notes a request reads, if it does."""

    @abstractmethod
    def ticket_of(self, request: Request) -> int | None:
        """The one ticket that a request is about, if it is about one."""

    @abstractmethod
    def failure(self, fault: str) -> Answer:
        """The PSA's own way to say `http_401`, `http_429`, `http_500` or `html_502`."""

    def lane_of(self, request: Request) -> str:
        """The endpoint that requests at one time are counted by: here the path without its numbers."""
        return "/".join(part for part in request.path.casefold().split("/") if not part.isdigit())

    def arrives(self, request: Request) -> Answer | None:
        """Every request before anything else; an answer for one that is too much beside the others."""
        return None

    def leaves(self, request: Request) -> None:  # noqa: B027 - few sandboxes count who is inside
        """The same request when it is over, however it ended."""

    def hold(self, request: Request) -> float:
        """Real seconds to hold a request before it is looked at."""
        return 0.0

    # What people do, without any API.

    @abstractmethod
    def furnish(self, directory: Directory) -> None:
        """Take in the technicians, clients and boards that are there from the start."""

    @abstractmethod
    def open_ticket(self, line: TicketLine, at: datetime) -> int:
        """A new ticket, without its messages; returns its id."""

    @abstractmethod
    def find_ticket(self, reference: object) -> int | None:
        """A ticket's id, from its id or somebody else's."""

    @abstractmethod
    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """Somebody writes a message; returns the note's id."""

    @abstractmethod
    def change(self, ticket: int, field_name: str, to: str, by: str, at: datetime) -> None:
        """Somebody sets a field of a ticket."""

    @abstractmethod
    def edit_note_of_api(self, ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the last note that an API account wrote on a ticket."""

    @abstractmethod
    def record(self, line: Record, at: datetime) -> None:
        """Somebody leaves something else on a ticket; LookupError for what this PSA does not keep."""

    @abstractmethod
    def begin(self) -> None:
        """The desk stands. What was told until now is history; from now on what happens sets off rules."""

    # What a test counts.

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """How many of each: tickets, notes, time_entries, companies, contacts, members, boards."""

    @abstractmethod
    def all_notes(self) -> Iterable[Mapping[str, object]]:
        """Every note with its versions, deleted ones too."""

    @abstractmethod
    def mailbox(self) -> Iterable[Mapping[str, object]]:
        """What it would have mailed."""

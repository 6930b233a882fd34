"""The contract between the core and a plugin: look at a thread, say what you would do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from psa_copilot.actions import Action, Purpose
from psa_copilot.calendar import DEFAULT, Calendar
from psa_copilot.connector import Duration, Setting
from psa_copilot.events import Change, EventKind
from psa_copilot.llm import Llm
from psa_copilot.memory import Memory, Notebook, Nothing, Outcome
from psa_copilot.models import (
    ActorClass,
    Appointment,
    Directory,
    Field,
    Meaning,
    Moment,
    Origin,
    Person,
    Ref,
    Thread,
    Ticket,
)
from psa_copilot.text import Text


class When(BaseModel):
    """Which tickets a plugin looks at; a list left out lets everything through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: list[str] = Setting(default_factory=list, description="Only these connections.")
    board: list[str] = Setting(default_factory=list, description="Only these boards.")
    company: list[str] = Setting(default_factory=list, description="Only these companies.")
    priority: list[str] = Setting(default_factory=list, description="Only these priorities.")


class Bars(BaseModel):
    """How sure a plugin must be of a value before it asks for it; below, it abstains and that is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    empty: float = Setting(0.70, ge=0, le=1, description="To set a field that is empty.")
    change: float = Setting(0.85, ge=0, le=1, description="To change a field that is set.")
    boards: dict[str, float] = Setting(
        default_factory=dict, description="For tickets on these boards, instead of both; `replay` recommends them."
    )

    def of(self, board: str, was: str) -> float:
        """The bar for a field of a ticket on this board that has this value now."""
        named = {name.casefold(): bar for name, bar in self.boards.items()}
        return named.get(board.casefold(), self.change if was else self.empty)


class PluginSettings(BaseModel):
    """What every plugin can be told; a plugin adds its own, each with a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str = Setting("", description="The plugin to run, when the entry has another name.")
    mode: Literal["observe", "suggest", "act"] = Setting(
        "observe", description="observe: ledger only; suggest: a note asks for approval; act: write."
    )
    acts_from: Moment | None = Setting(
        None, description="Nothing that happened before causes a write; left out: the moment it left observe."
    )
    when: When = Setting(default_factory=When, description="Which tickets it looks at.")
    origins: frozenset[Origin] = Setting(
        frozenset({Origin.PERSON}), description="Whose tickets it looks at: person, alert, recurring, project, ..."
    )
    customers: frozenset[str] = Setting(
        frozenset(), description="Companies to which it may write what the customer sees; none by default."
    )
    sla: Literal["fixed", "may_change"] = Setting(
        "fixed", description="Whether a field that it writes may move an SLA target; `fixed` stops it when one moved."
    )
    named: frozenset[str] = Setting(
        frozenset(),
        description="Boards, categories or statuses it may act on though they mail, bill or pull a template.",
    )
    bars: Bars = Setting(default_factory=Bars, description="How sure it must be of a value.")
    time_to_live: Duration | None = Setting(None, description="How long after the verdict a write is still useful.")


class Past(Protocol):
    """What this plugin did on this thread before."""

    def last_note(self) -> str | None:
        """The text of its last living note here, without the marker line."""

    def verdicts(self) -> list[tuple[str, str]]:
        """(wish kind, verdict) of its earlier decisions here, oldest first."""

    def asked(self, field: Field) -> list[tuple[str, str]]:
        """(value, verdict) of its earlier wishes for that field of the present ticket, oldest first."""

    def noted(self, purpose: Purpose) -> list[str]:
        """Texts of the notes that it has wished for here with that purpose, oldest first, written or not."""


@dataclass(frozen=True)
class Similar:
    """A ticket that is like the one at hand."""

    ticket: Ticket
    score: float
    """0 to 1."""
    shared: tuple[str, ...] = ()
    """The rarest words that both have."""


@dataclass(frozen=True)
class Working:
    """How a technician is placed now."""

    person: Person
    on_shift: bool
    """Within their working hours, and not away."""
    tier: int | None = None
    """Where one is declared for their team."""
    open_tickets: int = 0
    booked: timedelta = timedelta(0)
    """Planned work of the next business day: entries of their calendar."""
    last_assigned_at: datetime | None = None


class Roster(Protocol):
    """The technicians of the desk."""

    def working(self) -> tuple[Working, ...]:
        """All active ones, accounts of integrations left out."""


class Nobody:
    """A roster of which nothing is known."""

    def working(self) -> tuple[Working, ...]:
        """None."""
        return ()


class Tickets(Protocol):
    """Read-only look-up of mirrored tickets of the same connection."""

    def similar(self, thread: Thread, most: int = 10, *, resolved: bool = False, own: bool = False) -> list[Similar]:
        """Other tickets that are like this thread, best first; only resolved ones, only of the same client.

        Confidential ones are never among them. What is shown of another client's ticket has to be redacted.
        """

    def thread(self, ref: Ref) -> Thread | None:
        """A mirrored ticket's whole conversation; None for a confidential one."""

    def get(self, ref: Ref) -> Ticket | None:
        """One mirrored ticket."""

    def recent_of_contact(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Other tickets of the same contact of the same client that changed since then, newest first."""

    def recent_of_company(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Other tickets of the same client that were opened since then, oldest first; merged ones are left out."""

    def other_clients(self, ticket: Ticket) -> list[str]:
        """Names of the clients of this desk besides the ticket's own: no note names one of them."""

    def meaning(self, board: str, status: str) -> Meaning | None:
        """What a status of a board means, present or past; None where nobody knows."""


@dataclass(frozen=True)
class Standing:
    """How a ticket stands, without its texts: what a sweep over all open tickets goes by."""

    ticket: Ticket
    last_key: str = ""
    """Key of the last message of a person that was more than thanks, a receipt, an automatic reply or a bounce."""
    last_by: ActorClass = ActorClass.UNKNOWN
    last_at: datetime | None = None
    customer_at: datetime | None = None
    """When the customer wrote last, thanks and automatic replies left out."""
    technician_at: datetime | None = None
    """When a technician last did something: wrote, logged time, set a field."""
    responded_at: datetime | None = None
    """When a technician first wrote something that the customer could see."""
    away_until: datetime | None = None
    """Until when the customer's newest automatic reply says that nobody is there."""
    bounced: bool = False
    """The last mail to the customer came back."""
    status_since: datetime | None = None
    """Since when it has had its status, as far as we saw."""
    messages: int = 0
    """How many messages of people it has."""
    open_children: int = 0
    appointments: tuple[Appointment, ...] = ()
    """Those on this ticket, done ones too."""
    tier: int | None = None
    """The support tier of its team or board, where one is declared."""
    is_vip: bool = False
    is_security: bool = False
    confidential: str = ""
    """Why nothing of it may be quoted or counted; empty when it may."""
    stopped: str = ""
    """Why nothing may be written to it; empty when it may."""
    had_by: tuple[str, ...] = ()
    """From whom somebody has taken it by hand, or who gave it back, the last one last; a sweep is not told."""
    calendar: Calendar = DEFAULT
    """Business time of its board, with its client's holidays."""

    def next_appointment(self, now: datetime) -> Appointment | None:
        """The first one on this ticket that is not over yet."""
        coming = (one for one in self.appointments if not one.done and one.ends > now)
        return min(coming, key=lambda one: one.starts, default=None)


@dataclass(frozen=True)
class Tools:
    """What a plugin may use while it thinks; reading only."""

    now: datetime
    past: Past
    tickets: Tickets
    text: Text
    llm: Llm
    """A model, where one is configured and allowed here; its `ask` answers None otherwise."""
    standing: Standing
    """How the ticket that would be written to stands."""
    memory: Memory = field(default_factory=Nothing)
    """What this plugin has learned here; reading only."""
    directory: Directory = field(default_factory=Directory)
    """Who and what exists in the PSA: a wish names nothing else."""
    roster: Roster = field(default_factory=Nobody)


@dataclass(frozen=True)
class Found:
    """A ticket that a sweep says somebody should look at; `key` makes ten sweeps one run."""

    ref: Ref
    because: str
    key: str
    """Class, step and what the step counts from, for example `silent:2:981`."""
    since: datetime | None = None
    """When it fell due; before the plugin began to act, it goes into the backlog."""
    score: float = 0.0
    """How bad it is: the backlog shows the worst first."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the run that follows needs to know again."""


class Plugin(ABC):
    """A processor of threads: a function of (change, thread, tools) that keeps nothing itself."""

    name: ClassVar[str]
    on: ClassVar[frozenset[EventKind]] = frozenset()
    wishes: ClassVar[frozenset[str]] = frozenset({"add_note internal", "edit_note"})
    """Kinds of writes that it may ask for, as the canary tries them: `add_note internal`, `change_field assignee`."""
    Settings: ClassVar[type[PluginSettings]] = PluginSettings

    def __init__(self, settings: PluginSettings) -> None:
        self.settings = settings

    def listens_to(self) -> frozenset[EventKind]:
        """Which of the events in `on` it wants to hear of as it is set up; each one is a run on record."""
        return self.on

    def asks_for(self) -> frozenset[str]:
        """Which of its `wishes` it may ask for as it is set up; the canary tries these."""
        return self.wishes

    @abstractmethod
    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """What this plugin would like written, each wish with its `because`; an empty list is a fine answer."""

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        """Learn from what people made of the desk's tickets, oldest first; called now and then, in its own process.

        Not defined: it learns nothing. What is kept must follow from these outcomes alone, so that replay can ask for
        what would have been known at an earlier time.
        """
        return

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterable[Found]:
        """For sweeps: which of these open tickets need a run now. Called for pages of tickets, every few minutes."""
        return ()

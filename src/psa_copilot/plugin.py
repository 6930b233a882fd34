"""The contract between the core and a plugin: look at a thread, say what you would do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from psa_copilot.actions import Action
from psa_copilot.connector import Duration, Setting
from psa_copilot.events import Change, EventKind
from psa_copilot.models import Moment, Ref, Thread, Ticket
from psa_copilot.text import Text


class When(BaseModel):
    """Which tickets a plugin looks at; a list left out lets everything through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: list[str] = Setting(default_factory=list, description="Only these connections.")
    board: list[str] = Setting(default_factory=list, description="Only these boards.")
    company: list[str] = Setting(default_factory=list, description="Only these companies.")
    priority: list[str] = Setting(default_factory=list, description="Only these priorities.")


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
    time_to_live: Duration | None = Setting(None, description="How long after the verdict a write is still useful.")


class Past(Protocol):
    """What this plugin did on this thread before."""

    def last_note(self) -> str | None:
        """The text of its last living note here, without the marker line."""

    def verdicts(self) -> list[tuple[str, str]]:
        """(wish kind, verdict) of its earlier decisions here, oldest first."""


class Tickets(Protocol):
    """Read-only look-up of mirrored tickets of the same connection."""

    def get(self, ref: Ref) -> Ticket | None:
        """One mirrored ticket."""


@dataclass(frozen=True)
class Tools:
    """What a plugin may use while it thinks; reading only."""

    now: datetime
    past: Past
    tickets: Tickets
    text: Text


@dataclass(frozen=True)
class Found:
    """A ticket that a sweep says somebody should look at; `key` makes ten sweeps one run."""

    ref: Ref
    because: str
    key: str


class Plugin(ABC):
    """A processor of threads: a function of (change, thread, tools) that keeps nothing itself."""

    name: ClassVar[str]
    on: ClassVar[frozenset[EventKind]] = frozenset()
    Settings: ClassVar[type[PluginSettings]] = PluginSettings

    def __init__(self, settings: PluginSettings) -> None:
        self.settings = settings

    @abstractmethod
    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """What this plugin would like written, each wish with its `because`; an empty list is a fine answer."""

    def find(self, now: datetime, tickets: Iterable[Ticket]) -> Iterable[Found]:
        """For sweeps: which of these tickets need a run now."""
        return ()

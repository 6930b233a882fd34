"""One wish before the policy, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psa_copilot.actions import Action
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.desk import Desk
from psa_copilot.engine.lines import Line
from psa_copilot.events import Change
from psa_copilot.models import Ref, Thread, Ticket
from psa_copilot.plugin import Plugin, PluginSettings, Tools
from psa_copilot.store import Transaction


@dataclass(frozen=True)
class Verdict:
    """What becomes of a wish, and why."""

    verdict: str
    reason: str = ""
    trips_breaker: bool = False
    hides: bool = False
    """The wish's own words are not kept either."""
    not_before: datetime | None = None
    """It may be written, but not before then."""


@dataclass(frozen=True)
class Case:
    """One wish before the policy."""

    config: Config
    line: Line
    plugin: EnabledPlugin
    thread: Thread
    ticket: Ticket
    wish: Action
    tx: Transaction
    now: datetime
    happened_at: datetime | None
    """When the newest event behind the wish happened."""
    decided_at: datetime | None = None
    """When it was wished, for one that is judged again before it is sent."""
    found: bool = False
    """A sweep asked for it: how long ago it fell due does not make it late."""

    @property
    def ref(self) -> Ref:
        """The ticket that would be written to."""
        return self.ticket.ref

    @property
    def desk(self) -> Desk:
        """What the desk has told about itself."""
        return self.line.settings.desk


class SuggestionNote(Plugin):
    """Stands for the core's own note that collects the suggestions of all plugins on a ticket."""

    name = "suggest"

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """It wishes nothing itself."""
        return []


SUGGEST = EnabledPlugin(SuggestionNote.name, SuggestionNote, PluginSettings(mode="suggest"))

Guard = Callable[[Case], Verdict | None]
"""Looks at one thing, and answers where it says no."""

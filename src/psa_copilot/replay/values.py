"""What a replay is asked for, and what it hands on to the scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psa_copilot.models import Field

SCORED = (Field.BOARD, Field.CATEGORY, Field.ASSIGNEE, Field.PRIORITY)
"""Fields of which people's own choices show what would have been right. A title has no right one."""
WOULD = "observed"
"""The verdict on a wish that nothing but the mode keeps from being written."""


@dataclass(frozen=True)
class Window:
    """The time that is replayed: whole days, so that two replays of one day are the same."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Decision:
    """What a plugin would have done on a ticket at a moment, and how that was judged."""

    at: datetime
    ticket: str
    plugin: str
    board: str
    """The ticket's board then."""
    kind: str
    field: str = ""
    was: str = ""
    to: str = ""
    confidence: float | None = None
    verdict: str = ""
    reason: str = ""
    because: str = ""
    learned: str = ""
    body: str = ""
    abstained: bool = False
    """It was not sure enough, whatever else would have kept it from being written."""
    declines: bool = False
    """It would not have been acted on however low the bar: the plugin itself says so."""
    tokens: int = 0

    @property
    def would_write(self) -> bool:
        """Nothing but the mode would have kept it from the PSA."""
        return self.verdict == WOULD and self.kind != "mention"

    def line(self) -> dict[str, Any]:
        """As one JSON object."""
        told = {name: getattr(self, name) for name in ("ticket", "plugin", "board", "kind", "field", "was", "to")}
        rest = ("confidence", "abstained", "verdict", "reason", "because", "learned", "body")
        return {"at": self.at.isoformat()} | told | {name: getattr(self, name) for name in rest}


@dataclass(frozen=True)
class Asked:
    """A plugin was asked about a ticket for the first time."""

    at: datetime
    board: str
    values: Mapping[Field, str]
    """How the ticket stood then, as far as it was known."""


@dataclass
class Counts:
    """How much there was to replay, and what could not be."""

    tickets: int = 0
    moments: int = 0
    runs: int = 0
    failed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Why runs failed, each with the first ticket."""
    stopped: dict[str, int] = field(default_factory=dict)
    """Why nothing was asked, and of how many tickets."""
    unknown: int = 0
    """Moments of tickets of which nobody knows on which board they were."""
    refits: list[tuple[datetime, int]] = field(default_factory=list)
    """When plugins learned, and from how many tickets."""


@dataclass(frozen=True)
class Truth:
    """What people made of one field of one ticket after a moment."""

    first: str
    final: str
    changed: bool
    """Whether somebody set it at all, or it was left as it stood."""


@dataclass(frozen=True)
class Played:
    """All that a replay has shown."""

    window: Window
    decisions: tuple[Decision, ...]
    asked: Mapping[tuple[str, str], Asked]
    """By plugin and ticket."""
    counts: Counts
    notes: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    """Dollars for a model, by plugin."""

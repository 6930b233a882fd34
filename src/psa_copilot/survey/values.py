"""What a digest is made of: findings, the tickets that they open, and the one to begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Sighting:
    """One ticket in a finding."""

    ref: str
    number: str
    title: str
    client: str
    board: str
    status: str
    priority: str
    owner: str
    opened_at: datetime
    link: str
    why: str
    weight: float
    """How bad it is, within its finding."""
    body: str = ""
    """What a plugin would have written."""


@dataclass(frozen=True)
class Finding:
    """One question to the desk, and the tickets that answer it, worst first."""

    key: str
    title: str
    rule: str
    """What counts, in a sentence."""
    sightings: tuple[Sighting, ...] = ()
    count: int = 0
    """Tickets that it is about; alerts fold many into one sighting."""
    unknown: str = ""
    """Why it cannot be told, or not fully; empty when it can."""


@dataclass(frozen=True)
class Term:
    """One reason why a ticket comes first, with its points."""

    says: str
    points: float


@dataclass(frozen=True)
class First:
    """The ticket to begin with: the worst of those that nobody sees."""

    ticket: Sighting
    says: str
    terms: tuple[Term, ...]

    @property
    def points(self) -> float:
        """All its reasons together."""
        return round(sum(term.points for term in self.terms), 1)


@dataclass(frozen=True)
class Counts:
    """What the digest is about, and what it is silent on."""

    open: int = 0
    unread: int = 0
    """Open tickets whose messages have not been read yet."""
    alerts: int = 0
    confidential: int = 0
    stopped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.open + other.open,
            self.unread + other.unread,
            self.alerts + other.alerts,
            self.confidential + other.confidential,
            self.stopped + other.stopped,
        )


@dataclass(frozen=True)
class Digest:
    """How a desk stands, as nobody has looked at it."""

    made_at: datetime
    connections: tuple[str, ...]
    first: First | None
    findings: tuple[Finding, ...]
    counts: Counts
    notes: tuple[str, ...] = field(default=())
    """What was not read, or is not known."""


def span(time: timedelta) -> str:
    """A length of time in a few words: `3 days`, `2 hours`, `15 minutes`."""
    minutes = max(0, int(time.total_seconds() // 60))
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size or (unit == "day" and minutes >= size):
            return _counted(minutes // size, unit)
    return _counted(minutes, "minute")


def business(days: float) -> str:
    """Business days in a few words."""
    if days < 1:
        return "less than a business day"
    return _counted(int(days), "business day")


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"

"""The values that choosing one value for a field is about: what is read of a ticket, what is known, what was chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

from psa_copilot.actions import Reason


@dataclass(frozen=True)
class Case:
    """What is read of a ticket to choose a value."""

    title: str
    text: str = ""
    contact: str = ""

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True)
class Example:
    """A ticket whose value is known; `key` is how it is cited."""

    key: str
    case: Case
    label: str


@dataclass(frozen=True)
class Choice:
    """The most likely value; not `decided` means: abstain."""

    label: str
    confidence: float
    topk: tuple[tuple[str, float], ...] = ()
    decided: bool = False
    steered: bool = False
    """Whether the ticket orders software to choose this very value; the order itself was not read."""
    quarantined: tuple[str, ...] = ()
    """What was not read, because it gives orders to software."""
    reasons: tuple[Reason, ...] = field(default=(), compare=False)

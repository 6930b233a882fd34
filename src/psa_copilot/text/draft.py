"""A note before it is written out: its first line, and its parts by name, so that a template can put them otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_STATED = "not stated"

PARTS: Mapping[str, tuple[str, ...]] = {
    "recap": ("problem", "tried", "next_step", "customer_knows", "open", "last_word", "personal", "orders", "more"),
    "hand-off": (
        "problem",
        "tried",
        "observed",
        "environment",
        "contact",
        "promised",
        "not_done",
        "personal",
        "orders",
    ),
    "resolution": ("issue", "environment", "cause", "resolution"),
}
"""The parts that a note of each purpose can have; one that there is nothing to say for is empty."""


@dataclass(frozen=True)
class Draft:
    """One note in parts."""

    purpose: str
    first: str
    """The whole first line: state and next step."""
    parts: Mapping[str, str]
    """By name, without their labels, in the order of their lines."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What stands before a part, where it is not its name."""

    def text(self) -> str:
        """The note as it is written without a template."""
        lines = (f"{self.label(name)}: {said}" for name, said in self.parts.items() if said)
        return "\n".join([self.first, *lines])

    def label(self, name: str) -> str:
        """What stands before a part."""
        return self.labels.get(name, name.replace("_", " ").capitalize())

    def values(self) -> dict[str, str]:
        """All parts that a note of this purpose can have, for a template."""
        return {name: self.parts.get(name, "") for name in PARTS[self.purpose]} | {"first": self.first}

"""One thing that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

About = Literal[
    "lock",
    "database",
    "schema",
    "cursor",
    "stranded write",
    "dead work",
    "clock",
    "request budget",
    "model budget",
    "unreachable",
    "key",
    "right",
]
"""What can be wrong; scripts may rely on these names."""


@dataclass(frozen=True)
class Complaint:
    """What is wrong, where, and what mends it."""

    about: About
    where: str
    """A connection, a file, a plugin."""
    says: str
    mend: str

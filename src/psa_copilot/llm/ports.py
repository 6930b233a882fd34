"""What the gateway needs from above: somebody who counts the money, and somebody who remembers answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from psa_copilot.models import Moment


@dataclass(frozen=True)
class Account:
    """Who a call is booked on."""

    plugin: str
    company: str
    model: str


@dataclass(frozen=True)
class Limits:
    """Dollars that may be spent in the 24 hours before a call; None where nothing is set."""

    day: float
    plugin: float | None = None
    company: float | None = None


@dataclass(frozen=True)
class Used:
    """What one call took."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class Spend(Protocol):
    """What models cost in the last 24 hours, counted over all processes."""

    def reserve(self, account: Account, most: float, limits: Limits, now: Moment) -> int | None:
        """Book the most that a call can cost, in the transaction that looks at the limits; None: one is used up.

        `fits(spent, most, limit)` is the rule for each limit; what the last 24 hours hold counts reserved
        amounts too, so calls at the same time cannot overshoot together.
        """

    def settle(self, booking: int, used: Used) -> None:
        """The call is over and took this much instead of what was reserved."""

    def spent(self, now: Moment, *, plugin: str | None = None, company: str | None = None) -> float:
        """Dollars of the last 24 hours: over everything, of one plugin, or of one client."""


class Cache(Protocol):
    """Answers to what was asked before. A value holds no personal data: it is kept as the model gave it."""

    def get(self, key: str) -> str | None:
        """The answer kept under this key."""

    def put(self, key: str, value: str, now: Moment) -> None:
        """Keep an answer; a later one under the same key replaces it."""


def fits(spent: float, most: float, limit: float | None) -> bool:
    """Whether one more call may be made: a limit of 0 stops free calls too."""
    return limit is None or (limit > 0 and spent + most <= limit)

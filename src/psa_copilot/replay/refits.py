"""When plugins learn in a replay: few times, more and more tickets apart, and by nothing that comes later."""

from __future__ import annotations

from datetime import datetime

from psa_copilot.engine.learning import FEWEST
from psa_copilot.replay.values import Window

MOST = 6
FIRST = 150
"""Tickets, of which the first learning waits for no more; on a small desk it waits for fewer."""
FIRST_SHARE, LAST_SHARE = 0.025, 0.75
"""Of the tickets that the window will have brought, as far as can be told: the first learning's and the last one's."""
LEAST_GROWTH = 1.15


class Refits:
    """Counts the tickets that are known, and says when it is time."""

    def __init__(self, window: Window) -> None:
        self._until, self.done = window.until, 0
        self._next: float | None = None
        self._began: tuple[int, datetime] | None = None

    def is_due(self, known: int, at: datetime) -> bool:
        """Whether plugins should learn now."""
        self._began = self._began or (known, at)
        if self.done >= MOST:
            return False
        first = min(FIRST, max(FEWEST, FIRST_SHARE * self._expected(known, at)))
        return known >= (first if self._next is None else self._next)

    def learned(self, known: int, at: datetime) -> None:
        """They have."""
        self.done += 1
        left = max(1, MOST - self.done)
        growth = (LAST_SHARE * self._expected(known, at) / known) ** (1 / left)
        self._next = known * max(LEAST_GROWTH, growth)

    def _expected(self, known: int, at: datetime) -> float:
        """Tickets at the window's end, if they go on coming as they have so far."""
        before, began = self._began or (known, at)
        passed = max((at - began).total_seconds(), 1.0)
        return known + (known - before) * (self._until - at).total_seconds() / passed

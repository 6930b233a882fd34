"""What is due when: deeds, done in the order of the sandbox's time."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import count

from psa_copilot.sandbox.clock import SandboxClock

Deed = Callable[[], object]


class Agenda:
    """Deeds that wait for their moment. Where the clock jumps, they are still done one after the other."""

    def __init__(self, clock: SandboxClock) -> None:
        self.left = 0  # deeds of people; what the PSA does by itself is not waited for
        self._clock = clock
        self._due: list[tuple[datetime, int, Deed, bool]] = []
        self._number = count()
        self._nudge = asyncio.Event()
        clock.on_move(self._nudge.set)

    def at(self, moment: datetime, deed: Deed, *, by_itself: bool = False) -> None:
        """Have `deed` done when the clock has come to `moment`."""
        self.left += not by_itself
        heapq.heappush(self._due, (moment, next(self._number), deed, by_itself))
        self._nudge.set()

    async def live(self) -> None:
        """Do each deed in its time, until cancelled."""
        while True:
            self._nudge.clear()
            self._do_what_is_due()
            try:
                await asyncio.wait_for(self._nudge.wait(), self._seconds_to_next())
            except TimeoutError:
                continue

    def _do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= self._clock.now():
            _, _, deed, by_itself = heapq.heappop(self._due)
            self.left -= not by_itself
            do(deed)

    def _seconds_to_next(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, (self._due[0][0] - self._clock.now()).total_seconds() / self._clock.speed)


def do(deed: Deed) -> None:
    """Do a deed; one that fails is told on stderr and stops no other."""
    try:
        deed()
    except (LookupError, ValueError) as exc:  # a ticket may be gone by then
        print(f"sandbox: a scripted step failed: {exc!r}", file=sys.stderr, flush=True)  # noqa: T201

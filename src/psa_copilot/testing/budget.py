"""A budget for one process, for tests of connectors without a store."""

from __future__ import annotations

from datetime import datetime, timedelta

from psa_copilot.clock import Clock
from psa_copilot.errors import RateLimited

WINDOW = timedelta(minutes=1)
PATIENCE = timedelta(seconds=10)
"""A longer wait than this is refused instead of sat out."""


class LocalBudget:
    """At most `rate` requests in any minute, and none while the PSA has asked us to wait."""

    def __init__(self, connection: str, clock: Clock, rate: int = 600) -> None:
        self._connection, self._clock, self._rate = connection, clock, rate
        self.taken: list[datetime] = []
        self.in_background: list[bool] = []
        self.blocked: datetime | None = None

    async def take(self, *, background: bool) -> None:
        """Wait for a free place in the window; RateLimited when the PSA's own wait is long."""
        await self._sit_out()
        while len(self.taken) >= self._rate and self._clock.now() - self.taken[-self._rate] < WINDOW:
            await self._clock.sleep_until(self.taken[-self._rate] + WINDOW)
        self.taken.append(self._clock.now())
        self.in_background.append(background)

    def blocked_until(self, moment: datetime) -> None:
        """The PSA said: no request before `moment`."""
        self.blocked = max(self.blocked or moment, moment)

    async def _sit_out(self) -> None:
        if self.blocked is None:
            return
        if self.blocked - self._clock.now() > PATIENCE:
            raise RateLimited(self._connection, "send a request", "the PSA asked us to wait", retry_after=self.blocked)
        await self._clock.sleep_until(self.blocked)

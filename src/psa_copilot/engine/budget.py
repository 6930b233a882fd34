"""The request budget of one PSA tenant: a GCRA row in the store, shared by all processes.

GCRA (ITU-T I.371): each request moves a theoretical arrival time on by one interval; a request may go when
that time is at most a burst ahead. With `rate - burst` requests a minute flowing in and a burst on top, no
60 seconds can hold more than `rate`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psa_copilot.clock import Clock
from psa_copilot.errors import RateLimited
from psa_copilot.models import Moment
from psa_copilot.store import Store

MINUTE = 60.0
ON_THE_WAY = 1.03
"""Requests arrive less evenly than they leave; this much slack keeps the PSA's minutes within the rate too."""
SHORT_WAIT = timedelta(seconds=10)
"""The PSA's own wait is sat out up to this length; a longer one is the caller's matter."""


class TenantBudget:
    """Waits for the right to send one request."""

    def __init__(self, store: Store, connection: str, rate: int, clock: Clock) -> None:
        self._store, self._connection, self._clock = store, connection, clock
        self._burst = max(1, rate // 10)
        self._interval = ON_THE_WAY * MINUTE / max(1, rate - self._burst)

    async def take(self, *, background: bool) -> None:
        """Wait for one slot; background work leaves half of the burst to everybody else."""
        while True:
            wait = self._book(self._burst // 2 if background else self._burst)
            if wait <= 0:
                return
            await self._clock.sleep(wait)

    def blocked_until(self, moment: Moment) -> None:
        """The PSA said: no request before `moment`."""
        with self._store.transaction() as tx:
            row = tx.work.budget(self._connection)
            row.blocked_until = max(row.blocked_until, moment.timestamp())

    def _book(self, burst: int) -> float:
        """Book a slot, or tell how many seconds to wait before asking again."""
        now = self._clock.now().timestamp()
        with self._store.passing() as tx:
            row = tx.work.budget(self._connection)
            if row.blocked_until > now:
                return self._blocked(row.blocked_until, now)
            early = row.next_at - max(0, burst - 1) * self._interval
            if early > now:
                return early - now
            row.next_at = max(row.next_at, now) + self._interval
            return 0.0

    def _blocked(self, until: float, now: float) -> float:
        if until - now <= SHORT_WAIT.total_seconds():
            return until - now
        raise RateLimited(
            self._connection,
            "send a request",
            "the PSA asked us to wait",
            retry_after=datetime.fromtimestamp(until, UTC),
        )

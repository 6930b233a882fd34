"""The request budget of one PSA tenant: a GCRA row in the store, shared by all processes.

GCRA (ITU-T I.371): each request moves a theoretical arrival time on by one interval; a request may go when
that time is at most a burst ahead. With `rate - burst` requests a minute flowing in and a burst on top, no
60 seconds can hold more than `rate`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psa_copilot import metrics
from psa_copilot.clock import Clock
from psa_copilot.connector import Allowance
from psa_copilot.errors import RateLimited
from psa_copilot.models import Moment
from psa_copilot.store import Store

MINUTE = 60.0
ON_THE_WAY = 1.03
"""Requests arrive less evenly than they leave; this much slack keeps the PSA's minutes within the rate too."""
SHORT_WAIT = timedelta(seconds=10)
"""The PSA's own wait is sat out up to this length; a longer one is the caller's matter."""

SCARCE = 0.25
"""With less than this share of the tenant's own limit left, background work rests: others live from it too."""
REST = timedelta(minutes=1)
AN_ANSWER = timedelta(seconds=0.5)
"""So long a PSA usually takes; what is read one by one goes no faster, whatever the rate."""


class TenantBudget:
    """Waits for the right to send one request; interactive work goes before background work."""

    def __init__(self, store: Store, connection: str, rate: int, clock: Clock) -> None:
        self._store, self._connection, self._clock = store, connection, clock
        self._burst = max(1, rate // 10)
        self._interval = ON_THE_WAY * MINUTE / max(1, rate - self._burst)
        self._in_a_hurry = 0
        self._is_scarce = False

    async def take(self, *, background: bool) -> None:
        """Wait for one slot; background work waits for all others, and leaves half of the burst to those who come."""
        began, labels = self._clock.now(), (self._connection, "background" if background else "interactive")
        self._in_a_hurry += not background
        try:
            with metrics.BUDGET_WAITING.labels(*labels).track_inprogress():
                while (wait := self._left_behind() if background else self._book(self._burst)) > 0:
                    await self._clock.sleep(wait)
        finally:
            self._in_a_hurry -= not background
        metrics.BUDGET_WAITS.labels(*labels).observe((self._clock.now() - began).total_seconds())

    def _left_behind(self) -> float:
        """Book a slot for background work, or tell how long it gives way."""
        if self._is_scarce:
            return REST.total_seconds()
        return self._interval if self._in_a_hurry else self._book(self._burst // 2)

    def told(self, allowance: Allowance) -> None:
        """The PSA tells what its own limit leaves to everybody."""
        metrics.LIMIT.labels(self._connection).set(allowance.most)
        metrics.LIMIT_LEFT.labels(self._connection).set(allowance.left)
        self._is_scarce = allowance.left < SCARCE * allowance.most

    def lasts(self, requests: int) -> timedelta:
        """How long so many requests take when nobody else sends any."""
        return requests * max(timedelta(seconds=self._interval), AN_ANSWER)

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

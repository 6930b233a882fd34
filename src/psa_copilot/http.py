"""The toolkit for connectors: one place that waits, retries reads, keeps to the budget and names errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from psa_copilot.clock import Clock
from psa_copilot.models import Moment


class Budget(Protocol):
    """The requests that one PSA tenant allows us, shared by all processes."""

    async def take(self, *, background: bool) -> None:
        """Wait for the right to send one request; RateLimited when the PSA's own wait is still long."""

    def blocked_until(self, moment: Moment) -> None:
        """The PSA said: no request before `moment`."""


class Answer:
    """One answer of the PSA."""


class Http:
    """Requests to one PSA."""

    def __init__(self, connection: str, clock: Clock, budget: Budget, timeout: timedelta) -> None:
        self.connection = connection

"""Tells of forged webhooks once a minute, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from psa_copilot import logs

EVERY = 60.0  # seconds

log = logs.get(__name__)


class Forgeries:
    """How many came for each connection since its last warning."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._untold: Counter[str] = Counter()
        self._quiet_until: dict[str, float] = {}

    def saw_one(self, connection: str) -> None:
        """Count it, and warn unless we have just done so."""
        self._untold[connection] += 1
        if self._now() >= self._quiet_until.get(connection, 0.0):
            log.warning("webhooks_forged", connection=connection, count=self._untold.pop(connection))
            self._quiet_until[connection] = self._now() + EVERY

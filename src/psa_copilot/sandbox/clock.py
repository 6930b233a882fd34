"""The sandbox's own time: it can run fast, and it can be moved on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from psa_copilot.clock import Clock


class SandboxClock(Clock):
    """A clock that tells those who wait on it when it was moved."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers: list[Callable[[], None]] = []

    def on_move(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` called whenever somebody moves the clock or changes its speed."""
        self._watchers.append(watcher)

    def advance(self, by: timedelta) -> None:
        """Let so much time have passed at once."""
        self._move(self.now() + by, self.speed)

    def run_at(self, speed: float) -> None:
        """Run so many times as fast as real time from now on."""
        self._move(self.now(), speed)

    def _move(self, now: datetime, speed: float) -> None:
        self.set(now, speed)
        for watcher in self._watchers:
            watcher()


def iso(moment: datetime) -> str:
    """ISO UTC with its fraction of a second."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_second(moment: datetime) -> str:
    """ISO UTC as PSAs print it: whole seconds, cut and not rounded."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"

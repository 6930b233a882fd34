"""What we ask of a durable engine, so that no part but one knows which engine it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

Handler = Callable[[int], Awaitable[None]]


class Engine(Protocol):
    """Carries out rows of work, each at least once, one at a time in a partition.

    Handlers get the number of a row, repeat harmlessly, and run in the event loop that called `start`.
    """

    async def start(self, handlers: Mapping[str, Handler]) -> None:
        """Begin to carry out work, first of all what an earlier process left behind; one handler per queue."""

    async def enqueue(self, queue: str, work_id: str, row: int, partition: str, lane: str = "") -> None:
        """Take in a piece of work; an id that is known already changes nothing. No lane waits for another one."""

    async def ended(self, work_id: str) -> bool:
        """Whether nothing more will come of this id: it is over, or was never known here."""

    async def tidy(self) -> None:
        """Forget work that ended long ago."""

    async def stop(self) -> None:
        """Stop within seconds; work under way gets a moment, or is done again at the next start."""

"""Lists that are behind: a change shows in them some seconds later than in the record itself."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from psa_copilot.sandbox import Row, Table, World


class Lagging:
    """A table as lists show it."""

    def __init__(self, table: Table, world: World) -> None:
        self._table = table
        self._world = world
        self._behind: Table | None = None  # only while the switch makes lists late
        self._due: deque[tuple[datetime, int, Row | None]] = deque()

    def table(self) -> Table:
        """The rows that lists show now."""
        if self._behind is None:
            return self._table
        now = self._world.clock.now()
        while self._due and self._due[0][0] <= now:
            _, number, row = self._due.popleft()
            self._catch_up(self._behind, number, row)
        if not self._due and not self._seconds:
            self._behind = None
        return self._behind or self._table

    def before(self, number: int, row: Row | None) -> None:
        """A row is about to change, or to go."""
        if not self._seconds and self._behind is None:
            return
        if self._behind is None:
            self._behind = self._table.copy()
        self._due.append((self._world.clock.now() + timedelta(seconds=self._seconds), number, row))

    @property
    def _seconds(self) -> float:
        return self._world.switches.number("late_visibility")

    def _catch_up(self, behind: Table, number: int, row: Row | None) -> None:
        if row is not None:
            behind.put(row, row["_info"]["lastUpdated"])
        elif behind.get(number) is not None:
            behind.drop(number)

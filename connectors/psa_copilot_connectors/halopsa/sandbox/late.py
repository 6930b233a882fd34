"""Reads that are behind: what was written shows in them some seconds later."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from psa_copilot.sandbox import Row, Table, World


class Late:
    """A table as reads show it; its writers tell it first."""

    def __init__(self, table: Table, world: World) -> None:
        self._table, self._world = table, world
        self._behind: Table | None = None  # only while the switch makes reads late
        self._due: deque[tuple[datetime, int, Row | None, str]] = deque()

    def table(self) -> Table:
        """The rows that reads show now."""
        if self._behind is None:
            return self._table
        now = self._world.clock.now()
        while self._due and self._due[0][0] <= now:
            _, number, row, stamp = self._due.popleft()
            if row is not None:
                self._behind.put(row, stamp)
            elif self._behind.get(number) is not None:
                self._behind.drop(number)
        if not self._due and not self._seconds:
            self._behind = None
        return self._behind or self._table

    def before(self, number: int, row: Row | None, stamp: str = "") -> None:
        """A row is about to change, or to go."""
        if not self._seconds and self._behind is None:
            return
        if self._behind is None:
            self._behind = self._table.copy()
        self._due.append((self._world.clock.now() + timedelta(seconds=self._seconds), number, row, stamp))

    @property
    def _seconds(self) -> float:
        return self._world.switches.number("late_visibility")

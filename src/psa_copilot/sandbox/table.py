"""Rows in memory, by id and by the second of their last change, so that no page sorts the whole desk."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

Row = dict[str, Any]  # a record in the PSA's own JSON


class Picked(Sequence[Row]):
    """Rows by their ids, looked up only where somebody looks at them."""

    def __init__(self, rows: Mapping[int, Row], ids: Sequence[int]) -> None:
        self._rows = rows
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Picked: ...

    def __getitem__(self, place: int | slice) -> Row | Picked:
        if isinstance(place, slice):
            return Picked(self._rows, self._ids[place])
        return self._rows[self._ids[place]]

    def __iter__(self) -> Iterator[Row]:
        return map(self._rows.__getitem__, self._ids)


class Table:
    """Rows of one kind. A row is never changed in place: put a new one, so that old copies stay as they were."""

    def __init__(self, first_id: int = 1) -> None:
        self.rows: dict[int, Row] = {}
        self.version = 0
        self._next = first_id
        self._ids: list[int] = []
        self._stamps: dict[int, str] = {}
        self._by_stamp: list[tuple[str, int]] | None = None  # made at the first query, then kept up

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self.in_id_order()))  # whoever goes through them may drop some

    def new_id(self) -> int:
        """An id that nobody has had; they only grow."""
        self._next += 1
        return self._next - 1

    def get(self, row_id: int) -> Row | None:
        """The row with this id, if it is there."""
        return self.rows.get(row_id)

    def put(self, row: Row, stamp: str = "") -> Row:
        """Keep a new row, or the new shape of an old one."""
        row_id = int(row["id"])
        if row_id not in self.rows:
            insort(self._ids, row_id)
            self._next = max(self._next, row_id + 1)
        self._restamp(row_id, stamp)
        self.rows[row_id] = row
        self.version += 1
        return row

    def copy(self) -> Table:
        """The same rows in a table of their own."""
        other = Table(self._next)
        other.rows, other._ids, other._stamps = dict(self.rows), list(self._ids), dict(self._stamps)
        return other

    def drop(self, row_id: int) -> Row:
        """Take a row away."""
        del self._ids[bisect_left(self._ids, row_id)]
        self._forget_stamp(row_id)
        self.version += 1
        return self.rows.pop(row_id)

    def in_id_order(self, low: int = 0, high: int | None = None) -> Picked:
        """Rows with low ≤ id ≤ high."""
        start = bisect_left(self._ids, low)
        end = len(self._ids) if high is None else bisect_right(self._ids, high)
        return Picked(self.rows, self._ids[start:end])

    def in_stamp_order(self, low: str = "", high: str = "") -> Picked:
        """Rows with low ≤ stamp ≤ high, those of one second by id."""
        if self._by_stamp is None:
            self._by_stamp = sorted((stamp, row_id) for row_id, stamp in self._stamps.items())
        start = bisect_left(self._by_stamp, (low, 0))
        end = bisect_right(self._by_stamp, (high, self._next)) if high else len(self._by_stamp)
        return Picked(self.rows, [row_id for _, row_id in self._by_stamp[start:end]])

    def _restamp(self, row_id: int, stamp: str) -> None:
        if self._stamps.get(row_id) == stamp:
            return
        self._forget_stamp(row_id)
        self._stamps[row_id] = stamp
        if self._by_stamp is not None:
            insort(self._by_stamp, (stamp, row_id))

    def _forget_stamp(self, row_id: int) -> None:
        old = self._stamps.pop(row_id, None)
        if old is not None and self._by_stamp is not None:
            del self._by_stamp[bisect_left(self._by_stamp, (old, row_id))]

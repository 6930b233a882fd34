"""Places in a text that hold something of a kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Found:
    """Something of a kind, by its place in the text."""

    start: int
    end: int
    kind: str


def merged(found: Iterable[Found]) -> list[Found]:
    """In order and without overlaps: what overlaps becomes one, of the kind that covers more."""
    result: list[Found] = []
    for each in sorted(found):
        last = result[-1] if result else None
        if last is None or each.start >= last.end:
            result.append(each)
        else:
            longer = max(last, each, key=lambda one: one.end - one.start)
            result[-1] = Found(last.start, max(last.end, each.end), longer.kind)
    return result

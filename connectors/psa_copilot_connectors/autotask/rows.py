"""How a row of Autotask's JSON is looked into: its times, its numbers, and nothing where something is odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from psa_copilot import Moment

Row = dict[str, Any]
CHUNK = 400
"""Values in one `in`; the PSA takes 500 alternatives in a whole question."""


def moment(text: object) -> Moment | None:
    """A time of theirs, which is UTC with or without saying so; None when it is missing or no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def stamp(when: Moment) -> str:
    """A time as filters and bodies want it: in whole seconds, cut and not rounded."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(row: Row, key: str) -> int | None:
    """A whole number; numbers may come as text."""
    value = row.get(key)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(row: Row, key: str) -> str:
    """A text as people wrote it; some carry NUL characters."""
    value = row.get(key)
    return str(value).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip() if value else ""


def full_name(row: Row) -> str:
    """First and last name."""
    return " ".join(filter(None, (text(row, "firstName"), text(row, "lastName"))))


def chunks(values: Iterable[int]) -> Iterator[list[int]]:
    """So many at a time as one question takes."""
    wanted = sorted(values)
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def where(field: str, op: str, value: object) -> Row:
    """One condition of a filter."""
    return {"op": op, "field": field, "value": value}

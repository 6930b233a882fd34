"""How a row of ConnectWise's JSON is looked into: its times, its nested records, and nothing where something is odd."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psa_copilot import Moment

Row = dict[str, Any]


def moment(text: object) -> Moment | None:
    """A time of theirs, UTC unless it says otherwise; None when it is missing or no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def stamp(when: Moment) -> str:
    """A time as bodies and conditions want it, in whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def part(row: Row, key: str) -> Row:
    """A nested record; an empty one where they sent nothing, or something else."""
    inner = row.get(key)
    return inner if isinstance(inner, dict) else {}


def parts(row: Row, key: str) -> list[Row]:
    """A nested list of records; lists may be null."""
    inner = row.get(key)
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def info(row: Row) -> Row:
    """Who saved the record, and when."""
    return part(row, "_info")


def name_in(row: Row, key: str) -> str:
    """The name of a nested record."""
    return str(part(row, key).get("name") or "")


def id_in(row: Row, key: str) -> str:
    """The number of a nested record, as text."""
    return str(part(row, key).get("id") or "")


def saved_at(row: Row) -> Moment | None:
    """When the record was last saved."""
    return moment(info(row).get("lastUpdated"))


def reference(row: Row) -> Row:
    """What a body says to mean this record."""
    return {"id": int(row["id"])}

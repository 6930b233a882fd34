"""How the sandbox writes times, and what of a row is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from psa_copilot.sandbox import Row

LOCAL = ZoneInfo("America/New_York")
"""Where a server stands that does not tell its times in UTC."""


def stamp(moment: datetime) -> str:
    """A time as Halo writes it: UTC without saying so, in thousandths of a second."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def read_stamp(text: str) -> str:
    """The same from what a client sent, with or without a zone; ValueError when it is no time."""
    moment = datetime.fromisoformat(text)
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def moment(text: str) -> datetime:
    """The moment that a stamp of ours means."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(stamp: str) -> str:
    """A stamp of ours on the wall of such a server."""
    return moment(stamp).astimezone(LOCAL).replace(tzinfo=None).isoformat(timespec="milliseconds")


def shown(row: Row) -> Row:
    """A row without what only the sandbox knows."""
    return {name: value for name, value in row.items() if not name.startswith("_")}

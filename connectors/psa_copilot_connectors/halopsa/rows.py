"""How a row of Halo's JSON is looked into: its times, its ids that may be decimals, and nothing where it says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from psa_copilot import Moment

Row = dict[str, Any]

FEW = 5
"""Of a kind, so many are named."""
FIRST_YEAR = 1981
"""Dates before it mean that there is none: Halo writes 1899, 1900 and 0001."""

PASSING = frozenset(
    {"slatimeleft", "slapercused", "slatimeelapsed", "slaholdtime", "slastate", "slaresponsestate", "slatimeremaining"}
    | {"currentelapsedhours", "ticketage", "elapsed_response_hours", "elapsed_resolution_hours", "responsetime"}
    | {"first_responsetime", "read", "seenby", "hover_summary", "sla_timer_text"}
)
"""Of a ticket, what goes on by itself while the clock runs."""


def settled(row: Row) -> Row:
    """A row without what goes on by itself."""
    return {name: value for name, value in row.items() if name not in PASSING}


def moment(text: object, zone: tzinfo = UTC) -> Moment | None:
    """A time of theirs, in `zone` unless it says otherwise; None when it is missing, a placeholder, or no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    if read.year < FIRST_YEAR:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)


def reached(when: Moment, zone: tzinfo) -> Moment:
    """How early a time of the same clock may be read: an hour that comes twice is always read as its first coming."""
    first, second = (when.astimezone(zone).replace(fold=fold).utcoffset() for fold in (0, 1))
    return when - max((first or timedelta()) - (second or timedelta()), timedelta())


def is_no_date(value: object) -> bool:
    """Whether it is a date that means that there is none."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).year < FIRST_YEAR
    except ValueError:
        return False


def stamp(when: Moment) -> str:
    """A time so that two of them compare as texts: what the walk over changes goes by."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def asked(when: Moment, zone: tzinfo) -> str:
    """A time as parameters and bodies want it: whole seconds, without a zone."""
    return when.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def number(value: object) -> str:
    """An id as text: `21.0` and `"21"` are 21, and -1, 0 and nothing are no id."""
    if isinstance(value, bool) or value is None:
        return ""
    try:
        whole = int(float(str(value)))
    except ValueError:
        return str(value)  # a GUID
    return str(whole) if whole > 0 else ""


def count(value: object) -> int:
    """A number that may be missing, negative for none, or text."""
    return int(number(value)) if number(value).isdecimal() else 0


def text(row: Row, key: str) -> str:
    """A text; empty when it is missing."""
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""


def is_set(value: object) -> bool:
    """Whether there is something: Halo writes -1 and 0 where there is nothing, and hours in fractions."""
    if isinstance(value, bool):
        return value
    try:
        return float(str(value or 0)) > 0
    except ValueError:
        return bool(str(value).strip("0-"))  # a GUID, which may be all zeros, or a name


def some(what: str, which: Iterable[str]) -> list[str]:
    """One line for all of a kind, or none."""
    told = list(which)
    named = ", ".join(filter(None, told[:FEW])) + (", …" if len(told) > FEW else "")
    return [f"{len(told)} × {what}" + (f": {named}" if named else "")] if told else []

"""What ConnectWise tells about the SLA of a ticket: when the next target is missed, and all of it in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from psa_copilot import Moment
from psa_copilot_connectors.connectwise.rows import Row, info, moment, part

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_HOURS = "AllHours"
SOON = timedelta(days=100)
"""A date so near needs no comparing with other readings."""

# In the order in which they are met: the stamp of the ticket that meets it, its minutes, the hours that an SLA allows.
TARGETS = (
    ("dateResponded", "respondMinutes", "respondHours"),
    ("dateResplan", "resPlanMinutes", "planWithin"),
    ("dateResolved", "resolveMinutes", "resolutionHours"),
)

# For example `Respond by Tue 10/12 4:00 PM UTC-04`. The page calls the wording unverified, so whatever does not
# read like this is no date, and never a guess.
_DUE = re.compile(
    r"\bby\s+(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)\w*,?\s+)?"
    r"(?P<one>\d{1,2})/(?P<two>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?,?\s+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?\s*(?P<half>[ap]m)?"
    r"\s*(?:UTC|GMT)(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?",
    re.IGNORECASE,
)
_PAUSED = re.compile(r"\bwaiting\b|\bpaused\b|\bon hold\b", re.IGNORECASE)


@dataclass(frozen=True)
class Promise:
    """What one SLA promises for one priority, in hours by target; only where its clock never stops."""

    hours: Mapping[str, float]


Promises = Mapping[tuple[int, int], Promise]
"""By number of the SLA and of the priority."""


def promises(sla: Row, priorities: Iterable[Row]) -> dict[tuple[int, int], Promise]:
    """What an SLA promises; nothing when it counts business hours, which only the PSA knows."""
    if sla.get("basedOn") != ALL_HOURS:
        return {}
    return {
        (int(sla["id"]), int(row["priority"]["id"])): Promise(
            {name: float(row[name]) for _, _, name in TARGETS if row.get(name)}
        )
        for row in priorities
        if isinstance(row.get("priority"), dict) and row["priority"].get("id")
    }


def due(row: Row, near: Moment, known: Promises | None = None) -> Moment | None:
    """When the next open target is missed; None without one, while the clock is paused, and when nobody knows."""
    told = str(row.get("slaStatus") or "")
    if row.get("closedFlag") or row.get("dateResolved") or _PAUSED.search(told):
        return None
    return _read(told, near) or (_counted(row, known) if known else None)


def met(row: Row) -> bool | None:
    """Whether a resolved ticket kept all its targets; None of any other, and without an SLA."""
    told = row.get("isInSla")
    return bool(told) if part(row, "sla") and row.get("dateResolved") and told is not None else None


def state(row: Row) -> str:
    """All that is told of targets, in one line: two equal lines mean that nothing has moved.

    What passes by itself is left out, or every late ticket would look as if somebody had moved its target: whether it
    is in its SLA, and the minutes of a target that is still open.
    """
    return "; ".join(_told(row))


def _told(row: Row) -> Iterator[str]:
    if sla := part(row, "sla"):
        yield f"sla {sla.get('name') or sla.get('id')}"
    if row.get("slaStatus"):
        yield str(row["slaStatus"])
    for stamp, minutes, _ in TARGETS:
        if row.get(stamp):
            yield f"{stamp} {row[stamp]} ({row.get(minutes) or 0} min)"
    for name in ("escalationStartDateUTC", "escalationLevel"):
        if row.get(name):
            yield f"{name} {row[name]}"


def _read(told: str, near: Moment) -> Moment | None:
    """The date in the PSA's words: nearest to `near` where it names no year, its weekday telling month from day."""
    found = _DUE.search(told) if " by " in told else None
    if not found:
        return None
    weekday = (found["weekday"] or "")[:3].casefold()
    fits = []
    for one in _candidates(found, near):
        if not weekday or WEEKDAYS[one.weekday()] == weekday:
            if abs(one - near) < SOON:
                return one.astimezone(UTC)
            fits.append(one)
    return min(fits, key=lambda one: abs(one - near)).astimezone(UTC) if fits else None


def _candidates(found: re.Match[str], near: Moment) -> Iterator[datetime]:
    """Every reading of it, the likeliest first: American, and of this year."""
    one, two = int(found["one"]), int(found["two"])
    years = [_year(found["year"])] if found["year"] else [near.year, near.year + 1, near.year - 1]
    orders = [(one, two)] if not found["weekday"] else [(one, two), (two, one)]
    hour, minute, zone = _hour(found), int(found["minute"]), _zone(found["offset"] or "")
    for month, day in orders:
        for year in years:
            try:
                yield datetime(year, month, day, hour, minute, tzinfo=zone)
            except ValueError:  # there is no such day
                continue


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["hour"]), (found["half"] or "").casefold()
    return hour % 12 + 12 * (half == "pm") if half else hour


@cache
def _zone(offset: str) -> timezone:
    if not offset:
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    return timezone((1 if offset[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _counted(row: Row, known: Promises) -> Moment | None:
    """Counted from the SLA's own hours, where its clock never stops and the ticket tells when it was started."""
    promise = known.get((part(row, "sla").get("id", 0), part(row, "priority").get("id", 0)))
    start = moment(row.get("escalationStartDateUTC")) or moment(info(row).get("dateEntered"))
    target = next((hours for stamp, _, hours in TARGETS if not row.get(stamp)), "")
    if promise is None or start is None or target not in promise.hours:
        return None
    waited = timedelta(minutes=float(row.get("minutesWaiting") or 0))
    return start + timedelta(hours=promise.hours[target]) + waited

"""What a ticket's SLA does when its status or its priority changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.replies import iso

RESPONSE, RESOLUTION = timedelta(hours=4), timedelta(days=3)
PAUSED = "serviceLevelAgreementPausedNextEventHours"
TARGETS = {"firstResponseDueDateTime": "firstResponseDateTime", "resolvedDueDateTime": "resolvedDateTime"}
"""When each target is missed, and when it was met."""
HOUR = 3600.0


def promised(at: datetime) -> Row:
    """The targets of a clock that starts now."""
    return {"firstResponseDueDateTime": iso(at + RESPONSE), "resolvedDueDateTime": iso(at + RESOLUTION)}


def restarted(row: Row, at: datetime) -> Row:
    """New targets, for those that are not met yet."""
    return {name: due for name, due in promised(at).items() if not row.get(TARGETS[name])}


def paused(row: Row, at: datetime) -> Row:
    """The clock stands still: what is left until the next target is kept instead."""
    due = _next(row)
    return {PAUSED: round((due - at).total_seconds() / HOUR, 4)} if due else {}


def resumed(row: Row, at: datetime) -> Row:
    """The clock goes on with what was left; later targets move along."""
    due, left = _next(row), row.get(PAUSED)
    if due is None or left is None:
        return {PAUSED: None}
    shift = at + timedelta(hours=left) - due
    open_ones = [name for name, met in TARGETS.items() if row.get(name) and not row.get(met)]
    return {PAUSED: None, **{name: iso(_moment(row[name]) + shift) for name in open_ones}}


def met(row: Row, at: datetime) -> Row:
    """The ticket is complete: the response counts as given, and whether all was in time is known."""
    responded = row.get("firstResponseDateTime") or iso(at)
    in_time = all(
        not row.get(due) or (row.get(name) or iso(at)) <= row[due] for due, name in TARGETS.items()
    )  # fmt: skip
    return {"firstResponseDateTime": responded, "resolvedDateTime": iso(at), "serviceLevelAgreementHasBeenMet": in_time}


def _next(row: Row) -> datetime | None:
    return min((_moment(row[due]) for due, name in TARGETS.items() if row.get(due) and not row.get(name)), default=None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

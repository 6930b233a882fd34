"""The SLA of a ticket: its three targets as the record tells them."""

from __future__ import annotations

from psa_copilot import Moment
from psa_copilot_connectors.autotask.rows import Row, moment

TARGETS = (
    ("first response", "firstResponseDueDateTime", "firstResponseDateTime"),
    ("plan", "resolutionPlanDueDateTime", "resolutionPlanDateTime"),
    ("resolved", "resolvedDueDateTime", "resolvedDateTime"),
)
PAUSED = "serviceLevelAgreementPausedNextEventHours"


def is_paused(row: Row) -> bool:
    """Whether hours are kept for later; of a clock that runs the PSA may tell 0 or nothing."""
    kept = row.get(PAUSED)
    return isinstance(kept, int | float) and kept > 0


def due(row: Row) -> Moment | None:
    """When the next open target is missed; None without one, and while the clock is paused."""
    if is_paused(row):
        return None
    open_ones = [moment(row.get(by)) for _, by, met in TARGETS if not row.get(met)]
    return min((one for one in open_ones if one), default=None)


def met(row: Row) -> bool | None:
    """Whether a resolved ticket kept its targets, as the PSA tells."""
    told = row.get("serviceLevelAgreementHasBeenMet")
    return bool(told) if row.get("resolvedDateTime") and told is not None else None


def state(row: Row) -> str:
    """Everything that the record tells of it, in one line."""
    told = [f"{name} by {row.get(by)} at {row.get(met)}" for name, by, met in TARGETS if row.get(by)]
    told += [f"paused {row[PAUSED]}"] if is_paused(row) else []
    met = row.get("serviceLevelAgreementHasBeenMet")
    return "; ".join(told + ([f"met {met}"] if met is not None else []))

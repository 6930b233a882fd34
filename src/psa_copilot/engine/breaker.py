"""The breaker: how many tickets one plugin may write to before it is stopped for a human to look."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from datetime import datetime, timedelta

from psa_copilot.engine.cases import SUGGEST, Case

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
NEW = timedelta(days=7)
"""For so long the fixed limits hold; after that, a plugin is compared with itself."""
LOOK_BACK = timedelta(days=14)
TIMES = 3
LEAST = 5
"""Tickets an hour that are never too many, however quiet the last fortnight was."""


def over(case: Case, mode: str) -> str:
    """Which limit this wish would break, or nothing."""
    state = case.tx.ledger.state(case.line.name, case.plugin.name)
    rearmed = state.rearmed_at if state else None
    by = case.plugin.name if mode == "act" else SUGGEST.name  # suggestions are written under a name of their own
    for span, limit, name in (
        (HOUR, an_hour(case, by), "an hour"),
        (DAY, case.line.settings.breaker.per_day, "24 hours"),
    ):
        since = max(case.now - span, rearmed or case.now - span)
        tickets = _tickets(case, mode, since)
        if case.ref.remote_id not in tickets and len(tickets) >= limit:
            return f"{limit} tickets in {name}"
    return ""


def _tickets(case: Case, mode: str, since: datetime) -> set[str]:
    """Tickets written to; what is only suggested is written under a name that all plugins share."""
    if mode == "act":
        return case.tx.ledger.tickets_written(case.line.name, case.plugin.name, since)
    return case.tx.ledger.tickets_suggested(case.line.name, case.plugin.name, since)


def an_hour(case: Case, by: str) -> int:
    """Tickets that are allowed in an hour: fixed in the first week, then three times the usual busy hour."""
    fixed = case.line.settings.breaker.per_hour
    state = case.tx.ledger.state(case.line.name, case.plugin.name)
    if state is None or case.now - state.since < NEW:
        return fixed
    usual = _usual_hour(case, by)
    return max(LEAST, math.ceil(TIMES * usual)) if usual else fixed


def _usual_hour(case: Case, by: str) -> float:
    """Median of the tickets an hour in the last fortnight, over the hours in which anything was written."""
    hours: dict[datetime, set[str]] = defaultdict(set)
    for at, ticket in case.tx.ledger.writes_since(case.line.name, by, case.now - LOOK_BACK):
        if at > case.now - HOUR:
            continue  # a storm must not raise the limit that is there to stop it
        hours[at.replace(minute=0, second=0, microsecond=0)].add(ticket)
    return statistics.median(map(len, hours.values())) if hours else 0.0

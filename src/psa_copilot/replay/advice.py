"""Which mode and which bar the past speaks for: cautious where it says little."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot.models import Field
from psa_copilot.replay.figures import wilson

ACT_FROM = 0.85
"""The share of writes that has to be right, even at the lower end of the interval."""
ACT_ENOUGH, SUGGEST_ENOUGH = 40, 20
"""Decisions, below which nothing is recommended."""
SUGGEST_FROM = 0.70
BARS = tuple(round(0.50 + 0.05 * step, 2) for step in range(10))
NEVER_ACT = {Field.PRIORITY.value: "priority is never more than a suggestion"}

Sure = Sequence[tuple[float, bool]]
"""(confidence, right), oldest first."""


def recommend(sure: Sure, unsure: int, field: str) -> str:
    """A mode and a bar in a line. `unsure` counts tickets on which nothing was chosen at all."""
    if len(sure) < SUGGEST_ENOUGH:
        return f"observe: too few decisions ({len(sure)} that people have answered)"
    act = next((bar for bar in BARS if _may_act(sure, bar)), None)
    whole = len(sure) + unsure
    if act is not None and field not in NEVER_ACT:
        return f"act, bar {act:.2f} ({_told(sure, act, whole)})"
    found = act if act is not None else next((bar for bar in BARS if _may_suggest(sure, bar)), None)
    if found is not None:
        why = f"; {NEVER_ACT[field]}" if field in NEVER_ACT else ""
        return f"suggest, bar {found:.2f} ({_told(sure, found, whole)}{why})"
    return f"observe: at no bar were enough of its choices right ({_share(sure):.0%} of {len(sure)} without one)"


def _may_act(sure: Sure, bar: float) -> bool:
    """Enough, right at the lower end of the interval, and not only in the earlier half: a bar is chosen once."""
    over = [right for confidence, right in sure if confidence >= bar]
    half = len(sure) // 2
    later = [right for confidence, right in sure[half:] if confidence >= bar]
    low, _ = wilson(sum(over), len(over))
    holds = bool(later) and sum(later) / len(later) >= ACT_FROM
    return len(over) >= ACT_ENOUGH and low >= ACT_FROM and holds


def _may_suggest(sure: Sure, bar: float) -> bool:
    over = [right for confidence, right in sure if confidence >= bar]
    return len(over) >= SUGGEST_ENOUGH and sum(over) / len(over) >= SUGGEST_FROM


def _told(sure: Sure, bar: float, whole: int) -> str:
    over = [one for one in sure if one[0] >= bar]
    low, high = wilson(sum(right for _, right in over), len(over))
    return f"{_share(over):.0%} of {len(over)} right, {low:.0%} to {high:.0%}; decides {len(over) / whole:.0%}"


def _share(sure: Sure) -> float:
    return sum(right for _, right in sure) / len(sure)

"""What came of earlier wishes for the same field: what a human has turned down, and what need not be wished again."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot.events import Change

REFUSED = ("declined", "undone")
STANDS = ("observed", "suggested", "promised", "written")

Asked = Sequence[tuple[str, str]]
"""(value, verdict), oldest first, as `Past.asked` tells them."""


def refused(asked: Asked) -> frozenset[str]:
    """Values that a human has turned down here."""
    return frozenset(value for value, verdict in asked if verdict in REFUSED)


def stands(asked: Asked, value: str, change: Change) -> bool:
    """Whether the last wish was the same and is still good; who only wants to see a wish is shown it again."""
    is_shown = not change.events and not change.facts
    return bool(asked) and not is_shown and asked[-1][0] == value and asked[-1][1] in STANDS

"""A hash over everything in Halo's setup that decides what a write sets off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from psa_copilot_connectors.halopsa.rows import Row

# Numbers that move by themselves, and looks.
_SAYS_NOTHING = frozenset({"ticket_count", "last_modified", "colour", "icon", "teamphotopath", "agents", "managers"})


def fingerprint(setup: Mapping[str, list[Row]]) -> str:
    """Teams, statuses, priorities, ticket types, categories and outcomes, whatever their order."""
    return hashlib.sha256(json.dumps(_plain(setup), sort_keys=True).encode()).hexdigest()


def _plain(told: Any) -> Any:
    if isinstance(told, Mapping):
        return {name: _plain(value) for name, value in told.items() if name not in _SAYS_NOTHING}
    if isinstance(told, list):
        return sorted((_plain(value) for value in told), key=lambda value: json.dumps(value, sort_keys=True))
    return told

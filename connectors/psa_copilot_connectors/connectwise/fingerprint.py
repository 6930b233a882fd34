"""A hash over everything in ConnectWise's setup that decides what a write sets off."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from psa_copilot_connectors.connectwise.roster import BOARDS, Roster
from psa_copilot_connectors.connectwise.rows import Row
from psa_copilot_connectors.connectwise.site import Site

# Who saved a setting when says nothing of what it does; links change with the codebase.
_SAYS_NOTHING = frozenset({"_info", "boardIcon"})


async def fingerprint(site: Site, roster: Roster) -> str:
    """Boards with statuses and auto-templates, priorities and SLAs, whatever their order."""
    setup = await roster.setup()
    told = {
        "boards": [[row, statuses, await templates(site, row)] for row, statuses in setup.boards],
        "priorities": setup.priorities,
        "slas": setup.slas,
    }
    return hashlib.sha256(json.dumps(_plain(told), sort_keys=True).encode()).hexdigest()


async def templates(site: Site, board: Row) -> list[Row]:
    """What choosing a category pulls in on a board; nothing where we may not read that."""
    path = f"{BOARDS}/{board['id']}/autoTemplates"
    return await site.maybe_all(path, doing=f"list auto-templates of board {board.get('name')}") or []


def _plain(told: Any) -> Any:
    """The same without what says nothing; lists in one order, since the PSA keeps none."""
    if isinstance(told, dict):
        return {name: _plain(value) for name, value in told.items() if name not in _SAYS_NOTHING}
    if isinstance(told, list | tuple):
        return sorted((_plain(value) for value in told), key=lambda value: json.dumps(value, sort_keys=True))
    return told

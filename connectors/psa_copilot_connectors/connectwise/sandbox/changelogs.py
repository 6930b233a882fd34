"""The change log of tickets that servers have since 2025.1; its meaning in the real product is unverified."""

from __future__ import annotations

from collections import deque

from psa_copilot.sandbox import Row
from psa_copilot_connectors.connectwise.sandbox.bodies import entered
from psa_copilot_connectors.connectwise.sandbox.change import Change
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets

KEPT = 10_000


class ChangeLogs:
    """What happened to tickets lately, until somebody clears it."""

    def __init__(self, tickets: Tickets) -> None:
        self._clock = tickets.desk.world.clock
        self._changes: deque[tuple[int, Change, Row]] = deque(maxlen=KEPT)
        self._number = 0

    def heard(self, change: Change) -> None:
        """A ticket changed."""
        if change.what == "ticket":
            self._number += 1
            self._changes.append((self._number, change, entered(change.by, self._clock.now())))

    def rows(self) -> list[Row]:
        """The log, oldest first."""
        return [_shown(number, change, info) for number, change, info in self._changes]

    def clear(self) -> None:
        """What was read is not shown again."""
        self._changes.clear()


def _shown(number: int, change: Change, info: Row) -> Row:
    row = change.row or change.former or {}
    named = {
        "boardId": (row.get("board") or {}).get("id"),
        "boardName": (row.get("board") or {}).get("name"),
        "companyName": (row.get("company") or {}).get("name"),
        "contactName": row.get("contactName"),
        "priorityName": (row.get("priority") or {}).get("name"),
        "status": (row.get("status") or {}).get("name"),
        "ticketOwner": (row.get("owner") or {}).get("identifier"),
        "teamName": (row.get("team") or {}).get("name"),
        "slaStatus": row.get("slaStatus"),
        "parentTicketId": row.get("parentTicketId"),
    }
    shown = {
        "id": number,
        "action": change.action,
        "ticketNumber": change.ticket,
        "recordType": row["recordType"],
        "summary": row["summary"],
        "closedFlag": row["closedFlag"],
        "customerUpdatedFlag": row["customerUpdatedFlag"],
        **named,
        "_info": info,
    }
    return {name: value for name, value in shown.items() if value is not None}

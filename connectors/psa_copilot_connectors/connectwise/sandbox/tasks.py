"""The checklist of a ticket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from psa_copilot.sandbox import Row, Table
from psa_copilot_connectors.connectwise.sandbox.bodies import check_names, entered, updated
from psa_copilot_connectors.connectwise.sandbox.change import Change
from psa_copilot_connectors.connectwise.sandbox.shapes import TASK
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets

FIXED = ("id", "ticketId", "_info")


class Tasks:
    """All tasks, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows = Table(40_001)
        self._tickets = tickets
        self._clock = tickets.desk.world.clock
        self._of: dict[int, list[int]] = defaultdict(list)
        tickets.parts.append(self)

    def of(self, ticket: int) -> list[Row]:
        """The tasks of a ticket, in their order."""
        return [self.rows.rows[task] for task in self._of.get(ticket, ())]

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A new ticket has no tasks."""

    def ticket_deleted(self, ticket: int, _: str) -> None:
        """A ticket takes its tasks with it."""
        for task in self._of.pop(ticket, []):
            self.rows.drop(task)

    def add(self, ticket: int, body: Mapping[str, object], by: str, at: datetime | None = None) -> Row:
        """A task from a body."""
        check_names(body, TASK, "task")
        at = at or self._clock.now()
        kept = {name: value for name, value in body.items() if name not in FIXED and value is not None}
        row: Row = {
            "id": self.rows.new_id(),
            "ticketId": ticket,
            "notes": "",
            "closedFlag": False,
            "priority": len(self.of(ticket)) + 1,
            **kept,
            "_info": entered(by, at),
        }
        self._of[ticket].append(row["id"])
        self._put(row)
        self._touch(row, "added", by, at)
        return row

    def edit(self, task: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a task."""
        check_names(changes, TASK, "task")
        old, at = self.rows.rows[task], self._clock.now()
        kept = {name: value for name, value in changes.items() if name not in FIXED}
        row = updated({name: value for name, value in (old | kept).items() if value is not None}, by, at)
        self._put(row | {"closedFlag": bool(row.get("closedFlag"))})
        self._touch(row, "updated", by, at)
        return self.rows.rows[task]

    def delete(self, task: int, by: str) -> None:
        """A task is gone."""
        row = self.rows.drop(task)
        self._of[row["ticketId"]].remove(task)
        self._tickets.touched()
        self._touch(row, "deleted", by, self._clock.now())

    def _put(self, row: Row) -> None:
        self._tickets.touched()
        self.rows.put(row, row["_info"]["lastUpdated"])

    def _touch(self, task: Row, action: str, by: str, at: datetime) -> None:
        ticket = task["ticketId"]
        self._tickets.bump(ticket, by, at, "task_bumps_ticket")
        now = self._tickets.rows.rows[ticket]
        if action == "added":
            self._tickets.tell(Change(ticket, "added", now, now, by, what="task", part=task))

"""All rows of the sandbox, by entity, and what is told about a change."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psa_copilot.sandbox import Row, Table, World
from psa_copilot_connectors.autotask.sandbox.shapes import SHAPES

SYSTEM = 4
"""The resource that workflow rules write as."""
ON_TICKET = "ticketID"
FIRST_IDS = {
    "Tickets": 10_001,
    "TicketNotes": 50_001,
    "TimeEntries": 70_001,
    "Roles": 29_682_801,
    "Contacts": 30_682_901,
    "Companies": 174,
}


@dataclass(frozen=True)
class Change:
    """Something happened on a ticket; `by` is a resource, or 0 for a contact."""

    ticket: int
    what: Literal["ticket", "note", "time", "call"]
    action: Literal["Create", "Update", "Delete"]
    row: Row
    former: Row | None
    by: int
    at: datetime

    def fields(self) -> list[str]:
        """The fields that have another value than before."""
        former = self.former or {}
        return [name for name, value in self.row.items() if former.get(name) != value]


class Records:
    """Tables of all entities."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = world.clock
        self.switches = world.switches
        self.revision = 0
        self.tables = {name: Table(FIRST_IDS.get(name, 1)) for name in SHAPES}
        self.listeners: list[Callable[[Change], None]] = []
        self._on_ticket: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._made: deque[tuple[datetime, str, int]] = deque()
        self._edited: deque[tuple[datetime, Row]] = deque()

    def hidden(self, entity: str) -> set[int]:
        """Rows so new that another server, which answers the questions, does not have them yet."""
        seen_since = self.clock.now() - timedelta(seconds=self.switches.number("read_lag"))
        while self._made and self._made[0][0] <= seen_since:
            self._made.popleft()
        return {number for _, of, number in self._made if of == entity}

    def edited(self, former: Row) -> None:
        """A ticket was edited; another server, which answers the questions, still has its former shape."""
        if self.switches.number("edit_lag"):
            self._edited.append((self.clock.now(), former))

    def as_read(self, entity: str, row: Row) -> Row:
        """A row as the server that answers the questions has it."""
        seen_since = self.clock.now() - timedelta(seconds=self.switches.number("edit_lag"))
        while self._edited and self._edited[0][0] <= seen_since:
            self._edited.popleft()
        former = (old for _, old in self._edited if entity == "Tickets" and old["id"] == row["id"])
        return next(former, row)

    def settle(self) -> None:
        """What was there from the start is known everywhere."""
        self._made.clear()

    def table(self, entity: str) -> Table:
        """The rows of one entity."""
        return self.tables[entity]

    def row(self, entity: str, number: object) -> Row | None:
        """One row, if it is there."""
        return self.tables[entity].get(number) if isinstance(number, int) else None

    def add(self, entity: str, fields: Row, number: int | None = None) -> Row:
        """A new row."""
        table = self.tables[entity]
        made = SHAPES[entity].blank() | fields | {"id": table.new_id() if number is None else number}
        if made.get(ON_TICKET) is not None:
            self._on_ticket[entity, made[ON_TICKET]].append(made["id"])
        if self.switches.number("read_lag"):
            self._made.append((self.clock.now(), entity, made["id"]))
        return self.put(entity, made)

    def put(self, entity: str, row: Row) -> Row:
        """The new shape of a row."""
        self.revision += 1
        return self.tables[entity].put(row)

    def drop(self, entity: str, number: int) -> Row:
        """A row is gone."""
        self.revision += 1
        return self.tables[entity].drop(number)

    def on_ticket(self, entity: str, ticket: int) -> list[Row]:
        """The rows that hang on one ticket, by id, without a look at all the others."""
        rows = self.tables[entity].rows
        return [rows[number] for number in self._on_ticket.get((entity, ticket), ()) if number in rows]

    def where(self, entity: str, **wanted: object) -> list[Row]:
        """The rows with these values, by id."""
        ticket = wanted.get(ON_TICKET)
        there = self.on_ticket(entity, ticket) if isinstance(ticket, int) else self.tables[entity]
        return [row for row in there if all(row[name] == value for name, value in wanted.items())]

    def tell(self, change: Change) -> None:
        """Let everybody know."""
        for listener in list(self.listeners):
            listener(change)

"""Tickets that belong together: merged ones, and children under a parent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psa_copilot.sandbox import Row
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, check_given
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets


class Family:
    """Merges and bundles."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._clock = tickets.desk.world.clock
        self._merged_into: dict[int, list[int]] = {}

    def merged_into(self, ticket: int) -> list[int]:
        """The tickets whose story goes on in this one."""
        return [source for source in self._merged_into.get(ticket, []) if source in self._tickets.rows.rows]

    def merge(self, parent: int, body: Mapping[str, object], by: str) -> Row:
        """Several tickets become one; each of the others gets the status that is named."""
        check_given(body, "ticketMerge", "mergeTicketIds", "status")
        sources = self._numbers(body["mergeTicketIds"], parent, "mergeTicketIds")
        statuses = [self._status(source, body["status"]) for source in sources]
        for source, status in zip(sources, statuses, strict=True):
            self.merge_one(source, parent, status, by, self._clock.now())
        return {"success": True, "message": f"{len(sources)} ticket(s) were merged into {parent}."}

    def merge_one(self, source: int, parent: int, status: Row, by: str, at: datetime) -> None:
        """One ticket goes on in another."""
        row = self._tickets.rows.rows[parent]
        order = {"status": {"id": status["id"]}, "processNotifications": False}
        self._tickets.edit(source, order, by, at)
        shown = {"id": parent, "summary": row["summary"]}
        self._tickets.set_quietly(source, {"mergedParentTicket": shown}, by, at)
        self._tickets.set_quietly(parent, {"hasMergedChildTicketFlag": True}, by, at)
        self._merged_into.setdefault(parent, []).append(source)

    def attach(self, parent: int, body: Mapping[str, object], by: str) -> Row:
        """Several tickets become children of one."""
        check_given(body, "ticketBundle", "childTicketIds")
        children = self._numbers(body["childTicketIds"], parent, "childTicketIds")
        for child in children:
            self.attach_one(child, parent, by, self._clock.now())
        return {"success": True, "message": f"{len(children)} ticket(s) were bundled under {parent}."}

    def attach_one(self, child: int, parent: int, by: str, at: datetime) -> None:
        """One ticket becomes another's child."""
        self._tickets.edit(child, {"parentTicketId": parent, "processNotifications": False}, by, at)

    def _numbers(self, given: object, parent: int, field: str) -> list[int]:
        numbers: list[Any] = given if isinstance(given, list) else [given]
        for number in numbers:
            if not isinstance(number, int) or number not in self._tickets.rows.rows:
                raise Refused("ticket", field, f"Ticket {number} not found", "NotFound")
            row = self._tickets.rows.rows[number]
            if number == parent or row.get("mergedParentTicket") or self._above(parent, number):
                raise Refused("ticket", field, f"Ticket {number} cannot go there.", "InvalidValue")
        return numbers

    def _above(self, ticket: int, other: int) -> bool:
        """Whether `other` stands above a ticket already."""
        above = self._tickets.rows.rows[ticket].get("parentTicketId")
        return above == other or (above in self._tickets.rows.rows and self._above(above, other))

    def _status(self, source: int, given: object) -> Row:
        board = self._tickets.rows.rows[source]["board"]["id"]
        try:
            return self._tickets.desk.resolve("status", given, board=board, resource="ticketMerge")
        except Refused:
            # The status is named as it is on the parent's board; what counts is its name.
            named = self._tickets.desk.row_of("status", given if isinstance(given, dict) and "id" in given else None)
            if not named:
                raise
            return self._tickets.desk.resolve("status", {"name": named["name"]}, board=board, resource="ticketMerge")

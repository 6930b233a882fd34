"""Service calls: a span of time for a company, the tickets that it is for, and who does them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.records import Change
from psa_copilot_connectors.autotask.sandbox.replies import Refused, iso
from psa_copilot_connectors.autotask.sandbox.shapes import SHAPES
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets, checked

CALLS, ON_CALL, DOING = "ServiceCalls", "ServiceCallTickets", "ServiceCallTicketResources"
NOT_ON_TICKET = "The resource must be assigned to the ticket."


class Calls:
    """Plans and cancels them, as the API lets a client: three records, one after the other."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets, self._records = tickets, tickets.records

    def plan(self, body: Mapping[str, Any], by: int) -> Row:
        """A new call, with nobody on it yet."""
        fields = checked(SHAPES[CALLS], body, self._tickets.picklists, {}, is_new=True)
        if self._records.row("Companies", fields["companyID"]) is None:
            raise Refused("companyID does not exist.")
        if fields["endDateTime"] <= fields["startDateTime"]:
            raise Refused("The end date must be after the start date.")
        now = iso(self._records.clock.now())
        stamps = {"creatorResourceID": by, "createDateTime": now, "lastModifiedDateTime": now}
        return self._records.add(CALLS, {"status": 1, "isComplete": 0, **fields, **stamps})

    def add(self, entity: str, parent: int, body: Mapping[str, Any], by: int) -> Row:
        """A ticket for a call, or somebody who does it."""
        fields = checked(SHAPES[entity], body, self._tickets.picklists, {}, is_new=True)
        return self._put_on(parent, fields) if entity == ON_CALL else self._send(parent, fields, by)

    def _put_on(self, call: int, fields: Row) -> Row:
        ticket = self._records.row("Tickets", fields["ticketID"])
        if ticket is None:
            raise Refused("ticketID does not exist.")
        if ticket["companyID"] != self._records.table(CALLS).rows[call]["companyID"]:
            raise Refused("The ticket must belong to the company of the service call.")
        if self._records.where(ON_CALL, serviceCallID=call, ticketID=ticket["id"]):
            raise Refused("The ticket is already associated with the service call.")
        return self._records.add(ON_CALL, {**fields, "serviceCallID": call})

    def _send(self, on: int, fields: Row, by: int) -> Row:
        who = self._records.row("Resources", fields["resourceID"])
        if who is None or not who["isActive"]:
            raise Refused("The resource is not active.")
        if self._records.where(DOING, serviceCallTicketID=on, resourceID=who["id"]):
            raise Refused("The resource is already assigned to the service call ticket.")
        ticket = int(self._records.table(ON_CALL).rows[on]["ticketID"])
        if self._records.switches.on("call_needs_assignment") and not self._works_on(who["id"], ticket):
            raise Refused(NOT_ON_TICKET)
        made = self._records.add(DOING, {**fields, "serviceCallTicketID": on})
        now = self._records.clock.now()
        if self._records.switches.on("call_bumps_ticket"):
            self._tickets.bump(ticket, by, now)
        self._records.tell(Change(ticket, "call", "Create", made, None, by, now))
        return made

    def _works_on(self, resource: int, ticket: int) -> bool:
        first = self._tickets.row(ticket)["assignedResourceID"] == resource
        return first or bool(self._records.where("TicketSecondaryResources", ticketID=ticket, resourceID=resource))

    def drop(self, entity: str, number: int) -> None:
        """A record goes, with what hangs on it."""
        below = {CALLS: (ON_CALL, "serviceCallID"), ON_CALL: (DOING, "serviceCallTicketID")}.get(entity)
        if below:
            for row in self._records.where(below[0], **{below[1]: number}):
                self.drop(below[0], row["id"])
        self._records.drop(entity, number)

"""Time on tickets: who may enter it, what a ticket's entry has to have, and what is billed of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.records import Change
from psa_copilot_connectors.autotask.sandbox.replies import Refused, iso
from psa_copilot_connectors.autotask.sandbox.shapes import SHAPES
from psa_copilot_connectors.autotask.sandbox.tickets import NO_ROLE, Tickets, checked

ON_TICKET, GENERAL_WORK = 2, 1
"""The type of a time entry, and the use of a billing code that is a work type."""
WORK_TYPES = ("Remote Support", "Onsite Support", "Automation")
NO_ROLE_GIVEN = "TimeEntries for Tickets must have a roleID."
NO_TIMES = "TimeEntries for Service tickets require a start and stop time."
OVER_MIDNIGHT = "The start and stop time must be on the same day."
LOCKED = "The timesheet for this date has already been submitted."
NOT_YOURS = "Proxy time entry is not enabled: the resource must be the logged in Resource."
LONGEST = 24.0


class Timesheet:
    """Enters time by the API; what people enter comes by `Work`."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets, self._desk, self._records = tickets, tickets.desk, tickets.records
        for name in WORK_TYPES:
            self._records.add("BillingCodes", {"name": name, "useType": GENERAL_WORK, "isActive": True})

    def enter(self, body: Mapping[str, Any], by: int) -> Row:
        """A new entry from a body."""
        fields = checked(SHAPES["TimeEntries"], body, self._tickets.picklists, {}, is_new=True)
        self._check(fields, by)
        now = self._records.clock.now()
        if self._records.switches.on("time_bills_anyway"):
            fields |= {"isNonBillable": False, "showOnInvoice": True}
        stamps = {"createDateTime": iso(now), "lastModifiedDateTime": iso(now), "creatorUserID": by}
        return self.keep({"timeEntryType": ON_TICKET, **fields, **stamps}, by, now)

    def keep(self, fields: Row, by: int, at: datetime) -> Row:
        """A new entry, whoever made it."""
        worked = float(fields.get("hoursWorked") or 0) + float(fields.get("offsetHours") or 0)
        billed = {"hoursToBill": 0.0 if fields.get("isNonBillable") else worked}
        entry = self._records.add("TimeEntries", {"isNonBillable": False, "showOnInvoice": True, **fields, **billed})
        self._tickets.bump(fields["ticketID"], by, at)
        self._records.tell(Change(fields["ticketID"], "time", "Create", entry, None, by, at))
        return entry

    def change(self, old: Row, body: Mapping[str, Any], by: int) -> Row:
        """Other values for an entry."""
        fields = checked(SHAPES["TimeEntries"], body, self._tickets.picklists, old)
        now = self._records.clock.now()
        row = self._records.put("TimeEntries", old | fields | {"lastModifiedDateTime": iso(now)})
        self._tickets.bump(row["ticketID"], by, now)
        return row

    def _check(self, fields: Row, by: int) -> None:
        switches = self._records.switches
        if switches.on("timesheet_locked"):
            raise Refused(LOCKED)
        if self._records.row("Tickets", fields.get("ticketID")) is None:
            raise Refused("ticketID does not exist.")
        if not fields.get("summaryNotes"):
            raise Refused("Missing Required Field: summaryNotes")
        if fields["resourceID"] != by:
            raise Refused(NOT_YOURS)
        if fields.get("roleID") is None:
            raise Refused(NO_ROLE_GIVEN)
        if not self._desk.holds(by, fields["roleID"]):
            raise Refused(NO_ROLE)
        self._check_times(fields)
        code = fields.get("billingCodeID")
        if code is not None and not self._records.where("BillingCodes", id=code, useType=GENERAL_WORK, isActive=True):
            raise Refused("billingCodeID does not exist.")

    def _check_times(self, fields: Row) -> None:
        starts, ends, hours = (fields.get(name) for name in ("startDateTime", "endDateTime", "hoursWorked"))
        if not starts or not ends:
            raise Refused(NO_TIMES)
        if ends <= starts or not 0 < float(hours or 0) <= LONGEST:
            raise Refused("The hours worked must be greater than 0 and no more than 24.")
        if starts[:10] != ends[:10] and not self._records.switches.on("time_spans_midnight"):
            raise Refused(OVER_MIDNIGHT)

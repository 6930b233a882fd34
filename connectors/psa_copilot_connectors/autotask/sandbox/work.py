"""What is on tickets besides notes: time, plans, checklists, charges; as scenarios tell it."""

from __future__ import annotations

from datetime import datetime, timedelta

from psa_copilot.sandbox import (
    AppointmentLine,
    GoneLine,
    LeaverLine,
    LinkLine,
    MirrorLine,
    NoteGoneLine,
    ProductLine,
    Record,
    Row,
    TaskLine,
    TimeLine,
    TimeOffLine,
)
from psa_copilot_connectors.autotask.sandbox.notes import Notes
from psa_copilot_connectors.autotask.sandbox.picklists import COMPLETE, TIME_OFF_APPROVED, VACATION
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM
from psa_copilot_connectors.autotask.sandbox.replies import iso
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets
from psa_copilot_connectors.autotask.sandbox.timesheet import ON_TICKET, Timesheet

DAY = timedelta(days=1)


class Work:
    """Does to the desk what a line says."""

    def __init__(self, tickets: Tickets, notes: Notes, timesheet: Timesheet) -> None:
        self._tickets, self._notes, self._timesheet = tickets, notes, timesheet
        self._desk, self._records = tickets.desk, tickets.records

    def record(self, line: Record, at: datetime) -> None:
        """One line; LookupError where its ticket is not there."""
        if isinstance(line, TimeOffLine):
            plan = self._request if self._records.switches.text("time_off") == "request" else self._plan
            plan(int(self._desk.resource(line.by)["id"]), line.text, line.starts, line.ends)
        elif isinstance(line, LeaverLine):
            self._desk.let_go(line.by)
        else:
            ticket = self._tickets.find(line.ticket)
            if ticket is None:
                raise LookupError(f"no ticket {line.ticket}")
            by = int(self._desk.resource(line.by)["id"]) if line.by else SYSTEM
            self._on_ticket(line, ticket, by, at)

    def _on_ticket(self, line: Record, ticket: int, by: int, at: datetime) -> None:
        match line:
            case TimeLine():
                self._log(line, ticket, at)
            case AppointmentLine():
                self._book(line, ticket, by)
            case TaskLine():
                fields = {"ticketID": ticket, "itemName": line.text, "isCompleted": line.done, "isImportant": True}
                self._records.add("TicketChecklistItems", fields)
            case ProductLine():
                fields = {"ticketID": ticket, "name": line.text, "isBilled": False, "isBillableToCompany": True}
                self._records.add("TicketCharges", {**fields, "createDate": iso(at)})
            case LinkLine():
                self._link(line, ticket, by, at)
            case MirrorLine():
                self._tickets.edit(ticket, {"externalID": line.text}, by, at)
            case GoneLine():
                self._go(line, ticket, by, at)
            case NoteGoneLine():
                self._notes.delete(ticket, line.note, by, at)
            case _:
                raise LookupError(f"this sandbox keeps no {type(line).__name__}")

    def _log(self, line: TimeLine, ticket: int, at: datetime) -> None:
        row = self._tickets.row(ticket)
        technicians = self._desk.technicians()
        who = int(self._desk.resource(line.by)["id"]) if line.by else row["assignedResourceID"] or technicians[0]["id"]
        ends = None if line.running else at + timedelta(minutes=line.minutes)
        notes: Row = {
            "summaryNotes": None if line.internal else line.text,
            "internalNotes": line.text if line.internal else None,
            "isNonBillable": line.internal,
            "showOnInvoice": not line.internal,
        }
        self._enter(ticket, who, at, ends, {**notes, "hoursWorked": line.minutes / 60})

    def log(self, ticket: int, who: int, at: datetime, text: str) -> None:
        """A rule logs a quarter of an hour in somebody's name."""
        begins = at - timedelta(minutes=15)
        self._enter(ticket, who, begins, at, {"summaryNotes": text, "hoursWorked": 0.25}, by=SYSTEM)

    def _enter(
        self, ticket: int, who: int, starts: datetime, ends: datetime | None, more: Row, by: int | None = None
    ) -> None:
        entered = ends or starts
        fields: Row = {
            "ticketID": ticket,
            "resourceID": who,
            "roleID": self._desk.role_of(who),
            "timeEntryType": ON_TICKET,
            "dateWorked": iso(starts),
            "startDateTime": iso(starts),
            "endDateTime": iso(ends) if ends else None,
            "createDateTime": iso(entered),
            "lastModifiedDateTime": iso(entered),
            "creatorUserID": who if by is None else by,
        }
        self._timesheet.keep(fields | more, who if by is None else by, entered)

    def _book(self, line: AppointmentLine, ticket: int, by: int) -> None:
        who = by if by != SYSTEM else self._tickets.row(ticket)["assignedResourceID"]
        ends = line.starts + timedelta(minutes=line.minutes)
        self.book(ticket, who, line.starts, ends, done=line.done)

    def book(self, ticket: int, who: int | None, starts: datetime, ends: datetime, *, done: bool = False) -> None:
        """A service call for one ticket, done by one technician where there is one."""
        row, now = self._tickets.row(ticket), iso(self._records.clock.now())
        call = self._records.add(
            "ServiceCalls",
            {
                "companyID": row["companyID"],
                "startDateTime": iso(starts),
                "endDateTime": iso(ends),
                "status": 2 if done else 1,
                "isComplete": int(done),
                "duration": (ends - starts).total_seconds() / 3600,
                "description": row["title"],
                "creatorResourceID": who or SYSTEM,
                "createDateTime": now,
                "lastModifiedDateTime": now,
            },
        )
        on = self._records.add("ServiceCallTickets", {"serviceCallID": call["id"], "ticketID": ticket})
        if who:
            self._records.add("ServiceCallTicketResources", {"serviceCallTicketID": on["id"], "resourceID": who})

    def _plan(self, who: int, title: str, starts: datetime, ends: datetime) -> None:
        fields = {"resourceID": who, "title": title, "startDateTime": iso(starts), "endDateTime": iso(ends)}
        self._records.add("Appointments", {**fields, "updateDateTime": iso(self._records.clock.now())})

    def _request(self, who: int, reason: str, starts: datetime, ends: datetime) -> None:
        """A request for each day, all approved."""
        now, day = iso(self._records.clock.now()), starts.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < ends:
            begins, over = max(starts, day), min(ends, day + DAY)
            fields: Row = {
                "resourceID": who,
                "requestDate": iso(day),
                "startTime": iso(begins),
                "endTime": iso(over),
                "hours": (over - begins).total_seconds() / 3600,
                "reason": reason,
                "status": TIME_OFF_APPROVED,
                "timeOffRequestType": VACATION,
                "createdByResourceID": who,
                "createDateTime": now,
                "approvedDateTime": now,
            }
            self._records.add("TimeOffRequests", fields)
            day += DAY

    def _link(self, line: LinkLine, ticket: int, by: int, at: datetime) -> None:
        other = self._tickets.find(line.to)
        if other is None:
            raise LookupError(f"no ticket {line.to}")
        if line.kind == "child_of":
            self._tickets.edit(ticket, {"problemTicketId": other}, by, at)
            return
        number = self._tickets.row(other)["ticketNumber"]
        self._notes.say_by_rule(ticket, f"This ticket was merged into {number}.", at)
        self._tickets.edit(ticket, {"status": COMPLETE}, by, at)

    def _go(self, line: GoneLine, ticket: int, by: int, at: datetime) -> None:
        if line.kind == "deleted":
            self._tickets.delete(ticket, by, at)
            return
        for on in self._records.where("ServiceCallTickets", ticketID=ticket):
            for who in self._records.where("ServiceCallTicketResources", serviceCallTicketID=on["id"]):
                self._records.drop("ServiceCallTicketResources", who["id"])
            self._records.drop("ServiceCallTickets", on["id"])

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
from psa_copilot_connectors.autotask.sandbox.picklists import COMPLETE
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Change
from psa_copilot_connectors.autotask.sandbox.replies import iso
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets

ON_TICKET = 2  # the type of a time entry


class Work:
    """Does to the desk what a line says."""

    def __init__(self, tickets: Tickets, notes: Notes) -> None:
        self._tickets, self._notes = tickets, notes
        self._desk, self._records = tickets.desk, tickets.records

    def record(self, line: Record, at: datetime) -> None:
        """One line; LookupError where its ticket is not there."""
        if isinstance(line, TimeOffLine):
            self._plan(int(self._desk.resource(line.by)["id"]), line.text, line.starts, line.ends)
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
        fields: Row = {
            "ticketID": ticket,
            "resourceID": who,
            "roleID": self._desk.role_of(who),
            "timeEntryType": ON_TICKET,
            "dateWorked": iso(at),
            "startDateTime": iso(at),
            "endDateTime": iso(ends) if ends else None,
            "hoursWorked": line.minutes / 60,
            "summaryNotes": None if line.internal else line.text,
            "internalNotes": line.text if line.internal else None,
            "createDateTime": iso(ends or at),
            "lastModifiedDateTime": iso(ends or at),
            "creatorUserID": who,
        }
        entry = self._records.add("TimeEntries", fields)
        self._tickets.bump(ticket, who, ends or at)
        self._records.tell(Change(ticket, "time", "Create", entry, None, who, at))

    def _book(self, line: AppointmentLine, ticket: int, by: int) -> None:
        row = self._tickets.row(ticket)
        ends = line.starts + timedelta(minutes=line.minutes)
        call = self._records.add(
            "ServiceCalls",
            {
                "companyID": row["companyID"],
                "startDateTime": iso(line.starts),
                "endDateTime": iso(ends),
                "isComplete": int(line.done),
                "duration": line.minutes / 60,
                "description": row["title"],
                "lastModifiedDateTime": iso(self._records.clock.now()),
            },
        )
        on = self._records.add("ServiceCallTickets", {"serviceCallID": call["id"], "ticketID": ticket})
        who = by if by != SYSTEM else row["assignedResourceID"]
        if who:
            self._records.add("ServiceCallTicketResources", {"serviceCallTicketID": on["id"], "resourceID": who})

    def _plan(self, who: int, title: str, starts: datetime, ends: datetime) -> None:
        fields = {"resourceID": who, "title": title, "startDateTime": iso(starts), "endDateTime": iso(ends)}
        self._records.add("Appointments", {**fields, "updateDateTime": iso(self._records.clock.now())})

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

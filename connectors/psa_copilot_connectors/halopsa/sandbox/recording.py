"""What people leave on tickets besides messages, as scenarios tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from psa_copilot.sandbox import (
    AppointmentLine,
    DeviceLine,
    DocumentLine,
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
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.actions import Actions
from psa_copilot_connectors.halopsa.sandbox.appointments import Appointments
from psa_copilot_connectors.halopsa.sandbox.change import SYSTEM
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets


@dataclass
class Recording:
    """Does to the desk what a line says."""

    tickets: Tickets
    actions: Actions
    appointments: Appointments
    todos: dict[int, list[Row]] = field(default_factory=dict)

    def record(self, line: Record, at: datetime) -> None:
        """One line; LookupError where its ticket is not there, or where Halo keeps no such thing on a ticket."""
        if isinstance(line, TimeOffLine):
            self.appointments.take_off(line)
        elif isinstance(line, LeaverLine):
            self.tickets.desk.let_go(line.by)
        else:
            self._on_ticket(line, self._ticket(line.ticket), at)

    def _on_ticket(self, line: Record, ticket: int, at: datetime) -> None:
        match line:
            case TimeLine():
                who = self.tickets.desk.agent(line.by) if line.by else self.tickets.desk.technicians()[0]
                self.actions.log_time(ticket, who, line.text, line.minutes / 60, at, hidden=line.internal)
            case AppointmentLine():
                self.appointments.book(ticket, line)
            case TaskLine():
                there = self.todos.setdefault(ticket, [])
                there.append({"id": len(there) + 1, "ticket_id": ticket, "text": line.text, "done": line.done})
                self.tickets.revision += 1
            case LinkLine():
                self._link(line, ticket, at)
            case MirrorLine():
                self.tickets.set_quietly(ticket, {"third_party_id_string": line.text}, at)
            case GoneLine() if line.kind == "deleted":
                self.tickets.delete(ticket, SYSTEM)
            case GoneLine():
                self.appointments.unbook(ticket)
            case NoteGoneLine():
                self.actions.delete(ticket, line.note)
            case DeviceLine() | DocumentLine() | ProductLine():
                raise LookupError(f"this sandbox keeps no {line.kind}")
            case _:
                raise LookupError(f"this sandbox does not know {line}")

    def _link(self, line: LinkLine, ticket: int, at: datetime) -> None:
        other, by = self._ticket(line.to), line.by or SYSTEM
        if line.kind == "child_of":
            self.tickets.edit(ticket, {"parent_id": other}, by, at)
        else:
            merged = {"merged_into_id": other, "status_id": usual.CLOSED, "status_name": "Closed"}
            self.tickets.edit(ticket, merged, by, at)

    def _ticket(self, reference: int | str) -> int:
        ticket = self.tickets.find(reference)
        if ticket is None:
            raise LookupError(f"no ticket {reference}")
        return ticket

"""What people leave on tickets besides messages, as scenarios tell it."""

from __future__ import annotations

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
    TaskLine,
    TimeLine,
    TimeOffLine,
)
from psa_copilot_connectors.connectwise.sandbox.change import WORKFLOW
from psa_copilot_connectors.connectwise.sandbox.desk import Desk
from psa_copilot_connectors.connectwise.sandbox.serve_tickets import OnTickets


class Recording:
    """Does to the desk what a line says."""

    def __init__(self, desk: Desk, parts: OnTickets) -> None:
        self._desk = desk
        self._parts = parts

    def record(self, line: Record, at: datetime) -> None:
        """One line; LookupError where its ticket is not there."""
        if isinstance(line, TimeOffLine):
            self._parts.schedule.take_off(line, at)
        elif isinstance(line, LeaverLine):
            self._desk.let_go(line.by)
        else:
            by = self._desk.member(line.by)["identifier"] if line.by else WORKFLOW
            self._on_ticket(line, self._ticket(line.ticket), by, at)

    def _on_ticket(self, line: Record, ticket: int, by: str, at: datetime) -> None:
        parts = self._parts
        match line:
            case TimeLine():
                parts.timesheet.log(ticket, line, at)
            case AppointmentLine():
                parts.schedule.book(ticket, line, by, at)
            case TaskLine():
                parts.tasks.add(ticket, {"notes": line.text, "closedFlag": line.done}, by, at)
            case DeviceLine():
                company = self._desk.row_of("company", parts.tickets.rows.rows[ticket]["company"])
                parts.attachments.link_device(ticket, self._desk.device(company, line.device)["id"])
            case DocumentLine():
                parts.attachments.add_document(ticket, line, by, at)
            case ProductLine():
                parts.attachments.add_product(ticket, line.text, at)
            case LinkLine():
                self._link(line, ticket, by, at)
            case MirrorLine():
                self._mirror(line, ticket, by, at)
            case GoneLine() | NoteGoneLine():
                self._go(line, ticket, by)

    def _link(self, line: LinkLine, ticket: int, by: str, at: datetime) -> None:
        other = self._ticket(line.to)
        if line.kind == "child_of":
            self._parts.family.attach_one(ticket, other, by, at)
            return
        board = self._parts.tickets.rows.rows[ticket]["board"]["id"]
        statuses = self._desk.statuses_of(board)
        closed = next((status for status in statuses if status["closedStatus"]), statuses[-1])
        self._parts.family.merge_one(ticket, other, closed, by, at)

    def _mirror(self, line: MirrorLine, ticket: int, by: str, at: datetime) -> None:
        row = self._parts.tickets.rows.rows[ticket]
        tags = {"integratorTags": [*row["integratorTags"], line.text]}
        fields = {"externalXRef": line.text} if line.kind == "external_ref" else tags
        self._parts.tickets.set_quietly(ticket, fields, by, at)

    def _go(self, line: GoneLine | NoteGoneLine, ticket: int, by: str) -> None:
        if isinstance(line, NoteGoneLine):
            self._parts.notes.delete(line.note, by)
        elif line.kind == "deleted":
            self._parts.tickets.delete(ticket, by)
        else:
            self._parts.schedule.unbook(ticket, by)

    def _ticket(self, reference: int | str) -> int:
        ticket = self._parts.tickets.find(reference)
        if ticket is None:
            raise LookupError(f"no ticket {reference}")
        return ticket

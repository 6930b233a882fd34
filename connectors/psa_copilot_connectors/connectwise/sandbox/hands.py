"""What a workflow rule can do to a ticket; all of it is entered by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psa_copilot.sandbox import Row
from psa_copilot_connectors.connectwise.sandbox.change import WORKFLOW
from psa_copilot_connectors.connectwise.sandbox.mail import Mailbox
from psa_copilot_connectors.connectwise.sandbox.notes import Notes
from psa_copilot_connectors.connectwise.sandbox.schedule import Schedule
from psa_copilot_connectors.connectwise.sandbox.tasks import Tasks
from psa_copilot_connectors.connectwise.sandbox.tickets import SUMMARY_LENGTH, Tickets
from psa_copilot_connectors.connectwise.sandbox.timesheet import Timesheet
from psa_copilot_connectors.connectwise.sandbox.usual import NO_MEANING

RULE = "Workflow rule"


@dataclass(frozen=True)
class Hands:
    """The parts of the desk that rules act on."""

    tickets: Tickets
    notes: Notes
    timesheet: Timesheet
    schedule: Schedule
    tasks: Tasks
    mailbox: Mailbox

    def row(self, ticket: int) -> Row:
        """A ticket as it stands."""
        return self.tickets.rows.rows[ticket]

    def edit(self, ticket: int, changes: Mapping[str, object], at: datetime) -> None:
        """Set fields."""
        self.tickets.edit(ticket, {**changes, "processNotifications": False}, WORKFLOW, at)

    def mail_contact(self, ticket: int, why: str, by: str) -> None:
        """Mail the contact, or whoever gets a ticket's mail without one."""
        self.mailbox.send(ticket, self.mailbox.contact_of(ticket), why, by)

    def set_status(self, ticket: int, name: str, at: datetime) -> None:
        """Set a status, which the board gets where it has none of this name."""
        row = self.row(ticket)
        status = self.tickets.desk.status(self.tickets.desk.row_of("board", row["board"]), name)
        if status["id"] != row["status"]["id"]:
            self.edit(ticket, {"status": {"id": status["id"]}}, at)

    def set_other_status(self, ticket: int, before: Row, at: datetime) -> None:
        """Set an open status that the ticket neither has nor had, if possible one that stamps nothing."""
        statuses = self.tickets.desk.statuses_of(self.row(ticket)["board"]["id"])
        open_ones = [status for status in statuses if not status["closedStatus"]]
        quiet = [status for status in open_ones if status["escalationStatus"] == NO_MEANING]
        self._set_other(ticket, "status", before, [*quiet, *open_ones], at)

    def set_other_priority(self, ticket: int, before: Row, at: datetime) -> None:
        """Set a priority that the ticket neither has nor had."""
        self._set_other(ticket, "priority", before, list(self.tickets.desk.priorities), at)

    def set_other_owner(self, ticket: int, before: Row, at: datetime) -> None:
        """Give the ticket to somebody who neither has nor had it."""
        self._set_other(ticket, "owner", before, self.tickets.desk.technicians(), at)

    def _set_other(self, ticket: int, name: str, before: Row, rows: list[Row], at: datetime) -> None:
        taken = [(row.get(name) or {}).get("id") for row in (before, self.row(ticket))]
        other = next((row for row in rows if row["id"] not in taken), None)
        if other:
            self.edit(ticket, {name: {"id": other["id"]}}, at)

    def append_to_summary(self, ticket: int, words: str, at: datetime, *, overwrite: bool = False) -> None:
        """What a template does to a summary."""
        summary = str(self.row(ticket)["summary"])
        new = words if overwrite else f"{summary} {words}"
        if words not in summary:
            self.edit(ticket, {"summary": new[:SUMMARY_LENGTH]}, at)

    def add_note(self, ticket: int, text: str, at: datetime) -> None:
        """A note that nobody wrote."""
        self.notes.add_by_rule(ticket, text, at)

    def add_task(self, ticket: int, text: str, at: datetime) -> None:
        """A task."""
        self.tasks.add(ticket, {"notes": text}, WORKFLOW, at)

    def log_time(self, ticket: int, at: datetime) -> None:
        """A quarter of an hour."""
        self.timesheet.add_by_rule(ticket, RULE, at)

    def book(self, ticket: int, at: datetime) -> None:
        """An hour of somebody, tomorrow."""
        desk = self.tickets.desk
        member = self.row(ticket).get("owner") or desk.reference("owner", desk.technicians()[0])
        self.schedule.book_for(ticket, member, at + timedelta(days=1), 60, WORKFLOW, at)

    def restart_sla(self, ticket: int, at: datetime) -> None:
        """The SLA clock begins anew."""
        self._put_sla(ticket, self.tickets.slas.restarted(dict(self.row(ticket)), at), at)

    def mark_responded(self, ticket: int, at: datetime) -> None:
        """The SLA takes the ticket for answered."""
        self._put_sla(ticket, self.tickets.slas.responded(dict(self.row(ticket)), WORKFLOW, at), at)

    def _put_sla(self, ticket: int, row: Row, at: datetime) -> None:
        gone = dict.fromkeys(self.row(ticket).keys() - row.keys())
        self.tickets.set_quietly(ticket, gone | row, WORKFLOW, at)

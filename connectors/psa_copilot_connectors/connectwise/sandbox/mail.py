"""The mailbox: everything that the desk would have mailed, and what boards and statuses mail by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from psa_copilot.sandbox import Row, whole_second
from psa_copilot_connectors.connectwise.sandbox.change import WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.switches import is_on
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets


class Mailbox:
    """Nothing ever leaves it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows: list[Row] = []
        self._tickets = tickets
        self._desk = tickets.desk
        self._clock = tickets.desk.world.clock
        self._switches = tickets.desk.world.switches

    def send(self, ticket: int, to: str, why: str, by: str, text: str = "") -> None:
        """A mail about a ticket; `by` is who set it off."""
        row = self._tickets.rows.rows[ticket]
        subject = f"Ticket #{ticket}/{row['summary']}"
        at = self._clock.now()
        self.rows.append(
            {
                "at": whole_second(at),
                "to": to,
                "subject": subject,
                "why": why,
                "ticket": ticket,
                "by": by,
                "text": text,
            }
        )
        if self._switches.on("mails_in_audit_trail"):
            self._tickets.note_audit(ticket, "Email", f'Email "{subject}" was sent to {to}: {why}.', WORKFLOW, at)

    def contact_of(self, ticket: int) -> str:
        """Where a ticket's contact gets mail."""
        return str(self._tickets.rows.rows[ticket].get("contactEmailAddress") or "")

    def resources_of(self, ticket: int) -> list[str]:
        """Where the owner and the booked technicians get mail."""
        row = self._tickets.rows.rows[ticket]
        names = [name.strip() for name in str(row.get("resources") or "").split(",")]
        names.append((row.get("owner") or {}).get("identifier", ""))
        return [self._desk.member(name)["officeEmail"] for name in dict.fromkeys(names) if name]

    # What boards and statuses mail.

    def heard(self, change: Change) -> None:
        """A change of status, a note, a time entry or an appointment may mail."""
        if change.row is None or change.action == "deleted":
            return
        if change.what == "ticket" and change.has_changed("status") and not change.quiet:
            self._about_status(change)
        elif change.what == "note" and change.part and change.action == "added":
            self._about_note(change, change.part)
        elif change.what == "time" and change.action == "added":
            self._about_time(change)
        elif change.what == "appointment" and change.part and is_on(self._switches, "appointment_mails"):
            member = self._desk.member(change.part["member"]["identifier"])
            self.send(change.ticket, member["officeEmail"], "appointment", change.by)

    def _about_status(self, change: Change) -> None:
        row = change.row or {}
        status = self._desk.shown_status(self._desk.row_of("status", row["status"]))
        if is_on(self._switches, "status_email_templates") and not status.get("emailTemplate"):
            return
        for to in self._board_sends_to(row):
            self.send(row["id"], to, "status change with processNotifications", change.by, f"Status: {status['name']}")

    def _board_sends_to(self, row: Row) -> Iterator[str]:
        board = self._desk.shown_board(self._desk.row_of("board", row["board"]))
        if board["sendToContactFlag"]:
            yield self.contact_of(row["id"])
        if board["sendToResourceFlag"]:
            yield from self.resources_of(row["id"])
        if board["sendToCCFlag"] and row.get("automaticEmailCc"):
            yield str(row["automaticEmailCc"])
        if board["sendToBundledFlag"]:
            yield from (self.contact_of(child["id"]) for child in self._tickets.children_of(row["id"]))

    def _about_note(self, change: Change, note: Row) -> None:
        board = self._desk.shown_board(self._desk.row_of("board", (change.row or {})["board"]))
        asked = change.order.get("processNotifications")
        if change.order and (self._switches.on("note_notifications") if asked is None else asked):
            self._as_asked(change, note)
        loop = "closedLoopDiscussionsFlag" if note["externalFlag"] else "closedLoopInternalAnalysisFlag"
        if board.get(loop):
            for to in self.resources_of(change.ticket):
                self.send(change.ticket, to, loop, change.by, note["text"])

    def _as_asked(self, change: Change, note: Row) -> None:
        if not note["externalFlag"]:
            if is_on(self._switches, "internal_note_mails"):
                for to in self.resources_of(change.ticket):
                    self.send(change.ticket, to, "internal note with processNotifications", change.by, note["text"])
            return
        flags = self._switches.text("public_note_mails") == "ticket_flags"
        if not flags or (change.row or {}).get("automaticEmailContactFlag"):
            why = "public note with processNotifications"
            self.send(change.ticket, self.contact_of(change.ticket), why, change.by, note["text"])

    def _about_time(self, change: Change) -> None:
        text = str((change.part or {}).get("notes") or "")
        if change.order.get("emailContactFlag"):
            why = "time entry with emailContactFlag"
            self.send(change.ticket, self.contact_of(change.ticket), why, change.by, text)
        if change.order.get("emailResourceFlag"):
            for to in self.resources_of(change.ticket):
                self.send(change.ticket, to, "time entry with emailResourceFlag", change.by, text)
        if change.order.get("emailCcFlag") and change.order.get("emailCc"):
            self.send(change.ticket, str(change.order["emailCc"]), "time entry with emailCcFlag", change.by, text)

"""Workflow rules: what the desk does by itself after an edit, whoever made it, and what it mails."""

from __future__ import annotations

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.notes import Notes
from psa_copilot_connectors.autotask.sandbox.picklists import COMPLETE, PUBLIC
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Change
from psa_copilot_connectors.autotask.sandbox.replies import iso
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets

RULE_NOTE = "Workflow rule: the ticket was edited."


class Rules:
    """The rules, each behind a switch; nothing ever leaves the mailbox."""

    def __init__(self, tickets: Tickets, notes: Notes) -> None:
        self.mailbox: list[Row] = []
        self._tickets, self._notes, self._records = tickets, notes, tickets.records

    def heard(self, change: Change) -> None:
        """A change sets off what fits."""
        if change.action == "Delete" or change.by == SYSTEM:
            return
        if change.what == "note" and change.action == "Create":
            self._about_note(change)
        elif change.what == "ticket":
            self._about_ticket(change)

    def _about_note(self, change: Change) -> None:
        mails = self._records.switches.text("rule_mails_notes")
        public = change.row["publish"] == PUBLIC
        if mails == "all" or (mails == "public" and public):
            self._mail(change, "a note was added", str(change.row["description"]))

    def _about_ticket(self, change: Change) -> None:
        moved = change.fields() if change.former else []
        mails = self._records.switches.text("rule_mails_status")
        if "status" in moved and (mails == "all" or (mails == "complete" and change.row["status"] == COMPLETE)):
            status = self._tickets.picklists.label("status", change.row["status"])
            self._mail(change, "the status was changed", status)
        if change.action == "Create" and self._records.switches.on("rule_mails_new"):
            self._mail(change, "the ticket was created", str(change.row["title"]))
        if moved and self._records.switches.on("rule_adds_note"):
            self._notes.say_by_rule(change.ticket, RULE_NOTE, change.at)
        if "queueID" in moved and self._records.switches.on("rule_sets_status"):
            self._tickets.edit(change.ticket, {"status": 1}, SYSTEM, change.at)

    def _mail(self, change: Change, why: str, text: str) -> None:
        row = self._tickets.row(change.ticket)
        contact = self._records.row("Contacts", row["contactID"])
        if contact is None:
            return
        self.mailbox.append(
            {
                "at": iso(change.at),
                "to": contact["emailAddress"],
                "subject": f"{row['ticketNumber']}: {row['title']}",
                "why": f"workflow rule: {why}",
                "ticket": change.ticket,
                "by": change.by,
                "text": text,
            }
        )
        told = {"lastCustomerNotificationDateTime": iso(change.at)}
        self._records.put("Tickets", row | told)

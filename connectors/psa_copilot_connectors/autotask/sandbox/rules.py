"""Workflow rules: what the desk does by itself after an edit, whoever made it, and what it mails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox import sla
from psa_copilot_connectors.autotask.sandbox.notes import Notes
from psa_copilot_connectors.autotask.sandbox.picklists import COMPLETE, PUBLIC
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Change
from psa_copilot_connectors.autotask.sandbox.replies import iso
from psa_copilot_connectors.autotask.sandbox.switches import ON_WRITES, PLANTED, is_on
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets
from psa_copilot_connectors.autotask.sandbox.work import Work

RULE_NOTE = "Workflow rule: the ticket was edited."
TEMPLATES = {
    "note": "Customer: Ticket Note Added",
    "status": "Customer: Ticket Status Changed",
    "complete": "Customer: Ticket Complete",
    "opened": "Customer: Ticket Created",
    "time": "Customer: Time Entry Added",
    "call": "Customer: Service Call Scheduled",
    "planted": "Customer: Ticket Updated",
}
"""What a mail is called in the history of notifications."""
TICKET_MAIL = 1
FIELDS = {"status": "status", "priority": "priority", "queueID": "queue", "assignedResourceID": "owner"}


class Rules:
    """The rules, each behind a switch; nothing ever leaves the mailbox."""

    def __init__(self, tickets: Tickets, notes: Notes, work: Work) -> None:
        self.mailbox: list[Row] = []
        self._tickets, self._notes, self._work = tickets, notes, work
        self._records, self._desk = tickets.records, tickets.desk
        self._deeds: dict[str, Callable[[Change], None]] = {
            "note": self._add_note,
            "status": partial(self._edit_other, "status"),
            "priority": partial(self._edit_other, "priority"),
            "owner": self._give_to_another,
            "template": self._append_to_title,
            "task": self._add_task,
            "charge": self._add_charge,
            "time_entry": self._log_time,
            "appointment": self._book,
            "sla_restart": lambda change: self._stamp(change, sla.restarted(self._row(change), change.at)),
            "sla_responded": lambda change: self._stamp(change, {"firstResponseDateTime": iso(change.at)}),
            "mail_to_contact": lambda change: self._mail(change, "planted", ""),
        }

    def heard(self, change: Change) -> None:
        """A change sets off what fits."""
        if change.action == "Delete" or change.by == SYSTEM or not self._concerns(change):
            return
        what = _triggers(change)
        self._mails(change, what)
        self._follow(change, what)
        for switch, deed in PLANTED.items():
            if self._desk.is_api(change.by) and is_on(self._records.switches, switch):
                self._deeds[deed](change)

    def _concerns(self, change: Change) -> bool:
        return self._records.switches.text("rules_on") == "anybody" or self._desk.is_api(change.by)

    def _mails(self, change: Change, what: set[str]) -> None:
        switches, row = self._records.switches, change.row
        everything = switches.on("all_side_effects")
        notes = "all" if everything else switches.text("rule_mails_notes")
        status = "all" if everything else switches.text("rule_mails_status")
        if "note" in what and (notes == "all" or (notes == "public" and row["publish"] == PUBLIC)):
            self._mail(change, "note", str(row["description"]))
        if "status" in what and status != "never" and (status == "all" or row["status"] == COMPLETE):
            template = "complete" if row["status"] == COMPLETE else "status"
            self._mail(change, template, self._tickets.picklists.label("status", row["status"]))
        for trigger, switch in ON_WRITES.items():
            if trigger in what and is_on(switches, switch):
                self._mail(change, trigger, str(row.get("title") or ""))

    def _follow(self, change: Change, what: set[str]) -> None:
        """What rules write, in the system's name."""
        for switch, trigger, deed in (
            ("rule_adds_note", "edit", "note"),
            ("rule_adds_time", "status", "time_entry"),
            ("rule_assigns", "edit", "owner"),
            ("rule_note_sets_status", "note", "status"),
            ("sla_responds_on_note", "note", "sla_responded"),
        ):
            if trigger in what and is_on(self._records.switches, switch):
                self._deeds[deed](change)
        if "queue" in what and is_on(self._records.switches, "rule_sets_status"):
            self._tickets.edit(change.ticket, {"status": 1}, SYSTEM, change.at)

    # The deeds.

    def _row(self, change: Change) -> Row:
        return self._tickets.row(change.ticket)

    def _add_note(self, change: Change) -> None:
        self._notes.say_by_rule(change.ticket, RULE_NOTE, change.at)

    def _edit_other(self, name: str, change: Change) -> None:
        """Another value than the one that stands there, and than the one before: rules go by their own mind."""
        now, before = self._row(change)[name], (change.former or {}).get(name)
        lists = (choice.value for choice in self._tickets.picklists.all_of(name))
        to = next(value for value in lists if value not in (now, before, COMPLETE))
        self._tickets.edit(change.ticket, {name: to}, SYSTEM, change.at)

    def _give_to_another(self, change: Change) -> None:
        now, before = self._row(change)["assignedResourceID"], (change.former or {}).get("assignedResourceID")
        who = next(one["id"] for one in self._desk.technicians() if one["id"] not in (now, before))
        fields = {"assignedResourceID": who, "assignedResourceRoleID": self._desk.role_of(who)}
        self._tickets.edit(change.ticket, fields, SYSTEM, change.at)

    def _append_to_title(self, change: Change) -> None:
        self._tickets.edit(change.ticket, {"title": f"{self._row(change)['title']} (by rule)"}, SYSTEM, change.at)

    def _add_task(self, change: Change) -> None:
        fields = {"ticketID": change.ticket, "itemName": "planted task", "isCompleted": False, "isImportant": True}
        self._records.add("TicketChecklistItems", fields)

    def _add_charge(self, change: Change) -> None:
        fields = {"ticketID": change.ticket, "name": "planted charge", "isBilled": False, "isBillableToCompany": True}
        self._records.add("TicketCharges", {**fields, "createDate": iso(change.at)})

    def _log_time(self, change: Change) -> None:
        self._work.log(change.ticket, self._desk.technicians()[0]["id"], change.at, "Logged by a rule")

    def _book(self, change: Change) -> None:
        who = self._desk.technicians()[0]["id"]
        self._work.book(change.ticket, who, change.at + timedelta(days=2), change.at + timedelta(days=2, hours=1))

    def _stamp(self, change: Change, fields: Row) -> None:
        self._records.put("Tickets", self._row(change) | fields)

    def _mail(self, change: Change, template: str, text: str) -> None:
        row = self._row(change)
        contact = self._records.row("Contacts", row["contactID"])
        if contact is None:
            return
        self.mailbox.append(
            {
                "at": iso(change.at),
                "to": contact["emailAddress"],
                "subject": f"{row['ticketNumber']}: {row['title']}",
                "why": f"workflow rule: {template}",
                "ticket": change.ticket,
                "by": change.by,
                "text": text,
            }
        )
        self._records.put("Tickets", row | {"lastCustomerNotificationDateTime": iso(change.at)})
        self._note_the_mail(row, contact, TEMPLATES[template], change.by, change.at)

    def _note_the_mail(self, ticket: Row, contact: Row, template: str, by: int, at: datetime) -> None:
        if not self._records.switches.on("mails_in_history"):
            return
        self._records.add(
            "NotificationHistory",
            {
                "ticketID": ticket["id"],
                "companyID": ticket["companyID"],
                "entityNumber": ticket["ticketNumber"],
                "entityTitle": ticket["title"],
                "initiatingResourceID": by or None,
                "isActive": True,
                "isDeleted": False,
                "isTemplateJob": False,
                "notificationHistoryTypeID": TICKET_MAIL,
                "notificationSentTime": iso(at),
                "recipientDisplayName": f"{contact['firstName']} {contact['lastName']}",
                "recipientEmailAddress": contact["emailAddress"],
                "templateName": template,
            },
        )


def _triggers(change: Change) -> set[str]:
    """What has happened, in the words of the rules."""
    if change.what != "ticket":
        return {change.what} if change.action == "Create" else set()
    if change.former is None:
        return {"opened"}
    moved = change.fields()
    return {FIELDS[name] for name in moved if name in FIELDS} | ({"edit"} if moved else set())

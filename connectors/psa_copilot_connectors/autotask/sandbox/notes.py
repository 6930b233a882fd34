"""What is said on tickets: notes by people, by contacts, by programs and by workflow rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from psa_copilot.sandbox import MessageLine, Row
from psa_copilot_connectors.autotask.sandbox.picklists import (
    INTERNAL,
    PORTAL_NOTE,
    PUBLIC,
    TASK_NOTE,
    WORKFLOW_NOTE,
)
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Change
from psa_copilot_connectors.autotask.sandbox.replies import Refused, iso
from psa_copilot_connectors.autotask.sandbox.shapes import SHAPES
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets, checked

TITLE = 60  # letters that the user interface takes from a mail for a title


class Notes:
    """All notes. The API has no way to delete one."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets, self._desk, self._records = tickets, tickets.desk, tickets.records
        self._of: dict[int, list[int]] = defaultdict(list)
        self._versions: dict[int, list[Row]] = defaultdict(list)

    def on(self, ticket: int) -> list[Row]:
        """The notes of one ticket."""
        rows = self._records.table("TicketNotes").rows
        return [rows[number] for number in self._of[ticket] if number in rows]

    def for_tests(self) -> list[Row]:
        """Every note ever written, with its versions."""
        return [self._for_test(row) for row in self._records.table("TicketNotes")]

    def _for_test(self, row: Row) -> Row:
        contact = self._records.row("Contacts", row["createdByContactID"])
        author = self._records.row("Resources", row["creatorResourceID"])
        return {
            "id": row["id"],
            "ticket": row["ticketID"],
            "title": row["title"],
            "text": row["description"],
            "internal": row["publish"] != PUBLIC,
            "publish": row["publish"],
            "author": str(author["userName"]) if author else "",
            "contact": f"{contact['firstName']} {contact['lastName']}" if contact else "",
            "created": row["createDateTime"],
            "updated": row["lastActivityDate"],
            "deleted": "",
            "versions": self._versions[row["id"]],
        }

    # By the API.

    def add(self, ticket: int, body: Mapping[str, Any], by: int, impersonated: int | None = None) -> Row:
        """A note from a body."""
        fields = checked(SHAPES["TicketNotes"], body, self._tickets.picklists, {}, is_new=True)
        author = {"creatorResourceID": impersonated or by}
        if impersonated:
            author["impersonatorCreatorResourceID"] = by
        return self._write(ticket, fields | author, impersonated or by, self._records.clock.now())

    def edit(self, ticket: int, body: Mapping[str, Any], by: int, at: datetime | None = None) -> Row:
        """New words for a note, by its id in the body."""
        number = body.get("id")
        old = self._records.row("TicketNotes", number)
        if old is None or old["ticketID"] != ticket:
            raise Refused("There is no row at position 0.")
        at = at or self._records.clock.now()
        fields = checked(SHAPES["TicketNotes"], body, self._tickets.picklists, old)
        row = self._keep(old | fields | {"ticketID": ticket, "lastActivityDate": iso(at)}, by, at)
        self._touch(row, old, by, at)
        return row

    # By people.

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """A person writes; returns the note's id."""
        row = self._tickets.row(ticket)
        author, by, kind = self._speaker(row, message)
        first_line = " ".join(message.text.split())
        fields: Row = {
            "title": first_line[:TITLE] or "Note",
            "description": message.text,
            "noteType": kind,
            "publish": INTERNAL if message.internal else PUBLIC,
            **author,
        }
        return int(self._write(ticket, fields, by, at)["id"])

    def say_by_rule(self, ticket: int, text: str, at: datetime) -> Row:
        """A note of a workflow rule, which looks like an ordinary one but for who wrote it."""
        fields = {
            "title": "Workflow rule",
            "description": text,
            "noteType": TASK_NOTE,
            "publish": INTERNAL,
            "creatorResourceID": SYSTEM,
        }
        return self._write(ticket, fields, SYSTEM, at)

    def edit_last_of(self, resources: frozenset[int], ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the last note of one of these resources."""
        written = [row for row in self.on(ticket) if row["creatorResourceID"] in resources]
        if not written:
            raise LookupError(f"ticket {ticket} has no note of an API account to edit")
        who = int(self._desk.resource(by)["id"])
        last = written[-1]
        self.edit(ticket, {"id": last["id"], "description": f"{last['description']}\n{text}"}, who, at)

    def delete(self, ticket: int, number: int, by: int, at: datetime) -> None:
        """A technician throws a note away in the user interface; the API has no way to."""
        if number not in self._of[ticket]:
            raise LookupError(f"ticket {ticket} has no note {number}")
        row = self._records.drop("TicketNotes", number)
        self._of[ticket].remove(number)
        self._tickets.bump(ticket, by, at)
        self._records.tell(Change(ticket, "note", "Delete", row, row, by, at))

    def _speaker(self, ticket: Row, message: MessageLine) -> tuple[Row, int, int]:
        """Whose name stands on it, which resource did it (0 for a contact), and what kind of note it is."""
        if message.role == "customer":
            contact = ticket["contactID"]
            if contact is None or message.by:
                contact = self._desk.contact(ticket["companyID"], message.by or "Front Desk")["id"]
            return {"createdByContactID": contact}, 0, PORTAL_NOTE
        if message.role == "agent":
            who = self._technician(ticket, message.by)
            return {"creatorResourceID": who}, who, TASK_NOTE
        return {"creatorResourceID": SYSTEM}, SYSTEM, WORKFLOW_NOTE

    def _technician(self, ticket: Row, by: str) -> int:
        if by:
            return int(self._desk.resource(by)["id"])
        if ticket["assignedResourceID"]:
            return int(ticket["assignedResourceID"])
        there = self._desk.technicians()
        return int(there[int(ticket["id"]) % len(there)]["id"])

    # How it is done.

    def _write(self, ticket: int, fields: Row, by: int, at: datetime) -> Row:
        stamps = {"ticketID": ticket, "createDateTime": iso(at), "lastActivityDate": iso(at)}
        row = self._keep(self._records.add("TicketNotes", fields | stamps), by, at)
        self._of[ticket].append(int(row["id"]))
        self._touch(row, None, by, at)
        return row

    def _keep(self, row: Row, by: int, at: datetime) -> Row:
        self._versions[int(row["id"])].append({"at": iso(at), "by": by, "text": row["description"]})
        return self._records.put("TicketNotes", row)

    def _shown(self, note: Row, by: int, at: datetime) -> dict[str, str]:
        """What a public note moves on its ticket: a technician's first one is the response."""
        moved = {"lastCustomerVisibleActivityDateTime": iso(at)}
        answered = self._tickets.row(note["ticketID"])["firstResponseDateTime"]
        is_answer = not answered and by not in (0, SYSTEM) and not self._desk.is_api(by)
        return moved | ({"firstResponseDateTime": iso(at)} if is_answer else {})

    def _touch(self, note: Row, former: Row | None, by: int, at: datetime) -> None:
        public = note["publish"] == PUBLIC
        shown = public and former is None
        if public or self._records.switches.on("internal_note_bumps_ticket"):
            self._tickets.bump(note["ticketID"], by, at, **(self._shown(note, by, at) if shown else {}))
        action: Literal["Create", "Update"] = "Update" if former else "Create"
        self._records.tell(Change(note["ticketID"], "note", action, note, former, by, at))

"""Tickets of the Autotask sandbox, and the rules by which they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psa_copilot.sandbox import Row, TicketLine
from psa_copilot_connectors.autotask.sandbox import sla
from psa_copilot_connectors.autotask.sandbox.desk import Desk
from psa_copilot_connectors.autotask.sandbox.picklists import (
    COMPLETE,
    INCIDENT,
    OPEN_DESK,
    PROBLEM,
    WAITING_CUSTOMER,
    Picklists,
)
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Change
from psa_copilot_connectors.autotask.sandbox.replies import Refused, iso, sent_date
from psa_copilot_connectors.autotask.sandbox.shapes import DATES, SHAPES, FieldShape, Shape
from psa_copilot_connectors.autotask.sandbox.switches import is_on

# What the history calls the fields that it keeps.
HISTORY = {
    "title": "Title", "status": "Status", "priority": "Priority", "queueID": "Queue", "issueType": "Issue Type",
    "subIssueType": "Sub-Issue Type", "assignedResourceID": "Primary Resource", "companyID": "Organization",
    "contactID": "Contact", "dueDateTime": "Due Date", "ticketType": "Ticket Type",
}  # fmt: skip
OWN_BOTH = (
    "Data violation: When assigning a Resource, you must assign both a assignedResourceID and assignedResourceRoleID."
)
NO_ROLE = "There is no row at position 0."


class Tickets:
    """All tickets, each in the shape in which the API shows it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.records, self.picklists = desk, desk.records, desk.picklists
        self._by_reference: dict[str, int] = {}
        self._of_day: dict[str, int] = defaultdict(int)

    def row(self, ticket: int) -> Row:
        """One that is there."""
        return self.records.table("Tickets").rows[ticket]

    def find(self, reference: object) -> int | None:
        """A ticket's id, from its id or somebody else's."""
        text = str(reference)
        if text.isdigit() and self.records.row("Tickets", int(text)):
            return int(text)
        return self._by_reference.get(text)

    # By the API.

    def create(self, body: Mapping[str, Any], by: int) -> Row:
        """A new ticket from a body."""
        fields = checked(SHAPES["Tickets"], body, self.picklists, {}, is_new=True)
        return self._enter({"ticketCategory": 3, **fields}, by, self.records.clock.now())

    def patch(self, ticket: int, body: Mapping[str, Any], by: int) -> Row:
        """The same for somebody outside, whom more can keep from it."""
        old = self.row(ticket)
        self._check_completion(old, checked(SHAPES["Tickets"], body, self.picklists, old))
        row = self.edit(ticket, body, by)
        self.records.edited(old)
        return row

    def edit(self, ticket: int, body: Mapping[str, Any], by: int, at: datetime | None = None) -> Row:
        """Change fields of a ticket; nothing happens unless everything can."""
        old = self.row(ticket)
        fields = checked(SHAPES["Tickets"], body, self.picklists, old)
        return self._save(old, fields, by, at or self.records.clock.now())

    # By people.

    def open(self, line: TicketLine, at: datetime) -> int:
        """A new ticket as a file or a scenario tells it."""
        company = self.desk.company(line.company)["id"] if line.company else self._some_company(line)
        contact = self._contact(company, line)
        issue, sub_issue = self.picklists.category(line.category)
        fields: Row = {
            "title": line.heading(),
            "description": line.description or None,
            "companyID": company,
            "contactID": contact["id"] if contact else None,
            "queueID": self.picklists.value("queueID", line.board or OPEN_DESK),
            "status": self.picklists.value("status", line.status or "New"),
            "priority": self.picklists.value("priority", line.priority or "Medium"),
            "source": self.picklists.value("source", line.origin or "person"),
            "issueType": issue,
            "subIssueType": sub_issue,
            "ticketType": 5 if line.origin == "alert" else 1,
            "ticketCategory": 3,
            "externalID": line.reference or None,
            "dueDateTime": iso(line.due_at) if line.due_at else None,
            **(self._owned(line.assignee) if line.assignee else {}),
        }
        row = self._enter(fields, SYSTEM, at, line.known_id)
        if line.reference:
            self._by_reference[line.reference] = int(row["id"])
        return int(row["id"])

    def change(self, ticket: int, field_name: str, to: str, by: str, at: datetime) -> None:
        """Somebody sets a field, in the words of people."""
        who = int(self.desk.resource(by)["id"]) if by else SYSTEM
        self._save(self.row(ticket), self._meant(field_name, to), who, at)

    def delete(self, ticket: int, by: int, at: datetime) -> None:
        """Somebody deletes a ticket in the user interface: it is left only in a log."""
        row = self.records.drop("Tickets", ticket)
        for entity in ("TicketNotes", "TimeEntries", "TicketHistory"):
            for part in self.records.where(entity, ticketID=ticket):
                self.records.drop(entity, part["id"])
        self.records.add(
            "DeletedTicketLogs",
            {
                "ticketID": ticket,
                "ticketNumber": row["ticketNumber"],
                "ticketTitle": row["title"],
                "deletedByResourceID": by,
                "deletedDateTime": iso(at),
            },
        )
        self.records.tell(Change(ticket, "ticket", "Delete", row, row, by, at))

    def bump(self, ticket: int, by: int, at: datetime, **more: object) -> None:
        """Something was done on a ticket without its fields."""
        row = self.row(ticket)
        latest = max(str(row["lastActivityDate"]), iso(at))
        self.records.put("Tickets", row | {"lastActivityDate": latest, "lastActivityResourceID": by or None, **more})

    # How it is done.

    def _meant(self, name: str, to: str) -> Row:
        lists = {"board": "queueID", "status": "status", "priority": "priority"}
        if name in lists:
            return {lists[name]: self.picklists.value(lists[name], to)}
        match name:
            case "category":
                issue, sub_issue = self.picklists.category(to)
                return {"issueType": issue, "subIssueType": sub_issue}
            case "assignee":
                return self._owned(to) if to else {"assignedResourceID": None, "assignedResourceRoleID": None}
            case "company":
                return {"companyID": self.desk.company(to)["id"], "contactID": None}
            case "title":
                return {"title": to}
            case "due":
                return {"dueDateTime": to}
            case _:
                raise LookupError(f"no field {name}")

    def _owned(self, name: str) -> Row:
        resource = self.desk.resource(name)["id"]
        return {"assignedResourceID": resource, "assignedResourceRoleID": self.desk.role_of(resource)}

    def _some_company(self, line: TicketLine) -> int:
        clients = [row for row in self.records.table("Companies") if row["id"]]
        return int(clients[len(line.heading()) % len(clients)]["id"]) if clients else 0

    def _contact(self, company: int, line: TicketLine) -> Row | None:
        if line.contact:
            return self.desk.contact(company, line.contact)
        return next(iter(self.desk.contacts_of(company)), None)

    def _enter(self, fields: Row, by: int, at: datetime, number: int | None = None) -> Row:
        self._check_family({}, fields)
        stamp = iso(at)
        made = {
            "ticketNumber": self._number(at),
            "createDate": stamp,
            "creatorResourceID": by,
            "creatorType": 1,
            "lastActivityDate": stamp,
            "lastActivityResourceID": by,
            "lastTrackedModificationDateTime": stamp,
            "serviceLevelAgreementID": 1,
            **sla.promised(at),
        }
        row = self.records.add("Tickets", made | fields | self._completed({}, fields, by, at), number)
        self.records.tell(Change(row["id"], "ticket", "Create", row, None, by, at))
        return row

    def _save(self, old: Row, fields: Row, by: int, at: datetime) -> Row:
        self._check_family(old, fields)
        stamp = max(str(old["lastActivityDate"]), iso(at))
        moved = {name: value for name, value in fields.items() if old[name] != value}
        stamps = {"lastActivityDate": stamp, "lastActivityResourceID": by}
        tracked = {"lastTrackedModificationDateTime": stamp} if moved else {}
        follows = self._completed(old, fields, by, at) | self._clock(old, moved, at)
        row = self.records.put("Tickets", old | fields | stamps | tracked | follows)
        for name in HISTORY:
            if name in moved:
                self._remember(old, row, name, by, at)
        self.records.tell(Change(row["id"], "ticket", "Update", row, old, by, at))
        return self.row(int(row["id"]))

    def _completed(self, old: Row, fields: Row, by: int, at: datetime) -> Row:
        status = fields.get("status")
        if "status" not in fields or status == old.get("status"):
            return {}
        if status == COMPLETE:
            return {"completedDate": iso(at), "completedByResourceID": by, **sla.met(old, at)}
        return {"completedDate": None, "completedByResourceID": None}

    def _clock(self, old: Row, moved: Row, at: datetime) -> Row:
        """What the SLA's clock makes of it."""
        change: Row = {}
        switches = self.records.switches
        if "status" in moved and is_on(switches, "sla_waits"):
            if moved["status"] == WAITING_CUSTOMER:
                change |= sla.paused(old, at)
            elif old["status"] == WAITING_CUSTOMER:
                change |= sla.resumed(old, at)
        if "priority" in moved and is_on(switches, "sla_restart_on_priority"):
            change |= sla.restarted(old, at)
        return change

    def _check_completion(self, old: Row, fields: Row) -> None:
        """What may keep a ticket from being completed, and a completed one from being edited."""
        switches = self.records.switches
        if old["status"] == COMPLETE and fields.get("status", COMPLETE) == COMPLETE and switches.on("complete_locks"):
            raise Refused("This ticket is complete and can no longer be edited.")
        if fields.get("status") != COMPLETE or old["status"] == COMPLETE:
            return
        if switches.on("complete_wants_resolution") and not (old | fields).get("resolution"):
            raise Refused("Missing Required Field: resolution")
        important = self.records.where("TicketChecklistItems", ticketID=old["id"], isImportant=True, isCompleted=False)
        if important and not switches.on("complete_with_open_checklist"):
            raise Refused("This ticket has important checklist items that are not complete.")

    def _remember(self, old: Row, row: Row, name: str, by: int, at: datetime) -> None:
        before, after = self._said(name, old[name]), self._said(name, row[name])
        detail = f"{HISTORY[name]} changed from {before or '(none)'} to {after or '(none)'}"
        fields = {"action": "Edited", "date": iso(at), "detail": detail, "resourceID": by, "ticketID": row["id"]}
        self.records.add("TicketHistory", fields)

    def _said(self, name: str, value: object) -> str:
        if name == "assignedResourceID":
            return self.desk.name_of(value)
        if name == "companyID":
            return str((self.records.row("Companies", value) or {}).get("companyName") or "")
        if name == "contactID":
            row = self.records.row("Contacts", value)
            return f"{row['firstName']} {row['lastName']}" if row else ""
        picklist = SHAPES["Tickets"].fields[name].picklist
        return self.picklists.label(picklist, value) if picklist else str(value or "")

    def _check_family(self, old: Row, fields: Row) -> None:
        """What belongs together: resource and role, contact and company."""
        row = old | fields
        resource, role = row.get("assignedResourceID"), row.get("assignedResourceRoleID")
        if (resource is None) != (role is None):
            raise Refused(OWN_BOTH)
        if resource is not None and not self.desk.holds(resource, role):
            raise Refused(NO_ROLE)
        if self.records.row("Companies", row.get("companyID")) is None:
            raise Refused("companyID does not exist.")
        contact = self.records.row("Contacts", row.get("contactID"))
        if row.get("contactID") is not None and (contact is None or contact["companyID"] != row["companyID"]):
            raise Refused("contactID is not associated to the companyID or its Parent Company")
        if fields.get("problemTicketId") is not None:
            self._check_problem(row, fields["problemTicketId"])

    def _check_problem(self, row: Row, number: int) -> None:
        problem = self.records.row("Tickets", number)
        if problem is None or number == row.get("id"):
            raise Refused("problemTicketId does not exist.")
        fits = (row.get("ticketType"), problem["ticketType"]) == (INCIDENT, PROBLEM)
        if not fits and self.records.switches.text("links") == "problem":
            raise Refused("Only an Incident can be associated with a Problem.")

    def _number(self, at: datetime) -> str:
        day = at.strftime("%Y%m%d")
        self._of_day[day] += 1
        return f"T{day}.{self._of_day[day]:04}"


def checked(shape: Shape, body: Mapping[str, Any], picklists: Picklists, old: Row, *, is_new: bool = False) -> Row:
    """What a body sets, by the fields' own names; what cannot be set is left out, what must not be is refused."""
    given = {shape.by_name[key.casefold()]: value for key, value in body.items() if key.casefold() in shape.by_name}
    fields = {
        name: _value(shape.fields[name], value)
        for name, value in given.items()
        if name != "id" and not shape.fields[name].read_only
    }
    for name, value in fields.items():
        known = shape.fields[name]
        if known.required and value in (None, ""):
            raise Refused(f"Missing Required Field: {name}")
        _check_choice(known, value, old | fields, picklists)
    for name, known in shape.fields.items():
        if is_new and known.required and fields.get(name) in (None, ""):
            raise Refused(f"Missing Required Field: {name}")
    if "issueType" in fields and "subIssueType" not in fields and old.get("subIssueType") is not None:
        _check_choice(shape.fields["subIssueType"], old["subIssueType"], old | fields, picklists)
    return fields


def _check_choice(known: FieldShape, value: object, row: Row, picklists: Picklists) -> None:
    if not known.picklist or value is None:
        return
    if not picklists.has(known.picklist, value, row.get(known.parent) if known.parent else None):
        if known.parent:
            raise Refused(f"Value does not exist for child picklist: {known.name}")
        raise Refused(f"Picklist value [{value}] does not exist for {known.name}.")


def _value(known: FieldShape, value: Any) -> Any:
    """A value as the record keeps it; numbers may come as text."""
    if value is None:
        return None
    if known.kind in ("integer", "long"):
        if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
            raise Refused(f"Error converting value {value!r} to type 'System.Int32'. Path '{known.name}'.")
        return int(value)
    if known.kind == "string":
        if known.length and len(str(value)) > known.length:
            raise Refused(f"{known.name} exceeds the maximum length of {known.length} characters.")
        return str(value)
    if known.kind == "double":
        return _number(known, value)
    if known.kind == DATES:
        date = sent_date(value)
        if date is None:
            raise Refused(f"Could not convert string to DateTime: {value}. Path '{known.name}'.")
        return date
    return value


def _number(known: FieldShape, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Refused(f"Error converting value {value!r} to type 'System.Double'. Path '{known.name}'.") from None

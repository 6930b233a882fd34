"""The picklists of one tenant: numbers that records carry, and the labels that people see."""

from __future__ import annotations

from dataclasses import dataclass, field

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.shapes import SHAPES, FieldShape

COMPLETE, WAITING_CUSTOMER = 5, 7
INCIDENT, PROBLEM = 2, 3
PUBLIC, INTERNAL, CO_MANAGED = 1, 2, 4
TASK_NOTE, WORKFLOW_NOTE, PORTAL_NOTE = 3, 13, 18
PERSON, API_USER = 1, 7
"""License types."""
TIME_OFF_APPROVED, VACATION = 2, 1
OPEN_DESK = "Help Desk"

_USUAL: dict[str, dict[int, str]] = {
    "status": {
        1: "New", COMPLETE: "Complete", WAITING_CUSTOMER: "Waiting Customer", 8: "In Progress", 9: "Waiting Materials",
        10: "Scheduled", 11: "Escalate", 12: "Waiting Vendor", 13: "Resolved", 19: "Customer Replied",
    },
    "priority": {4: "Critical", 1: "High", 2: "Medium", 3: "Low"},
    "queueID": {29_682_833: OPEN_DESK, 29_682_834: "Escalations", 29_682_835: "Infrastructure",
                29_682_836: "Internal IT"},
    "issueType": {},
    "subIssueType": {},
    "ticketType": {1: "Service Request", INCIDENT: "Incident", PROBLEM: "Problem", 4: "Change Request", 5: "Alert"},
    "ticketCategory": {1: "Standard (non-editable)", 3: "Standard", 4: "Datto RMM Alert"},
    "source": {-2: "Insourced", -1: "Client Portal", 2: "Phone", 4: "Email", 8: "Monitoring Alert", 9: "Recurring",
               10: "Internal", 11: "Sync", 12: "Project"},
    "serviceLevelAgreementID": {1: "Standard SLA"},
    "noteType": {1: "Task Summary", 2: "Task Detail", TASK_NOTE: "Task Notes",
                 WORKFLOW_NOTE: "Workflow Rule Note - Task", 15: "Duplicate Ticket Note",
                 PORTAL_NOTE: "Client Portal Note", 99: "RMM Note", 101: "Email Note"},
    "publish": {PUBLIC: "All Autotask Users", INTERNAL: "Internal Project Team",
                CO_MANAGED: "Internal & Co-Managed"},
    "licenseType": {PERSON: "Professional", 3: "Team Member", API_USER: "API User (system)"},
    "timeOffStatus": {1: "Submitted", TIME_OFF_APPROVED: "Approved", 3: "Rejected", 4: "Canceled"},
    "timeOffType": {VACATION: "Vacation Time", 2: "Sick Time", 3: "Personal Time", 4: "Floating Holiday"},
    "callStatus": {1: "New", 2: "Complete", 3: "Canceled"},
    "webhookField": {101: "Title", 102: "Status", 103: "Priority", 104: "QueueID", 105: "AssignedResourceID",
                     106: "IssueType", 107: "SubIssueType", 108: "CompanyID", 109: "ContactID",
                     110: "LastActivityDate", 111: "Resolution"},
    "noteWebhookField": {201: "Title", 202: "Description", 203: "NoteType", 204: "Publish", 205: "TicketID"},
}  # fmt: skip
_DEFAULTS = {
    "status": 1,
    "priority": 2,
    "source": 2,
    "ticketType": 1,
    "ticketCategory": 3,
    "noteType": TASK_NOTE,
    "callStatus": 1,
}
_SYSTEM = {"status": {1, COMPLETE}, "noteType": {WORKFLOW_NOTE, 15, PORTAL_NOTE, 99, 101}}
_FIRST_NEW = 200  # numbers that admins get for values of their own

# What people of every PSA call things, and what Autotask calls them.
_WORDS = {
    "status": {
        "closed": "Complete", "completed": "Complete", "done": "Complete", "canceled": "Complete",
        "cancelled": "Complete", "waiting on customer": "Waiting Customer", "waiting on vendor": "Waiting Vendor",
    },
    "priority": {"urgent": "Critical", "normal": "Medium", "priority 1 - critical": "Critical",
                 "priority 2 - high": "High", "priority 3 - medium": "Medium", "priority 4 - low": "Low"},
    "source": {"person": "Email", "alert": "Monitoring Alert"},
}  # fmt: skip
CATEGORIES = (
    "Hardware/Printer",
    "Hardware/Laptop",
    "Network/VPN",
    "Network/Wireless",
    "Software/Mail",
    "Software/Accounting",
    "Access/Password",
    "Access/New starter",
)


@dataclass
class Choice:
    """One value of a picklist."""

    value: int
    label: str
    parent: str = ""
    is_active: bool = True


@dataclass
class Picklists:
    """All of them; values that a ticket's file names and nobody has are added."""

    version: int = 0
    _lists: dict[str, dict[int, Choice]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lists = {name: {n: Choice(n, label) for n, label in given.items()} for name, given in _USUAL.items()}
        for path in CATEGORIES:
            self.category(path)

    def has(self, name: str, value: object, parent: object = None) -> bool:
        """Whether the list has such an active value, and it fits its parent's."""
        choice = self._lists[name].get(value) if isinstance(value, int) else None
        return bool(choice and choice.is_active and choice.parent in ("", str(parent)))

    def label(self, name: str, value: object) -> str:
        """What people read for a number."""
        choice = self._lists[name].get(value) if isinstance(value, int) else None
        return choice.label if choice else ""

    def value(self, name: str, label: str, parent: str = "") -> int:
        """The number for a label, made where there is none."""
        wanted = _WORDS.get(name, {}).get(label.casefold(), label).casefold()
        for choice in self._lists[name].values():
            if choice.label.casefold() == wanted and choice.parent == parent:
                return choice.value
        return self._add(name, label, parent)

    def category(self, path: str) -> tuple[int | None, int | None]:
        """Issue and sub-issue of a path such as `Hardware / Printer`; a third part is told with the second."""
        parts = [part.strip() for part in path.replace(">", "/").split("/") if part.strip()]
        if not parts:
            return None, None
        issue = self.value("issueType", parts[0])
        return issue, self.value("subIssueType", " - ".join(parts[1:]), str(issue)) if parts[1:] else None

    def default(self, name: str) -> int:
        """What a record begins with."""
        return _DEFAULTS[name]

    def all_of(self, name: str) -> list[Choice]:
        """The values of one list."""
        return list(self._lists[name].values())

    def _add(self, name: str, label: str, parent: str) -> int:
        there = self._lists[name]
        value = max([*there, _FIRST_NEW]) + 1
        there[value] = Choice(value, label, parent)
        self.version += 1
        return value

    def field_info(self, entity: str) -> list[Row]:
        """What `entityInformation/fields` tells of an entity."""
        shape = SHAPES[entity]
        first = FieldShape("id", "long", read_only=True)
        return [self._told(one, number) for number, one in enumerate((first, *shape.fields.values()))]

    def _told(self, one: FieldShape, number: int) -> Row:
        return {
            "name": one.name,
            "dataType": one.kind,
            "length": one.length,
            "isRequired": one.required or one.name == "id",
            "isReadOnly": one.read_only,
            "isQueryable": one.queryable,
            "isReference": bool(one.refers_to),
            "referenceEntityType": one.refers_to,
            "isPickList": bool(one.picklist),
            "picklistValues": self._values(one.picklist) if one.picklist else None,
            "picklistParentValueField": one.parent,
            "isSupportedWebhookField": {},
        }

    def _values(self, name: str) -> list[Row]:
        return [
            {
                "value": str(choice.value),
                "label": choice.label,
                "isDefaultValue": choice.value == _DEFAULTS.get(name),
                "sortOrder": order,
                "parentValue": choice.parent,
                "isActive": choice.is_active,
                "isSystem": choice.value in _SYSTEM.get(name, ()),
            }
            for order, choice in enumerate(self._lists[name].values(), start=1)
        ]

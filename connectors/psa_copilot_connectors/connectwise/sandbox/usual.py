"""How a desk is usually set up: the statuses, priorities, sources and types of every board that says nothing else."""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """A status, and what it means to the SLA (its escalationStatus)."""

    name: str
    meaning: str
    closed: bool = False
    default: bool = False


OPEN_DESK = "Help Desk"
BOARDS = (OPEN_DESK, "Escalations", "Infrastructure", "Internal IT")
STATUSES = (
    Status("New", "NotResponded", default=True),
    Status("In Progress", "Responded"),
    Status("Scheduled", "ResolutionPlan"),
    Status("Waiting customer", "NoEscalation"),
    Status("Waiting vendor", "NoEscalation"),
    Status("Customer replied", "NoEscalation"),
    Status("Internal IT", "NoEscalation"),
    Status("Resolved", "Resolved"),
    Status("Closed", "Resolved", closed=True),
)
# The words in which scenarios say what a status means.
MEANINGS = {
    "new": "NotResponded",
    "triage": "NotResponded",
    "in progress": "Responded",
    "scheduled": "ResolutionPlan",
    "resolved": "Resolved",
    "closed": "Resolved",
}
NO_MEANING = "NoEscalation"
CLOSED_WORDS = frozenset({"closed", "completed", "done", "cancelled", "canceled"})
TEMPLATED_WORDS = ("waiting customer", "waiting on customer", "resolved", "closed")
PRIORITIES = {
    "Priority 1 - Critical": "Red",
    "Priority 2 - High": "Orange",
    "Priority 3 - Medium": "Yellow",
    "Priority 4 - Low": "White",
}
USUAL_PRIORITY = "Priority 3 - Medium"
PRIORITY_WORDS = {"critical": 1, "urgent": 1, "high": 2, "medium": 3, "normal": 3, "low": 4}
ORIGINS = {
    "person": "Email Connector",
    "alert": "RMM",
    "recurring": "Recurring",
    "internal": "Internal",
    "sync": "Sync",
    "project": "Project",
}
CATEGORIES = (
    "Hardware/Printer/Blank pages",
    "Hardware/Laptop/Slow",
    "Network/VPN/Cannot connect",
    "Network/Wireless/Weak signal",
    "Software/Mail/Cannot send",
    "Software/Accounting/License",
    "Access/Password/Reset",
    "Access/New starter/Setup",
)
# Captions are pasted from web pages, so they carry characters of no width, as real ones do.
CUSTOM_FIELDS = [
    {
        "id": 1,
        "caption": "\u200bSite Code",
        "type": "Text",
        "entryMethod": "EntryField",
        "numberOfDecimals": 0,
        "value": "12",
    }
]
# What boards do by themselves, and the switch that sets it on all of them.
BOARD_FLAGS = {
    "sendToContactFlag": "board_sends_to_contact",
    "sendToResourceFlag": "board_sends_to_resource",
    "sendToCCFlag": "board_sends_to_cc",
    "sendToBundledFlag": "board_sends_to_bundled",
    "billTicketsAfterClosedFlag": "bill_after_close",
    "closedLoopInternalAnalysisFlag": "closed_loop_internal",
    "closedLoopDiscussionsFlag": "closed_loop_discussions",
    "autoAssignNewTicketsFlag": "auto_assign_new",
    "emailConnectorAllowReopenClosedFlag": "reopen_by_mail",
}
# Small tables: what each is called, and the path that its records have.
SMALL = {
    "companyType": "/company/companies/types/{id}",
    "companyStatus": "/company/companies/statuses/{id}",
    "contactType": "/company/contacts/types/{id}",
    "configurationType": "/company/configurations/types/{id}",
    "configurationStatus": "/company/configurations/statuses/{id}",
    "scheduleType": "/schedule/types/{id}",
    "scheduleStatus": "/schedule/statuses/{id}",
    "calendar": "/schedule/calendars/{id}",
    "holidayList": "/schedule/holidayLists/{id}",
    "workType": "/time/workTypes/{id}",
    "workRole": "/time/workRoles/{id}",
    "agreementType": "/finance/agreements/types/{id}",
    "location": "/service/locations/{id}",
}
# Which of them are called by a description and not by a name.
DESCRIBED = ("contactType", "configurationStatus")
SERVICE, PROJECT, TIME_OFF = "Service", "Project", "Time Off"
SCHEDULE_TYPES = {"Sales": "C", PROJECT: "P", "Meeting": "M", SERVICE: "S", TIME_OFF: "O", "Holiday": "H"}
SCHEDULE_STATUSES = ("Tentative", "Firm", "Confirmed")
WORK_TYPES = {"Remote": "Billable", "On-Site": "Billable", "Internal": "NoCharge", "Admin": "DoNotBill"}

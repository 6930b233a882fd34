"""How a desk is usually set up: teams, statuses, priorities, ticket types, categories, outcomes."""

from __future__ import annotations

OPEN_TEAM = "Help Desk"
TEAMS = (OPEN_TEAM, "Escalations", "Infrastructure", "Internal IT")
NEW, IN_PROGRESS, CLOSED = 1, 2, 9  # ids that every tenant starts with
STATUSES = {
    NEW: "New",
    IN_PROGRESS: "In Progress",
    3: "Scheduled",
    4: "Waiting customer",
    5: "Waiting vendor",
    6: "Customer replied",
    7: "Internal IT",
    8: "Resolved",
    CLOSED: "Closed",
}
ON_HOLD = frozenset({"Waiting customer", "Waiting vendor"})
CLOSED_WORDS = frozenset({"closed", "completed", "done", "cancelled", "canceled"})
PRIORITIES = {1: "Critical", 2: "High", 3: "Medium", 4: "Low"}
USUAL_PRIORITY = 3
PRIORITY_WORDS = {"critical": 1, "urgent": 1, "high": 2, "medium": 3, "normal": 3, "low": 4}
RESPONSE_HOURS = {1: 1.0, 2: 2.0, 3: 4.0, 4: 8.0}
FIX_HOURS = {1: 4.0, 2: 8.0, 3: 24.0, 4: 72.0}
SLAS = {1: "Standard", 2: "Premium"}
TICKET_TYPES = {1: "Incident", 3: "Service Request", 20: "Alert", 21: "Project", 22: "Recurring", 23: "Internal"}
ORIGINS = {"alert": 20, "project": 21, "recurring": 22, "internal": 23}
# Where a ticket came from, as a number; Halo's own list has more.
SOURCES = {"": 1, "person": 1, "alert": 8, "recurring": 12, "internal": 0, "sync": 13, "project": 0}
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
OPENED, PRIVATE_NOTE, PUBLIC_NOTE, EMAIL_USER, USER_UPDATE, RE_ASSIGN, RESOLVE, AUTOMATION = 1, 7, 8, 16, 18, 5, 6, 90
OUTCOMES = {
    OPENED: {"outcome": "Opened", "systemid": 1, "hidden": True},
    RE_ASSIGN: {"outcome": "Re-Assign", "systemid": 4},
    RESOLVE: {"outcome": "Resolve", "newstatus": 8, "sendemail": 1, "respondtype": 1},
    PRIVATE_NOTE: {"outcome": "Private Note", "hidefromuser": True, "hidesendemail": True},
    PUBLIC_NOTE: {"outcome": "Public Note", "hidesendemail": True},
    EMAIL_USER: {"outcome": "Email User", "sendemail": 1, "respondtype": 1},
    USER_UPDATE: {"outcome": "User Update", "systemid": 12, "hidden": True},
    AUTOMATION: {"outcome": "Automation", "systemid": 30, "hidden": True, "hidefromuser": True},
}
UNASSIGNED, UNKNOWN_CLIENT = 1, 1
NO_CHARGE, CHARGED = 0, 1  # charge rates
NO_DATE = "1900-01-01T00:00:00"
APPLICATIONS = {"id": "psa_copilot", "api2": "Second Integration"}
API_AGENTS = {"id": "Copilot Api", "api2": "Second Api"}

"""The names that each kind of ConnectWise record has, by which conditions, fields and writes are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from psa_copilot_connectors.connectwise.sandbox.conditions import BadCondition

_INFO = ("lastUpdated", "updatedBy", "dateEntered", "enteredBy")
_WORD = re.compile(r"(\w+)(?:\{([^}]*)\}|\[([^\]]*)\])?")


@dataclass(frozen=True)
class Shape:
    """One kind of record. References are written `board{}`, lists of records `types[name]`."""

    plain: frozenset[str]
    references: Mapping[str, frozenset[str]]
    lists: Mapping[str, frozenset[str]]
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    only_filter: frozenset[str] = frozenset()
    never_filter: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        """Whether conditions and orderBy may use this name."""
        first, _, rest = name.partition("/")
        if first in self.never_filter:
            return False
        if first == "_info" or (name in _INFO and name not in self.plain):
            return name in _INFO or rest in _INFO
        if first in self.references:
            return not rest or rest in self.references[first]
        return name in self.plain

    def knows_child(self, name: str) -> bool:
        """Whether childConditions may use this name."""
        first, _, rest = name.partition("/")
        return rest.partition("/")[0] in self.lists.get(first, frozenset())

    def shows(self, name: str) -> bool:
        """Whether `fields` may ask for this name."""
        first, _, rest = name.partition("/")
        if first in self.only_filter:
            return False
        if first in self.lists:
            return not rest or rest.partition("/")[0] in self.lists[first]
        return first == "_info" or first in self.never_filter or self.knows(name)

    def writable(self, name: str) -> bool:
        """Whether a body or a PATCH path may have this name."""
        known = name in self.plain or name in self.references or name in self.lists
        return known and name not in self.only_filter

    def all_writable(self) -> frozenset[str]:
        """Every name that a body may have."""
        return (self.plain | self.references.keys() | self.lists.keys()) - self.only_filter

    def check_value(self, name: str, value: object) -> None:
        """BadCondition for a word that an enum does not have."""
        words = self.enums.get(name)
        if words and isinstance(value, str) and value.casefold() not in {word.casefold() for word in words}:
            raise BadCondition(f"Enum value supplied was invalid: {value}.")


def shape(
    text: str, *, enums: Mapping[str, tuple[str, ...]] | None = None, only_filter: str = "", never_filter: str = ""
) -> Shape:
    """A shape from its names."""
    plain: set[str] = set()
    references: dict[str, frozenset[str]] = {}
    lists: dict[str, frozenset[str]] = {}
    for written in text.split():
        match = _WORD.fullmatch(written)
        if match is None:
            raise ValueError(f"{written} is no name of a field")
        name, inside, children = match.groups()
        if children is not None:
            lists[name] = frozenset(children.split("-"))
        elif inside is not None:
            references[name] = frozenset({"id", "name", *inside.split("-")} - {""})
        else:
            plain.add(name)
    filters = frozenset(only_filter.split()), frozenset(never_filter.split())
    return Shape(frozenset(plain), references, lists, enums or {}, *filters)


LEVELS = ("Low", "Medium", "High")
BILLING = ("Billable", "DoNotBill", "NoCharge", "NoDefault")
LICENSES = ("A", "C", "F", "X")
TIME_STATUSES = (
    "Open", "Rejected", "PendingApproval", "ErrorsCorrected", "PendingProjectApproval", "ApprovedByTierOne",
    "RejectBySecondTier", "ApprovedByTierTwo", "ReadyToBill", "Billed", "WrittenOff", "BilledAgreement",
)  # fmt: skip
MEANINGS = ("NotResponded", "Responded", "ResolutionPlan", "Resolved", "NoEscalation")
RECORDS = ("ServiceTicket", "ProjectTicket", "ProjectIssue")
CHARGES = ("ServiceTicket", "ProjectTicket", "ChargeCode", "Activity")


def _names() -> dict[str, str]:
    """The names of each kind, as `names.txt` beside this file lists them."""
    text = (files(__package__) / "names.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+):\n((?:  .*\n)+)", text, re.MULTILINE))


_NAMES = _names()
TICKET = shape(
    _NAMES["ticket"], enums={"recordType": RECORDS, "severity": LEVELS, "impact": LEVELS}, only_filter="configuration"
)
NOTE = shape(_NAMES["note"])
ANY_NOTE = shape(_NAMES["any_note"], never_filter="noteType")
BOARD = shape(_NAMES["board"])
STATUS = shape(_NAMES["status"], enums={"escalationStatus": MEANINGS})
TYPE = shape(_NAMES["type"], enums={"category": ("Reactive", "Proactive")})
SUBTYPE = shape(_NAMES["subtype"])
ITEM = shape(_NAMES["item"])
TEAM = shape(_NAMES["team"])
PRIORITY = shape(_NAMES["priority"])
SOURCE = shape(_NAMES["source"])
MEMBER = shape(_NAMES["member"], enums={"licenseClass": LICENSES})
MEMBER_INFO = shape(_NAMES["member_info"], enums={"licenseClass": LICENSES})
COMPANY = shape(_NAMES["company"])
CONTACT = shape(_NAMES["contact"])
CONFIGURATION = shape(_NAMES["configuration"])
TIME = shape(_NAMES["time"], enums={"chargeToType": CHARGES, "billableOption": BILLING, "status": TIME_STATUSES})
SCHEDULE = shape(_NAMES["schedule"])
CALLBACK = shape(_NAMES["callback"])
AUDIT = shape(_NAMES["audit"])
INFO = shape(_NAMES["info"])
SLA = shape(_NAMES["sla"], enums={"basedOn": ("AllHours", "Customer", "MyCalendar", "Custom")})
SLA_PRIORITY = shape(_NAMES["sla_priority"])
SCHEDULE_TYPE = shape(_NAMES["schedule_type"])
SCHEDULE_STATUS = shape(_NAMES["schedule_status"])
CALENDAR = shape(_NAMES["calendar"])
HOLIDAY_LIST = shape(_NAMES["holiday_list"])
HOLIDAY = shape(_NAMES["holiday"])
TASK = shape(_NAMES["task"])
CONTACT_TYPE = shape(_NAMES["contact_type"])
COMMUNICATION = shape(_NAMES["communication"])
COMPANY_TYPE = shape(_NAMES["company_type"])
COMPANY_STATUS = shape(_NAMES["company_status"])
TYPE_ASSOCIATION = shape(_NAMES["type_association"])
SITE = shape(_NAMES["site"])
ASSOCIATION = shape(_NAMES["association"])
WORK_TYPE = shape(_NAMES["work_type"])
WORK_ROLE = shape(_NAMES["work_role"])
AGREEMENT = shape(_NAMES["agreement"])
AGREEMENT_TYPE = shape(_NAMES["agreement_type"])
DOCUMENT = shape(_NAMES["document"])
PROJECT_TICKET = shape(_NAMES["project_ticket"])
CHANGE_LOG = shape(_NAMES["change_log"])
CONFIGURATION_TYPE = shape(_NAMES["configuration_type"])
CONFIGURATION_STATUS = shape(_NAMES["configuration_status"])
LOCATION = shape(_NAMES["location"])
SERVICE_TEAM = shape(_NAMES["service_team"])
TICKET_INFO = shape(_NAMES["ticket_info"])
AUTO_TEMPLATE = shape(_NAMES["auto_template"])
REFERENCE = shape("id name description deviceIdentifier")

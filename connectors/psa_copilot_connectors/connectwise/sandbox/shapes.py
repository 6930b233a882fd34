"""The names that each kind of ConnectWise record has, by which conditions, fields and writes are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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

TICKET = shape(
    "id summary recordType board{} status{sort} workRole{} workType{} company{identifier} site{} siteName addressLine1"
    " addressLine2 city stateIdentifier zip country{identifier} contact{} contactName contactPhoneNumber"
    " contactPhoneExtension contactEmailAddress type{} subType{} item{} team{} owner{identifier} priority{sort-level}"
    " serviceLocation{} source{} requiredDate budgetHours opportunity{} agreement{} severity impact externalXRef poNumber"
    " knowledgeBaseCategoryId knowledgeBaseSubCategoryId allowAllClientsPortalView customerUpdatedFlag"
    " automaticEmailContactFlag automaticEmailResourceFlag automaticEmailCcFlag automaticEmailCc initialDescription"
    " initialInternalAnalysis initialResolution initialDescriptionFrom contactEmailLookup processNotifications"
    " skipCallback closedDate closedBy closedFlag actualHours approved dateResolved dateResplan dateResponded"
    " resolveMinutes resPlanMinutes respondMinutes isInSla resources parentTicketId hasChildTicket"
    " hasMergedChildTicketFlag billTime billExpenses billProducts location{} department{} sla{} slaStatus"
    " mergedParentTicket{summary} integratorTags requestForChangeFlag escalationStartDateUTC escalationLevel"
    " minutesWaiting configuration{deviceIdentifier} customFields[id-caption-type-entryMethod-value]",
    enums={"recordType": ("ServiceTicket", "ProjectTicket", "ProjectIssue"), "severity": LEVELS, "impact": LEVELS},
    only_filter="configuration",
)
NOTE = shape(
    "id ticketId text detailDescriptionFlag internalAnalysisFlag resolutionFlag issueFlag member{identifier} contact{}"
    " customerUpdatedFlag processNotifications dateCreated createdBy internalFlag externalFlag sentimentScore"
)
ANY_NOTE = shape(
    "id noteType ticket{summary} text isMarkdownFlag detailDescriptionFlag internalAnalysisFlag resolutionFlag timeStart"
    " timeEnd bundledFlag mergedFlag issueFlag originalAuthor member{identifier} contact{} createdByParentFlag",
    never_filter="noteType",
)
BOARD = shape(
    "id name location{} department{} inactiveFlag projectFlag sendToContactFlag sendToResourceFlag sendToCCFlag"
    " sendToBundledFlag billTicketsAfterClosedFlag closedLoopDiscussionsFlag closedLoopResolutionFlag"
    " closedLoopInternalAnalysisFlag closedLoopAllFlag autoAssignNewTicketsFlag autoAssignTicketOwnerFlag"
    " autoCloseStatus{} emailConnectorReopenStatus{} emailConnectorAllowReopenClosedFlag"
)
STATUS = shape(
    "id name board{} sortOrder displayOnBoard inactive closedStatus timeEntryNotAllowed defaultFlag escalationStatus"
    " customerPortalFlag emailTemplate{identifier}",
    enums={"escalationStatus": ("NotResponded", "Responded", "ResolutionPlan", "Resolved", "NoEscalation")},
)
TYPE = shape("id name category defaultFlag inactiveFlag board{}", enums={"category": ("Reactive", "Proactive")})
SUBTYPE = shape("id name inactiveFlag board{} typeAssociationIds")
ITEM = shape("id name inactiveFlag board{}")
TEAM = shape("id name teamLeader{identifier} members defaultFlag boardId")
PRIORITY = shape("id name color sortOrder defaultFlag level")
SOURCE = shape("id name defaultFlag")
MEMBER = shape(
    "id identifier firstName middleInitial lastName title licenseClass inactiveFlag officeEmail primaryEmail"
    " defaultEmail defaultPhone timeZone{} dailyCapacity hireDate securityRole{} serviceBoardTeamIds adminFlag"
    " disableOnlineFlag",
    enums={"licenseClass": LICENSES},
)
MEMBER_INFO = shape(
    "id identifier firstName middleInitial lastName fullName defaultEmail licenseClass inactiveFlag",
    enums={"licenseClass": LICENSES},
)
COMPANY = shape(
    "id identifier name status{} types[id-name] deletedFlag defaultContact{} territory{} site{} phoneNumber website city"
    " addressLine1 state zip country{identifier} accountNumber integratorTags isVendorFlag"
)
CONTACT = shape(
    "id firstName lastName company{identifier} site{} inactiveFlag title types[id-name] defaultFlag defaultPhoneNbr"
    " communicationItems[id-type-value-extension-defaultFlag-domain-communicationType] customFields[id-caption-value]"
)
CONFIGURATION = shape(
    "id name type{} status{} company{identifier} contact{} serialNumber modelNumber tagNumber activeFlag deviceIdentifier"
)
TIME = shape(
    "id company{identifier} companyId companyType chargeToId chargeToType member{identifier} locationId businessUnitId"
    " workType{} workRole{} agreement{} timeStart timeEnd hoursDeduct actualHours billableOption notes internalNotes"
    " addToDetailDescriptionFlag addToInternalAnalysisFlag addToResolutionFlag emailResourceFlag emailContactFlag"
    " emailCcFlag emailCc hoursBilled enteredBy dateEntered invoice{} hourlyRate status ticket{summary} ticketBoard"
    " ticketStatus",
    enums={
        "chargeToType": ("ServiceTicket", "ProjectTicket", "ChargeCode", "Activity"),
        "billableOption": BILLING,
        "status": (
            "Open",
            "Rejected",
            "PendingApproval",
            "ErrorsCorrected",
            "PendingProjectApproval",
            "ApprovedByTierOne",
            "RejectBySecondTier",
            "ApprovedByTierTwo",
            "ReadyToBill",
            "Billed",
            "WrittenOff",
            "BilledAgreement",
        ),
    },
)
SCHEDULE = shape(
    "id objectId name member{identifier} where{} dateStart dateEnd reminder{} status{} type{identifier} span{identifier}"
    " doneFlag acknowledgedFlag ownerFlag meetingFlag allowScheduleConflictsFlag hours"
)
CALLBACK = shape(
    "id description url objectId type level memberId payloadVersion inactiveFlag isSoapCallbackFlag isSelfSuppressedFlag"
    " connectWiseID"
)
AUDIT = shape("text enteredDate enteredBy auditType auditSubType auditSource")
INFO = shape("version isCloud serverTimeZone licenseBits[name-activeFlag] cloudRegion maxWorkFlowRecordsAllowed")

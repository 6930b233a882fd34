"""What Autotask's records look like: the fields of each entity, and what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psa_copilot.sandbox import Row


@dataclass(frozen=True)
class FieldShape:
    """One field of an entity."""

    name: str
    kind: str
    length: int = 0
    required: bool = False
    read_only: bool = False
    queryable: bool = True
    picklist: str = ""
    """Which picklist its values come from."""
    parent: str = ""
    """The field whose value decides which values of the picklist fit."""
    refers_to: str = ""


@dataclass(frozen=True)
class Shape:
    """One entity."""

    name: str
    fields: Mapping[str, FieldShape]
    creates: bool = False
    updates: bool = False
    deletes: bool = False
    has_udf: bool = False
    child_of: str = ""
    """The field with the number of its parent, for entities that are written by their parent's path."""
    by_name: Mapping[str, str] = field(default_factory=dict)
    """Each field's name by its lower-case form: clients write names in any letter case."""

    def blank(self) -> Row:
        """A record of which nothing is known yet."""
        empty: Row = {"id": 0, **dict.fromkeys(self.fields)}
        return empty | ({"userDefinedFields": []} if self.has_udf else {})


DATES = "datetime"
_TYPES = {"i": "integer", "l": "long", "s": "string", "d": DATES, "b": "boolean", "f": "double"}

_TICKET = """
i apiVendorID assignedResourceID assignedResourceRoleID billingCodeID changeApprovalBoard changeApprovalStatus
i changeApprovalType companyID companyLocationID completedByResourceID configurationItemID contactID contractID
i createdByContactID creatorResourceID creatorType currentServiceThermometerRating firstResponseAssignedResourceID
i firstResponseInitiatingResourceID impersonatorCreatorResourceID issueType lastActivityPersonType
i lastActivityResourceID monitorTypeID opportunityID organizationalLevelAssociationID
i previousServiceThermometerRating priority problemTicketId projectID queueID rmaStatus rmaType
i serviceLevelAgreementID serviceThermometerTemperature source status subIssueType ticketCategory ticketType
s changeInfoField1 changeInfoField2 changeInfoField3 changeInfoField4 changeInfoField5 description externalID
s purchaseOrderNumber resolution rmmAlertID ticketNumber title
d completedDate createDate dueDateTime firstResponseDateTime firstResponseDueDateTime lastActivityDate
d lastCustomerNotificationDateTime lastCustomerVisibleActivityDateTime lastTrackedModificationDateTime
d resolutionPlanDateTime resolutionPlanDueDateTime resolvedDateTime resolvedDueDateTime
l contractServiceBundleID contractServiceID monitorID
f estimatedHours hoursToBeScheduled serviceLevelAgreementPausedNextEventHours
b isAssignedToComanaged isVisibleToComanaged serviceLevelAgreementHasBeenMet
"""
_NOTE = """
d createDateTime lastActivityDate
i createdByContactID creatorResourceID impersonatorCreatorResourceID impersonatorUpdaterResourceID noteType publish
i ticketID
s description title
"""
_TIME = """
d billingApprovalDateTime createDateTime dateWorked endDateTime lastModifiedDateTime startDateTime
i billingApprovalLevelMostRecent billingApprovalResourceID billingCodeID contractID creatorUserID
i impersonatorCreatorResourceID impersonatorUpdaterResourceID internalBillingCodeID lastModifiedUserID resourceID
i roleID taskID ticketID timeEntryType
l contractServiceBundleID contractServiceID
f hoursToBill hoursWorked offsetHours
s internalNotes summaryNotes
b isInternalNotesVisibleToComanaged isNonBillable showOnInvoice
"""
_COMPANY = """
i companyType ownerResourceID parentCompanyID classification companyCategoryID territoryID
s companyName companyNumber phone webAddress city additionalAddressInformation
d createDate lastActivityDate lastTrackedModifiedDateTime
b isActive isClientPortalActive isEnabledForComanaged isTaskFireActive isTaxExempt
"""
_CONTACT = """
s emailAddress emailAddress2 emailAddress3 externalID firstName lastName mobilePhone note phone title
i companyID companyLocationID isActive impersonatorCreatorResourceID
d createDate lastActivityDate lastModifiedDate
b primaryContact billingContact receivesEmailNotifications surveyOptOut
"""
_RESOURCE = """
s email email2 email3 firstName initials lastName middleName mobilePhone officePhone resourceType title userName
l defaultServiceDeskRoleID
i licenseType locationID userType
d hireDate
b isActive
"""
_CHARGE = """
f billableAmount unitCost unitPrice unitQuantity
l billingCodeID creatorResourceID productID status ticketID
i chargeType
d createDate datePurchased
s description name notes
b isBillableToCompany isBilled
"""
_CALL = """
f cancelationNoticeHours duration
i canceledByResourceID companyID companyLocationID creatorResourceID impersonatorCreatorResourceID isComplete status
d canceledDateTime createDateTime endDateTime lastModifiedDateTime startDateTime
s description
"""
_NOTIFIED = """
l companyID initiatingContactID initiatingResourceID opportunityID projectID quoteID taskID ticketID timeEntryID
s entityNumber entityTitle recipientDisplayName recipientEmailAddress templateName
b isActive isDeleted isTemplateJob
i notificationHistoryTypeID
d notificationSentTime
"""
_BILLING_CODE = """
i afterHoursWorkType billingCodeType department generalLedgerAccount taxCategoryID useType
s description externalNumber name
b isActive isExcludedFromNewContracts
f markupRate unitCost unitPrice
"""
_TIME_OFF = """
d approvedDateTime createDateTime endTime lastModifiedDateTime requestDate startTime
i approveRejectResourceID createdByResourceID impersonatorApproveRejectResourceID lastApprovedLevel
i lastModifiedByResourceID resourceID status timeOffRequestType
f hours
s reason rejectReason
"""
_PLACE = """
s additionalAddressInfo address1 address2 city country name postalCode state timeZone
l holidaySetId
b isDefault
"""
_WEBHOOK = """
s deactivationUrl name notificationEmailAddress secretKey webhookGUID webhookUrl
b isActive isReady isSubscribedToCreateEvents isSubscribedToDeleteEvents isSubscribedToUpdateEvents
b sendThresholdExceededNotification
i ownerResourceID
"""

# What is known of a field besides its type.
_ANNOTATED: dict[str, dict[str, dict[str, object]]] = {
    "Tickets": {
        "title": {"length": 255, "required": True},
        "companyID": {"required": True, "refers_to": "Company"},
        "status": {"required": True, "picklist": "status"},
        "priority": {"required": True, "picklist": "priority"},
        "queueID": {"picklist": "queueID"},
        "issueType": {"picklist": "issueType"},
        "subIssueType": {"picklist": "subIssueType", "parent": "issueType"},
        "ticketType": {"picklist": "ticketType"},
        "ticketCategory": {"picklist": "ticketCategory"},
        "source": {"picklist": "source"},
        "serviceLevelAgreementID": {"picklist": "serviceLevelAgreementID"},
        "assignedResourceID": {"refers_to": "Resource"},
        "assignedResourceRoleID": {"refers_to": "Role"},
        "contactID": {"refers_to": "Contact"},
        "description": {"length": 8000},
        "resolution": {"length": 32000},
        "externalID": {"length": 50},
        "creatorType": {"queryable": False, "read_only": True},
        "lastActivityPersonType": {"queryable": False, "read_only": True},
        **{
            name: {"read_only": True}
            for name in (
                "ticketNumber", "createDate", "completedDate", "completedByResourceID", "creatorResourceID",
                "createdByContactID", "impersonatorCreatorResourceID", "lastActivityDate", "lastActivityResourceID",
                "lastCustomerNotificationDateTime", "lastCustomerVisibleActivityDateTime",
                "lastTrackedModificationDateTime", "firstResponseDateTime", "resolutionPlanDateTime",
                "resolvedDateTime", "serviceLevelAgreementHasBeenMet", "serviceLevelAgreementPausedNextEventHours",
            )
        },
    },
    "TicketNotes": {
        "title": {"length": 250, "required": True},
        "description": {"length": 32000, "required": True},
        "noteType": {"required": True, "picklist": "noteType"},
        "publish": {"required": True, "picklist": "publish"},
        "ticketID": {"refers_to": "Ticket"},
        **{name: {"read_only": True} for name in ("createDateTime", "lastActivityDate", "creatorResourceID",
           "createdByContactID", "impersonatorCreatorResourceID", "impersonatorUpdaterResourceID")},
    },
    "Resources": {"licenseType": {"picklist": "licenseType"}},
    "TimeEntries": {
        "resourceID": {"required": True, "refers_to": "Resource"},
        "dateWorked": {"required": True},
        "ticketID": {"refers_to": "Ticket"},
        "billingCodeID": {"refers_to": "BillingCode"},
        "summaryNotes": {"length": 8000},
        "internalNotes": {"length": 8000},
        **{name: {"read_only": True} for name in ("billingApprovalDateTime", "billingApprovalLevelMostRecent",
           "billingApprovalResourceID", "createDateTime", "creatorUserID", "hoursToBill", "lastModifiedDateTime",
           "lastModifiedUserID", "impersonatorCreatorResourceID", "impersonatorUpdaterResourceID")},
    },
    "ServiceCalls": {
        "companyID": {"required": True, "refers_to": "Company"},
        "startDateTime": {"required": True},
        "endDateTime": {"required": True},
        "status": {"picklist": "callStatus"},
        "description": {"length": 2000},
        **{name: {"read_only": True} for name in ("canceledByResourceID", "canceledDateTime", "createDateTime",
           "creatorResourceID", "impersonatorCreatorResourceID", "lastModifiedDateTime")},
    },
    "ServiceCallTickets": {"ticketID": {"required": True, "refers_to": "Ticket"}},
    "ServiceCallTicketResources": {"resourceID": {"required": True, "refers_to": "Resource"}},
    "TimeOffRequests": {
        "requestDate": {"required": True},
        "hours": {"required": True},
        "status": {"read_only": True, "picklist": "timeOffStatus"},
        "timeOffRequestType": {"picklist": "timeOffType"},
        **{name: {"read_only": True} for name in ("approvedDateTime", "approveRejectResourceID", "createDateTime",
           "createdByResourceID", "lastApprovedLevel", "lastModifiedByResourceID", "lastModifiedDateTime")},
    },
    "Holidays": {name: {"required": True} for name in ("holidayDate", "holidayName")},
    "TicketSecondaryResources": {name: {"required": True} for name in ("resourceID", "roleID")},
    "TicketAdditionalContacts": {"contactID": {"required": True, "refers_to": "Contact"}},
    "TicketWebhooks": {
        "webhookUrl": {"required": True},
        "deactivationUrl": {"required": True},
        "secretKey": {"length": 64, "required": True},
        "name": {"required": True, "length": 50},
        "isActive": {"required": True},
        **{name: {"read_only": True} for name in ("isReady", "webhookGUID")},
    },
    "TicketWebhookFields": {"fieldID": {"required": True, "picklist": "webhookField"}},
    "TicketNoteWebhookFields": {"fieldID": {"required": True, "picklist": "noteWebhookField"}},
}  # fmt: skip
_ANNOTATED["TicketNoteWebhooks"] = _ANNOTATED["TicketWebhooks"]


def _shape(name: str, text: str, allowed: str = "", *, has_udf: bool = False, child_of: str = "") -> Shape:
    """A shape from lines of a type's letter and names; `allowed` are letters of create, update, delete."""
    noted = _ANNOTATED.get(name, {})
    fields = {
        one: FieldShape(one, _TYPES[line.split()[0]], **noted.get(one, {}))  # type: ignore[arg-type]
        for line in text.strip().splitlines()
        for one in line.split()[1:]
    }
    by_name = {one.casefold(): one for one in (*fields, "id")}
    return Shape(name, fields, "c" in allowed, "u" in allowed, "d" in allowed, has_udf, child_of, by_name)


SHAPES = {
    shape.name: shape
    for shape in (
        _shape("Tickets", _TICKET, "cu", has_udf=True),
        _shape("TicketNotes", _NOTE, "cu", child_of="ticketID"),
        _shape("TimeEntries", _TIME, "cud"),
        _shape("Companies", _COMPANY, has_udf=True),
        _shape("Contacts", _CONTACT, has_udf=True),
        _shape("Resources", _RESOURCE),
        _shape("Roles", "s description name\nf hourlyFactor hourlyRate\nb isActive isSystemRole\ni roleType"),
        _shape("ResourceServiceDeskRoles", "b isActive isDefault\ni resourceID roleID"),
        _shape("TicketHistory", "s action detail\nd date\ni resourceID ticketID"),
        _shape("DeletedTicketLogs", "i ticketID deletedByResourceID\ns ticketNumber ticketTitle\nd deletedDateTime"),
        _shape(
            "TicketChecklistItems",
            "i completedByResourceID knowledgebaseArticleID position ticketID\nd completedDateTime\n"
            "b isCompleted isImportant\ns itemName",
            child_of="ticketID",
        ),
        _shape("TicketCharges", _CHARGE, child_of="ticketID"),
        _shape("TicketSecondaryResources", "i resourceID roleID ticketID", "cd", child_of="ticketID"),
        _shape("TicketAdditionalContacts", "i contactID ticketID", "cd", child_of="ticketID"),
        _shape("NotificationHistory", _NOTIFIED),
        _shape("BillingCodes", _BILLING_CODE),
        _shape("ServiceCalls", _CALL, "cud"),
        _shape("ServiceCallTickets", "i serviceCallID ticketID", "cd", child_of="serviceCallID"),
        _shape("ServiceCallTicketResources", "i resourceID serviceCallTicketID", "cd", child_of="serviceCallTicketID"),
        _shape("Appointments", "d createDateTime endDateTime startDateTime updateDateTime\n"
               "i creatorResourceID resourceID\ns description title"),
        _shape("TimeOffRequests", _TIME_OFF, "cu", child_of="resourceID"),
        _shape("HolidaySets", "s holidaySetDescription holidaySetName", "cud"),
        _shape("Holidays", "d holidayDate\ns holidayName\ni holidaySetID", "cud", child_of="holidaySetID"),
        _shape("InternalLocations", _PLACE),
        *(
            shape
            for of in ("Ticket", "TicketNote")
            for shape in (
                _shape(f"{of}Webhooks", _WEBHOOK, "cud"),
                _shape(f"{of}WebhookFields", "i fieldID webhookID\nb isDisplayAlwaysField isSubscribedField", "cud",
                       child_of="webhookID"),
                _shape(f"{of}WebhookExcludedResources", "i resourceID webhookID", "cd", child_of="webhookID"),
            )
        ),
    )
}  # fmt: skip
ENTITIES = {name.casefold(): name for name in SHAPES}
"""Paths are taken in any letter case."""
CHILDREN = {
    ("Tickets", "notes"): "TicketNotes",
    ("Tickets", "checklistitems"): "TicketChecklistItems",
    ("Tickets", "charges"): "TicketCharges",
    ("Tickets", "secondaryresources"): "TicketSecondaryResources",
    ("Tickets", "additionalcontacts"): "TicketAdditionalContacts",
    ("ServiceCalls", "tickets"): "ServiceCallTickets",
    ("ServiceCallTickets", "resources"): "ServiceCallTicketResources",
    ("Resources", "timeoffrequests"): "TimeOffRequests",
    ("HolidaySets", "holidays"): "Holidays",
    ("TicketWebhooks", "fields"): "TicketWebhookFields",
    ("TicketWebhooks", "excludedresources"): "TicketWebhookExcludedResources",
    ("TicketNoteWebhooks", "fields"): "TicketNoteWebhookFields",
    ("TicketNoteWebhooks", "excludedresources"): "TicketNoteWebhookExcludedResources",
}
"""What hangs on which entity, by the last part of its path."""

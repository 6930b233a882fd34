"""What new boards, people and clients look like, field by field."""

from __future__ import annotations

from psa_copilot.sandbox import Client, Contact, Row, Technician
from psa_copilot_connectors.connectwise.sandbox.usual import BOARD_FLAGS, Status

OFFICE = {"id": 2, "name": "Main Office"}


def board_fields(name: str, *, mails_contact: bool = True, project: bool = False) -> Row:
    """A board that does little by itself."""
    return {
        "name": name,
        "location": {"id": 1, "name": "Main Office"},
        "department": {"id": 1, "name": "Professional Services"},
        "inactiveFlag": False,
        "projectFlag": project,
        **dict.fromkeys(BOARD_FLAGS, False),
        "sendToContactFlag": mails_contact,
    }


def status_fields(status: Status, board: Row, order: int) -> Row:
    """A status of a board."""
    return {
        "name": status.name,
        "board": board,
        "sortOrder": order,
        "displayOnBoard": True,
        "inactive": False,
        "closedStatus": status.closed,
        "timeEntryNotAllowed": False,
        "defaultFlag": status.default,
        "escalationStatus": status.meaning,
        "customerPortalFlag": True,
    }


def member_fields(technician: Technician, license_class: str, time_zone: Row) -> Row:
    """A technician, or an API member."""
    first, _, last = technician.name.partition(" ")
    mail = technician.email or f"{technician.login}@msp.example"
    return {
        "identifier": technician.login,
        "firstName": first,
        "lastName": last,
        "title": technician.title,
        "licenseClass": license_class,
        "inactiveFlag": technician.inactive,
        "disableOnlineFlag": False,
        "adminFlag": False,
        "officeEmail": mail,
        "primaryEmail": mail,
        "defaultEmail": "Office",
        "defaultPhone": "Office",
        "hireDate": "2020-01-01T00:00:00Z",
        "securityRole": {"id": 63, "name": "API" if license_class == "A" else "Technician"},
        "timeZone": time_zone,
        "dailyCapacity": 8.0,
        "invoiceScreenDefaultTabFormat": "ShowInvoicingTab",
        "invoicingDisplayOptions": "RemainOnInvoicingScreen",
        "agreementInvoicingDisplayOptions": "RemainOnInvoicingScreen",
    }


def company_fields(client: Client, identifier: str, status: Row, types: list[Row]) -> Row:
    """A client."""
    return {
        "identifier": identifier,
        "name": client.name,
        "status": status,
        "types": types,
        "deletedFlag": False,
        "territory": OFFICE,
    }


def contact_fields(contact: Contact, company: Row, mail: str, number: int, types: list[Row]) -> Row:
    """One of a client's people, who gets mail at one address."""
    first, _, last = contact.name.partition(" ")
    item = {
        "id": number,
        "type": {"id": 1, "name": "Email"},
        "value": mail,
        "defaultFlag": True,
        "domain": f"@{mail.partition('@')[2]}",
        "communicationType": "Email",
    }
    return {
        "firstName": first,
        "lastName": last,
        "company": company,
        "inactiveFlag": contact.inactive,
        "title": contact.title,
        "defaultFlag": False,
        "types": types,
        "communicationItems": [item],
    }


def agreement_fields(company: Row, contact: Row | None, kind: Row, sla: Row) -> Row:
    """What a client pays for."""
    return {
        "name": f"Managed Services {company['name']}",
        "type": kind,
        "company": company,
        **({"contact": contact} if contact else {}),
        "startDate": "2024-01-01T00:00:00Z",
        "noEndingDateFlag": True,
        "cancelledFlag": False,
        "agreementStatus": "Active",
        "sla": sla,
    }

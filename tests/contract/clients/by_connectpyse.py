"""connectpyse at work on a ConnectWise sandbox; runs where that package is installed, and prints what it saw."""

import base64
import json
import sys
from typing import Any

# It lives in an environment of its own, never in ours.
from connectpyse.company.companies_api import CompaniesAPI  # type: ignore[import-not-found]
from connectpyse.company.contacts_api import ContactsAPI  # type: ignore[import-not-found]
from connectpyse.service.boards_api import BoardsAPI  # type: ignore[import-not-found]
from connectpyse.service.ticket_note import TicketNote  # type: ignore[import-not-found]
from connectpyse.service.ticket_notes_api import TicketNotesAPI  # type: ignore[import-not-found]
from connectpyse.service.tickets_api import TicketsAPI  # type: ignore[import-not-found]
from connectpyse.system.members_api import MembersAPI  # type: ignore[import-not-found]
from connectpyse.time.time_entries_api import TimeEntriesAPI  # type: ignore[import-not-found]

PAGE = 7


def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, page, read, write a note, patch a ticket."""
    login = base64.b64encode(b"sandbox+pub:priv").decode()
    auth = {"Authorization": f"Basic {login}", "clientId": "00000000-0000-4000-8000-000000000000"}
    way = {"url": f"{url}/v4_6_release/apis/3.0", "auth": auth}
    tickets, notes = TicketsAPI(**way), TicketNotesAPI(ticket_id=number, **way)
    paged = [ticket.id for ticket in pages(TicketsAPI(**way))]
    flags = {"detailDescriptionFlag": False, "internalAnalysisFlag": True, "resolutionFlag": False}
    note = notes.create_ticket_note(TicketNote({"text": text, **flags}))
    patched = tickets.update_ticket(number, "summary", title)
    return {
        "counts": {
            "tickets": len(everything(TicketsAPI(**way).get_tickets)),
            "notes": sum(len(everything(TicketNotesAPI(ticket_id=one, **way).get_ticket_notes)) for one in paged),
            "time_entries": len(everything(TimeEntriesAPI(**way).get_time_entries)),
            "companies": len(everything(CompaniesAPI(**way).get_companies)),
            "contacts": len(everything(ContactsAPI(**way).get_contacts)),
            "members": len(everything(MembersAPI(**way).get_members)),
            "boards": len(everything(BoardsAPI(**way).get_boards)),
        },
        "counted": tickets.get_tickets_count(),
        "paged": paged,
        "note": note.id,
        "notes": [one.text for one in notes.get_ticket_notes()],
        "all_notes": [one.text for one in notes.get_ticket_notes()],  # it knows no allNotes
        "patched": patched.summary,
        "read": tickets.get_ticket_by_id(number).summary,
    }


def pages(api: Any) -> list[Any]:
    """All tickets, a few at a time, as its users do it."""
    api.conditions, api.orderBy, api.pageSize = "id > 0", "id asc", PAGE
    found: list[Any] = []
    for api.page in range(1, 1000):
        rows = list(api.get_tickets())
        found += rows
        if len(rows) < PAGE:
            return found
    raise ValueError("there is no end of pages")


def everything(read: Any) -> list[Any]:
    """What a list call gives on one page of a thousand."""
    read.__self__.pageSize = 1000
    return list(read())


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), *texts)))

"""py-autotask at work on an Autotask sandbox; runs where that package is installed, and prints what it saw.

It asks for an update by PATCH /Tickets/{id}, which Autotask does not have: its description knows PATCH /Tickets, with
the id in the body. So what it can is listing, reading and writing a note; the refusal of the rest is told too.
"""

import json
import sys
from typing import Any

# It lives in an environment of its own, never in ours.
from py_autotask import AutotaskClient  # type: ignore[import-not-found]

INTERNAL = 2
ALL = {"filter": [{"op": "gte", "field": "id", "value": 0}]}


def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, count what it lists, read, write a note, try to update a ticket."""
    psa = AutotaskClient.create(
        username="api@sandbox.example", integration_code="CODE", secret="secret", api_url=f"{url}/atservicesrest"
    )
    listed = psa.query("Tickets", ALL).items
    kinds = {"companies": "Companies", "contacts": "Contacts", "time_entries": "TimeEntries"}
    counts = {name: len(psa.query(kind, ALL).items) for name, kind in kinds.items()}
    note = {"title": "Seen", "description": text, "noteType": 1, "publish": INTERNAL}
    made = psa.create_child_entity("Tickets", number, "Notes", note)
    on_ticket = {"filter": [{"op": "eq", "field": "ticketID", "value": number}]}
    return {
        "counts": {"tickets": len(listed), **counts},
        "listed": [row["id"] for row in listed],
        "note": made.item_id,
        "notes": [row["description"] for row in psa.query("TicketNotes", on_ticket).items],
        "read": psa.tickets.get(number)["title"],
        "refused": refusal(psa, number, title),
    }


def refusal(psa: Any, number: int, title: str) -> str:
    """What it says of its own update."""
    try:
        psa.update("Tickets", {"id": number, "title": title})
    except Exception as exc:  # noqa: BLE001 - whatever it makes of a 405
        return f"{type(exc).__name__}: {exc}"
    return ""


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), *texts)))

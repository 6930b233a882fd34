"""haloitsm-python at work on a HaloPSA sandbox; runs where that package is installed, and prints what it saw.

Its `create` and `update` send a bare object, the latter to POST /Tickets/{id}; Halo's description has arrays, and no
such path. So both are sent by the client's own session, and the refusal of its ways is told too.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

# It lives in an environment of its own, never in ours.
from halo import HaloClient  # type: ignore[import-not-found]

PAGE = 7


def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, page, read, write a note, update a ticket."""
    psa = HaloClient(base_url=url, client_id="id", client_secret="secret")
    paged = pages(psa)
    note = {"ticket_id": number, "outcome": "Private Note", "note": text, "hiddenfromuser": True}
    refused = [refusal(lambda: psa.actions.create(note)), refusal(lambda: psa.tickets.get(number).update({}))]
    made = psa.session.post("/Actions", json=[note])
    psa.session.post("/Tickets", json=[{"id": number, "summary": title}])
    return {
        "counts": {
            "tickets": len(psa.tickets.list()),
            "companies": len(psa.clients.list()),
            "contacts": len(psa.users.list()),
        },
        "listed": paged,
        "note": made["id"],
        "notes": [row.note for row in psa.actions.list(ticket_id=number)],
        "read": psa.tickets.get(number).summary,
        "refused": refused,
    }


def pages(psa: Any) -> list[int]:
    """All tickets, a few at a time."""
    found: list[int] = []
    for page in range(1, 1000):
        rows = psa.tickets.list(page_size=PAGE, page_no=page)
        found += [row.id for row in rows]
        if len(rows) < PAGE:
            return found
    raise ValueError("there is no end of pages")


def refusal(ask: Callable[[], object]) -> str:
    """What came of it; the client's reading of an error expects an object, and falls over Halo's words."""
    try:
        ask()
    except Exception as exc:  # noqa: BLE001 - whatever it makes of a 400
        return type(exc).__name__
    return ""


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), *texts)))

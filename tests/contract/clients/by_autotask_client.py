"""autotask-client at work on an Autotask sandbox; runs where that package is installed, and prints what it saw.

Its model of a note asks for /Tickets/{id}/TicketNotes, which Autotask's description does not have; the note goes to
/Tickets/{id}/Notes by the client's plain `post`.
"""

import asyncio
import json
import sys
from typing import Any

# It lives in an environment of its own, never in ours.
from autotask.client import AutotaskClient  # type: ignore[import-not-found]
from autotask.config import AutotaskConfig  # type: ignore[import-not-found]
from autotask.entities.manager import EntityManager  # type: ignore[import-not-found]
from autotask.models.ticket import Ticket  # type: ignore[import-not-found]
from autotask.query import Q  # type: ignore[import-not-found]

INTERNAL = 2


async def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, count what it lists, read, write a note, update a ticket."""
    config = AutotaskConfig("api@sandbox.example", "secret", "CODE", api_url=url)
    async with AutotaskClient(config) as client:
        entities = EntityManager(client)
        tickets = await entities.query(Ticket, Q(id__gte=0))
        kinds = {"companies": "Companies", "contacts": "Contacts", "time_entries": "TimeEntries"}
        counts = {name: len(await client.query_all(kind, Q(id__gte=0).to_filter())) for name, kind in kinds.items()}
        said = {"title": "Seen", "description": text, "noteType": 1, "publish": INTERNAL}
        note = await client.post(f"Tickets/{number}/Notes", json=said)
        await entities.update(Ticket(id=number, title=title))
        read = await entities.get(Ticket, number)
        notes = await client.query_all("TicketNotes", Q(ticketID=number).to_filter())
    return {
        "counts": {"tickets": len(tickets), **counts},
        "listed": [ticket.id for ticket in tickets],
        "note": note["itemId"],
        "notes": [one["description"] for one in notes],
        "read": read.title,
    }


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(work(address, int(wanted), *texts))))

"""halopsa at work on a HaloPSA sandbox; runs where that package is installed, and prints what it saw."""

import json
import sys
from importlib import import_module
from typing import Any

# It lives in an environment of its own, never in ours; its class of the same name hides this module.
package: Any = import_module("HaloPSA.Halo")
PAGE = 7


class Loopback(package._MethodsHelper):  # type: ignore[misc]  # known only there
    """The same client where it has https and the vendor's domain fixed: only its two base URLs are other ones."""

    site = ""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("auth_url", "url"):
            value = f"{self.site}/{value.split('/', 3)[3]}"
        super().__setattr__(name, value)


def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, page, read, write a note, update a ticket."""
    Loopback.site = url
    package._MethodsHelper = Loopback
    psa = package.Halo("sandbox", "id", "secret")
    paged = [row["id"] for row in pages(psa)]
    note = {"ticket_id": number, "outcome": "Private Note", "note": text, "hiddenfromuser": True}
    made = psa.Actions.update(**note)
    psa.Tickets.update(id=number, summary=title)
    return {
        "counts": {
            "tickets": len(psa.Tickets.search(pageinate=False)["tickets"]),
            "companies": len(psa.Clients.search()["clients"]),
            "contacts": len(psa.Users.search()["users"]),
        },
        "listed": paged,
        "note": made["id"],
        "notes": [row["note"] for row in psa.Actions.search(ticket_id=number)["actions"]],
        "read": psa.Tickets.get(number)["summary"],
    }


def pages(psa: Any) -> list[dict[str, Any]]:
    """All tickets, a few at a time."""
    found: list[dict[str, Any]] = []
    for page in range(1, 1000):
        rows = psa.Tickets.search(pageinate=True, page_size=PAGE, page_no=page)["tickets"]
        found += rows
        if len(rows) < PAGE:
            return found
    raise ValueError("there is no end of pages")


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), *texts)))

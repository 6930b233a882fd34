"""pyconnectwise at work on a ConnectWise sandbox; runs where that package is installed, and prints what it saw."""

import json
import sys
from typing import Any
from urllib.parse import urlsplit

# It lives in an environment of its own, never in ours.
from pyconnectwise import ConnectWiseManageAPIClient  # type: ignore[import-not-found]

PAGE = 7
ALL = {"pageSize": 1000}


class Loopback(ConnectWiseManageAPIClient):  # type: ignore[misc]  # see above
    """The same client, asking by http where it has https fixed."""

    def _get_url(self) -> str:
        return str(super()._get_url()).replace("https://", "http://")

    def _try_get_codebase_from_api(self, manage_url: str, company_name: str, headers: dict[str, str]) -> str:
        answer = self._make_request("GET", f"http://{manage_url}/login/companyinfo/{company_name}", headers=headers)
        return str(answer.json()["Codebase"])


def work(url: str, number: int, text: str, title: str) -> dict[str, Any]:
    """List, page, read, write a note, patch a ticket."""
    site = urlsplit(url).netloc
    psa = Loopback("sandbox", site, "00000000-0000-4000-8000-000000000000", "pub", "priv")
    paged = [ticket.id for ticket in psa.service.tickets.paginated(1, PAGE, params={"conditions": "id > 0"}).all()]
    ticket = psa.service.tickets.id(number)
    note = ticket.notes.post({"text": text, "internalAnalysisFlag": True, "processNotifications": False})
    patched = ticket.patch([{"op": "replace", "path": "summary", "value": title}])
    return {
        "counts": {
            "tickets": len(psa.service.tickets.get(params=ALL)),
            "notes": sum(len(psa.service.tickets.id(one).notes.get(params=ALL)) for one in paged),
            "time_entries": len(psa.time.entries.get(params=ALL)),
            "companies": len(psa.company.companies.get(params=ALL)),
            "contacts": len(psa.company.contacts.get(params=ALL)),
            "members": len(psa.system.members.get(params=ALL)),
            "boards": len(psa.service.boards.get(params=ALL)),
        },
        "counted": psa.service.tickets.count.get().count,
        "paged": paged,
        "note": note.id,
        "notes": [one.text for one in ticket.notes.get()],
        "all_notes": [one.text for one in ticket.all_notes.get()],
        "patched": patched.summary,
        "read": ticket.get().summary,
    }


if __name__ == "__main__":
    address, wanted, *texts = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), *texts)))

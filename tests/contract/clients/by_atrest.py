"""atrest at work on an Autotask sandbox; runs where that package is installed, and prints what it saw.

It knows two requests only: one ticket by its id, and a new one.
"""

import json
import sys
from typing import Any

# It lives in an environment of its own, never in ours.
from atrest import Client  # type: ignore[import-not-found]


def work(url: str, number: int, title: str) -> dict[str, Any]:
    """Read a ticket, and open another one like it."""
    psa = Client(f"{url}/ATServicesRest/V1.0", "CODE", "api@sandbox.example", "secret")
    [row] = psa.query_tickets(number).json()["items"]
    made = psa.create_ticket(title, "As before.", row["status"], row["priority"], row["companyID"], row["queueID"])
    return {"read": row["title"], "made": made}


if __name__ == "__main__":
    address, wanted, name = sys.argv[1:]
    sys.stdout.write(json.dumps(work(address, int(wanted), name)))

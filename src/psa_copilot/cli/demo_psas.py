"""What differs between the PSAs that the demo is played on: logins, labels, and how their logs tell of our writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WORDS = {
    "New": "new",
    "In Progress": "in progress",
    "Scheduled": "scheduled",
    "Waiting customer": "waiting on customer",
    "Waiting vendor": "waiting on vendor",
    "Resolved": "resolved",
}
"""The scenario's statuses, and what they mean."""


@dataclass(frozen=True)
class Psa:
    """One PSA, as far as the demo has to know it."""

    name: str
    called: str
    login: str
    """Ours, by which the PSA's log knows our requests."""
    keys: Mapping[str, str]
    """What its connection is told to get in."""
    sets_fields: str
    """The request by which a ticket itself is changed: method and path, `{id}` for a number that the path has."""
    statuses: dict[str, str] = field(default_factory=dict)
    """The scenario's statuses that are called otherwise here."""
    people: dict[str, str] = field(default_factory=dict)
    """The technicians' logins in the scenario, and what accounts are called here where it is something else."""
    client_it: str = "Client IT"
    """How a client's own IT staff is told: by a contact type where the PSA has such types, else by a title."""

    def word(self, said: str) -> str:
        """What the scenario's status or account is called here."""
        return (self.statuses | self.people).get(said, said)

    def meanings(self) -> dict[str, str]:
        """What the statuses here mean."""
        return {self.word(status): meaning for status, meaning in WORDS.items()}

    def changes_ticket(self, row: Mapping[str, Any], remote_id: str) -> bool:
        """Whether a request of the PSA's log changes this ticket itself; where the log does not tell which, any may."""
        asked = f"{row['method']} {row['path']}"
        return re.fullmatch(self.sets_fields.replace("{id}", remote_id), asked, re.IGNORECASE) is not None


PSAS: Mapping[str, Psa] = {
    one.name: one
    for one in (
        Psa(
            name="connectwise",
            called="ConnectWise",
            login="pub",
            keys={"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": "demo"},
            sets_fields=r"(PATCH|PUT) .*/service/tickets/{id}",
        ),
        Psa(
            name="autotask",
            called="Autotask",
            login="api@sandbox.example",
            keys={"username": "api@sandbox.example", "secret": "secret", "integration_code": "CODE"},
            sets_fields=r"(PATCH|PUT) .*/Tickets",
            statuses={"Waiting customer": "Waiting Customer", "Waiting vendor": "Waiting Vendor"},
            client_it="IT Coordinator",
        ),
        Psa(
            name="halopsa",
            called="HaloPSA",
            login="id",
            keys={"client_id": "id", "client_secret": "secret"},
            sets_fields=r"POST .*/Tickets",
            people={"idahl": "Ines Dahl", "tokafor": "Tobi Okafor", "mruiz": "Marta Ruiz"},
        ),
    )
}

"""What differs between the PSAs: how to get in, what their sandboxes are told, and what a line of their log means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Psa:
    """One PSA as the suite sees it."""

    name: str
    keys: Mapping[str, object]
    """What its connection is told besides the usual."""
    switches: Mapping[str, object]
    """How its sandbox stands: no limit but the one on threads, writes show late where the real one is said to."""
    poll: tuple[str, str]
    """The request that asks for changed tickets: its method, and how its path ends."""
    notes: str
    """What the path of every request for a note, or for an edit of one, has in it."""

    def is_poll(self, row: Mapping[str, Any]) -> bool:
        """Whether a line of the log is an answered question for tickets."""
        method, ends = self.poll
        return row["method"] == method and str(row["path"]).casefold().endswith(ends) and row["status"] == 200

    def is_note(self, row: Mapping[str, Any]) -> bool:
        """Whether a line of the log is a note or an edit that was carried out."""
        return bool(row["committed"]) and row["method"] != "DELETE" and self.notes in str(row["path"]).casefold()


PSAS = {
    psa.name: psa
    for psa in (
        Psa(
            "connectwise",
            {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": "any"},
            {},
            ("GET", "/service/tickets"),
            "/notes",
        ),
        Psa(
            "autotask",
            {"username": "api@sandbox.example", "secret": "secret", "integration_code": "CODE"},
            {"hourly_limit": 0, "read_lag": 2},
            ("POST", "/tickets/query"),
            "/notes",
        ),
        Psa(
            "halopsa",
            {"client_id": "id", "client_secret": "secret"},
            # Halo's limit is the connection's usual rate; here the speed of a storm is wanted.
            {"per_5_minutes": 0, "sends_retry_after": True, "late_visibility": 2},
            ("GET", "/api/tickets"),
            "/api/actions",
        ),
    )
}
USUAL = PSAS["connectwise"]

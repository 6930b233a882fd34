"""What a HaloPSA connection is told."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, SecretStr

from psa_copilot import ConnectionSettings, Duration, Setting

KEYS = ("client_id", "client_secret", "tenant", "auth_url")
"""The settings that let us in, or not."""
TIME_OFF = frozenset({"Holiday", "Vacation", "Annual Leave", "Time Off", "PTO", "Sick", "Sick Leave", "Absence"})


def _site(url: str) -> str:
    """The root of a site, without a trailing slash; ValueError with the fix for anything else."""
    parts = urlsplit(url.strip())
    if parts.query or parts.fragment or not _is_site(parts):
        raise ValueError(f"{url!r} is no site; write its root, for example https://example.halopsa.com")
    if parts.scheme == "http" and not _on_this_machine(parts.hostname or ""):
        raise ValueError(f"{url!r} would send the secret in the clear; write https:// (http only for this machine)")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_site(parts: SplitResult) -> bool:
    try:
        plain = parts.port is None or parts.port > 0
    except ValueError:  # a port that is no number
        return False
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise ValueError(f"{name!r} is no time zone; write UTC, or for example Europe/London") from exc
    return name


Site = Annotated[str, AfterValidator(_site)]
Zone = Annotated[str, AfterValidator(_zone)]


class HaloPsaSettings(ConnectionSettings):
    """How to get into one HaloPSA tenant."""

    url: Site = Setting(description="Root of the site, for example https://example.halopsa.com; /api is added.")
    auth_url: Site | None = Setting(
        None, description="The authorization server, where it is not the site itself; /auth is added."
    )
    client_id: str = Setting(min_length=1, description="Client id of the API application.")
    client_secret: SecretStr = Setting(min_length=1, description="Client secret of the API application.")
    tenant: str = Setting("", description="The tenant's name, where one authorization server has several.")
    rate: int = Setting(
        55, ge=1, description="Most requests in any minute, over all processes; hosted tenants allow 300 in 5 minutes."
    )
    write_grace: Duration = Setting(
        timedelta(minutes=2),
        description="How long after a lost answer the write may still appear (real time); Halo may show it late.",
    )
    outcome: str = Setting(
        "Private Note", description="Outcome of our notes, by name or id; one that mails, closes or charges is refused."
    )
    public_outcome: str = Setting(
        "Public Note", description="Outcome of notes that the customer is meant to see; it must not mail either."
    )
    resolution_outcome: str = Setting(
        "", description="Outcome of resolution notes, which are shown and marked important; left out, public_outcome."
    )
    charge_rate: int = Setting(
        0, ge=0, description="Number of the charge rate that charges nothing, for our own time; Halo's No Charge is 0."
    )
    webhook_auth: Literal["signature", "basic", "bearer"] = Setting(
        "signature", description="How the PSA proves that a webhook is its own; signature is the safest."
    )
    closed: frozenset[str] = Setting(
        frozenset({"Closed", "9"}), description="Statuses in which a ticket is closed, by name or id."
    )
    zone: Zone = Setting("UTC", description="Time zone of dates that do not tell theirs.")
    action_zone: Zone = Setting("UTC", description="The same for the dates of actions, which some servers write apart.")
    time_off: frozenset[str] = Setting(TIME_OFF, description="Appointment types that mean time off.")

    def api(self) -> str:
        """Where the API is."""
        return self.url if self.url.endswith("/api") else f"{self.url}/api"

    def auth(self) -> str:
        """Where tokens are given out."""
        root = (self.auth_url or self.url).removesuffix("/api")
        return root if root.endswith("/auth") else f"{root}/auth"

    def outcomes(self) -> dict[str, str]:
        """The outcome for each place that a note may be wished for."""
        shown = self.public_outcome
        return {"internal": self.outcome, "discussion": shown, "resolution": self.resolution_outcome or shown}

    def login(self) -> dict[str, str]:
        """The form that a token is asked for with."""
        known = {"tenant": self.tenant} if self.tenant else {}
        return known | {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret.get_secret_value().strip(),
            "scope": "all",
        }

    def token(self) -> str:
        """Where a token is asked for; some shared servers look for the tenant here, some in the form."""
        return f"/token?{urlencode({'tenant': self.tenant})}" if self.tenant else "/token"

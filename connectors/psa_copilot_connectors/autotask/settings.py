"""What an Autotask connection is told."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from psa_copilot import ConnectionSettings, Setting

CLOUD = "https://webservices.autotask.net"
DOMAIN = ".autotask.net"
KEYS = ("username", "secret", "integration_code")
"""The settings that let us in, or not."""
TIME_OFF = frozenset({"vacation", "holiday", "time off", "pto", "sick", "leave", "out of office", "absence"})


def _site(url: str) -> str:
    """The root of a site, without a trailing slash; ValueError with the fix for anything else."""
    parts = urlsplit(url.strip())
    if parts.query or parts.fragment or not _is_site(parts):
        raise ValueError(f"{url!r} is no site; write its root, for example {CLOUD}")
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


def is_trusted(site: str, zone: str) -> bool:
    """Whether our secret may go to the zone that a site names: the vendor's own, or the very same host."""
    ours, theirs = urlsplit(site), urlsplit(zone)
    if not _is_site(theirs) or ours.scheme != theirs.scheme:
        return False
    both_cloud = all((parts.hostname or "").endswith(DOMAIN) for parts in (ours, theirs))
    return both_cloud or ours.netloc == theirs.netloc


def _sendable(text: str) -> str:
    """One word that a header can carry."""
    word = text.strip()
    if not word or not all("!" <= letter <= "~" for letter in word):
        raise ValueError("it is empty, or holds a space or an odd character; copy it again")
    return word


def _said(text: str) -> str:
    """Something at all: Autotask takes no time entry without a summary."""
    if not text.strip():
        raise ValueError("it must say something; Autotask takes no time entry without it")
    return text.strip()


Word = Annotated[str, AfterValidator(_sendable)]


class AutotaskSettings(ConnectionSettings):
    """How to get into one company's Autotask."""

    url: Annotated[str, AfterValidator(_site)] = Setting(
        CLOUD, description="Where the zone is asked for; http on this machine only."
    )
    username: Word = Setting(description="The API user, as the PSA shows it: it looks like a mail address.")
    secret: SecretStr = Setting(min_length=1, description="The API user's secret (password).")
    integration_code: Word = Setting(description="Tracking identifier of the integration.")
    rate: int = Setting(
        80,
        ge=1,
        description="Most requests in any minute, over all processes. All integrations share 10,000 an hour, "
        "and from half of them on each answer waits.",
    )
    resource: int | None = Setting(
        None, description="Number of the API user's resource, where the PSA does not list it."
    )
    mailing_statuses: frozenset[str] = Setting(
        frozenset({"Complete"}),
        description="Statuses that a workflow rule mails to customers; Autotask does not tell its rules.",
    )
    sla_statuses: frozenset[str] = Setting(
        frozenset({"Waiting Customer", "Complete"}),
        description="Statuses that stop an SLA's clock or meet a target; Autotask does not tell.",
    )
    required_to_close: frozenset[str] = Setting(
        frozenset(),
        description="Fields of the ticket's record that have to be filled before a rule completes it, as ticket "
        "categories may ask: resolution, issueType.",
    )
    time_off: frozenset[str] = Setting(TIME_OFF, description="Words in an appointment's title that mean time off.")
    work_type: str = Setting("", description="Work type of our own time entries; left out, the ticket's.")
    time_summary: Annotated[str, AfterValidator(_said)] = Setting(
        "Service desk work", description="What our own time entries say where customers may read it."
    )

"""What a ConnectWise connection is told."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from psa_copilot import ConnectionSettings, Setting

CLOUD = ".myconnectwise.net"
KEYS = ("company", "public_key", "private_key", "client_id")
"""The settings that let us in, or not."""
TIME_OFF = frozenset(
    {"Vacation", "Holiday", "Time Off", "PTO", "Sick", "Sick Leave", "Leave", "Out of Office", "Personal", "Absence"}
)


def _site(url: str) -> str:
    """The root of a site, without a trailing slash; ValueError with the fix for anything else."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    if parts.query or parts.fragment or not _is_site(parts):
        raise ValueError(f"{url!r} is no site; write its root, for example https://api-na.myconnectwise.net")
    if parts.scheme == "http" and not _on_this_machine(host):
        raise ValueError(f"{url!r} would send the keys in the clear; write https:// (http only for this machine)")
    _check_cloud(parts, host)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_site(parts: SplitResult) -> bool:
    try:
        plain = parts.port is None or parts.port > 0
    except ValueError:  # a port that is no number
        return False
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _check_cloud(parts: SplitResult, host: str) -> None:
    if host.endswith(CLOUD) and not host.startswith("api-"):
        raise ValueError(f"{host} serves people, not programs; write https://api-{parts.netloc}")


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sendable(text: str) -> str:
    """One word that a header can carry."""
    word = text.strip()
    if not word or not all("!" <= letter <= "~" for letter in word):
        raise ValueError("it is empty, or holds a space or an odd character; copy it again")
    return word


Word = Annotated[str, AfterValidator(_sendable)]


class ConnectWiseSettings(ConnectionSettings):
    """How to get into one company's ConnectWise PSA."""

    url: Annotated[str, AfterValidator(_site)] = Setting(
        description="Root of the site, for example https://api-na.myconnectwise.net; http on this machine only."
    )
    company: Word = Setting(description="The company id that people type when they log in.")
    public_key: Word = Setting(description="Public key of the API member.")
    private_key: SecretStr = Setting(min_length=1, description="Private key of the API member.")
    client_id: Word = Setting(description="The integration's client id, from the vendor's developer site.")
    dates_with_zone: bool = Setting(
        True, description="Ask with dates that end in Z; some servers of one's own only understand them without."
    )
    time_off: frozenset[str] = Setting(
        TIME_OFF, description="Schedule types that mean time off, by name or identifier."
    )
    work_type: str = Setting("", description="Work type of our own time entries; left out: the desk's usual one.")
    member: str = Setting("", description="Identifier of the API member, where the PSA does not tell us who we are.")

    def login(self) -> tuple[str, str]:
        """User and password as the API wants them."""
        return f"{self.company}+{self.public_key}", self.private_key.get_secret_value().strip()

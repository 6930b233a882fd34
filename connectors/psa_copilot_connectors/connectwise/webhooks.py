"""Callbacks: is it really from our PSA, and which ticket does it speak of?"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from psa_copilot import Delivery, Forged, Hint, Http, Moment, NotReady, Ticket
from psa_copilot_connectors.connectwise.mapping import Row, to_ticket

SIGNATURE = "x-content-signature"
LONGEST_BODY = 1_000_000
KEY_LIFE = timedelta(hours=24)
BETWEEN_FETCHES = timedelta(minutes=1)
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class _Key:
    url: str
    digest: bytes
    fetched_at: Moment


class Keyring:
    """The signing key, fetched from our own PSA and nobody else, and never because a signature failed."""

    def __init__(self, site: str, http: Http) -> None:
        self._site, self._http = urlsplit(site), http
        self._key: _Key | None = None
        self._asked_at: Moment | None = None
        self._lock = asyncio.Lock()

    async def key(self, url: str) -> bytes:
        """The key that `url` names; Forged when a fresh key of another url says that nobody signs like this."""
        if not _same_place(self._site, urlsplit(url)):
            raise forged(self._http, "it names a signing key on another site")
        async with self._lock:
            if self._key and self._http.psa_now() - self._key.fetched_at < KEY_LIFE:
                if self._key.url != url:
                    raise forged(self._http, "it names a signing key that this PSA does not use")
                return self._key.digest
            return await self._fetched(url)

    async def _fetched(self, url: str) -> bytes:
        now = self._http.psa_now()
        if self._asked_at and now - self._asked_at < BETWEEN_FETCHES:
            raise NotReady(self._http.connection, "read a webhook", "its signing key is asked for once a minute")
        self._asked_at = now
        # Without our keys: whoever sent this chose the path.
        answer = await self._http.at(url).get("", doing="fetch the signing key of webhooks")
        signing_key = answer.json.get("signing_key") if isinstance(answer.json, dict) else None
        if not isinstance(signing_key, str) or not signing_key:
            raise NotReady(self._http.connection, "fetch the signing key of webhooks", "the answer holds no key")
        self._key = _Key(url, hashlib.sha256(signing_key.encode()).digest(), now)
        return self._key.digest


def forged(http: Http, why: str) -> Forged:
    """The error for a delivery that is not believed."""
    return Forged(http.connection, "believe a webhook", why)


def callback(url: str, connection: str) -> Row:
    """What we register: all tickets of the company. They append the number of the ticket to the url."""
    return {
        "url": f"{url}{'&' if '?' in url else '?'}recordId=",
        "type": "ticket",
        "level": "owner",
        "objectId": 1,
        "description": f"psa_copilot {connection}"[:100],
        "inactiveFlag": False,
        "isSoapCallbackFlag": False,
        "isSelfSuppressedFlag": False,
    }


def hears_all_tickets(row: Row) -> bool:
    """Whether a registered callback is one as we want it."""
    kind, level = (str(row.get(key)).casefold() for key in ("type", "level"))
    return (kind, level, row.get("objectId")) == ("ticket", "owner", 1)


async def read(delivery: Delivery, keyring: Keyring, http: Http, link: str) -> list[Hint]:
    """Verify one delivery and say which ticket it speaks of; nothing for other kinds of records."""
    told = _told(delivery, http)
    signature = _signature(delivery.headers, http)
    key = await keyring.key(_key_url(told, http))
    if not hmac.compare_digest(hmac.new(key, delivery.body, hashlib.sha256).digest(), signature):
        raise forged(http, "its signature does not fit its body")
    return _hints(told, http.connection, link)


def _told(delivery: Delivery, http: Http) -> Row:
    if len(delivery.body) > LONGEST_BODY:
        raise forged(http, "its body is far too long")
    try:
        told = json.loads(delivery.body)
    except (ValueError, RecursionError) as exc:
        raise forged(http, "its body is not JSON") from exc
    if not isinstance(told, dict):
        raise forged(http, "its body is no callback")
    return told


def _signature(headers: Mapping[str, str], http: Http) -> bytes:
    text = next((value for name, value in headers.items() if name.casefold() == SIGNATURE), "")
    if not text:
        raise forged(http, "it is not signed")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise forged(http, "its signature is not base64") from exc


def _key_url(told: Row, http: Http) -> str:
    metadata = told.get("Metadata")
    url = metadata.get("key_url") if isinstance(metadata, dict) else None
    if not isinstance(url, str) or not url:
        raise forged(http, "it names no signing key")
    return url


def _same_place(site: SplitResult, other: SplitResult) -> bool:
    try:
        return _place(site) == _place(other) and "@" not in other.netloc
    except ValueError:  # a port that is no number
        return False


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)


def _hints(told: Row, connection: str, link: str) -> list[Hint]:
    number = told.get("ID")
    if str(told.get("Type")).casefold() != "ticket" or not isinstance(number, int):
        return []
    action, entity = str(told.get("Action")).casefold(), str(told.get("Entity") or "")
    ticket, stamp = _entity(entity, str(number), connection, link)
    key = hashlib.sha256("\n".join((str(number), stamp, action, entity)).encode()).hexdigest()
    return [Hint(str(number), key, deleted=action == "deleted", ticket=ticket)]


def _entity(text: str, number: str, connection: str, link: str) -> tuple[Ticket | None, str]:
    """The ticket as the callback shows it, with its stamp; None when it shows none, or another one."""
    try:
        row: Any = json.loads(text)
        ticket = to_ticket(row, connection, link)
        return (ticket, str(row["_info"]["lastUpdated"])) if ticket.number == number else (None, "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, ""

"""Callbacks: is it really from our PSA, and which ticket does it speak of?"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from psa_copilot import Delivery, Forged, Hint, Http, Moment, NotReady, Ticket
from psa_copilot_connectors.connectwise.bodies import replace
from psa_copilot_connectors.connectwise.rows import Row
from psa_copilot_connectors.connectwise.site import Site

CALLBACKS = "/system/callbacks"
SIGNATURE = "x-content-signature"
LONGEST_BODY = 1_000_000
KEY_LIFE = timedelta(hours=24)
BETWEEN_FETCHES = timedelta(minutes=1)
PORTS = {"http": 80, "https": 443}

ToTicket = Callable[[Row], Ticket]
"""Makes a ticket of a row; ValueError when it is none."""


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


class Registrations:
    """Our callbacks: registered once, woken when the PSA has put one to sleep after failures, ended when told to."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def register(self, url: str) -> None:
        """Exactly one of ours at this address, awake, hearing all tickets."""
        ours = [row for row in await self.all() if _address(row) == url.partition("?")[0]]
        right = sorted(filter(hears_all_tickets, ours), key=lambda row: bool(row.get("inactiveFlag")))
        if not right:
            await self._site.post(CALLBACKS, callback(url, self._site.connection), doing="register a callback")
        elif right[0].get("inactiveFlag"):
            wake = [replace("inactiveFlag", False)]
            await self._site.patch(f"{CALLBACKS}/{right[0]['id']}", wake, doing="wake our callback")
        await self._end([row for row in ours if row not in right[:1]])

    async def remove(self, keep: str) -> list[str]:
        """End those that this connection has registered, wherever they point, but for one; their addresses."""
        ended = [row for row in await self.ours() if not keep or _address(row) != keep.partition("?")[0]]
        await self._end(ended)
        return [_address(row) for row in ended]

    async def ours(self) -> list[Row]:
        """Those that this connection has registered, told by what we write into each: the address may have moved."""
        us = description(self._site.connection)
        return [row for row in await self.all() if row.get("description") == us]

    async def all(self) -> list[Row]:
        """Everybody's."""
        return await self._site.all(CALLBACKS, doing="list callbacks")

    async def _end(self, rows: list[Row]) -> None:
        for row in rows:
            await self._site.delete(f"{CALLBACKS}/{row['id']}", doing="delete a callback of ours")


def callback(url: str, connection: str) -> Row:
    """What we register: all tickets of the company. They append the number of the ticket to the url.

    Our own changes are told too: what the PSA suppresses then nobody has written down, and a human's edit in the
    same second must not get lost with ours. What comes home of ours is known by its marker and its value.
    """
    return {
        "url": f"{url}{'&' if '?' in url else '?'}recordId=",
        "type": "ticket",
        "level": "owner",
        "objectId": 1,
        "description": description(connection),
        "inactiveFlag": False,
        "isSoapCallbackFlag": False,
        "isSelfSuppressedFlag": False,
    }


def description(connection: str) -> str:
    """What our callbacks are called."""
    return f"psa_copilot {connection}"[:100]


def hears_all_tickets(row: Row) -> bool:
    """Whether a registered callback is one as we want it."""
    kind, level = (str(row.get(key)).casefold() for key in ("type", "level"))
    return (kind, level, row.get("objectId")) == ("ticket", "owner", 1)


def _address(row: Row) -> str:
    return str(row.get("url")).partition("?")[0]


async def read(delivery: Delivery, keyring: Keyring, http: Http, to_ticket: ToTicket) -> list[Hint]:
    """Verify one delivery and say which ticket it speaks of; nothing for other kinds of records."""
    told = _told(delivery, http)
    signature = _signature(delivery.headers, http)
    key = await keyring.key(_key_url(told, http))
    if not hmac.compare_digest(hmac.new(key, delivery.body, hashlib.sha256).digest(), signature):
        raise forged(http, "its signature does not fit its body")
    return _hints(told, to_ticket)


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


def _hints(told: Row, to_ticket: ToTicket) -> list[Hint]:
    number = told.get("ID")
    if str(told.get("Type")).casefold() != "ticket" or not isinstance(number, int):
        return []
    action, entity = str(told.get("Action")).casefold(), str(told.get("Entity") or "")
    ticket, stamp = _entity(entity, str(number), to_ticket)
    key = hashlib.sha256("\n".join((str(number), stamp, action, entity)).encode()).hexdigest()
    return [Hint(str(number), key, deleted=action == "deleted", ticket=ticket)]


def _entity(text: str, number: str, to_ticket: ToTicket) -> tuple[Ticket | None, str]:
    """The ticket as the callback shows it, with its stamp; None when it shows none, or another one."""
    try:
        row: Any = json.loads(text)
        ticket = to_ticket(row)
        return (ticket, str(row["_info"]["lastUpdated"])) if ticket.number == number else (None, "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, ""

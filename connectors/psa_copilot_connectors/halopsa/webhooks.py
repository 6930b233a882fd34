"""Webhooks: registered with a secret of our own, checked by it, and read for the ticket they speak of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from psa_copilot import Delivery, Forged, Hint, Http, NotFound, Rejected
from psa_copilot_connectors.halopsa.rows import Row, number, text
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site

WEBHOOKS, NOTIFICATIONS = "/Webhook", "/Notification"
HEADER = "Token"
"""The header that the signature stands in, as we register it."""
BASIC, BEARER, SIGNED = 1, 2, 3
KINDS = {"basic": BASIC, "bearer": BEARER, "signature": SIGNED}
USER = "psa_copilot"
EVENTS = ("3", "61")
"""A ticket is logged, a ticket is updated; nobody knows of numbers for others."""
TO_WEBHOOK = {"type": "-2", "delivery_method": "6"}
LONGEST_BODY = 4_000_000


class Registrations:
    """Our webhooks: registered once, mended when somebody has changed them, ended when told to."""

    def __init__(self, site: Site, settings: HaloPsaSettings) -> None:
        self._site, self._kind = site, KINDS[settings.webhook_auth]
        self._secret = secret(settings, site.connection)

    async def register(self, url: str) -> None:
        """Exactly one of ours at this address, awake, with our secret, for all events that we want."""
        ours = [row for row in await self.ours() if text(row, "url") == url]
        body = webhook(url, self._site.connection, self._secret, self._kind)
        # The secret cannot be read back, so one that is there is told it again.
        known = {"id": ours[0]["id"]} if ours else {}
        made = await self._site.write(WEBHOOKS, {**body, **known}, doing="register a webhook")
        for row in ours[1:]:
            await self._end(row)
        await self._subscribe(str(made.get("id") or known.get("id") or ""))

    async def _subscribe(self, key: str) -> None:
        doing = "read what our webhook waits for"
        rows = await self._site.rows(NOTIFICATIONS, {"webhook_id": key, "showall": "true"}, doing=doing)
        waits = {str(row.get("eventno")) for row in rows if str(row.get("webhook_id")) == key}
        for event in EVENTS:
            if event not in waits:
                body = {"webhook_id": key, "eventno": event, **TO_WEBHOOK}
                await self._site.write(NOTIFICATIONS, body, doing="have our webhook told of tickets")

    async def remove(self, keep: str) -> list[str]:
        """End those that this connection has registered, but for one; their addresses."""
        ended = [row for row in await self.ours() if not keep or text(row, "url") != keep]
        for row in ended:
            await self._end(row)
        return [text(row, "url") for row in ended]

    async def ours(self) -> list[Row]:
        """Those that this connection has registered, told by their name: there is no other mark."""
        rows = await self._site.rows(WEBHOOKS, {"type": 0}, doing="list webhooks")
        return [row for row in rows if text(row, "name") == called(self._site.connection)]

    async def maybe_ours(self) -> list[Row]:
        """The same, and none where we may not read them."""
        try:
            return await self.ours()
        except (NotFound, Rejected):
            return []

    async def _end(self, row: Row) -> None:
        await self._site.delete(f"{WEBHOOKS}/{row['id']}", doing="delete a webhook of ours")


def called(connection: str) -> str:
    """What our webhooks are called."""
    return f"psa_copilot {connection}"


def secret(settings: HaloPsaSettings, connection: str) -> str:
    """What deliveries are signed with: made from our own secret, so that nothing has to be kept."""
    key = settings.client_secret.get_secret_value().strip().encode()
    return hmac.new(key, f"webhooks of {connection}".encode(), hashlib.sha256).hexdigest()


def webhook(url: str, connection: str, key: str, kind: int) -> Row:
    """What we register."""
    return {
        "name": called(connection),
        "url": url,
        "type": 0,
        "method": 0,
        "content_type": "application/json",
        "active": True,
        "disabled": False,
        "authentication_type": kind,
        "authentication_header": HEADER,
        "basic_username": USER,
        "basic_password": key,
        "algorithm": 0,
        "batch_method": 0,
    }


def read(delivery: Delivery, settings: HaloPsaSettings, http: Http) -> list[Hint]:
    """Verify one delivery and say which tickets it speaks of.

    The ticket in it is not believed to be whole: which fields a payload holds is each desk's own matter.
    """
    if len(delivery.body) > LONGEST_BODY:
        raise forged(http, "its body is far too long")
    kind = KINDS[settings.webhook_auth]
    said = _said(delivery.headers, HEADER if kind == SIGNED else "authorization")
    if not said:
        raise forged(http, "it is not signed")
    if not any(hmac.compare_digest(said, proof) for proof in _proofs(delivery.body, settings, http, kind)):
        raise forged(http, "its signature does not fit its body")
    try:
        told = json.loads(delivery.body)
    except (ValueError, RecursionError) as exc:
        raise forged(http, "its body is not JSON") from exc
    events = told if isinstance(told, list) else [told]
    return [hint for event in events if isinstance(event, dict) for hint in _hints(event)]


def forged(http: Http, why: str) -> Forged:
    """The error for a delivery that is not believed."""
    return Forged(http.connection, "believe a webhook", why)


def _said(headers: Mapping[str, str], wanted: str) -> bytes:
    said = next((value for name, value in headers.items() if name.casefold() == wanted.casefold()), "")
    return said.removeprefix("sha256=").strip().encode()


def _proofs(body: bytes, settings: HaloPsaSettings, http: Http, kind: int) -> list[bytes]:
    """What a genuine delivery may show. Some call type 3 a key instead of a signature, which shows the secret itself;
    to believe that too gives nothing away, since whoever knows it could sign."""
    key = secret(settings, http.connection).encode()
    if kind == BASIC:
        return [b"Basic " + base64.b64encode(f"{USER}:".encode() + key)]
    if kind == BEARER:
        return [b"Bearer " + key]
    signature = hmac.new(key, body, hashlib.sha256)
    return [base64.b64encode(signature.digest()), signature.hexdigest().encode(), key]


def _hints(told: Row) -> list[Hint]:
    ticket = told.get("ticket")
    key = number(ticket.get("id")) if isinstance(ticket, dict) else number(told.get("ticket_id"))
    if not key.isdecimal():
        return []
    # A doubled delivery may have a time of its own around the same ticket and action.
    same = json.dumps([told.get(name) for name in ("ticket", "action", "event", "ticket_id")], sort_keys=True)
    return [Hint(key, hashlib.sha256(same.encode()).hexdigest())]

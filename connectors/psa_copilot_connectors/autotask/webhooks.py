"""Webhooks: is it really from our database, and which ticket does it speak of?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping

from psa_copilot import Delivery, Forged, Hint, Rejected
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.roster import MATCH_ALL
from psa_copilot_connectors.autotask.rows import Row, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

WEBHOOKS = "TicketWebhooks"
SIGNATURE = "x-hook-signature"
LONGEST_BODY = 1_000_000
LONGEST_NAME = 50
HEARD = frozenset(
    {
        "title", "status", "priority", "queueid", "assignedresourceid", "issuetype", "subissuetype", "companyid",
        "contactid", "lastactivitydate", "resolution",
    }
)  # fmt: skip
"""Fields whose change we want to hear of, by their names without spaces, in lower case."""
ESCAPED = frozenset("&<>'`+")


def signing_key(settings: AutotaskSettings, connection: str) -> bytes:
    """A key of this connection, the same after each start, and one that tells nothing of the secret it comes from."""
    secret = settings.secret.get_secret_value().strip().encode()
    told = f"psa_copilot webhooks of {connection} as {settings.username}".encode()
    return hmac.new(secret, told, hashlib.sha256).hexdigest().encode()


class Registrations:
    """Our webhooks: registered once, woken when the PSA has ended them after failures, deleted when told to."""

    def __init__(self, site: Site, key: bytes) -> None:
        self._site, self._key = site, key

    async def register(self, url: str) -> None:
        """Exactly one of ours at this address, awake, hearing the fields that matter."""
        ours = [row for row in await self.ours() if row.get("webhookUrl") == url]
        if not ours:
            made = await self._site.post(f"/{WEBHOOKS}", self._wanted(url), doing="register a webhook")
            await self._subscribe(made)
            return
        if not ours[0].get("isActive"):
            wake = {"id": int(ours[0]["id"]), "isActive": True}
            await self._site.patch(f"/{WEBHOOKS}", wake, doing="wake our webhook")
        await self._complete(int(ours[0]["id"]))
        await self._end(ours[1:])

    async def remove(self, keep: str) -> list[str]:
        """End those that this connection has registered, but for one; their addresses."""
        ended = [row for row in await self.ours() if not keep or row.get("webhookUrl") != keep]
        await self._end(ended)
        return [str(row.get("webhookUrl")) for row in ended]

    async def ours(self) -> list[Row]:
        """Those that this connection has registered, told by their name: the address may have moved."""
        rows = await self._site.all(WEBHOOKS, MATCH_ALL, doing="list webhooks")
        return [row for row in rows if row.get("name") == self._name()]

    def _name(self) -> str:
        return f"psa_copilot {self._site.connection}"[:LONGEST_NAME]

    def _wanted(self, url: str) -> Row:
        """What we register. Our own changes are told too: a human's edit in the same second must not get lost."""
        return {
            "name": self._name(),
            "webhookUrl": url,
            "deactivationUrl": url,
            "secretKey": self._key.decode(),
            "isActive": True,
            "isSubscribedToCreateEvents": True,
            "isSubscribedToUpdateEvents": True,
            "isSubscribedToDeleteEvents": True,
            "sendThresholdExceededNotification": False,
        }

    async def _complete(self, webhook: int) -> None:
        """A registration that was cut short hears of no change: its fields come in requests of their own."""
        there = await self._site.all(
            "TicketWebhookFields", where("webhookID", "eq", webhook), doing="list the fields of our webhook"
        )
        await self._subscribe(webhook, frozenset(int(row["fieldID"]) for row in there))

    async def _subscribe(self, webhook: int, there: frozenset[int] = frozenset()) -> None:
        fields = Picklist.read(await self._site.fields("TicketWebhookFields"), "fieldID")
        wanted = [one.value for one in fields.active() if "".join(one.label.split()).casefold() in HEARD]
        if not wanted:
            raise Rejected(self._site.connection, "register a webhook", "the PSA offers no field to subscribe to")
        for field in wanted:
            if field not in there:
                body = {"fieldID": field, "isSubscribedField": True, "isDisplayAlwaysField": False}
                await self._site.post(f"/{WEBHOOKS}/{webhook}/Fields", body, doing="subscribe our webhook to a field")

    async def _end(self, rows: list[Row]) -> None:
        for row in rows:
            await self._site.delete(f"/{WEBHOOKS}/{row['id']}", doing="delete a webhook of ours")


def read(delivery: Delivery, key: bytes, connection: str) -> list[Hint]:
    """Verify one delivery and say which ticket it speaks of; nothing for other kinds of records."""
    if len(delivery.body) > LONGEST_BODY:
        raise Forged(connection, "believe a webhook", "its body is far too long")
    if not _is_signed(delivery.body, _signature(delivery.headers, connection), key):
        raise Forged(connection, "believe a webhook", "its signature does not fit its body")
    try:
        told = json.loads(delivery.body)
    except (ValueError, RecursionError) as exc:
        raise Forged(connection, "believe a webhook", "its body is not JSON") from exc
    return _hints(told if isinstance(told, dict) else {}, delivery.body)


def _hints(told: Row, body: bytes) -> list[Hint]:
    """The Guid means different things to different sources, so the whole body tells two deliveries apart."""
    number, action = told.get("Id"), str(told.get("Action")).casefold()
    if str(told.get("EntityType")).casefold() != "ticket" or not isinstance(number, int) or action == "deactivated":
        return []
    return [Hint(str(number), hashlib.sha256(body).hexdigest(), deleted=action == "delete")]


def _signature(headers: Mapping[str, str], connection: str) -> bytes:
    said = next((value for name, value in headers.items() if name.casefold() == SIGNATURE), "")
    kind, _, coded = said.partition("=")
    if kind.strip().casefold() != "sha1" or not coded:
        raise Forged(connection, "believe a webhook", "it is not signed")
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Forged(connection, "believe a webhook", "its signature is not base64") from exc


def _is_signed(body: bytes, signature: bytes, key: bytes) -> bool:
    """Signed as it was sent, or as some servers render it before they sign."""
    return any(
        hmac.compare_digest(hmac.new(key, one, hashlib.sha1).digest(), signature) for one in (body, _escaped(body))
    )


def _escaped(body: bytes) -> bytes:
    """Characters that mean something to HTML, and those beyond ASCII, as JSON escapes in upper case."""
    written = body.decode(errors="replace").replace('\\"', "\\u0022")
    return "".join(_escape(one) if one in ESCAPED or ord(one) > 126 else one for one in written).encode()


def _escape(letter: str) -> str:
    coded = letter.encode("utf-16-be")
    return "".join(f"\\u{coded[n] << 8 | coded[n + 1]:04X}" for n in range(0, len(coded), 2))

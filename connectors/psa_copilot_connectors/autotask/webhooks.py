"""Webhooks: is it really from our database, and which ticket does it speak of?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from psa_copilot import Delivery, Forged, Hint, NotFound, PsaError, Rejected, Seldom
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.roster import MATCH_ALL
from psa_copilot_connectors.autotask.rows import Row, number, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

KINDS = ("Ticket", "TicketNote")
"""What we hear of: a note need not count as an update of its ticket."""
SIGNATURE = "x-hook-signature"
LONGEST_BODY = 1_000_000
SELDOM = timedelta(minutes=5)
"""After a notice that a webhook has ended, which nobody signs, we look for it at most this often."""
LONGEST_NAME, LONGEST_NOTICE = 50, 4_000
HEARD = frozenset(
    {
        "title", "status", "priority", "queueid", "assignedresourceid", "issuetype", "subissuetype", "companyid",
        "contactid", "lastactivitydate", "resolution", "description", "publish", "ticketid",
    }
)  # fmt: skip
"""Fields whose change we want to hear of, by their names without spaces, in lower case."""
ESCAPED = frozenset("&<>'`+")
_ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
"""A quote with a backslash of its own: an even number of them before it are themselves escaped."""


def signing_key(settings: AutotaskSettings, connection: str) -> bytes:
    """A key of this connection, the same after each start, and one that tells nothing of the secret it comes from."""
    secret = settings.secret.get_secret_value().strip().encode()
    told = f"psa_copilot webhooks of {connection} as {settings.username}".encode()
    return hmac.new(secret, told, hashlib.sha256).hexdigest().encode()


@dataclass(frozen=True)
class Registered:
    """One webhook of ours, as the PSA keeps it."""

    of: str
    number: int
    url: str
    is_active: bool

    @property
    def path(self) -> str:
        """Where it is kept."""
        return f"/{self.of}Webhooks"


class Registrations:
    """Our webhooks: registered once, woken when the PSA has ended them after failures, deleted when told to."""

    def __init__(self, site: Site, key: bytes) -> None:
        self._site, self._key = site, key
        self._url = ""
        self._doubted = False
        self._wakes = Seldom(SELDOM)

    def doubt(self) -> None:
        """Somebody says that the PSA has ended one of ours."""
        self._doubted = True

    async def wake(self) -> None:
        """Register again soon after a doubt; anybody can raise one, so seldom, and only where we did before."""
        if self._doubted and self._url and self._wakes.passes(self._site.now()):
            with suppress(PsaError):  # whoever reads goes on without; the doubt stays
                await self.register(self._url)

    async def register(self, url: str) -> None:
        """Exactly one of ours for each kind at this address, awake, hearing the fields that matter."""
        self._url, self._doubted = url, False
        try:
            await self._register(url)
        except PsaError:
            self._doubted = True
            raise

    async def _register(self, url: str) -> None:
        for of in KINDS:
            await self._one(of, url)

    async def _one(self, of: str, url: str) -> None:
        ours = [one for one in await self._of(of) if one.url == url]
        if not ours:
            made = await self._site.post(f"/{of}Webhooks", self._wanted(url), doing="register a webhook")
            await self._subscribe(of, made)
            return
        # It may have been ended, and its key comes from a secret that may be another by now; the PSA shows no key.
        mended = {"id": ours[0].number, **self._wanted(url)}
        await self._site.patch(ours[0].path, mended, doing="wake our webhook and tell it our key")
        await self._complete(of, ours[0].number)
        await self._end(ours[1:])

    async def sleeping(self) -> list[str]:
        """Where those of ours point that the PSA has ended; none where we may not look."""
        try:
            return [one.url for of in KINDS for one in await self._of(of) if not one.is_active]
        except Rejected:
            return []

    async def remove(self, keep: str) -> list[str]:
        """End those that this connection has registered, but for one address; the addresses that have ended."""
        self._url = keep
        ours = [one for of in KINDS for one in await self._of(of)]
        ended = [one for one in ours if not keep or one.url != keep]
        await self._end(ended)
        return list(dict.fromkeys(one.url for one in ended))

    async def _of(self, of: str) -> list[Registered]:
        """Those that this connection has registered, told by their name: the address may have moved."""
        rows = await self._site.all(f"{of}Webhooks", MATCH_ALL, doing="list webhooks")
        ours = [row for row in rows if row.get("name") == self._name()]
        return [
            Registered(of, int(row["id"]), str(row.get("webhookUrl") or ""), bool(row.get("isActive"))) for row in ours
        ]

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

    async def _complete(self, of: str, webhook: int) -> None:
        """A registration that was cut short hears of no change: its fields come in requests of their own."""
        on = where("webhookID", "eq", webhook)
        there = await self._site.all(f"{of}WebhookFields", on, doing="list the fields of our webhook")
        await self._subscribe(of, webhook, frozenset(int(row["fieldID"]) for row in there))

    async def _subscribe(self, of: str, webhook: int, there: frozenset[int] = frozenset()) -> None:
        fields = Picklist.read(await self._site.fields(f"{of}WebhookFields"), "fieldID")
        wanted = [one.value for one in fields.active() if "".join(one.label.split()).casefold() in HEARD]
        if not wanted:
            raise Rejected(self._site.connection, "register a webhook", "the PSA offers no field to subscribe to")
        for field in wanted:
            if field not in there:
                body = {"fieldID": field, "isSubscribedField": True, "isDisplayAlwaysField": field == _ticket(fields)}
                path = f"/{of}Webhooks/{webhook}/Fields"
                await self._site.post(path, body, doing="subscribe our webhook to a field")

    async def _end(self, ours: list[Registered]) -> None:
        for one in ours:
            await self._site.delete(f"{one.path}/{one.number}", doing="delete a webhook of ours")


def _ticket(fields: Picklist) -> int | None:
    """The field that tells a note's ticket, which we want to see in each delivery."""
    named = (one.value for one in fields.active() if "".join(one.label.split()).casefold() == "ticketid")
    return next(named, None)


def says_deactivated(delivery: Delivery) -> bool:
    """Whether it claims that a webhook has ended: nothing to believe, and a reason to look."""
    return len(delivery.body) < LONGEST_NOTICE and b'"deactivated"' in delivery.body.lower()


async def read(delivery: Delivery, key: bytes, site: Site) -> list[Hint]:
    """Verify one delivery and say which ticket it speaks of; nothing for other kinds of records."""
    if len(delivery.body) > LONGEST_BODY:
        raise Forged(site.connection, "believe a webhook", "its body is far too long")
    if not _is_signed(delivery.body, _signature(delivery.headers, site.connection), key):
        raise Forged(site.connection, "believe a webhook", "its signature does not fit its body")
    try:
        told = json.loads(delivery.body)
    except (ValueError, RecursionError) as exc:
        raise Forged(site.connection, "believe a webhook", "its body is not JSON") from exc
    ticket, deleted = await _spoken_of(told if isinstance(told, dict) else {}, site)
    # The Guid means different things to different sources, so the whole body tells two deliveries apart.
    return [Hint(str(ticket), hashlib.sha256(delivery.body).hexdigest(), deleted)] if ticket is not None else []


async def _spoken_of(told: Row, site: Site) -> tuple[int | None, bool]:
    """The ticket that something has happened to, and whether it is gone."""
    spoken_of, action = number(told, "Id"), str(told.get("Action")).casefold()
    kind = str(told.get("EntityType")).casefold()
    if spoken_of is None or action == "deactivated" or kind not in ("ticket", "ticketnote"):
        return None, False
    if kind == "ticket":
        return spoken_of, action == "delete"
    fields = told.get("Fields")
    shown = {key.casefold(): value for key, value in fields.items()} if isinstance(fields, dict) else {}
    if (ticket := number(shown, "ticketid")) is not None:
        return ticket, False
    try:
        note = await site.item(f"/TicketNotes/{spoken_of}", doing="look which ticket a note is on")
    except NotFound:
        return None, False
    return number(note, "ticketID"), False


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
    written = _ESCAPED_QUOTE.sub(r"\1\\u0022", body.decode(errors="replace"))
    return "".join(_escape(one) if one in ESCAPED or ord(one) > 126 else one for one in written).encode()


def _escape(letter: str) -> str:
    coded = letter.encode("utf-16-be")
    return "".join(f"\\u{coded[n] << 8 | coded[n + 1]:04X}" for n in range(0, len(coded), 2))

"""Autotask's webhooks: who registered for what, and what they are told, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from psa_copilot.sandbox import Delivery, Patience, Row
from psa_copilot_connectors.autotask.sandbox.records import Change, Records
from psa_copilot_connectors.autotask.sandbox.replies import Refused, iso

PATIENCE = Patience(timeout=10.0, retry_on=frozenset({0, *range(300, 600)}), waits=(30.0, 30.0, 30.0, 30.0))
FIELD_NAMES = {
    101: "title", 102: "status", 103: "priority", 104: "queueID", 105: "assignedResourceID", 106: "issueType",
    107: "subIssueType", 108: "companyID", 109: "contactID", 110: "lastActivityDate", 111: "resolution",
    201: "title", 202: "description", 203: "noteType", 204: "publish", 205: "ticketID",
}  # fmt: skip
KINDS = {"ticket": "Ticket", "note": "TicketNote"}
"""What there are webhooks of, by what has changed."""
WEBHOOKS = tuple(f"{of}Webhooks" for of in KINDS.values())
NOTES_APART = 1_000_000
"""Deliveries keep their order for each registration; those of notes have numbers of their own."""
ESCAPED = "&<>'\"`+"


class Webhooks:
    """The registrations of tickets and notes, and their deliveries."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._sequence = 0
        self._told: dict[str, deque[datetime]] = defaultdict(deque)
        records.world.postman.patience = PATIENCE

    def register(self, entity: str, fields: Row, by: int) -> Row:
        """A new registration; without subscribed fields it hears of no update."""
        if not str(fields.get("webhookUrl")).startswith("http"):
            raise Refused("webhookUrl is not a valid URL.")
        made = {"ownerResourceID": by, **fields, "isReady": True, "webhookGUID": str(uuid4())}
        return self._records.add(entity, made)

    def delete(self, entity: str, number: int) -> None:
        """A registration ends, with what hung on it."""
        for part in ("Fields", "ExcludedResources"):
            for row in self._records.where(f"{entity.removesuffix('s')}{part}", webhookID=number):
                self._records.drop(f"{entity.removesuffix('s')}{part}", row["id"])
        self._records.drop(entity, number)

    def heard(self, change: Change) -> None:
        """Let everybody know who registered for this."""
        of = KINDS.get(change.what)
        if of is None:
            return
        apart = NOTES_APART if change.what == "note" else 0
        for webhook in self._records.table(f"{of}Webhooks"):
            if self._wants(of, webhook, change) and self._may_tell(of, change.at):
                self._records.world.postman.post(webhook["id"] + apart, self._delivery(of, webhook, change))

    def _may_tell(self, of: str, at: datetime) -> bool:
        """Whether this hour's callouts of this kind are not used up."""
        most, told = self._records.switches.number("callouts_per_hour"), self._told[of]
        while told and told[0] <= at - timedelta(hours=1):
            told.popleft()
        if most and len(told) >= most:
            return False
        told.append(at)
        return True

    def _wants(self, of: str, webhook: Row, change: Change) -> bool:
        number = webhook["id"]
        if not webhook["isActive"] or not webhook.get(f"isSubscribedTo{change.action}Events"):
            return False
        if self._records.where(f"{of}WebhookExcludedResources", webhookID=number, resourceID=change.by):
            return False
        return change.action != "Update" or bool(self._subscribed(of, number) & set(change.fields()))

    def _subscribed(self, of: str, webhook: int, also: str = "isSubscribedField") -> set[str]:
        rows = self._records.where(f"{of}WebhookFields", webhookID=webhook)
        return {FIELD_NAMES[row["fieldID"]] for row in rows if row[also]}

    def _delivery(self, of: str, webhook: Row, change: Change) -> Delivery:
        self._sequence += 1
        shown = set(change.fields()) & self._subscribed(of, webhook["id"])
        shown |= self._subscribed(of, webhook["id"], "isDisplayAlwaysField")
        told = {
            "Action": change.action,
            "Guid": webhook["webhookGUID"] if self._records.switches.text("guid") == "webhook" else str(uuid4()),
            "EntityType": of,
            "Id": change.row["id"],
            "Fields": {name: change.row[name] for name in sorted(shown)},
            "EventTime": f"{iso(change.at)}Z",
            "SequenceNumber": self._sequence,
            "PersonID": change.by,
        }
        body = json.dumps(told, ensure_ascii=False)
        signed = escaped(body) if self._records.switches.on("signs_escaped") else body
        headers = {"content-type": "application/json", "x-hook-signature": _signature(webhook["secretKey"], signed)}
        about = f"ticket {change.ticket} {change.action}"
        return Delivery(str(webhook["webhookUrl"]), body.encode(), headers, about)


def _signature(key: Any, text: str) -> str:
    digest = hmac.new(str(key).encode(), text.encode(), hashlib.sha1).digest()
    return f"sha1={base64.b64encode(digest).decode()}"


def escaped(body: str) -> str:
    """The rendering that some servers sign instead of what they send."""
    letters, parts, outside = iter(body), list[str](), set(ESCAPED) - {'"'}
    for letter in letters:
        one = f"{letter}{next(letters, '')}" if letter == "\\" else letter  # with what a backslash escapes
        parts.append(_rendered('"') if one == '\\"' else one)
    return "".join(_rendered(one) if one in outside or ord(one) > 126 else one for one in "".join(parts))


def _rendered(letter: str) -> str:
    """A character as one escape, or as two where it takes a pair of them."""
    units = struct.iter_unpack(">H", letter.encode("utf-16-be"))
    return "".join(f"\\u{unit:04X}" for (unit,) in units)

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
FAILURES = 25
"""So many deliveries in a row that nobody took end a webhook."""
ESCAPED = "&<>'\"`+"


class Webhooks:
    """The registrations of tickets and notes, and their deliveries."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._sequence = 0
        self._told: dict[str, deque[datetime]] = defaultdict(deque)
        self._awake_since: dict[tuple[str, int], datetime] = {}
        records.world.postman.patience = PATIENCE

    def register(self, entity: str, fields: Row, by: int) -> Row:
        """A new registration; without subscribed fields it hears of no update."""
        if not str(fields.get("webhookUrl")).startswith("http"):
            raise Refused("webhookUrl is not a valid URL.")
        made = {"ownerResourceID": by, **fields, "isReady": True, "webhookGUID": str(uuid4())}
        return self._records.add(entity, made)

    def change(self, entity: str, old: Row, fields: Row) -> None:
        """Other values for a registration; one that is woken begins anew."""
        if fields.get("isActive") and not old["isActive"]:
            self._awake_since[entity, old["id"]] = self._records.clock.now()
        self._records.put(entity, old | fields)

    def settle(self) -> None:
        """End those that failed too often, and tell whoever is named for that."""
        for of in KINDS.values():
            for webhook in list(self._records.table(f"{of}Webhooks")):
                if webhook["isActive"] and self._has_failed(of, webhook):
                    self._records.put(f"{of}Webhooks", webhook | {"isActive": False})
                    self._post(of, webhook["id"], self._notice(of, webhook))

    def _has_failed(self, of: str, webhook: Row) -> bool:
        since, failed = self._awake_since.get((f"{of}Webhooks", webhook["id"])), 0
        for one in reversed(self._records.world.postman.deliveries):
            is_its = one["url"] == webhook["webhookUrl"] and f'"EntityType": "{of}"' in str(one["body"])
            if since and datetime.fromisoformat(str(one["at"])) <= since:
                return False
            if is_its and 200 <= int(str(one["status"])) < 300:
                return False
            failed += is_its and one["tries"] != 0
            if failed == FAILURES:
                return True
        return False

    def _notice(self, of: str, webhook: Row) -> Delivery:
        """That a webhook has been ended: nobody signs it."""
        told = {
            "Action": "Deactivated",
            "Guid": webhook["webhookGUID"],
            "EntityType": of,
            "Id": webhook["id"],
            "EventTime": f"{iso(self._records.clock.now())}Z",
        }
        headers = {"content-type": "application/json"}
        about = f"{of} webhook {webhook['id']} deactivated"
        return Delivery(str(webhook["deactivationUrl"]), json.dumps(told).encode(), headers, about)

    def _post(self, of: str, webhook: int, delivery: Delivery) -> None:
        apart = NOTES_APART if of == KINDS["note"] else 0
        self._records.world.postman.post(webhook + apart, delivery)

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
        self.settle()
        for webhook in self._records.table(f"{of}Webhooks"):
            if self._wants(of, webhook, change) and self._may_tell(of, change.at):
                self._post(of, webhook["id"], self._delivery(of, webhook, change))

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

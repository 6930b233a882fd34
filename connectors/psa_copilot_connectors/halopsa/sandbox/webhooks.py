"""HaloPSA's webhooks: who registered, for which events, and what they are told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from psa_copilot.sandbox import Delivery, Patience, Row, World
from psa_copilot_connectors.halopsa.sandbox.change import Change, Refused
from psa_copilot_connectors.halopsa.sandbox.telling import Telling

OPENED, UPDATED = "3", "61"  # event numbers as clients send them
HIDDEN = ("basic_password",)
PATIENCE = 3


class Webhooks:
    """Registrations and the events that they wait for."""

    def __init__(self, world: World, telling: Telling) -> None:
        self.rows: dict[str, Row] = {}
        self.notifications: dict[str, Row] = {}
        self.revision = 0
        self._world, self._tell = world, telling
        self._queues: dict[str, int] = {}
        world.postman.patience = Patience(timeout=5.0)

    def listed(self) -> list[Row]:
        """All of them, without their secrets."""
        return [{name: value for name, value in row.items() if name not in HIDDEN} for row in self.rows.values()]

    def write(self, body: Mapping[str, Any]) -> Row:
        """A new registration, or new values for one that is there."""
        number = str(body.get("id") or uuid4())
        if body.get("id") and number not in self.rows:
            raise Refused(404, "Webhook not found")
        if not body.get("id") and not (body.get("name") and body.get("url")):
            raise Refused(400, "A name and a URL must be entered")
        blank: Row = {"active": True, "type": 0, "method": 0, "authentication_type": 0}
        self.rows[number] = {**blank, **self.rows.get(number, {}), **body, "id": number}
        self._queues.setdefault(number, len(self._queues) + 1)
        self.revision += 1
        return next(row for row in self.listed() if row["id"] == number)

    def delete(self, number: str) -> None:
        """A registration ends, and its events with it."""
        if self.rows.pop(number, None) is None:
            raise Refused(404, "Webhook not found")
        self.notifications = {key: row for key, row in self.notifications.items() if row["webhook_id"] != number}
        self.revision += 1

    def notify(self, body: Mapping[str, Any]) -> Row:
        """Attach an event to a registration."""
        if str(body.get("webhook_id")) not in self.rows:
            raise Refused(400, "Webhook not found")
        number = str(body.get("id") or uuid4())
        self.notifications[number] = {**body, "id": number, "webhook_id": str(body["webhook_id"])}
        self.revision += 1
        return self.notifications[number]

    def heard(self, change: Change) -> None:
        """Let everybody know who waits for this."""
        if change.what == "deleted" or (change.action and not self._world.switches.on("actions_notify")):
            return
        event = OPENED if change.what == "opened" else UPDATED
        for number, row in self.rows.items():
            if row["active"] and self._waits(number, event) and not self._gives_up(row):
                self._world.postman.post(self._queues[number], self._delivery(row, change, event))

    def _gives_up(self, row: Row) -> bool:
        """Whether the last deliveries have all failed; then the webhook is off from now on."""
        if not self._world.switches.on("webhook_gives_up"):
            return False
        ended = [one["status"] for one in self._world.postman.deliveries if one["url"] == row["url"]][-PATIENCE:]
        failed = len(ended) == PATIENCE and not any(200 <= int(str(status)) < 300 for status in ended)
        row["active"] = not failed
        return failed

    def _waits(self, number: str, event: str) -> bool:
        waits = self.notifications.values()
        return any(one["webhook_id"] == number and str(one.get("eventno")) == event for one in waits)

    def _delivery(self, row: Row, change: Change, event: str) -> Delivery:
        on = self._world.switches.on
        told: Row = {"ticket": self._tell.ticket(change.row)}
        told |= {"event": event} if on("webhook_event") else {}
        told |= {"action": self._tell.action(change.action)} if change.action and on("webhook_action") else {}
        body = json.dumps([told] if on("webhook_batch") else told).encode()
        headers = {"content-type": str(row.get("content_type") or "application/json"), **self._proof(row, body)}
        return Delivery(str(row["url"]), body, headers, f"ticket {change.ticket} {change.what}")

    def _proof(self, row: Row, body: bytes) -> dict[str, str]:
        """How a delivery shows that it is Halo's."""
        user, secret = str(row.get("basic_username") or ""), str(row.get("basic_password") or "")
        match row["authentication_type"]:
            case 1:
                return {"authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}
            case 2:
                return {"authorization": f"Bearer {secret}"}
            case 3:
                name = str(row.get("authentication_header") or "Token")
                return {name.casefold(): f"{row.get('signature_prefix') or ''}{self._said(secret, body)}"}
            case _:
                return {}

    def _said(self, secret: str, body: bytes) -> str:
        """What stands in the header of type 3."""
        switches, signature = self._world.switches, hmac.new(secret.encode(), body, hashlib.sha256)
        if switches.text("webhook_type_3") == "key":
            return secret
        hex_too = switches.text("webhook_digest") == "hex"
        return signature.hexdigest() if hex_too else base64.b64encode(signature.digest()).decode()

"""ConnectWise's callbacks: who registered for what, and what they are told, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import uuid4

from psa_copilot.sandbox import Delivery, Patience, Row, Table, World, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, check_given
from psa_copilot_connectors.connectwise.sandbox.change import Change
from psa_copilot_connectors.connectwise.sandbox.desk import API

PATIENCE = Patience(timeout=5.0, retry_on=frozenset({404, 409, 419, 429}), waits=(2.0, 4.0))
KEY_PATH = "/system/callbacks/signingkey"
REQUIRED = ("url", "objectId", "type", "level")
LEVELS = ("owner", "board", "project", "phase", "status", "ticket", "integratortag")


class Callbacks:
    """The registrations, and their deliveries in the order of the commits."""

    def __init__(self, world: World) -> None:
        self.rows = Table()
        self._random_key = secrets.token_hex(16)
        self._world = world
        world.postman.patience = PATIENCE

    @property
    def signing_key(self) -> str:
        """The key that each delivery is signed with."""
        return self._world.switches.text("signing_key") or self._random_key

    def register(self, body: Mapping[str, object], member: int, by: str) -> Row:
        """A new registration."""
        check_given(body, "callback", *REQUIRED)
        if str(body["type"]).lower() == "ticket" and str(body["level"]).lower() not in LEVELS:
            raise Refused("callback", "level", f"The level {body['level']} is not valid.", "InvalidValue")
        row = {"inactiveFlag": False, "isSoapCallbackFlag": False, "isSelfSuppressedFlag": False, **body}
        return self._keep(row | {"id": self.rows.new_id(), "memberId": member, "connectWiseID": str(uuid4())}, by)

    def edit(self, callback: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a registration."""
        kept = {name: value for name, value in changes.items() if name not in ("id", "memberId", "connectWiseID")}
        return self._keep(self.rows.rows[callback] | kept, by)

    def delete(self, callback: int, _: str) -> None:
        """A registration ends."""
        self.rows.drop(callback)

    def tell(self, change: Change) -> None:
        """Let everybody know who registered for this."""
        if change.silent or not self._tells_of(change):
            return
        for callback in self.rows:
            if self._wants(callback, change):
                self._world.postman.post(callback["id"], self._delivery(callback, change))

    def _tells_of(self, change: Change) -> bool:
        """Notes have no callback of their own: they may surface as their ticket's `updated`."""
        if change.what == "ticket":
            return True
        return change.what in ("note", "time") and self._world.switches.on(f"{change.what}_callbacks")

    def _keep(self, row: Row, by: str) -> Row:
        now = whole_second(self._world.clock.now())
        return self.rows.put(row | {"_info": {"lastUpdated": now, "updatedBy": by}}, now)

    def _wants(self, callback: Row, change: Change) -> bool:
        if callback["inactiveFlag"] or str(callback["type"]).lower() != "ticket":
            return False
        if callback["isSelfSuppressedFlag"] and self._suppressed(callback, change):
            return False
        row = change.row or change.former or {}
        level, wanted = str(callback["level"]).lower(), int(callback["objectId"])
        if level == "owner":
            return wanted == 1  # the one location of this sandbox: everything
        if level == "ticket":
            return wanted == change.ticket
        return level in ("board", "status") and wanted == (row.get(level) or {}).get("id")

    def _suppressed(self, callback: Row, change: Change) -> bool:
        how = self._world.switches.text("self_suppress")
        own = change.by == callback["_info"]["updatedBy"]
        return own and (how == "all" or (how == "tickets" and change.what == "ticket"))

    def _delivery(self, callback: Row, change: Change) -> Delivery:
        action = change.action if change.what == "ticket" else "updated"
        body = json.dumps(
            {
                "MessageId": str(uuid4()),
                "FromUrl": self._world.url,
                "CompanyId": "sandbox",
                "MemberId": change.by,
                "Action": action,
                "Type": "ticket",
                "ID": change.ticket,
                "ProductInstanceId": None,
                "PartnerId": None,
                "Entity": json.dumps(change.row) if change.row else None,
                "Metadata": {"key_url": f"{self._world.url}{API}{KEY_PATH}"},
                "CallbackObjectRecId": callback["id"],
            }
        ).encode()
        headers = {"content-type": "application/json", "x-content-signature": self._signature(body)}
        return Delivery(
            _url(str(callback["url"]), change.ticket, action), body, headers, f"ticket {change.ticket} {action}"
        )

    def _signature(self, body: bytes) -> str:
        key = hashlib.sha256(self.signing_key.encode()).digest()
        return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def _url(url: str, ticket: int, action: str) -> str:
    """The record's id and the action are put behind whatever was registered."""
    said = urlencode({"action": action})
    if url.endswith("="):
        return f"{url}{ticket}&{said}"
    return f"{url}{'&' if '?' in url else '?'}recordId={ticket}&{said}"

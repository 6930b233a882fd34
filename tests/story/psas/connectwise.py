"""ConnectWise, as its people use it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from psa_copilot.sandbox import Sandbox
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.sandbox_api import api, human, internal, replace
from tests.story.psas.psa import HUMAN, OTHER_API, Asked, Callback, Moves, Names, People, Psa

TICKETS = "/service/tickets"
SIGNATURE = "x-content-signature"
FIELDS = {"title": "summary", "assignee": "owner"}


class ConnectWisePeople(People):
    """At work in ConnectWise."""

    def __init__(self, url: str) -> None:
        self._logins = {HUMAN: human(url), OTHER_API: api(url, OTHER_API, OTHER_API)}

    def close(self) -> None:
        for client in self._logins.values():
            client.close()

    def writes(self, ticket: int, text: str, *, internal: bool, by: str = HUMAN) -> int:
        flag = "internalAnalysisFlag" if internal else "detailDescriptionFlag"
        return self._post(ticket, {"text": text, flag: True}, by)

    def writes_as(self, technician: str, ticket: int, text: str) -> None:
        self._post(ticket, internal(text) | {"member": {"identifier": technician}}, OTHER_API)

    def sla(self, ticket: int) -> tuple[object, ...]:
        row = self._row(ticket)
        return row["slaStatus"], row.get("dateResponded")

    def edits(self, ticket: int, note: int, text: str) -> None:
        path = f"{TICKETS}/{ticket}/notes/{note}"
        self._logins[HUMAN].patch(path, json=replace("text", text)).raise_for_status()

    def deletes(self, ticket: int, note: int) -> None:
        self._logins[HUMAN].delete(f"{TICKETS}/{ticket}/notes/{note}").raise_for_status()

    def sets(self, ticket: int, name: str, value: str, by: str = HUMAN) -> None:
        body = replace(FIELDS.get(name, name), self._meant(ticket, name, value))
        self._logins[by].patch(f"{TICKETS}/{ticket}", json=body).raise_for_status()

    def value(self, ticket: int, name: str) -> str:
        told = self._row(ticket).get(FIELDS.get(name, name)) or ""
        return str(told.get("identifier") or told["name"]) if isinstance(told, dict) else str(told)

    def _meant(self, ticket: int, name: str, value: str) -> object:
        if name == "title":
            return value
        if name == "assignee":
            return {"identifier": value}
        board = self._row(ticket)["board"]["id"]
        path = {"priority": "/service/priorities", "status": f"/service/boards/{board}/statuses"}[name]
        there = self._logins[HUMAN].get(path, params={"pageSize": 1000}).raise_for_status().json()
        return {"id": next(row["id"] for row in there if row["name"] == value)}

    def _row(self, ticket: int) -> dict[str, Any]:
        return dict(self._logins[HUMAN].get(f"{TICKETS}/{ticket}").raise_for_status().json())

    def _post(self, ticket: int, body: Mapping[str, object], by: str) -> int:
        answer = self._logins[by].post(f"{TICKETS}/{ticket}/notes", json=body).raise_for_status()
        return int(answer.json()["id"])


class ConnectWisePsa(Psa):
    """ConnectWise in the stories."""

    names = Names(
        low="Priority 4 - Low",
        medium="Priority 3 - Medium",
        high="Priority 2 - High",
        critical="Priority 1 - Critical",
        moves_sla="In Progress",
        quiet="Waiting customer",
        also_quiet="Waiting vendor",
    )
    sandbox = ConnectWiseSandbox
    connector = ConnectWise
    key = "pub"
    connection: Mapping[str, Any] = {
        "use": "connectwise",
        "company": "sandbox",
        "public_key": "pub",
        "private_key": "priv",
        "client_id": "any",
    }
    limits_off: Mapping[str, object] = {}
    disabled = "keys_rotated"
    tells_retry_after: Mapping[str, object] = {}
    moves = Moves("codebase", "v2026_2/", "/v2026_1/", "/v2026_2/", 404)
    sees: Mapping[str, str] = {}
    rules: Mapping[str, str] = {
        "rule_mail_internal_note": "a mail went out",
        "rule_mail_note": "",  # of public notes, of which none is asked for
        "rule_adds_note": "a note appeared, by",
        "rule_note_sets_status": "field status was",
        "rule_assigns": "field assignee was",
        "sla_stops_on_note": "the SLA's response was stamped",
        "sla_restart_on_update": "the SLA's clock was",
    }
    worst: Mapping[str, object] = {"all_side_effects": True}
    sla_by_priority = True
    unseen = ()
    shows_tickets = True
    quiet_discussions = True
    hides_mails = "mails_in_audit_trail"
    right_to_notes = "notes_right"
    mails_by: object = "copilot"
    tells_us_of_ourselves = True

    def people(self, url: str) -> ConnectWisePeople:
        return ConnectWisePeople(url)

    def asks_for_changes(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith(TICKETS) and "lastUpdated" in asked.query

    def reads_notes(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith("/allNotes")

    def reads_ticket(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith(f"/tickets/{asked.ticket}")

    def writes_note(self, row: Mapping[str, Any]) -> bool:
        return "/notes" in row["path"]

    def changes_settings(self, sandbox: Sandbox) -> None:
        sandbox.switch(board_sends_to_resource=True)

    def forged(self, genuine: Callback) -> Mapping[str, Callback]:
        told = json.loads(genuine.body)
        unsigned = {name: value for name, value in genuine.headers.items() if name != SIGNATURE}
        changed = json.dumps(told | {"Action": "deleted"}).encode()
        return {
            "forged": signed(told, "guessed"),
            "unsigned": Callback(genuine.body, unsigned),
            "replayed with a changed body": Callback(changed, genuine.headers),
        }


def signed(told: Mapping[str, Any], key: str) -> Callback:
    """Signed correctly, with a key of somebody's own."""
    body = json.dumps(told).encode()
    digest = hmac.new(hashlib.sha256(key.encode()).digest(), body, hashlib.sha256).digest()
    return Callback(body, {SIGNATURE: base64.b64encode(digest).decode()})

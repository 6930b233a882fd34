"""Autotask, as its people use it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from psa_copilot.sandbox import Sandbox
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.story.psas.psa import HUMAN, OTHER_API, Asked, Callback, Moves, Names, People, Psa

API = "/ATServicesRest/V1.0"
LOGINS = {HUMAN: ("human", "human"), OTHER_API: ("api2@sandbox.example", "secret")}
PUBLIC, INTERNAL, TASK_NOTE = 1, 2, 3
FIELDS = {"title": "title", "status": "status", "priority": "priority", "assignee": "assignedResourceID"}
SIGNATURE = "x-hook-signature"


class AutotaskPeople(People):
    """At work in Autotask."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._fields: list[dict[str, Any]] = []
        self._logins = {by: _client(url, *login) for by, login in LOGINS.items()}

    def close(self) -> None:
        for client in self._logins.values():
            client.close()

    def writes(self, ticket: int, text: str, *, internal: bool, by: str = HUMAN) -> int:
        return self._post(ticket, text, INTERNAL if internal else PUBLIC, by)

    def writes_as(self, technician: str, ticket: int, text: str) -> None:
        """Impersonation, which the security level allows from now on."""
        self._control("switch", {"impersonation": True})
        headers = {"ImpersonationResourceId": str(self._resource(technician)["id"])}
        self._post(ticket, text, INTERNAL, OTHER_API, headers)

    def sla(self, ticket: int) -> tuple[object, ...]:
        row = self._logins[HUMAN].get(f"/Tickets/{ticket}").raise_for_status().json()["item"]
        return (bool(row["firstResponseDateTime"]),)

    def edits(self, ticket: int, note: int, text: str) -> None:
        body = {"id": note, "description": text}
        self._logins[HUMAN].patch(f"/Tickets/{ticket}/Notes", json=body).raise_for_status()

    def deletes(self, ticket: int, note: int) -> None:
        """Only the user interface deletes notes; the sandbox has a line for it."""
        self._control("record", {"kind": "note_deleted", "ticket": ticket, "note": note})

    def sets(self, ticket: int, name: str, value: str, by: str = HUMAN) -> None:
        body = {"id": ticket, **self._meant(name, value)}
        self._logins[by].patch("/Tickets", json=body).raise_for_status()

    def value(self, ticket: int, name: str) -> str:
        told = self._logins[HUMAN].get(f"/Tickets/{ticket}").raise_for_status().json()["item"][FIELDS[name]]
        if name == "title" or told is None:
            return str(told or "")
        if name == "assignee":
            return str(self._asked("Resources", "id", told)["userName"])
        return next(label for label, number in self._labels(name).items() if number == told)

    def _control(self, what: str, order: Mapping[str, object]) -> None:
        httpx.post(f"{self._url}/_sandbox/{what}", json=order, trust_env=False).raise_for_status()

    def _meant(self, name: str, value: str) -> Mapping[str, object]:
        if name == "title":
            return {"title": value}
        if name == "assignee":
            person = self._resource(value)
            return {"assignedResourceID": person["id"], "assignedResourceRoleID": person["defaultServiceDeskRoleID"]}
        return {FIELDS[name]: self._labels(name)[value]}

    def _labels(self, name: str) -> dict[str, int]:
        if not self._fields:
            told = self._logins[HUMAN].get("/Tickets/entityInformation/fields").raise_for_status().json()
            self._fields = told["fields"]
        [one] = [field for field in self._fields if field["name"] == FIELDS[name]]
        return {choice["label"]: int(choice["value"]) for choice in one["picklistValues"]}

    def _resource(self, login: str) -> dict[str, Any]:
        return self._asked("Resources", "userName", login)

    def _asked(self, entity: str, field: str, value: object) -> dict[str, Any]:
        body = {"filter": [{"op": "eq", "field": field, "value": value}]}
        [row] = self._logins[HUMAN].post(f"/{entity}/query", json=body).raise_for_status().json()["items"]
        return dict(row)

    def _post(self, ticket: int, text: str, publish: int, by: str, headers: Mapping[str, str] | None = None) -> int:
        body = {"title": text[:50], "description": text, "noteType": TASK_NOTE, "publish": publish}
        answer = self._logins[by].post(f"/Tickets/{ticket}/Notes", json=body, headers=headers)
        return int(answer.raise_for_status().json()["itemId"])


def _client(url: str, user: str, secret: str) -> httpx.Client:
    # An integration of its own: the vendor counts threads by it.
    login = {"UserName": user, "Secret": secret, "ApiIntegrationCode": "CODE"}
    return httpx.Client(base_url=f"{url}{API}", headers=login, timeout=10.0, trust_env=False)


class AutotaskPsa(Psa):
    """Autotask in the stories."""

    names = Names(
        low="Low",
        medium="Medium",
        high="High",
        critical="Critical",
        waiting="Waiting Customer",
        moves_sla="Waiting Customer",
        also_quiet="Waiting Vendor",
        vendor="Waiting Vendor",
        replied="Customer Replied",
        closed="Complete",
        stop="Escalate",
        copilot="api@sandbox.example",
        other_api="api2@sandbox.example",
    )
    sandbox = AutotaskSandbox
    connector = Autotask
    key = "api@sandbox.example"
    connection: Mapping[str, Any] = {
        "use": "autotask",
        "username": "api@sandbox.example",
        "secret": "secret",
        "integration_code": "CODE",
    }
    limits_off: Mapping[str, object] = {"hourly_limit": 0}
    disabled = "keys_rotated"
    tells_retry_after: Mapping[str, object] = {}
    moves = Moves("zone_moved", True, "/ATServicesRest/", "/zone2/ATServicesRest/", 401)
    sees: Mapping[str, str] = {
        "planted_sla_restart": "the SLA's first response due was",
        "planted_sla_responded": "the SLA's first response was stamped",
    }
    rules: Mapping[str, str] = {
        "rule_note_sets_status": "field status was",
        "sla_responds_on_note": "the SLA's first response was stamped",
        "rule_adds_note": "",  # after edits of the ticket itself
        "rule_assigns": "",
    }
    worst: Mapping[str, object] = {"all_side_effects": True}
    sla_by_priority = False
    unseen = ()
    shows_tickets = False
    quiet_discussions = False
    hides_mails = ""
    right_to_notes = "notes_right"
    mails_by: object = 29_689_901
    tells_us_of_ourselves = False

    def people(self, url: str) -> AutotaskPeople:
        return AutotaskPeople(url)

    def asks_for_changes(self, asked: Asked) -> bool:
        return asked.path.endswith("/Tickets/query") and b"lastActivityDate" in asked.body

    def reads_notes(self, asked: Asked) -> bool:
        return asked.path.endswith("/TicketNotes/query")

    def reads_ticket(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith(f"/Tickets/{asked.ticket}")

    def writes_note(self, row: Mapping[str, Any]) -> bool:
        return str(row["path"]).endswith("/Notes")

    def changes_settings(self, sandbox: Sandbox) -> None:
        sandbox.inject({"title": "For the night", "board": "Night desk"})  # a queue more

    def forged(self, genuine: Callback) -> Mapping[str, Callback]:
        told = json.loads(genuine.body)
        unsigned = {name: value for name, value in genuine.headers.items() if name != SIGNATURE}
        changed = json.dumps(told | {"Action": "Delete"}).encode()
        digest = base64.b64encode(hmac.new(b"guessed", genuine.body, hashlib.sha1).digest()).decode()
        return {
            "forged": Callback(genuine.body, {**genuine.headers, SIGNATURE: f"sha1={digest}"}),
            "unsigned": Callback(genuine.body, unsigned),
            "replayed with a changed body": Callback(changed, genuine.headers),
        }

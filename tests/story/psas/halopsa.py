"""HaloPSA, as its people use it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx

from psa_copilot.sandbox import Sandbox
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox
from tests.story.psas.psa import HUMAN, OTHER_API, Asked, Callback, Moves, Names, People, Psa

PRIVATE_NOTE, PUBLIC_NOTE = 7, 8
FIELDS = {"title": "summary", "status": "status_id", "priority": "priority_id", "assignee": "agent_id"}
LISTS = {"status": ("/Status", "id"), "priority": ("/Priority", "priorityid"), "assignee": ("/Agent", "id")}
SIGNATURE = "token"
ENDED = 401


class HaloPsaPeople(People):
    """At work in HaloPSA."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10.0, trust_env=False)
        self._tokens: dict[str, str] = {}
        self._lists: dict[str, list[dict[str, Any]]] = {}

    def close(self) -> None:
        self._http.close()

    def writes(self, ticket: int, text: str, *, internal: bool, by: str = HUMAN) -> int:
        body = {"ticket_id": ticket, "note": text, "hiddenfromuser": internal}
        return self._note({**body, "outcome_id": PRIVATE_NOTE if internal else PUBLIC_NOTE}, by)

    def writes_as(self, technician: str, ticket: int, text: str) -> None:
        """As other programs try it; the PSA goes by the login all the same."""
        body = {"ticket_id": ticket, "note": text, "hiddenfromuser": True, "outcome_id": PRIVATE_NOTE}
        self._note({**body, "who": technician, "who_agentid": self._number("assignee", technician)}, OTHER_API)

    def sla(self, ticket: int) -> tuple[object, ...]:
        row = self._ask("GET", f"/Tickets/{ticket}", HUMAN)
        return row["onhold"], bool(row["responsedate"])

    def edits(self, ticket: int, note: int, text: str) -> None:
        self._note({"id": note, "ticket_id": ticket, "note": text}, HUMAN)

    def deletes(self, ticket: int, note: int) -> None:
        self._ask("DELETE", f"/Actions/{note}", HUMAN, params={"ticket_id": ticket})

    def sets(self, ticket: int, name: str, value: str, by: str = HUMAN) -> None:
        wanted = value if name == "title" else self._number(name, value)
        self._ask("POST", "/Tickets", by, json=[{"id": ticket, FIELDS[name]: wanted}])

    def value(self, ticket: int, name: str) -> str:
        told = self._ask("GET", f"/Tickets/{ticket}", HUMAN)[FIELDS[name]]
        if name == "title":
            return str(told)
        path, key = LISTS[name]
        return next(str(row["name"]) for row in self._listed(path) if row[key] == told)

    def _number(self, name: str, value: str) -> int:
        path, key = LISTS[name]
        return int(next(row[key] for row in self._listed(path) if row["name"] == value))

    def _listed(self, path: str) -> list[dict[str, Any]]:
        if path not in self._lists:
            told = self._ask("GET", path, HUMAN)
            self._lists[path] = list(told if isinstance(told, list) else told["results"])
        return self._lists[path]

    def _note(self, body: Mapping[str, object], by: str) -> int:
        told = self._ask("POST", "/Actions", by, json=[body])
        return int((told[-1] if isinstance(told, list) else told)["id"])

    def _ask(self, method: str, path: str, by: str, **more: Any) -> Any:
        """One request; tokens end, in moved time more than once a test."""
        for _ in range(2):
            headers = {"Authorization": f"Bearer {self._tokens.get(by) or self._log_in(by)}"}
            answer = self._http.request(method, f"/api{path}", headers=headers, **more)
            if answer.status_code != ENDED:
                break
            self._tokens.pop(by)
        return answer.raise_for_status().json() if answer.content else None

    def _log_in(self, by: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": by, "client_secret": by, "scope": "all"}
        self._tokens[by] = self._http.post("/auth/token", data=form).raise_for_status().json()["access_token"]
        return self._tokens[by]


class HaloPsaPsa(Psa):
    """HaloPSA in the stories."""

    names = Names(
        low="Low",
        medium="Medium",
        high="High",
        critical="Critical",
        ines="Ines Dahl",
        marta="Marta Ruiz",
        tobi="Tobi Okafor",
        copilot="Copilot Api",
        other_api="Second Api",
    )
    sandbox = HaloPsaSandbox
    connector = HaloPsa
    key = "id"
    connection: Mapping[str, Any] = {"use": "halopsa", "client_id": "id", "client_secret": "secret"}
    limits_off: Mapping[str, object] = {"per_5_minutes": 0}
    disabled = "agent_disabled"
    tells_retry_after: Mapping[str, object] = {"sends_retry_after": True}
    moves = Moves()
    sees: Mapping[str, str] = {}
    rules: Mapping[str, str] = {"rule_mails_update": "", "system_actions": ""}
    worst: Mapping[str, object] = {
        "all_side_effects": True,
        "rules_heed_dont_do_rules": False,
        "planted_sla_restart": True,
    }
    sla_by_priority = True
    unseen = ("mails that leave no action: HaloPSA does not tell of them",)
    shows_tickets = True
    quiet_discussions = False
    hides_mails = "mails_leave_actions"
    right_to_notes = "actions_right"
    mails_by: object = "Copilot Api"
    tells_us_of_ourselves = True

    def people(self, url: str) -> HaloPsaPeople:
        return HaloPsaPeople(url)

    def asks_for_changes(self, asked: Asked) -> bool:
        return asked.path.endswith("/Tickets") and "lastupdatefromdate" in asked.query

    def reads_notes(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith("/Actions")

    def reads_ticket(self, asked: Asked) -> bool:
        return asked.method == "GET" and asked.path.endswith(f"/Tickets/{asked.ticket}")

    def writes_note(self, row: Mapping[str, Any]) -> bool:
        return str(row["path"]).endswith("/Actions")

    def changes_settings(self, sandbox: Sandbox) -> None:
        sandbox.switch(status_mails=True)

    def forged(self, genuine: Callback) -> Mapping[str, Callback]:
        told = json.loads(genuine.body)
        unsigned = {name: value for name, value in genuine.headers.items() if name != SIGNATURE}
        changed = json.dumps(told | {"event": "deleted"}).encode()
        digest = base64.b64encode(hmac.new(b"guessed", genuine.body, hashlib.sha256).digest()).decode()
        return {
            "forged": Callback(genuine.body, {**genuine.headers, SIGNATURE: digest}),
            "unsigned": Callback(genuine.body, unsigned),
            "replayed with a changed body": Callback(changed, genuine.headers),
        }

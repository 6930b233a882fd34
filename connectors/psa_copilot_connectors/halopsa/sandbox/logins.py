"""Who may use the API: clients, their secrets, and the tokens that they were given."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psa_copilot.sandbox import Row, World
from psa_copilot_connectors.halopsa.sandbox.change import Refused

BEARER = "bearer "


class WrongTenant(Exception):
    """A server that does not know whom a login is for shows a page."""


@dataclass(frozen=True)
class Login:
    """An API application, and the agent that it is bound to."""

    client: str
    secrets: frozenset[str]
    agent: Row
    application: str = ""
    """What its actions are marked with; a person's have no mark."""


@dataclass(frozen=True)
class _Token:
    login: Login
    ends: datetime
    denied: frozenset[str] = field(default_factory=frozenset)
    """The rights that were missing when it was given out."""


class Logins:
    """Gives out tokens, and knows them again."""

    def __init__(self, world: World) -> None:
        self.by_client: dict[str, Login] = {}
        self._world = world
        self._tokens: dict[str, _Token] = {}

    def give(self, form: Mapping[str, str]) -> Row:
        """A token for a client that shows its secret."""
        login, switches = self.by_client.get(form.get("client_id", "")), self._world.switches
        if form.get("grant_type") != "client_credentials":
            raise Refused(400, "unsupported_grant_type")
        if switches.text("tenant") not in ("", form.get("tenant")):
            raise WrongTenant
        ended = form.get("client_id") == "id" and (switches.on("keys_rotated") or switches.on("agent_disabled"))
        if login is None or ended or form.get("client_secret") not in login.secrets:
            raise Refused(int(switches.text("bad_client_status")), "invalid_client")
        if switches.on("one_token"):
            self._tokens = {key: token for key, token in self._tokens.items() if token.login.client != login.client}
        word, life = secrets.token_urlsafe(32), switches.number("token_life")
        self._tokens[word] = _Token(login, self._world.clock.now() + timedelta(seconds=life), self._missing(login))
        return {"access_token": word, "token_type": "Bearer", "expires_in": int(life), "scope": "all"}

    def of(self, headers: Mapping[str, str]) -> Login | None:
        """Whose token a request shows; None when it shows none that is good."""
        token = self._token(headers)
        if token is None or token.ends <= self._world.clock.now():
            return None
        disabled = token.login.client == "id" and self._world.switches.on("agent_disabled")
        return None if disabled else token.login

    def client_of(self, headers: Mapping[str, str]) -> str:
        """The client that a token was given to, good or not."""
        token = self._token(headers)
        return token.login.client if token else ""

    def may(self, headers: Mapping[str, str], right: str) -> bool:
        """Whether a request's login has a right."""
        token = self._token(headers)
        if token is None or token.login.client != "id":
            return True
        if right in token.denied and self._world.switches.on("rights_in_token"):
            return False
        return self._world.switches.on(right)

    def _token(self, headers: Mapping[str, str]) -> _Token | None:
        said = headers.get("authorization", "")
        return self._tokens.get(said[len(BEARER) :]) if said.casefold().startswith(BEARER) else None

    def _missing(self, login: Login) -> frozenset[str]:
        if login.client != "id":
            return frozenset()
        listed = self._world.switches.listed()
        return frozenset(name for name, told in listed.items() if name.endswith("_right") and not told["value"])

"""An Autotask desk for tests: its sandbox, our connector, and plain clients of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from psa_copilot import Ref
from psa_copilot.clock import Clock
from psa_copilot.http import Http
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox

API = "/ATServicesRest/V1.0"
KEYS = {"username": "api@sandbox.example", "secret": "secret", "integration_code": "CODE"}
EVERYTHING = [{"op": "gte", "field": "id", "value": 0}]
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
        sandbox.speed(20)
        yield sandbox


@pytest.fixture
def clock(psa: Sandbox) -> Clock:
    clock = Clock()
    clock.set(psa.now(), 20)
    clock.followed = psa.clock_url
    return clock


@pytest.fixture
async def http(psa: Sandbox, clock: Clock) -> AsyncIterator[Http]:
    http = Http("main", clock, LocalBudget("main", clock, rate=100_000), timedelta(seconds=2))
    yield http
    await http.close()


@pytest.fixture
def at(psa: Sandbox, http: Http) -> Autotask:
    return connected(psa, http)


@pytest.fixture
def stranger(psa: Sandbox) -> Iterator[httpx.Client]:
    """Somebody else's program."""
    with client(psa.url) as one:
        yield one


@pytest.fixture
def human(psa: Sandbox) -> Iterator[httpx.Client]:
    """The technician idahl, at work in the PSA."""
    with client(psa.url, user="human", secret="human") as one:
        yield one


def connected(psa: Sandbox, http: Http, **more: object) -> Autotask:
    return Autotask(Autotask.Settings.model_validate({"use": "autotask", "url": psa.url, **KEYS, **more}), http)


def login(user: str = KEYS["username"], secret: str = KEYS["secret"], code: str = "CODE") -> dict[str, str]:
    return {"UserName": user, "Secret": secret, "ApiIntegrationCode": code}


def client(url: str, **keys: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}{API}", headers=login(**keys), timeout=10.0, trust_env=False)


def logged_in(url: str, **keys: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{url}{API}", headers=login(**keys), timeout=10.0, trust_env=False)


def asked(client: httpx.Client, entity: str, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One page of the answer to a question."""
    body = {"filter": list(conditions) or EVERYTHING, **more}
    told: dict[str, Any] = client.post(f"/{entity}/query", json=body).raise_for_status().json()
    return told


def record(client: httpx.Client, number: int = 1001) -> dict[str, Any]:
    """A ticket as its record stands."""
    told: dict[str, Any] = client.get(f"/Tickets/{number}").raise_for_status().json()["item"]
    return told


def edit(client: httpx.Client, number: int = 1001, **fields: object) -> None:
    """Somebody sets fields of a ticket."""
    client.patch("/Tickets", json={"id": number, **fields}).raise_for_status()


def where(field: str, op: str, value: object = None) -> dict[str, Any]:
    return {"op": op, "field": field, "value": value}


def ref(number: int) -> Ref:
    return Ref(connection="main", remote_id=str(number))

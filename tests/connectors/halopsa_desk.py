"""A HaloPSA desk for tests: its sandbox, our connector, and plain clients of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from psa_copilot import AddNote, ChangeField, Field, Http, Ref
from psa_copilot.clock import Clock
from psa_copilot.markers import signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox

SPEED = 20.0
KEYS = {"use": "halopsa", "client_id": "id", "client_secret": "secret"}


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(HaloPsaSandbox) as sandbox:
        sandbox.speed(SPEED)
        yield sandbox


@asynccontextmanager
async def connected(
    psa: Sandbox, *, rate: int = 100_000, speed: float = SPEED, **more: object
) -> AsyncIterator[HaloPsa]:
    """Our connector, with these settings."""
    clock = Clock()
    clock.set(psa.now(), speed)
    clock.followed = psa.clock_url
    http = Http("main", clock, LocalBudget("main", clock, rate=rate), timedelta(seconds=2))
    yield HaloPsa(HaloPsa.Settings.model_validate({**KEYS, "url": psa.url, **more}), http)
    await http.close()


@pytest.fixture
async def halo(psa: Sandbox) -> AsyncIterator[HaloPsa]:
    async with connected(psa) as connector:
        yield connector


@pytest.fixture
def api(psa: Sandbox) -> Iterator[httpx.Client]:
    """Somebody else's program."""
    with logged_in(psa, "api2") as client:
        yield client


def logged_in(psa: Sandbox, client: str = "id") -> httpx.Client:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": "secret", "scope": "all"}
    told = httpx.post(f"{psa.url}/auth/token", data=form, trust_env=False).raise_for_status().json()
    headers = {"authorization": f"Bearer {told['access_token']}"}
    return httpx.Client(base_url=psa.url, headers=headers, trust_env=False)


def read(api: httpx.Client, path: str, **params: object) -> Any:
    return api.get(f"/api{path}", params={name: str(value) for name, value in params.items()}).raise_for_status().json()


def write(api: httpx.Client, path: str, **body: object) -> httpx.Response:
    return api.post(f"/api{path}", json=[body])


def action(api: httpx.Client, ticket: int, number: str) -> dict[str, Any]:
    """One action as the API tells it."""
    told: dict[str, Any] = read(api, f"/Actions/{number}", ticket_id=ticket, includedetails=True)
    return told


def ref(number: int | str) -> Ref:
    return Ref(connection="main", remote_id=str(number))


def note(marker: str) -> AddNote:
    return AddNote(body=signed("Recap: waiting on us.\nNext: call Anna.", "summarize", marker), because="a test")


def change(field: Field, to: str, was: str = "") -> ChangeField:
    return ChangeField(field=field, to=to, was=was, because="a test")

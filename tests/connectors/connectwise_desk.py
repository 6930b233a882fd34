"""A ConnectWise desk for tests: its sandbox, our connector, and a technician at work in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest

from psa_copilot import Ref
from psa_copilot.clock import Clock
from psa_copilot.http import Http
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox

API = "/v4_6_release/apis/3.0"
CLIENT = "00000000-0000-4000-8000-000000000000"
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
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
    http = Http("main", clock, LocalBudget("main", clock, rate=100_000), timedelta(seconds=1))
    yield http
    await http.close()


@pytest.fixture
def cw(psa: Sandbox, http: Http) -> ConnectWise:
    return connected(psa, http)


@pytest.fixture
async def human(psa: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """The technician idahl, at work in the PSA."""
    async with logged_in(psa, "human") as client:
        yield client


def logged_in(psa: Sandbox, key: str) -> httpx.AsyncClient:
    headers = {"clientId": CLIENT}
    return httpx.AsyncClient(base_url=f"{psa.url}{API}", auth=(f"sandbox+{key}", key), headers=headers, trust_env=False)


def connected(psa: Sandbox, http: Http, **more: object) -> ConnectWise:
    keys = {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": CLIENT}
    return ConnectWise(
        ConnectWise.Settings.model_validate({"use": "connectwise", "url": psa.url, **keys, **more}), http
    )


def ref(number: int | str) -> Ref:
    return Ref(connection="main", remote_id=str(number))


def asked(psa: Sandbox, after: int = 0) -> list[str]:
    """The requests so far, as METHOD and what stands behind the codebase."""
    return [f"{row['method']} {row['path'].rpartition('apis/3.0')[2]}" for row in psa.log(after)]

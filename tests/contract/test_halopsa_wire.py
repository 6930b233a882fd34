"""Everything that the HaloPSA connector can say, and all that it is answered, against the vendor's description."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta

import httpx
import pytest

import psa_copilot_connectors.halopsa as package
from psa_copilot import Http, PsaError
from psa_copilot.clock import Clock
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox
from tests.contract.exercise import use_all, use_webhooks, use_with_each_switch, words_of_paths
from tests.contract.halopsa_wire import ABSENT, DEVIATIONS, PAGE
from tests.contract.wire import Deviation, Wire

pytestmark = pytest.mark.skipif(bool(ABSENT), reason=ABSENT or "-")

SPEED = 100.0


@pytest.fixture
def wire(wires: Mapping[str, Wire]) -> Wire:
    return wires["halopsa"]


@pytest.fixture
def psa(wire: Wire) -> Iterator[Sandbox]:
    # The exercise asks more in a minute than a tenant allows in five; the budget has tests of its own.
    with running(HaloPsaSandbox, switches={"per_5_minutes": 0}) as sandbox:
        sandbox.speed(SPEED)
        yield sandbox


@pytest.fixture
async def http(psa: Sandbox) -> AsyncIterator[Http]:
    clock = Clock()
    clock.set(psa.now(), SPEED)
    clock.followed = psa.clock_url
    http = Http("main", clock, LocalBudget("main", clock, rate=100_000), timedelta(seconds=2))
    yield http
    await http.close()


@pytest.fixture
def stranger(psa: Sandbox) -> Iterator[httpx.Client]:
    """Somebody with our keys who says what we never would."""
    form = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret", "scope": "all"}
    with httpx.Client(base_url=f"{psa.url}/api", trust_env=False) as one:
        token = one.post(f"{psa.url}/auth/token", data=form).json()["access_token"]
        one.headers["authorization"] = f"Bearer {token}"
        yield one


def connected(psa: Sandbox, http: Http) -> HaloPsa:
    keys = {"use": "halopsa", "url": psa.url, "client_id": "id", "client_secret": "secret"}
    return HaloPsa(HaloPsa.Settings.model_validate(keys), http)


@pytest.mark.timeout(300)  # hundreds of requests: some seconds, but not on a machine that has other things to do
async def test_whatever_the_connector_says_and_hears_is_described(wire: Wire, psa: Sandbox, http: Http) -> None:
    await use_all(connected(psa, http), psa)
    await use_webhooks(connected(psa, http), psa, lambda: None)
    await use_through_bad_days(psa, http)
    await use_a_crowd(psa, connected(psa, http))
    await use_with_each_switch(psa, lambda: connected(psa, http))
    assert [str(fault) for fault in wire.judge()] == []
    assert wire.tally.skipped == 0
    assert wire.tally.heard["requests"] > 100
    heard = " ".join(wire.tally.requests)
    words = words_of_paths(package) - {"api", "auth"}  # the two servers, which are no paths of the description
    assert {word for word in words if word not in heard} == set(), "the exercise never goes there"
    unused = {one.name for one in DEVIATIONS} - wire.tally.deviations.keys()
    assert unused == set(), "HaloPSA does as described there; take the deviation off the list"


async def use_through_bad_days(psa: Sandbox, http: Http) -> None:
    connector = connected(psa, http)
    await connector.known_good()
    for fault in ("http_401", "http_429", "http_500", "html_502"):
        psa.faults(f"{fault}=1")
        with pytest.raises(PsaError):
            await connector.known_good()
        psa.faults()
        psa.advance("5m")
        http.clock.set(psa.now(), SPEED)
    rights = [name for name in psa.switches() if name.endswith("_right")]
    psa.switch(**dict.fromkeys(rights, False))
    await connected(psa, http).check()
    psa.switch(**dict.fromkeys(rights, True))


async def use_a_crowd(psa: Sandbox, connector: HaloPsa) -> None:
    psa.switch(whole_lists="counted")
    for number in range(60):
        psa.inject({"title": "Tray 2", "assignee": f"Agent {number}"})
    await connector.directory()
    psa.switch(whole_lists="all")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/Actions", [{"ticket_id": 1001, "outcome_id": "seven", "note": "a"}], "'seven' is not of type 'integer'"),
        ("/Actions", [{"ticket_id": 1001, "outcome_id": 7, "nota": "a"}], "'nota' was unexpected"),
        ("/Actions", [{"ticket_id": 1001, "outcome_id": 7, "hiddenfromuser": "yes"}], "'yes' is not of type 'boolean'"),
        ("/Tickets", [{"id": 1001, "state_id": 2}], "'state_id' was unexpected"),
        ("/Tickets", {"id": 1001, "status_id": 2}, "is not of type 'array'"),
        ("/Ticket", [{"id": 1001}], "path: there is no such endpoint"),
    ],
)
def test_a_wrong_write_is_seen(wire: Wire, stranger: httpx.Client, path: str, body: object, says: str) -> None:
    stranger.post(path, json=body)
    faults = [str(fault) for fault in wire.judge() if fault.side == "request"]
    assert any(says in fault for fault in faults), faults


def test_a_parameter_that_nobody_knows_is_seen_though_halo_ignores_it(wire: Wire, stranger: httpx.Client) -> None:
    assert stranger.get("/Tickets", params={"tickettype_id": 1}).status_code == 200
    assert any("query/tickettype_id: there is no such parameter" in str(fault) for fault in wire.judge())


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda one: one.name)
def test_a_deviation_is_in_the_page(deviation: Deviation) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert " ".join(deviation.because.split()) in page

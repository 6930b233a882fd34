"""Everything that the Autotask connector can say, and all that it is answered, against the vendor's description."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

import psa_copilot_connectors.autotask as package
from psa_copilot import AuthFailed, Http, NotFound, PsaError
from psa_copilot.clock import Clock
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.connectors.autotask_desk import client, connected, ref, where
from tests.contract.autotask_wire import ABSENT, DEVIATIONS, PAGE
from tests.contract.exercise import use_all, use_webhooks, use_with_each_switch, words_of_paths
from tests.contract.wire import Wire

pytestmark = pytest.mark.skipif(bool(ABSENT), reason=ABSENT or "-")

SPEED = 100.0


@pytest.fixture
def wire(wires: Mapping[str, Wire]) -> Wire:
    return wires["autotask"]


@pytest.fixture
def psa(wire: Wire) -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
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


@pytest.mark.timeout(300)  # a minute on a busy machine
async def test_whatever_the_connector_says_and_hears_is_described(wire: Wire, psa: Sandbox, http: Http) -> None:
    book_somebody(psa)
    await use_all(connected(psa, http), psa)
    await use_webhooks(connected(psa, http), psa, lambda: put_to_sleep(psa))
    await use_through_bad_days(psa, connected(psa, http))
    await use_with_each_switch(psa, lambda: connected(psa, http))
    assert [str(fault) for fault in wire.judge()] == []
    assert wire.tally.skipped == 0
    assert wire.tally.heard["requests"] > 100
    heard = " ".join(wire.tally.requests)
    assert {word for word in words_of_paths(package) if word not in heard} == set(), "the exercise never goes there"
    unused = {one.name for one in DEVIATIONS} - wire.tally.deviations.keys()
    assert unused == set(), "Autotask does as described there; take the deviation off the list"


def book_somebody(psa: Sandbox) -> None:
    starts = (psa.now() + timedelta(days=1)).isoformat()
    psa.record("appointment", ticket=1001, by="idahl", starts=starts)


def put_to_sleep(psa: Sandbox) -> None:
    """The PSA ends our webhook after too many failures."""
    with client(psa.url) as stranger:
        [row] = stranger.post("/TicketWebhooks/query", json={"filter": [where("id", "gte", 0)]}).json()["items"]
        stranger.patch("/TicketWebhooks", json={"id": row["id"], "isActive": False}).raise_for_status()


async def use_through_bad_days(psa: Sandbox, connector: Autotask) -> None:
    await connector.known_good()
    for fault in ("http_401", "http_429", "http_500", "html_502"):
        psa.faults(f"{fault}=1")
        with pytest.raises(PsaError):
            await connector.known_good()
        psa.faults()
        psa.advance("5m")
        connector.http.clock.set(psa.now(), SPEED)
    with pytest.raises(AuthFailed):
        await connected(psa, connector.http, username="nobody@sandbox.example").known_good()
    for other in ("404", "null"):
        psa.switch(missing_row=other)
        with pytest.raises(NotFound):
            await connector.ticket(ref(99_999_999))


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/Tickets/1001/Notes", {"title": 5}, "body/title: 5 is not of type 'string'"),
        ("POST", "/Tickets/1001/Notes", {"txt": "a"}, "'txt' was unexpected"),
        ("PATCH", "/Tickets", {"id": 1001, "status": "New"}, "body/status: 'New' is not of type 'integer'"),
        ("PATCH", "/Tickets", {"id": 1001, "status": None}, "body/status: None is not of type 'integer'"),
        ("PATCH", "/Tickets/1001", {"status": 1}, "path: there is no such endpoint"),
        ("POST", "/Tickets/query", {"filter": [where("nmae", "eq", 1)]}, "body/nmae: the record has no such field"),
        ("POST", "/Tickets/query", {"filter": [], "includeFields": ["nmae"]}, "the record has no such field"),
        ("POST", "/Tickets/query", {"filter": [], "maxRecords": "5"}, "'5' is not of type 'integer'"),
        ("POST", "/TicketNotes", {}, "path: there is no such endpoint"),
    ],
)
def test_a_wrong_request_is_seen(wire: Wire, psa: Sandbox, method: str, path: str, body: object, says: str) -> None:
    with client(psa.url) as stranger:
        stranger.request(method, path, json=body)
    faults = [str(fault) for fault in wire.judge() if fault.side == "request"]
    assert any(says in fault for fault in faults), faults


def test_a_request_without_a_secret_is_seen(wire: Wire, psa: Sandbox) -> None:
    with client(psa.url) as stranger:
        del stranger.headers["Secret"]
        stranger.get("/Tickets/1001")
    psa.log()  # an empty answer is there before the wire has been told of its end
    assert "header/Secret: it is missing" in str(wire.judge()[0])


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda one: one.name)
def test_a_deviation_is_in_the_page(deviation: Any) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert " ".join(deviation.because.split()) in page

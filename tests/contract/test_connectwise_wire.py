"""Everything that the ConnectWise connector can say, and all that it is answered, against the vendor's description."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

import psa_copilot_connectors.connectwise as package
from psa_copilot import Http, PsaError
from psa_copilot.clock import Clock
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.sandbox.psa import Answer, Request
from psa_copilot.testing import LocalBudget
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.contract.connectwise_wire import ABSENT, DEVIATIONS, PAGE
from tests.contract.exercise import use_all, use_webhooks, use_with_each_switch, words_of_paths
from tests.contract.wire import Wire

pytestmark = pytest.mark.skipif(bool(ABSENT), reason=ABSENT or "-")

API = "/v4_6_release/apis/3.0"
CLIENT = "00000000-0000-4000-8000-000000000000"
SPEED = 100.0


@pytest.fixture
def wire(wires: Mapping[str, Wire]) -> Wire:
    return wires["connectwise"]


@pytest.fixture
def psa(wire: Wire) -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
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
    with client(psa.url) as one:
        yield one


def client(url: str) -> httpx.Client:
    login = ("sandbox+pub", "priv")
    return httpx.Client(base_url=f"{url}{API}", auth=login, headers={"clientId": CLIENT}, trust_env=False)


def connected(psa: Sandbox, http: Http) -> ConnectWise:
    keys = {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": CLIENT}
    return ConnectWise(ConnectWise.Settings.model_validate({"use": "connectwise", "url": psa.url, **keys}), http)


# The exercise


@pytest.mark.timeout(300)  # thousands of requests: about ten seconds, but not on a machine that has other things to do
async def test_whatever_the_connector_says_and_hears_is_described(wire: Wire, psa: Sandbox, http: Http) -> None:
    await use_all(connected(psa, http), psa)
    await use_webhooks(connected(psa, http), psa, lambda: put_to_sleep_and_double(psa))
    await use_through_bad_days(psa, http)
    await use_with_each_switch(psa, lambda: connected(psa, http))
    assert [str(fault) for fault in wire.judge()] == []
    assert wire.tally.skipped == 0
    assert wire.tally.heard["requests"] > 100
    heard = " ".join(wire.tally.requests)
    assert {word for word in words_of_paths(package) if word not in heard} == set(), "the exercise never goes there"
    unused = {one.name for one in DEVIATIONS} - wire.tally.deviations.keys()
    assert unused == set(), "ConnectWise does as described there; take the deviation off the list"


def put_to_sleep_and_double(psa: Sandbox) -> None:
    """Somebody switches our callback off, and registers it a second time."""
    with client(psa.url) as stranger:
        [row] = stranger.get("/system/callbacks").json()
        again = {name: row[name] for name in ("url", "type", "level", "objectId")}
        stranger.patch(f"/system/callbacks/{row['id']}", json=replace("inactiveFlag", True)).raise_for_status()
        stranger.post("/system/callbacks", json={**again, "inactiveFlag": True}).raise_for_status()


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
    psa.switch(codebase="v2026_9/")
    await connector.known_good()
    for body in ("html", "empty", "json"):
        rights = [name for name in psa.switches() if name.endswith("_right")]
        psa.switch(forbidden_body=body, **dict.fromkeys(rights, False))
        await connected(psa, http).check()
        psa.switch(**dict.fromkeys(rights, True))


# What is wrong is seen


def replace(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/notes", {"text": 5, "internalAnalysisFlag": True}, "body/text: 5 is not of type 'string'"),
        ("POST", "/notes", {"text": "a", "internalAnalysisFlag": "yes"}, "'yes' is not of type 'boolean'"),
        ("POST", "/notes", {"txt": "a", "internalAnalysisFlag": True}, "'txt' was unexpected"),
        ("PATCH", "", replace("state", {"id": 1}), "the record has no state"),
        ("PATCH", "", replace("status", "Closed"), "body/0/status: 'Closed' is not of type 'object'"),
        ("PATCH", "", replace("severity", "Dire"), "'Dire' is not one of"),
        ("PATCH", "", [{"op": "set", "path": "summary", "value": "a"}], "'set' is not one of"),
        ("PATCH", "", [{"op": "replace", "value": "a"}], "'path' is a required property"),
        ("GET", "?field=id", None, "query/field: there is no such parameter"),
        ("GET", "?fields=nmae", None, "query/nmae: the record has no such field"),
        ("GET", "/notes?conditions=id > 0 and writer = 'id = 5'", None, "query/writer: the record has no such field"),
        ("GET", "/notes?pageSize=many", None, "query/pageSize: 'many' is not of type 'integer'"),
        ("GET", "/note", None, "path: there is no such endpoint"),
    ],
)
def test_a_wrong_request_is_seen(
    wire: Wire, psa: Sandbox, stranger: httpx.Client, method: str, path: str, body: object, says: str
) -> None:
    number = psa.inject({"title": "Tray 2"})
    stranger.request(method, f"/service/tickets/{number}{path}", json=body)
    faults = [str(fault) for fault in wire.judge() if fault.side == "request"]
    assert any(says in fault for fault in faults), faults


def test_a_request_without_client_id_is_seen(wire: Wire, psa: Sandbox, stranger: httpx.Client) -> None:
    del stranger.headers["clientId"]
    stranger.get("/system/info")
    assert "header/clientId: it is missing" in str(wire.judge()[0])


Spoil = Callable[[dict[str, Any]], None]


def crooked(spoil: Spoil, status: int = 0, kind: str = "") -> type[ConnectWiseSandbox]:
    """A sandbox that spoils what it answers about one ticket."""

    class Crooked(ConnectWiseSandbox):
        def answer(self, request: Request) -> Answer:
            answer = super().answer(request)
            if not request.path.endswith("/1001"):
                return answer
            row = json.loads(answer.body)
            spoil(row)
            return Answer(status or answer.status, json.dumps(row).encode(), (), kind or answer.content_type)

    return Crooked


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda row: row.update(id="1001"), "body/id: '1001' is not of type 'integer'"),
        (lambda row: row.update(state="New"), "'state' was unexpected"),
        (lambda row: row.update(severity="Dire"), "'Dire' is not one of"),
        (lambda row: row.pop("summary"), "'summary' is a required property"),
        (lambda row: row["_info"].update(lastUpdated=5), "5 is not of type 'string'"),
        (lambda row: row["status"].update(id="1"), "body/status/id: '1' is not of type 'integer'"),
        (lambda row: row.update(summary=None), "body/summary: None is not of type 'string'"),
    ],
)
def test_a_wrong_answer_is_seen(wire: Wire, spoil: Spoil, says: str) -> None:
    with running(crooked(spoil)) as psa, client(psa.url) as stranger:
        assert stranger.get("/service/tickets/1001").status_code == 200
    faults = [str(fault) for fault in wire.judge() if fault.side == "answer"]
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [(202, "", "status: 202 is not described"), (0, "text/plain", "body: text/plain is not described")],
)
def test_an_answer_of_a_wrong_kind_is_seen(wire: Wire, status: int, kind: str, says: str) -> None:
    with running(crooked(lambda row: None, status, kind)) as psa, client(psa.url) as stranger:
        stranger.get("/service/tickets/1001")
    assert [says in str(fault) for fault in wire.judge()] == [True]


# What is excused


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda one: one.name)
def test_a_deviation_is_in_the_page(deviation: Any) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert " ".join(deviation.because.split()) in page

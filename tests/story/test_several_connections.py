"""Two connections in one daemon: nothing mixes, and what happens to one is not the other's trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from psa_copilot import app, config
from psa_copilot.errors import ConfigError
from psa_copilot.models import Ref, Thread
from psa_copilot.sandbox import PsaSandbox, Sandbox, running
from psa_copilot.store import Store
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.core.test_doctor import free_port

PATIENCE = 40.0
CONNECTWISE: dict[str, object] = {
    "use": "connectwise",
    "company": "sandbox",
    "public_key": "pub",
    "private_key": "priv",
    "client_id": "any",
}
AUTOTASK: dict[str, object] = {
    "use": "autotask",
    "username": "api@sandbox.example",
    "secret": "secret",
    "integration_code": "CODE",
}
USUAL: dict[str, object] = {
    "poll_every": "1s",
    "request_timeout": "2s",
    "write_grace": "1s",
    "accept_risk": True,
    "rate": 6000,
}
TOKEN = "an-invented-api-token"
BOTH = (4711, 4712)
"""Tickets that both tenants have under the same numbers."""


@dataclass
class Copilot:
    """The daemon, as it is seen from outside and in its store."""

    url: str
    store: Store
    http: httpx.AsyncClient

    def thread(self, connection: str, ticket: int) -> Thread:
        with self.store.reading() as tx:
            found = tx.mirror.thread_of(Ref(connection=connection, remote_id=str(ticket)))
        assert found is not None
        return found

    def verdicts(self, connection: str, ticket: int) -> list[str]:
        with self.store.reading() as tx:
            return [row.verdict for row in tx.ledger.decisions(ref=Ref(connection=connection, remote_id=str(ticket)))]

    async def until_told_away(self, connection: str) -> dict[str, Any]:
        """What /readyz says as soon as it does not call this one well."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while (answer := await self.http.get("/readyz")).json()["connections"][connection]["ok"]:
            assert asyncio.get_running_loop().time() < end, f"{connection} is called well"
            await asyncio.sleep(0.1)
        assert answer.status_code == 503
        return dict(answer.json()["connections"])

    async def metrics(self) -> str:
        answer = await self.http.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        return answer.raise_for_status().text


@contextmanager
def desk(folder: Path, name: str, tickets: Sequence[Mapping[str, object]], psa: type[PsaSandbox]) -> Iterator[Sandbox]:
    """A PSA with these tickets."""
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(ticket) + "\n" for ticket in tickets))
    with running(psa, tickets=file) as sandbox:
        yield sandbox


def ticket(number: int, thing: str, **fields: object) -> dict[str, object]:
    """Three messages about a thing: one more makes it worth a recap."""
    said = (
        ("customer", f"The {thing} stops after ten minutes since Monday."),
        ("agent", f"Please restart the {thing} and tell me what its display shows."),
        ("customer", f"The {thing} shows error 701 and its lamp stays red."),
    )
    messages = [{"role": role, "text": text} for role, text in said]
    usual = {"company": "Kestrel Joinery", "contact": "Mara Quill", "title": f"The {thing}"}
    return {"id": number, **usual, "messages": messages, **fields}


@asynccontextmanager
async def copilot_on(folder: Path, connections: Mapping[str, Mapping[str, object]]) -> AsyncIterator[Copilot]:
    """One daemon on these connections, once it has reached them all and heard of their past."""
    url = f"http://127.0.0.1:{free_port()}"
    file = {
        "web": {"listen": url.removeprefix("http://"), "url": url, "token": TOKEN},
        "connections": {name: {**USUAL, **keys} for name, keys in connections.items()},
        "plugins": {"summarize": {"mode": "act"}},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(file))
    settings, stop = config.load(path), asyncio.Event()
    daemon = asyncio.create_task(app.run(settings, stop))
    async with httpx.AsyncClient(base_url=url, timeout=5.0, trust_env=False) as http:
        try:
            await until(lambda: settings.database_path.exists() or daemon.done(), "a database")
            store = Store(settings.database_path)
            copilot = Copilot(url, store, http)
            await until(lambda: daemon.done() or knows_the_past(store, len(connections)), "the backfill of all")
            if daemon.done():
                await daemon
            yield copilot
            store.close()
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.wait({daemon}), 15)


def knows_the_past(store: Store, connections: int) -> bool:
    try:
        with store.reading() as tx:
            return sum(tx.work.flag(name, "backfilled") is not None for name in NAMES) == connections
    except Exception:  # noqa: BLE001 - its tables are just being made
        return False


NAMES = ("east", "west")


async def until(so: Callable[[], object], what: str) -> None:
    """Ask again until it is so."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not so():
        assert asyncio.get_running_loop().time() < end, f"not within {PATIENCE:g} s: {what}"
        await asyncio.sleep(0.1)


def ours(psa: Sandbox, number: int) -> list[str]:
    """The copilot's notes on a ticket."""
    return [str(note["text"]) for note in psa.notes(number) if "-- copilot/summarize " in str(note["text"])]


def asks_again(psa: Sandbox, number: int, thing: str) -> None:
    psa.inject(number, {"role": "customer", "text": f"The {thing} failed twice today, at 9 and at 11. Any news?"})


async def test_two_tenants_of_one_psa_with_the_same_numbers_and_names_are_kept_apart(tmp_path: Path) -> None:
    east_has = [ticket(number, "label printer") for number in BOTH]
    west_has = [ticket(number, "badge reader", board="Out West") for number in BOTH]
    with (
        desk(tmp_path, "east", east_has, ConnectWiseSandbox) as east,
        desk(tmp_path, "west", west_has, ConnectWiseSandbox) as west,
    ):
        brakes = {"breaker": {"per_hour": 1}}
        both = {"east": {**CONNECTWISE, "url": east.url, **brakes}, "west": {**CONNECTWISE, "url": west.url}}
        async with copilot_on(tmp_path, both) as copilot:
            first, second = BOTH
            await until(lambda: len(registered(east)) == len(registered(west)) == 1, "both are called")
            assert {url.rpartition("/")[2] for url in (*registered(east), *registered(west))} == {"east", "west"}

            asks_again(east, first, "label printer")
            await until(lambda: ours(east, first), "a recap in the east")
            assert not ours(west, first)
            asks_again(west, first, "badge reader")
            await until(lambda: ours(west, first), "a recap in the west")
            assert "badge reader" not in "".join(ours(east, first))
            assert "label printer" not in "".join(ours(west, first))
            threads = [copilot.thread(name, first) for name in NAMES]
            assert [thread.id for thread in threads] == [f"{name}/{first}" for name in NAMES]
            assert [len(thread.tickets) for thread in threads] == [1, 1]

            # A note that is kept up to date is each tenant's own.
            asks_again(west, first, "badge reader again")
            await until(lambda: "again" in "".join(ours(west, first)), "the western note goes on")
            assert len(ours(west, first)) == 1
            assert "again" not in "".join(ours(east, first))

            # The brake of one does not stop the other.
            for psa, thing in ((east, "label printer"), (west, "badge reader")):
                asks_again(psa, second, thing)
            await until(lambda: ours(west, second), "the west goes on")
            await until(lambda: copilot.verdicts("east", second), "a verdict in the east")
            assert copilot.verdicts("east", second) == ["observed"]
            assert not ours(east, second)

            # What one PSA has signed, the other's address does not believe.
            [sent, *_] = [one for one in east.callbacks() if one["status"] == 202]
            for name, status in (("east", 202), ("west", 401)):
                answer = await copilot.http.post(f"/webhooks/{name}", content=sent["body"], headers=sent["headers"])
                assert answer.status_code == status

            told = await copilot.metrics()
            assert all(f'psa_copilot_requests_total{{connection="{name}"' in told for name in NAMES)
            assert all(f'psa_copilot_writes_total{{connection="{name}"' in told for name in NAMES)


async def test_a_board_of_one_tenant_is_not_known_to_the_other(tmp_path: Path) -> None:
    with (
        desk(tmp_path, "east", [ticket(1, "till")], ConnectWiseSandbox) as east,
        desk(tmp_path, "west", [ticket(1, "till", board="Out West")], ConnectWiseSandbox) as west,
    ):
        meaning = {"statuses": {"Out West": {"New": "new"}}}
        both = {"east": {**CONNECTWISE, "url": east.url, **meaning}, "west": {**CONNECTWISE, "url": west.url}}
        with pytest.raises(ConfigError, match=r"connections\.east\.statuses.*Out West"):
            async with copilot_on(tmp_path, both):
                await asyncio.sleep(PATIENCE)


async def test_while_one_psa_refuses_the_other_is_served_and_it_is_told_which(tmp_path: Path) -> None:
    with (
        desk(tmp_path, "east", [ticket(1, "label printer")], ConnectWiseSandbox) as east,
        desk(tmp_path, "west", [ticket(2, "badge reader")], AutotaskSandbox) as west,
    ):
        both = {"east": {**CONNECTWISE, "url": east.url}, "west": {**AUTOTASK, "url": west.url}}
        async with copilot_on(tmp_path, both) as copilot:
            await until(lambda: registered(east), "the east calls")
            west.faults("refuse=1")
            asks_again(west, 2, "badge reader")
            asks_again(east, 1, "label printer")
            await until(lambda: ours(east, 1), "a recap in the east")
            said = await copilot.until_told_away("west")
            assert (said["east"], said["west"]["ok"]) == ({"ok": True, "why": ""}, False)
            assert said["west"]["why"].startswith("west: could not ")
            assert not ours(west, 2)
            west.faults()
            await until(lambda: ours(west, 2), "the west's recap, once it is back")
            assert (len(ours(east, 1)), len(ours(west, 2))) == (1, 1)


def registered(psa: Sandbox) -> list[str]:
    """Where a ConnectWise sandbox calls."""
    way = {"auth": ("sandbox+human", "human"), "headers": {"clientId": "any"}, "trust_env": False}
    with httpx.Client(base_url=f"{psa.url}/v4_6_release/apis/3.0", timeout=5.0, **way) as http:  # type: ignore[arg-type]  # httpx' own
        rows = http.get("/system/callbacks").raise_for_status().json()
    return [str(row["url"]).partition("?")[0] for row in rows]

"""Where a PSA shows late what was written, nothing is taken for read, and nobody waits for who reads old messages."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from psa_copilot.actions import AddNote
from psa_copilot.clock import Clock
from psa_copilot.config import load
from psa_copilot.connector import Delivery
from psa_copilot.engine.budget import TenantBudget
from psa_copilot.engine.lines import Line
from psa_copilot.engine.outbox import Outbox
from psa_copilot.engine.sync import Sync
from psa_copilot.http import Http
from psa_copilot.markers import new_marker, signed
from psa_copilot.models import Pulled, Ref, Ticket
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.store import DecisionRow, Store
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from psa_copilot_connectors.autotask.settings import AutotaskSettings

LAG = 10
KEYS = {
    "username": "api@sandbox.example",
    "secret": "secret",
    "integration_code": "CODE",
    "rate": 60_000,
    "accept_risk": True,
}


class Held(Autotask):
    """Answers for several tickets only when it is told to."""

    asked: asyncio.Event
    go_on: asyncio.Event

    async def messages_of(self, tickets: Sequence[Ticket]) -> list[Pulled]:
        found = await super().messages_of(tickets)
        self.asked.set()
        await self.go_on.wait()
        return found


class Slow(Autotask):
    """What it tells of messages is old by the time that it arrives."""

    while_answering: Callable[[], None] = staticmethod(lambda: None)

    async def messages(self, ticket: Ticket) -> Pulled:
        pulled = await super().messages(ticket)
        self.while_answering()
        return pulled


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def clock(psa: Sandbox) -> Clock:
    clock = Clock()
    clock.set(psa.now())
    clock.followed = psa.clock_url
    return clock


Begin = Callable[..., Sync]


@pytest_asyncio.fixture
async def begin(psa: Sandbox, store: Store, clock: Clock) -> AsyncIterator[Begin]:
    """Each time as a process does that has just been started."""
    opened: list[Http] = []

    def sync(kind: type[Autotask] = Autotask) -> Sync:
        settings = AutotaskSettings.model_validate({"use": "autotask", "url": psa.url, **KEYS})
        budget = TenantBudget(store, "main", settings.rate, clock)
        http = Http("main", clock, budget, timedelta(seconds=5))
        opened.append(http)
        return Sync(Line("main", settings, kind(settings, http), clock, budget=budget), store, lambda: None)

    yield sync
    for http in opened:
        await http.close()


def later(psa: Sandbox, clock: Clock, seconds: int) -> None:
    psa.advance(f"{seconds}s")
    clock.set(psa.now())


def said(store: Store, ticket: int) -> list[str]:
    with store.reading() as tx:
        return [message.text for message in tx.mirror.messages("main", str(ticket))]


async def with_a_hidden_reply(psa: Sandbox, clock: Clock, sync: Sync) -> int:
    """A ticket that was read, and then answered by its customer, which does not show for `LAG` seconds."""
    await sync.contact()
    ticket = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It is jammed."}]})
    await sync.poll()
    later(psa, clock, 60)
    psa.switch(read_lag=LAG)
    psa.inject(ticket, {"role": "customer", "text": "Still jammed."})
    return ticket


async def test_a_reply_that_does_not_show_yet_is_read_when_it_does(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin
) -> None:
    sync = begin()
    ticket = await with_a_hidden_reply(psa, clock, sync)
    await sync.poll()
    assert said(store, ticket) == ["It is jammed."]
    later(psa, clock, LAG)
    await sync.poll()  # nothing has changed since
    await sync.look_again()
    assert said(store, ticket) == ["It is jammed.", "Still jammed."]
    asked = len(psa.log())
    later(psa, clock, 60)
    await sync.look_again()
    assert len(psa.log()) == asked  # explained: nobody looks for more


async def test_a_note_of_ours_does_not_explain_what_a_customer_wrote_in_the_same_moment(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin
) -> None:
    sync = begin()
    await sync.contact()
    ticket = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It is jammed."}]})
    await sync.poll()
    later(psa, clock, 60)
    psa.speed(0.0001)
    marker = new_marker()
    note = AddNote(body=signed("Recap: jammed.", "summarize", marker), because="a test")
    await sync.line.connector.apply(sync.line.ref(str(ticket)), note, marker)
    psa.switch(read_lag=LAG)
    psa.inject(ticket, {"role": "customer", "text": "Still jammed."})
    await sync.poll()
    assert len(said(store, ticket)) == 2
    later(psa, clock, LAG)
    await sync.look_again()
    assert said(store, ticket)[-1] == "Still jammed."


async def test_a_process_that_was_killed_in_doubt_leaves_it_to_the_next(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin
) -> None:
    sync = begin()
    ticket = await with_a_hidden_reply(psa, clock, sync)
    await sync.poll()
    later(psa, clock, 3600)
    after = begin()
    await after.contact()
    await after.look_again()
    assert said(store, ticket) == ["It is jammed.", "Still jammed."]


async def test_who_reads_before_a_write_leaves_the_doubt_too(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin, tmp_path: Path
) -> None:
    sync = begin()
    ticket = await with_a_hidden_reply(psa, clock, sync)
    later(psa, clock, 2)  # past the second of the stamp, within which polls read again anyway
    await _outbox(psa, store, sync, tmp_path).write(_promised(store, clock, ticket, "Recap: jammed."))
    await sync.poll()  # has read what the write's own look had: nothing new
    assert "Still jammed." not in said(store, ticket)
    later(psa, clock, LAG)
    await sync.look_again()
    assert "Still jammed." in said(store, ticket)


async def test_an_answer_that_took_long_does_not_show_that_a_human_threw_our_note_away(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin, tmp_path: Path
) -> None:
    sync = begin(Slow)
    await sync.contact()
    ticket = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It is jammed."}]})
    await sync.poll()
    psa.switch(read_lag=LAG)
    outbox = _outbox(psa, store, sync, tmp_path)
    await outbox.write(_promised(store, clock, ticket, "Recap: jammed."))
    second = _promised(store, clock, ticket, "Recap: still jammed.")

    def wait() -> None:
        later(psa, clock, int(sync.line.settings.write_grace.total_seconds()) + 1)

    sync.line.connector.while_answering = wait  # type: ignore[attr-defined]  # it is a Slow
    await outbox.write(second)
    with store.reading() as tx:
        row = tx.work.write(second)
    assert row
    assert (row.state, row.why) == ("pending", "our last note here does not show yet")
    await outbox.write(second)
    recaps = [note["text"] for note in psa.notes(ticket) if "Recap" in note["text"]]
    assert len(recaps) == 1
    assert "still jammed" in recaps[0]


def _outbox(psa: Sandbox, store: Store, sync: Sync, folder: Path) -> Outbox:
    path = folder / "config.yaml"
    told = {
        "database": "sqlite:///t.db",
        "connections": {"main": {"use": "autotask", "url": psa.url, **KEYS}},
        "plugins": {"summarize": {"mode": "act"}},
    }
    path.write_text(json.dumps(told))  # JSON is YAML
    return Outbox(load(path), store, {"main": sync.line}, lambda: None)


def _promised(store: Store, clock: Clock, ticket: int, recap: str) -> int:
    marker = new_marker()
    note = AddNote(body=signed(recap, "summarize", marker), because="a test", living=True)
    row = DecisionRow(
        at=clock.now(), connection="main", thread_id=f"main/{ticket}", ticket=str(ticket), plugin="summarize",
        wish=note.model_dump(), verdict="promised",
    )  # fmt: skip
    with store.transaction() as tx:
        tx.ledger.add(row)
        return tx.work.promise(row, "summarize", note, marker, clock.now(), timedelta(hours=1))


async def test_old_messages_are_read_many_tickets_at_once(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin
) -> None:
    words = [{"role": role, "text": f"About tray {n}.", "at": "-1h"} for n, role in enumerate(("customer", "agent"))]
    for number in range(30):
        psa.inject({"title": f"Tray {number}", "messages": words})
    later(psa, clock, 60)
    sync = begin()
    await sync.contact()
    await sync.backfill()
    asked = len(psa.log())
    while await sync.read_old_messages():
        pass
    assert len(psa.log()) - asked <= 8
    with store.reading() as tx:
        assert tx.mirror.wanting_messages("main", 10) == []
        assert tx.mirror.counts("main")["messages"] >= psa.counts()["notes"]


async def test_a_webhook_does_not_wait_for_who_reads_old_messages(
    psa: Sandbox, store: Store, clock: Clock, begin: Begin
) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It is jammed.", "at": "-1h"}]})
    later(psa, clock, 60)
    sync = begin(Held)
    connector = sync.line.connector
    assert isinstance(connector, Held)
    connector.asked, connector.go_on = asyncio.Event(), asyncio.Event()
    await sync.contact()
    await sync.backfill()
    reading = asyncio.create_task(sync.read_old_messages())
    await asyncio.wait_for(connector.asked.wait(), 10)
    later(psa, clock, 60)
    await sync.receive(await _webhook(psa, connector, number, "Still jammed."))
    await asyncio.wait_for(sync.drain_inbox(), 10)
    assert said(store, number) == ["It is jammed.", "Still jammed."]
    connector.go_on.set()
    await reading
    assert said(store, number) == ["It is jammed.", "Still jammed."]  # what was read before it is old by now


async def _webhook(psa: Sandbox, connector: Autotask, ticket: int, text: str) -> Delivery:
    async with listening() as listener:
        await connector.register_webhooks(listener.url)
        psa.inject(ticket, {"role": "customer", "text": text})
        delivery = await listener.next()
    [hint] = await connector.read_webhook(delivery)
    assert Ref(connection="main", remote_id=hint.remote_id).remote_id == str(ticket)
    return delivery

"""Sweeps over a real store: once a step, beside everything else, and old findings wait for a human."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psa_copilot import Action, Change, Found, Plugin, Standing, Thread, Tools, app, config
from psa_copilot.clock import Clock
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.sweeps import Sweeps, release
from psa_copilot.events import Source
from psa_copilot.models import ActorClass, Message, Ref, Ticket
from psa_copilot.store import BacklogRow, Store, Transaction
from psa_copilot_plugins.stale_sweeper import StaleSweeper

FRIDAY = datetime(2026, 10, 23, 14, 30, tzinfo=UTC)  # the night to Sunday has 25 hours in Berlin
HOURS = {"days": "mon-fri", "open": "08:00", "close": "17:30", "zone": "Europe/Berlin", "holidays": "none"}
PATIENCE = 30.0


class SetClock(Clock):
    """Says the time that it is told."""

    at = FRIDAY

    def now(self) -> datetime:
        return self.at


class Bench:
    """One connection with a store, and no PSA that would have to be asked."""

    def __init__(self, folder: Path) -> None:
        access = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}
        desk = {"statuses": {"Help Desk": {"Waiting customer": "waiting on customer"}}, "desk": {"hours": {"*": HOURS}}}
        path = folder / "config.yaml"
        path.write_text(
            json.dumps({"connections": {"main": {"use": "connectwise", "accept_risk": True} | access | desk}})
        )
        self.loaded = config.load(path)
        self.clock = SetClock()
        self.store = Store(self.loaded.database_path)
        self.store.upgrade()

    def sweeps(self, plugin: type[Plugin] = StaleSweeper, **settings: object) -> Sweeps:
        """As a daemon makes them at its start."""
        usual = {"psa_ladder_off": ["Waiting customer"], "nudge": "note"} if plugin is StaleSweeper else {}
        given = plugin.Settings.model_validate({"mode": "act", **usual, **settings})
        enabled = EnabledPlugin(plugin.name, plugin, given)
        settled: Config = dataclasses.replace(self.loaded, plugins={plugin.name: enabled})
        app.settle_modes(settled, self.store, self.clock.now())
        self.line = app.open_line(settled, "main", self.store, self.clock)
        self.line.first_contact = FRIDAY
        return Sweeps(settled, self.store, self.line, lambda: None)

    def asked(self, number: int = 1, **fields: object) -> Ticket:
        """A ticket whose customer was asked something at `FRIDAY`."""
        ref = Ref(connection="main", remote_id=str(number))
        usual = {"title": "Printer", "board": "Help Desk", "status": "Waiting customer", "priority_level": 3}
        given = {"opened_at": FRIDAY, "updated_at": FRIDAY, "number": str(number), **usual, **fields}
        ticket = Ticket.model_validate({"ref": ref, **given})
        self.says(ticket, (ActorClass.TECHNICIAN, "Does tray 1 print?"))
        return ticket

    def says(self, ticket: Ticket, *said: tuple[ActorClass, str]) -> None:
        look = self.line.look(Source.BACKFILL)
        messages = [
            Message(
                remote_id=f"{ticket.number}-{n}", ticket=ticket.ref, by=by, text=text, sent_at=FRIDAY + n * A_MINUTE
            )
            for n, (by, text) in enumerate(said)
        ]
        with self.store.transaction() as tx:
            tx.mirror.save_tickets([ticket], look)
            tx.mirror.save_messages(ticket, messages, look)

    def owed(self) -> list[str]:
        """What sweeps have made work of: the keys, oldest first."""
        with self.store.reading() as tx:
            rows = [tx.work.change(item.row) for item in tx.work.due(self.clock.now())]
        return [row.key for row in rows if row and row.plugin]

    def held(self) -> list[str]:
        """What waits for a human: the keys."""
        with self.store.reading() as tx:
            return [row.key for row in tx.backlog.worst("stale_sweeper", 100)]

    def release(self, batch: int) -> list[BacklogRow]:
        with self.store.transaction() as tx:
            return release(tx, "stale_sweeper", batch, self.clock.now())


A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


async def test_ten_sweeps_restarts_and_the_change_of_clocks_make_one_piece_of_work_a_step(bench: Bench) -> None:
    sweeps = bench.sweeps()
    bench.asked()
    for hours in range(0, 24 * 12, 16):
        bench.clock.at = FRIDAY + timedelta(hours=hours)
        for _ in range(10):
            await sweeps.sweep()
        sweeps = bench.sweeps()  # the daemon was started anew
    assert bench.owed() == ["silent:1:1-0", "silent:2:1-0"]


async def test_the_night_that_has_an_hour_more_moves_no_step(bench: Bench) -> None:
    """Three business days after Friday 16:30 in Berlin it is Wednesday 16:30 there, an hour later by UTC."""
    sweeps = bench.sweeps()
    bench.asked()
    wednesday = datetime(2026, 10, 28, 15, 30, tzinfo=UTC)
    for at, keys in ((wednesday - A_MINUTE, []), (wednesday, ["silent:1:1-0"])):
        bench.clock.at = at
        await sweeps.sweep()
        assert bench.owed() == keys


async def test_what_was_due_before_waits_and_is_let_go_one_a_ticket(bench: Bench) -> None:
    bench.sweeps()
    for number in range(1, 4):
        bench.asked(number)
    bench.clock.at = FRIDAY + timedelta(days=20)
    with bench.store.transaction() as tx:
        state = tx.ledger.state("main", "stale_sweeper")
        assert state is not None
        state.since = bench.clock.at
    await bench.sweeps().sweep()
    assert bench.owed() == []
    assert len(bench.held()) == 6  # silent and open for long, each

    assert {row.ticket for row in bench.release(10)} == {"1", "2", "3"}
    assert bench.release(10) == []  # a second new note on the same day would not be written
    assert len(bench.owed()) == 3
    for _ in range(3):
        await bench.sweeps().sweep()
    assert (len(bench.owed()), len(bench.held())) == (3, 3)

    bench.clock.at += timedelta(days=1)
    assert len(bench.release(10)) == 3


async def test_old_findings_go_when_the_customer_answers_or_the_ticket_is_closed(bench: Bench) -> None:
    bench.sweeps(backlog={"enabled": False}, idle={"enabled": False})
    answered, closed, still = (bench.asked(number) for number in (1, 2, 3))
    bench.clock.at = FRIDAY + timedelta(days=20)
    with bench.store.transaction() as tx:
        state = tx.ledger.state("main", "stale_sweeper")
        assert state is not None
        state.since = bench.clock.at
    sweeps = bench.sweeps(backlog={"enabled": False}, idle={"enabled": False})
    await sweeps.sweep()
    assert sorted(bench.held()) == ["silent:2:1-0", "silent:2:2-0", "silent:2:3-0"]

    bench.says(answered, (ActorClass.TECHNICIAN, "Does tray 1 print?"), (ActorClass.CUSTOMER, "Yes, it does print."))
    bench.says(closed.model_copy(update={"is_closed": True}), (ActorClass.TECHNICIAN, "Does tray 1 print?"))
    await sweeps.sweep()
    assert bench.held() == [f"silent:2:{still.number}-0"]


async def test_a_sweep_that_finds_nothing_new_writes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = bench.sweeps()
    bench.asked()
    bench.clock.at = FRIDAY + timedelta(days=6)
    await sweeps.sweep()
    assert bench.owed() == ["silent:1:1-0"]

    def refused() -> AbstractContextManager[Transaction]:
        raise AssertionError("a sweep that has nothing new to say kept others from writing")

    monkeypatch.setattr(bench.store, "transaction", refused)
    for _ in range(3):
        await sweeps.sweep()


class Slow(Plugin):
    """Looks until it is told that others have had their turn."""

    name = "slow"
    begun = threading.Event()
    others = threading.Event()
    waited_well = False

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterable[Found]:
        self.begun.set()
        Slow.waited_well = self.others.wait(PATIENCE)
        return ()

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        return []


async def test_others_go_on_while_a_sweep_looks(bench: Bench) -> None:
    sweeps = bench.sweeps(Slow)
    bench.asked()
    sweep = asyncio.create_task(sweeps.sweep())
    assert await asyncio.to_thread(Slow.begun.wait, PATIENCE)
    with bench.store.transaction() as tx:  # and whoever wants to write can
        tx.work.set_flag("main", "a story", "yes", bench.clock.now())
    Slow.others.set()
    await asyncio.wait_for(sweep, PATIENCE)
    assert Slow.waited_well

"""The PSA goes away, in every way it can, while people work on: nothing is lost, doubled, or sent too early.

Short outages by default; PSA_COPILOT_LONG=1 makes them as long as real ones are.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from psa_copilot.clock import duration
from psa_copilot.sandbox import Sandbox, running
from tests.story.daemon import (
    CONNECTION,
    LONG,
    Copilot,
    ask_again,
    copilot_on,
    ids_of,
    invented,
    most_in_a_minute,
    recaps,
    to_file,
    until,
    until_ready,
    watching,
    write_config,
)
from tests.story.psas import AT_LENGTH, CHOSEN, needs, variant

MANY = 20
TICKETS = MANY if AT_LENGTH else 10
RETRY_AFTER = 2.0
IN_FLIGHT = 0.75
"""Seconds within which a request may still arrive that had left before its sender read the 429: the daemon, the
sandbox and this test share one process, and a busy machine beside."""
POLL = duration(CONNECTION["poll_every"]).total_seconds()
PROGRAM = Path(sys.executable).with_name("psa-copilot")
WITHIN = 120.0
"""Seconds until all has been made up for; with the suites of others beside it on the same machine."""

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Outage:
    """One way of being away, and how long it lasts."""

    name: str
    short: float
    long: float
    faults: str = ""
    switches: Mapping[str, object] = field(default_factory=dict)
    total: bool = True
    """Nothing at all gets through."""

    @property
    def seconds(self) -> float:
        return self.long if LONG else self.short

    def begin(self, psa: Sandbox) -> None:
        psa.faults(self.faults)
        if self.switches:
            psa.switch(**self.switches)

    def end(self, psa: Sandbox) -> None:
        psa.faults()
        if self.switches:
            psa.switch(**dict.fromkeys(self.switches, False))


REFUSED = Outage("refused", 4, 62, faults="refuse=1")
STORM = Outage("storm", 5, 62, faults="http_429=0.5,seed=1", total=False)
OUTAGES = (
    REFUSED,
    STORM,
    pytest.param(Outage("locked out", 5, 32, faults="http_401=1"), marks=variant),
    pytest.param(Outage("rotated key", 5, 32, switches={CHOSEN.disabled: True}), marks=variant),
)


@contextmanager
def desk(folder: Path, count: int = TICKETS, **setup: Any) -> Iterator[Sandbox]:
    """A PSA with tickets that are one message short of a recap."""
    tickets = to_file(folder, invented(count))
    switches = {**CHOSEN.limits_off, **CHOSEN.tells_retry_after, "retry_after": RETRY_AFTER}
    with running(CHOSEN.sandbox, tickets=tickets, switches=switches, **setup) as psa:
        yield psa


async def while_away(psa: Sandbox, outage: Outage, tickets: list[int]) -> tuple[float, float]:
    """People go on writing while the PSA is away; when that began and ended, by the loop's clock."""
    loop = asyncio.get_running_loop()
    outage.begin(psa)
    began = loop.time()
    for ticket in tickets:
        ask_again(psa, ticket)
        await asyncio.sleep(outage.seconds / (2 * len(tickets)))
    await asyncio.sleep(max(0.0, began + outage.seconds - loop.time()))
    outage.end(psa)
    return began, loop.time()


def first(copilot: Copilot, status: int, after: float) -> float:
    """Seconds from that moment until /readyz answered this."""
    return next((at - after for at, answered in copilot.readiness if answered == status and at >= after), float("inf"))


def at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def too_early(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Requests that came before a Retry-After had ended, though they left after it was told."""
    found = []
    refused = [at(row) for row in rows if row["status"] == 429]
    for row in rows:
        begins = timedelta(seconds=IN_FLIGHT)
        ends = timedelta(seconds=RETRY_AFTER)
        if any(begins < at(row) - moment < ends for moment in refused):
            found.append((row["at"], row["path"]))
    return found


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
async def test_all_tickets_reach_their_note_when_the_psa_is_back(tmp_path: Path, outage: Outage) -> None:
    with desk(tmp_path) as psa:
        async with copilot_on(psa, tmp_path) as copilot, watching(copilot):
            await until_ready(copilot)
            tickets = ids_of(psa)
            assert len(tickets) == TICKETS
            await until(lambda: copilot.readiness and copilot.readiness[-1][1] == 200, 10, "ready")
            before = len(psa.log())
            began, ended = await while_away(psa, outage, tickets)
            away = psa.log(before)

            await until(lambda: len(recaps(psa)) == TICKETS, WITHIN, "a recap on each ticket")
            took = asyncio.get_running_loop().time() - ended
            await until(lambda: not copilot.open_work(), WITHIN, "all work is done")
            await until(lambda: copilot.said.count("psa_away") == copilot.said.count("psa_back"), 40, "psa_back")
            most, rows = most_in_a_minute(psa.log()), psa.log()
            down, up = first(copilot, 503, began), first(copilot, 200, ended)
            print(  # noqa: T201 - figures to look at
                f"{outage.name}, {outage.seconds:g} s: {len(away)} requests meanwhile, not ready after {down:.1f} s, "
                f"ready {up:.1f} s after its end, all noted {took:.1f} s after it; most requests in 60 s: {most}; "
                f"429s: {sum(row['status'] == 429 for row in rows)}"
            )
            assert recaps(psa) == dict.fromkeys(tickets, 1)
            assert copilot.live_tickets() == set(tickets), "nothing is archived"
            assert copilot.said.count("psa_away") == copilot.said.count("psa_back") == 1
            assert [line["level"] for line in copilot.said.all("psa_away")] == ["warning"]
            assert [line["level"] for line in copilot.said.all("psa_back")] == ["info"]
            if outage.total:
                assert not any(row["committed"] for row in away)
            assert down <= 2 * POLL + IN_FLIGHT
            # The last 429 has its own time to be waited out, which is no poll's.
            assert up <= 2 * POLL + (IN_FLIGHT if outage.total else RETRY_AFTER + IN_FLIGHT)
            assert too_early(rows) == []
            assert most <= CONNECTION["rate"]


async def test_a_tight_rate_is_kept_through_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = 60
    with desk(tmp_path) as psa:
        psa.speed(10)  # so that a test need not take minutes
        monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.clock_url)
        async with copilot_on(psa, tmp_path, rate=rate, poll_every="20s") as copilot:
            await until_ready(copilot)
            tickets = ids_of(psa)
            await while_away(psa, Outage("refused", 3, 62, faults="refuse=1"), tickets)
            await until(lambda: len(recaps(psa)) == TICKETS, WITHIN, "a recap on each ticket")
            most, passed = most_in_a_minute(psa.log()), (at(psa.log()[-1]) - at(psa.log()[0])).total_seconds()
            print(f"{len(psa.log())} requests in {passed:.0f} s, most in 60 s: {most} of {rate}")  # noqa: T201 - figures to look at
            assert most > 0.7 * rate, "the rate was in nobody's way"  # background work leaves a part of it
            assert most <= rate


async def test_what_comes_five_hours_late_expires_and_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as psa:
        monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.clock_url)
        async with copilot_on(psa, tmp_path) as copilot:
            await until_ready(copilot)
            tickets = ids_of(psa)
            psa.faults("refuse=1")
            for ticket in tickets:
                ask_again(psa, ticket)
            await until(lambda: copilot.said.count("psa_away"), 15, "psa_away")
            psa.advance("5h")
            await asyncio.sleep(1.5)  # a look at the sandbox's clock happens once a second
            psa.faults()
            await until(lambda: copilot.verdicts()["expired"] == TICKETS, WITHIN, "all recaps expired")
            await until(lambda: not copilot.open_work(), 20, "all work is done")
            assert copilot.verdicts() == {"expired": TICKETS}
            assert recaps(psa) == {}
            assert not any(row["committed"] and CHOSEN.writes_note(row) for row in psa.log())

            # It is late news that is not written, not news.
            ask_again(psa, tickets[0])
            await until(lambda: recaps(psa), 20, "a recap on what was said after the outage")
            assert recaps(psa) == {tickets[0]: 1}


async def test_a_write_promised_before_the_outage_expires_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path, 3) as psa:
        monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.clock_url)
        async with copilot_on(psa, tmp_path) as copilot:
            await until_ready(copilot)
            with copilot.store.transaction() as tx:
                tx.work.set_flag("", "paused", "a test", psa.now())
            ticket = ids_of(psa)[0]
            ask_again(psa, ticket)
            await until(lambda: copilot.verdicts()["promised"] == 1, 15, "the promise")
            psa.faults("refuse=1")
            await until(lambda: copilot.said.count("psa_away"), 15, "psa_away")
            psa.advance("5h")
            await until(lambda: copilot.verdicts()["expired"] == 1, 15, "it expires")
            with copilot.store.transaction() as tx:
                tx.work.clear_flag("", "paused")
            psa.faults()
            await until(lambda: copilot.said.count("psa_back"), 20, "psa_back")
            await until(lambda: not copilot.open_work(), 20, "all work is done")
            assert recaps(psa) == {}


async def test_the_address_may_move(tmp_path: Path) -> None:
    needs(CHOSEN, switch=CHOSEN.moves.switch)
    with desk(tmp_path, 4) as psa:
        async with copilot_on(psa, tmp_path) as copilot:
            await until_ready(copilot)
            tickets = ids_of(psa)
            psa.switch(**{CHOSEN.moves.switch: CHOSEN.moves.to})
            before = len(psa.log())
            for ticket in tickets:
                ask_again(psa, ticket)
            await until(lambda: len(recaps(psa)) == len(tickets), 30, "a recap on each ticket")
            rows = psa.log(before)
            old, new = CHOSEN.moves.old, CHOSEN.moves.new
            assert any(row["status"] == CHOSEN.moves.status and old in row["path"] for row in rows)
            assert all(new in row["path"] for row in rows if row["committed"])
            assert recaps(psa) == dict.fromkeys(tickets, 1)
            assert copilot.live_tickets() == set(tickets)
            assert copilot.said.count("psa_away") == 0


async def test_a_lost_callback_is_made_up_for_by_the_poll(tmp_path: Path) -> None:
    with desk(tmp_path, 4, faults="callback_lost=1") as psa:
        async with copilot_on(psa, tmp_path) as copilot:
            await until_ready(copilot)
            ticket = ids_of(psa)[0]
            ask_again(psa, ticket)
            await until(lambda: recaps(psa)[ticket], 3 * POLL + 5, "the recap")
            assert [row["fault"] for row in psa.callbacks()][:1] == ["callback_lost"]
            with copilot.store.reading() as tx:
                assert tx.work.inbox("main") == []


async def test_a_daemon_may_start_while_the_psa_is_away(tmp_path: Path) -> None:
    with desk(tmp_path, 4, faults="refuse=1") as psa:
        async with copilot_on(psa, tmp_path) as copilot:
            await until(lambda: copilot.said.count("psa_away"), 15, "psa_away")
            assert await copilot.ready() == 503
            assert (await copilot.http.get("/healthz")).status_code == 200
            psa.faults()
            await until_ready(copilot)
            assert await copilot.ready() == 200
            ticket = ids_of(psa)[0]
            ask_again(psa, ticket)
            await until(lambda: recaps(psa)[ticket], 20, "the recap")
            assert copilot.said.count("psa_away") == copilot.said.count("psa_back") == 1


# -- the program itself ----------------------------------------------------------------------------------------------


@contextmanager
def program(config: Path) -> Iterator[subprocess.Popen[str]]:
    """`psa-copilot run` as a process of its own, ended whatever happens."""
    with (config.parent / "daemon.log").open("a") as log:
        process = subprocess.Popen([str(PROGRAM), "run", "--config", str(config)], stderr=log, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


async def answers(url: str) -> None:
    """Wait until the daemon there is ready."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for _ in range(400):
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the daemon did not get ready")


async def test_told_to_end_amid_its_work_it_ends_well_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with desk(tmp_path, MANY) as psa:
        config, url = write_config(tmp_path, psa.url)
        with program(config) as daemon:
            await answers(url)
            await until(lambda: psa.log() and psa.log()[-1]["n"] > MANY, 20, "the old tickets are read")
            psa.faults("slow=0.5,seed=1")
            for ticket in ids_of(psa):
                ask_again(psa, ticket)
            await until(lambda: sum(recaps(psa).values()) >= 3, 40, "the first recaps", every=0.02)
            told = time.monotonic()
            daemon.terminate()
            code = await asyncio.to_thread(daemon.wait, 15)
            took = time.monotonic() - told
            done = len(recaps(psa))
        print(f"ended {took:.1f} s after SIGTERM with {done} of {MANY} recaps written")  # noqa: T201 - figures to look at
        assert code == 0
        assert took < 10
        assert done < MANY, "it was not in the middle of its work"
        psa.faults()
        with program(config) as daemon:
            await until(lambda: len(recaps(psa)) == MANY, WITHIN, "a recap on each ticket")
            await answers(url)
            daemon.terminate()
            assert await asyncio.to_thread(daemon.wait, 15) == 0
        assert recaps(psa) == dict.fromkeys(ids_of(psa), 1)


async def test_a_second_daemon_on_the_same_database_is_turned_away(tmp_path: Path) -> None:
    with desk(tmp_path, 1) as psa:
        async with copilot_on(psa, tmp_path) as copilot:
            await until_ready(copilot)
            second = await ended(tmp_path / "config.yaml")
            assert second.returncode == 3
            assert "Traceback" not in second.stderr
            assert await copilot.ready() == 200


async def test_a_status_that_no_board_has_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with desk(tmp_path, 1) as psa:
        config, _ = write_config(tmp_path, psa.url, stop={"status": ["Waiting for Godot"]})
        wrong = await ended(config)
        assert wrong.returncode == 2
        lines = [line for line in wrong.stderr.splitlines() if not re.match(r'\{"', line)]
        assert len(lines) == 1
        assert "stop.status" in lines[0]
        assert "Waiting for Godot" in lines[0]
        assert not any(row["committed"] for row in psa.log())


async def ended(config: Path) -> subprocess.CompletedProcess[str]:
    """`psa-copilot run` until it ends by itself."""
    command = [str(PROGRAM), "run", "--config", str(config)]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)

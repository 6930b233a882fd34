"""Many tickets: old ones that wait for a human, and alerts that nobody is told of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psa_copilot import app
from psa_copilot.engine.sweeps import release
from psa_copilot.testing.model_server import ScriptedModel, model_server
from tests.story.conftest import Hire
from tests.story.daemon import most_in_a_minute
from tests.story.desk import BOARD, IN_PROGRESS, NEW, WAITING, Copilot, Desk, open_desk, summarize, until
from tests.story.psas import AT_LENGTH, Psa
from tests.story.test_stale import sweeper

OLD, ALERTS, AN_HOUR = (2_000, 120, 2_000) if AT_LENGTH else (300, 40, 2_000)
RATE = 600
SPEED = 5
PATIENCE = 120.0
"""Seconds, on a machine that has a lot else to do."""
EVERYTHING: dict[str, Any] = {
    name: {"enabled": True}
    for name in ("untouched", "idle", "waited", "no_progress", "nothing_scheduled", "sla_risk", "backlog")
}


@pytest.fixture
def psa(tmp_path: Path, kind: Psa) -> Iterator[Desk]:
    """A desk on which nothing has moved for weeks."""
    lines = tmp_path / "old.jsonl"
    opened = datetime.now(UTC) - timedelta(days=40)
    states = (NEW, IN_PROGRESS, WAITING)
    with lines.open("w", encoding="utf-8") as file:
        for number in range(OLD):
            at = (opened + timedelta(minutes=number)).isoformat()
            ticket = {"title": f"Printer {number}", "board": BOARD, "status": states[number % 3], "opened_at": at}
            said = [{"role": "customer", "text": "It prints blank pages.", "at": at}]
            file.write(json.dumps(ticket | {"company": f"Client {number % 9}", "messages": said}) + "\n")
    with open_desk(tmp_path, kind, tickets=lines) as desk:
        desk.sandbox.speed(SPEED)
        yield desk


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with model_server() as server:
        yield server


def tickets_written_to(psa: Desk) -> list[int]:
    """The copilot's requests that change a ticket or its notes: which one."""
    return [one.ticket for one in psa.writes() if one.ticket]


def held(one: Copilot) -> int:
    return sum(one.look(lambda tx: tx.backlog.waiting()).values())


async def test_nothing_is_written_from_the_past_and_a_release_of_ten_writes_ten(
    copilot: Hire, psa: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SWEEPS_EVERY", 20.0)
    one = await copilot(sweeper(**EVERYTHING), summarize())
    await until(lambda: held(one) >= OLD, f"{OLD} old findings", PATIENCE)
    assert tickets_written_to(psa) == []

    released = one.human(release, "stale_sweeper", 10)
    await until(lambda: len(tickets_written_to(psa)) >= 10, "ten notes", PATIENCE)
    polls = psa.polls
    await until(lambda: psa.polls >= polls + 5, "that it stays so", PATIENCE)
    assert sorted(tickets_written_to(psa)) == sorted(int(row.ticket) for row in released)
    assert len(set(tickets_written_to(psa))) == 10
    assert held(one) >= OLD - 10


async def test_a_storm_of_alerts_gets_nothing_and_a_person_in_it_has_a_recap_in_time(
    copilot: Hire, psa: Desk, model: ScriptedModel
) -> None:
    llm = {"model": "openai/scripted", "api_base": model.url, "api_key": "any"}
    one = await copilot(sweeper(**EVERYTHING), summarize(), llm=llm, rate=RATE)
    first = psa.ticket(messages=4)  # the model's library is loaded now
    await until(lambda: psa.ours(first), "a recap", PATIENCE)
    calls, before = len(model.log), len(psa.sandbox.log())

    alerts, person, opened = [], 0, psa.sandbox.now()
    for number in range(ALERTS):
        title = f"Disk C: < {number} MB free on SRV-{number:03}"
        said = [{"role": "system", "text": title}]
        alerts.append(psa.sandbox.inject({"title": title, "board": BOARD, "origin": "alert", "messages": said}))
        if number == ALERTS // 2:
            person, opened = psa.ticket(messages=4, title="Badge reader dead"), psa.sandbox.now()
        await asyncio.sleep(3600 / AN_HOUR / SPEED)
    await until(lambda: psa.ours(person), "the person's recap", PATIENCE)
    await one.settle()

    [recap] = [row for row in one.outbox(person) if row.done_at]
    assert recap.done_at is not None
    assert recap.done_at - opened <= timedelta(seconds=60)
    assert sorted(tickets_written_to(psa)) == [first, person]
    assert 1 <= len(model.log) - calls <= 2
    assert all(one.ledger(alert) == [] for alert in alerts[::10])
    rows = psa.sandbox.log()[before:]
    assert most_in_a_minute(rows) <= RATE
    assert not [row for row in rows if row["status"] == 429]

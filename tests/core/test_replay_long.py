"""Replay on a real desk's tickets: no hindsight, and as right as the same mind measured by itself."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.cli import replaying
from psa_copilot.config import Config
from psa_copilot.sandbox import running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.core import replays

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "routing74"
COUNT = int(os.environ.get("PSA_COPILOT_REPLAY_TICKETS", "1500"))
CUT, QUARTER = COUNT * 2 // 3, COUNT * 3 // 4
DAYS = 60
pytestmark = [
    pytest.mark.skipif(os.environ.get("PSA_COPILOT_LONG") != "1", reason="20 minutes; PSA_COPILOT_LONG=1 runs it"),
    pytest.mark.skipif(not DATA.exists(), reason="../shared/data/routing74 is absent"),
    pytest.mark.timeout(7200),
]


def rows() -> list[dict[str, Any]]:
    """The first tickets, in file order."""
    with gzip.open(DATA / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for _, line in zip(range(COUNT), file, strict=False)]


def desk(known: list[dict[str, Any]], start: datetime, t: datetime | None = None) -> list[dict[str, Any]]:
    """Each opens on an intake board and is moved to its group 37 minutes later; after `t` all is another."""
    step, found = timedelta(days=DAYS) / COUNT, []
    for number, row in enumerate(known):
        at = start + step * number
        other = known[(number * 7 + 3) % COUNT]
        said = other if t and at > t else row
        moved = at + timedelta(minutes=37)
        group = str((other if t and moved > t else row)["assignment_group"])
        messages = [_said("customer", said["description"] or "-", at + timedelta(seconds=5))]
        if t and at <= t < moved:
            messages.append(_said("agent", f"This belongs to {group}.", moved) | {"internal": True})
        move = {"at": moved.isoformat(), "field": "board", "to": group}
        found.append(
            {
                "id": 10_000 + number,
                "title": (said["short_description"] or "")[:100] or None,
                "board": "Intake",
                "company": f"Example {number % 7}",
                "contact": said["caller"],
                "opened_at": at.isoformat(),
                "messages": messages,
                "history": [move],
            }
        )
    return found


def _said(role: str, text: str, at: datetime) -> dict[str, Any]:
    return {"role": role, "text": text, "at": at.isoformat()}


async def synced(folder: Path, tickets: list[dict[str, Any]]) -> Config:
    """A sandbox with these tickets was read, and the PSA's record of them too."""
    with running(ConnectWiseSandbox, tickets=replays.write(tickets, folder / "tickets.jsonl")) as psa:
        made = replays.configured(folder, psa.url, {"route": {"mode": "observe"}})
        await replays.synced(made)
        await replays.replayed(made, days=1, until=datetime(2001, 1, 1, tzinfo=UTC))  # reads the histories, no more
        return made


async def test_1500_tickets_without_hindsight_and_as_right_as_measured_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rows()
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 1)
    t = start + timedelta(days=DAYS) / COUNT * CUT + timedelta(minutes=20)
    one = await synced(_made(tmp_path / "one"), desk(known, start))
    twin = await synced(_made(tmp_path / "twin"), desk(known, start, t))
    replays.seen_later(twin.database_path, t, range(10_000 + CUT - 30, 10_000 + CUT), "GRP_8")

    played, other = [await offline(each, days=DAYS + 5) for each in (one, twin)]
    assert replays.lines(played, t).count(b"change_field") > CUT * 0.8
    assert replays.lines(played, t) == replays.lines(other, t)
    assert replays.lines(played, t + timedelta(days=99)) != replays.lines(other, t + timedelta(days=99))
    alone, here = measured(known, tmp_path), accuracy(played, start)
    print(f"last quarter: replay {here:.3f}, quality.py {alone:.3f}")  # noqa: T201 - a figure for the report
    assert here > alone - 0.05

    monkeypatch.setenv(replaying.HINDSIGHT, "1")
    seen = [await offline(each, days=3, until=t) for each in (one, twin)]
    assert replays.lines(seen[0], t) != replays.lines(seen[1], t)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def offline(made: Config, **wanted: Any) -> replaying.Replayed:
    """Without the sandbox's directory there are no boards to choose; a sandbox with the same ones tells them."""
    with running(ConnectWiseSandbox, tickets=made.path.with_name("tickets.jsonl")) as psa:
        there = replays.configured(made.path.parent, psa.url, {"route": {"mode": "observe"}})
        return await replays.replayed(there, reads=False, **wanted)


def accuracy(played: replaying.Replayed, start: datetime) -> float:
    """How many of the last quarter's tickets its first choice was right for, decided or not."""
    since = start + timedelta(days=DAYS) / COUNT * QUARTER
    [whole] = [one for one in played.report.scores if (one.field, one.board) == ("board", "*")]
    late = [answer for answer in whole.answers if answer.at >= since]
    return sum(answer.right for answer in late) / len(late)


def measured(known: list[dict[str, Any]], folder: Path) -> float:
    """The same by `benchmarks/quality.py`: trained on all rows before the last quarter, asked about those in it."""
    train, test = (folder / f"{name}.jsonl" for name in ("train", "test"))
    replays.write(known[:QUARTER], train)
    replays.write(known[QUARTER:], test)
    files = ["--train", str(train), "--test", str(test), "--out", str(folder / "pred.jsonl")]
    subprocess.run([sys.executable, "benchmarks/quality.py", "routing", *files], cwd=ROOT, check=True)
    told = [json.loads(line)["label"] for line in (folder / "pred.jsonl").read_text().splitlines()]
    truth = [row["assignment_group"] for row in known[QUARTER:]]
    right: int = sum(one == other for one, other in zip(told, truth, strict=True))
    return right / len(truth)

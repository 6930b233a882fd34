"""Two PSAs in one daemon, one of them refusing everything for a minute: how long the other one's notes take."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.desk import PROGRAM, Copilot, copilot, until, write_tickets
from benchmarks.invented import news, tickets
from psa_copilot.sandbox import Sandbox, spawned

EVENTS = 100
REFUSES = 60.0
A_SECOND = EVENTS / REFUSES
ASIDE = 60  # writes that are owed to the one that refuses
RUNS = 3
GOAL = 1.2
SETTLED_WITHIN = 120.0
NOTED_WITHIN = 300.0
BACK_WITHIN = 300.0
USUAL = {
    "poll_every": "5s",
    "accept_risk": True,
    "breaker": {"per_hour": 100_000, "per_day": 100_000},
    "notes_per_technician": 100_000,
    "rate": 6_000,
}
WELL = {"use": "connectwise", "company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": "any"}
ILL = {"use": "autotask", "username": "api@sandbox.example", "secret": "secret", "integration_code": "CODE"}


def two_connections() -> dict[str, Any]:
    """The median from webhook to note of one PSA, alone and while its neighbor refuses."""
    runs = [_run(number) for number in range(RUNS)]
    ratio = statistics.median(run["ratio"] for run in runs)
    return {"ratio": ratio, "goal": GOAL, "met": ratio <= GOAL, "events": EVENTS, "runs": runs}


def _run(number: int) -> dict[str, Any]:
    alone, beside = _alone(number), _beside(number)
    run = {
        "alone_s": _median(alone),
        "beside_s": _median(beside),
        "ratio": round(statistics.median(beside) / statistics.median(alone), 2),
        "alone_worst_s": round(max(alone), 2),
        "beside_worst_s": round(max(beside), 2),
    }
    print(f"  run {number + 1}: {run}", flush=True)
    return run


def _median(seconds: list[float]) -> float:
    return round(statistics.median(seconds), 3)


def _alone(seed: int) -> list[float]:
    with _desk(seed, {"well": WELL}) as (psas, daemon):
        return _streamed(psas["well"], daemon)


def _beside(seed: int) -> list[float]:
    """People go on writing to the one that refuses: it answers nobody's program, but it is there."""
    with _desk(seed, {"well": WELL, "ill": ILL}) as (psas, daemon):
        ill = psas["ill"]
        _tell(daemon, "pause")
        for number in range(ASIDE):
            ill.inject(f"made-{number}", news(number))
        until(lambda: daemon.count(f"{WRITES} = 'pending'") >= ASIDE, NOTED_WITHIN, f"{ASIDE} promised notes")
        ill.faults("refuse=1")
        _tell(daemon, "resume")
        took = _streamed(psas["well"], daemon, ill)
        ill.faults()
        until(lambda: daemon.count(f"{WRITES} = 'done'") >= ASIDE, BACK_WITHIN, f"all {ASIDE} notes of the other")
        return took


def _tell(daemon: Copilot, what: str) -> None:
    """Pause or resume the one that will refuse: much is owed to it when it goes away."""
    command = [str(PROGRAM), what, "--connection", "ill", "--config", str(daemon.folder / "config.yaml")]
    subprocess.run(command, check=True, capture_output=True)


WRITES = "SELECT count(*) FROM \"write\" WHERE connection = 'ill' AND state"


def _streamed(psa: Sandbox, daemon: Copilot, other: Sandbox | None = None) -> list[float]:
    """A customer writes to each ticket in turn, for as long as the other one refuses; how long each note took."""
    began = time.monotonic()
    for number in range(EVENTS):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        psa.inject(f"made-{number}", news(number))
        if other and number < ASIDE:
            other.inject(f"made-{number}", news(number + ASIDE))
    until(lambda: len(_delays(daemon)) >= EVENTS, NOTED_WITHIN, f"{EVENTS} notes")
    return _delays(daemon)


def _delays(daemon: Copilot) -> list[float]:
    asked = (
        'SELECT min(i.received_at), w.done_at FROM inbox i JOIN "write" w'
        " ON w.connection = i.connection AND w.ticket = i.remote_id WHERE i.connection = 'well' AND w.state = 'done'"
        " GROUP BY i.remote_id, w.id HAVING min(i.received_at) < w.done_at"
    )
    return [(_moment(done) - _moment(received)).total_seconds() for received, done in daemon.rows(asked)]


def _moment(kept: str) -> datetime:
    return datetime.fromisoformat(kept).replace(tzinfo=UTC)


@contextmanager
def _desk(seed: int, connections: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[dict[str, Sandbox], Copilot]]:
    """A sandbox for each connection and one daemon beside them, all settled."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, psas = Path(name), {}
        for place, (connection, keys) in enumerate(connections.items()):
            count = EVENTS if connection == "well" else ASIDE
            made = write_tickets(folder / f"{connection}.jsonl", tickets(count, seed + 100 * place))
            psas[connection] = stack.enter_context(spawned(str(keys["use"]), tickets=made))
        known = {name: {**USUAL, **keys, "url": psas[name].url} for name, keys in connections.items()}
        daemon = stack.enter_context(copilot(folder, "", connections=known))
        until(daemon.is_ready, SETTLED_WITHIN, "first contact")
        until(lambda: _is_settled(daemon, len(known)), SETTLED_WITHIN, "the backfill")
        yield psas, daemon


def _is_settled(daemon: Copilot, connections: int) -> bool:
    return daemon.is_settled() and daemon.count("SELECT count(*) FROM flag WHERE name = 'backfilled'") == connections

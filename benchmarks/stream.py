"""Speed and reads: customers write to a desk five times a second, and each change comes to its note."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.desk import Copilot, copilot, until, write_tickets
from benchmarks.invented import news, tickets
from psa_copilot.sandbox import Sandbox, spawned

EVENTS = 120
A_SECOND = 5.0
RUNS = 3
P95_GOAL = 1.0
READS_GOAL = 2.0
SETTLED_WITHIN = 90.0
NOTED_WITHIN = 60.0
AFTERWARDS = 5.0  # our notes come home by webhooks and polls; what is read for that counts too
NOTED = "SELECT count(DISTINCT ticket) FROM \"write\" WHERE state = 'done'"


def latency() -> dict[str, Any]:
    """From webhook received to note stored, without a model."""
    runs = [_timed_run(number) for number in range(RUNS)]
    p50, p95 = (statistics.median(run[key] for run in runs) for key in ("p50_s", "p95_s"))
    return {"p50_s": p50, "p95_s": p95, "goal_p95_s": P95_GOAL, "met": p95 <= P95_GOAL, "runs": runs}


def reads() -> dict[str, Any]:
    """Requests that read, for each changed ticket."""
    found = {name: _counted_run(webhooks=on) for name, on in (("webhooks", True), ("polls_only", False))}
    met = all(run["reads_per_ticket"] <= READS_GOAL for run in found.values())
    return {"goal": READS_GOAL, "met": met} | found


def _timed_run(number: int) -> dict[str, Any]:
    with _desk(seed=number) as (psa, daemon):
        _stream(psa, daemon)
        took = sorted(_delays(daemon))
    if len(took) < EVENTS:
        raise RuntimeError(f"only {len(took)} of {EVENTS} events had a webhook before their note")
    run = {"events": len(took), "p50_s": _at(took, 0.50), "p95_s": _at(took, 0.95), "worst_s": _at(took, 1.0)}
    print(f"  run {number + 1}: {run}", flush=True)
    return run


def _delays(daemon: Copilot) -> list[float]:
    """Seconds from a ticket's first webhook to the moment when the PSA's answer to its note was kept."""
    asked = (
        'SELECT min(i.received_at), w.done_at FROM inbox i JOIN "write" w ON w.ticket = i.remote_id'
        " WHERE w.state = 'done' GROUP BY i.remote_id, w.id HAVING min(i.received_at) < w.done_at"
    )
    return [(_moment(done) - _moment(received)).total_seconds() for received, done in daemon.rows(asked)]


def _moment(kept: str) -> datetime:
    return datetime.fromisoformat(kept).replace(tzinfo=UTC)


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def _counted_run(*, webhooks: bool) -> dict[str, Any]:
    with _desk(seed=1, webhooks=webhooks) as (psa, daemon):
        before = len(psa.log())
        _stream(psa, daemon)
        rows = [row for row in psa.log(before) if row["key"] == "pub"]
    run = _shares(rows)
    print(f"  {'webhooks' if webhooks else 'polls only'}: {run}", flush=True)
    return run


def _shares(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is read right before a write to make sure of it is counted beside."""
    kinds = Counter(f"{row['method']} {_shape(row['path'])}" for row in rows)
    pages = kinds["GET /service/tickets"]
    of_tickets = sum(count for kind, count in kinds.items() if kind.startswith("GET /service/tickets/"))
    safety = sum(_safety(kinds_of) for kinds_of in _by_ticket(rows).values())
    return {
        "tickets": EVENTS,
        "reads_per_ticket": round((of_tickets - safety + pages) / EVENTS, 2),
        "of_them_changes_pages": round(pages / EVENTS, 2),
        "safety_rereads_per_ticket": round(safety / EVENTS, 2),
        "requests": dict(sorted(kinds.items())),
    }


def _by_ticket(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What was asked about each ticket, in its order."""
    found: dict[str, list[str]] = {}
    for row in rows:
        parts = row["path"].partition("/service/tickets/")[2].split("/")
        found.setdefault(parts[0], []).append(" ".join([row["method"], *parts[1:2]]))
    return found


def _safety(asked: list[str]) -> int:
    """The ticket, and its notes where they may have changed, right before each write."""
    writes = [at for at, what in enumerate(asked) if not what.startswith("GET")]
    before = (asked[max(0, at - 2) : at] for at in writes)
    return sum(2 if looks == ["GET", "GET allNotes"] else looks[-1:].count("GET") for looks in before)


def _shape(path: str) -> str:
    known = path.partition("/apis/3.0")[2] or path
    return "/".join("#" if part.isdigit() else part for part in known.split("/"))


@contextmanager
def _desk(*, seed: int, webhooks: bool = True) -> Iterator[tuple[Sandbox, Copilot]]:
    """A settled desk of tickets to which nobody has written since the daemon came."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = write_tickets(folder / "tickets.jsonl", tickets(EVENTS, seed))
        with spawned("connectwise", tickets=made) as psa, copilot(folder, psa.url, webhooks=webhooks) as daemon:
            until(daemon.is_ready, SETTLED_WITHIN, "first contact")
            until(daemon.is_settled, SETTLED_WITHIN, "the backfill")
            yield psa, daemon


def _stream(psa: Sandbox, daemon: Copilot) -> None:
    """Have a customer write to each ticket in turn, and wait for the last note to come home."""
    began = time.monotonic()
    for number in range(EVENTS):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        psa.inject(f"made-{number}", news(number))
    until(lambda: daemon.count(NOTED) >= EVENTS, NOTED_WITHIN, f"{EVENTS} notes")
    until(daemon.is_idle, NOTED_WITHIN, "the daemon's rest")
    time.sleep(AFTERWARDS)

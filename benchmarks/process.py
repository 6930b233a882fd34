"""What the daemon costs the machine it runs on: time to start, memory."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.desk import PROGRAM, copilot, until, write_tickets
from benchmarks.invented import news, tickets
from psa_copilot.sandbox import spawned

STARTS = 5
MANY = 10_000
MEMORY_GOAL_MB = 250
SYNCED_WITHIN = 900.0
A_MINUTE = 60.0
NOTED_WITHIN = 60.0


def startup() -> dict[str, Any]:
    """From the program's start to its first answer: of the daemon at /healthz, of the command line with its help."""
    with tempfile.TemporaryDirectory() as name, spawned("connectwise") as psa:
        runs = [_start(Path(name), number, psa.url) for number in range(STARTS)]
    helps = [_help() for _ in range(STARTS)]
    return {"healthz_s": _median(runs), "help_s": _median(helps), "healthz_runs_s": runs, "help_runs_s": helps}


def _median(seconds: list[float]) -> float:
    return round(statistics.median(seconds), 2)


def _start(root: Path, number: int, url: str) -> float:
    folder = root / str(number)  # a database of its own: each is a first start
    folder.mkdir()
    began = time.monotonic()
    with copilot(folder, url):
        return round(time.monotonic() - began, 2)


def _help() -> float:
    began = time.monotonic()
    subprocess.run([str(PROGRAM), "--help"], check=True, capture_output=True)
    return round(time.monotonic() - began, 2)


def memory() -> dict[str, Any]:
    """The daemon's resident memory after a first sync of many tickets, and after the first recap."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = write_tickets(folder / "tickets.jsonl", tickets(MANY, seed=1))
        with spawned("connectwise", tickets=made) as psa, copilot(folder, psa.url) as daemon:
            began, at_start = time.monotonic(), daemon.resident()
            until(daemon.is_ready, SYNCED_WITHIN, "first contact")
            until(daemon.is_settled, SYNCED_WITHIN, f"the first sync of {MANY} tickets", every=1.0)
            took = round(time.monotonic() - began, 1)
            print(f"  {MANY} tickets with their messages after {took} s", flush=True)
            time.sleep(A_MINUTE)
            after_sync = daemon.resident()
            psa.inject("made-1", news(1))
            until(lambda: daemon.is_idle() and bool(daemon.count(NOTED)), NOTED_WITHIN, "the first recap")
            after_recap = daemon.resident()
    return {
        "tickets": MANY,
        "sync_s": took,
        "at_start_mb": at_start,
        "after_sync_mb": after_sync,
        "after_recap_mb": after_recap,
        "goal_mb": MEMORY_GOAL_MB,
        "met": max(after_sync, after_recap) <= MEMORY_GOAL_MB,
    }


NOTED = "SELECT count(*) FROM \"write\" WHERE state = 'done'"

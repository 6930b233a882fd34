"""The control for what no look-up can see: a write that the PSA carries out after every grace has run out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from psa_copilot.sandbox import Sandbox
from tests.chaos.daemon import REQUEST_TIMEOUT, SLACK, Broken, Daemon, daemon, until
from tests.chaos.psas import USUAL, Psa
from tests.chaos.storm import desk, first_contact, say, settle
from tests.chaos.tally import doubled_markers
from tests.chaos.threads import script, stories

LATE_BY = REQUEST_TIMEOUT * SLACK + 6.0  # seconds; the grace is three
TIMES = 2
THREADS = 8
ALERT_WITHIN = 40.0


@dataclass
class Alert:
    """Whether the daemon noticed."""

    seed: int
    doubles: int = 0
    """Markers that stand twice in the PSA."""
    logged: int = 0
    counted: float = 0.0
    seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)


def late(seed: int, folder: Path, psa: Psa = USUAL) -> Alert:
    """Run the control; it fails unless something doubled and the daemon says so."""
    began, alert = time.monotonic(), Alert(seed)
    told = stories(seed, THREADS)
    with desk(told, folder, psa) as sandbox, daemon(folder, psa, sandbox.url) as copilot:
        try:
            first_contact(sandbox, copilot, psa)
            sandbox.switch(late_commit=LATE_BY, late_commit_times=TIMES)
            for step in script(told, seed):
                say(sandbox, step)
                time.sleep(Random(seed).uniform(0.02, 0.1))
            until(lambda: _noticed(sandbox, copilot, alert), ALERT_WITHIN, 0.25)
            settle(sandbox, copilot, psa)
        except (Broken, httpx.HTTPError) as exc:
            alert.troubles.append(str(exc) or repr(exc))
    alert.troubles += _missing(alert)
    alert.seconds = round(time.monotonic() - began, 1)
    return alert


def _noticed(sandbox: Sandbox, copilot: Daemon, alert: Alert) -> bool:
    copilot.check_alive()
    alert.doubles = doubled_markers(sandbox.notes())
    alert.logged = copilot.logged("write_doubled")
    alert.counted = copilot.counted("psa_copilot_doubles_total")
    return bool(alert.doubles and alert.logged and alert.counted)


def _missing(alert: Alert) -> list[str]:
    wanted = {
        "no marker stands twice: the control did not bite": alert.doubles,
        "the log has no write_doubled": alert.logged,
        "psa_copilot_doubles_total is 0": alert.counted,
    }
    return [says for says, seen in wanted.items() if not seen]

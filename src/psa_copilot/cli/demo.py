"""The demo: the bad Monday of a help desk, played by a PSA in small with the copilot beside it, and what came of it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml
from rich.console import Console

from psa_copilot.cli import output, showing
from psa_copilot.cli.demo_config import DATABASE, write_config
from psa_copilot.cli.expected import failures
from psa_copilot.cli.processes import command, daemon_beside, end, in_its_time, sandbox_beside
from psa_copilot.cli.watching import CONNECTION, Watch
from psa_copilot.errors import ConfigError, CopilotError
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox

if TYPE_CHECKING:
    from psa_copilot.testing.model_server import ScriptedModel

PSAS, MODELS = ("connectwise",), ("scripted",)
SCENARIO = "monday"
CANARY = Ref(connection=CONNECTION, remote_id="901")
CANARY_WAITS = "16m"
SPEED = 30
"""Minutes of the desk in two seconds."""
UP_WITHIN = 40.0
LOG_LINES = 15
PEOPLE_COME, MORNING_OVER = timedelta(minutes=75), timedelta(minutes=79)
TUESDAY, SWEPT = timedelta(hours=25), timedelta(hours=25, minutes=3)
LEFT_FOR_TUESDAY, LEFT_FOR_THE_END = 3, 2
"""Deeds of people in the scenario that come later."""
MORE_TO_SAY, STOPPED = timedelta(minutes=1519), timedelta(minutes=1525)
LAST_WORD = "printer"
"""The ticket on which a customer writes while everything is stopped."""


@dataclass
class Stage:
    """Where the demo is played."""

    sandbox: Sandbox
    config: Path
    console: Console
    model: ScriptedModel | None
    begin: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.starts = self.sandbox.now()

    def type(self, *words: str) -> str:
        """What a command says that somebody types."""
        return command(self.config, self.sandbox.clock_url, *words)

    def move_to(self, after: timedelta) -> None:
        """The desk's clock goes on to so long after the start."""
        left = self.starts + after - self.sandbox.now()
        if left > timedelta(0):
            self.sandbox.advance(f"{left.total_seconds():.0f}s")

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.begin


def play(psa: str, *, model: str, keep: bool) -> int:
    """The whole demo; returns the exit code."""
    if psa not in PSAS:
        raise ConfigError(f"--psa: the demo cannot play {psa} yet; there is: {', '.join(PSAS)}")
    if model and model not in MODELS:
        raise ConfigError(f"--model: the demo has no model {model}; there is: {', '.join(MODELS)}, or none")
    # What ends us ends both processes too: the blocks below are left in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = output.console()
    with _folder(keep=keep) as folder, _model(model) as server, sandbox_beside(psa, SCENARIO, folder) as sandbox:
        stage = Stage(sandbox, write_config(folder, psa, sandbox.url, server), console, server)
        return _play(stage, kept=stage.config if keep else None)


def _play(stage: Stage, kept: Path | None) -> int:
    digest = json.loads(stage.type("digest", "--json"))
    showing.desk(stage.console, stage.config.with_name(DATABASE), digest)
    wrong = list(_try_on_a_test_ticket(stage))
    with daemon_beside(stage.config, stage.sandbox.clock_url) as daemon:
        _until_up(stage.config)
        watch = Watch(stage.sandbox, stage.config.with_name(DATABASE), daemon, stage.console)
        stage.sandbox.speed(SPEED)
        stage.move_to(PEOPLE_COME)
        watch.until_quiet(stage.starts + MORNING_OVER, LEFT_FOR_TUESDAY)
        stage.move_to(TUESDAY)
        watch.until_quiet(stage.starts + SWEPT, LEFT_FOR_THE_END)
        outcome = watch.outcome(digest, *_asked(stage.model))
        wrong += failures(outcome)
        showing.came_of_it(stage.console, outcome)
        wrong += _stop_everything(stage, watch)
        watch.close()
        code = end(daemon)
    wrong += [f"the copilot ended with exit code {code}"] if code else []
    if wrong:
        return _failed(wrong, stage.config)
    showing.end(stage.console, outcome, stage.seconds, kept)
    return 0


def _try_on_a_test_ticket(stage: Stage) -> Iterator[str]:
    """The canary: nothing leaves `observe` before it has been seen what each kind of write sets off."""
    from psa_copilot import app, config
    from psa_copilot.engine.flight import Orders

    def tell(line: str) -> None:
        if line.startswith("waiting until"):
            stage.sandbox.advance(CANARY_WAITS)

    orders = Orders(agree=lambda _: True, mailbox=lambda _: not stage.sandbox.mailbox(), tell=tell)
    with in_its_time(stage.sandbox.clock_url):
        report = asyncio.run(app.try_canary(config.load(stage.config), CANARY, orders))
    showing.canary(stage.console, report)
    if not report.is_clean:
        yield "the canary: not every kind of write came home clean"


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="psa-copilot-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="psa-copilot-demo-") as folder:
        yield Path(folder)


@contextmanager
def _model(name: str) -> Iterator[ScriptedModel | None]:
    if not name:
        yield None
        return
    from psa_copilot.cli.scripted import scripted_model

    with scripted_model() as server:
        yield server


def _asked(server: ScriptedModel | None) -> tuple[str, Sequence[str]]:
    """Which model there was, and what it was sent."""
    if server is None:
        return "", ()
    from psa_copilot.cli.scripted import MODEL

    return MODEL, [one.body for one in server.log]


def _until_up(config: Path) -> None:
    """Wait until the daemon has reached the PSA."""
    url = yaml.safe_load(config.read_text(encoding="utf-8"))["web"]["url"]
    until = time.monotonic() + UP_WITHIN
    with httpx.Client(base_url=url, trust_env=False) as http:
        while not _is_ready(http):
            if time.monotonic() > until:
                raise CopilotError(f"the copilot has not reached the PSA within {UP_WITHIN:g} s")
            time.sleep(0.2)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def _stop_everything(stage: Stage, watch: Watch) -> Iterator[str]:
    """The twelfth story: `pause`, and then the control ticket; what does not hold is named."""
    before = stage.sandbox.notes()
    stage.type("pause", "--why", "the demo is over")
    stage.move_to(MORE_TO_SAY)
    paused = watch.until_promised(LAST_WORD, why="paused")
    stage.move_to(STOPPED)
    stage.type("resume")
    stopped = watch.until_promised(LAST_WORD, why="control ticket")
    written = [note for note in stage.sandbox.notes() if note["author"] == "copilot"]
    showing.stopped(stage.console, paused, stopped)
    if paused is None or stopped is None:
        yield "“pause” and the control ticket: no write was promised and held back"
    if written != [note for note in before if note["author"] == "copilot"]:
        yield "“pause” and the control ticket: something was written all the same"
    if stage.sandbox.mailbox():
        yield "“pause” and the control ticket: a mail went out"


def _failed(wrong: Sequence[str], config: Path) -> int:
    for what in wrong:
        output.hint(f"not as expected: {what}")
    log = config.with_name("copilot.log").read_text(encoding="utf-8", errors="replace")
    for line in log.splitlines()[-LOG_LINES:]:
        output.hint(f"copilot.log: {line}")
    return 1

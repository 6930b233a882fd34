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

from psa_copilot import config, registry
from psa_copilot.cli import output, showing
from psa_copilot.cli.comparing import compare
from psa_copilot.cli.demo_config import DATABASE, write_config
from psa_copilot.cli.demo_psas import PSAS, Psa
from psa_copilot.cli.expected import Played, failures, is_ours
from psa_copilot.cli.processes import command, daemon_beside, end, in_its_time, sandbox_beside
from psa_copilot.cli.watching import CONNECTION, Watch
from psa_copilot.errors import ConfigError, CopilotError, PluginBroken
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox

if TYPE_CHECKING:
    from psa_copilot.testing.model_server import ScriptedModel

MODELS = ("scripted",)
ALL = "all"
SCENARIO = "monday"
CANARY = Ref(connection=CONNECTION, remote_id="901")
CANARY_WAITS = "16m"
SPEED = 60
"""A minute of the desk in a second; what the copilot waits for politely is as much shorter."""
UP_WITHIN = 90.0
LOG_LINES = 15
PEOPLE_COME, MORNING_OVER = timedelta(minutes=75.5), timedelta(minutes=80)
TUESDAY, SWEPT = timedelta(hours=25), timedelta(hours=25, minutes=3)
LEFT_FOR_TUESDAY, LEFT_FOR_THE_END = 3, 2
"""Deeds of people in the scenario that come later."""
MORE_TO_SAY, STOPPED = timedelta(minutes=1550), timedelta(minutes=1555)
LAST_WORD = "printer"
"""The ticket on which a customer writes while everything is stopped."""


@dataclass
class Stage:
    """Where the demo is played."""

    psa: Psa
    sandbox: Sandbox
    config: Path
    console: Console
    model: ScriptedModel | None
    is_brief: bool = False
    """Whether only what happens is shown: another PSA is played too."""
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
    """The whole demo, on one PSA or on each; returns the exit code."""
    chosen = _chosen(psa)
    if model and model not in MODELS:
        raise ConfigError(f"--model: the demo has no model {model}; there is: {', '.join(MODELS)}, or none")
    # What ends us ends both processes too: the blocks below are left in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with _folder(keep=keep) as folder:
        kept = folder if keep else None
        return _play_one(chosen[0], model, folder, kept) if len(chosen) == 1 else _play_all(chosen, model, folder, kept)


def _chosen(name: str) -> list[Psa]:
    """What to play on; ConfigError for a PSA that is not known, not installed, or broken."""
    installed = {*registry.names("sandboxes")} & {*registry.names("connectors")}
    there = {one: psa for one, psa in PSAS.items() if one in installed}
    chosen = [*there] if name == ALL else [name]
    if not chosen or not there.keys() >= {*chosen}:
        raise ConfigError(f"--psa: the demo cannot play {name}; there is: {', '.join([*there, ALL])}")
    for one in chosen:
        try:
            registry.connector(one)
            registry.sandbox(one)
        except PluginBroken as exc:
            raise ConfigError(f"--psa: the demo cannot play {one}: {exc}") from exc
    return [there[one] for one in chosen]


def _play_one(psa: Psa, model: str, folder: Path, kept: Path | None) -> int:
    console = output.console()
    with _stage(psa, model, folder, console) as stage:
        played = _play(stage)
    if played.wrong:
        return _failed(played)
    showing.end(console, played, kept)
    return 0


def _play_all(chosen: Sequence[Psa], model: str, folder: Path, kept: Path | None) -> int:
    """One after another, so that each has the machine to itself; then their notes beside each other."""
    console, played = output.console(), list[Played]()
    for psa in chosen:
        showing.head(console, psa.called)
        (folder / psa.name).mkdir()
        with _stage(psa, model, folder / psa.name, console) as stage:
            stage.is_brief = True
            played.append(_play(stage))
    same = compare([one.outcome for one in played])
    showing.all_of_them(console, played, same, kept)
    codes = [_failed(one) for one in played if one.wrong]
    for difference in same.differences[:1]:
        output.hint(f"the notes differ: {difference}")
    return 1 if codes or same.differences else 0


@contextmanager
def _stage(psa: Psa, model: str, folder: Path, console: Console) -> Iterator[Stage]:
    """The sandbox and the model beside us, and the copilot's configuration."""
    with _model(model) as server, sandbox_beside(psa.name, SCENARIO, folder) as sandbox:
        path = write_config(folder, psa, sandbox.url, server)
        config.load(path)  # what is wrong with it is one line here, and the first command's failure later
        yield Stage(psa, sandbox, path, console, server)


def _play(stage: Stage) -> Played:
    stage.sandbox.speed(SPEED)
    digest = json.loads(stage.type("digest", "--json"))
    if not stage.is_brief:
        showing.desk(stage.console, stage.config.with_name(DATABASE), digest)
    wrong = list(_try_on_a_test_ticket(stage))
    stage.sandbox.speed(1)  # nobody writes before the copilot is there, however long its start takes
    with daemon_beside(stage.config, stage.sandbox.clock_url) as daemon:
        _until_up(stage.config)
        watch = Watch(stage.psa, stage.sandbox, stage.config.with_name(DATABASE), daemon, stage.console)
        stage.sandbox.speed(SPEED)
        stage.move_to(PEOPLE_COME)
        watch.until_quiet(stage.starts + MORNING_OVER, LEFT_FOR_TUESDAY)
        stage.move_to(TUESDAY)
        watch.until_quiet(stage.starts + SWEPT, LEFT_FOR_THE_END)
        stage.sandbox.speed(1)  # nor before somebody has typed `pause`
        outcome = watch.outcome(digest, *_asked(stage.model))
        wrong += failures(outcome)
        if not stage.is_brief:
            showing.came_of_it(stage.console, outcome)
        wrong += _stop_everything(stage, watch)
        watch.close()
        code = end(daemon)
    wrong += [f"the copilot ended with exit code {code}"] if code else []
    return Played(outcome, tuple(wrong), stage.seconds, stage.config)


def _try_on_a_test_ticket(stage: Stage) -> Iterator[str]:
    """The canary: nothing leaves `observe` before it has been seen what each kind of write sets off."""
    from psa_copilot import app
    from psa_copilot.engine.flight import Orders

    def tell(line: str) -> None:
        if line.startswith("waiting until"):
            stage.sandbox.advance(CANARY_WAITS)

    orders = Orders(agree=lambda _: True, mailbox=lambda _: not stage.sandbox.mailbox(), tell=tell)
    with in_its_time(stage.sandbox.clock_url):
        report = asyncio.run(app.try_canary(config.load(stage.config), CANARY, orders))
    if not stage.is_brief:
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
    stage.sandbox.speed(SPEED)
    stage.move_to(MORE_TO_SAY)
    paused = watch.until_promised(LAST_WORD, why="paused")
    stage.move_to(STOPPED)
    stage.type("resume")
    stopped = watch.until_promised(LAST_WORD, why="control ticket")
    written = [note for note in stage.sandbox.notes() if is_ours(note)]
    if not stage.is_brief:
        showing.stopped(stage.console, paused, stopped)
    if paused is None or stopped is None:
        yield "“pause” and the control ticket: no write was promised and held back"
    if written != [note for note in before if is_ours(note)]:
        yield "“pause” and the control ticket: something was written all the same"
    if stage.sandbox.mailbox():
        yield "“pause” and the control ticket: a mail went out"


def _failed(played: Played) -> int:
    for what in played.wrong:
        output.hint(f"not as expected on {played.outcome.psa.called}: {what}")
    log = played.config.with_name("copilot.log").read_text(encoding="utf-8", errors="replace")
    for line in log.splitlines()[-LOG_LINES:]:
        output.hint(f"copilot.log: {line}")
    return 1

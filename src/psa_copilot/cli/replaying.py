"""Puts a replay together: the configuration, the mirror, the PSA's own record of the past, and the stage."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psa_copilot import app
from psa_copilot.config import Config
from psa_copilot.engine import histories
from psa_copilot.engine.lines import Line
from psa_copilot.errors import ConfigError, CopilotError, PsaError
from psa_copilot.models import Field
from psa_copilot.replay.play import Player
from psa_copilot.replay.scoring import Report, score
from psa_copilot.replay.stage import Stage
from psa_copilot.replay.truth import Truths
from psa_copilot.replay.values import SCORED, Decision, Window
from psa_copilot.store import Store
from psa_copilot.survey.reading import directory

Told = Callable[[str, int, int], None]

HINDSIGHT = "PSA_COPILOT_UNSAFE_HINDSIGHT"
"""Set by the tests to see that the guard bites: each ticket is then shown as it stands today."""
_OF_PROCESS = re.compile(r"replay-(\d+)-")


@dataclass(frozen=True)
class Wanted:
    """What is to be replayed."""

    days: int = 90
    until: datetime | None = None
    plugins: tuple[str, ...] = ()
    connection: str = ""
    model: bool = False
    reads: bool = True
    """Whether the PSA's own record is read, where it was not yet."""


@dataclass(frozen=True)
class Replayed:
    """What came of it."""

    report: Report
    decisions: tuple[Decision, ...]


async def replay(config: Config, wanted: Wanted, told: Told) -> Replayed:
    """One connection's past, and how right its plugins would have been."""
    config, name, notes = *_chosen(config, wanted), []
    if not config.database_path.exists():
        raise CopilotError(f"there is no mirror {config.database_path} yet; `psa-copilot sync --once` makes it")
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(app.timekeeping())
        store = app.open_store(config)
        stack.callback(store.close)
        line = app.open_line(config, name, store, clock)
        stack.push_async_callback(line.connector.http.close)
        window = window_of(wanted, clock.now())
        notes += await _met(store, line, window, told, reads=wanted.reads)
        folder = stack.enter_context(_scratch(config.database_path.parent))
        stage = Stage(config, line, folder, model=wanted.model)
        stack.push_async_callback(stage.close)
        return await _played(config, store, stage, window, told, notes)


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder for the stage. Beside the database: what is in it is as confidential. What a killed one left goes."""
    for left in beside.glob("replay-*"):
        of = _OF_PROCESS.match(left.name)
        if of and not _is_alive(int(of[1])):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"replay-{os.getpid()}-", dir=beside) as folder:
        yield Path(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and somebody else's
    return True


async def _played(config: Config, store: Store, stage: Stage, window: Window, told: Told, notes: list[str]) -> Replayed:
    asks, silent = asked_fields(config)
    notes += [
        f"{name} goes by the clock and not by what happens to a ticket: replay does not ask it" for name in silent
    ]
    hindsight = HINDSIGHT in os.environ
    notes += [f"{HINDSIGHT} is set: tickets were shown as they stand today, and nothing here counts"] * hindsight
    played = await Player(store, stage, window, told, hindsight).play()
    found = score(stage.line.name, played, Truths(stage), asks)
    return Replayed(replace(found, notes=(*notes, *found.notes)), played.decisions)


def _chosen(config: Config, wanted: Wanted) -> tuple[Config, str]:
    """The configuration with the plugins that are wanted, and the connection."""
    unknown = [name for name in wanted.plugins if name not in config.plugins]
    if unknown:
        raise ConfigError(f"plugins: there is no {', '.join(unknown)}; known: {', '.join(config.plugins)}")
    name = wanted.connection or next(iter(config.connections))
    if name not in config.connections:
        raise ConfigError(f"connections: there is no {name}; known: {', '.join(config.connections)}")
    if not wanted.connection and len(config.connections) > 1:
        raise ConfigError(f"name one with --connection: {', '.join(config.connections)}")
    plugins = {key: one for key, one in config.plugins.items() if not wanted.plugins or key in wanted.plugins}
    if wanted.model and config.llm is None:
        raise ConfigError("llm: there is no model to ask; leave out --model")
    return replace(config, plugins=plugins), name


def window_of(wanted: Wanted, now: datetime) -> Window:
    """Whole days, the last one today or the one that was named."""
    day = (wanted.until or now).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = day + timedelta(days=1)
    return Window(until - timedelta(days=wanted.days), until)


def asked_fields(config: Config) -> tuple[Mapping[str, tuple[Field, ...]], list[str]]:
    """The scored fields that each plugin may wish for, and the plugins that no event makes think."""
    asks, silent = {}, []
    for name, enabled in config.plugins.items():
        plugin = enabled.plugin_class(enabled.settings)
        if plugin.listens_to():
            asks[name] = tuple(one for one in SCORED if f"change_field {one.value}" in plugin.asks_for())
        else:
            silent.append(name)
    return asks, silent


async def _met(store: Store, line: Line, window: Window, told: Told, *, reads: bool) -> list[str]:
    """Who and what exists there, and what the PSA has recorded of the window's tickets; what could not be had."""
    with store.reading() as tx:
        flag = tx.work.flag(line.name, "first_contact")
        unread = tx.past.without_history(line.name, window.since)
    if flag is None:
        raise CopilotError(f"{line.name} was never read; `psa-copilot sync --once` reads it")
    line.first_contact = datetime.fromisoformat(flag.value)
    notes = [note for note in [await directory(line)] if note]
    if unread and reads and line.directory is not None:
        notes += await _read(store, line, [one.ticket for one in unread], told)
    with store.reading() as tx:
        left = len(tx.past.without_history(line.name, window.since))
    if left:
        notes.append(f"the PSA's own history of {left:,} tickets was not read: what they looked like before is unknown")
    return notes


async def _read(store: Store, line: Line, tickets: list[str], told: Told) -> list[str]:
    try:
        why = await histories.read(line, store, tickets, lambda done, of: told("histories", done, of))
    except PsaError as exc:
        why = f"not all histories could be read: {exc.why}"
    return [f"{line.name}: {why}"] if why else []

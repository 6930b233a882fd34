"""The first look at a desk: reads what is needed, asks its questions, and writes nothing to any PSA."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from psa_copilot import app
from psa_copilot.config import Config
from psa_copilot.engine.lines import Line
from psa_copilot.engine.lock import held, hold
from psa_copilot.engine.sync import Sync
from psa_copilot.errors import CopilotError, PsaError
from psa_copilot.store import Store
from psa_copilot.survey.digest import compose
from psa_copilot.survey.gathering import Gathered, gather, suspects, with_history
from psa_copilot.survey.reading import FirstReading, directory
from psa_copilot.survey.tried import Trials
from psa_copilot.survey.values import Digest

Told = Callable[[str, int, int], None]

BESIDE = "A daemon keeps this mirror up to date; it was read as it stands."
UNSYNCED = "Nothing was synced; the mirror was read as it stands."
NOT_READ = "the PSA's own history was not read: only what happened since we came is known"
HISTORY_TIME = timedelta(seconds=60)
"""Histories get this much even when all else was late: nothing else shows who handed what to whom."""


@dataclass(frozen=True)
class Wanted:
    """How much a first look may do."""

    reads: bool = True
    patience: timedelta = timedelta(minutes=5)
    histories: int = 400
    tries: int = 200


@dataclass
class Looked:
    """What came of it, and how long each part took."""

    digest: Digest
    seconds: dict[str, float]


@dataclass
class _Look:
    config: Config
    store: Store
    lines: Mapping[str, Line]
    wanted: Wanted
    told: Told
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    async def digest(self) -> Digest:
        failures = [exc for line in self.lines.values() if (exc := await self._read(line))]
        self._lap("reading")
        gathered = [gather(self.config, line, self.store, line.clock.now(), NOT_READ) for line in self.lines.values()]
        if failures and not any(one.counts.open for one in gathered):
            raise failures[0]
        self._lap("gathering")
        if self.wanted.reads:
            gathered = [await self._with_history(one) for one in gathered]
            self._lap("histories")
        tried = await Trials(self.config, self.store, self.lines).finding(gathered, self.wanted.tries, self.told)
        self._lap("trying")
        digest = compose(gathered, tried, next(iter(self.lines.values())).clock.now(), self.notes)
        self._lap("findings")
        return digest

    async def _read(self, line: Line) -> PsaError | None:
        """Bring the mirror up to date, as far as time allows; a PSA that is away leaves it as it was."""
        if not self.wanted.reads:
            self.notes += filter(None, [await directory(line)])
            return None
        try:
            self.notes += await self._reading(line, self.wanted.patience).read()
        except PsaError as exc:
            self.notes.append(f"{exc}; the mirror of {line.name} was read as it stands")
            return exc
        return None

    async def _with_history(self, gathered: Gathered) -> Gathered:
        line, people = self.lines[gathered.name], gathered.scene.people
        if line.directory is None:  # it could not be reached
            return gathered
        tickets = suspects(people, gathered.scene.now, self.wanted.histories)
        unknown = await self._reading(line, HISTORY_TIME).histories(tickets, len(people))
        return with_history(gathered, line, self.store, unknown)

    def _reading(self, line: Line, patience: timedelta) -> FirstReading:
        until = time.monotonic() + patience.total_seconds()
        return FirstReading(line, self.store, Sync(line, self.store, lambda: None), self.told, until)

    def _lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name], self._began = round(now - self._began, 2), now


async def look(config: Config, wanted: Wanted, told: Told) -> Looked:
    """The digest of all connections; beside a running daemon, from its mirror alone."""
    if not wanted.reads and not config.database_path.exists():
        raise CopilotError(f"there is no mirror {config.database_path} yet; leave out --no-sync")
    notes = [] if wanted.reads else [UNSYNCED]
    if wanted.reads and held(config.database_path):
        wanted, notes = Wanted(False, wanted.patience, 0, wanted.tries), [BESIDE]
    async with _opened(config, wanted) as (store, lines):
        one = _Look(config, store, lines, wanted, told, notes)
        return Looked(await one.digest(), one.seconds)


@asynccontextmanager
async def _opened(config: Config, wanted: Wanted) -> AsyncIterator[tuple[Store, Mapping[str, Line]]]:
    async with AsyncExitStack() as stack:
        if wanted.reads:
            stack.enter_context(hold(config.database_path))
        clock = await stack.enter_async_context(app.timekeeping())
        store = app.open_store(config)
        stack.callback(store.close)
        lines = {name: app.open_line(config, name, store, clock) for name in config.connections}
        for line in lines.values():
            stack.push_async_callback(line.connector.http.close)
        yield store, lines

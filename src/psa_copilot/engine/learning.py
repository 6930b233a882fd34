"""Lets plugins learn from what people made of the desk's tickets: now and then, in a process of its own.

Learning takes a minute of a whole core; in the daemon's own process a webhook would wait for it. The child reads the
store, asks the plugin, and commits the next version of its memory by itself, so a killed one has changed nothing.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from psa_copilot import logs
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.desk import Desk, is_among
from psa_copilot.engine.finding import Finder, refresh
from psa_copilot.engine.lines import Line
from psa_copilot.engine.remembering import LooseMemory
from psa_copilot.engine.views import confidential, origin_of
from psa_copilot.memory import Outcome
from psa_copilot.models import OVER, Ticket
from psa_copilot.plugin import Plugin
from psa_copilot.store import MemoryVersionRow, Reading, Store
from psa_copilot.text import Text

log = logs.get("learning")

FEWEST = 30
"""Tickets, below which there is nothing to learn from."""
AT_LEAST, SHARE = 25, 0.1
"""Choices of people since the last learning that make the next one worth it: so many, or this share of all tickets."""
AGAIN_AFTER, DAILY = timedelta(hours=1), timedelta(hours=24)
LONGEST = 1800.0
"""Real seconds, after which a learning is given up."""
NICE = 10


@dataclass(frozen=True)
class Lesson:
    """All that a process needs to let one plugin learn on one connection."""

    database: Path
    connection: str
    plugin: EnabledPlugin
    desk: Desk
    done: frozenset[tuple[str, str]]
    """(board, status) that mean resolved or closed."""
    now: datetime

    def reading(self, at: datetime) -> Reading:
        """Which tickets it may learn from, as they stood at that moment."""
        return Reading(at, lambda board, status: (board, status) in self.done, self._leaves_out)

    def _leaves_out(self, ticket: Ticket) -> bool:
        settings = self.plugin.settings
        return (
            bool(confidential(ticket, self.desk))
            or origin_of(ticket, self.desk) not in settings.origins
            or not _looks_at(self.plugin, self.connection)
        )

    def outcomes(self, store: Store, at: datetime) -> Iterator[Outcome]:
        """What could be known then, oldest ticket first."""
        with store.reading() as tx:
            for one in tx.outcomes.known(self.connection, self.reading(at)):
                yield one.model_copy(update=self._blank(one))

    def _blank(self, one: Outcome) -> dict[str, str]:
        """Nobody is remembered of a company that collects what could not be assigned, nor of our own."""
        nobody = {"contact": "", "contact_id": ""}
        if is_among(one.company, self.desk.catch_all):
            return {"company": "", **nobody}
        return nobody if is_among(one.company, frozenset({self.desk.own_company})) else {}


def _looks_at(plugin: EnabledPlugin, connection: str) -> bool:
    wanted = plugin.settings.when.connection
    return not wanted or connection in wanted


def learns(plugin: EnabledPlugin) -> bool:
    """Whether a plugin learns anything at all."""
    return plugin.plugin_class.learn is not Plugin.learn


def lesson(config: Config, line: Line, plugin: EnabledPlugin) -> Lesson:
    """What a plugin would learn on this connection from now."""
    named = {(board, status) for board, statuses in line.settings.statuses.items() for status in statuses}
    boards = line.directory.boards if line.directory else ()
    known = {(board.name, status.name) for board in boards for status in board.statuses}
    done = frozenset(pair for pair in named | known if line.meaning_of(*pair) in OVER)
    return Lesson(config.database_path, line.name, plugin, line.settings.desk, done, line.clock.now())


def learn(task: Lesson) -> int:
    """Let the plugin learn, and keep it as the next version; returns its number, 0 where nothing comes of it."""
    began = time.monotonic()
    store = Store(task.database)
    try:
        with store.reading() as tx:
            epoch = tx.memories.epoch(task.connection)
        outcomes = list(task.outcomes(store, task.now))
        if len(outcomes) < FEWEST:
            return 0
        notebook = LooseMemory()
        task.plugin.plugin_class(task.plugin.settings).learn(outcomes, notebook, Text())
        known_at = max(one.known_at for one in outcomes)
        learning = notebook.learning(len(outcomes), known_at, round(time.monotonic() - began, 3))
        with store.transaction() as tx:
            if tx.memories.epoch(task.connection) != epoch:  # somebody was erased, whom these outcomes still tell of
                return 0
            return tx.memories.learned(task.connection, task.plugin.name, learning, task.now)
    finally:
        store.close()


class Learning:
    """The tick that lets plugins learn, one after the other."""

    def __init__(
        self, config: Config, store: Store, lines: Mapping[str, Line], finders: Mapping[str, Finder] | None = None
    ) -> None:
        self._config, self._store, self._lines = config, store, lines
        self._finders = finders if finders is not None else {}
        self._tried: dict[tuple[str, str], datetime] = {}

    async def tick(self) -> None:
        """Whoever has enough news to learn from learns, and an index that is far behind is brought up."""
        for name, finder in self._finders.items():
            if finder.is_behind:
                desk = self._lines[name].settings.desk
                await self._child(_refresh, self._config.database_path, name, desk)
                finder.renew()
        for line in self._lines.values():
            for plugin in self._config.plugins.values():
                if line.directory is None or not learns(plugin):
                    continue
                if await asyncio.to_thread(self._is_due, line, plugin):  # a long history takes a while to count
                    self._tried[line.name, plugin.name] = line.clock.now()
                    await self._learn(lesson(self._config, line, plugin))

    def _is_due(self, line: Line, plugin: EnabledPlugin) -> bool:
        """What came to nothing is not tried again at each tick: it takes a process and a read of all tickets."""
        tried = self._tried.get((line.name, plugin.name))
        if not _looks_at(plugin, line.name) or (tried and line.clock.now() - tried < AGAIN_AFTER):
            return False
        with self._store.reading() as tx:
            last = tx.memories.newest(line.name, plugin.name)
            if last is None:
                counts, unread = tx.mirror.counts(line.name), tx.mirror.wanting_messages(line.name, 1)
                return counts["tickets"] >= FEWEST and not unread
            if line.clock.now() - last.at < AGAIN_AFTER:
                return False
            news = tx.outcomes.choices_since(line.name, last.at)
        return _is_enough(news, last, line.clock.now())

    async def _learn(self, task: Lesson) -> None:
        self._tell(task, await self._child(_learn, task))

    @staticmethod
    async def _child(work: Callable[..., None], *args: object) -> int | None:
        """In a process of its own, which a stop of the daemon ends at once; returns its exit code."""
        child = multiprocessing.get_context("spawn").Process(target=work, args=args, daemon=True)
        child.start()
        try:
            await asyncio.to_thread(child.join, LONGEST)
        finally:
            if child.is_alive():
                child.kill()
            child.join()
        return child.exitcode

    def _tell(self, task: Lesson, code: int | None) -> None:
        told = {"connection": task.connection, "plugin": task.plugin.name}
        with self._store.reading() as tx:
            last = tx.memories.newest(task.connection, task.plugin.name)
        if code or last is None or last.at != task.now:
            log.warning("learning_failed", **told, exit_code=code)
        else:
            log.info("learned", **told, version=last.version, tickets=last.outcomes, seconds=last.seconds)


def _is_enough(news: int, last: MemoryVersionRow, now: datetime) -> bool:
    since = now - last.at
    return news >= max(AT_LEAST, SHARE * last.outcomes) or (since >= DAILY and news > 0)


def _learn(task: Lesson) -> None:
    os.nice(NICE)  # whatever comes in from the PSA goes first
    learn(task)


def _refresh(database: Path, connection: str, desk: Desk) -> None:
    os.nice(NICE)
    store = Store(database)
    try:
        refresh(store, connection, desk)
    finally:
        store.close()

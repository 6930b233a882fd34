"""Sweeps: plugins that look over all open tickets now and then, and what they find."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psa_copilot import logs, metrics
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import acts_from, stopped_ticket, unconfirmed
from psa_copilot.engine.views import matches, standing_of
from psa_copilot.models import Ref
from psa_copilot.plugin import Found, Plugin, Standing
from psa_copilot.store import BacklogRow, Stand, Store, Transaction

log = logs.get("sweeps")

REST = 9.0
"""For each second of processor time so many of rest: a look over a big desk is no hurry, and webhooks are."""


@dataclass(frozen=True)
class News:
    """What one plugin has found on a page that is not on record yet."""

    plugin: str
    fresh: Sequence[tuple[str, Found]]
    """With the thread that each is about."""
    over: Sequence[int]
    """Rows of the backlog whose time is over: a human or the customer has acted."""
    begins: datetime | None


class Sweeps:
    """All sweeping plugins over one connection. `owed` is called when there is something to think about."""

    def __init__(self, config: Config, store: Store, line: Line, owed: Callable[[], None]) -> None:
        self._config, self._store, self._line, self._owed = config, store, line, owed
        self._plugins: Mapping[str, tuple[EnabledPlugin, Plugin]] = {
            name: (one, one.plugin_class(one.settings))
            for name, one in config.plugins.items()
            if one.plugin_class.find is not Plugin.find
        }

    async def sweep(self) -> None:
        """Look over all open tickets once, a page at a time, beside everything else that goes on."""
        if not self._plugins:
            return
        began, after = time.monotonic(), ""
        while True:
            last, took = await asyncio.to_thread(_timed, self._sweep_page, after)
            if last is None:
                break
            after = last
            await asyncio.sleep(REST * took)
        await asyncio.to_thread(self._let_closed_go)
        metrics.SWEEPS.labels(self._line.name).observe(time.monotonic() - began)
        self._owed()

    def _sweep_page(self, after: str) -> str | None:
        """Look at the page behind `after`; its last ticket, or None where there is none any more."""
        now = self._line.clock.now()
        with self._store.reading() as tx:
            page = tx.standings.page(self._line.name, after)
            if not page:
                return None
            found = [news for name in self._plugins if (news := self._look(tx, name, page, now))]
        # Nearly always there is nothing new; whoever else wants to write need not wait for us then.
        if any(news.fresh or news.over for news in found):
            with self._store.transaction() as tx:
                for news in found:
                    keep(tx, news, now)
        return page[-1].ticket.ref.remote_id

    def _let_closed_go(self) -> None:
        """Old findings on tickets that are not open any more."""
        with self._store.reading() as tx:
            over = tx.backlog.on_closed(self._line.name)
        if over:
            with self._store.transaction() as tx:
                tx.backlog.let_go(over)

    def _look(self, tx: Transaction, name: str, page: Sequence[Stand], now: datetime) -> News | None:
        enabled, plugin = self._plugins[name]
        stands = [stand for stand in map(self._standing, page) if is_for(enabled, stand)]
        begins = acts_from(tx, enabled, self._line.name)
        try:
            found = list(plugin.find(now, stands))
        except Exception as exc:  # noqa: BLE001 - a plugin may fail in any way; the others go on
            log.error("sweep_failed", plugin=name, connection=self._line.name, why=f"{type(exc).__name__}: {exc}")
            return None
        return sift(tx, name, page, found, begins, now)

    def _standing(self, stand: Stand) -> Standing:
        line = self._line
        ticket, desk = stand.ticket, line.settings.desk
        why = stopped_ticket(self._config, line, ticket) or unconfirmed(line, ticket)
        return standing_of(stand, desk, line.meaning(ticket), stopped=why, calendar=line.calendar(ticket))


def _timed(look: Callable[[str], str | None], after: str) -> tuple[str | None, float]:
    """What it answers, and the processor time that it took in this thread."""
    began = time.thread_time()
    return look(after), time.thread_time() - began


def is_for(enabled: EnabledPlugin, standing: Standing) -> bool:
    """Whether a plugin looks at a ticket at all."""
    return standing.ticket.origin in enabled.settings.origins and matches(enabled.settings.when, standing.ticket)


def sift(
    tx: Transaction, plugin: str, page: Sequence[Stand], found: Sequence[Found], begins: datetime | None, now: datetime
) -> News:
    """What of a page's findings is new, by one look at what is on record of its threads."""
    threads = {stand.ticket.ref: stand.thread_id for stand in page}
    owed, held = tx.backlog.owed(plugin, threads.values()), tx.backlog.held(plugin, threads)
    here = [(threads[one.ref], one) for one in found if one.ref in threads]
    old = {(thread, one.key) for thread, one in here if _is_old(one, begins, now)}
    fresh = [
        (thread, one) for thread, one in here if (thread, one.key) not in (held if (thread, one.key) in old else owed)
    ]
    over = [row for key, row in held.items() if row is not None and key not in old]
    return News(plugin, fresh, over, begins)


def _is_old(found: Found, begins: datetime | None, now: datetime) -> bool:
    """It was due before the plugin began to act."""
    return begins is not None and (found.since or now) < begins


def keep(tx: Transaction, news: News, now: datetime) -> None:
    """A find is work, once; what was due before the plugin began to act waits in the backlog for a human."""
    tx.backlog.let_go(news.over)
    old = [(thread, one) for thread, one in news.fresh if _is_old(one, news.begins, now)]
    tx.backlog.keep(news.plugin, old, now)
    for thread, one in news.fresh:
        if not _is_old(one, news.begins, now):
            tx.work.owe_found(one.ref.connection, thread, news.plugin, one, now)


def release(tx: Transaction, plugin: str, batch: int, now: datetime) -> list[BacklogRow]:
    """A human lets the worst findings of a plugin's backlog go: each becomes work, judged as it stands now.

    One a ticket: no ticket has more than one new note a day, and a batch of ten is ten.
    """
    rows = tx.backlog.next_batch(plugin, batch, now)
    for row in rows:
        found = Found(
            ref=Ref(connection=row.connection, remote_id=row.ticket),
            because=row.because,
            key=row.key,
            since=now,
            facts=row.facts,
        )
        tx.work.owe_found(row.connection, row.thread_id, plugin, found, now)
        tx.backlog.released(row, now)
    return rows

"""Sweeps: plugins that look over all open tickets now and then, and what they find."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from psa_copilot import logs
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import acts_from, stopped_ticket, unconfirmed
from psa_copilot.engine.views import matches, standing_of
from psa_copilot.models import Ref
from psa_copilot.plugin import Found, Plugin, Standing
from psa_copilot.store import BacklogRow, Stand, Store, Transaction

log = logs.get("sweeps")


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
        """Look over all open tickets once, a page at a time."""
        if not self._plugins:
            return
        after, page = "", self._page("")
        while page:
            with self._store.transaction() as tx:
                for name in self._plugins:
                    self._look(tx, name, page)
            await asyncio.sleep(0)  # webhooks and writes go on meanwhile
            after = page[-1].ticket.ref.remote_id
            page = self._page(after)
        self._owed()

    def _page(self, after: str) -> list[Stand]:
        with self._store.reading() as tx:
            return tx.standings.page(self._line.name, after)

    def _look(self, tx: Transaction, name: str, page: Sequence[Stand]) -> None:
        enabled, plugin = self._plugins[name]
        now = self._line.clock.now()
        stands = [stand for stand in map(self._standing, page) if is_for(enabled, stand)]
        begins = acts_from(tx, enabled, self._line.name)
        try:
            found = list(plugin.find(now, stands))
        except Exception as exc:  # noqa: BLE001 - a plugin may fail in any way; the others go on
            log.error("sweep_failed", plugin=name, connection=self._line.name, why=f"{type(exc).__name__}: {exc}")
            return
        for one in found:
            keep_found(tx, name, one, begins, now)

    def _standing(self, stand: Stand) -> Standing:
        line = self._line
        ticket, desk = stand.ticket, line.settings.desk
        why = stopped_ticket(self._config, line, ticket) or unconfirmed(line, ticket)
        return standing_of(stand, desk, line.meaning(ticket), stopped=why, calendar=line.calendar(ticket))


def is_for(enabled: EnabledPlugin, standing: Standing) -> bool:
    """Whether a plugin looks at a ticket at all."""
    return standing.ticket.origin in enabled.settings.origins and matches(enabled.settings.when, standing.ticket)


def keep_found(tx: Transaction, plugin: str, found: Found, begins: datetime | None, now: datetime) -> None:
    """A find is work, once; what was due before the plugin began to act waits in the backlog for a human."""
    row = tx.mirror.row(found.ref)
    if row is None:
        return
    since = found.since or now
    if begins and since < begins:
        tx.backlog.keep(
            found.ref,
            row.thread_id,
            plugin,
            found.key,
            because=found.because,
            facts=found.facts,
            score=found.score,
            since=since,
            now=now,
        )
        return
    tx.work.owe_found(found.ref.connection, row.thread_id, plugin, found, now)


def release(tx: Transaction, plugin: str, batch: int, now: datetime) -> list[BacklogRow]:
    """A human lets the worst findings of a plugin's backlog go: each becomes work, judged as it stands now."""
    rows = list(tx.backlog.worst(plugin, batch))
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

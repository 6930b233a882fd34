"""Hands owed work to the engine: every open row that is due, under an id of its own for each attempt.

Rows stay open until their work closes them in our store, so losing the engine's file loses nothing: what the
engine has forgotten is enqueued again.
"""

from __future__ import annotations

import math
import time

from psa_copilot import logs
from psa_copilot.clock import Clock
from psa_copilot.engine.port import Engine
from psa_copilot.store import Due, Store

log = logs.get("relay")

DOUBT_AFTER = 30.0  # real seconds after which the engine is asked what became of a piece of work
A_FEW = 16  # pieces of work that are handed over before anything else that is due is looked for


class Relay:
    """Looks for due rows whenever it is asked to."""

    def __init__(self, store: Store, engine: Engine, clock: Clock) -> None:
        self._store, self._engine, self._clock = store, engine, clock
        self._handed: dict[str, float] = {}

    async def hand_over(self) -> None:
        """Enqueue what is due, a few at a time: what falls due meanwhile elsewhere does not wait for all of it."""
        while await self._hand_some():
            pass

    async def _hand_some(self) -> bool:
        """Whether there is more."""
        with self._store.reading() as tx:
            due = tx.work.due(self._clock.now())
        known = {item.id for item in due}
        self._handed = {work_id: at for work_id, at in self._handed.items() if work_id in known}
        fresh = [item for item in due if item.id not in self._handed]
        for item in fresh[:A_FEW]:
            await self._engine.enqueue(item.table, item.id, item.row, item.partition, item.connection)
            self._handed[item.id] = time.monotonic()
        for item in due:
            if time.monotonic() - self._handed.get(item.id, math.inf) > DOUBT_AFTER:
                await self._doubt(item)
        return len(fresh) > A_FEW

    async def _doubt(self, item: Due) -> None:
        """Still open though handed over long ago: an id that is over never runs again, so it gets a new one."""
        self._handed[item.id] = time.monotonic()
        if not await self._engine.ended(item.id):
            return
        with self._store.transaction() as tx:
            row = tx.work.change(item.row) if item.table == "change" else tx.work.write(item.row)
            if row is not None and row.attempt == item.attempt:
                tx.work.try_again(row, self._clock.now(), "the engine lost sight of it", counts=False)
                log.warning("work_handed_over_again", work=item.id)

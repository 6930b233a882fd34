"""The stage: a scratch database in which it is always then. What is not there could not be known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psa_copilot import logs
from psa_copilot.actions import AddNote, ChangeField, Mention, action_from
from psa_copilot.clock import Clock
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine import learning
from psa_copilot.engine.dispatch import Dispatch, body_of
from psa_copilot.engine.lines import Line
from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Message, Ref, Ticket
from psa_copilot.replay.values import Decision
from psa_copilot.store import DecisionRow, Look, RunRow, Store
from psa_copilot.store.history import known_from

log = logs.get("replay")

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ThenClock(Clock):
    """Shows the moment that is played."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


class Stage:
    """One connection's past, and the plugins on it: asked, judged and taught as ever, with nothing to write to."""

    def __init__(self, config: Config, line: Line, folder: Path, *, model: bool = False) -> None:
        self.clock = ThenClock(LONG_AGO)
        self.config = staged(config, folder / "replay.db", model=model)
        self.store = Store(self.config.database_path, lasting=False)
        self.store.upgrade()
        self.line = Line(line.name, line.settings, line.connector, self.clock, line.directory, LONG_AGO)
        self._shown_at: dict[Ref, datetime] = {}
        self._open()

    def _open(self) -> None:
        self.dispatch = Dispatch(self.config, self.store, {self.line.name: self.line}, lambda: None)

    async def close(self) -> None:
        """Leave it."""
        await self.dispatch.close()
        self.store.close()

    async def without_model(self) -> None:
        """From now on no model is asked."""
        await self.dispatch.close()
        self.config = replace(self.config, llm=None)
        self._open()

    def _look(self) -> Look:
        return replace(self.line.look(Source.POLL), psa_now=self.clock.now())

    def show(self, ticket: Ticket, messages: Sequence[Message], known: Sequence[Event] = ()) -> int:
        """A ticket stands like this now, by what is `known` to have happened; returns its thread's revision."""
        ref, now = ticket.ref, self.clock.now()
        last = self._shown_at.get(ref, ticket.opened_at)
        look = self._look()
        changes = (one for one in known if one.kind is EventKind.FIELD_CHANGED and known_from(one) > last)
        recorded = [look.known(one) for one in changes]
        look = replace(look, retold=lambda shown: retold(shown, recorded, now))
        self._shown_at[ref] = now
        with self.store.transaction() as tx:
            tx.mirror.save_tickets([ticket], look)
            if tx.mirror.messages(ref.connection, ref.remote_id) != list(messages):
                tx.mirror.save_messages(ticket, messages, look)
            return tx.mirror.touch_thread(ref)[1]

    def take_away(self, ref: Ref) -> None:
        """A ticket is there no longer."""
        with self.store.transaction() as tx:
            tx.mirror.delete(ref, self._look())

    async def think(self, ticket: Ticket, revision: int) -> tuple[list[Decision], list[RunRow]]:
        """The plugins look at what has changed on a ticket: what they would have done, and how they were asked."""
        now, ref = self.clock.now(), ticket.ref
        with self.store.transaction() as tx:
            tx.work.owe_change(ref.connection, str(ref), revision, now)
            due = [one.row for one in tx.work.due(now) if one.table == "change"]
        for row in due:
            await self.dispatch.change(row)
        with self.store.reading() as tx:
            rows = [row for row in tx.ledger.decisions(ref=ref, limit=50) if row.at == now]
            runs = [tx.ledger.run(str(ref), plugin, f"rev:{revision}") for plugin in self.config.plugins]
        decisions = [self._decision(row, ticket.board) for row in sorted(rows, key=lambda row: row.id or 0)]
        return decisions, [run for run in runs if run is not None]

    def _decision(self, row: DecisionRow, board: str) -> Decision:
        wish = action_from(row.wish) if row.wish else None
        change = wish if isinstance(wish, ChangeField) else None
        bars = self.config.plugins[row.plugin].settings.bars
        return Decision(
            at=row.at,
            ticket=f"{row.connection}/{row.ticket}",
            plugin=row.plugin,
            board=board,
            kind=wish.kind if wish else "",
            field=change.field.value if change else "",
            was=change.was if change else "",
            to=change.to if change else "",
            confidence=row.confidence,
            verdict=row.verdict,
            reason=row.reason,
            because=row.because,
            learned=wish.learned if wish else "",
            body=body_of(wish) if isinstance(wish, AddNote | Mention) else "",
            abstained=change is not None and _is_unsure(change, bars.of(board, change.was)),
            declines=change is not None and bool(change.abstains),
            tokens=row.tokens,
        )

    def spent(self, plugin: str | None = None) -> float:
        """Dollars for a model since the beginning, of one plugin or of all."""
        with self.store.reading() as tx:
            return tx.spending.spent(LONG_AGO + timedelta(days=1), plugin=plugin)

    async def learn(self) -> int:
        """Plugins learn from what could be known by now; from how many tickets at most."""
        taught = [one for one in self.config.plugins.values() if learning.learns(one)]
        await asyncio.gather(*(asyncio.to_thread(self._teach, one) for one in taught))
        with self.store.reading() as tx:
            newest = [tx.memories.newest(self.line.name, one.name) for one in taught]
        return max((row.outcomes for row in newest if row), default=0)

    def _teach(self, plugin: EnabledPlugin) -> None:
        try:
            learning.learn(learning.lesson(self.config, self.line, plugin))
        except Exception as exc:  # noqa: BLE001 - a plugin may fail in any way; it goes on with what it had learned
            log.error("learning_failed", plugin=plugin.name, why=f"{type(exc).__name__}: {exc}")


def staged(config: Config, database: Path, *, model: bool) -> Config:
    """The configuration with every plugin in observe and the mirror on the stage."""
    plugins = {
        name: replace(one, settings=one.settings.model_copy(update={"mode": "observe", "acts_from": None}))
        for name, one in config.plugins.items()
    }
    return replace(config, database_path=database, plugins=plugins, llm=config.llm if model else None)


def _is_unsure(wish: ChangeField, bar: float) -> bool:
    return bool(wish.abstains) or (wish.confidence is not None and wish.confidence < bar)


def retold(shown: Sequence[Event], recorded: Sequence[Event], now: datetime) -> list[Event]:
    """Each change on record, with whose it was, in place of the two ends that the stage shows.

    What no record explains came with our first sight of the ticket: nobody is known to have chosen it.
    """
    told = {event.field for event in recorded}
    nobodys = {"actor": "", "actor_class": ActorClass.SYSTEM, "source": Source.BACKFILL}
    seen = (event for event in shown if event.field not in told)
    left = [event.model_copy(update=nobodys) if event.field else event for event in seen]
    return left + [event.model_copy(update={"id": 0, "seen_at": now}) for event in recorded]

"""Plays the mirrored history onto the stage, moment by moment, and notes down what the plugins would have done."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from psa_copilot.engine.views import confidential, origin_of
from psa_copilot.events import Event
from psa_copilot.models import Field, Message, Ref, Ticket
from psa_copilot.replay.moments import Moment, moments
from psa_copilot.replay.refits import Refits
from psa_copilot.replay.stage import Stage
from psa_copilot.replay.then import ticket_then
from psa_copilot.replay.values import SCORED, Asked, Counts, Decision, Played, Window
from psa_copilot.store import RunRow, Store

OF_TODAY = (Field.TITLE, Field.CATEGORY, Field.PRIORITY, Field.ASSIGNEE)
"""What is shown as it stands today, with all messages, while the guard against hindsight is off."""

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass
class Player:
    """One replay of one connection."""

    store: Store
    """The real one; it is only read."""
    stage: Stage
    window: Window
    told: Told
    hindsight: bool = False
    """Shows each ticket as it stands today: only to see that the guard against it matters."""
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    _decisions: list[Decision] = field(default_factory=list)
    _asked: dict[tuple[str, str], Asked] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _by_nobody: set[Ref] = field(default_factory=set)

    async def play(self) -> Played:
        """From the first thing that is known to the end of the window."""
        line, refits = self.stage.line, Refits(self.window)
        _settle()
        with self.store.reading() as tx:
            happened = tx.past.happenings(line.name)
        happened = [one for one in happened if one.at < self.window.until]
        for number, moment in enumerate(moments(happened, line.settings.poll_every), start=1):
            await self._moment(moment, refits)
            if number % 20 == 0:
                self.told("moments", number, len(happened))
        self.told("moments", len(happened), len(happened))
        if self._by_nobody:
            self.notes.append(
                f"{len(self._by_nobody):,} tickets are no person's by what the PSA tells today; no history says since"
                " when, so they were looked at as people's: creators, boards or companies under `origins` tell at once"
            )
        costs = {name: self.stage.spent(name) for name in self.stage.config.plugins}
        return Played(self.window, tuple(self._decisions), self._asked, self.counts, tuple(self.notes), costs)

    async def _moment(self, moment: Moment, refits: Refits) -> None:
        self.stage.clock.moment = moment.at
        ref = self.stage.line.ref(moment.ticket)
        in_time = self.window.since <= moment.at < self.window.until
        shown = self._shown(ref)
        if shown is None:
            self.counts.unknown += in_time and moment.by_others
            return
        revision = self.stage.show(*shown)
        self.counts.tickets += moment.ticket not in self._known and in_time
        self._known.add(moment.ticket)
        if in_time and moment.by_others:
            await self._learn(refits, moment)
            await self._ask(ref, shown[0], revision)

    def _shown(self, ref: Ref) -> tuple[Ticket, tuple[Message, ...], tuple[Event, ...]] | None:
        """The ticket as it could be known at this moment, with what had happened to it."""
        at = self.stage.clock.now()
        with self.store.reading() as tx:
            row, now = tx.mirror.row(ref), tx.mirror.ticket(ref)
            if row is None or now is None:
                return None
            known = tx.mirror.ticket_as_of(ref, at)
            messages = tx.mirror.messages(ref.connection, ref.remote_id) if self.hindsight else known.messages
        if row.deleted_at is not None and row.deleted_at <= at:
            self.stage.take_away(ref)
            return None
        then = ticket_then(now, known, self.stage.line)
        desk = self.stage.line.settings.desk
        if then is not None and origin_of(now, desk) is not origin_of(then, desk):
            self._by_nobody.add(ref)
        if then is not None and self.hindsight:
            then = then.model_copy(update={name.value: now.field(name) for name in OF_TODAY})
        return (then, tuple(messages), known.events) if then else None

    async def _learn(self, refits: Refits, moment: Moment) -> None:
        if refits.is_due(len(self._known), moment.at):
            self.told("learning", refits.done, refits.done + 1)
            self.counts.refits.append((moment.at, await self.stage.learn()))
            refits.learned(len(self._known), moment.at)
            _settle()

    async def _ask(self, ref: Ref, ticket: Ticket, revision: int) -> None:
        self.counts.moments += 1
        decisions, runs = await self.stage.think(ticket, revision)
        self._note_runs(ticket, runs)
        for one in decisions:
            if one.kind:
                self._decisions.append(_told_of(one, ticket, self.stage))
        llm = self.stage.config.llm
        if llm is not None and self.stage.spent() >= llm.daily_budget:
            self.notes.append(
                f"the model was asked until {self.stage.clock.now():%Y-%m-%d %H:%M} UTC: by then its budget of a day,"
                f" {llm.daily_budget:.2f} dollars, was used up; after that the plugins went on without it"
            )
            await self.stage.without_model()

    def _note_runs(self, ticket: Ticket, runs: list[RunRow]) -> None:
        for run in runs:
            self.counts.runs += 1
            self.counts.failed += run.outcome == "failed"
            if run.outcome == "failed":
                self.counts.failures.setdefault(f"{run.plugin}: {run.why}", str(ticket.ref))
            elif run.outcome == "stopped":
                self.counts.stopped[run.why] = self.counts.stopped.get(run.why, 0) + 1
            else:
                values = {name: ticket.field(name) for name in SCORED}
                asked = Asked(self.stage.clock.now(), ticket.board, values)
                self._asked.setdefault((run.plugin, str(ticket.ref)), asked)


def _settle() -> None:
    """What is loaded and learned by now stays: to look through it for garbage at each moment is a good part of all."""
    gc.collect()
    gc.freeze()


def _told_of(one: Decision, ticket: Ticket, stage: Stage) -> Decision:
    """Of a confidential ticket nothing is quoted, in a report neither."""
    if not confidential(ticket, stage.line.settings.desk):
        return one
    return replace(one, body="(confidential)" if one.body else "", because="(confidential)")

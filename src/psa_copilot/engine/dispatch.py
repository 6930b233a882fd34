"""Thinks about what changed: runs the plugins, puts their wishes before the policy, promises what may be written."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psa_copilot import logs, metrics
from psa_copilot.actions import Action, AddNote, Book, ChangeField, EditNote, LinkTo, LogTime, action_from
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine import commands
from psa_copilot.engine.cases import SUGGEST, Case, Verdict
from psa_copilot.engine.finding import Finder
from psa_copilot.engine.lines import Line, is_news, spoken_of_on
from psa_copilot.engine.policy import judge, noise, stopped, time_to_live
from psa_copilot.engine.spoken import Spoken
from psa_copilot.engine.spoken import commands as spoken_commands
from psa_copilot.engine.tools import Bench
from psa_copilot.engine.views import matches, origin_of
from psa_copilot.errors import CopilotError
from psa_copilot.events import Change, Event, EventKind
from psa_copilot.llm import Call
from psa_copilot.markers import ALPHABET, new_marker, signed
from psa_copilot.models import Thread, Ticket
from psa_copilot.plugin import Found, Plugin
from psa_copilot.store import ChangeRow, DecisionRow, RunRow, Store, Transaction

log = logs.get("dispatch")

LONGEST_RUN = 120.0  # real seconds; a plugin that hangs must not hold up the others
SUGGESTION_LIFE = timedelta(hours=72)


@dataclass(frozen=True)
class Wished:
    """What one plugin said of one change."""

    actions: list[Action]
    outcome: str
    why: str
    took_ms: int
    calls: Sequence[Call] = ()
    """What was asked of a model for it."""


class Dispatch:
    """Carries out `change` rows. Its end is always a row in our store; it never raises."""

    def __init__(self, config: Config, store: Store, lines: Mapping[str, Line], owed: Callable[[], None]) -> None:
        self._config, self._store, self._lines, self._owed = config, store, lines, owed
        self._bench = Bench(store, config)
        self._plugins: dict[str, Plugin] = {
            name: one.plugin_class(one.settings) for name, one in config.plugins.items()
        }

    @property
    def finders(self) -> Mapping[str, Finder]:
        """What finds similar tickets, by connection, where somebody has asked."""
        return self._bench.finders

    async def close(self) -> None:
        """Let go of what the plugins' tools hold open."""
        await self._bench.close()

    async def change(self, row_id: int) -> None:
        """Think about one change row, and close it with everything that came before it on its thread."""
        with self._store.reading() as tx:
            row = tx.work.change(row_id)
            thread = tx.mirror.thread(row.thread_id) if row and row.state == "open" else None
            newest = tx.mirror.last_event_id()
        if row is None or row.state != "open":
            return
        line = self._lines.get(row.connection)
        if thread is not None and line is not None:
            await self._think(row, line.understood(thread), line, newest)
        with self._store.transaction() as tx:
            self._close(tx, row, thread)
        self._owed()

    @staticmethod
    def _close(tx: Transaction, row: ChangeRow, thread: Thread | None) -> None:
        fresh = tx.work.change(row.id or 0)
        if fresh is not None:
            fresh.state = "done"
        if thread is not None:
            tx.work.close_changes([thread.id, *tx.ledger.aliases(thread.id)], thread.revision)

    async def _think(self, row: ChangeRow, thread: Thread, line: Line, newest: int) -> None:
        for name, enabled in self._config.plugins.items():
            if row.plugin not in ("", name):
                continue
            change = self._change_for(name, row, thread, newest)
            self._obey(change, thread, line)
            change = _without_commands(change, thread, line)
            if row.plugin or self._fits(enabled, change, thread, line):
                await self._run(enabled, change, thread, line, row.happened_at if row.plugin else None)

    def _change_for(self, plugin: str, row: ChangeRow, thread: Thread, newest: int) -> Change:
        """The events since this plugin's last finished run: states coalesce, events never.

        What came after the thread was read (`newest`) is for the next revision, which has it in its messages too.
        """
        if row.plugin:  # a sweep's find is about how the ticket stands, not about what was said
            return Change(
                thread_id=thread.id, revision=thread.revision, because=row.because, facts=row.facts, key=row.key
            )
        with self._store.reading() as tx:
            seen = tx.ledger.last_event_seen(thread.id, plugin) or 0
            events = tx.mirror.events_since(thread, seen)
        news = tuple(event for event in events if is_news([event]) and event.id <= newest)
        return Change(thread_id=thread.id, revision=thread.revision, events=news, key=f"rev:{thread.revision}")

    def _fits(self, enabled: EnabledPlugin, change: Change, thread: Thread, line: Line) -> bool:
        if origin_of(thread.ticket, line.settings.desk) not in enabled.settings.origins:
            return False  # alerts are most of the volume on many desks; not even a row is kept for each
        on = self._plugins[enabled.name].listens_to()
        return any(event.kind in on for event in change.events) and matches(enabled.settings.when, thread.ticket)

    async def _run(
        self, enabled: EnabledPlugin, change: Change, thread: Thread, line: Line, found_at: datetime | None
    ) -> None:
        with self._store.reading() as tx:
            if tx.ledger.run(thread.id, enabled.name, change.key):
                return
            why = self._silent(tx, line, thread)
        if why:
            self._record_stop(enabled, change, thread, why)
            return
        wished = await self.ask(enabled.name, change, thread, line)
        metrics.RUNS.labels(enabled.name, wished.outcome).inc()
        self._record(enabled, change, thread, line, wished, found_at)

    def _silent(self, tx: Transaction, line: Line, thread: Thread) -> str:
        """Why no plugin is asked at all: a stop, or an incident that is spoken of elsewhere."""
        why = stopped(self._config, line, thread, thread.ticket)
        is_member = not why and spoken_of_on(tx, line, thread.ticket.ref)
        return "part of an incident; what is to be said is said on its first ticket" if is_member else why

    async def ask(self, plugin: str, change: Change, thread: Thread, line: Line) -> Wished:
        """What the plugin would do; its exception ends its own run only."""
        began = time.monotonic()
        tools = self._bench.tools(plugin, thread, line)
        try:
            async with asyncio.timeout(LONGEST_RUN):
                actions = list(await self._plugins[plugin].run(change, thread, tools))
        except Exception as exc:  # noqa: BLE001 - the one place: a plugin may fail in any way, the daemon goes on
            log.error("run_failed", plugin=plugin, ticket=str(thread.ticket.ref), why=f"{type(exc).__name__}: {exc}")
            return Wished([], "failed", f"{type(exc).__name__}: {exc}", _ms_since(began), tools.llm.spent)
        return Wished(actions, "wished" if actions else "silent", "", _ms_since(began), tools.llm.spent)

    def finds(self, plugin: str, thread: Thread, line: Line) -> list[Found]:
        """What the plugin's own sweep says of a ticket as it stands."""
        tools = self._bench.tools(plugin, thread, line)
        return list(self._plugins[plugin].find(tools.now, [tools.standing]))

    # -- recording -------------------------------------------------------------------------------------------

    def _record_stop(self, enabled: EnabledPlugin, change: Change, thread: Thread, why: str) -> None:
        now = self._lines[thread.ticket.ref.connection].clock.now()
        with self._store.transaction() as tx:
            run_id = self._add_run(tx, enabled, change, thread, Wished([], "stopped", why, 0), now)
            if not tx.ledger.said_already(thread.ticket.ref, enabled.name, "stopped", why):
                tx.ledger.add(_decision(thread, thread.ticket, enabled.name, run_id, {}, Verdict("stopped", why), now))

    def _record(
        self,
        enabled: EnabledPlugin,
        change: Change,
        thread: Thread,
        line: Line,
        wished: Wished,
        found_at: datetime | None,
    ) -> None:
        """The run, its verdicts and what they promise become true together."""
        now = line.clock.now()
        happened_at = found_at or happened(change.events, enabled.plugin_class.on)
        with self._store.transaction() as tx:
            run_id = self._add_run(tx, enabled, change, thread, wished, now)
            cases = [self.case(tx, enabled, thread, line, wish, happened_at) for wish in wished.actions]
            cases = [replace(case, found=found_at is not None) for case in cases]
            judged = _together([(case, _foreign(case.wish, thread) or judge(case)) for case in cases])
            verdicts = [self._decide(case, verdict, run_id) for case, verdict in judged]
            self._book(tx, run_id, thread, wished, now)
            if "suggested" in verdicts:
                self._suggest(tx, line, thread, now)

    @staticmethod
    def _add_run(
        tx: Transaction, enabled: EnabledPlugin, change: Change, thread: Thread, wished: Wished, now: datetime
    ) -> int:
        last = max((event.id for event in change.events), default=0)
        return tx.ledger.add_run(
            RunRow(
                connection=thread.ticket.ref.connection,
                thread_id=thread.id,
                plugin=enabled.name,
                key=change.key,
                revision=change.revision,
                last_event=last,
                outcome=wished.outcome,
                why=wished.why,
                at=now,
                took_ms=wished.took_ms,
            )
        )

    @staticmethod
    def _book(tx: Transaction, run_id: int, thread: Thread, wished: Wished, now: datetime) -> None:
        """What a model took stands with the first decision of the run that asked it."""
        cluster = tx.incidents.of(thread.ticket.ref, now) if wished.calls else None
        if cluster is not None:
            tx.incidents.called_model(cluster, len(wished.calls))
        for row in tx.ledger.decisions_of(run_id)[:1]:
            row.model = wished.calls[-1].model if wished.calls else ""
            row.cost = sum(call.cost for call in wished.calls)
            row.tokens = sum(call.tokens_in + call.tokens_out for call in wished.calls)

    def _decide(self, case: Case, verdict: Verdict, run_id: int) -> str:
        tx, enabled, thread, line, wish = case.tx, case.plugin, case.thread, case.line, case.wish
        if verdict.trips_breaker:
            self._trip(tx, enabled, line, verdict, case.now)
        decision = _decision(thread, case.ticket, enabled.name, run_id, kept(wish, verdict), verdict, case.now)
        decision.because, decision.evidence = wish.because, list(wish.evidence)
        decision.confidence, decision.happened_at = wish.confidence, case.happened_at
        decision.expires = case.now + (SUGGESTION_LIFE if verdict.verdict == "suggested" else time_to_live(case))
        if enabled.settings.mode == "suggest" or wish.suggest_only:
            self._replace_suggestions(tx, case)
        if verdict.verdict == "suggested":
            decision.code = "".join(secrets.choice(ALPHABET) for _ in range(6))
        tx.ledger.add(decision)
        if verdict.verdict == "promised":
            promise(tx, decision, enabled.name, case.ticket, wish, case.now, time_to_live(case))
        log.info("decided", plugin=enabled.name, ticket=str(case.ref), wish=wish.kind, verdict=verdict.verdict)
        return verdict.verdict

    def case(
        self,
        tx: Transaction,
        enabled: EnabledPlugin,
        thread: Thread,
        line: Line,
        wish: Action,
        happened_at: datetime | None,
    ) -> Case:
        """One wish as the policy sees it."""
        ticket = (thread.of(wish.ticket) if wish.ticket else None) or thread.ticket
        return Case(self._config, line, enabled, thread, ticket, wish, tx, line.clock.now(), happened_at)

    @staticmethod
    def _trip(tx: Transaction, enabled: EnabledPlugin, line: Line, verdict: Verdict, now: datetime) -> None:
        why = verdict.reason.removeprefix("breaker: ")
        if tx.ledger.trip(line.name, enabled.name, why, now):
            log.error("breaker_tripped", connection=line.name, plugin=enabled.name, why=why)

    # -- suggestions -----------------------------------------------------------------------------------------

    @staticmethod
    def _replace_suggestions(tx: Transaction, case: Case) -> None:
        """A newer suggestion of a plugin for the same thing takes the place of its older ones."""
        for row in tx.ledger.open_suggestions(case.ref):
            same = (row.wish.get("kind"), row.wish.get("field")) == (case.wish.kind, getattr(case.wish, "field", None))
            if row.plugin == case.plugin.name and same:
                tx.ledger.turn(row, "dropped", "a newer suggestion took its place", case.now)

    def _suggest(self, tx: Transaction, line: Line, thread: Thread, now: datetime) -> None:
        """One living note says what all plugins would do on this ticket."""
        ref = thread.ticket.ref
        living = tx.ledger.living(ref, SUGGEST.name)
        open_ones = tx.ledger.open_suggestions(ref)
        if not open_ones or (living is not None and living.touched):
            return
        wish = AddNote(body=suggestion_text(open_ones), living=True, because="suggestions wait for an answer")
        if noise(self.case(tx, SUGGEST, thread, line, wish, None)):
            return
        promise(tx, open_ones[-1], SUGGEST.name, thread.ticket, wish, now, SUGGESTION_LIFE)

    def _obey(self, change: Change, thread: Thread, line: Line) -> None:
        """Approvals and refusals that technicians typed since the last look."""
        new = {event.message for event in change.events if event.kind is EventKind.MESSAGE_ADDED}
        for spoken in spoken_commands(thread, line):
            if spoken.message.key in new and spoken.code:
                self._answer(spoken, line.clock.now())

    def _answer(self, spoken: Spoken, now: datetime) -> None:
        with self._store.transaction() as tx:
            for row in tx.ledger.open_suggestions(spoken.message.ticket):
                if row.code != spoken.code:
                    continue
                try:
                    if spoken.verb == "approve":
                        commands.approve(tx, row.id or 0, spoken.code, now)
                    elif spoken.verb == "decline":
                        commands.decline(tx, row.id or 0, spoken.reason or "declined in the ticket", now)
                except CopilotError as exc:
                    log.info("answer_refused", ticket=str(spoken.message.ticket), why=str(exc))


def _without_commands(change: Change, thread: Thread, line: Line) -> Change:
    """What a technician tells the copilot is an order, no news for plugins."""
    typed = {(spoken.message.ticket, spoken.message.key) for spoken in spoken_commands(thread, line)}
    events = tuple(event for event in change.events if (event.ticket, event.message) not in typed)
    return change.model_copy(update={"events": events})


def happened(events: Sequence[Event], on: frozenset[EventKind]) -> datetime | None:
    """When the newest event that the plugin listens to happened."""
    return max((event.happened_at for event in events if event.kind in on), default=None)


def promise(
    tx: Transaction, decision: DecisionRow, plugin: str, ticket: Ticket, wish: Action, now: datetime, life: timedelta
) -> int:
    """Owe a write. A newer text of the same living note takes the place of one that has not gone yet."""
    marker = new_marker()
    action = wish
    if isinstance(wish, AddNote):
        action = wish.model_copy(update={"body": signed(wish.body, plugin, marker)})
        if wish.living:
            _supersede(tx, ticket, plugin, now)
    return tx.work.promise(decision, plugin, action, marker, now, life)


def _supersede(tx: Transaction, ticket: Ticket, plugin: str, now: datetime) -> None:
    for row in tx.work.writes(ticket=(ticket.ref.connection, ticket.ref.remote_id), state="pending"):
        if row.plugin == plugin and row.action.get("living"):
            row.state, row.why = "dropped", "a newer text took its place"
            decision = tx.ledger.decision(row.decision_id)
            if decision is not None and decision.verdict == "promised":
                tx.ledger.turn(decision, "dropped", row.why, now)


def suggestion_text(rows: Sequence[DecisionRow]) -> str:
    """What the one suggestion note says: a note stands in it whole, a field as `field: was → new, code XXXX`."""
    parts = [f"Suggestions: {len(rows)}, answer with `copilot approve CODE` or `copilot decline CODE why`."]
    for row in rows:
        wish = action_from(row.wish)
        said = body_of(wish)
        parts.append(
            f"{said}, code {row.code}"
            if not isinstance(wish, AddNote)
            else f"Note by {row.plugin}, code {row.code}:\n{said}"
        )
    return "\n".join(parts)


def body_of(wish: Action) -> str:
    """What would stand in the PSA: a note's text, or `field: was → new`."""
    match wish:
        case ChangeField():
            along = "".join(f", {field.value} → {value}" for field, value in wish.along.items())
            return f"{wish.field.value}: {wish.was or '(empty)'} → {wish.to or '(empty)'}{along}"
        case Book():
            return f"appointment: {wish.person}, {wish.starts:%d %b %H:%M} to {wish.ends:%H:%M} UTC"
        case LinkTo():
            return f"link: child of {wish.parent}"
        case LogTime():
            return f"time entry: {wish.minutes} min, {wish.body}"
        case _:
            return wish.body


def _foreign(wish: Action, thread: Thread) -> Verdict | None:
    """A wish names a ticket of its own thread or none: nothing is written across threads, clients or tenants."""
    if isinstance(wish, EditNote):
        return Verdict("dropped", "plugins wish notes; only the outbox edits one, while it is ours")
    if wish.ticket is None or thread.of(wish.ticket):
        return None
    return Verdict("dropped", f"{wish.ticket} does not belong to this thread")


def kept(wish: Action, verdict: Verdict) -> dict[str, Any]:
    """The wish as the ledger keeps it."""
    told = wish.model_dump(mode="json")
    return told | {name: "(confidential)" for name in ("body", "to", "was") if verdict.hides and name in told}


def _together(judged: list[tuple[Case, Verdict]]) -> list[tuple[Case, Verdict]]:
    """What one rule wishes happens whole or not at all: no change without its note, no note without its change."""
    let = ("promised", "suggested")
    refused = {case.wish.rule: verdict for case, verdict in judged if case.wish.rule and verdict.verdict not in let}
    return [
        (case, Verdict("dropped", f"rule {case.wish.rule} goes whole or not at all: {refused[case.wish.rule].reason}"))
        if case.wish.rule in refused and verdict.verdict in let
        else (case, verdict)
        for case, verdict in judged
    ]


def _decision(
    thread: Thread, ticket: Ticket, plugin: str, run_id: int, wish: dict[str, Any], verdict: Verdict, now: datetime
) -> DecisionRow:
    return DecisionRow(
        at=now,
        connection=ticket.ref.connection,
        thread_id=thread.id,
        ticket=ticket.ref.remote_id,
        plugin=plugin,
        run_id=run_id,
        revision=thread.revision,
        wish=wish,
        verdict=verdict.verdict,
        reason=verdict.reason,
    )


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

"""The one place that writes to a PSA. Each write is promised, journaled, sent, and its receipt kept.

Before the request leaves, its row says `sending`. A row that is found in `sending` waits out the request's
time-out plus a grace, looks for its effect in the PSA, and sends again only if the effect is absent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psa_copilot import logs, metrics
from psa_copilot.actions import Action, AddNote, ChangeField, EditNote, Receipt, action_from
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine import brakes, canary
from psa_copilot.engine.cases import SUGGEST, Case, Verdict
from psa_copilot.engine.collisions import Collisions
from psa_copilot.engine.commands import keep_written, paused, says_the_same
from psa_copilot.engine.control import ControlTicket
from psa_copilot.engine.hands import by_whom
from psa_copilot.engine.lines import Line, is_news, owe
from psa_copilot.engine.policy import DAY, closes, is_among_last, judge_again
from psa_copilot.errors import AuthFailed, NotFound, NotReady, PsaError, RateLimited, Rejected, Unsupported
from psa_copilot.events import Source
from psa_copilot.markers import same_text, signed, unsigned
from psa_copilot.models import ActorClass, Message, Ref, Thread, Ticket
from psa_copilot.store import Store, Transaction, WriteRow

log = logs.get("outbox")

SOON = timedelta(seconds=5)
A_MOMENT = timedelta(seconds=1)
SLA_MOVED = "SLA moved"
JUST_NOW = timedelta(seconds=30)
PAUSE_LOOK = timedelta(seconds=10)  # `resume` makes them due at once


@dataclass(frozen=True)
class Fresh:
    """A ticket as it stands right before the write, and the thread around it."""

    ticket: Ticket
    thread: Thread
    asked_at: datetime
    """When the PSA was asked; what showed only after that is not in it, however slow the answer was."""


class Outbox:
    """Carries out `write` rows. Its end is always a row in our store; it never raises."""

    def __init__(
        self,
        config: Config,
        store: Store,
        lines: Mapping[str, Line],
        owed: Callable[[], None],
        *,
        looks_up: bool = True,
    ) -> None:
        self._config, self._store, self._lines, self._owed, self._looks_up = config, store, lines, owed, looks_up
        self._collisions = {name: Collisions(line, store) for name, line in lines.items()}
        self._controls = {name: ControlTicket(line) for name, line in lines.items()}

    async def write(self, row_id: int) -> None:
        """Bring one write a step further."""
        with self._store.reading() as tx:
            row = tx.work.write(row_id)
            why_paused = paused(tx, row.connection) if row else ""
            another = tx.work.sending_on(row.connection, row.ticket, row_id) if row else False
        if row is None or row.state not in ("pending", "sending"):
            return
        line = self._lines.get(row.connection)
        if line is None:
            self._end_unreachable(row)
        elif line.directory is None or line.locked_out:
            self._later(row, SOON, "the PSA is not reached")
        elif row.state == "pending" and row.expires < line.clock.now():
            self._end(row, "expired", "expired before it could be sent")
        elif row.state == "pending" and why_paused:
            self._later(row, PAUSE_LOOK, f"paused: {why_paused}")
        elif row.state == "pending" and another:
            # Its fate decides what stands in the note; until then our own edit would look like a human's.
            self._later(row, A_MOMENT, "another write to this ticket")
        else:
            await self._attempt(row, line)

    def _end_unreachable(self, row: WriteRow) -> None:
        """Its connection is not in the configuration any more: it cannot be sent, and cannot be looked for."""
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is not None:
                fresh.state, fresh.why = "dead", f"connection {row.connection} is not configured any more"

    async def _attempt(self, row: WriteRow, line: Line) -> None:
        try:
            if row.state == "sending":
                await self._recover(row, line)
            else:
                await self._send_if_fit(row, line)
        except RateLimited as exc:
            self._later(row, exc.retry_after - line.clock.now(), str(exc))
        except AuthFailed as exc:
            line.went_away(exc)
            self._later(row, SOON, str(exc))
        except NotFound as exc:
            await self._maybe_gone(row, line, exc)
        except NotReady as exc:
            self._later(row, SOON, str(exc))
        except (Rejected, Unsupported) as exc:
            self._end(row, "rejected", str(exc))
        except Exception as exc:  # noqa: BLE001 - a fault of our own is an attempt on record, not a lost write
            log.error("write_failed", write=row.id, why=f"{type(exc).__name__}: {exc}")
            self._later(row, SOON, f"{type(exc).__name__}: {exc}", counts=True)

    # -- a row that was found in `sending` -------------------------------------------------------------------

    async def _recover(self, row: WriteRow, line: Line) -> None:
        """It may or may not have been carried out: wait out its time, then look."""
        left = self._uncertain_for(row, line)
        if left > 0:
            self._later(row, timedelta(seconds=left * line.clock.speed), "waits out an unanswered request")
            return
        action, ref = action_from(row.action), line.ref(row.ticket)
        receipt = await line.connector.find(ref, action, row.marker) if self._looks_up else None
        if receipt is not None:
            await self._done(row, line, receipt)
        elif isinstance(action, ChangeField) and self._looks_up and not await self._still_was(ref, line, action):
            self._end(row, "dropped", f"a human set {action.field.value} while our request was lost")
        else:
            self._back_to_pending(row)
            with self._store.reading() as tx:
                fresh = tx.work.write(row.id or 0)
            if fresh is not None:
                await self._send_if_fit(fresh, line)

    @staticmethod
    def _uncertain_for(row: WriteRow, line: Line) -> float:
        """Real seconds until a lost request can have no late effect any more."""
        span = line.settings.request_timeout + line.settings.write_grace
        return (row.sending_since or 0.0) + span.total_seconds() - time.time()

    @staticmethod
    async def _still_was(ref: Ref, line: Line, action: ChangeField) -> bool:
        return (await line.connector.ticket(ref)).field(action.field) == action.was

    def _back_to_pending(self, row: WriteRow) -> None:
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is not None:
                fresh.state = "pending"

    # -- judging again and sending ---------------------------------------------------------------------------

    async def _send_if_fit(self, row: WriteRow, line: Line) -> None:
        if self._waits_for_its_change(row):
            return
        held = await self._controls[line.name].why()
        if held:
            self._later(row, PAUSE_LOOK, held)
            return
        looked = await self._looked_again(row, line)
        if looked and self._would_close(row, line, *looked):
            blocked = "; ".join(await line.connector.blocks_closing(looked[0].ref))
            if blocked:
                self._end(row, "dropped", f"a close would step over: {blocked}", verdict="dropped")
                return
            # Those looks take their time, and a human may have been quicker.
            looked = await self._looked_again(row, line)
        if looked and self._begin(row, line, looked[1], looked[0]):
            await self._request(row, line, looked[1])

    async def _looked_again(self, row: WriteRow, line: Line) -> tuple[Ticket, Action] | None:
        """The ticket now, and what is to be written to it; None when that is over, or has to wait."""
        fresh = await self._fresh_read(row, line)
        if fresh is None:
            self._end(row, "dropped", "the ticket is gone")
            return None
        if (wait := self._until_ours_shows(row, line, fresh)) > timedelta():
            self._later(row, wait, "our last note here does not show yet")
            return None
        with self._store.transaction() as tx:
            verdict, action = self._judge(tx, row, line, fresh)
        if verdict is None:
            return fresh.ticket, action
        if verdict.not_before is not None:
            self._hold(row, verdict.not_before, verdict.reason)
        else:
            self._end(row, _as_state(verdict.verdict), verdict.reason, verdict=verdict.verdict)
        return None

    def _until_ours_shows(self, row: WriteRow, line: Line, fresh: Fresh) -> timedelta:
        """How long to wait for what we wrote last: where writes show late, its absence is no human's doing."""
        action = action_from(row.action)
        changes_a_note = isinstance(action, EditNote) or (isinstance(action, AddNote) and action.living)
        if not line.connector.shows_late or not changes_a_note:
            return timedelta()
        ref = fresh.ticket.ref
        with self._store.reading() as tx:
            done = [w for w in tx.work.writes(ticket=(row.connection, row.ticket), state="done") if w.done_at]
            notes = [w for w in done if w.action.get("kind") in ("add_note", "edit_note") and w.plugin == row.plugin]
            last = max(notes, key=lambda w: w.done_at or w.created_at, default=None)
            note_id, body = (str((last.receipt or {}).get("remote_id")), str(last.action["body"])) if last else ("", "")
            has_shown = tx.mirror.has_shown(ref, note_id, body)
        since = fresh.asked_at - last.done_at if last and last.done_at else line.settings.write_grace
        if last is None or since >= line.settings.write_grace or has_shown:
            return timedelta()
        return min(max(A_MOMENT, since), line.settings.write_grace - since + A_MOMENT)

    @staticmethod
    def _would_close(row: WriteRow, line: Line, ticket: Ticket, action: Action) -> bool:
        """Whether it ends the ticket: an API closes what a PSA's own screens would not."""
        return row.undoes is None and isinstance(action, ChangeField) and closes(line, ticket, action)

    def _waits_for_its_change(self, row: WriteRow) -> bool:
        """A note that tells of a rule's change is written after it, and only if it was made."""
        rule = row.action.get("rule") if row.action.get("kind") == "add_note" else ""
        with self._store.reading() as tx:
            change = tx.work.change_by_rule(row, str(rule)) if rule else None
        if change is None or change.state == "done":
            return False
        if change.state in ("pending", "sending"):
            self._later(row, A_MOMENT, f"waits for the change by rule {rule}")
        else:
            self._end(row, "dropped", f"the change by rule {rule} was not made: {change.why}")
        return True

    async def _fresh_read(self, row: WriteRow, line: Line) -> Fresh | None:
        """The ticket now; its messages too where they may have changed since we read them."""
        ref, asked_at = line.ref(row.ticket), line.clock.now()
        [ticket], hands = await by_whom(line, self._store, [await line.connector.ticket(ref)])
        with self._store.transaction() as tx:
            events = tx.mirror.save_tickets([ticket], line.look(Source.POLL), hands)
            # A note of ours that is to be changed is looked at whatever the stamps say: an edit need not move them.
            changes_a_note = row.action.get("kind") == "edit_note" or tx.ledger.living(ref, row.plugin) is not None
            stale = changes_a_note or tx.mirror.needs_messages(ticket) or self._may_have_spoken(tx, line, ref)
            if stale:
                tx.mirror.want(ref, "change" if is_news(events) else "messages")
            else:
                owe(tx, line, ref, events)
        if stale:
            look = line.look(Source.POLL)
            pulled = await line.connector.messages(ticket)
            with self._store.transaction() as tx:
                wanted = tx.mirror.row(ref)
                owes = wanted is not None and wanted.wants == "change"  # by this read, or by one of the sync's before
                owe(tx, line, ref, tx.mirror.save_messages(ticket, pulled.messages, look), always=owes)
        with self._store.reading() as tx:
            thread = tx.mirror.thread_of(ref)
        return Fresh(ticket, thread, asked_at) if thread and thread.of(ref) else None

    @staticmethod
    def _may_have_spoken(tx: Transaction, line: Line, ref: Ref) -> bool:
        """Where a note need not move the ticket's stamp, somebody may have said `copilot off` since we last read."""
        row = tx.mirror.row(ref)
        if line.connector.can.message_bumps_ticket == "yes" or row is None or row.messages_read_at is None:
            return False
        return line.connector.http.psa_now() - row.messages_read_at > JUST_NOW

    def _hold(self, row: WriteRow, until: datetime, why: str) -> None:
        """It waits for its hour, and stays as long good after it."""
        now = self._lines[row.connection].clock.now()
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is not None and fresh.state == "pending":
                fresh.expires += until - now
                tx.work.try_again(fresh, until, why, counts=False)

    def _judge(self, tx: Transaction, row: WriteRow, line: Line, fresh: Fresh) -> tuple[Verdict | None, Action]:
        action = action_from(row.action)
        now = line.clock.now()
        if row.expires < now:
            return Verdict("expired", "expired before it could be sent"), action
        if row.undoes is not None:
            return self._still_ours(action, fresh), action
        case = Case(
            self._config, line, self._plugin(row), fresh.thread, fresh.ticket, action, tx, now, happened_at=None
        )
        case = replace(case, decided_at=_wished_at(tx, row))
        verdict = self._switched_off(tx, row, action) or judge_again(case) or _outside_hours(case)
        if verdict is None and isinstance(action, AddNote) and action.living:
            return self._as_living(tx, row, action, fresh)
        return verdict or self._still_ours(action, fresh), action

    def _switched_off(self, tx: Transaction, row: WriteRow, action: Action) -> Verdict | None:
        """What was promised before a restart with another configuration obeys the new one."""
        enabled = self._plugin(row)
        if enabled is SUGGEST and row.plugin != SUGGEST.name:
            return Verdict("dropped", f"no plugin {row.plugin} is enabled any more")
        if enabled.settings.mode == "observe":
            return Verdict("observed", "the plugin has been put to observe since")
        line, state = self._lines[row.connection], tx.ledger.state(row.connection, row.plugin)
        if state is not None and state.tripped_at is not None and state.tripped_why.startswith(SLA_MOVED):
            # What was promised within the limit of tickets still goes; what sets off more than it should does not.
            return Verdict("observed", f"breaker: {state.tripped_why}")
        why = "" if line.settings.accept_risk else canary.missing(tx, line, action)
        return Verdict("observed", why) if why else None

    def _plugin(self, row: WriteRow) -> EnabledPlugin:
        """The plugin behind a write; the suggestion note is the core's own."""
        return self._config.plugins.get(row.plugin, SUGGEST)

    @staticmethod
    def _still_ours(action: Action, fresh: Fresh) -> Verdict | None:
        """What we wrote is changed or taken back only while it still stands as we left it."""
        if isinstance(action, ChangeField) and fresh.ticket.field(action.field) != action.was:
            value = fresh.ticket.field(action.field)
            return Verdict("dropped", f"{action.field.value} is {value!r} now; it is not ours to change")
        if isinstance(action, EditNote):
            note = fresh.thread.note(fresh.ticket.ref, action.note_id)
            if note is None or not (_is_ours(note) and same_text(note.text, action.was)):
                return Verdict("dropped", "a human edited or deleted the note; it is left alone")
        return None

    def _as_living(
        self, tx: Transaction, row: WriteRow, action: AddNote, fresh: Fresh
    ) -> tuple[Verdict | None, Action]:
        """The last living note is updated in place while it is among the last messages and untouched."""
        ref = fresh.ticket.ref
        living = tx.ledger.living(ref, row.plugin)
        if living is None:
            return None, action
        if says_the_same(living.body, action.body):
            return Verdict("dropped", "nothing new to say"), action
        note = fresh.thread.note(ref, living.note_id)
        if note is None or not (_is_ours(note) and same_text(note.text, living.body)):
            living.touched = True
            return Verdict("dropped", "a human edited or deleted our note here; it is left alone"), action
        if is_among_last(fresh.thread, ref, living.note_id):
            edit = EditNote(because=action.because, note_id=living.note_id, body=action.body, was=living.body)
            return None, edit
        since = self._lines[row.connection].clock.now() - DAY
        if any(other.id != row.id for other in tx.ledger.new_notes(row.connection, since, ticket=row.ticket)):
            return Verdict("dropped", "noise: this ticket has had its new note for 24 hours"), action
        told = f"Replaces our note of {note.sent_at:%d %b %H:%M} UTC."
        body = unsigned(action.body).removesuffix(told).rstrip()  # it is there already when this is another try
        return None, action.model_copy(update={"body": signed(f"{body}\n{told}", row.plugin, row.marker)})

    def _begin(self, row: WriteRow, line: Line, action: Action, ticket: Ticket) -> bool:
        """Commit `sending` before the request leaves; one write to a ticket at a time."""
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is None or fresh.state != "pending":
                return False
            why_paused = paused(tx, row.connection)
            if why_paused:
                tx.work.try_again(fresh, line.clock.now() + PAUSE_LOOK, f"paused: {why_paused}", counts=False)
                return False
            if tx.work.sending_on(row.connection, row.ticket, row.id or 0):
                tx.work.try_again(fresh, line.clock.now() + A_MOMENT, "another write to this ticket", counts=False)
                return False
            fresh.state, fresh.sending_since, fresh.sent = "sending", time.time(), fresh.sent + 1
            fresh.action, fresh.read_stamp = action.model_dump(mode="json"), ticket.updated_at
            fresh.sla_before = ticket.sla_state
        row.action, row.read_stamp = action.model_dump(mode="json"), ticket.updated_at
        row.sla_before = ticket.sla_state
        return True

    async def _request(self, row: WriteRow, line: Line, action: Action) -> None:
        try:
            receipt = await line.connector.apply(line.ref(row.ticket), action, row.marker)
        except NotReady as exc:
            if not exc.maybe_done:
                self._back_to_pending(row)
            raise
        except (AuthFailed, NotFound):
            self._back_to_pending(row)
            raise
        await self._done(row, line, receipt)

    # -- ends ------------------------------------------------------------------------------------------------

    async def _done(self, row: WriteRow, line: Line, receipt: Receipt) -> None:
        now = line.clock.now()
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            decision = tx.ledger.decision(row.decision_id)
            if fresh is None:
                return
            fresh.state, fresh.receipt, fresh.done_at, fresh.why = "done", receipt.model_dump(mode="json"), now, ""
            action = action_from(fresh.action)
            if isinstance(action, EditNote) or (isinstance(action, AddNote) and action.living):
                keep_written(tx, line.ref(row.ticket), fresh, receipt.remote_id)
            if fresh.undoes is not None:
                self._undone(tx, fresh, now)
            elif decision is not None and decision.verdict == "promised":
                tx.ledger.turn(decision, "written", "", now)
        metrics.WRITES.labels(row.connection, row.plugin, "done").inc()
        log.info("written", plugin=row.plugin, ticket=f"{row.connection}/{row.ticket}", wish=action.kind)
        if row.undoes is None:
            await self._collisions[row.connection].look_back(row)
            self._look_at_sla(row, line, receipt)

    def _look_at_sla(self, row: WriteRow, line: Line, receipt: Receipt) -> None:
        """A field write that has moved an SLA target although its plugin may not: the plugin is stopped."""
        enabled = self._config.plugins.get(row.plugin)
        if enabled is None or enabled.settings.sla == "may_change" or not (row.sla_before and receipt.sla_state):
            return
        if receipt.sla_state == row.sla_before:
            return
        why = f"{SLA_MOVED} on {row.connection}/{row.ticket}: {row.sla_before} became {receipt.sla_state}"
        with self._store.transaction() as tx:
            tx.ledger.trip(line.name, row.plugin, why, line.clock.now())
        log.error("breaker_tripped", connection=line.name, plugin=row.plugin, why=why)

    @staticmethod
    def _undone(tx: Transaction, row: WriteRow, now: datetime) -> None:
        original, decision = tx.work.write(row.undoes or 0), tx.ledger.decision(row.decision_id)
        if original is not None and original.state == "done":
            original.state = "undone"
            if decision is not None:
                tx.ledger.turn(decision, "undone", "taken back by a human", now)

    def _end(self, row: WriteRow, state: str, why: str, *, verdict: str = "") -> None:
        """This write is over without having been carried out; that is on record."""
        now = self._lines[row.connection].clock.now()
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is None:
                return
            fresh.state, fresh.why, fresh.done_at = state, why, now
            decision = tx.ledger.decision(row.decision_id)
            if decision is not None and decision.verdict == "promised":
                tx.ledger.turn(decision, verdict or {"rejected": "failed"}.get(state, state), why, now)
        metrics.WRITES.labels(row.connection, row.plugin, state).inc()
        log.info("not_written", plugin=row.plugin, ticket=f"{row.connection}/{row.ticket}", state=state, why=why)
        self._owed()

    def _later(self, row: WriteRow, after: timedelta, why: str, *, counts: bool = False) -> None:
        now = self._lines[row.connection].clock.now()
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is None or fresh.state not in ("pending", "sending"):
                return
            if fresh.state == "sending" and fresh.sending_since is not None:
                line = self._lines[row.connection]
                after = max(after, timedelta(seconds=self._uncertain_for(fresh, line) * line.clock.speed))
            tx.work.try_again(fresh, now + after, why, counts=counts)
            if fresh.state == "dead":
                decision = tx.ledger.decision(fresh.decision_id)
                if decision is not None:
                    tx.ledger.turn(decision, "failed", why, now)

    async def _maybe_gone(self, row: WriteRow, line: Line, exc: PsaError) -> None:
        """A 404 may mean a rotated key: believed only when a known-good read succeeds right after."""
        ref = line.ref(row.ticket)
        try:
            await line.connector.known_good()
            await line.connector.ticket(ref)
        except NotFound:
            await self._surely_gone(row, line, exc)
        except PsaError as away:
            line.went_away(away)
            self._later(row, SOON, str(away))
        else:
            self._later(row, SOON, str(exc), counts=True)

    async def _surely_gone(self, row: WriteRow, line: Line, exc: PsaError) -> None:
        """Between two known-good reads, a 404 is about the ticket."""
        try:
            await line.connector.known_good()
        except PsaError as away:
            line.went_away(away)
            self._later(row, SOON, str(away))
        else:
            self._end(row, "dropped", str(exc))


def _is_ours(note: Message) -> bool:
    """Written by us, and still for the MSP's staff only."""
    return note.by is ActorClass.COPILOT and note.internal


def _wished_at(tx: Transaction, row: WriteRow) -> datetime:
    """When the plugin wished it, however long ago a human approved that."""
    decision = tx.ledger.decision(row.decision_id)
    if decision is None:
        return row.created_at
    return datetime.fromisoformat(decision.history[0]["at"]) if decision.history else decision.at


def _outside_hours(case: Case) -> Verdict | None:
    """A write in the small hours pages somebody; it waits until the board opens."""
    if brakes.may_write_now(case):
        return None
    opens = case.line.calendar(case.ticket).opens_next(case.now)
    return Verdict("promised", "waits for the board's hours", not_before=opens)


def _as_state(verdict: str) -> str:
    """The outbox's word for a verdict."""
    return "expired" if verdict == "expired" else "dropped"

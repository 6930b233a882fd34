"""What humans tell the copilot: undo, approve, decline, mark, pause, resume, rearm, release.

Each works within one store transaction; what it promises is carried out by whoever runs the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psa_copilot.actions import AddNote, ChangeField, EditNote, action_from
from psa_copilot.errors import CopilotError
from psa_copilot.markers import new_marker, signed, unsigned
from psa_copilot.models import Field, Ref
from psa_copilot.store import DecisionRow, FeedbackRow, LivingNoteRow, Transaction, WriteRow

UNDO_LIFE = timedelta(hours=4)
MARKS = ("useful", "useless", "leak")
PAUSED = "paused"
EVERYWHERE = ""
"""The connection name under which a pause of all connections is kept."""


@dataclass(frozen=True)
class Undo:
    """A write that takes another one back, and what it sets off."""

    write_id: int
    effects: list[str]


def undo(tx: Transaction, decision_id: int, now: datetime) -> Undo:
    """Take back what a decision wrote: a field gets its former value, a note says that it is withdrawn."""
    decision = _decision(tx, decision_id)
    write = tx.work.write_by_decision(decision_id)
    if write is None or write.state not in ("done", "collision"):
        raise CopilotError(f"decision {decision_id} ({decision.verdict}) has written nothing that could be undone")
    if write.state == "collision":
        raise CopilotError(f"decision {decision_id} was a collision; the human's value stands already")
    marker, ref = new_marker(), Ref(connection=write.connection, remote_id=write.ticket)
    action, effects = _reverse(tx, write, marker)
    if isinstance(action, ChangeField):
        tx.ledger.add_lock(ref, action.field.value, write.plugin, f"decision {decision_id} was undone", now)
    return Undo(tx.work.promise(decision, write.plugin, action, marker, now, UNDO_LIFE, undoes=write.id), effects)


def _reverse(tx: Transaction, write: WriteRow, marker: str) -> tuple[EditNote | ChangeField, list[str]]:
    action = action_from(write.action)
    if isinstance(action, ChangeField):
        effects = [
            f"{action.field.value} of {write.connection}/{write.ticket} goes back to {action.was!r}, "
            f"if it still is {action.to!r}",
            f"{write.plugin} may not change {action.field.value} of this ticket any more",
            *_sets_off(action.field),
        ]
        return ChangeField(because="undone", field=action.field, to=action.was, was=action.to), effects
    if not isinstance(action, AddNote | EditNote):
        raise CopilotError(f"{action.kind}: take it back in the PSA; deleting is a right that we do not ask for")
    if action.customer_visible:
        raise CopilotError("the customer may have read it; it cannot be taken back")
    note_id = str((write.receipt or {}).get("remote_id") or getattr(action, "note_id", ""))
    body = signed("Withdrawn: this note was taken back.", write.plugin, marker)
    effects = [
        f"note {note_id} of {write.connection}/{write.ticket} says that it is withdrawn; the PSA keeps the note itself",
        f"{write.plugin} leaves this note alone from now on",
    ]
    living = tx.ledger.living(Ref(connection=write.connection, remote_id=write.ticket), write.plugin)
    if living is not None and living.note_id == note_id:
        living.touched = True
    standing = living.body if living is not None and living.note_id == note_id else action.body
    return EditNote(because="undone", note_id=note_id, body=body, was=standing), effects


def _sets_off(field: Field) -> list[str]:
    """What a PSA may do by itself when a field goes back."""
    if field in (Field.STATUS, Field.BOARD):
        return ["the PSA may mail, close, reopen or move an SLA clock by itself, as it does for anybody who sets it"]
    return ["the PSA may move an SLA clock by itself"] if field is Field.PRIORITY else []


def approve(tx: Transaction, decision_id: int, code: str | None, now: datetime) -> int:
    """Apply a suggestion; its time to live starts now. Returns the write's id."""
    decision = _suggestion(tx, decision_id)
    if code is not None and code != decision.code:
        raise CopilotError(f"decision {decision_id} has another code; look at the suggestion note")
    if decision.expires is not None and decision.expires < now:
        tx.ledger.turn(decision, "expired", "nobody answered in 72 hours", now)
        raise CopilotError(f"decision {decision_id} was suggested more than 72 hours ago; it has expired")
    wish = action_from(decision.wish)
    marker = new_marker()
    if isinstance(wish, AddNote):
        wish = wish.model_copy(update={"body": signed(wish.body, decision.plugin, marker)})
    tx.ledger.turn(decision, "promised", "approved by a human", now)
    promised = tx.work.promise(decision, decision.plugin, wish, marker, now, wish.time_to_live)
    for other in _of_same_rule(tx, decision, wish.rule):
        approve(tx, other.id or 0, None, now)
    return promised


def _of_same_rule(tx: Transaction, decision: DecisionRow, rule: str) -> list[DecisionRow]:
    """What one rule suggested in the same breath: a change and the note that tells of it are approved as one."""
    if not rule or decision.run_id is None:
        return []
    rows = tx.ledger.decisions_of(decision.run_id)
    return [row for row in rows if row.verdict == "suggested" and row.wish.get("rule") == rule]


def decline(tx: Transaction, decision_id: int, reason: str, now: datetime) -> None:
    """Say no to a suggestion; the reason is kept."""
    decision = _suggestion(tx, decision_id)
    tx.ledger.turn(decision, "declined", reason, now)
    _feedback(tx, decision, f"declined: {reason}", now)


def mark(tx: Transaction, decision_id: int, mark: str, now: datetime) -> None:
    """Say what a note was worth: useful, useless or leak."""
    if mark not in MARKS:
        raise CopilotError(f"{mark!r} is no mark; choose one of {', '.join(MARKS)}")
    decision = _decision(tx, decision_id)
    decision.mark = mark
    _feedback(tx, decision, f"marked {mark}", now)


def pause(tx: Transaction, connection: str, why: str, now: datetime) -> None:
    """Stop all writes of a connection, or of all (empty name); promises are kept and judged again on resume."""
    tx.work.set_flag(connection, PAUSED, why or "paused by a human", now)


def resume(tx: Transaction, connection: str, now: datetime) -> None:
    """End a pause."""
    if tx.work.flag(connection, PAUSED) is None:
        raise CopilotError(f"{connection or 'the copilot'} is not paused")
    tx.work.clear_flag(connection, PAUSED)
    tx.work.due_at_once(connection, now)


def paused(tx: Transaction, connection: str) -> str:
    """Why this connection is not to be written to, or nothing."""
    flag = tx.work.flag(EVERYWHERE, PAUSED) or tx.work.flag(connection, PAUSED)
    return flag.value if flag else ""


def rearm(tx: Transaction, connection: str, plugin: str, now: datetime) -> None:
    """Let a plugin act again after its breaker has tripped; its counts start anew."""
    state = tx.ledger.state(connection, plugin)
    if state is None:
        raise CopilotError(f"no plugin {plugin} has run on connection {connection} yet")
    if state.tripped_at is None:
        raise CopilotError(f"the breaker of {plugin} on {connection} has not tripped")
    state.tripped_at, state.tripped_why, state.rearmed_at = None, "", now


def keep_written(tx: Transaction, ref: Ref, row: WriteRow, note_id: str) -> None:
    """A living note stands in the PSA now: remember where and with what text."""
    living = tx.ledger.living(ref, row.plugin)
    if row.undoes is not None and (living is None or living.note_id != note_id):
        return  # an older note was withdrawn; the present one goes on
    tx.ledger.keep_living(
        LivingNoteRow(
            connection=row.connection,
            ticket=row.ticket,
            plugin=row.plugin,
            note_id=note_id,
            marker=row.marker,
            body=str(row.action["body"]),
            touched=row.undoes is not None or (living is not None and living.note_id == note_id and living.touched),
        )
    )


def says_the_same(one: str, other: str) -> bool:
    """Whether two notes of ours differ by their markers only."""
    return unsigned(one).split() == unsigned(other).split()


def _decision(tx: Transaction, decision_id: int) -> DecisionRow:
    decision = tx.ledger.decision(decision_id)
    if decision is None:
        raise CopilotError(f"there is no decision {decision_id}; `psa-copilot ledger` lists them")
    return decision


def _suggestion(tx: Transaction, decision_id: int) -> DecisionRow:
    decision = _decision(tx, decision_id)
    if decision.verdict != "suggested":
        raise CopilotError(f"decision {decision_id} is {decision.verdict}, not a suggestion that waits for an answer")
    return decision


def _feedback(tx: Transaction, decision: DecisionRow, kind: str, now: datetime) -> None:
    tx.ledger.add_feedback(
        FeedbackRow(connection=decision.connection, ticket=decision.ticket, plugin=decision.plugin, kind=kind, at=now)
    )

"""Rows of the store as programs and people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from psa_copilot.errors import CopilotError
from psa_copilot.models import Ref

if TYPE_CHECKING:
    from psa_copilot.store import DecisionRow, Transaction, WriteRow


def wish(action: dict[str, Any]) -> str:
    """An action in a few words: `add_note`, `status: New → In Progress`."""
    if action.get("kind") == "change_field":
        return f"{action['field']}: {action['was']} → {action['to']}"
    return str(action.get("kind", ""))


def decision(row: DecisionRow | None) -> dict[str, Any]:
    """A decision as in the list."""
    if row is None:
        raise CopilotError("there is no such decision")
    return {
        "id": row.id,
        "at": row.at.isoformat(timespec="seconds"),
        "ticket": f"{row.connection}/{row.ticket}",
        "plugin": row.plugin,
        "wish": wish(row.wish),
        "verdict": row.verdict,
        "reason": row.reason,
        "because": row.because,
        "confidence": row.confidence,
        "model": row.model,
        "cost": row.cost,
    }


def whole_decision(tx: Transaction, row: DecisionRow) -> dict[str, Any]:
    """A decision with everything that belongs to it."""
    ref = Ref(connection=row.connection, remote_id=row.ticket)
    writes = [one for one in tx.work.writes(ticket=(row.connection, row.ticket)) if one.decision_id == row.id]
    said = [one for one in tx.ledger.feedback(ref) if one.plugin == row.plugin]
    return decision(row) | {
        "thread": row.thread_id,
        "revision": row.revision,
        "action": row.wish,
        "evidence": row.evidence,
        "code": row.code,
        "expires": row.expires.isoformat(timespec="seconds") if row.expires else None,
        "mark": row.mark,
        "history": row.history,
        "writes": [_whole_write(one) for one in reversed(writes)],
        "feedback": [
            {"at": one.at.isoformat(timespec="seconds"), "kind": one.kind, "actor": one.actor} for one in said
        ],
    }


def write(row: WriteRow) -> dict[str, Any]:
    """A write as in the outbox."""
    return {
        "id": row.id,
        "ticket": f"{row.connection}/{row.ticket}",
        "plugin": row.plugin,
        "marker": row.marker,
        "state": row.state,
        "receipt": row.receipt,
    }


def _whole_write(row: WriteRow) -> dict[str, Any]:
    return write(row) | {
        "action": row.action,
        "why": row.why,
        "undoes": row.undoes,
        "done_at": row.done_at.isoformat(timespec="seconds") if row.done_at else None,
    }


def receipt(row: dict[str, Any]) -> str:
    """The receipt of a write in one word: the note's id, or the field's value."""
    kept = row["receipt"] or {}
    return str(kept.get("remote_id") or kept.get("value") or "")


def as_lines(whole: dict[str, Any]) -> Iterator[str]:
    """One decision for people to read."""
    yield f"decision {whole['id']}, {whole['at']}: {whole['plugin']} on {whole['ticket']}"
    yield f"verdict     {whole['verdict']}" + (f": {whole['reason']}" if whole["reason"] else "")
    yield f"wish        {whole['wish']}"
    yield from (f"            | {line}" for line in str(whole["action"].get("body", "")).splitlines())
    yield f"because     {whole['because']}"
    for name in ("confidence", "model", "code", "expires", "mark"):
        if whole[name] not in (None, ""):
            yield f"{name:<11} {whole[name]}"
    if whole["evidence"]:
        yield f"evidence    messages {', '.join(whole['evidence'])}"
    for former in whole["history"]:
        yield f"before      {former['at']} {former['verdict']}" + (f": {former['reason']}" if former["reason"] else "")
    for one in whole["writes"]:
        yield from _write_lines(one)
    for one in whole["feedback"]:
        yield f"feedback    {one['at']} {one['kind']}" + (f", by {one['actor']}" if one["actor"] else "")


def _write_lines(row: dict[str, Any]) -> Iterator[str]:
    undoes = f", takes back write {row['undoes']}" if row["undoes"] else ""
    what = f" → {receipt(row)}" if receipt(row) else ""
    yield f"write       {row['id']} ({wish(row['action'])}, marker {row['marker']}) {row['state']}{what}{undoes}"
    if row["why"]:
        yield f"            {row['why']}"

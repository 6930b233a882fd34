"""The canary: a kind of write is tried on a test ticket, and only what set off nothing else may leave `observe`."""

from __future__ import annotations

from psa_copilot.actions import Action, AddNote, ChangeField
from psa_copilot.engine.lines import Line
from psa_copilot.store import Transaction


def kind_of(wish: Action) -> str:
    """What a canary is run for: `add_note internal`, `change_field status`, `edit_note`."""
    match wish:
        case AddNote():
            return f"add_note {wish.place}"
        case ChangeField():
            return f"change_field {wish.field.value}"
        case _:
            return wish.kind


def missing(tx: Transaction, line: Line, wish: Action) -> str:
    """Why a wish of this kind may not be written on this connection, or nothing."""
    kind = kind_of(wish)
    row = tx.ledger.canary(line.name, kind)
    if row is None:
        return f"no canary has been run for {kind}: psa-copilot check --canary TICKET"
    if row.state == "waiting":
        return f"the canary for {kind} is still waiting"
    if row.state == "refused":
        return f"the canary for {kind} set off more than it should: {'; '.join(row.found)}"
    if row.fingerprint != line.fingerprint:
        return f"the PSA's settings have changed since the canary for {kind}; run it again"
    return ""

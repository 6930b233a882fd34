"""Work that was given up gets another chance."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from psa_copilot.store.tables import ChangeRow, WriteRow


def revive(session: Session, now: datetime) -> int:
    """Owe all dead work again; how many pieces. What may have left already is looked for first."""
    changes = session.exec(select(ChangeRow).where(col(ChangeRow.state) == "dead")).all()
    writes = session.exec(select(WriteRow).where(col(WriteRow.state) == "dead")).all()
    for change in changes:
        change.state = "open"
    for write in writes:
        write.state = "sending" if write.sent else "pending"
    dead: list[ChangeRow | WriteRow] = [*changes, *writes]
    for row in dead:
        row.failures, row.not_before = 0, now
        row.attempt += 1  # the engine never runs a number again that is over
        session.add(row)
    return len(dead)

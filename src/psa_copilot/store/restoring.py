"""A database that comes from a backup does not know what was done since."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col

from psa_copilot.store.tables import ChangeRow, CursorRow, FlagRow, InboxRow, WriteRow

CONTACT = ("first_contact", "backfilled")


def begin_again(session: Session, now: datetime) -> None:
    """Meet the PSA as if for the first time: what happened meanwhile is history, and nobody's news.

    Promised writes stay promised, and are looked for before they are sent: they may have left since the backup.
    """
    session.execute(delete(FlagRow).where(col(FlagRow.name).in_(CONTACT)))
    session.execute(delete(CursorRow))
    session.execute(update(ChangeRow).where(col(ChangeRow.state) == "open").values(state="done"))
    session.execute(update(InboxRow).where(col(InboxRow.done_at).is_(None)).values(done_at=now))
    waiting = update(WriteRow).where(col(WriteRow.state) == "pending")
    session.execute(waiting.values(state="sending", sending_since=0.0, sent=1, attempt=WriteRow.attempt + 1))

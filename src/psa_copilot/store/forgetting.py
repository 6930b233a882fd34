"""What `keep:` lets go of. Owed work and suggestions that wait for an answer are never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from psa_copilot.store.tables import DecisionRow, EventRow, InboxRow, MessageRow, RunRow, TicketRow, WriteRow

OWED = ("pending", "sending")
AWAITED = ("promised", "suggested")


def forget_inbox(session: Session, before: datetime) -> None:
    """Deliveries that were taken in."""
    session.execute(delete(InboxRow).where(col(InboxRow.done_at) < before))


def forget_events(session: Session, before: datetime) -> None:
    """The history of fields and messages."""
    session.execute(delete(EventRow).where(col(EventRow.seen_at) < before))


def forget_messages(session: Session, before: datetime) -> None:
    """Texts of the messages of tickets that are closed and have not changed since: the rows stay, blank."""
    closed = select(TicketRow).where(col(TicketRow.is_open).is_(False), col(TicketRow.updated_at) < before)
    for ticket in session.exec(closed):
        of_ticket = (MessageRow.connection == ticket.connection, MessageRow.ticket == ticket.remote_id)
        for row in session.exec(select(MessageRow).where(*of_ticket)):
            if row.value.get("text"):
                row.value = row.value | {"text": ""}
                session.add(row)


def forget_ledger(session: Session, before: datetime) -> None:
    """Runs, decisions and their writes that are over."""
    session.execute(delete(RunRow).where(col(RunRow.at) < before))
    over = select(DecisionRow.id).where(col(DecisionRow.at) < before, col(DecisionRow.verdict).not_in(AWAITED))
    owed = select(WriteRow.decision_id).where(col(WriteRow.state).in_(OWED))
    kept = set(session.exec(owed).all())
    for decision_id in session.exec(over).all():
        if decision_id in kept:
            continue
        session.execute(delete(WriteRow).where(col(WriteRow.decision_id) == decision_id))
        session.execute(delete(DecisionRow).where(col(DecisionRow.id) == decision_id))


FORGET: dict[str, Callable[[Session, datetime], None]] = {
    "inbox": forget_inbox,
    "events": forget_events,
    "messages": forget_messages,
    "ledger": forget_ledger,
}

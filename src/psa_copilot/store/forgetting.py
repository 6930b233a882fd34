"""What `keep:` lets go of. Owed work and suggestions that wait for an answer are never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col, select

from psa_copilot.store.tables import (
    AnswerRow,
    ClusterMemberRow,
    DecisionRow,
    EventRow,
    InboxRow,
    MessageRow,
    RunRow,
    SpendRow,
    TicketRow,
    WriteRow,
)

BRIEF, LONG = timedelta(days=2), timedelta(days=35)
OWED = ("pending", "sending")
AWAITED = ("promised", "suggested")


def forget_passing(session: Session, now: datetime) -> None:
    """What nobody asks for after its time, whatever `keep:` says: tickets that became no incident, models' answers."""
    lone = (col(ClusterMemberRow.cluster_id).is_(None), col(ClusterMemberRow.opened_at) < now - BRIEF)
    session.execute(delete(ClusterMemberRow).where(*lone))
    session.execute(delete(AnswerRow).where(col(AnswerRow.at) < now - LONG))
    session.execute(delete(SpendRow).where(col(SpendRow.at) < now - LONG))


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

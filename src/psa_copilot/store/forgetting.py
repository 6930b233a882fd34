"""What `keep:` lets go of. Owed work and suggestions that wait for an answer are never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, exists, func
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
AT_ONCE = 2000
"""Rows that one call lets go of: nobody else writes meanwhile, and the next call takes the next ones."""
SOME = 500
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
    told = col(MessageRow.value)["text"].as_string()
    query = (
        select(MessageRow)
        .join(
            TicketRow,
            and_(
                col(MessageRow.connection) == col(TicketRow.connection), col(MessageRow.ticket) == TicketRow.remote_id
            ),
        )
        .where(col(TicketRow.is_open).is_(False), col(TicketRow.updated_at) < before, told != "")
        .limit(AT_ONCE)
    )
    for row in session.exec(query):
        row.value = row.value | {"text": ""}
        session.add(row)


def forget_ledger(session: Session, before: datetime) -> None:
    """Runs, decisions and their writes on tickets that are over.

    On an open ticket they are what tells our fields from a human's; and a number is never given twice, so the newest
    row of each table stays.
    """
    live = select(TicketRow.thread_id).where(col(TicketRow.is_open).is_(True))
    last = select(func.max(RunRow.id)).scalar_subquery()
    session.execute(
        delete(RunRow).where(col(RunRow.at) < before, col(RunRow.thread_id).not_in(live), col(RunRow.id) < last)
    )
    over = _over(session, before)
    for first in range(0, len(over), SOME):
        some = over[first : first + SOME]
        session.execute(delete(WriteRow).where(col(WriteRow.decision_id).in_(some)))
        session.execute(delete(DecisionRow).where(col(DecisionRow.id).in_(some)))


def _over(session: Session, before: datetime) -> list[int]:
    """Numbers of the decisions that nothing waits for any more."""
    is_open = exists().where(
        col(TicketRow.connection) == DecisionRow.connection,
        col(TicketRow.remote_id) == DecisionRow.ticket,
        col(TicketRow.is_open).is_(True),
    )
    newest = select(func.max(WriteRow.id)).scalar_subquery()
    kept = select(WriteRow.decision_id).where(col(WriteRow.state).in_(OWED) | (col(WriteRow.id) == newest))
    query = select(DecisionRow.id).where(
        col(DecisionRow.at) < before,
        col(DecisionRow.verdict).not_in(AWAITED),
        ~is_open,
        col(DecisionRow.id).not_in(kept),
        col(DecisionRow.id) < select(func.max(DecisionRow.id)).scalar_subquery(),
    )
    return [number for number in session.exec(query.limit(AT_ONCE)).all() if number is not None]


FORGET: dict[str, Callable[[Session, datetime], None]] = {
    "inbox": forget_inbox,
    "events": forget_events,
    "messages": forget_messages,
    "ledger": forget_ledger,
}

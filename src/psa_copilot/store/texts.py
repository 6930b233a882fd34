"""What mirrored tickets say, in the order in which it came to stand here: for an index that follows the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from psa_copilot.models import Ticket
from psa_copilot.store import values
from psa_copilot.store.tables import MessageRow, TicketRow

Place = tuple[str, str]
"""A moment, as ISO text, and a ticket's remote id: how far a walk has come."""
START: Place = ("", "")


@dataclass(frozen=True)
class Said:
    """A ticket's words."""

    remote_id: str
    title: str
    text: str


class Texts:
    """Reads within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def saved_after(self, connection: str, place: Place, limit: int) -> tuple[list[Said], Place]:
        """Tickets whose record was saved after that place, in order, and the place after them."""
        return self._after(connection, TicketRow.seen_at, place, limit)

    def read_after(self, connection: str, place: Place, limit: int) -> tuple[list[Said], Place]:
        """Tickets whose messages were read after that place."""
        return self._after(connection, TicketRow.messages_read_at, place, limit)

    def _after(self, connection: str, column: Any, place: Place, limit: int) -> tuple[list[Said], Place]:
        query = select(TicketRow).where(TicketRow.connection == connection, col(column).is_not(None))
        if place != START:
            at, number = datetime.fromisoformat(place[0]), place[1]
            query = query.where(or_(col(column) > at, and_(col(column) == at, col(TicketRow.remote_id) > number)))
        rows = self._session.exec(query.order_by(col(column), col(TicketRow.remote_id)).limit(limit)).all()
        if not rows:
            return [], place
        last = rows[-1]
        reached = getattr(last, column.key)
        return self._said(connection, rows), (reached.isoformat(), last.remote_id)

    def _said(self, connection: str, rows: Sequence[TicketRow]) -> list[Said]:
        ids = [row.remote_id for row in rows]
        said: dict[str, list[MessageRow]] = {number: [] for number in ids}
        query = select(MessageRow).where(
            MessageRow.connection == connection,
            col(MessageRow.ticket).in_(ids),
            col(MessageRow.current).is_(True),
            col(MessageRow.deleted_at).is_(None),
        )
        for message in self._session.exec(query.order_by(col(MessageRow.sent_at))):
            said[message.ticket].append(message)
        there = (row for row in rows if row.deleted_at is None)
        return [Said(row.remote_id, str(row.value["title"]), values.opening_of(said[row.remote_id])) for row in there]

    def of_company(self, connection: str, company_id: str) -> set[str]:
        """Remote ids of all tickets of one client."""
        query = select(TicketRow.remote_id).where(
            TicketRow.connection == connection, TicketRow.company_id == company_id
        )
        return set(self._session.exec(query))

    def tickets(self, connection: str, ids: Sequence[str]) -> dict[str, Ticket]:
        """These tickets, by remote id; those that the PSA no longer has are left out."""
        query = select(TicketRow).where(
            TicketRow.connection == connection, col(TicketRow.remote_id).in_(ids), col(TicketRow.deleted_at).is_(None)
        )
        return {row.remote_id: values.to_ticket(row) for row in self._session.exec(query)}

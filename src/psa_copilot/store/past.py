"""In which order the mirror's history could have become known: what a replay goes by, without any text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as columns
from sqlmodel import Session, SQLModel, col, select

from psa_copilot.events import EventKind, Source
from psa_copilot.models import ActorClass
from psa_copilot.store.history import PSAS_OWN
from psa_copilot.store.tables import EventRow, MessageRow, StandingRow, TicketRow

_EVENT = SQLModel.metadata.tables["event"]
BIRTHS = (EventKind.TICKET_OPENED, EventKind.TICKET_SEEN)
OF_MESSAGES = (EventKind.MESSAGE_ADDED, EventKind.MESSAGE_EDITED, EventKind.MESSAGE_DELETED)


@dataclass(frozen=True)
class Happening:
    """Something that could be known of a ticket from `at` on."""

    at: datetime
    ticket: str
    by_others: bool
    """Whether it would have made us think: not our own write, and no first sight of an old ticket."""


@dataclass(frozen=True)
class Unread:
    """A ticket whose own record the PSA has not told us yet."""

    ticket: str
    opened_at: datetime


class Past:
    """Reads within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def happenings(self, connection: str) -> list[Happening]:
        """Everything that is known of all tickets, in the order in which it could have been."""
        born = self._births(connection)
        found = [Happening(at, ticket, True) for ticket, at in born.items()]
        found += self._of_fields(connection)
        found += self._of_messages(connection)
        # Nothing can be known of a ticket before the ticket itself is.
        timed = ((max(one.at, born[one.ticket]), one) for one in found if one.ticket in born)
        ordered = sorted(timed, key=lambda pair: (pair[0], len(pair[1].ticket), pair[1].ticket))
        return [Happening(at, one.ticket, one.by_others) for at, one in ordered]

    def without_history(self, connection: str, since: datetime) -> list[Unread]:
        """Tickets that have changed since then and whose own record was never read, newest first."""
        read = select(StandingRow.ticket).where(
            StandingRow.connection == connection, col(StandingRow.history_at).is_not(None)
        )
        query = select(TicketRow.remote_id, TicketRow.opened_at).where(
            TicketRow.connection == connection,
            col(TicketRow.updated_at) >= since,
            col(TicketRow.deleted_at).is_(None),
            col(TicketRow.remote_id).not_in(read),
        )
        return [Unread(*row) for row in self._session.exec(query.order_by(col(TicketRow.opened_at).desc()))]

    def _births(self, connection: str) -> dict[str, datetime]:
        """From when on each ticket itself was known: when we saw it come, or when the PSA says that it came."""
        query = select(TicketRow.remote_id, TicketRow.opened_at).where(TicketRow.connection == connection)
        born = dict(self._session.exec(query).all())
        came = select(EventRow.ticket, EventRow.seen_at).where(
            EventRow.connection == connection, EventRow.kind == EventKind.TICKET_OPENED.value
        )
        return born | dict(self._session.exec(came).all())

    def _of_fields(self, connection: str) -> Iterator[Happening]:
        wanted = ("ticket", "kind", "source", "actor_class", "happened_at", "seen_at")
        query = columns(*(_EVENT.c[name] for name in wanted)).where(
            _EVENT.c.connection == connection, _EVENT.c.kind.not_in([kind.value for kind in OF_MESSAGES])
        )
        for ticket, kind, source, actor, happened_at, seen_at in self._session.execute(query):
            at = happened_at if source in PSAS_OWN else seen_at
            others = kind == EventKind.FIELD_CHANGED and source != Source.OURS and actor != ActorClass.COPILOT
            yield Happening(at, ticket, others)

    def _of_messages(self, connection: str) -> Iterator[Happening]:
        by = col(MessageRow.value)["by"].as_string()
        query = select(MessageRow.ticket, MessageRow.known_at, MessageRow.deleted_at, by).where(
            MessageRow.connection == connection
        )
        for ticket, known_at, deleted_at, who in self._session.exec(query):
            yield from _told(ticket, (known_at, deleted_at), who != ActorClass.COPILOT)


def _told(ticket: str, moments: Iterable[datetime | None], others: bool) -> Iterator[Happening]:
    return (Happening(at, ticket, others) for at in moments if at is not None)

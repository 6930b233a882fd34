"""Erases one contact: name and words leave the mirror, the history, the ledger and what was learned.

What the PSA still has comes back with the next change of a ticket, so it has to be erased there first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, delete, or_, select

from psa_copilot.models import ActorClass
from psa_copilot.store.tables import (
    AnswerRow,
    ContactRow,
    DecisionRow,
    EventRow,
    LivingNoteRow,
    MemoryRow,
    MessageRow,
    RuleRow,
    TicketRow,
    WriteRow,
)

GONE = "(erased)"
OURS = frozenset({"by", "kind", "origin", "place", "purpose", "field", "channel", "meaning"})
"""Keys whose values are words of this program, whatever a contact is called."""


@dataclass(frozen=True)
class Erased:
    """What was erased, in numbers."""

    tickets: int = 0
    messages: int = 0
    decisions: int = 0
    rules: int = 0


@dataclass(frozen=True)
class _Whom:
    """The contact, by number and by name."""

    ids: frozenset[str]
    name: str

    def without(self, value: Any) -> Any:
        """A JSON value in which the name stands no more."""
        match value:
            case str():
                whole = rf"(?<!\w){re.escape(self.name)}(?!\w)"  # Al is not in `total`
                return re.sub(whole, GONE, value, flags=re.IGNORECASE) if self.name else value
            case dict():
                return {key: each if key in OURS else self.without(each) for key, each in value.items()}
            case list():
                return [self.without(each) for each in value]
            case _:
                return value

    def wrote(self, message: dict[str, Any]) -> bool:
        """Whether a message on one of the contact's tickets is theirs; a customer's without a name is."""
        author, number = str(message.get("author", "")), message.get("contact_id", "")
        nobody = message.get("by") == ActorClass.CUSTOMER and not author and not number
        return nobody or number in self.ids or author.casefold() == self.name.casefold()


def erase_contact(session: Session, connection: str, name: str) -> Erased:
    """Erase a contact by the name that the tickets show; all contacts of that name go."""
    rows = session.exec(select(ContactRow).where(ContactRow.connection == connection)).all()
    mine = [row for row in rows if row.name.casefold() == name.casefold()]
    whom = _Whom(frozenset(row.remote_id for row in mine), name)
    tickets = list(_tickets(session, connection, whom))
    for row in mine:
        session.delete(row)
    if not tickets and not mine:
        return Erased()
    ids = [row.remote_id for row in tickets]
    messages = _blank_messages(session, connection, ids, whom)
    _blank_events(session, connection, ids, whom)
    decisions = _blank_ledger(session, connection, ids, whom)
    return Erased(len(tickets), messages, decisions, _unlearn(session, connection, whom))


def _tickets(session: Session, connection: str, whom: _Whom) -> Iterator[TicketRow]:
    """The contact's tickets, already without the name."""
    value = col(TicketRow.value)
    theirs = or_(
        value["contact_id"].as_string().in_(sorted(whom.ids)),
        value["contact"].as_string().ilike(_exactly(whom.name), escape="\\"),
    )
    for row in session.exec(select(TicketRow).where(TicketRow.connection == connection, theirs)).all():
        row.value = whom.without(row.value) | {"contact": "", "contact_id": ""}
        session.add(row)
        yield row


def _exactly(name: str) -> str:
    """A name for LIKE, in which nothing stands for anything else."""
    return re.sub(r"([%_\\])", r"\\\1", name)


def _blank_messages(session: Session, connection: str, ids: list[str], whom: _Whom) -> int:
    query = select(MessageRow).where(MessageRow.connection == connection, col(MessageRow.ticket).in_(ids))
    count = 0
    for row in session.exec(query):
        blanked = {"text": GONE, "author": "", "contact_id": ""} if whom.wrote(row.value) else {}
        value = whom.without(row.value) | blanked
        if value != row.value:
            row.value, count = value, count + 1
            session.add(row)
    return count


def _blank_events(session: Session, connection: str, ids: list[str], whom: _Whom) -> None:
    query = select(EventRow).where(EventRow.connection == connection, col(EventRow.ticket).in_(ids))
    for row in session.exec(query):
        row.before, row.after, row.actor = (whom.without(each) for each in (row.before, row.after, row.actor))
        session.add(row)


def _blank_ledger(session: Session, connection: str, ids: list[str], whom: _Whom) -> int:
    count = 0
    decisions = select(DecisionRow).where(DecisionRow.connection == connection, col(DecisionRow.ticket).in_(ids))
    for row in session.exec(decisions):
        wish, because = whom.without(row.wish), whom.without(row.because)
        if (wish, because) != (row.wish, row.because):
            row.wish, row.because, count = wish, because, count + 1
            session.add(row)
    writes = select(WriteRow).where(WriteRow.connection == connection, col(WriteRow.ticket).in_(ids))
    for write in session.exec(writes):
        write.action = whom.without(write.action)
        session.add(write)
    living = select(LivingNoteRow).where(LivingNoteRow.connection == connection, col(LivingNoteRow.ticket).in_(ids))
    for note in session.exec(living):
        body = whom.without(note.body)
        # In the PSA the note still reads as it did: what we keep of it no longer fits, so it is left alone.
        note.touched, note.body = note.touched or body != note.body, body
        session.add(note)
    return count


def _unlearn(session: Session, connection: str, whom: _Whom) -> int:
    """Whatever was learned may hold the name: it is learned anew from what is left."""
    session.execute(delete(MemoryRow).where(col(MemoryRow.connection) == connection))
    session.execute(delete(AnswerRow))
    rules = session.exec(select(RuleRow).where(RuleRow.connection == connection)).all()
    named = [row for row in rules if whom.without(row.value) != row.value]
    for row in named:
        session.delete(row)
    return len(named)

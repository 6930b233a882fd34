"""Erases one contact: name and words leave the mirror, the history, the ledger and what was learned.

What the PSA still has comes back with the next change of a ticket, so it has to be erased there first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, String, cast
from sqlmodel import Session, col, delete, or_, select

from psa_copilot.models import ActorClass, Field
from psa_copilot.store.memories import Memories
from psa_copilot.store.namesakes import THEIRS, Seen, company_names, everybody, roughly
from psa_copilot.store.quoting import Said
from psa_copilot.store.tables import (
    AnswerRow,
    BacklogRow,
    CanaryRow,
    ChangeRow,
    ClusterMemberRow,
    ClusterRow,
    ContactRow,
    DecisionRow,
    EventRow,
    FeedbackRow,
    InboxRow,
    LivingNoteRow,
    LockRow,
    MessageRow,
    PluginStateRow,
    RuleRow,
    RunRow,
    TicketRow,
    WriteRow,
)

GONE = "(erased)"
OURS = frozenset(
    {"by", "kind", "origin", "place", "purpose", "field", "channel", "meaning"}
    | {"ref", "board", "status", "priority", "category", "company", "assignee", "team", "source", "person", "plugin"}
)
"""Keys whose values are words of this program, or labels and people of the desk, whatever a contact is called."""
LABELS = frozenset(set(Field) - {Field.TITLE, Field.CONTACT})
"""Fields whose values are labels of the desk."""
CHOSEN = frozenset({"to", "was", "before", "after"})
GAP = r"[\s!-/:-@\[-`{-~’]"
"""What stands between the words of a name; in a rule's own name it is a dash."""
IN_JSON = rf"(?:\\[nrt]|{GAP}){{1,6}}"

WORDS: tuple[tuple[Any, tuple[str, ...], str], ...] = (
    (LockRow, ("why",), "ticket"),
    (ChangeRow, ("because", "facts", "why"), "thread_id"),
    (RunRow, ("why",), "thread_id"),
    (BacklogRow, ("because", "facts"), "ticket"),
    (CanaryRow, ("plan", "found", "before"), "ticket"),
    (ClusterRow, ("matter",), "parent"),
    (ClusterMemberRow, ("matter",), "ticket"),
    (FeedbackRow, ("actor",), "ticket"),
    (InboxRow, ("value",), "remote_id"),
    (PluginStateRow, ("tripped_why",), "plugin"),
)
"""Where else somebody may be named: tables, their columns, and what tells whose ticket a row is about."""


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
    spelled: frozenset[str]
    tickets: frozenset[str]
    """Theirs, now or before."""
    spared: frozenset[str]
    """Tickets and threads of others of that name, who stay."""

    @cached_property
    def folded(self) -> frozenset[str]:
        """The spellings in one case."""
        return frozenset(one.casefold() for one in self.spelled)

    @cached_property
    def _parts(self) -> list[list[str]]:
        return [[part for part in re.split(f"{GAP}+", one) if part] or [one] for one in sorted(self.spelled)]

    def _joined(self, gap: str) -> str:
        return "|".join(gap.join(map(re.escape, parts)) for parts in self._parts)

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """The whole name: Al is not in `total`. A name of one word may be a word: only as it is written."""
        is_word = all(len(parts) == 1 for parts in self._parts)
        names = self._joined(f"{GAP}{{1,3}}")
        return re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.NOFLAG if is_word else re.IGNORECASE)

    def named_in(self, *columns: Any) -> ColumnElement[bool]:
        """Rows in which the name may stand; as JSON writes it, where a line end is a letter with a stroke before."""
        # LIKE is quick and lets too much through, `Jo Li` wherever a `jo` comes before a `li`; then the slow one.
        spelled = f"(?i){self._joined(IN_JSON)}"
        texts = [cast(column, String) for column in columns]
        return or_(*(text.like(roughly(one)) & text.regexp_match(spelled) for text in texts for one in self.spelled))

    def without(self, value: Any) -> Any:
        """A JSON value in which the name stands no more."""
        return _reworded(value, lambda text: self.whole.sub(GONE, text))

    def wrote(self, ticket: str, message: Mapping[str, Any]) -> bool:
        """Whether a message is theirs; a customer's without a name is, on their own ticket."""
        by, author, number = (str(message.get(key) or "") for key in ("by", "author", "contact_id"))
        if number in self.ids:
            return True
        if ticket in self.spared:
            return False
        nobody = by == ActorClass.CUSTOMER and not author and not number
        is_named = by in THEIRS and author.strip().casefold() in self.folded
        return is_named or (nobody and ticket in self.tickets)

    def blank(self, row: Any, columns: Collection[str]) -> bool:
        """Take the name out of these columns; whether it stood there."""
        return _reword(row, columns, self.without)


@dataclass(frozen=True)
class _Words:
    """What the contact wrote, and the tickets whose notes may quote it."""

    said: Said
    tickets: frozenset[str]

    def blank(self, row: Any, columns: Collection[str]) -> bool:
        """Take what is quoted out of these columns; whether something was."""
        return _reword(row, columns, self.without)

    def without(self, value: Any) -> Any:
        """A JSON value of ours that quotes nothing of it."""
        return _reworded(value, lambda text: self.said.without(text, GONE))


def _reworded(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with other words; labels and words of this program stay."""
    match value:
        case str():
            return change(value)
        case dict():
            kept = OURS | CHOSEN if value.get("field") in LABELS else OURS
            return {key: each if key in kept else _reworded(each, change) for key, each in value.items()}
        case list():
            return [_reworded(each, change) for each in value]
        case _:
            return value


def _reword(row: Any, columns: Collection[str], change: Callable[[Any], Any]) -> bool:
    before = {name: getattr(row, name) for name in columns}
    after = {name: change(value) for name, value in before.items()}
    for name in after:
        setattr(row, name, after[name])
    return after != before


def companies_of(session: Session, connection: str, name: str) -> dict[str, str]:
    """The companies at which somebody of this name is known: names by number."""
    return company_names(session, connection, everybody(session, connection, name))


def erase_contact(
    session: Session, connection: str, name: str, now: datetime, companies: Collection[str] | None = None
) -> Erased:
    """Erase a contact by the name that the tickets show; all of that name, or those of these companies, by number."""
    found = everybody(session, connection, name)
    meant = [one for one in found if companies is None or one.company_id in companies]
    if not meant:
        return Erased()
    whom = _whom(session, connection, meant, [one for one in found if one not in meant])
    words = _words(session, connection, whom)
    tickets, messages = _blank_tickets(session, connection, whom), _blank_messages(session, connection, whom, words)
    _blank_events(session, connection, whom)
    decisions = _blank_ledger(session, connection, whom, words)
    for table, columns, where in WORDS:
        for row in _named(session, connection, whom, table, columns, where):
            whom.blank(row, columns)
    session.execute(delete(ContactRow).where(col(ContactRow.connection) == connection, _in(ContactRow, whom.ids)))
    return Erased(tickets, messages, decisions, _unlearn(session, connection, whom, now))


def _in(table: Any, ids: Collection[str]) -> ColumnElement[bool]:
    return col(table.remote_id).in_(sorted(ids))


def _whom(session: Session, connection: str, meant: list[Seen], others: list[Seen]) -> _Whom:
    ids = frozenset(one.contact_id for one in meant if one.contact_id)
    query: Any = select(TicketRow.remote_id, TicketRow.thread_id, TicketRow.company_id)
    here = query.where(TicketRow.connection == connection)
    theirs = or_(_contact_id(TicketRow).in_(sorted(ids)), _in(TicketRow, {one.ticket for one in meant}))
    mine = {each for row in session.exec(here.where(theirs)) for each in row[:2]}
    kept = {one.company_id for one in others} - {one.company_id for one in meant}
    strangers = or_(col(TicketRow.company_id).in_(sorted(kept)), _in(TicketRow, {one.ticket for one in others}))
    spared = {each for row in session.exec(here.where(strangers)) for each in row[:2]} if others else set()
    return _Whom(ids, frozenset(one.spelled.strip() for one in meant), frozenset(mine), frozenset(spared - mine))


def _contact_id(table: Any) -> Any:
    return col(table.value)["contact_id"].as_string()


def _named(
    session: Session, connection: str, whom: _Whom, table: Any, columns: Collection[str], where: str
) -> Iterator[Any]:
    """Rows in which the name may stand, and nobody else's of that name."""
    words = whom.named_in(*(getattr(table, name) for name in columns))
    for row in session.exec(select(table).where(table.connection == connection, words)).all():
        if getattr(row, where) not in whom.spared:
            session.add(row)
            yield row


def _blank_tickets(session: Session, connection: str, whom: _Whom) -> int:
    count = 0
    theirs = or_(_contact_id(TicketRow).in_(sorted(whom.ids)), _in(TicketRow, whom.tickets))
    query = select(TicketRow).where(TicketRow.connection == connection, theirs | whom.named_in(TicketRow.value))
    for row in session.exec(query).all():
        if row.remote_id in whom.spared:
            continue
        value = whom.without(row.value | _nobody(row.value, whom))
        if value != row.value:
            row.value, count = value, count + 1
            session.add(row)
    return count


def _nobody(ticket: Mapping[str, Any], whom: _Whom) -> dict[str, str]:
    """What a ticket tells of its contact, once that is nobody; nothing, where the contact is another one."""
    number, contact = ticket.get("contact_id") or "", str(ticket.get("contact") or "").strip().casefold()
    is_theirs = number in whom.ids or contact in whom.folded
    return {"contact": "", "contact_id": ""} if is_theirs else {}


def _messages(session: Session, connection: str, whom: _Whom, tickets: Collection[str]) -> Iterator[MessageRow]:
    """All that may be theirs or name them, and whatever was said on these tickets."""
    theirs = or_(_contact_id(MessageRow).in_(sorted(whom.ids)), col(MessageRow.ticket).in_(sorted(tickets)))
    query = select(MessageRow).where(MessageRow.connection == connection, theirs | whom.named_in(MessageRow.value))
    yield from session.exec(query).all()


def _words(session: Session, connection: str, whom: _Whom) -> _Words:
    wrote = [row for row in _messages(session, connection, whom, whom.tickets) if whom.wrote(row.ticket, row.value)]
    tickets = whom.tickets | {row.ticket for row in wrote}
    citing = _citing(session, connection, tickets)
    return _Words(Said(str(row.value.get("text", "")) for row in wrote), frozenset(tickets | citing) - whom.spared)


def _citing(session: Session, connection: str, tickets: Collection[str]) -> set[str]:
    """Tickets on which a decision of ours rests on one of these."""
    numbers = "|".join(map(re.escape, sorted(tickets)))
    refs = re.compile(rf'"{re.escape(connection)}/(?:{numbers})"')
    texts = (cast(DecisionRow.wish, String), cast(DecisionRow.evidence, String))
    query: Any = select(DecisionRow.ticket, *texts).where(DecisionRow.connection == connection)
    return {ticket for ticket, *told in session.exec(query) if any(refs.search(text) for text in told)}


def _blank_messages(session: Session, connection: str, whom: _Whom, words: _Words) -> int:
    count = 0
    for row in _messages(session, connection, whom, words.tickets):
        value = _blanked(row, whom, words)
        if value != row.value:
            row.value, count = value, count + 1
            session.add(row)
    return count


def _blanked(row: MessageRow, whom: _Whom, words: _Words) -> dict[str, Any]:
    value: dict[str, Any] = row.value
    if whom.wrote(row.ticket, value):
        nobody = dict.fromkeys(("author", "author_id", "contact_id"), "")
        return {**whom.without(value), **nobody, "text": GONE}
    if row.ticket in whom.spared:
        return value
    ours = value.get("by") == ActorClass.COPILOT and row.ticket in words.tickets
    return {**whom.without(words.without(value) if ours else value)}


def _blank_events(session: Session, connection: str, whom: _Whom) -> None:
    for row in _named(session, connection, whom, EventRow, ("before", "after", "actor"), "ticket"):
        whom.blank(row, ("actor",) if row.field in LABELS else ("before", "after", "actor"))
        if row.field == Field.CONTACT:  # the one who is gone is nobody, not somebody of that name
            row.before, row.after = ("" if each == GONE else each for each in (row.before, row.after))


def _blank_ledger(session: Session, connection: str, whom: _Whom, words: _Words) -> int:
    told = ("wish", "reason", "because", "evidence", "history")
    count = 0
    for row in _noted(session, connection, whom, words, DecisionRow, told):
        is_quoted = words.blank(row, ("wish", "because"))
        count += whom.blank(row, told) or is_quoted
    for row in _noted(session, connection, whom, words, WriteRow, ("action", "why", "receipt")):
        words.blank(row, ("action",))
        whom.blank(row, ("action", "why", "receipt"))
    for note in _noted(session, connection, whom, words, LivingNoteRow, ("body",)):
        is_quoted = words.blank(note, ("body",))
        # In the PSA the note still reads as it did: what we keep of it no longer fits, so it is left alone.
        note.touched = whom.blank(note, ("body",)) or is_quoted or note.touched
    return count


def _noted(
    session: Session, connection: str, whom: _Whom, words: _Words, table: Any, columns: Collection[str]
) -> Iterator[Any]:
    """What we noted that may name or quote them."""
    found = whom.named_in(*(getattr(table, name) for name in columns)) | table.ticket.in_(sorted(words.tickets))
    for row in session.exec(select(table).where(table.connection == connection, found)).all():
        if row.ticket not in whom.spared:
            session.add(row)
            yield row


def _unlearn(session: Session, connection: str, whom: _Whom, now: datetime) -> int:
    """Whatever was learned may hold the name: it is learned anew from what is left."""
    Memories(session).forget(connection, now)
    session.execute(delete(AnswerRow))
    rules = session.exec(select(RuleRow).where(RuleRow.connection == connection)).all()
    named = [row for row in rules if whom.blank(row, ("value", "removed_why"))]
    for row in named:
        session.delete(row)
    return len(named)

"""Finds everybody of one name on a connection: contacts, whose tickets are or were theirs, and who wrote messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from psa_copilot.models import ActorClass, Field
from psa_copilot.store.tables import ContactRow, EventRow, MessageRow, TicketRow

THEIRS = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT, ActorClass.UNKNOWN)
"""Who may be a contact: a technician may be called like one."""
NO_COMPANY = "(no company)"


@dataclass(frozen=True)
class Seen:
    """Somebody of the name, at one place."""

    spelled: str
    company_id: str
    contact_id: str = ""
    ticket: str = ""
    """Theirs, now or before; empty where they only wrote on it."""


def roughly(name: str) -> str:
    """A pattern for LIKE that matches the name in any case, as JSON has it too, and now and then another one."""
    # LIKE folds the case of ASCII letters only, and JSON writes quotes and line ends in a way of its own.
    kept = (one if _is_plain(one) else "%" for one in name)
    return re.sub("%+", "%", f"%{''.join(kept)}%")


def _is_plain(letter: str) -> bool:
    return letter.isalnum() and (letter.isascii() or letter.lower() == letter.upper())


def everybody(session: Session, connection: str, name: str) -> list[Seen]:
    """Wherever somebody of this name is known. Who is mentioned only in texts is not."""
    contacts = session.exec(select(ContactRow).where(ContactRow.connection == connection)).all()
    homes = {row.remote_id: row.company_id for row in contacts}
    known = (Seen(row.name, row.company_id, row.remote_id) for row in contacts)
    others = (*_on_tickets(session, connection, name), *_before(session, connection, name))
    written = _authors(session, connection, name)
    found = (*known, *(_at_home(one, homes) for one in (*others, *written)))
    return [one for one in found if one.spelled.strip().casefold() == name.strip().casefold()]


def _at_home(one: Seen, homes: dict[str, str]) -> Seen:
    """A contact may have a ticket at another company, and is of its own one all the same."""
    return Seen(one.spelled, homes.get(one.contact_id, one.company_id), one.contact_id, one.ticket)


def _on_tickets(session: Session, connection: str, name: str) -> Iterator[Seen]:
    contact, number = (_text(TicketRow.value, key) for key in ("contact", "contact_id"))
    query: Any = select(contact, TicketRow.company_id, number, TicketRow.remote_id)
    for row in session.exec(query.where(TicketRow.connection == connection, _like(contact, name))):
        yield Seen(row[0], row[1], row[2] or "", row[3])


def _before(session: Session, connection: str, name: str) -> Iterator[Seen]:
    """Whose tickets once were theirs."""
    sides = (col(EventRow.before), col(EventRow.after))
    query: Any = select(*sides, TicketRow.company_id, EventRow.ticket).join(TicketRow, _of_ticket(EventRow))
    is_contact = (col(EventRow.connection) == connection, EventRow.field == Field.CONTACT.value)
    for *spelled, company_id, ticket in session.exec(
        query.where(*is_contact, or_(*(_like(side, name) for side in sides)))
    ):
        yield from (Seen(one or "", company_id, "", ticket) for one in spelled)


def _authors(session: Session, connection: str, name: str) -> Iterator[Seen]:
    author, number, by = (_text(MessageRow.value, key) for key in ("author", "contact_id", "by"))
    query: Any = select(author, TicketRow.company_id, number).join(TicketRow, _of_ticket(MessageRow)).distinct()
    theirs = (col(MessageRow.connection) == connection, by.in_(THEIRS), _like(author, name))
    for spelled, company_id, contact_id in session.exec(query.where(*theirs)):
        yield Seen(spelled, company_id, contact_id or "")


def _text(column: Any, key: str) -> Any:
    return col(column)[key].as_string()


def _like(column: Any, name: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.like(roughly(name))
    return found


def _of_ticket(table: Any) -> ColumnElement[bool]:
    return and_(table.connection == col(TicketRow.connection), table.ticket == col(TicketRow.remote_id))


def company_names(session: Session, connection: str, found: list[Seen]) -> dict[str, str]:
    """The companies at which they were seen: names by number."""
    numbers = {one.company_id for one in found}
    company = _text(TicketRow.value, "company")
    query: Any = select(TicketRow.company_id, company).where(
        TicketRow.connection == connection, col(TicketRow.company_id).in_(sorted(numbers))
    )
    told = {number: name for number, name in session.exec(query.distinct()) if name}
    return {number: told.get(number) or (f"company {number}" if number else NO_COMPANY) for number in sorted(numbers)}

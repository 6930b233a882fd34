"""Their JSON, our values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psa_copilot import ActorClass, Board, Directory, Message, Person, Priority, Ref, Status, Ticket

Row = dict[str, Any]
BOARD = "Desk"


def to_directory(desk: Row) -> Directory:
    """Who and what exists; a ticket begins with the first status, and the first priority is the most urgent."""
    return Directory(
        technicians=tuple(
            Person(remote_id=who, identifier=who, name=name, is_api=who == desk["copilot"])
            for who, name in desk["people"].items()
        ),
        boards=(Board(remote_id=BOARD, name=BOARD, statuses=_statuses(desk)),),
        priorities=tuple(
            Priority(remote_id=name, name=name, level=min(place, 4)) for place, name in enumerate(desk["priorities"], 1)
        ),
        ourselves=desk["copilot"],
    )


def _statuses(desk: Row) -> tuple[Status, ...]:
    first, closed = desk["statuses"][0], desk["closed"]
    return tuple(
        Status(remote_id=name, name=name, is_default=name == first, is_closed=name in closed)
        for name in desk["statuses"]
    )


def to_ticket(ref: Ref, row: Row, desk: Directory, changed: datetime) -> Ticket:
    """One file, without what was said."""
    closed = {status.name for status in desk.boards[0].statuses if status.is_closed}
    return Ticket(
        ref=ref,
        number=ref.remote_id,
        title=row["title"],
        board=BOARD,
        status=row["status"],
        priority=row.get("priority", ""),
        company=row.get("company", ""),
        contact=row.get("contact", ""),
        assignee=row.get("assignee", ""),
        is_closed=row["status"] in closed,
        opened_at=row["opened"],
        updated_at=changed,
    )


def to_message(ref: Ref, row: Row, desk: Directory) -> Message:
    """What somebody said: whoever does not work here is a customer."""
    person = next((one for one in desk.technicians if one.identifier == row["by"]), None)
    return Message(
        remote_id=row["id"],
        ticket=ref,
        by=_class_of(person),
        author=row["by"] if person is None else person.name,
        author_id=row["by"],
        internal=row.get("internal", False),
        text=row["text"],
        sent_at=row["at"],
        edited_at=row.get("edited"),
    )


def _class_of(person: Person | None) -> ActorClass:
    if person is None:
        return ActorClass.CUSTOMER
    return ActorClass.INTEGRATION if person.is_api else ActorClass.TECHNICIAN

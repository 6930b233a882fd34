"""The smallest write of each kind that a canary can try on a test ticket, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psa_copilot.actions import Action, AddNote, Book, ChangeField, EditNote, LinkTo, LogTime, Place
from psa_copilot.engine.canary import NAME
from psa_copilot.engine.lines import Line
from psa_copilot.errors import CopilotError
from psa_copilot.markers import signed
from psa_copilot.models import Board, Field, Meaning, Status, Ticket

TRIES = "Canary: psa-copilot tries out what its writes set off here. There is nothing to do."
WITHDRAWN = "Withdrawn: psa-copilot has tried out what its notes set off here."
BECAUSE = "a canary: what does it set off?"
LEFT_ALONE = (Meaning.STOP, Meaning.RESOLVED, Meaning.CLOSED)
PLACES: dict[str, Place] = {f"add_note {place}": place for place in ("internal", "discussion", "resolution")}


class NothingHarmless(CopilotError):
    """A kind of write cannot be tried on this ticket."""


@dataclass(frozen=True)
class OurNote:
    """A note that a canary has written."""

    note_id: str
    body: str
    marker: str


def harmless(kind: str, ticket: Ticket, line: Line, marker: str, *, note: OurNote | None, parent: str) -> Action:
    """What is written; NothingHarmless where there is nothing to choose."""
    if kind in PLACES:
        return AddNote(body=signed(TRIES, NAME, marker), because=BECAUSE, place=PLACES[kind])
    if kind == "edit_note":
        return withdrawal(note or OurNote("", "", marker))
    if kind.startswith("change_field "):
        return _change(Field(kind.removeprefix("change_field ")), ticket, line)
    return _work(kind, ticket, line.connector.http.psa_now(), parent)


def withdrawal(note: OurNote) -> EditNote:
    """The note says that it means nothing any more."""
    body = signed(WITHDRAWN, NAME, note.marker)
    return EditNote(note_id=note.note_id, body=body, was=note.body, because=BECAUSE)


def back(action: Action, ticket: Ticket, before: Ticket) -> ChangeField | None:
    """What puts a field back; None for what has no way back."""
    if not isinstance(action, ChangeField):
        return None
    along = {Field.STATUS: before.status, Field.CATEGORY: before.category} if action.field is Field.BOARD else {}
    along = {name: value for name, value in along.items() if value}
    was = ticket.field(action.field)
    return ChangeField(field=action.field, to=action.was, was=was, along=along, because="a canary puts it back")


def plan(action: Action) -> str:
    """The write and its way back in a line."""
    match action:
        case AddNote():
            return f"a note ({action.place}), withdrawn afterwards"
        case EditNote():
            return "our own note is withdrawn"
        case ChangeField():
            return f"{action.field}: {action.was or '(empty)'} → {action.to or '(empty)'}, and back"
        case LogTime():
            return f"a time entry of {action.minutes} minute, not billable; it stays"
        case Book():
            return f"an appointment of {action.person}, {action.starts:%d %b %H:%M} UTC; it stays"
        case LinkTo():
            return f"child of {action.parent}; it stays"
        case _:
            return action.kind


def _change(field: Field, ticket: Ticket, line: Line) -> ChangeField:
    to = next(iter(_choices(field, ticket, line)), None)
    if to is None:
        raise NothingHarmless(f"there is no other {field} to choose for it")
    return ChangeField(field=field, to=to, was=ticket.field(field), because=BECAUSE)


def _choices(field: Field, ticket: Ticket, line: Line) -> Iterable[str]:
    """Other values that exist, the most harmless first."""
    directory, now = line.directory, ticket.field(field)
    board = line.board(ticket.board)
    if directory is None or board is None:
        return []
    match field:
        case Field.TITLE:
            return [f"{now[:80]} (canary)"]
        case Field.STATUS:
            return [one.name for one in _statuses(board, ticket, line)]
        case Field.PRIORITY:
            known = sorted(directory.priorities, key=lambda one: one.level or 0, reverse=True)
            return [one.name for one in known if one.name != now]
        case Field.ASSIGNEE:
            people = (one.identifier for one in directory.technicians if one.active and not one.is_api)
            return [one for one in people if one != now]
        case Field.CATEGORY:
            return [one for one in board.categories if one != now]
        case Field.BOARD:
            return [one.name for one in _boards(directory.boards, ticket)]
        case _:
            return []


def _statuses(board: Board, ticket: Ticket, line: Line) -> list[Status]:
    """Open ones that mean no stop; those that neither mail nor touch the SLA first."""
    meanings = line.settings.statuses.get(board.name, {})
    fit = [
        one
        for one in board.statuses
        if one.name != ticket.status and not one.is_closed and meanings.get(one.name) not in LEFT_ALONE
    ]
    return sorted(fit, key=lambda one: (one.mails, one.touches_sla))


def _boards(boards: Iterable[Board], ticket: Ticket) -> list[Board]:
    """Those that have the ticket's status too; those that neither mail nor bill first."""
    fit = [
        one
        for one in boards
        if one.name != ticket.board and any(status.name == ticket.status for status in one.statuses)
    ]
    return sorted(fit, key=lambda one: (one.mails, one.bills))


def _work(kind: str, ticket: Ticket, now: datetime, parent: str) -> Action:
    match kind:
        case "log_time":
            return LogTime(body=TRIES, minutes=1, because=BECAUSE)
        case "book":
            if not ticket.assignee:
                raise NothingHarmless("the test ticket has no owner to book")
            starts = (now + timedelta(days=1)).replace(second=0, microsecond=0)
            return Book(person=ticket.assignee, starts=starts, ends=starts + timedelta(minutes=15), because=BECAUSE)
        case "link_to":
            if not parent:
                raise NothingHarmless("it needs a second test ticket; name it with --parent")
            return LinkTo(parent=parent, because=BECAUSE)
        case _:
            raise NothingHarmless(f"nobody knows how to try {kind}")

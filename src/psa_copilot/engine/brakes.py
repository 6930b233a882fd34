"""The brakes of a live desk: what a PSA, its rules, its readers and its other programs forbid us.

Each stands above every plugin, and looks at a wish before it is promised and again before it is sent.
"""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

from psa_copilot.actions import AddNote, Book, ChangeField, LinkTo, LogTime, Mention
from psa_copilot.desk import is_among
from psa_copilot.engine.cases import SUGGEST, Case, Guard, Verdict
from psa_copilot.engine.lines import spoken_of_on
from psa_copilot.engine.views import confidential, is_away, is_security, mirrored, origin_of
from psa_copilot.events import Event
from psa_copilot.markers import unsigned
from psa_copilot.models import ActorClass, Field, Thread

TO_AND_FRO = timedelta(minutes=30)
WORDS_OF_A_QUOTE = 6
_PROGRAMS = frozenset({ActorClass.INTEGRATION, ActorClass.SYSTEM, ActorClass.COPILOT})
_MARKUP = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>|^\s*\|.*\|\s*$", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"\w+")


def _origin(case: Case) -> Verdict | None:
    """Alerts, recurring, project and other tickets only where the plugin lists them."""
    origin = origin_of(case.ticket, case.desk)
    if case.plugin.name == SUGGEST.name or origin in case.plugin.settings.origins:
        return None
    listed = ", ".join(sorted(case.plugin.settings.origins))
    return Verdict("stopped", f"origin {origin}: {case.plugin.name} looks at {listed}")


def _incident(case: Case) -> Verdict | None:
    """One note on the parent of an incident; silence on its other members."""
    parent = spoken_of_on(case.tx, case.line, case.ref)
    return Verdict("stopped", f"part of an incident; what is to be said is said on {parent}") if parent else None


def _mirrored(case: Case) -> Verdict | None:
    if not isinstance(case.wish, AddNote | LogTime):
        return None

    def works_on_it(accounts: frozenset[str]) -> bool:
        known = (case.ticket.updated_by, case.ticket.created_by)
        is_last = any(is_among(account, accounts) for account in known)
        return is_last or case.tx.mirror.was_touched_by(case.ref, accounts)

    why = mirrored(case.ticket, case.desk, works_on_it, case.line.programs)
    return Verdict("stopped", f"mirrored ({why}), and nobody has said where notes go") if why else None


def _to_and_fro(case: Case) -> Verdict | None:
    """A field that programs set to and fro is frozen: another one of them is not the answer."""
    if not isinstance(case.wish, ChangeField):
        return None
    events = case.tx.mirror.field_events(case.ref, case.wish.field)
    for one, other in itertools.pairwise(events):
        if _undoes(one, other):
            return Verdict(
                "stopped",
                f"{case.wish.field} went {one.before!r}, {one.after!r}, {other.after!r} within"
                f" {TO_AND_FRO.seconds // 60} minutes without a human; frozen on this ticket",
            )
    return None


def _undoes(one: Event, other: Event) -> bool:
    actors = {one.actor_class, other.actor_class}
    programs = actors <= _PROGRAMS and actors != {ActorClass.COPILOT}  # our own undo is a human's word
    near = other.happened_at - one.happened_at <= TO_AND_FRO
    return programs and near and one.before is not None and one.before == other.after and one.after == other.before


def _confidential(case: Case) -> Verdict | None:
    """Of a confidential ticket nothing is retitled, listed or quoted."""
    why = confidential(case.ticket, case.desk)
    if not why:
        return None
    match case.wish:
        case ChangeField(field=Field.TITLE) | Mention():
            return Verdict("stopped", f"confidential: {why}", hides=True)
        case AddNote(body=body) | LogTime(body=body) if quotes(body, case.thread):
            return Verdict("stopped", f"confidential, and the note quotes it: {why}", hides=True)
    return None


def quotes(body: str, thread: Thread) -> bool:
    """Whether a note repeats so many words in a row of what people wrote or of a title."""
    said = [_shingles(message.text) for message in thread.messages if message.by is not ActorClass.COPILOT]
    said += [_shingles(ticket.title) for ticket in thread.tickets]
    return bool(_shingles(unsigned(body)) & set().union(*said))


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return {tuple(words[n : n + WORDS_OF_A_QUOTE]) for n in range(len(words) - WORDS_OF_A_QUOTE + 1)}


def _readers(case: Case) -> Verdict | None:
    """Where a client's own technicians read internal notes, some things are not written."""
    if not isinstance(case.wish, AddNote) or case.line.connector.can.hides_from_client_it:
        return None
    if not (case.wish.tells and is_among(case.ticket.company, case.desk.co_managed)):
        return None
    told = ", ".join(sorted(case.wish.tells))
    return Verdict("dropped", f"{case.ticket.company}'s own technicians read internal notes; this one tells of {told}")


def _customers(case: Case) -> Verdict | None:
    """The customer sees nothing of ours unless plugin and client are named for it."""
    if not case.wish.customer_visible or is_among(case.ticket.company, case.plugin.settings.customers):
        return None
    return Verdict("dropped", f"the customer would see it; plugins.{case.plugin.name}.customers does not name them")


def _plain(case: Case) -> Verdict | None:
    """Notes are plain text: PSAs turn anything else into something else."""
    if isinstance(case.wish, AddNote | LogTime) and _MARKUP.search(case.wish.body):
        return Verdict("dropped", "a note with HTML or a table in it; notes are plain text")
    return None


def _off_by_default(case: Case) -> Verdict | None:
    """Time, calendars and links are touched only where the config allows it."""
    can = case.line.connector.can
    match case.wish:
        case LogTime():
            kind, able = "time_entry", can.time_entries
        case Book():
            kind, able = "appointment", can.bookings
        case LinkTo():
            kind, able = "link", can.links
        case _:
            return None
    if not able:
        return Verdict("dropped", f"{case.line.settings.use} cannot write a {kind.replace('_', ' ')} through us")
    if kind not in case.line.settings.allow:
        return Verdict("dropped", f"connections.{case.line.name}.allow does not name {kind}")
    return None


def _sets_off(case: Case) -> Verdict | None:
    """A value that mails, bills or moves an SLA target is named by the admin before it is written."""
    if not isinstance(case.wish, ChangeField):
        return None
    for value, what in effects(case, case.wish):
        if not is_among(value, case.plugin.settings.named):
            return Verdict("dropped", f"{value!r} {what}; plugins.{case.plugin.name}.named does not name it")
    return None


def effects(case: Case, wish: ChangeField) -> list[tuple[str, str]]:
    """Values of a field write with what the PSA says they set off."""
    found = []
    board = wish.to if wish.field is Field.BOARD else case.ticket.board
    status = wish.to if wish.field is Field.STATUS else wish.along.get(Field.STATUS, "")
    there, new = case.line.status(board, status), case.line.board(wish.to) if wish.field is Field.BOARD else None
    if there and there.mails:
        found.append((status, "is a status that mails"))
    if there and there.touches_sla and case.plugin.settings.sla == "fixed":
        found.append((status, "is a status that moves the SLA"))
    category = wish.to if wish.field is Field.CATEGORY else wish.along.get(Field.CATEGORY, "")
    if category and case.plugin.settings.mode == "act":
        found.append((category, "is a category, which may pull a template or an assignment"))
    if new and new.mails:
        found.append((wish.to, "is a board that mails"))
    if new and new.bills:
        found.append((wish.to, "is a board that bills after closing"))
    return found


def _on_shift(case: Case) -> Verdict | None:
    """Nobody is given a ticket who is not there."""
    match case.wish:
        case ChangeField(field=Field.ASSIGNEE, to=person) if person:
            shift = case.line.calendars.shift(person)
            off = case.tx.standings.time_off(case.line.name, case.now)
            if (shift and not shift.is_open(case.now)) or is_away(person, case.desk, off, case.now):
                return Verdict("dropped", f"{person} is not on shift")
    return None


def may_write_now(case: Case) -> bool:
    """Outside a board's hours only what is urgent and already in a human's hands is written to.

    A ticket may leave a closed board for one whose hours say that somebody is on duty there now; of a board without
    hours nobody has said so.
    """
    here = case.line.calendars.of(case.ticket.board, case.ticket.company)
    there = case.line.calendars.of(_board_after(case), case.ticket.company)
    if here.always_open or here.is_open(case.now) or (not there.always_open and there.is_open(case.now)):
        return True
    urgent = case.ticket.priority_level == 1 or is_security(case.ticket, case.desk)
    return urgent and any(message.by is ActorClass.TECHNICIAN for message in case.thread.messages)


def _board_after(case: Case) -> str:
    """The board that the ticket is on once this is written."""
    match case.wish:
        case ChangeField(field=Field.BOARD, to=board):
            return board
    return case.ticket.board


ALWAYS: tuple[Guard, ...] = (
    _origin, _incident, _mirrored, _to_and_fro, _confidential, _readers, _customers, _plain, _off_by_default,
    _sets_off, _on_shift,
)  # fmt: skip

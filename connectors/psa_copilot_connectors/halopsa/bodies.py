"""What we post as actions: bodies that mail nobody, set off no rule and log no time unasked."""

from __future__ import annotations

from html import escape

from psa_copilot import AddNote, EditNote, LogTime, marker_of
from psa_copilot_connectors.halopsa.rows import Row, number

QUIET: Row = {"sendemail": False, "dont_do_rules": True}
INSIDE: Row = {"hiddenfromuser": True, "ishiddenfrominternalit": True}
SHOWN: Row = {"hiddenfromuser": False, "ishiddenfrominternalit": False}
PLACES = {"internal": INSIDE, "discussion": SHOWN, "resolution": {**SHOWN, "important": True}}


def note(action: AddNote, ticket: int, outcome: int) -> Row:
    """A note where it was wished for; Halo has no place for resolutions but marks what is important."""
    return {"ticket_id": ticket, "outcome_id": outcome, "note": action.body, **PLACES[action.place], **QUIET}


def edit(action: EditNote, ticket: int, before: Row) -> Row:
    """New words, and everything else as it was; what is not told to be shown stays, or is, hidden.

    Where there is HTML, the words are made from it.
    """
    html = {"note_html": "<br>".join(escape(line, quote=False) for line in action.body.splitlines())}
    return {
        "id": int(action.note_id),
        "ticket_id": ticket,
        "outcome_id": int(number(before.get("outcome_id")) or 0),
        "note": action.body,
        **(html if before.get("note_html") else {}),
        **{name: before.get(name) is not False for name in INSIDE},
        **QUIET,
    }


def time_entry(action: LogTime, ticket: int, outcome: int, times: tuple[str, str], rate: int, marker: str) -> Row:
    """Time of our own: charged to nobody, shown to nobody but staff."""
    start, end = times
    return {
        "ticket_id": ticket,
        "outcome_id": outcome,
        "note": with_marker(action.body, marker),
        "timetaken": round(action.minutes / 60, 4),
        "actionarrivaldate": start,
        "actioncompletiondate": end,
        "chargerate": rate,
        "actisbillable": False,
        **INSIDE,
        **QUIET,
    }


def with_marker(body: str, marker: str) -> str:
    """The text with our marker at its end, where `find` looks for it."""
    return body if marker_of(body) == marker else f"{body.rstrip()}\n-- copilot/time {marker}"

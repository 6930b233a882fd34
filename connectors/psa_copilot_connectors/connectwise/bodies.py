"""What we send to ConnectWise: bodies and PATCH operations, none of which mails anybody unasked."""

from __future__ import annotations

from typing import Any

from psa_copilot import AddNote, Book, LogTime, Moment, marker_of
from psa_copilot_connectors.connectwise.rows import Row, stamp

SERVICE_TICKET = 4
"""The schedule type of an appointment on a ticket; with another one the PSA looks among other records."""

SHOWN_AS = {
    "internal": "internalAnalysisFlag",
    "discussion": "detailDescriptionFlag",
    "resolution": "resolutionFlag",
}


def note(action: AddNote) -> Row:
    """A note where it was wished for; it mails only what the customer is meant to see and to be mailed."""
    flags = {flag: place == action.place for place, flag in SHOWN_AS.items()}
    return {"text": action.body, **flags, "processNotifications": action.notify and action.place != "internal"}


def edit(body: str) -> list[Row]:
    """New words for a note, mailing nobody."""
    return [replace("text", body), replace("processNotifications", False)]


def change(*operations: Row) -> list[Row]:
    """A ticket's PATCH that mails nobody; callbacks stay on, since other tools rely on them."""
    return [*operations, replace("processNotifications", False), replace("skipCallback", False)]


def time_entry(action: LogTime, ticket: int, member: str, times: tuple[Moment, Moment], marker: str) -> Row:
    """Time of our own: not billable, shown to nobody but staff, mailing nobody."""
    start, end = times
    return {
        "chargeToId": ticket,
        "chargeToType": "ServiceTicket",
        "member": {"identifier": member},
        "timeStart": stamp(start),
        "timeEnd": stamp(end),
        "billableOption": "DoNotBill",
        "internalNotes": with_marker(action.body, marker),
        "addToDetailDescriptionFlag": False,
        "addToInternalAnalysisFlag": False,
        "addToResolutionFlag": False,
        "emailResourceFlag": False,
        "emailContactFlag": False,
        "emailCcFlag": False,
    }


def appointment(action: Book, ticket: int, member: Row) -> Row:
    """A technician's time for a ticket. The PSA is not to book over something else, nor to mail the technician."""
    return {
        "objectId": ticket,
        "type": {"id": SERVICE_TICKET},
        "member": member,
        "dateStart": stamp(action.starts),
        "dateEnd": stamp(action.ends),
        "allowScheduleConflictsFlag": False,
        "notifyResource": False,
    }


def with_marker(body: str, marker: str) -> str:
    """The text with our marker at its end, where `find` looks for it."""
    return body if marker_of(body) == marker else f"{body.rstrip()}\n-- copilot/time {marker}"


def replace(path: str, value: Any) -> Row:
    """One PATCH operation: a field gets another value, references whole."""
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> Row:
    """One PATCH operation: a field gets empty."""
    return {"op": "remove", "path": path}

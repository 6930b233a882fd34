"""ConnectWise's JSON into values and back: small pure functions, the only place that knows their field names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bs4 import BeautifulSoup

from psa_copilot import (
    ActorClass,
    Board,
    Event,
    EventKind,
    Field,
    Message,
    MessageKind,
    Moment,
    Origin,
    Person,
    Priority,
    Ref,
    Source,
    Status,
    Ticket,
)

Row = dict[str, Any]

PATHS = {
    Field.TITLE: "summary",
    Field.STATUS: "status",
    Field.BOARD: "board",
    Field.PRIORITY: "priority",
    Field.ASSIGNEE: "owner",
}
"""The fields that we can change, as ConnectWise calls them."""

# ConnectWise takes these names for the same thing in its audit trail.
_AUDITED = {
    "summary": Field.TITLE,
    "status": Field.STATUS,
    "board": Field.BOARD,
    "service board": Field.BOARD,
    "priority": Field.PRIORITY,
    "owner": Field.ASSIGNEE,
    "ticket owner": Field.ASSIGNEE,
    "company": Field.COMPANY,
    "contact": Field.CONTACT,
}
_CHANGED = re.compile(
    r"(?P<field>[A-Za-z][A-Za-z /]*?)\s*(?:has been |was )?(?:changed|updated|set)?\s*:?\s*"
    r'from\s+"(?P<before>.*?)"\s+to\s+"(?P<after>.*)"\.?\s*$',
    re.IGNORECASE | re.DOTALL,
)

_MONITORING = re.compile(r"monitor|\brmm\b|\balerts?\b|\bautomate\b", re.IGNORECASE)
_PROJECT = frozenset({"ProjectTicket", "ProjectIssue"})
_NUMBERED = re.compile(r"\b(?:priority|prio|p)\s*[-#:]?\s*([1-4])\b", re.IGNORECASE)
_WORDED = (
    (re.compile(r"critical|emergency|urgent", re.IGNORECASE), 1),
    (re.compile(r"high", re.IGNORECASE), 2),
    (re.compile(r"medium|normal|standard", re.IGNORECASE), 3),
    (re.compile(r"low|minor", re.IGNORECASE), 4),
)

# Nobody documents what closing the loop on internal notes does, so it counts as mail.
_MAILS = ("sendToContactFlag", "sendToCCFlag", "sendToBundledFlag", "closedLoopInternalAnalysisFlag")

_TAGS = (
    r"/?(?:a|b|blockquote|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|meta|o:p|ol|p|pre|script|span"
    r"|strong|style|table|tbody|td|th|thead|title|tr|u|ul)(?=[\s/>])"
)
_TAG = re.compile(rf"<{_TAGS}", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!{_TAGS})", re.IGNORECASE)
_ENDS_LINE = ("blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre", "table", "tr", "ul", "ol")


def moment(text: object) -> Moment | None:
    """A time of theirs, UTC unless it says otherwise; None when it is missing or no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def stamp(when: Moment) -> str:
    """A time as their conditions want it, in whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def changed(row: Row) -> str:
    """When this row was last saved, in their own words: what the walk over changes goes by."""
    return str(_info(row).get("lastUpdated") or "")


def saved_at(row: Row) -> Moment | None:
    """The same as a time."""
    return moment(_info(row).get("lastUpdated"))


def to_text(raw: object) -> str:
    """What a person would read: HTML fragments become plain text, odd white space becomes ordinary."""
    text = str(raw or "")
    if _TAG.search(text):
        text = _without_html(text)
    return text.replace("\u00a0", " ").replace("\u200b", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _without_html(text: str) -> str:
    """The words of a fragment. `<anna@contoso.example>` is no tag, and must not vanish like one."""
    soup = BeautifulSoup(_NO_TAG.sub("&lt;", text), "html.parser")
    for hidden in soup(["head", "script", "style"]):
        hidden.decompose()
    for line in soup("br"):
        line.replace_with("\n")
    for block in soup(_ENDS_LINE):
        block.append("\n")
    lines = (line.strip() for line in soup.get_text().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def priority_level(priority: Row) -> int | None:
    """1 (most urgent) to 4: by the name, which desks keep honest, before the order, which they may not."""
    name = str(priority.get("name") or "")
    if numbered := _NUMBERED.search(name):
        return int(numbered[1])
    for word, level in _WORDED:
        if word.search(name):
            return level
    order = priority.get("sort") or priority.get("sortOrder")
    return order if isinstance(order, int) and 1 <= order <= 4 else None


def to_ticket(row: Row, connection: str, link: str = "") -> Ticket:
    """A ticket; ValueError when it lacks what makes it one. `link` opens it, with `{id}` for its number."""
    info, number = _info(row), str(row.get("id") or "")
    updated = moment(info.get("lastUpdated")) or moment(info.get("dateEntered"))
    if not number or updated is None:
        raise ValueError("a ticket without its number or without its lastUpdated")
    return Ticket(
        ref=Ref(connection=connection, remote_id=number),
        number=number,
        title=to_text(row.get("summary")),
        board=_name(row, "board"),
        status=_name(row, "status"),
        priority=_name(row, "priority"),
        priority_level=priority_level(_part(row, "priority")),
        category=" / ".join(filter(None, (_name(row, part) for part in ("type", "subType", "item")))),
        company=_name(row, "company"),
        company_id=_id(row, "company"),
        contact=_name(row, "contact") or str(row.get("contactName") or ""),
        contact_id=_id(row, "contact"),
        assignee=str(_part(row, "owner").get("identifier") or ""),
        is_closed=bool(row.get("closedFlag")),
        origin=_origin(row),
        source=_name(row, "source"),
        external_ref=str(row.get("externalXRef") or ""),
        parent=str(row.get("parentTicketId") or ""),
        merged_into=_id(row, "mergedParentTicket"),
        opened_at=moment(info.get("dateEntered")) or updated,
        updated_at=updated,
        closed_at=moment(row.get("closedDate")),
        updated_by=str(info.get("updatedBy") or ""),
        url=link.replace("{id}", number),
    )


def _origin(row: Row) -> Origin:
    if row.get("recordType") in _PROJECT:
        return Origin.PROJECT
    return Origin.ALERT if _MONITORING.search(_name(row, "source")) else Origin.PERSON


def to_messages(rows: Iterable[Row], ref: Ref, accounts: frozenset[str]) -> tuple[Message, ...]:
    """The messages of one ticket, oldest first; those shown from bundled or merged tickets stay with their own."""
    own = [row for row in rows if (_id(row, "ticket") or ref.remote_id) == ref.remote_id]
    messages = [to_message(row, ref, accounts) for row in own]
    return tuple(sorted((one for one in messages if one.text), key=lambda one: (one.sent_at, one.remote_id)))


def to_message(row: Row, ref: Ref, accounts: frozenset[str]) -> Message:
    """A note or a time entry; `accounts` are the identifiers (casefolded) of API members."""
    by = _by(row, accounts)
    sent, edited = _times(row)
    return Message(
        remote_id=_message_id(row),
        ticket=ref,
        kind=MessageKind.TIME_ENTRY if _is_time(row) else MessageKind.NOTE,
        by=by,
        author=_name(row, "member") or _name(row, "contact") if by.is_human else "",
        author_id=author_of(row),
        internal=_is_internal(row),
        text=to_text(row.get("text") or row.get("notes")),
        sent_at=sent,
        edited_at=edited,
    )


def author_of(row: Row) -> str:
    """Identifier of the account that wrote a note; a contact is no account, whatever else the row says."""
    if member := _part(row, "member").get("identifier"):
        return str(member)
    if row.get("contact"):
        return ""
    info = _info(row)
    return str(row.get("createdBy") or row.get("enteredBy") or info.get("enteredBy") or "")


def _by(row: Row, accounts: frozenset[str]) -> ActorClass:
    if author_of(row).casefold() in accounts:
        return ActorClass.INTEGRATION
    if row.get("member"):
        return ActorClass.TECHNICIAN
    return ActorClass.CUSTOMER if row.get("contact") else ActorClass.SYSTEM


def _is_time(row: Row) -> bool:
    return row.get("noteType") == "TimeEntryNote" or "chargeToType" in row


def _message_id(row: Row) -> str:
    """Meetings are numbered on their own and would otherwise take a note's place."""
    return f"meeting-{row['id']}" if row.get("noteType") == "MeetingNote" else str(row["id"])


def _is_internal(row: Row) -> bool:
    """Staff alone see it. A note may carry several flags: one that shows it to the customer is enough."""
    shown = ("detailDescriptionFlag", "resolutionFlag", "addToDetailDescriptionFlag", "addToResolutionFlag")
    inside = row.get("internalAnalysisFlag") or row.get("addToInternalAnalysisFlag")
    return bool(inside) and not any(row.get(flag) for flag in shown)


def _times(row: Row) -> tuple[Moment, Moment | None]:
    """When it was said and, if later, when it was last saved."""
    info = _info(row)
    made = moment(row.get("dateCreated")) or moment(row.get("dateEntered")) or moment(info.get("dateEntered"))
    saved = saved_at(row)
    sent = moment(row.get("timeStart")) or made or moment(info.get("sortByDate")) or saved
    if sent is None:
        raise ValueError(f"note {row.get('id')} without a date")
    # Time is entered after the work: only its own date of entry tells an edit.
    since = made if _is_time(row) else made or sent
    return sent, saved if saved and since and saved > since else None


def to_person(row: Row, ourselves: str = "") -> Person:
    """A member: a technician, or the account of an integration."""
    identifier = str(row.get("identifier") or "")
    name = " ".join(str(row[part]) for part in ("firstName", "lastName") if row.get(part))
    is_us = bool(ourselves) and identifier.casefold() == ourselves.casefold()
    return Person(
        remote_id=str(row["id"]),
        identifier=identifier,
        name=name or identifier,
        email=str(row.get("primaryEmail") or row.get("officeEmail") or ""),
        active=not row.get("inactiveFlag"),
        is_api=is_us or row.get("licenseClass") == "A",
    )


def to_board(row: Row, statuses: Iterable[Row]) -> Board:
    """A board with its live statuses, and what it does to customers by itself."""
    live = sorted((one for one in statuses if not one.get("inactive")), key=lambda one: one.get("sortOrder") or 0)
    return Board(
        remote_id=str(row["id"]),
        name=str(row.get("name") or ""),
        statuses=tuple(map(to_status, live)),
        mails=any(row.get(flag) for flag in _MAILS),
        bills=bool(row.get("billTicketsAfterClosedFlag")),
    )


def to_status(row: Row) -> Status:
    """A status with the vendor's flags that matter before one writes it."""
    return Status(
        remote_id=str(row["id"]),
        name=str(row.get("name") or ""),
        is_closed=bool(row.get("closedStatus")),
        is_default=bool(row.get("defaultFlag")),
        mails=bool(row.get("emailTemplate")),
        touches_sla=(row.get("escalationStatus") or "NoEscalation") != "NoEscalation",
    )


def to_priority(row: Row) -> Priority:
    """A priority of the PSA."""
    return Priority(remote_id=str(row["id"]), name=str(row.get("name") or ""), level=priority_level(row))


def to_event(row: Row, ref: Ref, seen_at: Moment) -> Event | None:
    """A field change from the audit trail; None for the lines that tell something else."""
    told, happened = _CHANGED.search(str(row.get("text") or "")), moment(row.get("enteredDate"))
    field = _audited(told["field"]) if told else None
    if not told or happened is None or field is None:
        return None
    return Event(
        kind=EventKind.FIELD_CHANGED,
        ticket=ref,
        field=field,
        before=told["before"],
        after=told["after"],
        actor=str(row.get("enteredBy") or ""),
        happened_at=happened,
        seen_at=seen_at,
        source=Source.HISTORY,
    )


def _audited(name: str) -> Field | None:
    words = name.casefold().split()
    return next((_AUDITED[" ".join(words[n:])] for n in range(len(words)) if " ".join(words[n:]) in _AUDITED), None)


def from_note(body: str) -> Row:
    """An internal note that mails nobody."""
    return {
        "text": body,
        "internalAnalysisFlag": True,
        "detailDescriptionFlag": False,
        "resolutionFlag": False,
        "processNotifications": False,
    }


def from_edit(body: str) -> list[Row]:
    """New words for a note, mailing nobody."""
    return [replace("text", body), replace("processNotifications", False)]


def from_change(*operations: Row) -> list[Row]:
    """A ticket's PATCH that mails nobody; callbacks stay on, since other tools rely on them."""
    return [*operations, replace("processNotifications", False), replace("skipCallback", False)]


def replace(path: str, value: Any) -> Row:
    """One PATCH operation: a field gets another value, references whole."""
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> Row:
    """One PATCH operation: a field gets empty."""
    return {"op": "remove", "path": path}


def _part(row: Row, key: str) -> Row:
    """A nested record; an empty one where they sent nothing, or something else."""
    part = row.get(key)
    return part if isinstance(part, dict) else {}


def _info(row: Row) -> Row:
    return _part(row, "_info")


def _name(row: Row, key: str) -> str:
    return str(_part(row, key).get("name") or "")


def _id(row: Row, key: str) -> str:
    return str(_part(row, key).get("id") or "")

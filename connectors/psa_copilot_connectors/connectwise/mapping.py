"""ConnectWise's JSON into values and back: small pure functions, the only place that knows their field names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from psa_copilot import (
    ActorClass,
    Appointment,
    AppointmentKind,
    Board,
    Contact,
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
    to_text,
)
from psa_copilot_connectors.connectwise import sla
from psa_copilot_connectors.connectwise.bodies import SERVICE_TICKET
from psa_copilot_connectors.connectwise.rows import Row, id_in, info, moment, name_in, part, parts, saved_at

CATEGORY = ("type", "subType", "item")
"""The parts of a category, from the widest to the narrowest."""

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

_PROJECT = frozenset({"ProjectTicket", "ProjectIssue"})
_SOURCES = (
    (re.compile(r"monitor|\brmm\b|\balerts?\b|\bautomate\b", re.IGNORECASE), Origin.ALERT),
    (re.compile(r"\brecurring\b|\brecurrence\b", re.IGNORECASE), Origin.RECURRING),
    (re.compile(r"^project\b", re.IGNORECASE), Origin.PROJECT),
    (re.compile(r"^internal\b", re.IGNORECASE), Origin.INTERNAL),
    (re.compile(r"\bsync\b|\bmirror", re.IGNORECASE), Origin.SYNC),
)
# Identifiers have no spaces between their words.
_CREATORS = (
    (re.compile(r"monitor|^rmm|rmm$|alert|automate", re.IGNORECASE), Origin.ALERT),
    (re.compile(r"recurring", re.IGNORECASE), Origin.RECURRING),
)
_NUMBERED = re.compile(r"\b(?:priority|prio|p)\s*[-#:]?\s*([1-4])\b", re.IGNORECASE)
_WORDED = (
    (re.compile(r"critical|emergency|urgent", re.IGNORECASE), 1),
    (re.compile(r"high", re.IGNORECASE), 2),
    (re.compile(r"medium|normal|standard", re.IGNORECASE), 3),
    (re.compile(r"low|minor", re.IGNORECASE), 4),
)

# Nobody documents what closing the loop on internal notes does, so it counts as mail.
MAILS = ("sendToContactFlag", "sendToCCFlag", "sendToBundledFlag", "closedLoopInternalAnalysisFlag")


def changed(row: Row) -> str:
    """When this row was last saved, in their own words: what the walk over changes goes by."""
    return str(info(row).get("lastUpdated") or "")


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


def to_ticket(row: Row, connection: str, link: str = "", promises: sla.Promises | None = None) -> Ticket:
    """A ticket; ValueError when it lacks what makes it one. `link` opens it, with `{id}` for its number."""
    saved, number = info(row), str(row.get("id") or "")
    updated = moment(saved.get("lastUpdated")) or moment(saved.get("dateEntered"))
    if not number or updated is None:
        raise ValueError("a ticket without its number or without its lastUpdated")
    return Ticket(
        ref=Ref(connection=connection, remote_id=number),
        number=number,
        title=to_text(row.get("summary")),
        board=name_in(row, "board"),
        status=name_in(row, "status"),
        priority=name_in(row, "priority"),
        priority_level=priority_level(part(row, "priority")),
        category=category(row),
        company=name_in(row, "company"),
        company_id=id_in(row, "company"),
        contact=name_in(row, "contact") or str(row.get("contactName") or ""),
        contact_id=id_in(row, "contact"),
        assignee=str(part(row, "owner").get("identifier") or ""),
        team=name_in(row, "team"),
        is_closed=bool(row.get("closedFlag")),
        origin=_origin(row),
        source=name_in(row, "source"),
        external_ref=str(row.get("externalXRef") or ""),
        parent=str(row.get("parentTicketId") or ""),
        merged_into=id_in(row, "mergedParentTicket"),
        created_by=str(saved.get("enteredBy") or ""),
        required_at=moment(row.get("requiredDate")),
        sla_due=sla.due(row, updated, promises),
        sla_met=sla.met(row),
        sla_state=sla.state(row),
        opened_at=moment(saved.get("dateEntered")) or updated,
        updated_at=updated,
        closed_at=moment(row.get("closedDate")),
        updated_by=str(saved.get("updatedBy") or ""),
        url=link.replace("{id}", number),
    )


def category(row: Row) -> str:
    """The path of a ticket's category, or of what a board says to go together."""
    return " / ".join(filter(None, (name_in(row, one) for one in CATEGORY)))


def _origin(row: Row) -> Origin:
    """By the PSA's own fields; lists of a desk's own sources, boards and accounts come on top in the core."""
    if row.get("recordType") in _PROJECT:
        return Origin.PROJECT
    return _told_origin(name_in(row, "source"), str(info(row).get("enteredBy") or ""))


@lru_cache(maxsize=4096)
def _told_origin(source: str, creator: str) -> Origin:
    """Few sources and creators stand on many tickets."""
    told = ((source, _SOURCES), (creator, _CREATORS))
    return next((origin for text, known in told for words, origin in known if words.search(text)), Origin.PERSON)


def to_messages(rows: Iterable[Row], ref: Ref, accounts: frozenset[str]) -> tuple[Message, ...]:
    """The messages of one ticket, oldest first; those shown from bundled or merged tickets stay with their own."""
    own = [row for row in rows if _is_own(row, ref.remote_id)]
    messages = [to_message(row, ref, accounts) for row in own]
    return tuple(sorted((one for one in messages if one.text), key=lambda one: (one.sent_at, one.remote_id)))


def _is_own(row: Row, number: str) -> bool:
    """Said on this ticket; where the row does not tell its ticket, a bundled one's notes are flagged."""
    return id_in(row, "ticket") == number if part(row, "ticket") else not row.get("bundledFlag")


def to_message(row: Row, ref: Ref, accounts: frozenset[str]) -> Message:
    """A note or a time entry; `accounts` are the identifiers (casefolded) of API members."""
    by = _by(row, accounts)
    sent, edited = _times(row)
    return Message(
        remote_id=_message_id(row),
        ticket=ref,
        kind=MessageKind.TIME_ENTRY if _is_time(row) else MessageKind.NOTE,
        by=by,
        author=name_in(row, "member") or name_in(row, "contact") if by.is_human else "",
        author_id=author_of(row),
        entered_by=str(row.get("createdBy") or row.get("enteredBy") or info(row).get("enteredBy") or ""),
        contact_id=id_in(row, "contact"),
        internal=_is_internal(row),
        text=to_text(row.get("text") or row.get("notes")),
        sent_at=sent,
        edited_at=edited,
    )


def author_of(row: Row) -> str:
    """Identifier of the account that wrote a note; a contact is no account, whatever else the row says."""
    if member := part(row, "member").get("identifier"):
        return str(member)
    if row.get("contact"):
        return ""
    return str(row.get("createdBy") or row.get("enteredBy") or info(row).get("enteredBy") or "")


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
    told, saved = info(row), saved_at(row)
    made = moment(row.get("dateCreated")) or moment(row.get("dateEntered")) or moment(told.get("dateEntered"))
    sent = moment(row.get("timeStart")) or made or moment(told.get("sortByDate")) or saved
    if sent is None:
        raise ValueError(f"note {row.get('id')} without a date")
    # Time is entered after the work: only its own date of entry tells an edit.
    since = made if _is_time(row) else made or sent
    return sent, saved if saved and since and saved > since else None


def to_person(row: Row, ourselves: str = "", team: str = "") -> Person:
    """A member: a technician, or the account of an integration."""
    identifier = str(row.get("identifier") or "")
    name = " ".join(str(row[one]) for one in ("firstName", "lastName") if row.get(one))
    is_us = bool(ourselves) and identifier.casefold() == ourselves.casefold()
    return Person(
        remote_id=str(row["id"]),
        identifier=identifier,
        name=name or identifier,
        email=str(row.get("primaryEmail") or row.get("officeEmail") or ""),
        active=not row.get("inactiveFlag"),
        is_api=is_us or row.get("licenseClass") == "A",
        team=team,
    )


def to_contact(row: Row) -> Contact:
    """A person at a client."""
    return Contact(
        remote_id=str(row["id"]),
        name=" ".join(str(row[one]) for one in ("firstName", "lastName") if row.get(one)),
        email=_mail_of(row),
        company_id=id_in(row, "company"),
        kind=", ".join(str(one["name"]) for one in parts(row, "types") if one.get("name")),
        active=not row.get("inactiveFlag"),
    )


def _mail_of(row: Row) -> str:
    """The default address, or the first one."""
    mails = [one for one in parts(row, "communicationItems") if one.get("communicationType") == "Email"]
    return str(next(iter(sorted(mails, key=lambda one: not one.get("defaultFlag"))), {}).get("value") or "")


def to_appointment(row: Row, types: Mapping[int, str], time_off: frozenset[str]) -> Appointment | None:
    """A schedule entry; None for one without a member or a date. A to-do without a time begins and ends at once."""
    person, starts = part(row, "member").get("identifier"), moment(row.get("dateStart"))
    if not person or starts is None:
        return None
    kind = _kind_of_entry(row, types, time_off)
    return Appointment(
        remote_id=str(row["id"]),
        kind=kind,
        person=str(person),
        ticket=str(row.get("objectId") or "") if kind is AppointmentKind.TICKET else "",
        starts=starts,
        ends=moment(row.get("dateEnd")) or starts,
        done=bool(row.get("doneFlag")),
    )


def _kind_of_entry(row: Row, types: Mapping[int, str], time_off: frozenset[str]) -> AppointmentKind:
    """What an entry is for; an entry's own type tells its number and its letter, the list of types its name."""
    told = part(row, "type")
    if told.get("id") == SERVICE_TICKET or told.get("identifier") == "S":
        return AppointmentKind.TICKET
    names = {str(name).casefold() for name in (told.get("identifier"), told.get("name"), types.get(told.get("id", 0)))}
    return AppointmentKind.TIME_OFF if names & time_off else AppointmentKind.OTHER


def to_board(row: Row, statuses: Iterable[Row], categories: Iterable[str] = (), teams: Iterable[Row] = ()) -> Board:
    """A board with its live statuses, and what it does to customers by itself."""
    live = sorted((one for one in statuses if not one.get("inactive")), key=lambda one: one.get("sortOrder") or 0)
    return Board(
        remote_id=str(row["id"]),
        name=str(row.get("name") or ""),
        statuses=tuple(map(to_status, live)),
        categories=tuple(categories),
        teams=tuple(str(one.get("name") or "") for one in teams),
        mails=any(row.get(flag) for flag in MAILS),
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

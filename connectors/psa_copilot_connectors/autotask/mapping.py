"""Autotask's JSON into values: small pure functions, the only place that knows their field names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    marker_of,
)
from psa_copilot_connectors.autotask import sla
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.rows import Row, full_name, moment, number, text

COMPLETE = 5
PUBLIC = 1
SYSTEM = 4
"""The resource that workflow rules and the PSA itself write as."""
CONTACT = 2
"""What lastActivityPersonType says of a customer."""
DESCRIPTION, RESOLUTION = "description", "resolution"
"""The numbers that a ticket's own texts get among its messages."""

OPENING = (
    "id", "description", "createDate", "createdByContactID", "creatorResourceID", "contactID", "source", "monitorID",
    "rmmAlertID", "projectID", "lastActivityDate", "resolution", "completedDate", "completedByResourceID",
    "resolvedDateTime", "lastTrackedModificationDateTime",
)  # fmt: skip
"""The fields that a ticket's own messages are made of, the first one and its resolution."""
AUTOMATIC_NOTES = frozenset({13, 15, 16, 17, 91, 92, 93, 94, 95, 99, 100})
"""Types of notes that no person writes: workflow, duplicate, survey, merge, RMM, backup."""

_AUDITED = {
    "title": Field.TITLE,
    "ticket title": Field.TITLE,
    "status": Field.STATUS,
    "queue": Field.BOARD,
    "priority": Field.PRIORITY,
    "primary resource": Field.ASSIGNEE,
    "resource": Field.ASSIGNEE,
    "organization": Field.COMPANY,
    "account": Field.COMPANY,
    "company": Field.COMPANY,
    "contact": Field.CONTACT,
}
_CHANGED = re.compile(r"(?P<field>[A-Za-z][A-Za-z /-]*?) changed from (?P<before>.*?) to (?P<after>.*)", re.DOTALL)
_BLANK = re.compile(r"\n[ \t]*\n")
_NOTHING = frozenset({"", "(none)", "none", "null", "(blank)"})

_SOURCES = (
    (re.compile(r"monitor|\brmm\b|\balerts?\b", re.IGNORECASE), Origin.ALERT),
    (re.compile(r"\brecurring\b|\brecurrence\b", re.IGNORECASE), Origin.RECURRING),
    (re.compile(r"^project\b", re.IGNORECASE), Origin.PROJECT),
    (re.compile(r"^internal\b", re.IGNORECASE), Origin.INTERNAL),
    (re.compile(r"\bsync\b|\bmirror", re.IGNORECASE), Origin.SYNC),
)
_NUMBERED = re.compile(r"\b(?:priority|prio|p)\s*[-#:]?\s*([1-4])\b", re.IGNORECASE)
_WORDED = (
    (re.compile(r"critical|emergency|urgent", re.IGNORECASE), 1),
    (re.compile(r"high", re.IGNORECASE), 2),
    (re.compile(r"medium|normal|standard", re.IGNORECASE), 3),
    (re.compile(r"low|minor", re.IGNORECASE), 4),
)


@dataclass(frozen=True)
class Words:
    """What turns the numbers of a record into what people read."""

    connection: str
    picklists: Mapping[str, Picklist] = field(default_factory=dict)
    people: Mapping[int, Person] = field(default_factory=dict)
    companies: dict[int, str] = field(default_factory=dict)
    contacts: dict[int, str] = field(default_factory=dict)
    """Names, which are added as they are met."""
    link: str = ""

    def label(self, row: Row, name: str) -> str:
        """The label of a picklist's value."""
        return self.picklists.get(name, Picklist()).label(number(row, name))

    def identifier(self, resource: int | None) -> str:
        """What an account is called; one that nobody lists is called by its number."""
        if resource is None:
            return ""
        person = self.people.get(resource)
        return person.identifier if person else str(resource)


def changed(row: Row) -> Moment | None:
    """When something last happened on a ticket: what the walk over changes goes by."""
    return moment(row.get("lastActivityDate")) or moment(row.get("createDate"))


def to_ticket(row: Row, words: Words) -> Ticket:
    """A ticket; ValueError when it lacks what makes it one."""
    updated, numbered = changed(row), number(row, "id")
    if numbered is None or updated is None:
        raise ValueError("a ticket without its id or without its lastActivityDate")
    company, contact, owner = (number(row, key) for key in ("companyID", "contactID", "assignedResourceID"))
    last_active = number(row, "lastActivityResourceID")
    return Ticket(
        ref=Ref(connection=words.connection, remote_id=str(numbered)),
        number=text(row, "ticketNumber") or str(numbered),
        title=text(row, "title"),
        board=words.label(row, "queueID"),
        status=words.label(row, "status"),
        priority=words.label(row, "priority"),
        priority_level=priority_level(words.label(row, "priority")),
        category=category(words.label(row, "issueType"), words.label(row, "subIssueType")),
        company=words.companies.get(company, "") if company is not None else "",
        company_id=_shown(company),
        contact=words.contacts.get(contact, "") if contact is not None else "",
        contact_id=_shown(contact),
        assignee=words.identifier(owner),
        is_closed=number(row, "status") == COMPLETE,
        origin=_origin(row, words.label(row, "source")),
        source=words.label(row, "source"),
        external_ref=text(row, "externalID"),
        parent=_shown(number(row, "problemTicketId")),
        created_by="" if number(row, "createdByContactID") else words.identifier(number(row, "creatorResourceID")),
        required_at=moment(row.get("dueDateTime")),
        sla_due=sla.due(row),
        sla_met=sla.met(row),
        sla_state=sla.state(row),
        opened_at=moment(row.get("createDate")) or updated,
        updated_at=updated,
        updated_by="" if number(row, "lastActivityPersonType") == CONTACT else words.identifier(last_active),
        closed_at=moment(row.get("completedDate")),
        url=words.link.replace("{id}", str(numbered)),
    )


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


def category(issue: str, sub_issue: str) -> str:
    """The path of a category."""
    return " / ".join(filter(None, (issue, sub_issue)))


def priority_level(label: str) -> int | None:
    """1 (most urgent) to 4, by the name: the order of the list is the admin's own."""
    if numbered := _NUMBERED.search(label):
        return int(numbered[1])
    return next((level for word, level in _WORDED if word.search(label)), None)


def _origin(row: Row, source: str) -> Origin:
    """By the PSA's own fields; lists of a desk's own sources and queues come on top in the core."""
    if row.get("monitorID") or row.get("rmmAlertID"):
        return Origin.ALERT
    if row.get("projectID"):
        return Origin.PROJECT
    return next((origin for words, origin in _SOURCES if words.search(source)), Origin.PERSON)


def to_messages(row: Row, notes: Iterable[Row], times: Iterable[Row], words: Words) -> tuple[Message, ...]:
    """All that was said on a ticket, oldest first: its description, its notes, its time entries."""
    ref = Ref(connection=words.connection, remote_id=str(row["id"]))
    said = [to_note(one, ref, words) for one in notes] + [to_time(one, ref, words) for one in times]
    opening = to_opening(row, ref, words)
    if opening and opening.text not in {one.text for one in said}:
        said.append(opening)
    said += to_resolutions(row, ref, words)
    return tuple(sorted((one for one in said if one.text), key=lambda one: (one.sent_at, one.key)))


def to_opening(row: Row, ref: Ref, words: Words) -> Message | None:
    """The description, which on a mailed ticket is the customer's mail; None where there is none."""
    sent = moment(row.get("createDate"))
    if not text(row, "description") or sent is None:
        return None
    contact = number(row, "createdByContactID")
    by, author = _author(contact, number(row, "creatorResourceID"), words)
    if by is ActorClass.SYSTEM and _origin(row, words.label(row, "source")) is Origin.PERSON:
        contact = number(row, "contactID")  # the mail parser enters what a contact has written
        by = ActorClass.CUSTOMER if contact is not None else by
    return Message(
        remote_id=DESCRIPTION,
        ticket=ref,
        by=by,
        author=words.contacts.get(contact, "") if contact is not None else author,
        author_id="" if contact is not None else words.identifier(number(row, "creatorResourceID")),
        contact_id=_shown(contact),
        text=text(row, "description"),
        sent_at=sent,
    )


def to_resolutions(row: Row, ref: Ref, words: Words) -> list[Message]:
    """What a ticket says for its resolution: people's words, and each part of ours.

    The PSA does not tell who wrote it when: about when the ticket was completed.
    """
    said = text(row, "resolution")
    stamps = ("completedDate", "resolvedDateTime", "lastTrackedModificationDateTime", "lastActivityDate")
    sent = next((at for at in (moment(row.get(name)) for name in stamps) if at), None)
    if not said:
        return []
    if sent is None:
        raise ValueError(f"the resolution of ticket {row.get('id')} without any date")
    who = number(row, "completedByResourceID")
    by, author = _author(None, who, words) if who is not None else (ActorClass.TECHNICIAN, "")
    whole = Message(
        remote_id=RESOLUTION,
        ticket=ref,
        by=by,
        author=author,
        author_id=words.identifier(who),
        text=said,
        sent_at=sent,
    )
    blocks = blocks_of(said)
    theirs = "\n\n".join(block for block in blocks if not marker_of(block))
    ours = {f"{RESOLUTION}-{marker_of(block)}": block for block in blocks if marker_of(block)}
    told = ({RESOLUTION: theirs} if theirs else {}) | ours
    return [whole.model_copy(update={"remote_id": key, "text": part}) for key, part in told.items()]


def blocks_of(said: str) -> list[str]:
    """The parts of a resolution, between blank lines: ours never holds one, and ends with its marker."""
    return [block for block in (one.strip() for one in _BLANK.split(said)) if block]


def to_note(row: Row, ref: Ref, words: Words) -> Message:
    """A note; ValueError where it tells no date."""
    contact, resource = number(row, "createdByContactID"), number(row, "creatorResourceID")
    program = number(row, "impersonatorCreatorResourceID")
    by, author = _author(contact, resource, words)
    if by is ActorClass.TECHNICIAN and program:
        by = ActorClass.INTEGRATION  # in a technician's name, and nothing that a technician has typed
    elif by is ActorClass.TECHNICIAN and number(row, "noteType") in AUTOMATIC_NOTES:
        by = ActorClass.SYSTEM
    sent, edited = moment(row.get("createDateTime")), moment(row.get("lastActivityDate"))
    if sent is None:
        raise ValueError(f"note {row.get('id')} without a date")
    return Message(
        remote_id=str(row["id"]),
        ticket=ref,
        by=by,
        author=author,
        author_id="" if contact is not None else words.identifier(program or resource),
        contact_id=_shown(contact),
        internal=number(row, "publish") != PUBLIC,
        text=note_text(row),
        sent_at=sent,
        edited_at=edited if edited and edited > sent else None,
    )


def note_text(row: Row) -> str:
    """What a note says: its title only where the text does not begin with it."""
    title, body = text(row, "title"), text(row, "description")
    if not title or " ".join(body.split()).startswith(title.rstrip(".\u2026 ")):
        return body or title
    return f"{title}\n{body}".strip()


def to_time(row: Row, ref: Ref, words: Words) -> Message:
    """A time entry: technicians often write here what they did. One internal word makes it internal."""
    resource = number(row, "resourceID")
    by, author = _author(None, resource, words)
    entered, saved = moment(row.get("createDateTime")), moment(row.get("lastModifiedDateTime"))
    sent = moment(row.get("startDateTime")) or moment(row.get("dateWorked")) or entered
    if sent is None:
        raise ValueError(f"time entry {row.get('id')} without a date")
    shown, inside = text(row, "summaryNotes"), text(row, "internalNotes")
    return Message(
        remote_id=str(row["id"]),
        ticket=ref,
        kind=MessageKind.TIME_ENTRY,
        by=by,
        author=author,
        author_id=words.identifier(resource),
        internal=bool(inside),
        text="\n".join(filter(None, (shown, inside))),
        sent_at=sent,
        edited_at=saved if saved and entered and saved > entered else None,
    )


def _author(contact: int | None, resource: int | None, words: Words) -> tuple[ActorClass, str]:
    """Who wrote something, and their name for people."""
    if contact is not None:
        return ActorClass.CUSTOMER, words.contacts.get(contact, "")
    if resource is None or resource == SYSTEM:
        return ActorClass.SYSTEM, ""
    person = words.people.get(resource)
    if person and person.is_api:
        return ActorClass.INTEGRATION, ""
    return ActorClass.TECHNICIAN, person.name if person else ""


def to_person(row: Row, licenses: Picklist, ourselves: int | None) -> Person:
    """A technician, or the account of an integration."""
    numbered = number(row, "id")
    is_api = "api" in licenses.label(number(row, "licenseType")).casefold().split()
    return Person(
        remote_id=str(numbered),
        identifier=text(row, "userName") or text(row, "email") or str(numbered),
        name=full_name(row) or text(row, "userName"),
        email=text(row, "email"),
        active=row.get("isActive") is not False,
        is_api=is_api or (ourselves is not None and numbered == ourselves),
    )


def to_contact(row: Row) -> Contact:
    """A person at a client. Whether one is active is told as a number."""
    return Contact(
        remote_id=str(row["id"]),
        name=full_name(row),
        email=text(row, "emailAddress"),
        company_id=_shown(number(row, "companyID")),
        kind=text(row, "title"),
        active=row.get("isActive") not in (0, False),
    )


def to_boards(words: Words, mailing: frozenset[str], touching_sla: frozenset[str]) -> tuple[Board, ...]:
    """Queues. All of them share one list of statuses and one of categories."""
    lists = words.picklists
    default = lists["status"].default()
    mails, on_sla = ({label.casefold() for label in labels} for labels in (mailing, touching_sla))
    statuses = tuple(
        Status(
            remote_id=str(one.value),
            name=one.label,
            is_closed=one.value == COMPLETE,
            is_default=one == default,
            touches_sla=one.label.casefold() in on_sla,
            mails=one.label.casefold() in mails,
        )
        for one in lists["status"].active()
    )
    categories = tuple(sorted(paths(lists["issueType"], lists["subIssueType"])))
    return tuple(
        Board(remote_id=str(one.value), name=one.label, statuses=statuses, categories=categories)
        for one in lists["queueID"].active()
    )


def paths(issues: Picklist, sub_issues: Picklist) -> dict[str, tuple[int, int | None]]:
    """Every category by its path: each issue alone, and with its sub-issues."""
    found: dict[str, tuple[int, int | None]] = {one.label: (one.value, None) for one in issues.active()}
    labels = {str(one.value): one for one in issues.active()}
    for one in sub_issues.active():
        if issue := labels.get(one.parent):
            found[category(issue.label, one.label)] = (issue.value, one.value)
    return found


def to_priorities(words: Words) -> tuple[Priority, ...]:
    """Priorities of the PSA."""
    return tuple(
        Priority(remote_id=str(one.value), name=one.label, level=priority_level(one.label))
        for one in words.picklists["priority"].active()
    )


def to_event(row: Row, ref: Ref, words: Words, seen_at: Moment) -> Event | None:
    """A field change from the ticket's history; None for lines that tell something else."""
    told, happened = _CHANGED.fullmatch(text(row, "detail")), moment(row.get("date"))
    field_name = _AUDITED.get(told["field"].casefold()) if told else None
    if not told or happened is None or field_name is None:
        return None
    before, after = (_value(field_name, told[side], words) for side in ("before", "after"))
    return Event(
        kind=EventKind.FIELD_CHANGED,
        ticket=ref,
        field=field_name,
        before=before,
        after=after,
        actor=words.identifier(number(row, "resourceID")),
        happened_at=happened,
        seen_at=seen_at,
        source=Source.HISTORY,
    )


def _value(name: Field, said: str, words: Words) -> str:
    """A value as a ticket would show it: the history has people by their names."""
    if said.casefold() in _NOTHING:
        return ""
    if name is not Field.ASSIGNEE:
        return said
    return next((person.identifier for person in words.people.values() if person.name == said), said)


def to_appointment(row: Row, key: str, kind: AppointmentKind, person: str, ticket: str = "") -> Appointment | None:
    """A service call or an appointment of one technician; None without its times."""
    starts, ends = moment(row.get("startDateTime")), moment(row.get("endDateTime"))
    if starts is None or ends is None:
        return None
    done = bool(row.get("isComplete")) or bool(row.get("canceledDateTime"))
    return Appointment(remote_id=key, kind=kind, person=person, ticket=ticket, starts=starts, ends=ends, done=done)

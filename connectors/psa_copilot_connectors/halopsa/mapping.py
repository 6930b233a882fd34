"""Halo's JSON into values: small pure functions, the only place that knows their field names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from psa_copilot import (
    ActorClass,
    Appointment,
    AppointmentKind,
    Contact,
    Event,
    EventKind,
    Field,
    Message,
    MessageKind,
    Moment,
    Origin,
    Person,
    Ref,
    Source,
    Status,
    Ticket,
    to_text,
)
from psa_copilot_connectors.halopsa.rows import Row, count, moment, number, text

UNASSIGNED = "1"
"""The agent that stands for nobody."""
OPENED = "opened"
OPENING = ("dateoccurred", "details", "details_html", "user_id", "user_name")
"""What of a ticket's record tells what it was opened with."""

_AUDITED = {
    "summary": Field.TITLE,
    "status": Field.STATUS,
    "priority": Field.PRIORITY,
    "team": Field.BOARD,
    "section": Field.BOARD,
    "agent": Field.ASSIGNEE,
    "assigned agent": Field.ASSIGNEE,
    "category": Field.CATEGORY,
    "category 1": Field.CATEGORY,
    "client": Field.COMPANY,
    "user": Field.CONTACT,
    "end-user": Field.CONTACT,
}
_ORIGINS = (
    (re.compile(r"alert|monitor|\brmm\b", re.IGNORECASE), Origin.ALERT),
    (re.compile(r"recurring|scheduled task", re.IGNORECASE), Origin.RECURRING),
    (re.compile(r"^project\b|^project task", re.IGNORECASE), Origin.PROJECT),
    (re.compile(r"^internal\b", re.IGNORECASE), Origin.INTERNAL),
)
_WORDED = (
    (re.compile(r"critical|emergency|urgent|\bp1\b", re.IGNORECASE), 1),
    (re.compile(r"high|\bp2\b", re.IGNORECASE), 2),
    (re.compile(r"medium|normal|standard|\bp3\b", re.IGNORECASE), 3),
    (re.compile(r"low|minor|\bp4\b", re.IGNORECASE), 4),
)
_SLA = (
    "sla_id", "respondbydate", "responsedate", "fixbydate", "onhold", "excludefromsla",
)  # fmt: skip
DONE = 1


@dataclass(frozen=True)
class Names:
    """What the numbers on tickets mean."""

    statuses: Mapping[str, str] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    """Numbers of the statuses in which a ticket is closed."""
    priorities: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By SLA and number: a priority's number is unique only within its SLA."""
    agents: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)

    def know(self, row: Row) -> bool:
        """Whether nothing on a ticket is new to us."""
        status, priority = number(row.get("status_id")), number(row.get("priority_id"))
        sla = number(row.get("sla_id"))
        return (not status or status in self.statuses) and (not priority or (sla, priority) in self.priorities)


def to_ticket(row: Row, connection: str, names: Names, zone: tzinfo = UTC, link: str = "") -> Ticket:
    """A ticket; ValueError when it lacks what makes it one. `link` opens it, with `{id}` for its number."""
    own, updated = number(row.get("id")), changed(row, zone)
    if not own or updated is None:
        raise ValueError("a ticket without its number or without its last_update")
    status, priority = number(row.get("status_id")), _priority(row, names)
    return Ticket(
        ref=Ref(connection=connection, remote_id=own),
        number=own,
        title=to_text(row.get("summary")),
        board=text(row, "team") or names.teams.get(number(row.get("team_id")), ""),
        status=names.statuses.get(status) or text(row, "status_name") or f"status {status}",
        priority=priority,
        priority_level=priority_level(priority, row.get("priority_id")),
        category=category(text(row, "category_1")),
        company=text(row, "client_name"),
        company_id=number(row.get("client_id")),
        contact=text(row, "user_name"),
        contact_id=number(row.get("user_id")),
        assignee=_assignee(row, names),
        is_closed=status in names.closed,
        origin=_origin(row, names),
        source=number(row.get("source")),
        external_ref=text(row, "third_party_id_string"),
        parent=number(row.get("parent_id")),
        merged_into=number(row.get("merged_into_id")),
        created_by=text(row, "created_by"),
        required_at=moment(row.get("targetdate"), zone),
        sla_due=_sla_due(row, zone, closed=status in names.closed),
        sla_met=_sla_met(row, zone, closed=status in names.closed),
        sla_state=", ".join(f"{name} {row[name]}" for name in _SLA if row.get(name) not in (None, "")),
        opened_at=moment(row.get("dateoccurred"), zone) or updated,
        updated_at=updated,
        closed_at=moment(row.get("dateclosed"), zone),
        url=link.replace("{id}", own),
    )


def changed(row: Row, zone: tzinfo) -> Moment | None:
    """When a ticket was last changed: what the walk over changes goes by."""
    stamps = (row.get("last_update"), row.get("lastupdate"))
    return next((when for one in stamps if (when := moment(one, zone))), None)


def category(name: str) -> str:
    """The path of a category, `A>B` in Halo."""
    return " / ".join(part.strip() for part in name.split(">") if part.strip())


def priority_level(name: str, value: object) -> int | None:
    """1 (most urgent) to 4: by the name, which desks keep honest, before the number, which they may not."""
    worded = next((level for word, level in _WORDED if word.search(name)), None)
    told = count(value)
    return worded or (told if 1 <= told <= 4 else None)


def _priority(row: Row, names: Names) -> str:
    priority = number(row.get("priority_id"))
    known = names.priorities.get((number(row.get("sla_id")), priority))
    return known or text(row, "priority_name") or (f"priority {priority}" if priority else "")


def _assignee(row: Row, names: Names) -> str:
    """Disabled agents may be missing from the list while tickets still name them."""
    agent = number(row.get("agent_id"))
    if agent in ("", UNASSIGNED):
        return ""
    return names.agents.get(agent) or text(row, "agent_name") or f"agent {agent}"


def _origin(row: Row, names: Names) -> Origin:
    kind = text(row, "tickettype_name") or names.types.get(number(row.get("tickettype_id")), "")
    author = text(row, "created_by")
    told = (kind, "" if author == text(row, "user_name") else author)  # who opens it in person is no program
    return next((origin for words, origin in _ORIGINS for one in told if words.search(one)), Origin.PERSON)


def _sla_due(row: Row, zone: tzinfo, *, closed: bool) -> Moment | None:
    if closed or row.get("onhold") or row.get("excludefromsla"):
        return None
    answered = moment(row.get("responsedate"), zone)
    respond, fix = (moment(row.get(name), zone) for name in ("respondbydate", "fixbydate"))
    return fix if answered else min((due for due in (respond, fix) if due), default=None)


def _sla_met(row: Row, zone: tzinfo, *, closed: bool) -> bool | None:
    """By its dates: which letters the PSA has for it nobody documents."""
    fix, done = moment(row.get("fixbydate"), zone), moment(row.get("dateclosed"), zone)
    return done <= fix if closed and fix and done and not row.get("excludefromsla") else None


def to_messages(rows: Iterable[Row], ref: Ref, names: Names, accounts: frozenset[str], zone: tzinfo) -> list[Message]:
    """The messages of one ticket, oldest first; an action without words is no message."""
    own = (row for row in rows if number(row.get("ticket_id")) in ("", ref.remote_id))
    messages = (to_message(row, ref, names, accounts, zone) for row in own)
    return sorted((one for one in messages if one.text), key=lambda one: (one.sent_at, int(one.remote_id)))


def to_message(row: Row, ref: Ref, names: Names, accounts: frozenset[str], zone: tzinfo) -> Message:
    """An action; `accounts` are the identifiers (casefolded) of API agents."""
    by, sent = _by(row, names, accounts), said_at(row, zone)
    if sent is None:
        raise ValueError(f"action {row.get('id')} without a date")
    edited = moment(row.get("last_updated"), zone)
    return Message(
        remote_id=number(row.get("id")),
        ticket=ref,
        kind=_kind(row, by),
        by=by,
        author=text(row, "who") if by.is_human else "",
        author_id=author_of(row, names),
        contact_id=number(row.get("actionby_user_id")) if by is ActorClass.CUSTOMER else "",
        internal=bool(row.get("hiddenfromuser")),
        text=words_of(row),
        sent_at=sent,
        edited_at=edited if edited and edited > sent else None,
        has_attachment=count(row.get("attachment_count")) > 0,
    )


def said_at(row: Row, zone: tzinfo) -> Moment | None:
    """When an action was entered; people can set its `datetime`, which counts where nothing else is told."""
    return moment(row.get("actiondatecreated"), zone) or moment(row.get("datetime"), zone)


def _kind(row: Row, by: ActorClass) -> MessageKind:
    """Technicians' notes carry their time along and stay notes; what a program logs is time and nothing else."""
    return MessageKind.TIME_ENTRY if by is ActorClass.INTEGRATION and row.get("timetaken") else MessageKind.NOTE


def to_opening(row: Row, ref: Ref, zone: tzinfo) -> Message | None:
    """What a ticket was opened with, by its record; None where it says nothing."""
    sent, said = moment(row.get("dateoccurred"), zone), to_text(row.get("details_html") or row.get("details"))
    user = number(row.get("user_id"))
    if not said or sent is None:
        return None
    by = ActorClass.CUSTOMER if user else ActorClass.UNKNOWN
    author = text(row, "user_name") if user else ""
    return Message(remote_id="details", ticket=ref, by=by, author=author, contact_id=user, text=said, sent_at=sent)


def is_opening(row: Row) -> bool:
    """Whether an action tells what its ticket was opened with."""
    return text(row, "outcome").casefold() == OPENED and bool(words_of(row))


def words_of(row: Row) -> str:
    """What an action says: where there is HTML, `note` is made from it without any line breaks."""
    return to_text(row.get("note_html") or row.get("note") or row.get("emailbody_html") or row.get("emailbody"))


def agent_of(row: Row) -> str:
    """The number of the agent who wrote an action; empty for a user or for nobody."""
    told = (number(row.get("actionby_agent_id")), number(row.get("who_agentid")))
    return next((one for one in told if one not in ("", UNASSIGNED)), "")


def author_of(row: Row, names: Names) -> str:
    """Identifier of the account that wrote an action."""
    agent = agent_of(row)
    return (names.agents.get(agent) or text(row, "who")) if agent else ""


def _by(row: Row, names: Names, accounts: frozenset[str]) -> ActorClass:
    """An application's actions look like an agent's, but for its name on them."""
    if agent_of(row):
        program = text(row, "actionby_application_id") or author_of(row, names).casefold() in accounts
        return ActorClass.INTEGRATION if program else ActorClass.TECHNICIAN
    return ActorClass.CUSTOMER if number(row.get("actionby_user_id")) else ActorClass.SYSTEM


def to_person(row: Row, identifier: str, ourselves: str) -> Person:
    """An agent: a technician, or the account of an integration."""
    return Person(
        remote_id=number(row.get("id")),
        identifier=identifier,
        name=text(row, "name"),
        email=text(row, "email"),
        active=not row.get("isdisabled"),
        is_api=identifier == ourselves or bool(row.get("isapiagent")),
        team=text(row, "team"),
    )


def to_status(row: Row, *, is_closed: bool, is_default: bool) -> Status:
    """A status with the vendor's flags that matter before one writes it."""
    return Status(
        remote_id=number(row.get("id")),
        name=text(row, "name"),
        is_closed=is_closed,
        is_default=is_default,
        mails=count(row.get("statusemailid")) > 0 or count(row.get("notifystatuschange")) > 0,
        touches_sla=bool(text(row, "slaaction")) or is_closed,
    )


def to_contact(row: Row) -> Contact:
    """A user, as Halo calls a client's people."""
    return Contact(
        remote_id=number(row.get("id")),
        name=text(row, "name"),
        email=text(row, "emailaddress"),
        company_id=number(row.get("client_id")),
        kind=", ".join(filter(None, (text(row, "role_list"), "VIP" if row.get("isimportantcontact") else ""))),
        active=not row.get("inactive"),
    )


def to_appointment(row: Row, names: Names, time_off: frozenset[str], zone: tzinfo) -> Appointment | None:
    """An entry of a calendar; None for one without an agent or a date."""
    agent, starts = number(row.get("agent_id")), moment(row.get("start_date"), zone)
    if not agent or starts is None:
        return None
    ticket, away = number(row.get("ticket_id")), text(row, "appointment_type_name").casefold() in time_off
    kind = AppointmentKind.TICKET if ticket else AppointmentKind.TIME_OFF if away else AppointmentKind.OTHER
    return Appointment(
        remote_id=number(row.get("id")),
        kind=kind,
        person=names.agents.get(agent) or text(row, "agent_name") or f"agent {agent}",
        ticket=ticket,
        starts=starts,
        ends=moment(row.get("end_date"), zone) or starts,
        done=row.get("complete_status") == DONE,
    )


def to_event(row: Row, ref: Ref, names: Names, zone: tzinfo, seen_at: Moment) -> Event | None:
    """A field change from the audit log; None for what tells something else."""
    name, happened = _AUDITED.get(text(row, "value").casefold()), moment(row.get("date"), zone)
    if name is None or happened is None:
        return None
    before, after = (_audited(name, str(row.get(key) or ""), names) for key in ("from", "to"))
    return Event(
        kind=EventKind.FIELD_CHANGED,
        ticket=ref,
        field=name,
        before=before,
        after=after,
        actor=text(row, "username") or names.agents.get(number(row.get("agent_id")), ""),
        happened_at=happened,
        seen_at=seen_at,
        source=Source.HISTORY,
    )


def _audited(name: Field, value: str, names: Names) -> str:
    """Some logs tell numbers where others tell names; nobody is nobody in both."""
    if name is Field.CATEGORY:
        return category(value)
    if name is Field.ASSIGNEE:
        return "" if value in (UNASSIGNED, "Unassigned") else names.agents.get(value, value)
    if name is Field.PRIORITY:
        return next((known for (_, one), known in names.priorities.items() if one == value), value)
    known = {Field.STATUS: names.statuses, Field.BOARD: names.teams}.get(name, {})
    return known.get(value, value)

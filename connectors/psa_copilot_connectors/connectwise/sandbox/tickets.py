"""Tickets, notes, time and appointments of the ConnectWise sandbox, and the rules by which they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psa_copilot.sandbox import MessageLine, Row, Table, TicketLine, TimeLine, whole_second
from psa_copilot_connectors.connectwise.sandbox.desk import (
    CUSTOM_FIELDS,
    Desk,
    Refused,
    mail_of,
    moment_text,
    name_of,
)
from psa_copilot_connectors.connectwise.sandbox.shapes import NOTE, SCHEDULE, TICKET, TIME

MAIL_CONNECTOR = "EmailConnector"  # who enters what customers write
WORKFLOW = "zWorkflow"  # who enters what nobody wrote
SUMMARY_LENGTH = 100
FLAGS = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag")
PUBLIC_FLAGS = ("detailDescriptionFlag", "resolutionFlag")
ON_BOARD = ("status", "type", "subType", "item", "team")
REFERENCES = ("board", *ON_BOARD, "owner", "priority", "source", "company", "contact")
INITIAL_NOTES = {
    "initialDescription": "detailDescriptionFlag",
    "initialInternalAnalysis": "internalAnalysisFlag",
    "initialResolution": "resolutionFlag",
}
# Sent with a write, and not kept.
ORDERS = ("processNotifications", "skipCallback", *INITIAL_NOTES)
READ_ONLY = frozenset(
    {
        "id",
        "closedDate",
        "closedBy",
        "closedFlag",
        "actualHours",
        "resources",
        "dateResolved",
        "dateResplan",
        "dateResponded",
        "hasChildTicket",
        "hasMergedChildTicketFlag",
        "mergedParentTicket",
        "isInSla",
        "slaStatus",
    }
)
AUDITED = ("summary", *REFERENCES, "severity", "impact", "externalXRef")
STAMPS = {"Responded": "dateResponded", "ResolutionPlan": "dateResplan", "Resolved": "dateResolved"}


@dataclass(frozen=True)
class Change:
    """What those who registered callbacks want to know."""

    ticket: int
    action: str  # added, updated, deleted
    row: Row | None
    former: Row | None
    by: str
    by_note: bool = False
    silent: bool = False  # skipCallback


class Tickets:
    """All tickets and what hangs on them, each in the shape in which the API shows it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.revision = 0
        self.rows = Table(10_001)
        self.notes = Table(50_001)
        self.time = Table(70_001)
        self.schedule = Table(80_001)
        self.audit: dict[int, list[Row]] = defaultdict(list)
        self.mails: list[Row] = []
        self.on_change: Callable[[Change], None] = lambda _: None
        self._clock = desk.world.clock
        self._switches = desk.world.switches
        self._notes_of: dict[int, list[int]] = defaultdict(list)
        self._time_of: dict[int, list[int]] = defaultdict(list)
        self._versions: dict[int, list[Row]] = defaultdict(list)
        self._deleted_notes: list[tuple[Row, str]] = []
        self._by_reference: dict[str, int] = {}

    # Reading.

    def find(self, reference: object) -> int | None:
        """A ticket's id, from its id or its external reference."""
        text = str(reference)
        if text.isdigit() and int(text) in self.rows.rows:
            return int(text)
        return self._by_reference.get(text)

    def notes_of(self, ticket: int) -> list[Row]:
        """The notes of a ticket, oldest first."""
        return [self.notes.rows[note] for note in self._notes_of.get(ticket, ())]

    def time_of(self, ticket: int) -> list[Row]:
        """The time entries of a ticket."""
        return [self.time.rows[entry] for entry in self._time_of.get(ticket, ())]

    def notes_for_tests(self) -> list[Row]:
        """Every note ever written, with its versions."""
        stand = [(note, "") for note in self.notes]
        return [self._note_for_test(note, deleted) for note, deleted in (*stand, *self._deleted_notes)]

    def _note_for_test(self, note: Row, deleted: str) -> Row:
        return {
            "id": note["id"],
            "ticket": note["ticketId"],
            "text": note["text"],
            "internal": not any(note[flag] for flag in PUBLIC_FLAGS),
            "flags": [flag for flag in FLAGS if note[flag]],
            "author": note["createdBy"],
            "member": (note.get("member") or {}).get("identifier", ""),
            "contact": (note.get("contact") or {}).get("name", ""),
            "created": note["dateCreated"],
            "updated": note["_info"]["lastUpdated"],
            "deleted": deleted,
            "versions": self._versions[note["id"]],
        }

    # Tickets by the API.

    def create(self, body: Mapping[str, object], by: str) -> Row:
        """A new ticket from a body."""
        at = self._clock.now()
        _known_fields(body, TICKET.writable, "ticket")
        if not str(body.get("summary") or "").strip():
            raise Refused("ticket", "summary", "The summary field is required.", "MissingRequiredField")
        if not body.get("company"):
            raise Refused("ticket", "company", "The company field is required.", "MissingRequiredField")
        blank = self._blank(self.rows.new_id(), by, at)
        row = self._changed(blank, {"board": {"id": self.desk.board()["id"]}} | dict(body), by, at)
        row = self._enter(self._with_defaults(row), by, at)
        for name, flag in INITIAL_NOTES.items():
            if body.get(name):
                self._write_note(
                    row["id"],
                    str(body[name]),
                    by=by,
                    at=at,
                    flags=(flag,),
                    contact=row.get("contact"),
                    member=None if row.get("contact") else self._member_reference(by),
                )
        self._tell(Change(row["id"], "added", row, None, by, silent=bool(body.get("skipCallback"))))
        return self.rows.rows[row["id"]]

    def edit(self, ticket: int, changes: Mapping[str, object], by: str, at: datetime | None = None) -> Row:
        """Change fields of a ticket; None blanks one. Nothing happens unless everything can."""
        at = at or self._clock.now()
        old = self.rows.rows[ticket]
        row = self._with_defaults(self._changed(old, changes, by, at))
        self._audit_changes(old, row, by, at)
        self._put(self._bumped(row, by, at))
        self._mail_about_status(old, self.rows.rows[ticket], changes)
        self._tell(Change(ticket, "updated", self.rows.rows[ticket], old, by, silent=bool(changes.get("skipCallback"))))
        return self.rows.rows[ticket]

    def delete(self, ticket: int, by: str) -> None:
        """A ticket is gone, with all that hung on it."""
        former = self.rows.drop(ticket)
        for note in list(self._notes_of.get(ticket, ())):
            self._drop_note(ticket, note, by)
        for entry in self._time_of.pop(ticket, []):
            self.time.drop(entry)
        self._by_reference.pop(str(former.get("externalXRef") or ""), None)
        self.revision += 1
        self._tell(Change(ticket, "deleted", None, former, by))

    # Tickets by people.

    def open(self, line: TicketLine, at: datetime) -> int:
        """A ticket as a file tells it."""
        desk, number = self.desk, line.known_id or self.rows.new_id()
        board = desk.board(line.board)
        company = desk.company(line.company) if line.company else _nth(desk.companies.in_id_order(), number)
        people = desk.contacts_of(company) if not line.contact else []
        contact = _nth(people, number) if people else desk.contact(company, line.contact or "Front Desk")
        row = self._blank(number, MAIL_CONNECTOR, at) | {
            "summary": line.heading(),
            "externalXRef": line.reference or None,
        }
        row |= self._references(
            board=board,
            company=company,
            contact=contact,
            source=desk.source(line.origin),
            status=desk.status(board, line.status),
            priority=desk.priority(line.priority),
        )
        row |= self._references(**desk.category(board, line.category))
        if line.assignee:
            row["owner"] = desk.reference("owner", desk.member(line.assignee))
        self._enter(self._with_defaults(self._closed_or_open({}, row, MAIL_CONNECTOR, at)), MAIL_CONNECTOR, at)
        self._tell(Change(number, "added", self.rows.rows[number], None, MAIL_CONNECTOR))
        if line.description and line.description != next((m.text for m in line.messages), None):
            self.say(number, MessageLine(role="customer", text=line.description), at)
        return number

    def change(self, ticket: int, field: str, to: str, by: str, at: datetime) -> None:
        """A person sets a field by the words of the desk."""
        desk, row = self.desk, self.rows.rows[ticket]
        board = desk.row_of("board", row.get("board"))
        words: dict[str, Callable[[], Mapping[str, Row | None]]] = {
            "board": lambda: self._moved(row, desk.board(to)),
            "status": lambda: {"status": desk.status(board, to)},
            "priority": lambda: {"priority": desk.priority(to)},
            "assignee": lambda: {"owner": desk.member(to) if to else None},
            "company": lambda: {"company": desk.company(to)},
            "category": lambda: {"type": None, "subType": None, "item": None} | desk.category(board, to),
        }
        found = words[field]()
        login = desk.member(by)["identifier"] if by else WORKFLOW
        changes = {name: {"id": value["id"]} if value else None for name, value in found.items()}
        self.edit(ticket, {**changes, "processNotifications": False}, login, at)

    def _moved(self, row: Row, board: Row) -> dict[str, Row | None]:
        """A person who moves a ticket chooses the status and the category of the same names there."""
        names = [row[kind]["name"] for kind in ("type", "subType", "item") if row.get(kind)]
        status = self.desk.status(board, row["status"]["name"])
        return {"board": board, "status": status, **self.desk.category(board, "/".join(names))}

    # Notes.

    def add_note(self, ticket: int, body: Mapping[str, object], by: str) -> Row:
        """A note from a body."""
        _known_fields(body, NOTE.writable, "serviceNote")
        flags = tuple(flag for flag in FLAGS if body.get(flag))
        if not flags:
            raise Refused(
                "serviceNote", "text", "Please choose where to display the notes in order to save this record."
            )
        contact = self.desk.resolve("contact", body["contact"], resource="serviceNote") if body.get("contact") else None
        member = self.desk.resolve("owner", body["member"], resource="serviceNote") if body.get("member") else None
        note = self._write_note(
            ticket,
            self._text(body),
            by=by,
            at=self._clock.now(),
            flags=flags,
            contact=contact,
            member=member or (None if contact else self._member_reference(by)),
            customer=bool(body.get("customerUpdatedFlag")),
        )
        notify = body.get("processNotifications")
        self._mail_about_note(note, self._switches.on("note_notifications") if notify is None else bool(notify))
        return note

    def edit_note(self, note_id: int, changes: Mapping[str, object], by: str, at: datetime | None = None) -> Row:
        """Change a note; None blanks a field."""
        at = at or self._clock.now()
        _known_fields(changes, NOTE.writable, "serviceNote")
        old = self.notes.rows[note_id]
        kept = {name: value for name, value in changes.items() if name in ("text", "issueFlag", *FLAGS)}
        note = old | kept | {"text": self._text({"text": changes.get("text", old["text"])})}
        note |= {flag: bool(note[flag]) for flag in FLAGS}
        if not any(note[flag] for flag in FLAGS):
            raise Refused(
                "serviceNote", "text", "Please choose where to display the notes in order to save this record."
            )
        note["_info"] = old["_info"] | {"lastUpdated": whole_second(at), "updatedBy": by}
        self._put_note(note, by, at)
        self._note_touches_ticket(note["ticketId"], by, at)
        return note

    def delete_note(self, note_id: int, by: str) -> None:
        """A note is gone from its ticket."""
        note = self.notes.rows[note_id]
        self._drop_note(note["ticketId"], note_id, by)
        self._note_touches_ticket(note["ticketId"], by, self._clock.now())

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """A person writes; returns the note's id."""
        row = self.rows.rows[ticket]
        contact = member = None
        by = WORKFLOW
        if message.role == "customer":
            by, contact = MAIL_CONNECTOR, self._speaking_contact(row, message.by)
        elif message.role == "agent":
            technician = self._speaking_technician(row, message.by)
            by, member = technician["identifier"], self.desk.reference("owner", technician)
        flag = "internalAnalysisFlag" if message.internal else "detailDescriptionFlag"
        note = self._write_note(
            ticket,
            message.text,
            by=by,
            at=at,
            flags=(flag,),
            contact=contact,
            member=member,
            customer=message.role == "customer",
        )
        return int(note["id"])

    def edit_note_of(self, logins: frozenset[str], ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the last note of one of these logins."""
        written = [note for note in self.notes_of(ticket) if note["createdBy"] in logins]
        if not written:
            raise LookupError(f"ticket {ticket} has no note of an API account to edit")
        login = self.desk.member(by)["identifier"]
        self.edit_note(written[-1]["id"], {"text": f"{written[-1]['text']}\n{text}"}, login, at)

    # Time and appointments.

    def add_time(self, body: Mapping[str, object], by: str) -> Row:
        """A time entry from a body."""
        _known_fields(body, TIME.writable, "timeEntry")
        if not body.get("timeStart"):
            raise Refused("timeEntry", "timeStart", "The timeStart field is required.", "MissingRequiredField")
        kind = str(body.get("chargeToType") or "ServiceTicket")
        ticket = self.find(body.get("chargeToId")) if kind == "ServiceTicket" else None
        if kind == "ServiceTicket" and ticket is None:
            raise Refused("timeEntry", "chargeToId", f"Ticket {body.get('chargeToId')} not found", "NotFound")
        given = body.get("member")
        member = self.desk.resolve("owner", given, resource="timeEntry") if given else self._member_reference(by)
        return self._log(dict(body) | {"chargeToType": kind}, ticket, member, by, self._clock.now())

    def log_time(self, ticket: int, line: TimeLine, at: datetime) -> None:
        """A technician logs time."""
        member = self.desk.member(line.by)
        body: Row = {
            "timeStart": whole_second(at),
            "timeEnd": whole_second(at + timedelta(minutes=line.minutes)),
            "notes": line.text,
            "addToInternalAnalysisFlag": line.internal,
            "addToDetailDescriptionFlag": not line.internal,
            "chargeToType": "ServiceTicket",
        }
        self._log(body, ticket, self.desk.reference("owner", member), member["identifier"], at)

    def edit_time(self, entry_id: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a time entry, unless it is approved or billed."""
        _known_fields(changes, TIME.writable, "timeEntry")
        old = self.time.rows[entry_id]
        if old["status"] not in ("Open", "Rejected", "ErrorsCorrected"):
            raise Refused("timeEntry", "status", f"Time entry {entry_id} is {old['status']} and cannot be changed.")
        now = whole_second(self._clock.now())
        kept = {name: value for name, value in changes.items() if name not in ("id", "member", "company", "ticket")}
        row = old | kept | {"_info": old["_info"] | {"lastUpdated": now, "updatedBy": by}}
        self.revision += 1
        return self.time.put(row, now)

    def delete_time(self, entry_id: int, by: str) -> None:
        """A time entry is gone."""
        row = self.time.drop(entry_id)
        self.revision += 1
        if ticket := row.get("ticket"):
            self._time_of[ticket["id"]].remove(entry_id)
            self._bump(ticket["id"], by, self._clock.now(), "time_bumps_ticket")

    def add_appointment(self, body: Mapping[str, object], by: str) -> Row:
        """A schedule entry from a body."""
        _known_fields(body, SCHEDULE.writable, "schedule")
        kind = body.get("type")
        if not isinstance(kind, Mapping):
            raise Refused("schedule", "type", "The type field is required.", "MissingRequiredField")
        ticket = self.find(body.get("objectId"))
        if kind.get("id") != 4 and kind.get("identifier") != "S":
            # Any other type makes the server look among other records, whatever was meant.
            raise Refused("schedule", "objectId", f"Activity {body.get('objectId')} not found", "NotFound")
        if ticket is None:
            raise Refused("schedule", "objectId", f"Ticket {body.get('objectId')} not found", "NotFound")
        return self._appoint(body, self.rows.rows[ticket], by)

    def delete_appointment(self, entry_id: int, by: str) -> None:
        """An appointment is off."""
        row = self.schedule.drop(entry_id)
        self.revision += 1
        self._bump_resources(row["objectId"], by)

    # How it is done.

    def _blank(self, number: int, by: str, at: datetime) -> Row:
        stamp = whole_second(at)
        return {
            "id": number,
            "recordType": "ServiceTicket",
            "severity": "Medium",
            "impact": "Medium",
            "allowAllClientsPortalView": False,
            "customerUpdatedFlag": False,
            "automaticEmailContactFlag": False,
            "automaticEmailResourceFlag": False,
            "automaticEmailCcFlag": False,
            "closedFlag": False,
            "approved": False,
            "hasChildTicket": False,
            "hasMergedChildTicketFlag": False,
            "isInSla": False,
            "actualHours": 0.0,
            "customFields": CUSTOM_FIELDS,
            "_info": {"lastUpdated": stamp, "updatedBy": by, "dateEntered": stamp, "enteredBy": by},
        }

    def _references(self, **rows: Row) -> Row:
        return {kind: self.desk.reference(kind, row) for kind, row in rows.items()}

    def _changed(self, old: Row, changes: Mapping[str, object], by: str, at: datetime) -> Row:
        """A copy with the changes in it; Refused before anything is kept."""
        row = dict(old)
        for name in ("board", *(name for name in changes if name != "board")):  # the others are looked up on it
            if name in changes and name not in READ_ONLY and name not in ORDERS:
                self._set(row, name, changes[name])
        self._check_summary(row)
        if "board" in changes:
            self._settle_on_board(row, changes)
        return self._closed_or_open(old, row, by, at)

    def _set(self, row: Row, name: str, value: object) -> None:
        if value is None or value == {}:
            row.pop(name, None)
        elif name in REFERENCES:
            row[name] = self.desk.resolve(name, value, board=(row.get("board") or {}).get("id", 0))
        else:
            row[name] = value

    def _check_summary(self, row: Row) -> None:
        if not str(row.get("summary") or "").strip():
            raise Refused("ticket", "summary", "The summary field is required.", "MissingRequiredField")
        if len(str(row["summary"])) > SUMMARY_LENGTH:
            raise Refused("ticket", "summary", f"The summary exceeds {SUMMARY_LENGTH} characters.", "MaxLength")

    def _settle_on_board(self, row: Row, changes: Mapping[str, object]) -> None:
        """What belonged to the former board goes; the status as the switch says."""
        board = (row.get("board") or {}).get("id")
        for name in ON_BOARD:
            here = self.desk.row_of(name, row.get(name))
            if not here or (here.get("board") or {}).get("id", here.get("boardId")) == board or name in changes:
                continue
            how = self._switches.text("board_move_status") if name == "status" else "default"
            if how == "refuse":
                raise Refused("ticket", "status", "The status does not belong to the board.", "InvalidValue")
            if how == "default":
                row.pop(name, None)

    def _with_defaults(self, row: Row) -> Row:
        desk = self.desk
        if not row.get("board"):
            row["board"] = desk.reference("board", desk.board())
        if not row.get("status"):
            row["status"] = desk.reference("status", desk.default_status(row["board"]["id"]))
        if not row.get("priority"):
            row["priority"] = desk.reference("priority", desk.priority())
        if not row.get("company"):
            raise Refused("ticket", "company", "The company field is required.", "MissingRequiredField")
        contact = desk.row_of("contact", row.get("contact"))
        row["contactName"] = name_of(contact) if contact else None
        row["contactEmailAddress"] = mail_of(contact) or None
        return {name: value for name, value in row.items() if value is not None}

    def _closed_or_open(self, old: Row, row: Row, by: str, at: datetime) -> Row:
        if row.get("status") == old.get("status"):
            return row
        status = self.desk.row_of("status", row.get("status"))
        stamp = STAMPS.get(status.get("escalationStatus", ""))
        if stamp and not row.get(stamp):
            row[stamp] = whole_second(at)
        row["closedFlag"] = bool(status.get("closedStatus"))
        row["closedDate"] = whole_second(at) if row["closedFlag"] else None
        row["closedBy"] = by if row["closedFlag"] else None
        return row

    def _enter(self, row: Row, by: str, at: datetime) -> Row:
        self._audit(row["id"], "Ticket", "Ticket was created.", by, at)
        if row.get("externalXRef"):
            self._by_reference[str(row["externalXRef"])] = row["id"]
        return self._put(row)

    def _put(self, row: Row) -> Row:
        self.revision += 1
        return self.rows.put(row, row["_info"]["lastUpdated"])

    def _bumped(self, row: Row, by: str, at: datetime) -> Row:
        stamp = max(whole_second(at), row["_info"]["lastUpdated"])
        return row | {"_info": row["_info"] | {"lastUpdated": stamp, "updatedBy": by}}

    def _bump(self, ticket: int, by: str, at: datetime, switch: str) -> None:
        if self._switches.on(switch):
            self._put(self._bumped(self.rows.rows[ticket], by, at))

    def _write_note(
        self,
        ticket: int,
        text: str,
        *,
        by: str,
        at: datetime,
        flags: tuple[str, ...],
        contact: Row | None,
        member: Row | None,
        customer: bool = False,
    ) -> Row:
        stamp = whole_second(at)
        public = any(flag in PUBLIC_FLAGS for flag in flags)
        note: Row = {"id": self.notes.new_id(), "ticketId": ticket, "text": text}
        note |= {flag: flag in flags for flag in FLAGS}
        note |= {"issueFlag": False, "customerUpdatedFlag": customer, "processNotifications": False}
        note |= {"dateCreated": stamp, "createdBy": by, "internalFlag": not public, "externalFlag": public}
        note |= {name: value for name, value in (("member", member), ("contact", contact)) if value}
        note["_info"] = {"lastUpdated": stamp, "updatedBy": by, "dateEntered": stamp, "enteredBy": by}
        self._notes_of[ticket].append(note["id"])
        self._put_note(note, by, at)
        if customer or (member and public):
            self.rows.put(
                self.rows.rows[ticket] | {"customerUpdatedFlag": customer},
                self.rows.rows[ticket]["_info"]["lastUpdated"],
            )
        self._note_touches_ticket(ticket, by, at)
        return note

    def _put_note(self, note: Row, by: str, at: datetime) -> None:
        self.revision += 1
        self.notes.put(note, note["_info"]["lastUpdated"])
        self._versions[note["id"]].append({"at": whole_second(at), "by": by, "text": note["text"]})

    def _drop_note(self, ticket: int, note_id: int, by: str) -> None:
        self._notes_of[ticket].remove(note_id)
        self._deleted_notes.append((self.notes.drop(note_id), by))
        self.revision += 1

    def _note_touches_ticket(self, ticket: int, by: str, at: datetime) -> None:
        self._bump(ticket, by, at, "note_bumps_ticket")
        row = self.rows.rows[ticket]
        if self._switches.on("note_callbacks"):
            self._tell(Change(ticket, "updated", row, row, by, by_note=True))

    def _text(self, body: Mapping[str, object]) -> str:
        text = str(body.get("text") or "")
        return text if self._switches.text("newlines") == "keep" else " ".join(text.splitlines())

    def _speaking_contact(self, row: Row, by: str) -> Row:
        company = self.desk.row_of("company", row["company"])
        if by or not row.get("contact"):
            return self.desk.reference("contact", self.desk.contact(company, by or "Front Desk"))
        speaker: Row = row["contact"]
        return speaker

    def _speaking_technician(self, row: Row, by: str) -> Row:
        if by:
            return self.desk.member(by)
        if row.get("owner"):
            return self.desk.row_of("owner", row["owner"])
        return _nth([m for m in self.desk.members.in_id_order() if m["licenseClass"] != "A"], row["id"])

    def _member_reference(self, login: str) -> Row:
        return self.desk.reference("owner", self.desk.member(login))

    def _log(self, body: Row, ticket: int | None, member: Row, by: str, at: datetime) -> Row:
        stamp, row = whole_second(at), dict(body)
        row["timeStart"] = moment_text(body["timeStart"], "timeStart", "timeEntry")
        if body.get("timeEnd"):
            row["timeEnd"] = moment_text(body["timeEnd"], "timeEnd", "timeEntry")
        row |= {"id": self.time.new_id(), "member": member, "status": "Open", "enteredBy": by, "dateEntered": stamp}
        row.setdefault("billableOption", "Billable")
        row.setdefault("actualHours", _hours(row))
        for name in ("addToDetailDescriptionFlag", "addToInternalAnalysisFlag", "addToResolutionFlag"):
            row[name] = bool(row.get(name))
        row["_info"] = {"lastUpdated": stamp, "updatedBy": by, "dateEntered": stamp, "enteredBy": by}
        if ticket is not None:
            charged = self.rows.rows[ticket]
            row |= {
                "chargeToId": ticket,
                "ticket": {"id": ticket, "summary": charged["summary"]},
                "company": charged["company"],
            }
            self._time_of[ticket].append(row["id"])
        self.revision += 1
        self.time.put(row, stamp)
        if ticket is not None:
            self._time_touches_ticket(ticket, row, by, at)
        return row

    def _time_touches_ticket(self, ticket: int, entry: Row, by: str, at: datetime) -> None:
        row = self.rows.rows[ticket]
        self.rows.put(
            row | {"actualHours": row["actualHours"] + float(entry["actualHours"])}, row["_info"]["lastUpdated"]
        )
        self._bump(ticket, by, at, "time_bumps_ticket")
        if entry.get("emailContactFlag"):
            self._mail(row, str(entry.get("notes") or ""), by, "time entry with emailContactFlag")

    def _appoint(self, body: Mapping[str, object], ticket: Row, by: str) -> Row:
        given, stamp = body.get("member"), whole_second(self._clock.now())
        member = self.desk.resolve("owner", given, resource="schedule") if given else self._member_reference(by)
        row: Row = {
            "id": self.schedule.new_id(),
            "objectId": ticket["id"],
            "name": f"{ticket['company']['name']} / Ticket# {ticket['id']} - {ticket['summary']}",
            "member": member,
            "type": {"id": 4, "identifier": "S"},
            "status": body.get("status") or {"id": 2, "name": "Firm"},
            "doneFlag": bool(body.get("doneFlag")),
            "acknowledgedFlag": False,
            "ownerFlag": bool(body.get("ownerFlag")),
            "_info": {"lastUpdated": stamp, "updatedBy": by, "dateEntered": stamp, "enteredBy": by},
        }
        for name in ("dateStart", "dateEnd"):
            if body.get(name):
                row[name] = moment_text(body[name], name, "schedule")
        self.revision += 1
        self.schedule.put(row, stamp)
        self._bump_resources(ticket["id"], by)
        return row

    def _bump_resources(self, ticket: int, by: str) -> None:
        """`resources` is a reading of who has an appointment."""
        if ticket not in self.rows.rows:
            return
        who = [entry["member"]["identifier"] for entry in self.schedule if entry["objectId"] == ticket]
        row = self.rows.rows[ticket] | {"resources": ", ".join(dict.fromkeys(who))}
        self._put(self._bumped(row, by, self._clock.now()))

    def _audit_changes(self, old: Row, new: Row, by: str, at: datetime) -> None:
        for name in AUDITED:
            former, now = _shown(old.get(name)), _shown(new.get(name))
            if former != now:
                label = name[0].upper() + name[1:]
                self._audit(old["id"], label, f'{label} changed from "{former}" to "{now}".', by, at)

    def _audit(self, ticket: int, label: str, text: str, by: str, at: datetime) -> None:
        self.audit[ticket].append(
            {
                "text": text,
                "enteredDate": whole_second(at),
                "enteredBy": by,
                "auditType": "Ticket",
                "auditSubType": label,
                "auditSource": "Service",
            }
        )

    def _mail_about_status(self, old: Row, row: Row, changes: Mapping[str, object]) -> None:
        if row["status"] == old["status"] or changes.get("processNotifications") is False:
            return
        if self.desk.row_of("board", row["board"]).get("sendToContactFlag"):
            by = row["_info"]["updatedBy"]
            self._mail(row, f"Status: {row['status']['name']}", by, "status change with processNotifications")

    def _mail_about_note(self, note: Row, notify: bool) -> None:
        if notify and any(note[flag] for flag in PUBLIC_FLAGS):
            row = self.rows.rows[note["ticketId"]]
            self._mail(row, note["text"], note["createdBy"], "public note with processNotifications")

    def _mail(self, row: Row, text: str, by: str, because: str) -> None:
        self.mails.append(
            {
                "at": whole_second(self._clock.now()),
                "ticket": row["id"],
                "to": row.get("contactEmailAddress", ""),
                "text": text,
                "by": by,
                "because": because,
            }
        )

    def _tell(self, change: Change) -> None:
        self.on_change(change)


def _known_fields(body: Mapping[str, object], known: Callable[[str], bool], resource: str) -> None:
    for name in body:
        if name != "_info" and not known(name):
            raise Refused(resource, name, f"{name} is not a recognized name.", "InvalidField")


def _nth(rows: list[Row], number: int) -> Row:
    return rows[number % len(rows)]


def _hours(row: Mapping[str, Any]) -> float:
    if not row.get("timeEnd"):
        return 0.0
    spent = datetime.fromisoformat(row["timeEnd"]) - datetime.fromisoformat(row["timeStart"])
    return round(spent.total_seconds() / 3600, 2)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("identifier") or value.get("name") or "")
    return "" if value is None else str(value)

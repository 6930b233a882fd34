"""The notes of tickets: who may write what where, and what a note sets off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal

from psa_copilot.sandbox import MessageLine, Row, Table, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, check_names, entered, updated
from psa_copilot_connectors.connectwise.sandbox.change import MAIL_CONNECTOR, WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.shapes import NOTE
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets, nth

FLAGS = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag")
PUBLIC_FLAGS = ("detailDescriptionFlag", "resolutionFlag")
INITIAL_NOTES = {
    "initialDescription": "detailDescriptionFlag",
    "initialInternalAnalysis": "internalAnalysisFlag",
    "initialResolution": "resolutionFlag",
}


@dataclass(frozen=True)
class Author:
    """Who writes: `by` enters it; a member, a contact, or neither is named as its author."""

    by: str
    member: Row | None = None
    contact: Row | None = None
    customer: bool = False

    def shown(self) -> Row:
        """The references that a note shows."""
        return {name: ref for name, ref in (("member", self.member), ("contact", self.contact)) if ref}


class Notes:
    """All notes, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows = Table(50_001)
        self._tickets = tickets
        self._desk = tickets.desk
        self._clock = tickets.desk.world.clock
        self._switches = tickets.desk.world.switches
        self._of: dict[int, list[int]] = defaultdict(list)
        self._versions: dict[int, list[Row]] = defaultdict(list)
        self._deleted: list[tuple[Row, str]] = []
        tickets.parts.append(self)

    def of(self, ticket: int) -> list[Row]:
        """The notes of a ticket, oldest first."""
        return [self.rows.rows[note] for note in self._of.get(ticket, ())]

    def for_tests(self) -> list[Row]:
        """Every note ever written, with its versions."""
        stand = [(note, "") for note in self.rows]
        return [self._for_test(note, deleted) for note, deleted in (*stand, *self._deleted)]

    def _for_test(self, note: Row, deleted: str) -> Row:
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

    # By the API.

    def add(self, ticket: int, body: Mapping[str, object], by: str) -> Row:
        """A note from a body."""
        check_names(body, NOTE, "serviceNote")
        flags = _shown_where(body)
        author = self._author(body, by)
        order = {"processNotifications": body.get("processNotifications")}
        return self._write(ticket, self._text(body.get("text"), author), flags, author, self._clock.now(), order)

    def add_by_rule(self, ticket: int, text: str, at: datetime) -> Row:
        """An internal note that nobody wrote."""
        return self._write(ticket, text, ("internalAnalysisFlag",), Author(WORKFLOW), at)

    def edit(self, note_id: int, changes: Mapping[str, object], by: str, at: datetime | None = None) -> Row:
        """Change a note; None blanks a field."""
        check_names(changes, NOTE, "serviceNote")
        old, at = self.rows.rows[note_id], at or self._clock.now()
        kept = {name: value for name, value in changes.items() if name in ("text", "issueFlag", *FLAGS)}
        text = self._text(changes["text"], Author(by)) if "text" in changes else old["text"]
        note = old | kept | {"text": text}
        flags = _shown_where(note)
        note = updated(note | {flag: flag in flags for flag in FLAGS}, by, at)
        self._put(note, by, at)
        self._touch_ticket(note, "updated", by, at)
        return note

    def delete(self, note_id: int, by: str) -> None:
        """A note is gone from its ticket."""
        note = self.rows.rows[note_id]
        self._drop(note["ticketId"], note_id, by)
        self._touch_ticket(note, "deleted", by, self._clock.now())

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """What a new ticket says from the start becomes its first notes."""
        contact = ticket.get("contact")
        author = Author(by, None if contact else self._desk.member_reference(by), contact)
        for name, flag in INITIAL_NOTES.items():
            if body.get(name):
                self._keep(ticket["id"], self._text(body[name], author), (flag,), author, at)

    def ticket_deleted(self, ticket: int, by: str) -> None:
        """A ticket takes its notes with it."""
        for note in list(self._of.get(ticket, ())):
            self._drop(ticket, note, by)

    # By people.

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """A person writes; returns the note's id."""
        author = self._speaker(self._tickets.rows.rows[ticket], message)
        flag = "internalAnalysisFlag" if message.internal else "detailDescriptionFlag"
        text = self._text(message.text, author) if self._switches.text("html_notes") != "never" else message.text
        return int(self._write(ticket, text, (flag,), author, at)["id"])

    def edit_last_of(self, logins: frozenset[str], ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the last note of one of these logins."""
        written = [note for note in self.of(ticket) if note["createdBy"] in logins]
        if not written:
            raise LookupError(f"ticket {ticket} has no note of an API account to edit")
        login = self._desk.member(by)["identifier"]
        self.edit(written[-1]["id"], {"text": f"{written[-1]['text']}\n{text}"}, login, at)

    def _speaker(self, ticket: Row, message: MessageLine) -> Author:
        if message.role == "customer":
            return Author(MAIL_CONNECTOR, contact=self._speaking_contact(ticket, message.by), customer=True)
        if message.role == "agent":
            technician = self._speaking_technician(ticket, message.by)
            return Author(technician["identifier"], self._desk.reference("owner", technician))
        return Author(WORKFLOW)

    def _speaking_contact(self, ticket: Row, by: str) -> Row:
        if ticket.get("contact") and not by:
            speaker: Row = ticket["contact"]
            return speaker
        company = self._desk.row_of("company", ticket["company"])
        return self._desk.reference("contact", self._desk.contact(company, by or "Front Desk"))

    def _speaking_technician(self, ticket: Row, by: str) -> Row:
        if by:
            return self._desk.member(by)
        if ticket.get("owner"):
            return self._desk.row_of("owner", ticket["owner"])
        return nth(self._desk.technicians(), ticket["id"])

    # How it is done.

    def _author(self, body: Mapping[str, object], by: str) -> Author:
        contact, member = (
            self._desk.resolve(kind, body[name], resource="serviceNote") if body.get(name) else None
            for kind, name in (("contact", "contact"), ("owner", "member"))
        )
        if not contact and not member:
            member = self._desk.member_reference(by)
        return Author(by, member, contact, bool(body.get("customerUpdatedFlag")))

    def _text(self, text: object, author: Author) -> str:
        written = str(text or "")
        whose = self._switches.text("html_notes")
        if whose == "all" or (whose == "customers" and author.customer):
            paragraphs = "<br />".join(escape(line, quote=False) for line in written.splitlines())
            return f"<div><p>{paragraphs}</p></div>"
        return written if self._switches.text("newlines") == "keep" else " ".join(written.splitlines())

    def _write(
        self,
        ticket: int,
        text: str,
        flags: tuple[str, ...],
        author: Author,
        at: datetime,
        order: Mapping[str, object] | None = None,
    ) -> Row:
        note = self._keep(ticket, text, flags, author, at)
        if author.customer or (author.member and note["externalFlag"]):
            self._tickets.put(self._tickets.rows.rows[ticket] | {"customerUpdatedFlag": author.customer})
        self._touch_ticket(note, "added", author.by, at, order)
        return note

    def _keep(self, ticket: int, text: str, flags: tuple[str, ...], author: Author, at: datetime) -> Row:
        public = any(flag in PUBLIC_FLAGS for flag in flags)
        note: Row = {
            "id": self.rows.new_id(),
            "ticketId": ticket,
            "text": text,
            **{flag: flag in flags for flag in FLAGS},
            "issueFlag": False,
            "customerUpdatedFlag": author.customer,
            "processNotifications": False,
            "dateCreated": whole_second(at),
            "createdBy": author.by,
            "internalFlag": not public,
            "externalFlag": public,
            **author.shown(),
            "_info": entered(author.by, at),
        }
        self._of[ticket].append(note["id"])
        return self._put(note, author.by, at)

    def _put(self, note: Row, by: str, at: datetime) -> Row:
        self._tickets.touched()
        self._versions[note["id"]].append({"at": whole_second(at), "by": by, "text": note["text"]})
        return self.rows.put(note, note["_info"]["lastUpdated"])

    def _drop(self, ticket: int, note_id: int, by: str) -> None:
        self._of[ticket].remove(note_id)
        self._deleted.append((self.rows.drop(note_id), by))
        self._tickets.touched()

    def _touch_ticket(
        self,
        note: Row,
        action: Literal["added", "updated", "deleted"],
        by: str,
        at: datetime,
        order: Mapping[str, object] | None = None,
    ) -> None:
        ticket = note["ticketId"]
        if note["externalFlag"] or self._switches.on("internal_note_bumps_ticket"):
            self._tickets.bump(ticket, by, at, "note_bumps_ticket")
        row = self._tickets.rows.rows[ticket]
        self._tickets.tell(Change(ticket, action, row, row, by, what="note", part=note, order=order or {}))


def _shown_where(body: Mapping[str, object]) -> tuple[str, ...]:
    flags = tuple(flag for flag in FLAGS if body.get(flag))
    if not flags:
        message = "Please choose where to display the notes in order to save this record."
        raise Refused("serviceNote", "text", message)
    return flags

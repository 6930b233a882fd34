"""Tickets of the ConnectWise sandbox, and the rules by which they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from psa_copilot.sandbox import Row, Table, TicketLine, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, check_given, check_names, entered, updated
from psa_copilot_connectors.connectwise.sandbox.change import CATEGORY, MAIL_CONNECTOR, WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.desk import Desk, mail_of, name_of
from psa_copilot_connectors.connectwise.sandbox.lagging import Lagging
from psa_copilot_connectors.connectwise.sandbox.shapes import TICKET
from psa_copilot_connectors.connectwise.sandbox.sla import Slas
from psa_copilot_connectors.connectwise.sandbox.usual import CUSTOM_FIELDS

SUMMARY_LENGTH = 100
ON_BOARD = ("status", *CATEGORY, "team")
REFERENCES = (
    "board", *ON_BOARD, "owner", "priority", "source", "company", "contact", "sla", "agreement", "workType", "workRole",
    "site",
)  # fmt: skip
AUDITED = ("summary", *REFERENCES, "severity", "impact", "externalXRef", "parentTicketId", "requiredDate")
SERVICE, PROJECT = "ServiceTicket", "ProjectTicket"
# Sent with a write to tell how, and not kept.
ORDERS = [
    "processNotifications",
    "skipCallback",
    "initialDescription",
    "initialInternalAnalysis",
    "initialResolution",
    "initialDescriptionFrom",
    "contactEmailLookup",
]
# Known, and not for clients to write.
READ_ONLY = [
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
    "contactName",
    "contactEmailAddress",
    "recordType",
    "escalationStartDateUTC",
    "escalationLevel",
    "minutesWaiting",
    "respondMinutes",
    "resPlanMinutes",
    "resolveMinutes",
]
KEPT_BACK = frozenset({*ORDERS, *READ_ONLY})
# What people call the fields that hold no reference.
PLAIN_WORDS = {"title": "summary", "due": "requiredDate", "severity": "severity", "impact": "impact"}


class Part(Protocol):
    """What hangs on tickets."""

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A ticket is new."""

    def ticket_deleted(self, ticket: int, by: str) -> None:
        """A ticket is gone."""


class Tickets:
    """All tickets, each in the shape in which the API shows it."""

    def __init__(self, desk: Desk, slas: Slas) -> None:
        self.desk = desk
        self.slas = slas
        self.revision = 0
        self.rows = Table(10_001)
        self.listed = Lagging(self.rows, desk.world)
        self.parts: list[Part] = []
        self.audit: dict[int, list[Row]] = defaultdict(list)
        self.listeners: list[Callable[[Change], None]] = []
        self._children: dict[int, list[int]] = defaultdict(list)
        self._clock = desk.world.clock
        self._switches = desk.world.switches
        self._by_reference: dict[str, int] = {}

    def find(self, reference: object) -> int | None:
        """A ticket's id, from its id or its external reference."""
        text = str(reference)
        if text.isdigit() and int(text) in self.rows.rows:
            return int(text)
        return self._by_reference.get(text)

    def children_of(self, ticket: int) -> list[Row]:
        """The tickets that are bundled under one."""
        return [self.rows.rows[child] for child in self._children.get(ticket, ())]

    def tell(self, change: Change) -> None:
        """Let everybody know what has happened."""
        for listener in self.listeners:
            listener(change)

    # By the API.

    def create(self, body: Mapping[str, object], by: str, record: str = SERVICE) -> Row:
        """A new ticket from a body."""
        at = self._clock.now()
        check_names(body, TICKET, "ticket")
        check_given(body, "ticket", "summary", "company")
        blank = self._blank(self.rows.new_id(), by, at) | {"recordType": record}
        board = {"board": {"id": self.desk.board()["id"]}}
        changed = self._changed(blank, board | dict(body), by, at)
        row = self._enter(self.slas.ticked({}, self._with_defaults(changed), by, at), by, at)
        for part in self.parts:
            part.ticket_added(row, body, by, at)
        self._settle_family({}, row)
        self.tell(Change(row["id"], "added", row, None, by, order=_orders(body)))
        return self.rows.rows[int(row["id"])]

    def edit(self, ticket: int, changes: Mapping[str, object], by: str, at: datetime | None = None) -> Row:
        """Change fields of a ticket; None blanks one. Nothing happens unless everything can."""
        check_names(changes, TICKET, "ticket")
        old, at = self.rows.rows[ticket], at or self._clock.now()
        row = self.slas.ticked(old, self._with_defaults(self._changed(old, changes, by, at)), by, at)
        self._audit_changes(old, row, by, at)
        row = self.put(updated(row, by, at))
        self._settle_family(old, row)
        self.tell(Change(ticket, "updated", row, old, by, order=_orders(changes)))
        return row

    def set_quietly(self, ticket: int, fields: Mapping[str, object], by: str, at: datetime) -> Row:
        """Change what no client may write, such as a ticket's place in a family."""
        old = self.rows.rows[ticket]
        row = self.put(updated({k: v for k, v in (old | dict(fields)).items() if v is not None}, by, at))
        self.tell(Change(ticket, "updated", row, old, by, order={"processNotifications": False}))
        return row

    def delete(self, ticket: int, by: str) -> None:
        """A ticket is gone, with all that hung on it."""
        self.listed.before(ticket, None)
        former = self.rows.drop(ticket)
        for part in self.parts:
            part.ticket_deleted(ticket, by)
        self._by_reference.pop(str(former.get("externalXRef") or ""), None)
        self._settle_family(former, {"id": ticket})
        self.touched()
        self.tell(Change(ticket, "deleted", None, former, by))

    # By people.

    def open(self, line: TicketLine, at: datetime) -> int:
        """A ticket as a file tells it."""
        row = self._blank(line.known_id or self.rows.new_id(), MAIL_CONNECTOR, at)
        row |= {"summary": line.heading(), "externalXRef": line.reference or None}
        row |= {"requiredDate": whole_second(line.due_at)} if line.due_at else {}
        row |= {"recordType": PROJECT} if line.origin == "project" else {}
        row |= self._told(line, row["id"])
        row = self._with_defaults(self._closed_or_open({}, row, MAIL_CONNECTOR, at))
        row = self._enter(self.slas.ticked({}, row, MAIL_CONNECTOR, at), MAIL_CONNECTOR, at)
        self.tell(Change(row["id"], "added", row, None, MAIL_CONNECTOR))
        return int(row["id"])

    def _told(self, line: TicketLine, number: int) -> Row:
        desk = self.desk
        board = desk.board(line.board)
        company = desk.company(line.company) if line.company else nth(desk.companies.in_id_order(), number)
        people = desk.contacts_of(company) if not line.contact else []
        rows = {
            "board": board,
            "company": company,
            "contact": nth(people, number) if people else desk.contact(company, line.contact or "Front Desk"),
            "source": desk.source(line.origin),
            "status": desk.status(board, line.status),
            "priority": desk.priority(line.priority),
            **desk.category(board, line.category),
            **({"owner": desk.member(line.assignee)} if line.assignee else {}),
        }
        return {kind: desk.reference(kind, row) for kind, row in rows.items()}

    def change(self, ticket: int, field: str, to: str, by: str, at: datetime) -> None:
        """A person sets a field by the words of the desk."""
        desk, row = self.desk, self.rows.rows[ticket]
        board = desk.row_of("board", row["board"])
        words: dict[str, Callable[[], Mapping[str, Row | None]]] = {
            "board": lambda: self._moved(row, desk.board(to)),
            "status": lambda: {"status": desk.status(board, to)},
            "priority": lambda: {"priority": desk.priority(to)},
            "assignee": lambda: {"owner": desk.member(to) if to else None},
            "company": lambda: {"company": desk.company(to)},
            "category": lambda: dict.fromkeys(CATEGORY) | desk.category(board, to),
            "contact": lambda: {"contact": desk.contact(desk.row_of("company", row["company"]), to)},
        }
        if field in PLAIN_WORDS:
            changes: dict[str, object] = {PLAIN_WORDS[field]: to or None}
        elif field in words:
            changes = {name: {"id": value["id"]} if value else None for name, value in words[field]().items()}
        else:
            raise LookupError(f"nobody sets {field}; there are {', '.join((*words, *PLAIN_WORDS))}")
        login = desk.member(by)["identifier"] if by else WORKFLOW
        self.edit(ticket, {**changes, "processNotifications": False}, login, at)

    def _moved(self, row: Row, board: Row) -> dict[str, Row | None]:
        """A person who moves a ticket chooses the status and the category of the same names there."""
        names = [row[kind]["name"] for kind in CATEGORY if row.get(kind)]
        status = self.desk.status(board, row["status"]["name"])
        return {"board": board, "status": status, **self.desk.category(board, "/".join(names))}

    # By what hangs on a ticket.

    def touched(self) -> None:
        """Something has changed."""
        self.revision += 1

    def put(self, row: Row) -> Row:
        """Keep the new shape of a ticket."""
        self.touched()
        self.listed.before(row["id"], row)
        return self.rows.put(row, row["_info"]["lastUpdated"])

    def bump(self, ticket: int, by: str, at: datetime, switch: str) -> None:
        """Move a ticket's stamp, if the switch says that this does."""
        if self._switches.on(switch):
            self.put(updated(self.rows.rows[ticket], by, at))

    # How it is done.

    def _blank(self, number: int, by: str, at: datetime) -> Row:
        return {
            "id": number,
            "recordType": SERVICE,
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
            "integratorTags": [],
            "customFields": CUSTOM_FIELDS,
            "_info": entered(by, at),
        }

    def _changed(self, old: Row, changes: Mapping[str, object], by: str, at: datetime) -> Row:
        """A copy with the changes in it; Refused before anything is kept."""
        row = dict(old)
        for name in ("board", *(name for name in changes if name != "board")):  # the others are looked up on it
            if name in changes and name not in KEPT_BACK:
                self._set(row, name, changes[name])
        check_given(row, "ticket", "summary", "company")
        if len(str(row["summary"])) > SUMMARY_LENGTH:
            raise Refused("ticket", "summary", f"The summary exceeds {SUMMARY_LENGTH} characters.", "MaxLength")
        if "board" in changes:
            self._settle_on_board(row, changes)
        if self._switches.on("strict_categories") and not self.desk.belongs(row):
            raise Refused("ticket", "subType", "The subtype or item does not belong to the type.", "InvalidValue")
        return self._closed_or_open(old, row, by, at)

    def _set(self, row: Row, name: str, value: object) -> None:
        if value is None or value == {}:
            row.pop(name, None)
        elif name in REFERENCES:
            row[name] = self.desk.resolve(name, value, board=(row.get("board") or {}).get("id", 0))
        else:
            row[name] = value

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
        contact = desk.row_of("contact", row.get("contact"))
        row["contactName"] = name_of(contact) if contact else None
        row["contactEmailAddress"] = mail_of(contact) or None
        return {name: value for name, value in row.items() if value is not None}

    def _closed_or_open(self, old: Row, row: Row, by: str, at: datetime) -> Row:
        if row.get("status") == old.get("status"):
            return row
        row["closedFlag"] = bool(self.desk.row_of("status", row.get("status")).get("closedStatus"))
        row["closedDate"] = whole_second(at) if row["closedFlag"] else None
        row["closedBy"] = by if row["closedFlag"] else None
        return row

    def _settle_family(self, old: Row, new: Row) -> None:
        """A parent shows that it has children."""
        former, now = old.get("parentTicketId"), new.get("parentTicketId")
        if former == now:
            return
        if isinstance(former, int) and new["id"] in self._children[former]:
            self._children[former].remove(new["id"])
        if isinstance(now, int):
            self._children[now].append(new["id"])
        for parent in (former, now):
            if parent in self.rows.rows:
                self.put(self.rows.rows[parent] | {"hasChildTicket": bool(self._children[parent])})

    def _enter(self, row: Row, by: str, at: datetime) -> Row:
        self.note_audit(row["id"], "Ticket", "Ticket was created.", by, at)
        if row.get("externalXRef"):
            self._by_reference[str(row["externalXRef"])] = row["id"]
        return self.put(row)

    def _audit_changes(self, old: Row, new: Row, by: str, at: datetime) -> None:
        for name in AUDITED:
            former, now = _shown(old.get(name)), _shown(new.get(name))
            if former != now:
                label = name[0].upper() + name[1:]
                self.note_audit(old["id"], label, f'{label} changed from "{former}" to "{now}".', by, at)

    def note_audit(self, ticket: int, label: str, text: str, by: str, at: datetime) -> None:
        """A line of the audit trail."""
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


def nth(rows: Sequence[Row], number: int) -> Row:
    """One of several, always the same for the same number."""
    return rows[number % len(rows)]


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("identifier") or value.get("name") or "")
    return "" if value is None else str(value)


def _orders(body: Mapping[str, object]) -> dict[str, object]:
    return {name: body[name] for name in ("processNotifications", "skipCallback") if name in body}

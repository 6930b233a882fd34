"""Tickets of the HaloPSA sandbox, and the rules by which they change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psa_copilot.sandbox import Row, Table, TicketLine
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.change import SYSTEM, Change, Refused
from psa_copilot_connectors.halopsa.sandbox.desk import Desk
from psa_copilot_connectors.halopsa.sandbox.late import Late
from psa_copilot_connectors.halopsa.sandbox.rows import moment, stamp

# What a client may set as it is; everything else in a body is looked up, or ignored without a word.
PLAIN = (
    "summary", "details", "details_html", "impact", "urgency", "emailtolist", "emailcclist", "third_party_id_string",
    "targetdate", "flagged", "read", "closure_note",
)  # fmt: skip
AUDITED = {
    "summary": "Summary",
    "status_name": "Status",
    "priority_name": "Priority",
    "team": "Team",
    "agent_name": "Agent",
    "category_1": "Category",
    "client_name": "Client",
    "user_name": "User",
}
_IDS = {"Status": "status_id", "Priority": "priority_id", "Agent": "agent_id", "Client": "client_id"}


class Tickets:
    """All tickets, each in the shape in which the API shows it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.rows = Table(10_001)
        self.read = Late(self.rows, desk.world)
        self.revision = 0
        self.listeners: list[Callable[[Change], None]] = []
        self.added: list[Callable[[Row, str, datetime], None]] = []
        self.gone: list[Callable[[int], None]] = []
        self.asks: list[Callable[[Row, Mapping[str, Any]], str]] = []
        self._deleted: dict[int, Row] = {}
        self.audit: dict[int, list[Row]] = defaultdict(list)
        self._by_reference: dict[str, int] = {}
        self._clock, self._switches = desk.world.clock, desk.world.switches

    def find(self, reference: object) -> int | None:
        """A ticket's id, from its id or somebody else's."""
        text = str(reference)
        if text.isdigit() and int(text) in self.rows.rows:
            return int(text)
        return self._by_reference.get(text)

    def told_deleted(self, number: int) -> Row | None:
        """A deleted ticket, where the server tells it for ever."""
        row = self._deleted.get(number) if self._switches.text("deleted_tickets") == "told" else None
        return row | {"deleted": True} if row else None

    def tell(self, change: Change) -> None:
        """Let everybody know."""
        for listener in self.listeners:
            listener(change)

    # By the API

    def write(self, body: Mapping[str, Any], by: Row) -> Row:
        """A new ticket, or new values for one that is there."""
        rules = not body.get("dont_do_rules")
        if not body.get("id"):
            return self._create(body, by["name"], rules)
        number = int(body["id"])
        if self.rows.get(number) is None:
            raise Refused(404, "Ticket not found")
        wanted = self._wanted(self.rows.rows[number], body)
        self._ask(self.rows.rows[number], wanted, body)
        return self.edit(number, wanted, by["name"], rules=rules)

    def _ask(self, old: Row, wanted: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        flags = (flag for ask in self.asks if (flag := ask(old, wanted)))
        if self._switches.on("asks_first") and (flag := next((one for one in flags if not body.get(one)), "")):
            raise Refused(400, f"Please confirm: {flag}")

    def _create(self, body: Mapping[str, Any], by: str, rules: bool) -> Row:
        if not body.get("summary"):
            raise Refused(400, "A summary must be entered")
        if body.get("tickettype_id") and self.desk.types.get(int(body["tickettype_id"])) is None:
            raise Refused(400, "Ticket Type not found")
        at = self._clock.now()
        blank = self._blank(self.rows.new_id(), by, at)
        return self._enter(self._settled({}, blank | self._wanted(blank, body), at), by, at, rules=rules)

    def _wanted(self, row: Row, body: Mapping[str, Any]) -> Row:
        """What a body wants, in the ticket's own fields; Refused where something is not there."""
        wanted: Row = {name: body[name] for name in PLAIN if name in body}
        if "thirdpartyref" in body and self._switches.on("thirdpartyref_kept"):
            wanted["third_party_id_string"] = str(body["thirdpartyref"])
        for name, look in self._looks().items():
            if body.get(name) is not None:
                wanted |= look(body[name], row | wanted)
        return wanted

    def _looks(self) -> Mapping[str, Callable[[Any, Row], Row]]:
        desk = self.desk
        return {
            "client_id": lambda value, _: _reference("client", _there(desk.clients, value, "Client")),
            "site_id": lambda value, _: _reference("site", _there(desk.sites, value, "Site")),
            "user_id": lambda value, _: self._user(_there(desk.users, value, "User")),
            "tickettype_id": lambda value, _: _reference("tickettype", _there(desk.types, value, "Ticket Type")),
            "sla_id": lambda value, _: {"sla_id": int(value), "sla_name": usual.SLAS.get(int(value), "")},
            "status_id": lambda value, _: _reference("status", _there(desk.statuses, value, "Status")),
            "priority_id": self._priority,
            "agent_id": lambda value, _: _reference("agent", _there(desk.agents, value, "Agent")),
            "team": lambda value, _: self._team(str(value), "name"),
            "team_id": lambda value, _: self._team(_there(desk.teams, value, "Team")["name"], "id"),
            "category_1": lambda value, _: self._category(desk.category(str(value)), bool(value)),
            "categoryid_1": lambda value, _: self._category(desk.categories.get(int(value)), int(value) > 0),
            "parent_id": self._parent,
        }

    def _team(self, name: str, by: str) -> Row:
        if self._switches.text("team_by") not in ("either", by):
            return {}  # ignored without a word
        return {"team": name, "team_id": self.desk.team(name)["id"]}

    def _priority(self, value: Any, row: Row) -> Row:
        found = self.desk.priority_of(int(row.get("sla_id") or 1), int(value))
        if found is None:
            raise Refused(400, "Priority not found")
        return {"priority_id": found["priorityid"], "priority_name": found["name"]}

    def _category(self, row: Row | None, wanted: bool) -> Row:
        if wanted and row is None:
            raise Refused(400, "Category not found")
        return {"category_1": row["category_name"] if row else "", "categoryid_1": row["id"] if row else 0}

    def _parent(self, value: Any, row: Row) -> Row:
        number = int(value)
        if number and (number == row.get("id") or self.rows.get(number) is None):
            raise Refused(400, "Parent ticket not found")
        return {"parent_id": number}

    def _user(self, user: Row) -> Row:
        client = self.desk.clients.rows[user["client_id"]]
        mail = {"user_email": user["emailaddress"], "reportedby": user["name"]}
        return _reference("user", user) | mail | _reference("client", client) | self._site(client)

    def _site(self, client: Row) -> Row:
        return _reference("site", self.desk.site_of(client))

    def edit(
        self, ticket: int, changes: Mapping[str, Any], by: str, at: datetime | None = None, *, rules: bool = True
    ) -> Row:
        """Change fields of a ticket."""
        old, at = self.rows.rows[ticket], at or self._clock.now()
        row = self._settled(old, old | dict(changes), at) | {"last_update": stamp(at)}
        self._note_changes(old, row, by, at)
        self.put(row)
        changed = row["status_id"] != old["status_id"]
        self.tell(Change(ticket, "updated", row, by, rules=rules, status_changed=changed))
        return self.rows.rows[ticket]

    def set_quietly(self, ticket: int, fields: Mapping[str, Any], at: datetime | None = None) -> None:
        """Change what hangs on other things; nobody is told."""
        moved = {"last_update": stamp(at)} if at else {}
        self.put(self.rows.rows[ticket] | dict(fields) | moved)

    def delete(self, ticket: int, by: str) -> None:
        """A ticket is gone."""
        self.read.before(ticket, None)
        row = self._deleted[ticket] = self.rows.drop(ticket)
        self._by_reference.pop(str(row.get("third_party_id_string") or ""), None)
        self.revision += 1
        for gone in self.gone:
            gone(ticket)
        self.tell(Change(ticket, "deleted", row, by))

    # By people

    def open(self, line: TicketLine, at: datetime) -> int:
        """A ticket as a file tells it."""
        number, desk = line.known_id or self.rows.new_id(), self.desk
        client = desk.client(line.company) if line.company else _nth(self._clients(), number)
        people = desk.users_of(client) if not line.contact else []
        user = _nth(people, number) if people else desk.user(client, line.contact or "Front Desk")
        kind = usual.ORIGINS.get(line.origin, 1)
        priority = desk.priority(line.priority, 1)
        row = self._blank(number, user["name"], at) | self._user(user)
        row |= _reference("tickettype", desk.types.rows[kind]) | _reference("status", desk.status(line.status))
        row |= {"priority_id": priority["priorityid"], "priority_name": priority["name"]}
        row |= self._team(desk.team(line.board)["name"], self._switches.text("team_by"))
        row |= self._category(desk.category(line.category), False)
        row |= _reference("agent", desk.agent(line.assignee)) if line.assignee else {}
        row |= {"summary": line.heading(), "details": line.description, "source": usual.SOURCES.get(line.origin, 1)}
        row |= {"third_party_id_string": line.reference} if line.reference else {}
        row |= {"targetdate": stamp(line.due_at)} if line.due_at else {}
        return int(self._enter(self._settled({}, row, at), user["name"], at)["id"])

    def _clients(self) -> Sequence[Row]:
        return [row for row in self.desk.clients if row["id"] != usual.UNKNOWN_CLIENT]

    def change(self, ticket: int, field: str, to: str, by: str, at: datetime) -> None:
        """A person sets a field by the words of the desk."""
        desk, row = self.desk, self.rows.rows[ticket]
        words: dict[str, Callable[[], Row]] = {
            "title": lambda: {"summary": to},
            "board": lambda: {"team": desk.team(to)["name"], "team_id": desk.team(to)["id"]},
            "status": lambda: _reference("status", desk.status(to)),
            "priority": lambda: self._priority(desk.priority(to, row["sla_id"])["priorityid"], row),
            "assignee": lambda: _reference("agent", desk.agent(to) if to else desk.agents.rows[usual.UNASSIGNED]),
            "company": lambda: _reference("client", desk.client(to)) | self._site(desk.client(to)),
            "category": lambda: self._category(desk.category(to), False),
            "contact": lambda: self._user(desk.user(desk.clients.rows[row["client_id"]], to)),
            "due": lambda: {"targetdate": to or None},
        }
        if field not in words:
            raise LookupError(f"nobody sets {field}; there are {', '.join(words)}")
        self.edit(ticket, words[field](), desk.agent(by)["name"] if by else SYSTEM, at)

    # How it is done

    def put(self, row: Row) -> Row:
        """Keep the new shape of a ticket."""
        self.revision += 1
        self.read.before(row["id"], row, row["last_update"])
        return self.rows.put(row, row["last_update"])

    def _blank(self, number: int, by: str, at: datetime) -> Row:
        now = stamp(at)
        return {
            "id": number,
            "dateoccurred": now,
            "datecreated": now,
            "last_update": now,
            "lastactiondate": now,
            "dateclosed": None,
            "responsedate": None,
            "targetdate": None,
            "details": "",
            **_reference("tickettype", self.desk.types.rows[1]),
            **_reference("status", self.desk.statuses.rows[usual.NEW]),
            **_reference("agent", self.desk.agents.rows[usual.UNASSIGNED]),
            **_reference("client", self.desk.clients.rows[usual.UNKNOWN_CLIENT]),
            **self._team(self.desk.team()["name"], self._switches.text("team_by")),
            "sla_id": 1,
            "sla_name": usual.SLAS[1],
            "priority_id": usual.USUAL_PRIORITY,
            "priority_name": usual.PRIORITIES[usual.USUAL_PRIORITY],
            "category_1": "",
            "categoryid_1": 0,
            "impact": 2,
            "urgency": 2,
            "parent_id": 0,
            "merged_into_id": 0,
            "itil_requesttype_id": 1,
            "onhold": False,
            "excludefromsla": False,
            "slaholdtime": 0.0,
            "flagged": False,
            "read": False,
            "hasbeenclosed": False,
            "inactive": False,
            "source": 1,
            "created_by": by,
            "third_party_id_string": "",
            "attachment_count": 0,
            "child_count": 0,
            "timetaken": 0.0,
            "customfields": [],
        }

    def _settled(self, old: Row, row: Row, at: datetime) -> Row:
        """What follows from status and priority."""
        status = self.desk.statuses.rows[row["status_id"]]
        row = row | {"onhold": status["slaaction"] == "H", "status_name": status["name"]}
        if row["status_id"] != old.get("status_id"):
            closed = self.desk.is_closed(row["status_id"])
            row |= {"dateclosed": stamp(at) if closed else None, "hasbeenclosed": closed or row["hasbeenclosed"]}
        if (row["priority_id"], row["sla_id"]) != (old.get("priority_id"), old.get("sla_id")):
            row |= self._targets(row)
        return row

    def _targets(self, row: Row) -> Row:
        priority = self.desk.priority_of(row["sla_id"], row["priority_id"])
        if priority is None:
            return {}
        since = moment(row["dateoccurred"])
        hours = {"respondbydate": "responsetime", "fixbydate": "fixtime"}
        return {name: stamp(since + timedelta(hours=priority[span])) for name, span in hours.items()}

    def _enter(self, row: Row, by: str, at: datetime, *, rules: bool = True) -> Row:
        if row["third_party_id_string"]:
            self._by_reference[str(row["third_party_id_string"])] = row["id"]
        self.put(row)
        for added in self.added:
            added(row, by, at)
        self.tell(Change(row["id"], "opened", self.rows.rows[row["id"]], by, rules=rules))
        return self.rows.rows[row["id"]]

    def _note_changes(self, old: Row, new: Row, by: str, at: datetime) -> None:
        for field, name in AUDITED.items():
            if old.get(field) == new.get(field):
                continue
            told = _IDS.get(name, field) if self._switches.on("audit_ids") else field
            log = self.audit[new["id"]]
            log.append(
                {
                    "id": len(log) + 1,
                    "ticket_id": new["id"],
                    "date": stamp(at),
                    "value": name,
                    "from": str(old.get(told) or ""),
                    "to": str(new.get(told) or ""),
                    "username": by,
                    "table_name": "faults",
                }
            )


def _reference(kind: str, row: Row) -> Row:
    return {f"{kind}_id": row["id"], f"{kind}_name": row["name"]}


def _there(table: Table, value: Any, what: str) -> Row:
    try:
        row = table.get(int(value))
    except (TypeError, ValueError):
        row = None
    if row is None:
        raise Refused(400, f"{what} not found")
    return row


def _nth(rows: Sequence[Row], number: int) -> Row:
    return rows[number % len(rows)]

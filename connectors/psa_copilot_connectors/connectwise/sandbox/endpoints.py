"""What each ConnectWise endpoint does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from psa_copilot.sandbox import Answer, Row, Table
from psa_copilot_connectors.connectwise.sandbox import shapes
from psa_copilot_connectors.connectwise.sandbox.callbacks import Callbacks
from psa_copilot_connectors.connectwise.sandbox.desk import API, Desk, name_of
from psa_copilot_connectors.connectwise.sandbox.http import DELETED, Asked, Failed, answer
from psa_copilot_connectors.connectwise.sandbox.notes import Notes
from psa_copilot_connectors.connectwise.sandbox.query import Indexed, Question, matching, page, project
from psa_copilot_connectors.connectwise.sandbox.shapes import Shape
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets
from psa_copilot_connectors.connectwise.sandbox.work import Work

Serve = Callable[[Asked], Answer]
Rows = Callable[[Asked], Indexed | list[Row]]
Edit = Callable[[int, Mapping[str, object], str], Row]

NO_RIGHT = "You do not have permission to {what}."


@dataclass(frozen=True)
class Kind:
    """A kind of record that has a list at a path; `#` in it stands for an id."""

    path: str
    table: Table
    names: Shape
    label: str


class Endpoints:
    """All resources by path and method."""

    def __init__(self, desk: Desk, tickets: Tickets, notes: Notes, work: Work, callbacks: Callbacks) -> None:
        self._desk = desk
        self._tickets = tickets
        self._notes = notes
        self._work = work
        self._callbacks = callbacks
        self._switches = desk.world.switches
        self.routes: dict[str, dict[str, Serve]] = {}
        self._route_plain_kinds()
        self._route_boards()
        self._route_tickets()
        self._route_work()
        self._route_system()

    # Routes.

    def _route_plain_kinds(self) -> None:
        desk = self._desk
        for kind in (
            Kind("service/boards", desk.boards, shapes.BOARD, "Board"),
            Kind("service/priorities", desk.priorities, shapes.PRIORITY, "Priority"),
            Kind("service/sources", desk.sources, shapes.SOURCE, "Source"),
            Kind("company/companies", desk.companies, shapes.COMPANY, "Company"),
            Kind("company/contacts", desk.contacts, shapes.CONTACT, "Contact"),
            Kind("company/configurations", desk.configurations, shapes.CONFIGURATION, "Configuration"),
        ):
            self._kind(kind, lambda _, table=kind.table: table)  # type: ignore[misc]

    def _route_boards(self) -> None:
        desk = self._desk
        for name, table, names in (
            ("statuses", desk.statuses, shapes.STATUS),
            ("types", desk.types, shapes.TYPE),
            ("subtypes", desk.subtypes, shapes.SUBTYPE),
            ("items", desk.items, shapes.ITEM),
            ("teams", desk.teams, shapes.TEAM),
        ):
            kind = Kind(f"service/boards/#/{name}", table, names, name[:-1].capitalize())
            self._kind(kind, lambda asked, table=table: self._on_board(asked.numbers[0], table))  # type: ignore[misc]

    def _route_tickets(self) -> None:
        tickets = self._tickets
        kind = Kind("service/tickets", tickets.rows, shapes.TICKET, "Ticket")
        self._kind(kind, lambda _: tickets.rows, POST=self._add_ticket)
        self._edits("service/tickets/#", kind, tickets.edit, tickets.delete)
        self.routes["service/tickets/search"] = {"POST": self._search_tickets}
        notes = Kind("service/tickets/#/notes", self._notes.rows, shapes.NOTE, "Note")
        self._kind(notes, lambda asked: self._notes.of(self._ticket(asked)), POST=self._add_note)
        self._edits("service/tickets/#/notes/#", notes, self._notes.edit, self._notes.delete)
        self._list("service/tickets/#/allnotes", shapes.ANY_NOTE, self._all_notes)
        for name in ("timeentries", "scheduleentries", "configurations"):
            self._list(f"service/tickets/#/{name}", shapes.REFERENCE, getattr(self, f"_{name}_of_ticket"))

    def _route_work(self) -> None:
        work = self._work
        time = Kind("time/entries", work.time, shapes.TIME, "Time entry")
        self._kind(time, lambda _: work.time, POST=self._add_time)
        self._edits("time/entries/#", time, work.edit_time, work.delete_time)
        schedule = Kind("schedule/entries", work.schedule, shapes.SCHEDULE, "Schedule entry")
        self._kind(schedule, lambda _: work.schedule, POST=self._add_appointment)
        self.routes["schedule/entries/#"]["DELETE"] = self._deleter(schedule, work.delete_appointment)

    def _route_system(self) -> None:
        members = Kind("system/members", self._desk.members, shapes.MEMBER, "Member")
        self._kind(members, self._members)
        self.routes["system/members/*"] = {"GET": self._member_by_identifier}
        self._list("system/info/members", shapes.MEMBER_INFO, lambda _: [_as_info(row) for row in self._desk.members])
        self._list("system/audittrail", shapes.AUDIT, self._audit_trail)
        self.routes["system/info"] = {"GET": self._info}
        self.routes["system/mymembers/info"] = {"GET": self._myself}
        callbacks = Kind("system/callbacks", self._callbacks.rows, shapes.CALLBACK, "Callback")
        self._kind(callbacks, self._registered, POST=self._register)
        self._edits("system/callbacks/#", callbacks, self._callbacks.edit, self._callbacks.delete)

    def _kind(self, kind: Kind, rows: Rows, **others: Serve) -> None:
        self._list(kind.path, kind.names, rows, **others)
        self.routes[f"{kind.path}/#"] = {"GET": lambda asked: self._one(asked, kind)}

    def _list(self, path: str, names: Shape, rows: Rows, **others: Serve) -> None:
        def listed(asked: Asked) -> Answer:
            question, url = self._question(asked), f"{self._desk.world.url}{asked.request.path}"
            found = page(question, rows(asked), names, url)
            return answer(
                200, [self._shown(row) for row in found.rows], *([("Link", found.link)] if found.link else [])
            )

        def counted(asked: Asked) -> Answer:
            return answer(200, {"count": len(matching(self._question(asked), rows(asked), names))})

        self.routes[path] = {"GET": listed, **others}
        self.routes[f"{path}/count"] = {"GET": counted}

    def _edits(self, path: str, kind: Kind, edit: Edit, delete: Callable[[int, str], None]) -> None:
        def patch(asked: Asked) -> Answer:
            changes = self._changes(asked, kind.names)
            row = self._row(asked, kind)
            return answer(200, edit(asked.number, changes, asked.by) if changes else row)

        def put(asked: Asked) -> Answer:
            self._row(asked, kind)
            # Whatever is not sent is blanked.
            blank = dict.fromkeys(sorted(name for name in kind.names.all_writable() if name != "id"))
            return answer(200, edit(asked.number, {**blank, **asked.body()}, asked.by))

        self.routes[path] |= {"PATCH": patch, "PUT": put, "DELETE": self._deleter(kind, delete)}

    def _deleter(self, kind: Kind, delete: Callable[[int, str], None]) -> Serve:
        def gone(asked: Asked) -> Answer:
            self._row(asked, kind)
            self._demand("delete_right", asked, "delete records")
            delete(asked.number, asked.by)
            return DELETED

        return gone

    # Parts of requests.

    def _question(self, asked: Asked) -> Question:
        return replace(asked.question(), dates=self._switches.text("datetime_literal"))

    def _one(self, asked: Asked, kind: Kind) -> Answer:
        [shown] = project([self._row(asked, kind)], asked.question(), kind.names)
        return answer(200, self._shown(shown))

    def _row(self, asked: Asked, kind: Kind) -> Row:
        row = kind.table.get(asked.number)
        if row is not None and kind.label == "Note" and row["ticketId"] != asked.numbers[0]:
            row = None
        if row is None:
            raise Failed(404, "NotFound", f"{kind.label} {asked.number} not found")
        return row

    def _ticket(self, asked: Asked) -> int:
        if asked.numbers[0] not in self._tickets.rows.rows:
            raise Failed(404, "NotFound", f"Ticket {asked.numbers[0]} not found")
        return asked.numbers[0]

    def _shown(self, row: Row) -> Row:
        if not self._switches.on("null_lists"):
            return row
        return {name: None if value == [] else value for name, value in row.items()}

    def _demand(self, switch: str, asked: Asked, what: str) -> None:
        if asked.login.key == "pub" and not self._switches.on(switch):
            raise Failed(403, "Forbidden", NO_RIGHT.format(what=what))

    def _changes(self, asked: Asked, names: Shape) -> dict[str, object]:
        changes: dict[str, object] = {}
        for operation in asked.operations():
            path, op = str(operation["path"]).removeprefix("/"), str(operation.get("op", "")).lower()
            if op not in ("add", "replace", "remove"):
                raise Failed(400, "InvalidObject", f"The operation '{operation.get('op')}' is not known.")
            if "/" in path:
                if self._switches.text("patch_subpath") == "refused":
                    raise Failed(400, "InvalidObject", f"The path {path} is not valid.")
                continue
            if not names.writable(path):
                raise Failed(400, "InvalidObject", f"The path {path} is not valid.")
            self._check_unassign(path, op, operation.get("value"))
            changes[path] = None if op == "remove" else operation.get("value")
        return changes

    def _check_unassign(self, path: str, op: str, value: object) -> None:
        how = self._switches.text("unassign")
        wrong = {"both": False, "remove": op != "remove" and value is None, "null": op == "remove"}[how]
        if path == "owner" and wrong:
            raise Failed(400, "InvalidObject", "The owner cannot be removed in this way.")

    # Tickets and their parts.

    def _add_ticket(self, asked: Asked) -> Answer:
        return answer(201, self._tickets.create(asked.body(), asked.by))

    def _search_tickets(self, asked: Asked) -> Answer:
        question = self._question(asked)
        merged = replace(question, parameters={**question.parameters, **{k: str(v) for k, v in asked.body().items()}})
        url = f"{self._desk.world.url}{asked.request.path}"
        found = page(merged, self._tickets.rows, shapes.TICKET, url)
        return answer(200, found.rows, *([("Link", found.link)] if found.link else []))

    def _add_note(self, asked: Asked) -> Answer:
        return answer(201, self._notes.add(self._ticket(asked), asked.body(), asked.by))

    def _all_notes(self, asked: Asked) -> list[Row]:
        if not self._switches.on("all_notes"):
            raise Failed(404, "NotFound", f"No resource at {asked.request.path}.")
        ticket = self._tickets.rows.rows[self._ticket(asked)]
        notes = [_as_any_note(note, ticket) for note in self._notes.of(ticket["id"])]
        entries = [_as_time_note(entry, ticket) for entry in self._work.time_of(ticket["id"]) if entry.get("notes")]
        return sorted([*notes, *entries], key=lambda note: str(note["_info"]["dateEntered"]))

    # A ticket's lists of these are references, not the records themselves.

    def _timeentries_of_ticket(self, asked: Asked) -> list[Row]:
        entries = self._work.time_of(self._ticket(asked))
        return [self._pointer("timeentry", "/time/entries", row["id"]) for row in entries]

    def _scheduleentries_of_ticket(self, asked: Asked) -> list[Row]:
        entries = self._work.appointments_of(self._ticket(asked))
        return [
            self._pointer("scheduleentry", "/schedule/entries", row["id"], description=row["name"]) for row in entries
        ]

    def _configurations_of_ticket(self, asked: Asked) -> list[Row]:
        contact = self._tickets.rows.rows[self._ticket(asked)].get("contact") or {}
        return [
            self._pointer(
                "configuration", "/company/configurations", row["id"], deviceIdentifier=row["deviceIdentifier"]
            )
            for row in self._desk.configurations
            if (row.get("contact") or {}).get("id", 0) == contact.get("id")
        ]

    def _pointer(self, name: str, path: str, number: int, **shown: str) -> Row:
        return {"id": number, **shown, "_info": {f"{name}_href": f"{self._desk.world.url}{API}{path}/{number}"}}

    def _add_time(self, asked: Asked) -> Answer:
        return answer(201, self._work.add_time(asked.body(), asked.by))

    def _add_appointment(self, asked: Asked) -> Answer:
        return answer(201, self._work.add_appointment(asked.body(), asked.by))

    def _on_board(self, board: int, table: Table) -> list[Row]:
        if board not in self._desk.boards.rows:
            raise Failed(404, "NotFound", f"Board {board} not found")
        return [row for row in table if (row.get("board") or {}).get("id", row.get("boardId")) == board]

    # The system.

    def _info(self, _: Asked) -> Answer:
        return answer(
            200,
            {
                "version": f"{self._switches.text('codebase').strip('/').replace('_', '.')}.10001",
                "isCloud": True,
                "serverTimeZone": "UTC",
                "licenseBits": [{"name": "ServiceDesk", "activeFlag": True}],
                "cloudRegion": "NA",
                "maxWorkFlowRecordsAllowed": 500,
            },
        )

    def _myself(self, asked: Asked) -> Answer:
        return answer(200, _as_info(self._desk.member(asked.by)))

    def _members(self, asked: Asked) -> Table:
        self._demand("members_right", asked, "inquire members")
        return self._desk.members

    def _member_by_identifier(self, asked: Asked) -> Answer:
        self._demand("members_right", asked, "inquire members")
        for row in self._desk.members:
            if row["identifier"].casefold() == asked.name.casefold():
                return answer(200, row)
        raise Failed(404, "NotFound", f"Member {asked.name} not found")

    def _audit_trail(self, asked: Asked) -> list[Row]:
        self._demand("audit_right", asked, "inquire the audit trail")
        question = asked.question()
        if question.text("type").casefold() != "ticket":
            raise Failed(400, "InvalidObject", "The audit trail needs a type and an id.")
        if question.forward_only:
            raise Failed(400, "InvalidObject", "The audit trail has no forward-only pages.")
        return self._tickets.audit.get(question.number("id", 0), [])

    def _registered(self, asked: Asked) -> Table:
        self._demand("callbacks_right", asked, "inquire callbacks")
        return self._callbacks.rows

    def _register(self, asked: Asked) -> Answer:
        self._demand("callbacks_right", asked, "add callbacks")
        member = self._desk.member(asked.by)
        return answer(201, self._callbacks.register(asked.body(), member["id"], asked.by))


def _as_info(member: Row) -> Row:
    names = ("id", "identifier", "firstName", "lastName", "licenseClass", "inactiveFlag", "_info")
    return {name: member[name] for name in names} | {
        "fullName": name_of(member),
        "defaultEmail": member["primaryEmail"],
    }


def _as_any_note(note: Row, ticket: Row) -> Row:
    kept = ("id", "text", "detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag", "issueFlag", "_info")
    return _any_note("TicketNote", {name: note[name] for name in kept}, note, ticket)


def _as_time_note(entry: Row, ticket: Row) -> Row:
    shown: dict[str, Any] = {
        "id": entry["id"],
        "text": entry["notes"],
        "detailDescriptionFlag": entry["addToDetailDescriptionFlag"],
        "internalAnalysisFlag": entry["addToInternalAnalysisFlag"],
        "resolutionFlag": entry["addToResolutionFlag"],
        "issueFlag": False,
        "timeStart": entry["timeStart"],
        "timeEnd": entry.get("timeEnd"),
        "_info": entry["_info"],
    }
    return _any_note("TimeEntryNote", shown, entry, ticket)


def _any_note(kind: str, shown: Row, source: Row, ticket: Row) -> Row:
    author = source.get("member") or source.get("contact") or {}
    return (
        shown
        | {
            "noteType": kind,
            "ticket": {
                "id": ticket["id"],
                "summary": ticket["summary"],
                "_info": {"ticket_href": f"{API}/service/tickets/{ticket['id']}"},
            },
            "isMarkdownFlag": False,
            "bundledFlag": False,
            "mergedFlag": False,
            "createdByParentFlag": False,
            "originalAuthor": author.get("name", ""),
        }
        | {name: source[name] for name in ("member", "contact") if source.get(name)}
    )

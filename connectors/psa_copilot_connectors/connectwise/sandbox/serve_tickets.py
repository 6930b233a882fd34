"""The endpoints of tickets and of everything on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from psa_copilot.sandbox import Answer, Row
from psa_copilot_connectors.connectwise.sandbox import shapes
from psa_copilot_connectors.connectwise.sandbox.attachments import Attachments
from psa_copilot_connectors.connectwise.sandbox.bodies import check_given
from psa_copilot_connectors.connectwise.sandbox.changelogs import ChangeLogs
from psa_copilot_connectors.connectwise.sandbox.desk import API
from psa_copilot_connectors.connectwise.sandbox.family import Family
from psa_copilot_connectors.connectwise.sandbox.http import DELETED, Asked, Failed, answer
from psa_copilot_connectors.connectwise.sandbox.notes import Notes
from psa_copilot_connectors.connectwise.sandbox.query import Indexed, page
from psa_copilot_connectors.connectwise.sandbox.routes import Kind, Routes
from psa_copilot_connectors.connectwise.sandbox.schedule import Schedule
from psa_copilot_connectors.connectwise.sandbox.tasks import Tasks
from psa_copilot_connectors.connectwise.sandbox.tickets import PROJECT, SERVICE, Tickets
from psa_copilot_connectors.connectwise.sandbox.timesheet import Timesheet

SERVICE_PATH, PROJECT_PATH = "service/tickets", "project/tickets"
# The right that each field of a ticket wants besides the right to change it at all.
FIELD_RIGHTS = {
    "status": "status_right",
    "board": "board_right",
    "owner": "assign_right",
    "priority": "priority_right",
}
PROJECT_OF = {"id": 1, "name": "Projects"}
ALL_NAMES = shapes.PROJECT_TICKET.all_writable() | {"id", "_info"}


@dataclass(frozen=True)
class OnTickets:
    """What hangs on tickets."""

    tickets: Tickets
    notes: Notes
    timesheet: Timesheet
    schedule: Schedule
    tasks: Tasks
    family: Family
    attachments: Attachments
    changelogs: ChangeLogs


class TicketsServed:
    """Service tickets, project tickets, and what hangs on them."""

    def __init__(self, routes: Routes, parts: OnTickets) -> None:
        self._routes = routes
        self._parts = parts
        self._tickets = parts.tickets
        self._switches = routes.switches
        self._route_service_tickets()
        self._route_project_tickets()
        self._route_parts()
        self._route_family()
        self._route_work()

    # Tickets.

    def _route_service_tickets(self) -> None:
        kind = Kind(
            SERVICE_PATH, self._tickets.rows, shapes.TICKET, "Ticket", "tickets_right", self._tickets.slas.shown
        )
        self._routes.kind(kind, self._service_rows, POST=self._add_ticket)
        self._guard_edits(kind)
        self._routes.by_path[f"{SERVICE_PATH}/search"] = {"POST": self._search}
        self._routes.lists(
            f"{SERVICE_PATH}/calculatesla", shapes.TICKET, self._service_rows,
            right="tickets_right", view=self._tickets.slas.shown,
        )  # fmt: skip
        del self._routes.by_path[f"{SERVICE_PATH}/calculatesla/count"]
        self._routes.lists(f"{SERVICE_PATH}/info", shapes.TICKET_INFO, self._service_rows, view=_as_info)
        logs = f"{SERVICE_PATH}/changelogs"
        self._routes.lists(logs, shapes.CHANGE_LOG, self._change_logs, right="tickets_right", DELETE=self._clear_logs)

    def _guard_edits(self, kind: Kind) -> None:
        """Changing a ticket wants a right, and some fields want one of their own."""
        self._routes.edits(kind, self._tickets.edit, self._tickets.delete, "edit_right")
        one = self._routes.by_path[f"{kind.path}/#"]
        patch = one["PATCH"]

        def guarded(asked: Asked) -> Answer:
            for operation in asked.operations():
                path = str(operation["path"]).removeprefix("/")
                self._routes.demand(FIELD_RIGHTS.get(path, ""), asked, f"change the {path} of tickets")
            return patch(asked)

        one["PATCH"] = guarded

    def _service_rows(self, _: Asked) -> Indexed | list[Row]:
        rows = self._tickets.listed.table()
        if self._switches.on("service_lists_project_tickets"):
            return rows
        return [row for row in rows if row["recordType"] == SERVICE]

    def _add_ticket(self, asked: Asked) -> Answer:
        self._routes.demand("edit_right", asked, "add tickets")
        return answer(201, self._routes.shown(self._tickets.create(asked.body(), asked.by), self._tickets.slas.shown))

    def _search(self, asked: Asked) -> Answer:
        question = self._routes.question(asked)
        merged = replace(question, parameters={**question.parameters, **{k: str(v) for k, v in asked.body().items()}})
        url = f"{self._routes.world.url}{asked.request.path}"
        rows = self._service_rows(asked) if self._routes.may("tickets_right", asked, "inquire tickets") else []
        return self._routes.paged(page(merged, rows, shapes.TICKET, url, self._tickets.slas.shown))

    def _change_logs(self, asked: Asked) -> list[Row]:
        if not self._switches.on("changelogs"):
            raise Failed(404, "NotFound", f"No resource at {asked.request.path}.")
        return self._parts.changelogs.rows()

    def _clear_logs(self, _: Asked) -> Answer:
        self._parts.changelogs.clear()
        return DELETED

    # Project tickets: the same ids, fewer fields.

    def _route_project_tickets(self) -> None:
        kind = Kind(
            PROJECT_PATH, self._tickets.rows, shapes.PROJECT_TICKET, "Ticket", "tickets_right", _as_project_ticket
        )
        self._routes.kind(kind, self._project_rows, POST=self._add_project_ticket)
        self._guard_edits(kind)

    def _project_rows(self, _: Asked) -> list[Row]:
        return [row for row in self._tickets.listed.table() if row["recordType"] != SERVICE]

    def _add_project_ticket(self, asked: Asked) -> Answer:
        self._routes.demand("edit_right", asked, "add tickets")
        body = asked.body()
        check_given(body, "projectTicket", "summary", "phase")
        company = {"company": {"id": next(iter(self._tickets.desk.companies))["id"]}}
        fields = {name: value for name, value in body.items() if name not in ("project", "phase")}
        row = self._tickets.create(company | fields, asked.by, PROJECT)
        return answer(201, self._routes.shown(row, _as_project_ticket))

    # Notes, tasks, devices, files.

    def _route_parts(self) -> None:
        routes, parts = self._routes, self._parts
        for base in (SERVICE_PATH, PROJECT_PATH):
            notes = Kind(f"{base}/#/notes", parts.notes.rows, shapes.NOTE, "Note", "tickets_right", parent="ticketId")
            routes.kind(notes, lambda asked: parts.notes.of(self._number(asked)), POST=self._add_note)
            routes.edits(notes, parts.notes.edit, parts.notes.delete, "notes_right")
            view = _as_project_note if base == PROJECT_PATH else None
            routes.lists(f"{base}/#/allnotes", shapes.ANY_NOTE, self._all_notes, right="tickets_right", view=view)
            del routes.by_path[f"{base}/#/allnotes/count"]
        tasks = Kind(
            f"{SERVICE_PATH}/#/tasks", parts.tasks.rows, shapes.TASK, "Task", "tickets_right", parent="ticketId"
        )
        routes.kind(tasks, lambda asked: parts.tasks.of(self._number(asked)), POST=self._add_task)
        routes.edits(tasks, parts.tasks.edit, parts.tasks.delete, "tasks_right")
        devices = f"{SERVICE_PATH}/#/configurations"
        routes.lists(devices, shapes.REFERENCE, self._devices, right="configurations_right", POST=self._link_device)
        routes.by_path[f"{devices}/#"] = {"GET": self._device, "DELETE": self._unlink_device}
        routes.lists(f"{SERVICE_PATH}/#/documents", shapes.REFERENCE, self._documents, right="documents_right")
        routes.lists(f"{SERVICE_PATH}/#/products", shapes.REFERENCE, self._products)
        routes.lists(f"{SERVICE_PATH}/#/activities", shapes.REFERENCE, self._activities)

    def _number(self, asked: Asked) -> int:
        if asked.numbers[0] not in self._tickets.rows.rows:
            raise Failed(404, "NotFound", f"Ticket {asked.numbers[0]} not found")
        return asked.numbers[0]

    def _add_note(self, asked: Asked) -> Answer:
        self._routes.demand("notes_right", asked, "add notes")
        return answer(201, self._parts.notes.add(self._number(asked), asked.body(), asked.by))

    def _all_notes(self, asked: Asked) -> list[Row]:
        if not self._switches.on("all_notes"):
            raise Failed(404, "NotFound", f"No resource at {asked.request.path}.")
        number = self._number(asked)
        rows = self._notes_of(number, merged=False)
        for source in self._parts.family.merged_into(number):
            rows += self._notes_of(source, merged=True)
        return sorted(rows, key=lambda note: str(note["_info"]["dateEntered"]))

    def _notes_of(self, number: int, *, merged: bool) -> list[Row]:
        ticket = self._tickets.rows.rows[number]
        notes = [_as_any_note(note, ticket) for note in self._parts.notes.of(number)]
        entries = [_as_time_note(entry, ticket) for entry in self._parts.timesheet.of(number) if entry.get("notes")]
        return [note | {"mergedFlag": merged} for note in (*notes, *entries)]

    def _add_task(self, asked: Asked) -> Answer:
        self._routes.demand("tasks_right", asked, "add tasks")
        return answer(201, self._parts.tasks.add(self._number(asked), asked.body(), asked.by))

    def _devices(self, asked: Asked) -> list[Row]:
        rows = self._parts.attachments.devices_of(self._number(asked))
        return [self._tickets.desk.reference("configuration", row) for row in rows]

    def _device(self, asked: Asked) -> Answer:
        found = [row for row in self._devices(asked) if row["id"] == asked.number]
        if not found:
            raise Failed(404, "NotFound", f"Configuration {asked.number} not found")
        return answer(200, found[0])

    def _link_device(self, asked: Asked) -> Answer:
        self._routes.demand("configurations_right", asked, "link configurations")
        return answer(201, self._parts.attachments.link(self._number(asked), asked.body()))

    def _unlink_device(self, asked: Asked) -> Answer:
        self._routes.demand("configurations_right", asked, "link configurations")
        self._device(asked)
        self._parts.attachments.unlink(self._number(asked), asked.number)
        return DELETED

    def _documents(self, asked: Asked) -> list[Row]:
        rows = self._parts.attachments.documents_of(self._number(asked))
        return [self._routes.pointer("document", "/system/documents", row["id"], name=row["title"]) for row in rows]

    def _products(self, asked: Asked) -> list[Row]:
        rows = self._parts.attachments.products_of(self._number(asked))
        path = "/procurement/products"
        return [self._routes.pointer("product", path, row["id"], description=row["description"]) for row in rows]

    def _activities(self, asked: Asked) -> list[Row]:
        self._number(asked)
        return []

    # Merges and bundles.

    def _route_family(self) -> None:
        for name, deed in (("merge", self._parts.family.merge), ("attachchildren", self._parts.family.attach)):
            self._routes.by_path[f"{SERVICE_PATH}/#/{name}"] = {"POST": self._together(deed)}

    def _together(self, deed: Any) -> Any:
        def done(asked: Asked) -> Answer:
            self._routes.demand("edit_right", asked, "merge and bundle tickets")
            return answer(200, deed(self._number(asked), asked.body(), asked.by))

        return done

    # Work.

    def _route_work(self) -> None:
        routes, timesheet, schedule = self._routes, self._parts.timesheet, self._parts.schedule
        time = Kind("time/entries", timesheet.rows, shapes.TIME, "Time entry", "time_right")
        routes.kind(time, POST=self._add_time)
        routes.edits(time, timesheet.edit, timesheet.delete, "time_right")
        entries = Kind("schedule/entries", schedule.rows, shapes.SCHEDULE, "Schedule entry", "schedule_right")
        routes.kind(entries, POST=self._book)
        routes.edits(entries, schedule.edit, schedule.delete, "schedule_right")
        for notify in ("true", "false"):
            gone = routes.deletes(entries, schedule.delete, "schedule_right")
            routes.by_path[f"schedule/entries/#/{notify}"] = {"DELETE": gone}
        routes.lists(f"{SERVICE_PATH}/#/timeentries", shapes.REFERENCE, self._time_of, right="time_right")
        routes.lists(f"{SERVICE_PATH}/#/scheduleentries", shapes.REFERENCE, self._schedule_of, right="schedule_right")

    def _add_time(self, asked: Asked) -> Answer:
        self._routes.demand("time_right", asked, "add time")
        return answer(201, self._parts.timesheet.add(asked.body(), asked.by))

    def _book(self, asked: Asked) -> Answer:
        self._routes.demand("schedule_right", asked, "add schedule entries")
        return answer(201, self._parts.schedule.add(asked.body(), asked.by))

    # A ticket's lists of these are references, not the records themselves.

    def _time_of(self, asked: Asked) -> list[Row]:
        entries = self._parts.timesheet.of(self._number(asked))
        return [self._routes.pointer("timeentry", "/time/entries", row["id"]) for row in entries]

    def _schedule_of(self, asked: Asked) -> list[Row]:
        entries = self._parts.schedule.of(self._number(asked))
        path = "/schedule/entries"
        return [self._routes.pointer("scheduleentry", path, row["id"], description=row["name"]) for row in entries]


def _as_info(row: Row) -> Row:
    return {name: row[name] for name in ("id", "summary", "company", "_info")}


def _as_project_ticket(row: Row) -> Row:
    shown = {name: value for name, value in row.items() if name in ALL_NAMES}
    return shown | {"project": PROJECT_OF, "phase": {"id": 1, "name": "Phase 1"}, "isIssueFlag": False}


def _as_project_note(note: Row) -> Row:
    return {name: value for name, value in note.items() if name not in ("isMarkdownFlag", "createdByParentFlag")}


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
    return _any_note("TimeEntryNote", {k: v for k, v in shown.items() if v is not None}, entry, ticket)


def _any_note(kind: str, shown: Row, source: Row, ticket: Row) -> Row:
    author: Mapping[str, object] = source.get("member") or source.get("contact") or {}
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

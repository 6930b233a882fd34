"""Resources of the HaloPSA sandbox by path: reading lists and records, and arrays that are posted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from psa_copilot.sandbox import Answer, Request, Row, Table
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.actions import Actions
from psa_copilot_connectors.halopsa.sandbox.appointments import Appointments
from psa_copilot_connectors.halopsa.sandbox.change import Refused
from psa_copilot_connectors.halopsa.sandbox.listing import (
    MOST,
    as_a_whole,
    enveloped,
    is_true,
    on_day,
    ordered,
    tickets_of,
)
from psa_copilot_connectors.halopsa.sandbox.logins import Login, Logins
from psa_copilot_connectors.halopsa.sandbox.recording import Recording
from psa_copilot_connectors.halopsa.sandbox.rows import shown, stamp
from psa_copilot_connectors.halopsa.sandbox.switches import rules
from psa_copilot_connectors.halopsa.sandbox.telling import ACTION_DATES, Telling
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets
from psa_copilot_connectors.halopsa.sandbox.webhooks import Webhooks

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """One request of somebody who is let in."""

    request: Request
    login: Login
    number: str
    """What follows the resource in the path."""

    @property
    def query(self) -> dict[str, str]:
        """The parameters, names in lower case."""
        return {name.casefold(): value for name, value in parse_qsl(self.request.query, keep_blank_values=True)}

    def bodies(self) -> list[dict[str, Any]]:
        """The objects of the array that was posted."""
        try:
            given = json.loads(self.request.body)
        except ValueError:
            raise Refused(400, "The request body is not valid JSON.") from None
        if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
            raise Refused(400, "The request body must be an array of objects.")
        return given


Serve = Callable[[Asked], object]


@dataclass(frozen=True)
class Parts:
    """The parts of the desk that are served."""

    recording: Recording
    webhooks: Webhooks
    logins: Logins
    telling: Telling

    @property
    def tickets(self) -> Tickets:
        """All tickets."""
        return self.recording.tickets

    @property
    def actions(self) -> Actions:
        """What was said on them."""
        return self.recording.actions

    @property
    def appointments(self) -> Appointments:
        """Who is booked."""
        return self.recording.appointments


class Served:
    """What is there, by method and resource."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._desk, self._tell = parts, parts.tickets.desk, parts.telling
        self._switches = self._desk.world.switches
        self.by_path: Mapping[tuple[str, str], Serve] = {
            ("GET", "instanceinfo"): lambda _: {"product": "HaloPSA", "version": "2.190.1"},
            ("GET", "agent"): self._agents,
            ("GET", "status"): self._statuses,
            ("GET", "priority"): self._priorities,
            ("GET", "team"): lambda asked: self._rows(self._desk.teams),
            ("GET", "tickettype"): lambda asked: [shown(self._desk.shown_type(row)) for row in self._desk.types],
            ("GET", "ticketrules"): self._rules,
            ("GET", "category"): lambda asked: [_without(row, "name") for row in self._desk.categories],
            ("GET", "outcome"): self._outcomes,
            ("GET", "client"): lambda asked: self._listed("clients", self._desk.clients, asked),
            ("GET", "site"): lambda asked: self._listed("sites", self._decimal(self._desk.sites, "client_id"), asked),
            ("GET", "users"): lambda asked: self._listed("users", self._decimal(self._desk.users, "site_id"), asked),
            ("GET", "tickets"): self._tickets,
            ("POST", "tickets"): self._write_tickets,
            ("DELETE", "tickets"): lambda asked: parts.tickets.delete(_number(asked), asked.login.agent["name"]),
            ("GET", "actions"): self._actions,
            ("POST", "actions"): self._write_actions,
            ("DELETE", "actions"): lambda asked: parts.actions.delete(_ticket(asked), _number(asked)),
            ("GET", "todo"): lambda asked: self._whole("todos", parts.recording.todos.get(_ticket(asked), []), asked),
            ("GET", "appointment"): self._appointments,
            ("POST", "appointment"): lambda asked: self._written(map(parts.appointments.write, asked.bodies())),
            ("DELETE", "appointment"): lambda asked: parts.appointments.delete(_number(asked)),
            ("GET", "webhook"): self._webhooks,
            ("POST", "webhook"): lambda asked: self._write_webhooks(asked, parts.webhooks.write),
            ("DELETE", "webhook"): lambda asked: parts.webhooks.delete(asked.number),
            ("GET", "notification"): self._notifications,
            ("POST", "notification"): lambda asked: self._write_webhooks(asked, parts.webhooks.notify),
        }

    # The desk

    def _agents(self, asked: Asked) -> object:
        if asked.number.casefold() == "me":
            return shown(asked.login.agent)
        self._demand("agents_right", asked)
        disabled = is_true(asked.query.get("includedisabled", "")) and self._switches.on("disabled_agents_listed")
        api = is_true(asked.query.get("includeapiagents", ""))
        rows = [row for row in self._desk.agents if row["id"] != usual.UNASSIGNED]
        rows = [row for row in rows if (disabled or not row["isdisabled"]) and (api or not row["isapiagent"])]
        return self._one(rows, asked) if asked.number else self._whole("results", list(map(shown, rows)), asked)

    def _statuses(self, asked: Asked) -> object:
        self._demand("statuses_right", asked)
        rows = [self._desk.shown_status(row) for row in self._desk.statuses]
        return sorted(map(shown, rows), key=lambda row: row["id"])

    def _priorities(self, asked: Asked) -> object:
        rows = [shown(row) | {"id": row["_guid"]} for row in self._desk.priorities]
        return [row for row in rows if asked.query.get("slaid", str(row["slaid"])) == str(row["slaid"])]

    def _outcomes(self, asked: Asked) -> object:
        hidden = is_true(asked.query.get("showhidden", ""))
        rows = [self._desk.shown_outcome(row) for row in self._desk.outcomes]
        if asked.number:
            return self._one(rows, asked)
        return self._whole("outcomes", [row for row in rows if hidden or not row["hidden"]], asked)

    def _rules(self, asked: Asked) -> object:
        self._demand("rules_right", asked)
        return [{"id": number, "name": name, "inactive": False} for number, name in enumerate(rules(self._switches), 1)]

    def _whole(self, key: str, rows: Sequence[Row], asked: Asked) -> object:
        return as_a_whole(key, rows, asked.query, self._switches)

    def _rows(self, table: Iterable[Row]) -> list[Row]:
        return list(map(shown, table))

    def _listed(self, key: str, rows: Iterable[Row], asked: Asked) -> object:
        found = list(map(shown, rows))
        if asked.number:
            return self._one(found, asked)
        wanted = asked.query.get("client_id")
        if wanted and key != "clients":
            found = [row for row in found if int(row["client_id"]) == int(wanted)]
        return enveloped(key, ordered(found, asked.query, self._switches), asked.query, self._switches)

    def _decimal(self, rows: Iterable[Row], name: str) -> list[Row]:
        decimal = self._switches.on("decimal_ids")
        return [row | {name: float(row[name])} if decimal else row for row in rows]

    def _one(self, rows: Sequence[Row], asked: Asked) -> Row:
        row = next((row for row in rows if str(row["id"]) == asked.number), None)
        if row is None:
            raise Refused(404, "Not found")
        return shown(row)

    # Tickets and what is said on them

    def _tickets(self, asked: Asked) -> object:
        self._demand("tickets_right", asked)
        table = self._parts.tickets.read.table()
        if not asked.number:
            rows = tickets_of(table, asked.query, self._switches)
            page = enveloped("tickets", rows, asked.query, self._switches)
            return _each(page, "tickets", lambda row: self._listed_ticket(row, asked))
        row = table.get(_number(asked)) or self._parts.tickets.told_deleted(_number(asked))
        if row is None:
            raise Refused(404, "Ticket not found")
        told = self._tell.ticket(row) | self._counted(row, table)
        if is_true(asked.query.get("include_auditing", "")):
            told |= {"audit_log": self._parts.tickets.audit.get(row["id"], [])}
        return told

    def _counted(self, parent: Row, table: Table) -> Row:
        """How many children it has."""
        children = [row for row in table if row["parent_id"] == parent["id"]]
        return {"child_count": len(children), "child_count_open": sum(not row["dateclosed"] for row in children)}

    def _listed_ticket(self, row: Row, asked: Asked) -> Row:
        if is_true(asked.query.get("ticketidonly", "")):
            return {"id": row["id"]}
        untold = asked.query.get("parent_id") and self._switches.text("parent_filter") == "untold"
        return _without(self._tell.listed(row), *(["parent_id"] if untold else []))

    def _write_tickets(self, asked: Asked) -> Answer:
        self._demand("edit_right", asked)
        bodies = asked.bodies()
        return self._written(self._tell.ticket(self._parts.tickets.write(body, asked.login.agent)) for body in bodies)

    def _actions(self, asked: Asked) -> object:
        if asked.number:
            row = next(
                (one for one in self._parts.actions.visible(_ticket(asked)) if one["id"] == _number(asked)), None
            )
            if row is None:
                raise Refused(404, "Action not found")
            return self._action(row, asked)
        rows = [self._action(row, asked) for row in self._actions_asked(asked)]
        if self._switches.text("whole_lists") != "all":
            return as_a_whole("actions", rows, {**asked.query, "pageinate": ""}, self._switches)  # it knows no pages
        if asked.query.get("count"):
            rows = rows[: min(int(asked.query["count"]), MOST)]
        return rows if self._switches.on("bare_lists") else {"record_count": len(rows), "actions": rows}

    def _actions_asked(self, asked: Asked) -> list[Row]:
        """Of one ticket, or of one day at most."""
        query = asked.query
        if query.get("ticket_id"):
            rows = self._parts.actions.visible(_ticket(asked))
        elif query.get("startdate") and query.get("enddate"):
            start, end = on_day(query["startdate"]), on_day(query["enddate"])
            within = end - start <= DAY
            rows = [row for row in self._parts.actions if within and stamp(start) <= row["datetime"] <= stamp(end)]
        else:
            rows = []
        private, system = (is_true(query.get(name, "")) for name in ("excludeprivate", "excludesys"))
        rows = [row for row in rows if not (private and row["hiddenfromuser"])]
        return [row for row in rows if not (system and row["who_type"] == 2)]

    def _action(self, row: Row, asked: Asked) -> Row:
        html = is_true(asked.query.get("includedetails" if asked.number else "includehtmlnote", ""))
        return self._tell.action(row, html=html)

    def _write_actions(self, asked: Asked) -> Answer:
        self._demand("actions_right", asked)
        return self._written(self._tell.action(self._acted(body, asked.login)) for body in asked.bodies())

    def _acted(self, body: Row, login: Login) -> Row:
        dates = {name: self._tell.read_action_date(name, str(body[name])) for name in ACTION_DATES if body.get(name)}
        return self._parts.actions.write({**body, **dates}, login.agent, login.application)

    def _appointments(self, asked: Asked) -> object:
        if asked.number:
            return self._one(list(self._parts.appointments.rows), asked)
        rows = self._parts.appointments.asked_for(asked.query)
        if is_true(asked.query.get("pageinate", "")):
            return enveloped("appointments", rows, asked.query, self._switches)
        return self._whole("appointments", rows, asked)

    # Webhooks

    def _webhooks(self, asked: Asked) -> object:
        self._demand("webhooks_right", asked)
        rows = self._parts.webhooks.listed()
        return self._one(rows, asked) if asked.number else rows

    def _notifications(self, asked: Asked) -> object:
        self._demand("webhooks_right", asked)
        wanted, rows = asked.query.get("webhook_id"), self._parts.webhooks.notifications.values()
        return self._whole("notifications", [row for row in rows if not wanted or row["webhook_id"] == wanted], asked)

    def _write_webhooks(self, asked: Asked, write: Callable[[Mapping[str, Any]], Row]) -> Answer:
        self._demand("webhooks_right", asked)
        return self._written(map(write, asked.bodies()))

    # How it is done

    def _written(self, rows: Iterable[Row]) -> Answer:
        """The last of what was written, as an object or in an array."""
        told = list(rows)[-1]
        return told_as(201, [told] if self._switches.text("write_answers") == "array" else told)

    def _demand(self, right: str, asked: Asked) -> None:
        if not self._parts.logins.may(asked.request.headers, right):
            raise Refused(403, "You do not have permission to do this.")


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def told_as(status: int, content: object) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(content, ensure_ascii=False).encode())


def _each(page: object, key: str, look: Callable[[Row], Row]) -> object:
    if isinstance(page, dict):
        return page | {key: [look(row) for row in page[key]]}
    return [look(row) for row in page] if isinstance(page, list) else page


def _number(asked: Asked) -> int:
    if not asked.number.isdigit():
        raise Refused(400, "The id must be a number.")
    return int(asked.number)


def _ticket(asked: Asked) -> int:
    number = asked.query.get("ticket_id", "")
    if not number.isdigit():
        raise Refused(400, "ticket_id must be included.")
    return int(number)

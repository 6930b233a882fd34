"""From a path to a record: the entities of the API, and what each verb does to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from psa_copilot.sandbox import Answer, Request, Row
from psa_copilot_connectors.autotask.sandbox import sla
from psa_copilot_connectors.autotask.sandbox.calls import CALLS, DOING, ON_CALL, Calls
from psa_copilot_connectors.autotask.sandbox.desk import Login
from psa_copilot_connectors.autotask.sandbox.notes import Notes
from psa_copilot_connectors.autotask.sandbox.query import Pages, Query, compile_filter
from psa_copilot_connectors.autotask.sandbox.replies import Failed, Refused, no_method, no_route, told
from psa_copilot_connectors.autotask.sandbox.rights import TIME, Rights
from psa_copilot_connectors.autotask.sandbox.shapes import CHILDREN, DATES, ENTITIES, SHAPES, Shape
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets, checked
from psa_copilot_connectors.autotask.sandbox.timesheet import Timesheet
from psa_copilot_connectors.autotask.sandbox.webhooks import WEBHOOKS, Webhooks

MOST = 500
LONG_TEXTS = ("description", "resolution", "summaryNotes", "internalNotes")
NOT_FOUND = "No matching records found for the given ID."
BILLABLE = {"op": "noteq", "field": "isNonBillable", "value": True}
FRACTION = re.compile(r"T\d\d:\d\d:\d\d\.\d")


@dataclass(frozen=True)
class Asked:
    """One request of somebody who was let in."""

    request: Request
    login: Login
    impersonated: int | None = None

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        try:
            given = json.loads(self.request.body or b"null")
        except ValueError:
            raise Refused("The request body is not valid JSON.") from None
        if not isinstance(given, dict):
            raise Refused("Object reference not set to an instance of an object.")
        return given


class Served:
    """Answers below `V1.0/`."""

    def __init__(self, tickets: Tickets, notes: Notes, webhooks: Webhooks, timesheet: Timesheet, url: str) -> None:
        self._tickets, self._notes, self._webhooks, self._timesheet = tickets, notes, webhooks, timesheet
        self._calls, self._rights = Calls(tickets), Rights(tickets.records.switches)
        self._records, self._picklists = tickets.records, tickets.picklists
        self._pages = Pages(url, self._records)

    def answer(self, asked: Asked, path: list[str]) -> Answer:
        """One request to an entity."""
        entity = ENTITIES.get(path[0].casefold())
        if entity is None:
            raise no_route()
        rest = [part.casefold() for part in path[1:]]
        if entity in WEBHOOKS:
            self._webhooks.settle()
        self._rights.admit(asked.login, SHAPES[entity], rest, is_get=asked.request.method in ("GET", "HEAD"))
        match rest:
            case []:
                return self._write(asked, SHAPES[entity])
            case ["query", *more]:
                return self._query(asked, SHAPES[entity], more)
            case ["entityinformation", *more]:
                return self._information(asked, SHAPES[entity], more)
            case [number] if number.lstrip("-").isdigit():
                return self._one(asked, SHAPES[entity], int(number))
            case [number, child, *more] if number.isdigit() and (entity, child) in CHILDREN:
                return self._child(asked, entity, int(number), SHAPES[CHILDREN[entity, child]], more)
            case _:
                raise no_route()

    # Reading.

    def _query(self, asked: Asked, shape: Shape, more: list[str]) -> Answer:
        query, method = self._read_query(asked), asked.request.method
        if shape.name == TIME and not self._rights.sees_all_time(asked.login):
            query = replace(query, conditions=[*query.conditions, BILLABLE])
        match more:
            case []:
                return self._told(shape, self._pages.first(shape, query, method))
            case ["count"]:
                matches = compile_filter(shape, query.conditions)
                return told({"queryCount": sum(map(matches, self._records.table(shape.name)))})
            case ["next"]:
                paging = parse_qs(asked.request.query).get("paging", [""])[0]
                return self._told(shape, self._pages.next(shape, query, paging, method))
            case _:
                raise no_route()

    def _read_query(self, asked: Asked) -> Query:
        if asked.request.method == "POST":
            query = Query.read(asked.body())
        elif asked.request.method == "GET":
            search = parse_qs(asked.request.query).get("search", [""])[0]
            try:
                query = Query.read(json.loads(search or "null"))
            except ValueError:
                raise Refused("The search parameter is not valid JSON.") from None
        else:
            raise no_method(asked.request.method)
        if not self._records.switches.on("fractions_in_filters") and FRACTION.search(json.dumps(query.conditions)):
            raise Refused("The date in the filter is not valid.")
        return query

    def _information(self, asked: Asked, shape: Shape, more: list[str]) -> Answer:
        if asked.request.method != "GET":
            raise no_method(asked.request.method)
        match more:
            case []:
                return told({"info": self._rights.information(shape, asked.login)})
            case ["fields"]:
                return told({"fields": self._picklists.field_info(shape.name)})
            case ["userdefinedfields"]:
                return told({"fields": []})
            case _:
                raise no_route()

    def _one(self, asked: Asked, shape: Shape, number: int) -> Answer:
        if asked.request.method == "DELETE" and shape.deletes and not shape.child_of:
            return self._delete(shape, number)
        if asked.request.method != "GET":
            raise no_method(asked.request.method)
        row = self._records.row(shape.name, number)
        if row is not None and (
            number in self._records.hidden(shape.name) or not self._rights.sees(asked.login, shape, row)
        ):
            row = None
        if row is None and self._records.switches.text("missing_row") == "404":
            raise Failed(told({"Message": "No HTTP resource was found."}, 404))
        return told({"item": self._rendered(shape, self._records.as_read(shape.name, row)) if row else None})

    def _child(self, asked: Asked, entity: str, parent: int, shape: Shape, more: list[str]) -> Answer:
        method = asked.request.method
        if more and more[0] == "entityinformation":
            return self._information(asked, shape, more[1:])
        if more:
            return self._one_child(asked, shape, parent, more)
        if method == "GET":
            hidden = self._records.hidden(shape.name)
            there = self._records.where(shape.name, **{shape.child_of: parent})
            rows = [row for row in there if row["id"] not in hidden]
            paging = {"count": min(len(rows), MOST), "requestCount": MOST, "prevPageUrl": None, "nextPageUrl": None}
            return self._told(shape, {"items": rows[:MOST], "pageDetails": paging})
        if self._records.row(entity, parent) is None:
            raise Refused(f"{shape.child_of} does not exist.")
        return self._write_child(asked, shape, parent)

    def _one_child(self, asked: Asked, shape: Shape, parent: int, more: list[str]) -> Answer:
        if len(more) > 1 or not more[0].isdigit():
            raise no_route()
        row = self._records.row(shape.name, int(more[0]))
        mine = row if row and row[shape.child_of] == parent else None
        if asked.request.method == "DELETE" and shape.deletes:
            return self._delete(shape, int(more[0]) if mine else 0)
        if asked.request.method != "GET":
            raise no_method(asked.request.method)
        return told({"item": self._rendered(shape, mine) if mine else None})

    # Writing.

    def _write(self, asked: Asked, shape: Shape) -> Answer:
        method, body = asked.request.method, asked.body
        if shape.child_of or method == "GET":
            raise no_route() if shape.child_of else no_method(method)
        verbs: Mapping[str, Callable[[Shape, dict[str, Any], Asked], int]] = {
            **({"POST": self._create} if shape.creates else {}),
            **({"PATCH": self._patch} if shape.updates else {}),
        }
        if method not in verbs:
            raise no_method(method)
        return told({"itemId": verbs[method](shape, body(), asked)})

    def _create(self, shape: Shape, body: dict[str, Any], asked: Asked) -> int:
        by = asked.impersonated or asked.login.resource
        if shape.name == "Tickets":
            return int(self._tickets.create(body, by)["id"])
        if shape.name == "TimeEntries":
            return int(self._timesheet.enter(body, by)["id"])
        if shape.name == CALLS:
            return int(self._calls.plan(body, by)["id"])
        fields = checked(shape, body, self._picklists, {}, is_new=True)
        return int(self._webhooks.register(shape.name, fields, by)["id"])

    def _patch(self, shape: Shape, body: dict[str, Any], asked: Asked) -> int:
        number = next((value for key, value in body.items() if key.casefold() == "id"), None)
        old = self._records.row(shape.name, number)
        if old is None:
            raise Refused(NOT_FOUND)
        if shape.name == "Tickets":
            self._tickets.patch(old["id"], body, asked.impersonated or asked.login.resource)
        elif shape.name == "TimeEntries":
            self._timesheet.change(old, body, asked.login.resource)
        elif shape.name in WEBHOOKS:
            self._webhooks.change(shape.name, old, checked(shape, body, self._picklists, old))
        else:
            self._records.put(shape.name, old | checked(shape, body, self._picklists, old))
        return int(old["id"])

    def _write_child(self, asked: Asked, shape: Shape, parent: int) -> Answer:
        method, by = asked.request.method, asked.login.resource
        if method not in ("POST", "PATCH") or not (shape.creates if method == "POST" else shape.updates):
            raise no_method(method)
        body = asked.body()
        if shape.name == "TicketNotes" and method == "POST":
            return told({"itemId": self._notes.add(parent, body, by, asked.impersonated)["id"]})
        if shape.name == "TicketNotes":
            return told({"itemId": self._notes.edit(parent, body, by)["id"]})
        if method == "PATCH":
            return told({"itemId": self._patch(shape, body, asked)})
        if shape.name in (ON_CALL, DOING):
            return told({"itemId": self._calls.add(shape.name, parent, body, by)["id"]})
        fields = checked(shape, body, self._picklists, {}, is_new=True)
        return told({"itemId": self._records.add(shape.name, {**fields, shape.child_of: parent})["id"]})

    def _delete(self, shape: Shape, number: int) -> Answer:
        if self._records.row(shape.name, number) is None:
            raise Refused(NOT_FOUND)
        if shape.name in WEBHOOKS:
            self._webhooks.delete(shape.name, number)
        elif shape.name in (CALLS, ON_CALL, DOING):
            self._calls.drop(shape.name, number)
        else:
            self._records.drop(shape.name, number)
        return told({"itemId": number})

    # How records are shown.

    def _told(self, shape: Shape, page: Row) -> Answer:
        return told({**page, "items": [self._rendered(shape, row) for row in page["items"]]})

    def _rendered(self, shape: Shape, row: Row) -> Row:
        shown = dict(row)
        if "secretKey" in shown:
            shown["secretKey"] = None  # it is never shown again
        switches = self._records.switches
        if switches.on("dates_with_zone") or (switches.on("mixed_dates") and shape.name != "Tickets"):
            for name in shown:
                if name in shape.fields and shape.fields[name].kind == DATES and shown[name]:
                    shown[name] = f"{shown[name]}Z"
        if switches.on("nul_in_text"):
            shown |= {name: f"{shown[name]}\x00" for name in LONG_TEXTS if shown.get(name)}
        if shown.get(sla.PAUSED, 0) is None and switches.text("running_sla") == "0":
            shown[sla.PAUSED] = 0.0
        if shape.child_of and self._records.switches.on("noise_key"):
            shown["soapParentPropertyId"] = {}
        return shown

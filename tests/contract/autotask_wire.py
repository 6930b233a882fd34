"""What Autotask's description says, and where the product is known to say something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.contract.description import Description, Json, Operation
from tests.contract.wire import Deviation, Exchange, Fault, Wire

PAGES = Path(__file__).resolve().parents[3] / "shared" / "psa-apis"
FILE, PAGE = PAGES / "specs" / "autotask.swagger.json", PAGES / "autotask.md"
ABSENT = "" if FILE.exists() else f"../shared holds no {FILE.name}: nothing to hold the wire against"

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")
ROOT = r"(?i)^(/zone2)?/ATServicesRest(?=/)"


def _next_page(method: str) -> Json:
    schema = {"$ref": "#/definitions/QueryActionResult[TicketModel,Ticket]"}
    body = [{"name": "queryModel", "in": "body", "schema": {"$ref": "#/definitions/QueryModel"}}]
    paging = {"name": "paging", "in": "query", "required": True, "type": "string"}
    given = [paging, *(body if method == "post" else [{"$ref": "#/parameters/search"}])]
    return {"parameters": given, "responses": {"200": {"description": "told", "schema": schema}}}


MORE: dict[str, Json] = {"/V1.0/Tickets/query/next": {method: _next_page(method) for method in ("get", "post")}}
"""Paths that the description lacks; the page has them in section 4."""


@cache
def description() -> Description:
    """Autotask's, read once."""
    return Description(FILE, root=ROOT, more=MORE)


def wire(*, strangers: bool = False) -> Wire:
    """A wire that knows Autotask."""
    return Wire(description(), DEVIATIONS, [faults_of_names], strangers=strangers)


def faults_of_names(described: Description, operation: Operation, exchange: Exchange) -> Iterator[Fault]:
    """What a question speaks of is in the record."""
    if "/query" not in operation.template:
        return
    entity = operation.template.split("/query")[0]
    found = described.find("POST", f"{entity}/query")
    if found is None:
        return
    record = described.resolve(f"{found[0].record()}/properties/items/items")
    asked = _json(exchange.sent)
    names = {one["field"] for one in _conditions(asked.get("filter"))} | set(asked.get("includeFields") or ())
    for name in sorted(names - record["properties"].keys()):
        yield Fault("request", operation.name, f"body/{name}", "known", "the record has no such field", name)


def _conditions(items: Json) -> Iterator[dict[str, Json]]:
    for one in items or ():
        yield from _conditions(one["items"]) if "items" in one else (one,)


def _json(body: bytes) -> dict[str, Json]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _is_null(fault: Fault) -> bool:
    return fault.value is None and fault.rule in ("type", "nullable", "enum", "format")


DEVIATIONS = (
    Deviation(
        "an empty field is null",
        "without it empty fields come as null",
        lambda fault, _: fault.side == "answer" and _is_null(fault),
    ),
    Deviation(
        "dates without a zone",
        "returned as `2024-01-31T15:04:05.307` (no zone)",
        lambda fault, _: fault.side == "answer" and fault.rule == "format" and bool(DATE.fullmatch(str(fault.value))),
    ),
    Deviation(
        "nobody is assigned: null",
        "both null to unassign",
        lambda fault, exchange: (
            fault.side == "request"
            and exchange.method == "PATCH"
            and _is_null(fault)
            and fault.where in ("body/assignedResourceID", "body/assignedResourceRoleID")
        ),
    ),
    Deviation(
        "the value of a condition is a plain value or a list",
        '`{"filter":[{"op":"eq","field":"companyID","value":0}',
        lambda fault, _: fault.side == "request" and fault.rule == "type" and fault.where.endswith("/value"),
    ),
    Deviation(
        "a write is answered with a number",
        'Writes answer 200 `{"itemId":n}` for POST, PATCH, PUT and DELETE - never the record.',
        lambda fault, _: fault.side == "answer" and fault.where == "body/itemId" and isinstance(fault.value, int),
    ),
    Deviation(
        "the zone is asked for without a login",
        "Zone discovery, no auth",
        lambda fault, _: fault.endpoint.endswith("/ZoneInformation") and fault.where.startswith("header/"),
    ),
    Deviation(
        "refusals are a 500 with errors",
        "**validation, missing row on delete, no permission**",
        lambda fault, exchange: exchange.status == 500 and fault.where == "status",
    ),
    Deviation(
        "some entities have no record that is missing",
        "(several entities; others 404)",
        lambda fault, exchange: exchange.status == 404 and fault.where == "status",
    ),
    Deviation(
        "a 401 where none is described",
        "every auth failure: wrong secret, wrong code, wrong zone, locked user",
        lambda fault, exchange: exchange.status == 401 and fault.where == "status",
    ),
    Deviation(
        "too many requests",
        "thread limit / hourly limit",
        lambda fault, exchange: exchange.status == 429 and fault.where == "status",
    ),
    Deviation(
        "a gateway speaks HTML",
        "500/502/503 without `errors` is transient",
        lambda fault, exchange: exchange.status == 502 and fault.where == "status",
    ),
)

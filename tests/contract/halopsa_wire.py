"""What HaloPSA's description says, and where the product is known to say something else.

The vendor describes no answers. Which record each endpoint tells is filled in here, by the page's sections 3, 5 and 6.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from tests.contract.description import Description, Json
from tests.contract.wire import Deviation, Exchange, Fault, Wire

PAGES = Path(__file__).resolve().parents[3] / "shared" / "psa-apis"
FILE, PAGE = PAGES / "specs" / "halopsa.openapi.json", PAGES / "halopsa.md"
ABSENT = "" if FILE.exists() else f"../shared holds no {FILE.name}: nothing to hold the wire against"

ROOT = r"^/api(?=/)"
LISTED = {
    "/Tickets": "Faults_List",
    "/Actions": "Actions",
    "/Agent": "Uname_List",
    "/Status": "TStatus",
    "/Priority": "Policy",
    "/Team": "SectionDetail_List",
    "/TicketType": "RequestType",
    "/Category": "CategoryDetail",
    "/Outcome": "TOutcome",
    "/Users": "Users_List",
    "/Client": "Area_List",
    "/Site": "Site_List",
    "/Appointment": "Appointment_List",
    "/Webhook": "Webhook",
    "/ToDo": "FaultToDo",
}
"""What the lists hold."""
ONE = {
    "/Tickets/{id}": "Faults",
    "/Actions/{id}": "Actions",
    "/Agent/{id}": "Uname",
    "/Agent/me": "Uname",
    "/Outcome/{id}": "TOutcome",
    "/Appointment/{id}": "Appointment",
    "/Webhook/{id}": "Webhook",
}
"""What is told of one."""
WRITTEN = {"/Tickets": "Faults", "/Actions": "Actions", "/Appointment": "Appointment", "/Webhook": "Webhook"}
"""What a write is answered with."""
ANY: Json = {}
COUNTS = {name: {"type": "integer"} for name in ("page_no", "page_size", "record_count")}


NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")


def _more() -> dict[str, Json]:
    """The paths that we use, with their answers."""
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    for path, name in LISTED.items():
        paths[path]["get"]["responses"] = _answers(_list_of(_record(name)))
    for path, name in ONE.items():
        paths[path]["get"]["responses"] = _answers(_record(name))
    for path, name in WRITTEN.items():
        paths[path]["post"]["responses"] = _answers(_one_or_many(_record(name)), "201")
    paths["/Notification"]["get"]["responses"] = _answers(_list_of({"type": "object"}))
    paths["/Notification"]["post"]["responses"] = _answers(_one_or_many({"type": "object"}), "201")
    paths["/TicketRules"]["get"]["responses"] = _answers(_list_of({"type": "object"}))
    paths["/InstanceInfo"]["get"]["responses"] = _answers({"type": "object"})
    for told in paths.values():
        if "delete" in told:
            told["delete"]["responses"] = _answers(ANY)
    paths["/auth/token"]["post"]["responses"] |= {"default": _said(ANY)}
    return dict(paths)


def _record(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(record: Json) -> Json:
    """A bare array, or an envelope around one list of whatever name."""
    rows = {"type": "array", "items": record}
    envelope = {"type": "object", "properties": COUNTS, "additionalProperties": rows, "required": ["record_count"]}
    return {"anyOf": [rows, envelope]}


def _one_or_many(record: Json) -> Json:
    return {"anyOf": [record, {"type": "array", "items": record}]}


def _answers(schema: Json, status: str = "200") -> Json:
    """An operation's good answer; refusals come in many shapes."""
    return {status: _said(schema), "default": _said(ANY)}


def _said(schema: Json) -> Json:
    return {"description": "said", "content": {"application/json": {"schema": schema}}}


@cache
def description() -> Description:
    """HaloPSA's, read once."""
    return Description(FILE, root=ROOT, more=_more())


def wire(*, strangers: bool = False) -> Wire:
    """A wire that knows HaloPSA."""
    return Wire(description(), DEVIATIONS, strangers=strangers)


def _only(fault: Fault, *names: str) -> bool:
    return any(f"('{name}' was unexpected)" in fault.says for name in names)


def _is_page(fault: Fault, _: Exchange) -> bool:
    names = ("page_no", "page_size", "pageinate")
    return fault.endpoint == "GET /Agent" and fault.where in {f"query/{name}" for name in names}


def _is_since(fault: Fault, _: Exchange) -> bool:
    return fault.where in ("query/lastupdatefromdate", "query/lastupdatetodate") and fault.rule == "type"


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "a team is meant by its id, too",
        "team_id (live [v:AL], not in S)",
        lambda fault, _: _only(fault, "team_id"),
    ),
    Deviation(
        "ids are texts on some servers",
        '**sometimes decimals (`"client_id": 21.0` on Site, `site_id` on Users) or strings**',
        lambda fault, _: fault.side == "answer" and fault.where.endswith("_id") and fault.rule == "type",
    ),
    Deviation(
        "who did it stands in an action",
        "who (live, not in S)",
        lambda fault, _: fault.side == "answer" and _only(fault, "who"),
    ),
    Deviation("agents come by pages where that is asked for", "Agent → array, `results` when paged", _is_page),
    Deviation(
        "dates come and go without a zone",
        "Dates come back as naive ISO strings, normally UTC",
        lambda fault, _: fault.rule == "format" and bool(NAIVE.fullmatch(str(fault.value))),
    ),
    Deviation("a time is no boolean", "Sent as `2026-08-01T06:30:00` (naive UTC)", _is_since),
    Deviation(
        "too many requests are told in plain text",
        '429 with text "Rate Limit Reached - 300 Requests per rolling 5 minute window."',
        lambda fault, exchange: exchange.status == 429 and fault.rule == "media",
    ),
    Deviation(
        "a gateway speaks HTML",
        "one-key objects; HTML pages. Parser must accept all.",
        lambda fault, exchange: exchange.status in (500, 502) and fault.rule == "media",
    ),
)

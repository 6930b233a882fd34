"""What ConnectWise's description says, and where the product is known to say something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.contract.description import Description, Json, Operation
from tests.contract.wire import Deviation, Exchange, Fault, Wire

PAGES = Path(__file__).resolve().parents[3] / "shared" / "psa-apis"
FILE, PAGE = PAGES / "specs" / "connectwise.openapi.json", PAGES / "connectwise.md"
ABSENT = "" if FILE.exists() else f"../shared holds no {FILE.name}: nothing to hold the wire against"

LISTS = ("/integratorTags", "/customFields", "/types", "/communicationItems")
TOO_FAST = {"error": "ConnectWiseAPI"}
INFO = ("lastUpdated", "updatedBy", "dateEntered", "enteredBy")
"""What lists can be filtered and ordered by without saying that it stands in `_info`."""
VALUES = re.compile(r'"[^"]*"|\'[^\']*\'|\[[^\]]*\]')
COMPARED = re.compile(r"\b([a-z_]\w*)(?:/\w+)*\s*(?:[=<>]|!=|\b(?:not|contains|like|in)\b)", re.IGNORECASE)
ROOT = r"^/[\w.-]+/apis/3\.0(?=/)"


def _told(schema: Json) -> Json:
    """An operation's answer of 200."""
    told = {"description": "told", "content": {"application/json": {"schema": schema}}}
    return {"200": told, "default": {"$ref": "#/components/responses/Error"}}


def _texts(*names: str) -> dict[str, Json]:
    return {name: {"type": "string"} for name in names}


COMPANY_INFO = {
    "type": "object",
    "nullable": True,  # an unknown company
    "properties": {
        **_texts("CompanyName", "Codebase", "VersionCode", "VersionNumber", "CompanyID"),
        "IsCloud": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
    },
    "required": ["Codebase", "CompanyID"],
}
KEY = {"type": "object", "properties": _texts("signing_key"), "required": ["signing_key"]}
COMPANY_ID = {"name": "companyId", "in": "path", "required": True, "schema": {"type": "string"}}

MORE: dict[str, Json] = {
    "/login/companyinfo/{companyId}": {"get": {"parameters": [COMPANY_ID], "responses": _told(COMPANY_INFO)}},
    "/system/callbacks/signingkey": {"get": {"parameters": [], "responses": _told(KEY)}},
}
"""Paths that the description lacks; the page has their answers in sections 1 and 7."""


@cache
def description() -> Description:
    """ConnectWise's, read once."""
    return Description(FILE, root=ROOT, more=MORE)


def wire(*, strangers: bool = False) -> Wire:
    """A wire that knows ConnectWise."""
    return Wire(description(), DEVIATIONS, [faults_of_patch, faults_of_names], strangers=strangers)


def faults_of_patch(described: Description, operation: Operation, exchange: Exchange) -> Iterator[Fault]:
    """A PATCH takes any value for any path; the record that it changes is pickier."""
    if operation.method != "PATCH" or not isinstance(operations := _json(exchange.sent), list):
        return
    record = described.resolve(operation.record())["properties"]
    for number, one in enumerate(operations):
        path, where = str(one.get("path")), f"body/{number}/path"
        if path not in record:
            yield Fault("request", operation.name, where, "known", f"the record has no {path}", path)
        elif one.get("op") != "remove":
            pointer = f"{operation.record()}/properties/{path}"
            for inside, rule, says, wrong in described.errors(pointer, one.get("value")):
                at = f"body/{number}/{path}/{inside}".rstrip("/")
                yield Fault("request", operation.name, at, rule, says, wrong)


def faults_of_names(described: Description, operation: Operation, exchange: Exchange) -> Iterator[Fault]:
    """What `fields`, `orderBy` and `conditions` speak of is in the record."""
    wanted = set(_names(exchange.asked)) - {"_info", *INFO}
    if not wanted:
        return
    rows = described.resolve(operation.record())
    record = described.resolve(f"{operation.record()}/items") if rows.get("type") == "array" else rows
    for name in sorted(wanted - record["properties"].keys()):
        yield Fault("request", operation.name, f"query/{name}", "known", "the record has no such field", name)


def _names(asked: dict[str, str]) -> Iterator[str]:
    """The first part of each name, `status` of `status/id`."""
    for listed in (asked.get("fields", ""), asked.get("orderBy", "")):
        yield from (name.split()[0].split("/")[0] for name in listed.split(",") if name.strip())
    bare = VALUES.sub("0", asked.get("conditions", ""))
    yield from (match[1] for match in COMPARED.finditer(bare))


def _only_texts(value: Json) -> dict[str, str]:
    """The message of an answer, where that is all."""
    return {"message": value["message"]} if isinstance(value, dict) and "message" in value else {}


def _unasked(fault: Fault, exchange: Exchange) -> bool:
    """Whether a missing field was not among those that were asked for."""
    fields = exchange.asked.get("fields", "").split(",")
    return fields != [""] and not any(f"'{field}'" in fault.says for field in fields)


def _json(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return None


DEVIATIONS = (
    Deviation(
        "the value of a custom field is a plain value",
        'customFieldConditions`: `caption="Site Code" AND value="12"`',
        lambda fault, _: fault.side == "answer" and bool(re.search(r"/customFields/\d+/value$", fault.where)),
    ),
    Deviation(
        "only the fields that were asked for",
        "`fields=id,summary,status/name,_info/lastUpdated` projects",
        lambda fault, exchange: fault.side == "answer" and fault.rule == "required" and _unasked(fault, exchange),
    ),
    Deviation(
        "null instead of an empty list",
        "List fields may be null rather than []",
        lambda fault, _: fault.side == "answer" and fault.value is None and fault.where.endswith(LISTS),
    ),
    Deviation(
        "an error without a list of errors",
        '"errors":[{"code","message","resource","field","details"}]|null}',
        lambda fault, exchange: exchange.status >= 400 and fault.where == "body/errors" and fault.value is None,
    ),
    Deviation(
        "too many requests are told in words of their own",
        'body is **not** the usual shape: `{"error":"ConnectWiseAPI","message":"Too many requests.',
        lambda fault, exchange: exchange.status == 429 and fault.value == {**TOO_FAST, **_only_texts(fault.value)},
    ),
    Deviation(
        "a gateway speaks HTML",
        "gateway time-out on heavy queries; HTML body",
        lambda fault, exchange: exchange.status in (502, 504) and fault.rule == "media",
    ),
    Deviation(
        "nobody knows what a 403 holds",
        "exact 403 bodies",
        lambda fault, exchange: exchange.status == 403 and fault.rule in ("media", "json"),
    ),
    Deviation(
        "nothing is left at an old codebase",
        "A cloud codebase upgrade makes the old codebase 404",
        lambda fault, exchange: exchange.status == 404 and fault.rule == "media" and fault.side == "answer",
    ),
    Deviation(
        "nobody owns it: null",
        "unassign `remove owner` or `replace owner null`",
        lambda fault, exchange: fault.side == "request" and fault.where.endswith("/owner") and fault.value is None,
    ),
)

"""The filter language of `query`: conditions in JSON, pages by id, and pages that go on only with the same body."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from psa_copilot.sandbox import Row
from psa_copilot_connectors.autotask.sandbox.records import ON_TICKET, Records
from psa_copilot_connectors.autotask.sandbox.replies import Refused, sent_date
from psa_copilot_connectors.autotask.sandbox.shapes import DATES, Shape

PAGE = 500
MOST_ORS = 500

Test = Callable[[Row], bool]


@dataclass(frozen=True)
class Query:
    """One question as the client asked it."""

    conditions: list[Any]
    records: int = PAGE
    fields: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: object) -> Query:
        """From a body whose keys may be written in any letter case."""
        if not isinstance(given, dict):
            raise Refused("Value cannot be null. Parameter name: filters")
        asked = {str(key).casefold(): value for key, value in given.items()}
        conditions, records = asked.get("filter"), asked.get("maxrecords") or PAGE
        if not isinstance(conditions, list):
            raise Refused("Value cannot be null. Parameter name: filters")
        if not isinstance(records, int) or not 1 <= records <= PAGE:
            raise Refused(f"MaxRecords must be between 1 and {PAGE}.")
        return cls(conditions, records, tuple(asked.get("includefields") or ()))


@dataclass(frozen=True)
class _Place:
    """Where a next page goes on."""

    beyond: int
    method: str
    before: int


class Pages:
    """Answers questions page by page; the server remembers only so many places."""

    def __init__(self, url: str, records: Records) -> None:
        self._url, self._records = url, records
        self._number = 0
        self._places: OrderedDict[int, _Place] = OrderedDict()

    def first(self, shape: Shape, query: Query, method: str) -> Row:
        """The first page."""
        return self._page(shape, query, _Place(-1, method, -1))

    def next(self, shape: Shape, query: Query, paging: str, method: str) -> Row:
        """A further page; a question that began by POST is not answered to GET."""
        try:
            place = self._places.get(int(json.loads(unquote(paging))["pageId"]))
        except (ValueError, KeyError, TypeError):
            place = None
        if place is None:
            raise Refused("The page that was requested has expired.")
        if place.method != method:
            return _shown([], query, None)
        return self._page(shape, query, place)

    def _page(self, shape: Shape, query: Query, place: _Place) -> Row:
        if _udfs(query.conditions) > 1 and self._records.switches.on("one_udf_per_query"):
            raise Refused("Invalid query syntax. Only one user-defined field may be queried at a time.")
        matches, hidden = compile_filter(shape, query.conditions), self._records.hidden(shape.name)
        rows: list[Row] = []
        for there in self._candidates(shape, query.conditions, place.beyond):
            row = self._records.as_read(shape.name, there)
            if row["id"] > place.beyond and matches(row) and row["id"] not in hidden:
                rows.append(row)
            if len(rows) > query.records:
                break
        shown = rows[: query.records]
        more = self._remember(shape, shown, place) if len(rows) > query.records else None
        return _shown([project(shape, row, query.fields) for row in shown], query, more)

    def _candidates(self, shape: Shape, conditions: list[Any], beyond: int) -> Iterable[Row]:
        """Rows of which no other can match: nobody looks through the whole desk for one ticket's notes."""
        wanted = _wanted(shape, conditions)
        if wanted is not None:
            there = [row for ticket in wanted for row in self._records.on_ticket(shape.name, ticket)]
            return sorted(there, key=lambda row: int(row["id"]))
        return self._records.table(shape.name).in_id_order(max(beyond + 1, _least_id(conditions)))

    def _remember(self, shape: Shape, shown: list[Row], place: _Place) -> str:
        self._number += 1
        self._places[self._number] = _Place(int(shown[-1]["id"]), place.method, place.beyond)
        while len(self._places) > self._records.switches.number("kept_pages"):
            self._places.popitem(last=False)
        paging = quote(json.dumps({"pageId": self._number}), safe="")
        return f"{self._url}{shape.name}/query/next?paging={paging}"


def _shown(rows: list[Row], query: Query, more: str | None) -> Row:
    details = {"count": len(rows), "requestCount": query.records, "prevPageUrl": None, "nextPageUrl": more}
    return {"items": rows, "pageDetails": details}


def project(shape: Shape, row: Row, fields: Iterable[str]) -> Row:
    """Only the fields that were asked for; all of them where nobody asked for any."""
    wanted = [shape.by_name.get(str(one).casefold(), "") for one in fields]
    return {name: row[name] for name in row if name in wanted} if wanted else row


def _wanted(shape: Shape, conditions: list[Any]) -> set[int] | None:
    """The tickets that a question is about."""
    for one in conditions:
        asked = {str(key).casefold(): value for key, value in one.items()} if isinstance(one, Mapping) else {}
        op, value = str(asked.get("op")).casefold(), asked.get("value")
        values = {"eq": [value], "in": value}.get(op)
        is_about = shape.by_name.get(str(asked.get("field")).casefold()) == ON_TICKET
        if is_about and isinstance(values, list) and all(isinstance(one, int) for one in values):
            return set(values)
    return None


def _least_id(conditions: list[Any]) -> int:
    """Below which id nothing can match: saves looking through the whole desk page by page."""
    least = -1
    for one in conditions:
        if isinstance(one, Mapping) and str(one.get("field")).casefold() == "id" and isinstance(one.get("value"), int):
            least = max(least, one["value"] if str(one.get("op")).casefold() in ("gt", "gte", "eq") else -1)
    return least


def compile_filter(shape: Shape, conditions: list[Any]) -> Test:
    """One test for all conditions of a list."""
    if _count(conditions) > MOST_ORS:
        raise Refused(f"Invalid query syntax. Queries are limited to {MOST_ORS} or fewer 'OR' conditions.")
    tests = [_condition(shape, one) for one in conditions]
    return lambda row: all(test(row) for test in tests)


def _count(conditions: Iterable[Any]) -> int:
    """How many alternatives a question has; each value of an `in` is one."""
    total = 0
    for one in conditions:
        if isinstance(one, Mapping):
            items, value = one.get("items"), one.get("value")
            total += len(items) + _count(items) if isinstance(items, list) else 0
            total += len(value) if isinstance(value, list) else 0
    return total


def _udfs(conditions: Iterable[Any]) -> int:
    """How many user-defined fields a question speaks of."""
    total = 0
    for one in conditions:
        if isinstance(one, Mapping):
            total += bool(one.get("udf")) + _udfs(one.get("items") or [])
    return total


def _condition(shape: Shape, given: Any) -> Test:
    if not isinstance(given, Mapping):
        raise Refused("Invalid query syntax.")
    one = {str(key).casefold(): value for key, value in given.items()}
    op = str(one.get("op") or "").casefold()
    if op in ("and", "or"):
        tests = [_condition(shape, item) for item in one.get("items") or []]
        return _joined(op, tests)
    if op not in _OPS:
        return lambda row: True  # silently ignored, as the vendor does
    if one.get("udf"):
        return _compared(op, lambda row: _udf(row, str(one.get("field"))), one.get("value"))
    name = shape.by_name.get(str(one.get("field") or "").casefold())
    if name is None:
        raise Refused(f"Unable to find {one.get('field')} in the {shape.name} Entity.")
    known = shape.fields.get(name)
    if known and not known.queryable:
        raise Refused(f"The field {name} is not queryable.")
    value = _typed(one.get("value"), known.kind if known else "long", op)
    return _compared(op, lambda row: row.get(name), value)


def _joined(op: str, tests: list[Test]) -> Test:
    if op == "and":
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def _udf(row: Row, name: str) -> Any:
    return next((one["value"] for one in row.get("userDefinedFields") or [] if one["name"] == name), None)


def _typed(value: Any, kind: str, op: str) -> Any:
    """The value as records keep it: dates in the records' form, numbers that came as text as numbers."""
    if isinstance(value, list):
        return [_typed(one, kind, op) for one in value]
    if kind == DATES and value is not None:
        date = sent_date(value)
        if date is None and op not in ("exist", "notexist"):
            raise Refused(f"{value} is not a valid date.")
        return date
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value.casefold() if isinstance(value, str) else value


def _compared(op: str, look: Callable[[Row], Any], value: Any) -> Test:
    compare = _OPS[op]

    def test(row: Row) -> bool:
        there = look(row)
        there = there.casefold() if isinstance(there, str) and not _is_date(there) else there
        try:
            return compare(there, value)
        except TypeError:
            return False

    return test


def _is_date(text: str) -> bool:
    return len(text) == 23 and text[10] == "T" and text[4] == "-"


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a is not None and a == b,
    "noteq": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and a > b,
    "gte": lambda a, b: a is not None and a >= b,
    "lt": lambda a, b: a is not None and a < b,
    "lte": lambda a, b: a is not None and a <= b,
    "beginswith": lambda a, b: a is not None and str(a).startswith(str(b)),
    "endswith": lambda a, b: a is not None and str(a).endswith(str(b)),
    "contains": lambda a, b: a is not None and str(b) in str(a),
    "exist": lambda a, b: a is not None,
    "notexist": lambda a, b: a is None,
    "in": lambda a, b: a is not None and a in (b or []),
    "notin": lambda a, b: a not in (b or []),
}

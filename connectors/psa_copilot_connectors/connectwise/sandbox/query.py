"""ConnectWise's lists: conditions, orderBy, fields, and its two ways of paging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from psa_copilot_connectors.connectwise.sandbox.conditions import (
    BadCondition,
    Node,
    Row,
    Stamp,
    Test,
    bounds_of,
    check,
    child_test_of,
    comparisons,
    getter,
    parse,
    test_of,
)
from psa_copilot_connectors.connectwise.sandbox.shapes import Shape

LARGEST_PAGE = 1000
USUAL_PAGE = 25
FORWARD_ONLY = "forward-only"


class Indexed(Protocol):
    """Rows that know their order by id and by last change."""

    def in_id_order(self, low: int = 0, high: int | None = None) -> Sequence[Row]:
        """Rows with low ≤ id ≤ high."""

    def in_stamp_order(self, low: str = "", high: str = "") -> Sequence[Row]:
        """Rows with low ≤ last change ≤ high."""


@dataclass(frozen=True)
class Question:
    """What a list is asked for."""

    parameters: Mapping[str, str]
    forward_only: bool = False
    dates: str = "any"  # which dates in conditions this server understands

    def text(self, name: str) -> str:
        """A parameter, whatever the case of its name."""
        return next((value for key, value in self.parameters.items() if key.lower() == name.lower()), "").strip()

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number."""
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise BadCondition(f"{name} '{self.text(name)}' is not a number.") from None

    @property
    def page_size(self) -> int:
        """Rows a page; more than a thousand are silently a thousand."""
        return min(max(1, self.number("pageSize", USUAL_PAGE)), LARGEST_PAGE)


@dataclass(frozen=True)
class Page:
    """Some rows, and where the others are."""

    rows: list[Row]
    link: str = ""


View = Callable[[Row], Row]


def page(question: Question, rows: Indexed | list[Row], names: Shape, url: str, view: View | None = None) -> Page:
    """One page of a list, each row as `view` shows it."""
    if question.forward_only:
        return _forward(question, rows, names, url, view)
    found = matching(question, rows, names)
    size, number = question.page_size, max(1, question.number("page", 1))
    shown = found[(number - 1) * size : number * size]
    last = max(1, -(-len(found) // size))
    return Page(project(_viewed(shown, view), question, names), _links(question, url, number, last))


def _viewed(rows: Sequence[Row], view: View | None) -> list[Row]:
    return [view(row) for row in rows] if view else list(rows)


def _forward(question: Question, rows: Indexed | list[Row], names: Shape, url: str, view: View | None) -> Page:
    after = question.number("pageId", 0)
    without_order = {key: value for key, value in question.parameters.items() if key.lower() != "orderby"}
    found = matching(replace(question, parameters=without_order), rows, names)
    shown = list(islice((row for row in found if row["id"] > after), question.page_size))
    last_id = shown[-1]["id"] if shown else after
    return Page(project(_viewed(shown, view), question, names), _link(question, url, "next", pageId=last_id))


def matching(question: Question, rows: Indexed | list[Row], names: Shape) -> Sequence[Row]:
    """All rows that fit, in order."""
    node = _parsed(question, names)
    indexed = not isinstance(rows, list) and bounds_of(node).say_all
    tests = _tests(question, None if indexed else node, names)
    order = _order(question.text("orderBy"), names)
    candidates, ordered = _candidates(rows, node, order)
    if ordered and not tests:
        return candidates
    fits = tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)
    found = list(filter(fits, candidates))
    for name, descending in [] if ordered else reversed(order):
        value_of = getter(name)
        found.sort(key=lambda row, value_of=value_of: _sortable(value_of(row)), reverse=descending)  # type: ignore[misc]
    return found


def _parsed(question: Question, names: Shape) -> Node | None:
    text = question.text("conditions")
    if not text:
        return None
    node = parse(text)
    check(node, names)
    for comparison in comparisons(node):
        for value in comparison.values:
            _check_date(value, question.dates)
    return node


def _check_date(value: object, understood: str) -> None:
    if isinstance(value, Stamp) and understood == ("without_zone" if value.zoned else "with_zone"):
        raise BadCondition(f"[{value.text}] is not a valid date.")


def _tests(question: Question, node: Node | None, names: Shape) -> list[Test]:
    tests = [test_of(node)] if node is not None else []
    if children := question.text("childConditions"):
        child_node = parse(children)
        for comparison in comparisons(child_node):
            if not names.knows_child(comparison.name):
                raise BadCondition(f"{comparison.name} is not a recognized name.")
        tests.append(child_test_of(child_node))
    if custom := question.text("customFieldConditions"):
        fits = test_of(parse(custom))
        tests.append(lambda row: any(fits(_readable(field)) for field in row.get("customFields") or ()))
    return tests


def _readable(custom_field: Row) -> Row:
    # Captions are copied from web pages and carry characters of no width.
    return custom_field | {"caption": str(custom_field.get("caption", "")).replace("\u200b", "")}


def _order(text: str, names: Shape) -> list[tuple[str, bool]]:
    order = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if not name:
            continue
        if not names.knows(name) or direction.strip().lower() not in ("", "asc", "desc"):
            raise BadCondition(f"{part.strip()} is not a recognized name.")
        order.append((name, direction.strip().lower() == "desc"))
    return order


def _candidates(
    rows: Indexed | list[Row], node: Node | None, order: list[tuple[str, bool]]
) -> tuple[Sequence[Row], bool]:
    """Rows to look at, and whether they already stand in the order that was asked for."""
    if isinstance(rows, list):
        return rows, not order
    bounds = bounds_of(node)
    falling = bool(order) and all(descending for _, descending in order)
    rising = not any(descending for _, descending in order)
    ordered_by = [name.removeprefix("_info/") for name, _ in order]
    if (rising or falling) and ordered_by in (["lastUpdated"], ["lastUpdated", "id"]):
        found = rows.in_stamp_order(bounds.low_stamp, bounds.high_stamp)
        return (found[::-1] if falling else found), True
    if falling and ordered_by == ["id"] and not bounds.low_stamp:
        return rows.in_id_order(bounds.low_id, bounds.high_id)[::-1], True
    if bounds.low_stamp:
        found = rows.in_stamp_order(bounds.low_stamp, bounds.high_stamp)
        return (found, False) if order else (sorted(found, key=_id), True)
    return rows.in_id_order(bounds.low_id, bounds.high_id), rising and ordered_by in ([], ["id"])


def _id(row: Row) -> int:
    return int(row["id"])


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, str(value).casefold())


def project(rows: list[Row], question: Question, names: Shape) -> list[Row]:
    """Only what `fields` names; `_info` goes too unless it is named."""
    wanted = [name.strip() for name in question.text("fields").split(",") if name.strip()]
    for name in wanted:
        if not names.shows(name):
            raise BadCondition(f"{name} is not a recognized name.")
    return [_projected(row, wanted) for row in rows] if wanted else rows


def _projected(row: Row, wanted: list[str]) -> Row:
    shown: Row = {}
    for name in wanted:
        _copy(row, shown, name.split("/"))
    return shown


def _copy(source: Row, target: Row, path: list[str]) -> None:
    first, rest = path[0], path[1:]
    if first not in source:
        return
    value = source[first]
    if not rest or value is None:
        target[first] = value
    elif isinstance(value, list):
        children = target.setdefault(first, [{} for _ in value])
        for child, shown in zip(value, children, strict=True):
            _copy(child, shown, rest)
    else:
        # A list of fields may name the same reference twice, status/id and status/name.
        inner = dict(target.get(first) or {})
        _copy(value, inner, rest)
        target[first] = inner


def _links(question: Question, url: str, number: int, last: int) -> str:
    """The Link header; none where everything is on one page."""
    if last == 1:
        return ""
    links = []
    if number < last:
        links.append(_link(question, url, "next", page=number + 1))
        links.append(_link(question, url, "last", page=last))
    if number > 1:
        links.append(_link(question, url, "first", page=1))
        links.append(_link(question, url, "prev", page=min(number - 1, last)))
    return ", ".join(links)


def _link(question: Question, url: str, rel: str, **changed: int) -> str:
    lowered = {"pagesize", *(name.lower() for name in changed)}
    kept = {key: value for key, value in question.parameters.items() if key.lower() not in lowered}
    query = urlencode(kept | {"pageSize": question.page_size} | changed, quote_via=quote)
    return f'<{url}?{query}>; rel="{rel}"'

"""ConnectWise's language of conditions: read it, tell whether a record fits, and which rows to look at."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

Row = dict[str, Any]
Test = Callable[[Row], bool]

_GRAMMAR = r"""
    ?either: both | both ("OR"i both)+ -> any_of
    ?both: one | one ("AND"i one)+ -> all_of
    ?one: "(" either ")" | comparison
    comparison: NAME SIGN value -> compare
              | NAME [NOT] WORD STRING -> match
              | NAME [NOT] "IN"i "(" [value ("," value)*] ")" -> among
    ?value: STRING | NUMBER | MOMENT | TRUTH | NULL
    NAME: /[A-Za-z_]\w*(\/[A-Za-z_]\w*)*/
    SIGN: "!=" | "<=" | ">=" | "=" | "<" | ">"
    NOT.2: /not\b/i
    WORD.2: /(contains|like)\b/i
    TRUTH.2: /(true|false)\b/i
    NULL.2: /null\b/i
    NUMBER: /-?\d+(\.\d+)?/
    MOMENT: /\[[^\[\]]*\]/
    STRING: /"[^"]*"/ | /'[^']*'/
    %ignore /\s+/
"""


class BadCondition(ValueError):
    """A condition that ConnectWise would answer with 400."""


@dataclass(frozen=True)
class Stamp:
    """A moment, to whatever fraction it was written; `zoned` says how."""

    text: str
    zoned: bool


@dataclass(frozen=True)
class Comparison:
    """One field against one or several values."""

    name: str
    sign: str
    values: tuple[object, ...]
    negated: bool = False


@dataclass(frozen=True)
class AllOf:
    """Every part must fit."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """One part must fit."""

    parts: tuple[Node, ...]


Node = Comparison | AllOf | AnyOf


class Names(Protocol):
    """Which names a kind of record knows."""

    def knows(self, name: str) -> bool:
        """Whether conditions may use this name."""

    def check_value(self, name: str, value: object) -> None:
        """BadCondition when the field cannot have this value."""


class _Reader(Transformer[Token, Node]):
    """From the grammar's tree to comparisons."""

    any_of = lambda _, parts: AnyOf(tuple(parts))  # noqa: E731
    all_of = lambda _, parts: AllOf(tuple(parts))  # noqa: E731

    def compare(self, parts: list[Any]) -> Node:
        name, sign, value = parts
        return Comparison(str(name), str(sign), (value,))

    def match(self, parts: list[Any]) -> Node:
        name, negation, word, value = parts
        return Comparison(str(name), str(word).lower(), (value,), negated=negation is not None)

    def among(self, parts: list[Any]) -> Node:
        name, negation, *values = parts
        return Comparison(str(name), "in", tuple(v for v in values if v is not None), negated=negation is not None)

    def STRING(self, token: Token) -> str:  # noqa: N802 - lark calls this by the terminal's name
        return str(token[1:-1])

    def NUMBER(self, token: Token) -> float:  # noqa: N802
        return float(token)

    def TRUTH(self, token: Token) -> bool:  # noqa: N802
        return token.lower() == "true"

    def NULL(self, _: Token) -> Null:  # noqa: N802
        return NULL

    def MOMENT(self, token: Token) -> Stamp:  # noqa: N802
        return _stamp(token[1:-1].strip())


class Null:
    """The word null, which is no value."""


NULL = Null()


def _stamp(text: str) -> Stamp:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadCondition(f"[{text}] is not a valid date.") from None
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    written = utc.strftime("%Y-%m-%dT%H:%M:%S") + (f".{utc.microsecond:06}" if utc.microsecond else "")
    return Stamp(written, zoned=moment.tzinfo is not None)


_PARSER = Lark(_GRAMMAR, start="either", parser="lalr", maybe_placeholders=True)
_READER = _Reader(visit_tokens=True)


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The meaning of a condition; BadCondition when it has none."""
    try:
        return _READER.transform(_PARSER.parse(text))
    except LarkError as exc:
        cause = exc.__context__ or getattr(exc, "orig_exc", None)
        if isinstance(cause, BadCondition):
            raise cause from None
        place = getattr(exc, "pos_in_stream", None)
        near = text[place : place + 20] if isinstance(place, int) and place >= 0 else ""
        raise BadCondition(f"The condition could not be read near '{near}'.") from exc


def comparisons(node: Node) -> Iterable[Comparison]:
    """All comparisons of a condition."""
    if isinstance(node, Comparison):
        yield node
        return
    for part in node.parts:
        yield from comparisons(part)


def check(node: Node, names: Names) -> None:
    """BadCondition for a name or a value that this kind of record does not know."""
    for comparison in comparisons(node):
        if not names.knows(comparison.name):
            raise BadCondition(f"{comparison.name} is not a recognized name.")
        for value in comparison.values:
            names.check_value(comparison.name, value)


def test_of(node: Node) -> Test:
    """A function that tells whether a record fits."""
    if isinstance(node, AllOf):
        parts = [test_of(part) for part in node.parts]
        if len(parts) == 2:
            one, other = parts
            return lambda row: one(row) and other(row)
        return lambda row: all(part(row) for part in parts)
    if isinstance(node, AnyOf):
        choices = [test_of(part) for part in node.parts]
        return lambda row: any(choice(row) for choice in choices)
    return _test_of_one(node)


def child_test_of(node: Node) -> Test:
    """The same for childConditions: a name's first part is a list, and one child that fits is enough."""
    if isinstance(node, Comparison):
        children, _, rest = node.name.partition("/")
        inner = _test_of_one(Comparison(rest, node.sign, node.values, node.negated))
        return lambda row: any(inner(child) for child in row.get(children) or ())
    parts = [child_test_of(part) for part in node.parts]
    if isinstance(node, AllOf):
        return lambda row: all(part(row) for part in parts)
    return lambda row: any(part(row) for part in parts)


_ALIASES = {name: f"_info/{name}" for name in ("lastUpdated", "dateEntered", "updatedBy", "enteredBy")}
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def value_at(row: Row, name: str) -> Any:
    """What a record has at `a/b`; a top-level `lastUpdated` means the one in `_info`."""
    if name in _ALIASES and name not in row:
        name = _ALIASES[name]
    value: Any = row
    for part in name.split("/"):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _test_of_one(comparison: Comparison) -> Test:
    name, wanted = comparison.name, comparison.values
    if comparison.sign in ("like", "contains"):
        pattern = _pattern(str(wanted[0]), whole=comparison.sign == "like")
        fits: Callable[[Any], bool] = lambda value: bool(pattern.search(str(value)))  # noqa: E731
    elif comparison.sign == "in":
        known = {_plain(one) for one in wanted}
        fits = lambda value: _plain(value) in known  # noqa: E731
    elif wanted[0] is NULL:
        is_null = comparison.sign == "="
        return lambda row: (value_at(row, name) is None) == is_null
    elif isinstance(wanted[0], bool) and comparison.sign == "=":
        value_of, truth = getter(name), wanted[0]
        return lambda row: value_of(row) is truth  # most often asked of whole tables, so the shortest way
    else:
        sign = _SIGNS[comparison.sign]
        fits = lambda value: _compared(sign, value, wanted[0])  # noqa: E731
    return _on_value(name, fits, negated=comparison.negated)


def getter(name: str) -> Callable[[Row], Any]:
    """`value_at` for one name, quick where a whole table is looked at."""
    if name in _ALIASES:
        return lambda row: value_at(row, name)
    first, _, rest = name.partition("/")
    if not rest:
        return lambda row: row.get(first)
    if "/" in rest:
        return lambda row: value_at(row, name)
    return lambda row: (row.get(first) or {}).get(rest)


def _on_value(name: str, fits: Callable[[Any], bool], *, negated: bool) -> Test:
    value_of = getter(name)

    def test(row: Row) -> bool:
        value = value_of(row)
        # As in SQL, what is not there neither fits nor fails to fit.
        return value is not None and fits(value) != negated

    return test


def _compared(sign: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Stamp):
        return sign(str(value).removesuffix("Z"), wanted.text)
    if isinstance(wanted, str):
        return sign(str(value).casefold(), wanted.casefold())
    if isinstance(value, str):
        return sign(value.casefold(), f"{wanted:g}" if isinstance(wanted, float) else str(wanted).casefold())
    return sign(value, wanted)


def _plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _pattern(text: str, *, whole: bool) -> re.Pattern[str]:
    """`*` and, for like, `%` stand for anything; a bracket is written `[[]`."""
    pieces = re.split(r"(\[\[\]|[*%])" if whole else r"(\[\[\]|\*)", text)
    meant = {"*": ".*", "%": ".*", "[[]": re.escape("[")}
    written = "".join(meant.get(piece, re.escape(piece)) for piece in pieces)
    return re.compile(rf"\A{written}\Z" if whole else written, re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Bounds:
    """What every fitting row must lie between; found in the parts that all must fit."""

    low_id: int = 0
    high_id: int | None = None
    low_stamp: str = ""
    high_stamp: str = ""
    say_all: bool = False  # the condition asks for nothing else than these bounds


def bounds_of(node: Node | None) -> Bounds:
    """The bounds that a condition sets to id and lastUpdated, so that not every row must be looked at."""
    parts = node.parts if isinstance(node, AllOf) else (node,)
    ids: list[tuple[str, int]] = []
    stamps: list[tuple[str, str]] = []
    for part in parts:
        if not isinstance(part, Comparison) or part.negated or len(part.values) != 1:
            continue
        value = part.values[0]
        if part.name == "id" and isinstance(value, float) and value.is_integer():
            ids.append((part.sign, int(value)))
        elif part.name in ("lastUpdated", "_info/lastUpdated") and isinstance(value, Stamp):
            stamps.append((part.sign, value.text))
    # Bounds of stamps are a little wide on purpose (≥ for >, whole seconds): the test itself decides at the edge.
    return Bounds(
        low_id=max([n + (sign == ">") for sign, n in ids if sign in (">", ">=", "=")], default=0),
        high_id=min([n - (sign == "<") for sign, n in ids if sign in ("<", "<=", "=")], default=None),
        low_stamp=max([text[:19] for sign, text in stamps if sign in (">", ">=", "=")], default=""),
        high_stamp=min([text[:19] + "Z" for sign, text in stamps if sign in ("<", "<=", "=")], default=""),
        say_all=(len(ids) == len(parts) and all(sign != "!=" for sign, _ in ids))
        or (len(stamps) == len(parts) and all(sign in (">=", "=") and len(text) == 19 for sign, text in stamps)),
    )

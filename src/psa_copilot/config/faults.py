"""Says in one line what pydantic has against a value, and what to write instead."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Union

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from psa_copilot.config.document import Where

_SHOULD_BE = {
    "int": "should be a whole number",
    "float": "should be a number",
    "bool": "should be true or false",
    "string": "should be text; put it in quotes",
    "list": "should be a list; put it in [brackets]",
    "tuple": "should be a list; put it in [brackets]",
    "set": "should be a list; put it in [brackets]",
    "frozen": "should be a list; put it in [brackets]",
    "dict": "should hold keys of its own; write key: value under it",
    "model": "should hold keys of its own; write key: value under it",
    "datetime": "should be a day or a moment; write 2026-11-01 or 2026-11-01T08:00:00Z",
}
_LIMITS = {
    "greater_than_equal": ("ge", "or more"),
    "less_than_equal": ("le", "or less"),
}


def near(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` when something known is like it."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def mentions(annotation: Any, wanted: type) -> bool:
    """Whether a type is, or holds, the wanted one."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return issubclass(annotation, wanted)
    return any(mentions(inner, wanted) for inner in typing.get_args(annotation))


def place_of(error: ErrorDetails) -> Where:
    """The place in the file that an error is about."""
    return tuple(part for part in error["loc"] if part != "[key]")


def explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong and how to mend it, in one line. Quotes no value but one that should have been a known word."""
    kind, where = error["type"], place_of(error)
    field = _field_at(model, where)
    if kind == "extra_forbidden":
        return _unknown(str(where[-1]), _model_at(model, where[:-1]))
    if kind == "missing":
        return _missing(str(where[-1]), field)
    if kind in ("literal_error", "enum"):
        return _no_choice(error)
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if error["input"] is None:
        return "is empty; write a value, or leave the key out"
    return _wrong_kind(error) + _example(field)


def _unknown(name: str, model: type[BaseModel] | None) -> str:
    return unknown(name, settings_of(model) if model else ())


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say about a key that nobody knows."""
    known = list(known)
    return "unknown setting" + (near(name, known) or f"; known: {', '.join(known)}")


def settings_of(model: type[BaseModel]) -> Iterable[str]:
    """The keys that a section knows; each secret may also come from a file."""
    for name, field in model.model_fields.items():
        yield name
        if mentions(field.annotation, SecretStr):
            yield f"{name}_file"


def _missing(name: str, field: FieldInfo | None) -> str:
    what = f"missing; add it: {field.description}" if field and field.description else "missing; add it"
    secret = field is not None and mentions(field.annotation, SecretStr)
    return f"{what} (or {name}_file)" if secret else what


def _no_choice(error: ErrorDetails) -> str:
    choices = str(error["ctx"]["expected"])
    words = choices.replace(" or ", ", ").replace("'", "").split(", ")
    return f"{str(error['input'])!r} is none of {', '.join(words)}{near(str(error['input']), words)}"


def _wrong_kind(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _LIMITS:
        key, which = _LIMITS[kind]
        return f"should be {error['ctx'][key]} {which}"
    if kind.endswith(("_type", "_parsing", "_from_float")):
        return _SHOULD_BE.get(kind.split("_")[0], "is of another kind than it should be")
    said = error["msg"]
    return said[said.find("should") :] if "should" in said else said[:1].lower() + said[1:]


def _example(field: FieldInfo | None) -> str:
    default = field.default if field else None
    shown = isinstance(default, int | float) and not isinstance(default, bool)
    return f"; for example {default}" if shown else ""


def _field_at(model: type[BaseModel], where: Where) -> FieldInfo | None:
    inner = _model_at(model, where[:-1])
    return inner.model_fields.get(str(where[-1])) if inner and where else None


def _model_at(model: Any, where: Where) -> type[BaseModel] | None:
    for part in where:
        model = _below(model, part)
    found = _unwrapped(model)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _below(annotation: Any, part: str | int) -> Any:
    inner = _unwrapped(annotation)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        field = inner.model_fields.get(str(part))
        return field.annotation if field else None
    return (typing.get_args(inner) or (None,))[-1]


def _unwrapped(annotation: Any) -> Any:
    """`X` of `Annotated[X, …]` and of `X | None`."""
    origin = typing.get_origin(annotation)
    if origin is Annotated or origin in (Union, types.UnionType):
        return _unwrapped(typing.get_args(annotation)[0])
    return annotation


def is_moment(field: FieldInfo) -> bool:
    """Whether a setting is a point in time."""
    return mentions(field.annotation, datetime) and not mentions(field.annotation, timedelta)

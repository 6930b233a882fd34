"""Typed answers: the schema that a model is shown, its words as JSON, and what was wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)

_SPOKEN = frozenset({"description", "enum", "const", "examples"})
"""Where a schema holds words rather than structure."""

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
MOST_TRIES = 200
MOST_FAULTS = 8


class NotTyped(Exception):
    """An answer that is not of its type; the words say what is wrong, and quote nothing of it."""


def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The type as strict servers want it: every object closed, every property required."""
    closed = _closed(answer.model_json_schema())
    return closed if isinstance(closed, dict) else {}


def _closed(schema: object) -> object:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items() if key not in ("default", "title")}
    if isinstance(schema.get("properties"), dict):
        # A field may well be called "title" or "default".
        closed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        closed |= {"additionalProperties": False, "required": list(schema["properties"])}
    return closed


def spoken(schema: Any, change: Callable[[str], str]) -> Any:
    """The schema with its words changed, for example hidden; its structure stays."""
    if isinstance(schema, list):
        return [spoken(each, change) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: strings(value, change) if key in _SPOKEN and not isinstance(value, dict) else spoken(value, change)
        for key, value in schema.items()
    }


def strings(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every string in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [strings(each, change) for each in value]
    if isinstance(value, dict):
        return {key: strings(each, change) for key, each in value.items()}
    return value


def json_in(text: str) -> dict[str, Any]:
    """The JSON object in a model's words, whatever stands around it; the largest one where there are several."""
    text = _THINKING.sub("", text)
    for form in (text, _TRAILING_COMMA.sub(r"\1", text)):
        if found := max(_objects(form), key=lambda one: one[0], default=None):
            return found[1]
    raise NotTyped("the answer is not one JSON object")


def _objects(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    decoder, place = json.JSONDecoder(strict=False), text.find("{")
    for _ in range(MOST_TRIES):
        if place < 0:
            return
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield end - place, value
        place = text.find("{", end)


def typed(value: dict[str, Any], answer: type[T]) -> T:
    """The value as its type; NotTyped tells what is wrong with which field."""
    try:
        return answer.model_validate(value)
    except ValidationError as error:
        inner = next(iter(value.values())) if len(value) == 1 else None
        if isinstance(inner, dict) and not set(value) & set(answer.model_fields):
            return typed(inner, answer)
        faults = _faults(error)
    raise NotTyped(faults)


def _faults(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_FAULTS]
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'answer'}: {each['msg']}" for each in details)

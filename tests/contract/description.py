"""A vendor's description of an API, Swagger 2 or OpenAPI 3, read for openapi-schema-validator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

Json = Any
HERE = "urn:description"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """What the description says about one method at one path, Swagger 2 and OpenAPI 3 alike."""

    method: str
    template: str
    parameters: tuple[Mapping[str, Json], ...] = ()
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Pointers to the schema of each media type that a request may have."""
    body_required: bool = False
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The same by status, or `default`, for answers."""

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.method} {self.template}"

    def record(self) -> str:
        """The pointer to what a good answer holds; empty where it holds nothing."""
        good = (media for status, media in sorted(self.answers.items()) if status.startswith("2"))
        return next((pointer for media in good for pointer in media.values()), "")


class Description:
    """A vendor's description, read once; each validator is made once too."""

    def __init__(self, file: Path, *, root: str, more: Mapping[str, Json] | None = None) -> None:
        """`root` matches what stands before the description's paths; `more` are paths that it lacks."""
        document = json.loads(file.read_text(encoding="utf-8"))
        document["paths"] |= more or {}
        self.name = file.name
        self.document = _closed(document)
        self._root = re.compile(root)
        self._validators: dict[str, OAS30Validator] = {}

    @cached_property
    def operations(self) -> list[Operation]:
        """All operations; those with the fewest variables in their path first, so that `/count` is no `/{id}`."""
        paths = self.document["paths"]
        found = [
            _operation(self.document, path, method) for path in paths for method in METHODS if method in paths[path]
        ]
        return sorted(found, key=lambda operation: operation.template.count("{"))

    @cached_property
    def _by_shape(self) -> dict[tuple[str, int], list[tuple[str, Operation]]]:
        shapes: dict[tuple[str, int], list[tuple[str, Operation]]] = {}
        for operation in self.operations:
            key = operation.method, operation.template.count("/")
            shapes.setdefault(key, []).append((_pattern(operation.template), operation))
        return shapes

    def find(self, method: str, path: str, *, any_case: bool = False) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request asks for, with the variables of its path."""
        inner, flags = self._root.sub("", path, count=1), re.IGNORECASE if any_case else 0
        for pattern, operation in self._by_shape.get((method, inner.count("/")), ()):
            if match := re.fullmatch(pattern, inner, flags):
                names = re.findall(r"\{(\w+)\}", operation.template)
                return operation, dict(zip(names, map(unquote, match.groups()), strict=True))
        return None

    def resolve(self, pointer: str) -> Json:
        """What stands at a pointer, references followed."""
        return _followed(self.document, _at(self.document, pointer))

    def errors(self, pointer: str, value: Json) -> Iterator[tuple[str, str, str, Json]]:
        """What is wrong with a value by the schema at a pointer: where, which rule, in words, and the value there."""
        for error in self._validator(pointer).iter_errors(value):
            for one in _closest(error):
                where = "/".join(str(part) for part in one.absolute_path)
                yield where, str(one.validator), one.message[:200], one.instance

    def _validator(self, pointer: str) -> OAS30Validator:
        if pointer not in self._validators:
            schema = {"$ref": f"{HERE}#{_place(self.document, pointer)}"}
            self._validators[pointer] = OAS30Validator(
                schema, registry=self._registry, format_checker=oas30_format_checker
            )
        return self._validators[pointer]

    @cached_property
    def _registry(self) -> Registry[Json]:
        resource: Resource[Json] = DRAFT4.create_resource(_anchored(self.document))
        empty: Registry[Json] = Registry()
        filled: Registry[Json] = empty.with_resource(HERE, resource)
        return filled


def _closest(error: Any) -> Iterator[Any]:
    """What fits none of several schemas is wrong in the words of the one that it comes closest to."""
    if error.validator != "anyOf":
        yield error
        return
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    shaped = [errors for errors in branches.values() if not any(_is_of_another_kind(one) for one in errors)]
    if not shaped:
        yield error
        return
    for inner in min(shaped, key=len):
        yield from _closest(inner)


def _is_of_another_kind(error: Any) -> bool:
    return error.validator in ("type", "required") and not error.relative_path


def _pattern(template: str) -> str:
    return "([^/]+)".join(re.escape(part) for part in re.split(r"\{\w+\}", template))


def _closed(node: Json) -> Json:
    """A description whose records hold what it names and nothing else, so that a made-up field is seen."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    if isinstance(node.get("enum"), list) and node.get("nullable"):
        closed["enum"] = [*node["enum"], None]
    return closed


def _anchored(node: Json) -> Json:
    """The same with references that say which document they mean."""
    if isinstance(node, list):
        return [_anchored(one) for one in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        return {"$ref": f"{HERE}{reference}"}
    return {name: _anchored(value) for name, value in node.items()}


def _at(document: Json, pointer: str) -> Json:
    """What stands at a pointer, which may lead over references."""
    node = document
    for part in pointer.split("/")[1:]:
        node = _followed(document, node)
        node = node[int(part)] if isinstance(node, list) else node[_unescaped(part)]
    return node


def _place(document: Json, pointer: str) -> str:
    """Where the thing at a pointer really stands, without a reference on the way."""
    place, node = "", document
    for part in pointer.split("/")[1:]:
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            place = node["$ref"].removeprefix("#")
            node = _at(document, place)
        place, node = f"{place}/{part}", node[int(part)] if isinstance(node, list) else node[_unescaped(part)]
    return place


def _followed(document: Json, node: Json) -> Json:
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        node = _at(document, node["$ref"].removeprefix("#"))
    return node


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


def _operation(document: Json, path: str, method: str) -> Operation:
    """One operation of either kind of description."""
    at = f"/paths/{_escaped(path)}/{method}"
    told = document["paths"][path][method]
    parameters = list(_parameters(document, f"/paths/{_escaped(path)}", document["paths"][path]))
    parameters += _parameters(document, at, told)
    answers = {
        status: _media(document, f"{at}/responses/{status}", answer) for status, answer in told["responses"].items()
    }
    bodies, required = _body(document, at, told, parameters)
    plain = tuple(one for one in parameters if one["in"] in ("path", "query", "header"))
    return Operation(method.upper(), path, plain, bodies, required, answers)


def _parameters(document: Json, at: str, holder: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    for number, written in enumerate(holder.get("parameters", ())):
        parameter, pointer = _followed(document, written), f"{at}/parameters/{number}"
        if "$ref" in written:
            pointer = written["$ref"].removeprefix("#")
        # Swagger 2 writes the type beside the name, OpenAPI 3 in a schema of its own.
        schema = f"{pointer}/schema" if "schema" in parameter else pointer
        inside = _followed(document, _at(document, schema)).get("properties", {})
        if parameter["in"] == "query" and inside:  # by default each property of an object is a parameter
            yield from ({"name": name, "in": "query", "schema": f"{schema}/properties/{name}"} for name in inside)
        else:
            yield {**parameter, "schema": schema}


def _body(
    document: Json, at: str, told: Mapping[str, Json], parameters: Iterable[Mapping[str, Json]]
) -> tuple[Mapping[str, str], bool]:
    if "requestBody" in told:
        body = _followed(document, told["requestBody"])
        return _media(document, f"{at}/requestBody", told["requestBody"]), bool(body.get("required"))
    body = next((one for one in parameters if one["in"] == "body"), None)
    if body is None:
        return {}, False
    return {"application/json": body["schema"]}, bool(body.get("required"))


def _media(document: Json, at: str, holder: Mapping[str, Json]) -> dict[str, str]:
    """Pointers to the schemas of a body, by media type."""
    if "$ref" in holder:
        at, holder = holder["$ref"].removeprefix("#"), _followed(document, holder)
    if "schema" in holder:  # Swagger 2
        return {"application/json": f"{at}/schema"}
    content = holder.get("content", {})
    return {kind: f"{at}/content/{_escaped(kind)}/schema" for kind, told in content.items() if "schema" in told}

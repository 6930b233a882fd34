"""A request to ConnectWise taken apart, and the answers it can get."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from psa_copilot.sandbox import Answer, Request
from psa_copilot_connectors.connectwise.sandbox.query import FORWARD_ONLY, Question


@dataclass(frozen=True)
class Login:
    """Who uses the API."""

    key: str
    private: str
    identifier: str


class Failed(Exception):
    """A request that ends with an error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = answer(status, {"code": code, "message": message, "errors": None})


@dataclass(frozen=True)
class Asked:
    """One authenticated request."""

    request: Request
    login: Login
    numbers: tuple[int, ...]  # the ids in its path
    name: str  # the last part of its path

    @property
    def by(self) -> str:
        """The member whose login it is."""
        return self.login.identifier

    @property
    def number(self) -> int:
        """The last id in the path."""
        return self.numbers[-1]

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        given = self._json()
        if not isinstance(given, dict):
            raise Failed(400, "InvalidObject", "The request body must be an object.")
        return given

    def operations(self) -> list[dict[str, Any]]:
        """The operations of a PATCH."""
        given = self._json()
        if not isinstance(given, list) or not all(isinstance(op, dict) and "path" in op for op in given):
            raise Failed(400, "InvalidObject", "The request body must be an array of operations with op and path.")
        return given

    def question(self) -> Question:
        """What a list is asked for."""
        forward = self.request.headers.get("pagination-type", "").lower() == FORWARD_ONLY
        return Question(dict(parse_qsl(self.request.query, keep_blank_values=True)), forward)

    def _json(self) -> Any:
        try:
            return json.loads(self.request.body)
        except ValueError:
            raise Failed(400, "InvalidObject", "The request body is not valid JSON.") from None


def answer(status: int, content: object, *headers: tuple[str, str]) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(content, ensure_ascii=False).encode(), headers)


DELETED = Answer(204)


def credentials(request: Request) -> tuple[str, str, str]:
    """Company, public key and private key, as far as a request names them."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", "", ""
    try:
        login, _, private = base64.b64decode(coded).decode().partition(":")
    except ValueError:
        return "", "", ""
    company, plus, key = login.partition("+")
    return (company, key, private) if plus else ("", login, private)

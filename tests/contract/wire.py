"""Holds what a connector and its sandbox say to each other against the vendor's own description of the API.

A `Wire` listens on the line of real HTTP sandboxes; `judge` has openapi-schema-validator look at every request and
every answer that it heard. Where the PSA is known to differ from its description, a `Deviation` says so by name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from psa_copilot.sandbox.control import PREFIX
from psa_copilot.sandbox.door import Receive, Scope, Send
from psa_copilot.sandbox.house import House
from tests.contract.description import Description, Json, Operation
from tests.contract.tally import Tally

UNDESCRIBED = "what nobody describes"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Exchange:
    """One request as it went over the wire, and the answer to it; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    sent: bytes = b""
    status: int = 0
    """0 where the connection was cut."""
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""

    @property
    def asked(self) -> dict[str, str]:
        """The parameters in the query."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Fault:
    """Something on the wire that the description does not allow."""

    side: str
    """`request` or `answer`."""
    endpoint: str
    where: str
    """For example `body/0/status/id`, `query/pageSize`, or `status`."""
    rule: str
    """The rule that is broken, as JSON Schema calls it; `known` for a thing that is not described at all."""
    says: str
    value: Json = None

    def __str__(self) -> str:
        return f"{self.side} of {self.endpoint}, {self.where}: {self.says}"


@dataclass(frozen=True)
class Deviation:
    """A difference between description and PSA that the page of notes knows of."""

    name: str
    because: str
    """The page's own words; a test looks them up there."""
    excuses: Callable[[Fault, Exchange], bool]


MoreRules = Callable[[Description, Operation, Exchange], Iterable[Fault]]


class Wire:
    """Listens between clients and sandboxes."""

    def __init__(
        self,
        description: Description,
        deviations: Iterable[Deviation] = (),
        more_rules: Iterable[MoreRules] = (),
        *,
        strangers: bool = False,
    ) -> None:
        """Strangers may ask whatever they like; only what they are answered is judged."""
        self.tally = Tally()
        self._description = description
        self._deviations = tuple(deviations)
        self._more_rules = tuple(more_rules)
        self._strangers = strangers
        self._heard: list[Exchange] = []
        self._lock = threading.Lock()

    def tapped(self, house: type[House]) -> type[House]:
        """A house of which this wire hears every request and every answer."""
        hear = self._hear

        class Tapped(house):  # type: ignore[misc, valid-type]  # a class handed in
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                if scope["path"].startswith(PREFIX):
                    await super().__call__(scope, receive, send)
                    return
                line = _Line(scope, receive, send, hear)
                try:
                    await super().__call__(scope, line.receive, line.send)
                finally:
                    line.hang_up()

        return Tapped

    def judge(self) -> list[Fault]:
        """All faults in what was heard since the last time."""
        with self._lock:
            heard, self._heard = self._heard, []
        return [fault for exchange in heard for fault in self._left(self._faults(exchange), exchange)]

    def _hear(self, exchange: Exchange) -> None:
        with self._lock:
            self._heard.append(exchange)
            self.tally.heard["requests"] += not self._strangers
            self.tally.heard["answers"] += exchange.status > 0

    def _faults(self, exchange: Exchange) -> Iterator[Fault]:
        operation, variables = self._described(exchange)
        if not self._strangers:
            yield from self._faults_of_request(operation, variables, exchange)
            self.tally.requests[operation.name] += 1
        if exchange.status:
            yield from self._faults_of_answer(operation, exchange)
            self.tally.answers[operation.name] += 1

    def _described(self, exchange: Exchange) -> tuple[Operation, dict[str, str]]:
        if not self._strangers:
            found = self._description.find(exchange.method, exchange.path)
            return found or (Operation(exchange.method, exchange.path), {})
        # A server is not that particular about how a path is written; a connector should be.
        found = self._description.find(exchange.method, exchange.path.rstrip("/"), any_case=True)
        return found or (Operation(exchange.method, UNDESCRIBED), {})

    def _left(self, faults: Iterable[Fault], exchange: Exchange) -> Iterator[Fault]:
        """The faults that no deviation excuses."""
        for fault in faults:
            known = next((one for one in self._deviations if one.excuses(fault, exchange)), None)
            if known is None:
                yield fault
            else:
                self.tally.deviations[known.name] += 1

    def _faults_of_request(
        self, operation: Operation, variables: Mapping[str, str], exchange: Exchange
    ) -> Iterator[Fault]:
        if not operation.answers:
            yield Fault("request", operation.name, "path", "known", "there is no such endpoint")
            return
        given = {"path": variables, "query": exchange.asked, "header": exchange.headers}
        for parameter in operation.parameters:
            yield from self._faults_of_parameter(operation, parameter, given)
        described = {one["name"] for one in operation.parameters if one["in"] == "query"}
        for name in exchange.asked.keys() - described:
            yield Fault("request", operation.name, f"query/{name}", "known", "there is no such parameter")
        yield from self._faults_of_body("request", operation.name, operation.bodies, exchange.headers, exchange.sent)
        if operation.body_required and not exchange.sent:
            yield Fault("request", operation.name, "body", "required", "it has none")
        for rule in self._more_rules:
            yield from rule(self._description, operation, exchange)

    def _faults_of_parameter(
        self, operation: Operation, parameter: Mapping[str, Json], given: Mapping[str, Mapping[str, str]]
    ) -> Iterator[Fault]:
        place, name = parameter["in"], parameter["name"]
        text = given[place].get(name.casefold() if place == "header" else name)
        where = f"{place}/{name}"
        if text is None:
            if parameter.get("required"):
                yield Fault("request", operation.name, where, "required", "it is missing")
            return
        value = _read(text, self._description.resolve(parameter["schema"]))
        for _, rule, says, wrong in self._description.errors(parameter["schema"], value):
            yield Fault("request", operation.name, where, rule, says, wrong)

    def _faults_of_answer(self, operation: Operation, exchange: Exchange) -> Iterator[Fault]:
        if not operation.answers:
            if exchange.status < 400:
                says = f"an endpoint that is not described answered {exchange.status} at {exchange.path}"
                yield Fault("answer", operation.name, "status", "known", says)
            return
        status = str(exchange.status)
        media = operation.answers.get(status)
        if media is None and exchange.status >= 400:
            media = operation.answers.get("default")
        if media is None:
            yield Fault("answer", operation.name, "status", "known", f"{status} is not described", exchange.status)
            return
        yield from self._faults_of_body("answer", operation.name, media, exchange.answer_headers, exchange.answer)

    def _faults_of_body(
        self, side: str, endpoint: str, media: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Iterator[Fault]:
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if not body and (not media or side == "request"):
            return
        if kind not in media:
            says = f"{kind or 'a body without a media type'} is not described; there is {', '.join(media) or 'none'}"
            yield Fault(side, endpoint, "body", "media", says, body[:200].decode(errors="replace"))
            return
        try:
            value = _value(kind, body)
        except ValueError as exc:
            yield Fault(side, endpoint, "body", "json", str(exc))
            return
        for where, rule, says, wrong in self._description.errors(media[kind], value):
            yield Fault(side, endpoint, f"body/{where}".rstrip("/"), rule, says, wrong)


class _Line:
    """One client's line, with somebody listening."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, hear: Callable[[Exchange], None]) -> None:
        query = scope["query_string"].decode("latin-1")
        self.exchange = Exchange(scope["method"], scope["path"], query, _headers(scope["headers"]))
        self._receive, self._send, self._hear = receive, send, hear
        self._told = False

    def hang_up(self) -> None:
        """Tell what was heard, if nobody knows yet: the line was cut."""
        if not self._told:
            self._told = True
            self._hear(self.exchange)

    async def receive(self) -> dict[str, Json]:
        message: dict[str, Json] = await self._receive()
        self.exchange.sent += message.get("body", b"")
        return message

    async def send(self, message: dict[str, Json]) -> None:
        if message["type"] == "http.response.start":
            self.exchange.status = message["status"]
            self.exchange.answer_headers = _headers(message["headers"])
        else:
            self.exchange.answer += message.get("body", b"")
            if not message.get("more_body"):
                self.hang_up()  # before the client has it, who may ask at once what was heard
        await self._send(message)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").casefold(): value.decode("latin-1") for name, value in pairs}


def _value(kind: str, body: bytes) -> Json:
    """A body as the JSON value that its schema speaks of; ValueError where it is none."""
    if kind == FORM:
        return dict(parse_qsl(body.decode()))
    return json.loads(body) if kind.endswith("json") else body.decode("latin-1")


def _read(text: str, schema: Mapping[str, Json]) -> Json:
    """A parameter's text as the JSON value that its schema speaks of; the text where it is none."""
    match schema.get("type"):
        case "integer" | "number":
            try:
                return json.loads(text)
            except ValueError:
                return text
        case "boolean":
            return {"true": True, "false": False}.get(text.casefold(), text)
        case "array":
            return text.split(",")
        case _:
            return text

"""A scripted model behind real HTTP, speaking the chat API that most servers speak.

    with model_server(script="429,bad_json,right") as model:
        LlmSettings(model="openai/scripted", api_base=model.url, ...)

    python -m psa_copilot.testing.model_server --port 8123 --dialect plain --script obedient

Each request takes the next step of the script; the last step stays. Steps: `right` (a given answer, else one made to
fit the schema out of the ticket's own sentences), `uncounted` (the same without a count of tokens), `bad_json`, `wrong`
(JSON of another type), `obedient` (does what the ticket tells it to), `empty`, `429`, `500` or any other status, `slow`
or `slow:SECONDS`. Two dialects: `schema` honors a JSON schema, `plain` answers 400 to one. `GET /_model/log` lists the
requests, `POST /_model/script {"script": …}` starts another script, `POST /_model/answers [{"when": words, "answer":
{…}}]` gives answers for tickets that hold those words.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

Dialect = Literal["schema", "plain"]

SLOW = 30.0
"""Seconds that a slow answer takes, unless the server is closed before."""
_STATUS = re.compile(r"[1-5]\d\d")
_SENTENCE = re.compile(r"[^.!?\n]{12,}[.!?]?")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|instead|override|system|assistant|you (?:must|should|will|are)|answer|reply|respond|"
    r"write|say|include|add|output|print|set|close|assign|mark|escalate|forward|send|visit|click|call|tell)\b",
    re.IGNORECASE,
)


@dataclass
class Seen:
    """One request as it came in, and what was done about it."""

    n: int
    path: str
    headers: dict[str, str]
    body: str
    did: str = ""
    status: int = 0

    @property
    def json(self) -> dict[str, Any]:
        """The body, read."""
        value = json.loads(self.body)
        return value if isinstance(value, dict) else {}


@dataclass
class ScriptedModel:
    """What the server will do, and what it has seen."""

    dialect: Dialect = "schema"
    script: Sequence[str] = ("right",)
    key: str = ""
    """The only key that is let in; empty: any."""
    url: str = ""
    log: list[Seen] = field(default_factory=list)
    _given: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _step: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def plays(self, script: str) -> None:
        """Start another script."""
        with self._lock:
            self.script, self._step = _steps(script), 0

    def answers(self, answer: BaseModel | Mapping[str, Any], when: str = "") -> None:
        """Give this answer to requests that hold the words `when`; the one given last goes first."""
        value = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else dict(answer)
        with self._lock:
            self._given.insert(0, (when.casefold(), value))

    def seen(self, path: str, headers: Mapping[str, str], body: str) -> Seen:
        """Take a request down."""
        with self._lock:
            one = Seen(len(self.log) + 1, path, {key.lower(): value for key, value in headers.items()}, body)
            self.log.append(one)
            return one

    def next_step(self) -> str:
        """What to do with the request that came in."""
        with self._lock:
            step = self.script[min(self._step, len(self.script) - 1)]
            self._step += 1
            return step

    def given_for(self, text: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer that was given for such a ticket and such a type."""
        fields = set(schema.get("properties", {}))
        with self._lock:
            fitting = (one for when, one in self._given if when in text.casefold() and set(one) <= fields)
            return next(fitting, None)


@contextmanager
def model_server(
    dialect: Dialect = "schema", script: str = "right", *, key: str = "", port: int = 0
) -> Iterator[ScriptedModel]:
    """A scripted model on loopback until the block ends; `url` is what a config's `api_base` wants."""
    model = ScriptedModel(dialect, _steps(script), key)
    server = _Server(model, port)
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _steps(script: str) -> list[str]:
    steps = [step.strip() for step in script.split(",") if step.strip()]
    unknown = [step for step in steps if step.partition(":")[0] not in _STEPS and not _STATUS.fullmatch(step)]
    if unknown or not steps:
        raise ValueError(
            f"no step of a script: {', '.join(unknown) or 'nothing'}; there are {', '.join(_STEPS)}, 429, 500"
        )
    return steps


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, model: ScriptedModel, port: int) -> None:
        self.model = model
        super().__init__(("127.0.0.1", port), _Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, as after its time-out, is no news."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        model = self.server.model
        if self.path == "/_model/log":
            self._send(200, [vars(one) for one in model.log])
        elif self.path.rstrip("/").endswith("/models"):
            self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
        else:
            self._send(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if self.path.startswith("/_model/"):
            self._control(json.loads(body))
        elif self.path.endswith("/chat/completions"):
            self._chat(self.server.model.seen(self.path, dict(self.headers.items()), body))
        else:
            self._send(404, {"error": {"message": "no such page"}})

    def _control(self, told: Any) -> None:
        model = self.server.model
        if self.path == "/_model/script":
            model.plays(str(told["script"]))
        else:
            for one in reversed(told):
                model.answers(one["answer"], str(one.get("when", "")))
        self._send(200, {})

    def _chat(self, seen: Seen) -> None:
        model = self.server.model
        if model.key and seen.headers.get("authorization") != f"Bearer {model.key}":
            self._end(seen, "locked out", 401, _error("Incorrect API key provided"))
        elif model.dialect == "plain" and _wants_schema(seen.json):
            self._end(seen, "no schema", 400, _error("response_format of type json_schema is not supported"))
        else:
            self._play(seen, model.next_step())

    def _play(self, seen: Seen, step: str) -> None:
        if _STATUS.fullmatch(step):
            self._end(seen, step, int(step), _error(f"scripted {step}"))
            return
        name, _, seconds = step.partition(":")
        if name == "slow":
            self.server.model.closing.wait(float(seconds or SLOW))
            name = "right"
        answer = _completion(seen.json, _STEPS[name](self.server.model, seen.json))
        if name == "uncounted":
            del answer["usage"]
        self._end(seen, step, 200, answer)

    def _end(self, seen: Seen, did: str, status: int, body: Any) -> None:
        seen.did, seen.status = did, status
        self._send(status, body)

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if status == 429:
            self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """The log is kept for whoever asks; nothing is printed."""


def _error(words: str) -> dict[str, Any]:
    return {"error": {"message": words, "type": "invalid_request_error", "code": None}}


def _completion(request: Mapping[str, Any], said: str) -> dict[str, Any]:
    asked = sum(len(str(message["content"])) for message in request["messages"]) // 4
    usage = {"prompt_tokens": asked, "completion_tokens": max(1, len(said) // 4)}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", "scripted"),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


# --- what it says


def _wants_schema(request: Mapping[str, Any]) -> bool:
    return (request.get("response_format") or {}).get("type") == "json_schema"


def _schema(request: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that was asked for, as a format or in plain words."""
    if _wants_schema(request):
        schema = request["response_format"]["json_schema"]["schema"]
        return dict(schema)
    told = str(request["messages"][0]["content"])
    place = told.rfind("schema:\n{")
    if place < 0:
        return {"type": "object", "properties": {}}
    return dict(json.JSONDecoder().raw_decode(told, place + len("schema:\n"))[0])


def ticket_in(request: Mapping[str, Any]) -> str:
    """The material of a request: the first user's message without its boundary lines."""
    said = next(str(message["content"]) for message in request["messages"] if message["role"] == "user")
    return "\n".join(line for line in said.split("\n") if not re.fullmatch(r"=== \w+ ===", line))


def _right(model: ScriptedModel, request: Mapping[str, Any]) -> str:
    schema, ticket = _schema(request), ticket_in(request)
    given = model.given_for(ticket, schema)
    return json.dumps(given if given is not None else _Fitting(schema, _sentences(ticket)).value(schema))


def _bad_json(model: ScriptedModel, request: Mapping[str, Any]) -> str:
    return "Sure! Here is the summary you asked for: {state: waiting, next"


def _wrong(model: ScriptedModel, request: Mapping[str, Any]) -> str:
    return json.dumps({"unexpected": ["of", "another", "type"]})


def _empty(model: ScriptedModel, request: Mapping[str, Any]) -> str:
    return ""


def _obedient(model: ScriptedModel, request: Mapping[str, Any]) -> str:
    """All strings say what the ticket's orders say; of several choices it takes the one that they name."""
    orders = [sentence for sentence in _sentences(ticket_in(request), whole=True) if _ORDER.search(sentence)]
    schema = _schema(request)
    return json.dumps(_Fitting(schema, [" ".join(orders)] if orders else _sentences(ticket_in(request))).value(schema))


_STEPS = {
    "right": _right,
    "bad_json": _bad_json,
    "wrong": _wrong,
    "empty": _empty,
    "obedient": _obedient,
    "slow": _right,
    "uncounted": _right,
}


def _sentences(ticket: str, *, whole: bool = False) -> list[str]:
    if whole:  # a link has full stops too
        return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n", ticket) if part.strip()]
    return [match[0].strip() for match in _SENTENCE.finditer(ticket)]


class _Fitting:
    """A value that fits a schema, its strings taken one after another from sentences."""

    def __init__(self, schema: Mapping[str, Any], sentences: Sequence[str]) -> None:
        self._definitions = schema.get("$defs", {})
        self._sentences, self._said = list(sentences) or ["not stated"], 0

    def value(self, schema: Mapping[str, Any]) -> Any:
        """The value."""
        if "$ref" in schema:
            return self.value(self._definitions[str(schema["$ref"]).rpartition("/")[2]])
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(schema[several][0])
        return self._of_type(schema)

    def _of_type(self, schema: Mapping[str, Any]) -> Any:
        match schema.get("type"):
            case "object":
                return {name: self.value(each) for name, each in schema.get("properties", {}).items()}
            case "array":
                items = schema.get("items") or {"type": "string"}
                return [self.value(items) for _ in range(max(1, int(schema.get("minItems", 1))))]
            case "integer" | "number":
                return _between(schema)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._string(schema)

    def _choice(self, choices: Sequence[Any]) -> Any:
        said = " ".join(self._sentences).casefold()
        return next((one for one in choices if str(one).casefold() in said), choices[0])

    def _string(self, schema: Mapping[str, Any]) -> str:
        sentence = self._sentences[self._said % len(self._sentences)]
        self._said += 1
        return sentence[: int(schema.get("maxLength", 300))].ljust(int(schema.get("minLength", 0)), ".")


def _between(schema: Mapping[str, Any]) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        middle = (low + high) / 2
        return int(middle) if schema.get("type") == "integer" else middle
    if low is not None:
        return int(low) + 1
    return int(high) - 1 if high is not None else 1


# --- a process of its own


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="model_server", description="A scripted model on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", choices=("schema", "plain"), default="schema")
    parser.add_argument("--script", default="right", help="steps, comma-separated; the last one stays")
    parser.add_argument("--answers", type=Path, help="JSON: a list of {when, answer}")
    options = parser.parse_args(argv)
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    try:
        with model_server(options.dialect, options.script, port=options.port) as model:
            for one in reversed(json.loads(options.answers.read_text()) if options.answers else []):
                model.answers(one["answer"], str(one.get("when", "")))
            sys.stdout.write(f"ready {model.url}\n")
            sys.stdout.flush()
            stopped.wait()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Scenarios: who is there, what is on the desk, and what people will do; the same for every PSA."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from psa_copilot.clock import duration
from psa_copilot.sandbox.directory import Directory
from psa_copilot.sandbox.records import AnyRecord, TimeLine
from psa_copilot.sandbox.strict import Span, Strict
from psa_copilot.sandbox.tickets import MessageLine, Moment, TicketLine

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DATE = re.compile(r"\{([+-]\d+[smhdw])(?::([^{}]*))?\}")


class AfterNote(Strict):
    """Waits for a note of an API account, where `contains` is given for one that has these words."""

    ticket: str
    contains: str = ""


class OnTouch(Strict):
    """Waits for an API account's nth request of one kind about a ticket."""

    ticket: str
    time: int = 1
    after: Span = timedelta(0)  # what comes sooner after the start is not counted


class Step(Strict):
    """Something that somebody does: so long after the beginning, or so long after what it waits for."""

    do: Literal["message", "edit_note", "set", "open", "record"]
    ticket: str | dict[str, Any] = ""
    at: Span | None = None
    after_note: AfterNote | None = None
    on_read: OnTouch | None = None  # the API has read the ticket: done before the answer is sent
    before_write: OnTouch | None = None  # the API's write has come and is not yet done
    delay: Span = timedelta(0)
    message: MessageLine | None = None
    record: AnyRecord | None = None
    text: str = ""
    field: str = ""
    to: str = ""
    by: str = ""


class Wave(Strict):
    """Many tickets of one kind, as an alert makes them; `{n}` in their texts counts on from `number`."""

    number: int = 1
    first: Moment
    every: Span
    times: int
    ticket: dict[str, Any]


class Scenario(Strict):
    """A desk at its start and what happens on it."""

    about: str
    starts: str = ""  # `monday 08:00` (the last one, UTC) or an ISO time; left out: now
    begins: Literal["start", "first_request"] = "start"  # what the steps' `at` is counted from
    directory: Directory | None = None  # left out: the one of every sandbox
    switches: dict[str, bool | float | str] = Field(default_factory=dict)
    tickets: list[TicketLine] = Field(default_factory=list)
    waves: list[Wave] = Field(default_factory=list)
    time_entries: list[TimeLine] = Field(default_factory=list)
    records: list[AnyRecord] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)


def scenario_names() -> list[str]:
    """The scenarios that are shipped."""
    shipped = files("psa_copilot.sandbox") / "scenarios"
    return sorted(entry.name.removesuffix(".json") for entry in shipped.iterdir() if entry.name != "directory.json")


def start_of(name: str, *, now: datetime) -> datetime:
    """When a scenario begins."""
    said = str(_read(name).get("starts") or "")
    day, _, clock = said.partition(" ")
    if day.lower() not in WEEKDAYS:
        return datetime.fromisoformat(said).astimezone(UTC) if said else now
    moment = datetime.combine(now.date(), time.fromisoformat(clock), UTC)
    moment -= timedelta(days=(moment.weekday() - WEEKDAYS.index(day.lower())) % 7)
    return moment if moment <= now else moment - timedelta(days=7)


def load_scenario(name: str, *, start: datetime) -> Scenario:
    """A scenario, shipped or from a `.json` file, its times counted from `start`; ValueError for an unknown name."""
    try:
        return Scenario.model_validate(_dated(_read(name), start), context={"start": start})
    except ValidationError as exc:
        raise ValueError(f"scenario {name}: {exc}") from exc


def load_directory() -> Directory:
    """The technicians and clients of every sandbox."""
    return Directory.model_validate(_shipped("directory"))


def _read(name: str) -> dict[str, Any]:
    if name.endswith(".json"):
        return _from_file(Path(name))
    if name not in scenario_names():
        raise ValueError(f"unknown scenario {name}; there are {', '.join(scenario_names())}, or name a .json file")
    return _shipped(name)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ValueError(f"scenario {path}: cannot be read: {exc}") from exc
    if not isinstance(given, dict):
        raise ValueError(f"scenario {path}: a scenario is a JSON object, {{...}}")
    return given


def _shipped(name: str) -> dict[str, Any]:
    content = (files("psa_copilot.sandbox") / "scenarios" / f"{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(content))


def _dated(given: Any, start: datetime) -> Any:
    """`{+5d}` and `{+5d:%d.%m.}` in texts are written as the date so long after the start."""
    if isinstance(given, str):
        return _DATE.sub(lambda match: _date(match, start), given)
    if isinstance(given, Mapping):
        return {key: _dated(value, start) for key, value in given.items()}
    return [_dated(value, start) for value in given] if isinstance(given, list) else given


def _date(match: re.Match[str], start: datetime) -> str:
    said, form = match.groups()
    moment = start + duration(said[1:]) * (-1 if said[0] == "-" else 1)
    return moment.strftime(form or "%A %d %B").replace(" 0", " ")

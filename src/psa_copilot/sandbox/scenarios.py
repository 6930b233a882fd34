"""Scenarios: who is there, what is on the desk, and what people will do; the same for every PSA."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from psa_copilot.clock import duration
from psa_copilot.sandbox.tickets import MessageLine, Moment, TicketLine

Span = Annotated[timedelta, BeforeValidator(duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Technician(_Strict):
    """One who works tickets."""

    login: str
    name: str
    tier: int
    team: str
    title: str


class Client(_Strict):
    """A company and those of its people who write."""

    name: str
    contacts: list[str]
    devices: list[str] = Field(default_factory=list)


class Directory(_Strict):
    """Who is there from the start, whatever tickets there are."""

    technicians: list[Technician]
    clients: list[Client]


class TimeLine(_Strict):
    """One time entry."""

    ticket: int | str
    by: str
    at: Moment
    minutes: int
    text: str
    internal: bool = True


class AfterNote(_Strict):
    """Waits for a note of an API account."""

    ticket: str


class Step(_Strict):
    """Something that somebody does: so long after the beginning, or so long after a copilot's note stands."""

    do: Literal["message", "edit_note", "set", "open"]
    ticket: str | dict[str, Any]
    at: Span | None = None
    after_note: AfterNote | None = None
    delay: Span = timedelta(0)
    message: MessageLine | None = None
    text: str = ""
    field: str = ""
    to: str = ""
    by: str = ""


class Scenario(_Strict):
    """A desk at its start and what happens on it."""

    about: str
    begins: Literal["start", "first_request"] = "start"  # what the steps' `at` is counted from
    tickets: list[TicketLine] = Field(default_factory=list)
    time_entries: list[TimeLine] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)


def scenario_names() -> list[str]:
    """The scenarios that are shipped."""
    shipped = files("psa_copilot.sandbox") / "scenarios"
    return sorted(entry.name.removesuffix(".json") for entry in shipped.iterdir() if entry.name != "directory.json")


def load_scenario(name: str, *, start: datetime) -> Scenario:
    """A shipped scenario, its times counted from `start`; ValueError for an unknown name."""
    if name not in scenario_names():
        raise ValueError(f"unknown scenario {name}; there are {', '.join(scenario_names())}")
    try:
        return Scenario.model_validate(_json(name), context={"start": start})
    except ValidationError as exc:
        raise ValueError(f"scenario {name}: {exc}") from exc


def load_directory() -> Directory:
    """The technicians and clients of every sandbox."""
    return Directory.model_validate(_json("directory"))


def _json(name: str) -> Any:
    return json.loads((files("psa_copilot.sandbox") / "scenarios" / f"{name}.json").read_text(encoding="utf-8"))

"""Reads tickets in the `--tickets` format: one JSON object a line, the same for every PSA."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StrictInt, StrictStr, ValidationError, ValidationInfo

from psa_copilot.clock import duration

TITLE_WORDS = 8
TITLE_LENGTH = 100


class BadTickets(ValueError):
    """A ticket that cannot be read: names the place and the key."""


def _moment(given: object, info: ValidationInfo) -> datetime:
    """ISO time, UTC unless it says otherwise; or, as scenarios write it, `-3h`: so long before the start."""
    if not isinstance(given, str):
        raise ValueError("write the time as text, for example 2026-03-01T09:30:00Z")
    if given[:1] in "+-" and given[1:]:
        start: datetime = (info.context or {})["start"]
        return start + duration(given[1:]) * (-1 if given[0] == "-" else 1)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{given!r} is no time; write 2026-03-01T09:30:00Z") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_moment)]


class MessageLine(BaseModel):
    """One message; `by` names who speaks, where it is not the ticket's contact or assignee."""

    role: Literal["customer", "agent", "system"]
    text: str
    at: Moment | None = None
    internal: bool = False
    by: str = ""


class HistoryLine(BaseModel):
    """One field that changes, later than the ticket was opened."""

    at: Moment
    field: Literal["board", "status", "priority", "assignee", "company", "category"]
    to: str
    by: str = ""


class TicketLine(BaseModel):
    """One ticket as the file tells it."""

    id: StrictInt | StrictStr | None = None
    title: str = ""
    description: str = ""
    board: str = ""
    status: str = ""
    priority: str = ""
    company: str = ""
    contact: str = ""
    assignee: str = ""
    category: str = ""
    origin: str = ""
    opened_at: Moment | None = None
    due_at: Moment | None = None
    messages: list[MessageLine] = Field(default_factory=list)
    history: list[HistoryLine] = Field(default_factory=list)

    @property
    def known_id(self) -> int | None:
        """The id that the PSA shall keep, where the file gives one."""
        return self.id if isinstance(self.id, int) else None

    @property
    def reference(self) -> str:
        """The id that is somebody else's."""
        return self.id if isinstance(self.id, str) else ""

    def heading(self) -> str:
        """The title, or the first words of what was said first."""
        said = self.title or self.description or next((m.text for m in self.messages), "") or "Untitled"
        words = said.split() if self.title else said.split()[:TITLE_WORDS]
        return " ".join(words)[:TITLE_LENGTH]


@dataclass(frozen=True)
class Timed:
    """A ticket whose every moment is known; messages in the order of time."""

    line: TicketLine
    opened_at: datetime
    messages: tuple[tuple[datetime, MessageLine], ...]


def read_ticket(given: object, *, start: datetime, where: str) -> TicketLine:
    """One ticket from parsed JSON; BadTickets names `where` and the key."""
    if not isinstance(given, dict):
        raise BadTickets(f"{where}: a ticket is a JSON object, {{...}}")
    # A file may write a key with null for what it does not know.
    known = {key: value for key, value in given.items() if value is not None}
    try:
        return TicketLine.model_validate(known, context={"start": start})
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in ("int", "str"))
        raise BadTickets(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}") from exc


def read_message(given: object, *, start: datetime) -> MessageLine:
    """One message from parsed JSON; BadTickets names the key."""
    read = read_ticket({"messages": [given]}, start=start, where="message")
    return read.messages[0]


def read_file(path: Path, *, start: datetime) -> Iterator[TicketLine]:
    """The tickets of a file, or of a `.gz`; BadTickets names the line and the key."""
    seen: dict[int, int] = {}
    for number, text in _lines(path):
        where = f"{path}:{number}"
        try:
            given = json.loads(text)
        except ValueError as exc:
            raise BadTickets(f"{where}: no JSON: {exc}") from exc
        line = read_ticket(given, start=start, where=where)
        if line.known_id is not None and seen.setdefault(line.known_id, number) != number:
            raise BadTickets(f"{where}: id: {line.known_id} was already used in line {seen[line.known_id]}")
        yield line


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, text
    except (OSError, UnicodeDecodeError, EOFError) as exc:
        raise BadTickets(f"{path}: cannot be read: {exc}") from exc


def timed(line: TicketLine, *, start: datetime, number: int = 0, live: bool = False) -> Timed:
    """Give every message its moment. What the file leaves open lies in the past, or is said now when `live`."""
    if live:
        spoken = [message.at or start for message in line.messages]
        opened = line.opened_at or min([start, *spoken])
    else:
        opened = line.opened_at or _opening(line, start, number)
        spoken = _spread([message.at for message in line.messages], opened, start)
    ordered = sorted(zip(spoken, line.messages, strict=True), key=lambda pair: pair[0])
    return Timed(line, opened, tuple(ordered))


def _opening(line: TicketLine, start: datetime, number: int) -> datetime:
    known = [m.at for m in line.messages if m.at] + [h.at for h in line.history if h.at < start]
    if known:
        return min([*known, start])
    # Three weeks of openings, spread evenly whatever the number of tickets.
    return start - timedelta(hours=3) - timedelta(minutes=(number * 97) % (21 * 24 * 60))


def _spread(moments: list[datetime | None], opened: datetime, start: datetime) -> list[datetime]:
    """Fill the gaps between the known moments evenly; the last gap ends before the start, or half a day later."""
    if not moments:
        return []
    last_known = max([opened, *(moment for moment in moments if moment)])
    end = max(last_known, min(start - timedelta(minutes=1), last_known + timedelta(hours=12)))
    filled = [moments[0] or opened, *moments[1:], end]
    fixed = [(place, moment) for place, moment in enumerate(filled) if moment]
    spread = [moment for _, moment in fixed[:1]]
    for (left, since), (right, until) in pairwise(fixed):
        step = (until - since) / (right - left)
        spread += [since + step * way for way in range(1, right - left + 1)]
    return spread[:-1]

"""Commands that technicians type into an internal note: `copilot off`, `copilot on`, `copilot approve CODE`.

They count only where an active MSP technician typed exactly that into an internal note of the PSA: never from
mail, portal, quoted text, time entries, API users or co-managed accounts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from psa_copilot.desk import is_among
from psa_copilot.engine.lines import Line
from psa_copilot.models import ActorClass, Message, MessageKind, Thread

_COMMAND = re.compile(
    r"\s*copilot\s+(off|on|approve|decline)(?:\s+([a-z2-7]{6})\b\s*(.*))?\s*", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Spoken:
    """One command, who gave it and where."""

    verb: str
    code: str
    reason: str
    message: Message


def commands(thread: Thread, line: Line) -> list[Spoken]:
    """All commands of a thread, oldest first."""
    return [found for message in thread.messages if (found := _command(message, line))]


def muted(thread: Thread, line: Line, ticket: str) -> str:
    """Who muted this ticket, or nothing."""
    by = ""
    for spoken in commands(thread, line):
        if spoken.message.ticket.remote_id == ticket and spoken.verb in ("off", "on"):
            by = (spoken.message.author or spoken.message.author_id) if spoken.verb == "off" else ""
    return by


def _command(message: Message, line: Line) -> Spoken | None:
    match = _COMMAND.fullmatch(message.text)
    if not match or not _counts(message, line):
        return None
    return Spoken(match[1].lower(), (match[2] or "").lower(), (match[3] or "").strip(), message)


def _counts(message: Message, line: Line) -> bool:
    if message.by is not ActorClass.TECHNICIAN or not message.internal or message.kind is not MessageKind.NOTE:
        return False
    people = line.directory.technicians if line.directory else ()
    who, commanders = message.author_id.lower(), line.settings.desk.commanders
    if commanders and not is_among(who, commanders):
        return False
    if message.entered_by and message.entered_by.lower() != who:
        return False  # a program, or a mail connector, wrote in the technician's name
    return any(p.identifier.lower() == who and p.active and not p.is_api for p in people)

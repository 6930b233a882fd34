"""Everything that stands on one ticket, line by line, and what became different between two looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from psa_copilot.engine.lines import Line
from psa_copilot.markers import unsigned
from psa_copilot.models import Appointment, Field, Message, MessageKind, Ref, Ticket

BACK, AHEAD = timedelta(days=30), timedelta(days=180)
SHORT = 120

Looked = dict[str, str]
"""By what it is and its number or name, in words: `field status`, `note 17`, `SLA target`, `task 3`."""


async def look(line: Line, ref: Ref) -> Looked:
    """How the ticket stands, as far as the PSA tells."""
    pulled = await line.connector.pull(ref)
    told = await line.connector.traces(ref)
    there = _fields(pulled.ticket) | {_key(message): _said(message) for message in pulled.messages}
    there |= told.there
    if pulled.ticket.sla_state and not any(is_sla(key) for key in told.there):
        there["SLA state"] = pulled.ticket.sla_state
    if line.connector.can.appointments:
        now = line.connector.http.psa_now()
        planned = await line.connector.appointments(now - BACK, now + AHEAD, ref)
        there |= {f"appointment {one.remote_id}": _planned(one) for one in planned}
    return there


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What became different, each with a plain line."""
    keys = dict.fromkeys((*before, *after))
    return {key: _line(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def is_sla(key: str) -> bool:
    """Whether it tells of a target."""
    return key.startswith("SLA")


def _fields(ticket: Ticket) -> Looked:
    fields = {f"field {one}": ticket.field(one) for one in Field}
    more = {"team": ticket.team, "parent": ticket.parent, "merged into": ticket.merged_into}
    fields |= {f"field {name}": value for name, value in more.items()}
    return {key: value for key, value in fields.items() if value}


def _key(message: Message) -> str:
    kind = "time entry" if message.kind is MessageKind.TIME_ENTRY else "note"
    return f"{kind} {message.remote_id}"


def _said(message: Message) -> str:
    who = message.author or message.author_id or message.by.value
    place = "internal" if message.internal else "shown to the customer"
    return f"by {who}, {place}: {_short(unsigned(message.text))}"


def _planned(one: Appointment) -> str:
    return f"for {one.person}, {one.starts:%d %b %H:%M} to {one.ends:%d %b %H:%M} UTC" + (", done" if one.done else "")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHORT else f"{words[: SHORT - 1]}…"


def _line(key: str, was: str | None, now: str | None) -> str:
    kind, _, name = key.partition(" ")
    if key.startswith("field "):
        return f"field {name} was {was or ''!r}, is {now or ''!r}"
    if is_sla(key):
        return _sla(f"the SLA's {name}", was, now)
    what = key.rpartition(" ")[0]
    if kind == "mail" and was is None:
        return f"a mail went out, {now}"
    if was is None:
        return f"{_a(what)} appeared, {now}"
    return f"{key} is gone ({was})" if now is None else f"{key} was changed: {was!r} became {now!r}"


def _sla(what: str, was: str | None, now: str | None) -> str:
    if was is None:
        return f"{what} was stamped: {now}"
    return f"{what} is gone, was {was}" if now is None else f"{what} was {was}, is {now}"


def _a(what: str) -> str:
    return f"{'an' if what[:1] in 'aeiou' else 'a'} {what}"

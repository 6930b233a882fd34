"""A ticket as it could be known at an earlier moment, made of its history alone."""

from __future__ import annotations

from psa_copilot.engine.lines import Line
from psa_copilot.events import EventKind
from psa_copilot.models import Field, Ticket
from psa_copilot.store import AsOf


def ticket_then(now: Ticket, known: AsOf, line: Line) -> Ticket | None:
    """The ticket at that moment; None where nobody knows on which board it was.

    Only what no later change can touch is taken from today: its number, when it came and who entered it. All else is
    told by its history, or blank: links, SLA, dates of today's state would be hindsight, and so would its source and
    its origin, which people correct and of which no history is kept. The desk's own lists of creators, boards and
    companies still tell an alert from a person. Companies and contacts go by their names, since today's numbers would
    tell of a later change.
    """
    fields = known.fields[str(now.ref)]
    if fields[Field.BOARD] is None:
        return None
    told = {name.value: value or "" for name, value in fields.items()}
    status = line.status(told["board"], told["status"])
    born = Ticket(
        ref=now.ref,
        number=now.number,
        created_by=now.created_by,
        opened_at=now.opened_at,
        updated_at=known.at,
        updated_by=_last_actor(known),
        company_id=told["company"].casefold(),
        contact_id=told["contact"].casefold(),
        is_closed=status is not None and status.is_closed,
        priority_level=_level(told["priority"], line),
        title=told["title"],
    )
    return born.model_copy(update=told)


def _last_actor(known: AsOf) -> str:
    last = known.events[-1] if known.events else None
    return last.actor if last and last.kind is EventKind.FIELD_CHANGED else ""


def _level(priority: str, line: Line) -> int | None:
    there = line.directory.priorities if line.directory else ()
    return next((one.level for one in there if one.name == priority), None)

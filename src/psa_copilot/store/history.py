"""What the rows of one ticket tell of an earlier moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Field
from psa_copilot.store.tables import MessageRow

RECORDED = frozenset(Field) - {Field.CATEGORY}
"""Fields that a PSA's own record tells of. ConnectWise's has the parts of a category, each by itself."""


PSAS_OWN = (Source.BACKFILL, Source.HISTORY)
"""Sources whose rows count from when the PSA says that it happened; all others from when we saw it."""
NO_HUMAN = (ActorClass.COPILOT, ActorClass.SYSTEM, ActorClass.INTEGRATION)


def known_from(event: Event) -> datetime:
    """From when on an event may be believed to have been known: as the PSA says where it keeps its own record."""
    return event.happened_at if event.source in PSAS_OWN else event.seen_at


def is_humans(event: Event) -> bool:
    """Whether somebody of the desk did it, as far as is known: neither we nor a program or a rule."""
    return event.source is not Source.OURS and event.actor_class not in NO_HUMAN


def versions_at(rows: Iterable[MessageRow], at: datetime) -> list[MessageRow]:
    """Of all versions of some messages, those that could be read then, as they came in; what was gone is left out."""
    versions: dict[str, MessageRow] = {}
    for row in sorted(rows, key=lambda row: row.version):
        if row.known_at <= at:
            versions[row.key] = row
    return [row for row in versions.values() if row.deleted_at is None or row.deleted_at > at]


def fields_at(events: Sequence[Event], at: datetime, *, whole: bool = False) -> dict[Field, str | None]:
    """A ticket's fields as they could be known then, from all its events; None for what was not known.

    `whole`: the PSA's own record of this ticket was read, so a field that it keeps and has no
    entry of had not changed before.
    """
    events = sorted(events, key=lambda event: (known_from(event), event.id))
    known: dict[Field, str | None] = dict.fromkeys(Field)
    for event in events:
        if known_from(event) <= at:
            known |= values_in(event)
    for event in reversed(events):  # the PSA's own record tells what stood there before its first entry
        if event.source is Source.HISTORY and event.field and known_from(event) > at and known[event.field] is None:
            known[event.field] = _first_before(events, event.field)
    if whole:
        for event in events:  # the earliest one tells; what came after it is not known yet
            told = _values_until(event).items()
            known |= {field: value for field, value in told if known[field] is None and field in RECORDED}
    return known


def values_in(event: Event) -> dict[Field, str | None]:
    """The fields that an event tells of, with their values after it."""
    if event.kind in (EventKind.TICKET_OPENED, EventKind.TICKET_SEEN):
        return {Field(name): value for name, value in json.loads(event.after or "{}").items()}
    return {event.field: event.after} if event.field else {}


def _values_until(event: Event) -> dict[Field, str | None]:
    """The fields that an event tells of, with their values before it; a first sight shows what had stood there."""
    return {event.field: event.before} if event.field else values_in(event)


def _first_before(events: Sequence[Event], field: Field) -> str | None:
    history = (event for event in events if event.source is Source.HISTORY and event.field is field)
    return next(history).before

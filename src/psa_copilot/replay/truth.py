"""What people chose, with all that is known by now: what a replay's decisions are held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psa_copilot.engine.lines import Line
from psa_copilot.events import Event, Source
from psa_copilot.models import ActorClass, Field, Ref, Ticket
from psa_copilot.replay.stage import Stage
from psa_copilot.replay.values import SCORED, Decision, Truth
from psa_copilot.store import Store
from psa_copilot.store.history import is_humans

BY_PROGRAMS = (ActorClass.COPILOT, ActorClass.INTEGRATION)


class Truths:
    """Reads the stage after the last moment was played."""

    def __init__(self, stage: Stage) -> None:
        self._store: Store = stage.store
        self._line: Line = stage.line
        self._events: dict[tuple[str, Field], list[Event]] = {}
        self._tickets: dict[str, Ticket | None] = {}

    def of(self, ticket: str, field: Field, at: datetime, stood: str) -> Truth | None:
        """What people made of a field that `stood` like this then; None where they have not said yet."""
        later = [event for event in self._history(ticket, field) if event.seen_at > at]
        chosen = [event for event in later if is_humans(event)]
        is_done = self._is_done(ticket)
        if not later:
            return Truth(stood, stood, changed=False) if stood and is_done else None
        final = later[-1].after or ""
        if later[-1].actor_class in BY_PROGRAMS:
            return None  # ours, or another program's: it grades nobody, though the ticket was closed with it
        if not final or not (is_done or is_humans(later[-1])):
            return None
        first = next((event.after for event in chosen if event.after), final)
        return Truth(first, final, changed=True)

    def is_open(self, one: Decision) -> bool:
        """Whether it is about a field that can be scored, and that no human had set on this ticket by then."""
        if one.kind != "change_field" or one.field not in SCORED:
            return False
        before = (event for event in self._history(one.ticket, Field(one.field)) if event.seen_at <= one.at)
        # What our first sight of a ticket has told may have been somebody's choice too.
        return not any(is_humans(event) or event.source is Source.BACKFILL for event in before)

    def _history(self, ticket: str, field: Field) -> Sequence[Event]:
        if (ticket, field) not in self._events:
            with self._store.reading() as tx:
                self._events[ticket, field] = tx.mirror.field_events(Ref.parse(ticket), field)
        return self._events[ticket, field]

    def _is_done(self, ticket: str) -> bool:
        if ticket not in self._tickets:
            with self._store.reading() as tx:
                self._tickets[ticket] = tx.mirror.ticket(Ref.parse(ticket))
        one = self._tickets[ticket]
        return one is not None and self._line.is_over(one)

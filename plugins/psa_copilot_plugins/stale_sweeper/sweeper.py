"""The plugin: sweeps find, a run looks again and says it once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from psa_copilot import (
    Action,
    ActorClass,
    AddNote,
    Change,
    ChangeField,
    EventKind,
    Field,
    Found,
    Mention,
    Notebook,
    Outcome,
    Plugin,
    Standing,
    Text,
    Thread,
    Tools,
    learn_sla,
    sla_hint,
)
from psa_copilot_plugins.stale_sweeper import due, ladder, thanks
from psa_copilot_plugins.stale_sweeper.due import Due
from psa_copilot_plugins.stale_sweeper.settings import SweeperSettings

Look = Callable[[Standing, SweeperSettings, datetime], Iterator[Due]]

LOOKS: tuple[Look, ...] = (
    due.untouched,
    due.idle,
    ladder.silent,
    due.waited,
    due.no_progress,
    due.nothing_scheduled,
    due.sla_risk,
    due.backlog,
)


class StaleSweeper(Plugin):
    """Says once of each step what has stopped moving; closes only by a rule that the admin has written."""

    name = "stale_sweeper"
    on = frozenset({EventKind.FIELD_CHANGED, EventKind.MESSAGE_ADDED})
    wishes = frozenset({"add_note internal", "change_field status"})
    Settings = SweeperSettings

    settings: SweeperSettings

    def listens_to(self) -> frozenset[EventKind]:
        """What has gone stale is found by sweeps; only a bare thanks that reopened a ticket is an event."""
        return self.on if self.settings.restore_thanks else frozenset()

    def asks_for(self) -> frozenset[str]:
        """Notes where nudges or closing rules write some; the status where a rule closes or a thanks is restored."""
        closes = bool(self.settings.closing)
        notes = frozenset({"add_note internal"} if closes or self.settings.nudge == "note" else ())
        return notes | ({"change_field status"} if closes or self.settings.restore_thanks else frozenset())

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterator[Found]:
        """Every step that is due on these tickets."""
        for standing in tickets:
            for one in self._due(standing, now):
                yield one.found(standing, now)

    def _due(self, standing: Standing, now: datetime) -> Iterator[Due]:
        if due.left_alone(standing, self.settings, now):
            return
        for look in LOOKS:
            yield from (one for one in look(standing, self.settings, now) if one.since <= now)

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """What was found, if it is still so; else whether a thanks has reopened the ticket."""
        if "kind" in change.facts:
            return self._say(change, thread, tools)
        return [*thanks.restore(change, thread, tools)] if self.settings.restore_thanks else []

    def _say(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        standing = tools.standing
        still = next((one for one in self._due(standing, tools.now) if one.key == change.key), None)
        if still is None or change.facts["ticket"] != str(standing.ticket.ref):
            return []
        if still.kind == "silent" and _customer_was_last(thread, tools):
            return []
        hint = sla_hint(standing.ticket, tools.memory) if still.kind == "sla" else ""
        return self._close(still, standing) if still.rule else [self._nudge(still, standing, hint)]

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        learn_sla(outcomes, notebook, text)

    def _nudge(self, one: Due, standing: Standing, hint: str) -> Action:
        evidence = (standing.last_key,) if standing.last_key else ()
        because = "; ".join(filter(None, (one.says, hint)))
        if self.settings.nudge == "digest":
            return Mention(body=one.says, because=because, evidence=evidence)
        tells = frozenset[Literal["sla"]]({"sla"} if one.kind == "sla" else ())
        body = f"Nudge: {one.says}."
        return AddNote(body=body, because=because, evidence=evidence, purpose="nudge", tells=tells)

    def _close(self, one: Due, standing: Standing) -> list[Action]:
        """The status by the rule, and a note with the rule and its clock; true too where the status is refused."""
        rule, status, evidence = self.settings.closing[one.rule], standing.ticket.status, (standing.last_key,)
        body = f"Closing rule {one.rule}: {status!r} is to become {rule.to!r}.\nClock: {one.says}."
        return [
            ChangeField(field=Field.STATUS, to=rule.to, was=status, because=one.says, evidence=evidence, rule=one.rule),
            AddNote(body=body, because=one.says, evidence=evidence, purpose="resolution", rule=one.rule),
        ]


def _customer_was_last(thread: Thread, tools: Tools) -> bool:
    """Whether the customer's is the last word that both sides can read: a technician's internal note answers nobody."""
    here = [message for message in thread.spoken() if message.ticket == tools.standing.ticket.ref]
    words = [message for message in here if not message.internal and not tools.text.quiet(message, thread)]
    return not words or words[-1].by is not ActorClass.TECHNICIAN

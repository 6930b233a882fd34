"""The plugin itself: when it looks at a ticket, and what it wishes for."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot import (
    Action,
    Change,
    ChangeField,
    EventKind,
    Field,
    Meaning,
    Notebook,
    Outcome,
    Plugin,
    Text,
    Thread,
    Tools,
    refused,
    stands,
)
from psa_copilot_plugins.triage import category, noticing, priority, title
from psa_copilot_plugins.triage.settings import TriageSettings

WORKABLE = (Meaning.NEW, Meaning.TRIAGE, Meaning.IN_PROGRESS, None)


class Triage(Plugin):
    """Files a new ticket as this desk files such tickets: category, priority, title; and says what is odd about it."""

    name = "triage"
    on = frozenset({EventKind.TICKET_OPENED, EventKind.MESSAGE_ADDED, EventKind.FIELD_CHANGED})
    wishes = frozenset({"change_field category", "change_field priority", "change_field title", "add_note internal"})
    Settings = TriageSettings

    settings: TriageSettings

    def asks_for(self) -> frozenset[str]:
        """Only the fields that it is to choose; a note only with a title."""
        chosen = {
            "change_field category": self.settings.category,
            "change_field priority": self.settings.priority,
            "change_field title": self.settings.title,
            "add_note internal": self.settings.title,
        }
        return frozenset(kind for kind, asked in chosen.items() if asked)

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        ticket = thread.ticket
        if ticket.is_closed or ticket.meaning not in WORKABLE or tools.standing.confidential or not thread.spoken():
            return []
        if kind := noticing.noise(thread, tools):
            return list(noticing.noise_told(kind, change, thread))
        hints = noticing.hints(change, thread, tools, self.settings)
        return [
            *await self._category(change, thread, tools),
            *self._priority(change, thread, tools),
            *self._title(thread, tools),
            *hints,
        ]

    async def _category(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """An empty one is filled in; one that stands is changed only before a technician has touched the ticket."""
        was = thread.ticket.category
        if not self.settings.category or (was and tools.standing.technician_at):
            return []
        if category.is_locked(self.settings, was):
            return []
        best = await category.choose(thread, tools, self.settings)
        if best is None or best.value == was or _is_answered(best.value, Field.CATEGORY, change, tools):
            return []
        opened = tuple(message.key for message in thread.spoken()[:1])
        return [ChangeField(field=Field.CATEGORY, was=was, to=best.value, **best.told(*opened))]

    def _priority(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        wish = priority.suggest(thread, tools, self.settings) if self.settings.priority else None
        return [] if wish is None or _is_answered(wish.to, Field.PRIORITY, change, tools) else [wish]

    def _title(self, thread: Thread, tools: Tools) -> list[Action]:
        return title.retitle(thread, tools) if self.settings.title else []

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        notebook.keep_rules(category.learn(outcomes, notebook, text))


def _is_answered(value: str, field: Field, change: Change, tools: Tools) -> bool:
    """Whether a human has turned it down here, or it was the last thing wished and nothing has come of that yet."""
    asked = tools.past.asked(field)
    return value in refused(asked) or stands(asked, value, change)

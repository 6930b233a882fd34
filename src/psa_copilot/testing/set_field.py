"""A plugin for stories about trust: it sets a field when the customer says something."""

from __future__ import annotations

import re
from typing import Literal

from psa_copilot import (
    Action,
    Change,
    ChangeField,
    EventKind,
    Field,
    Message,
    Plugin,
    PluginSettings,
    Setting,
    Thread,
    Tools,
)
from psa_copilot.models import ActorClass


class SetField(Plugin):
    """Sets the status or the priority of a ticket whose newest customer message says what the rule looks for."""

    name = "set_field"
    on = frozenset({EventKind.MESSAGE_ADDED, EventKind.FIELD_CHANGED})
    wishes = frozenset({"change_field status", "change_field priority"})

    class Settings(PluginSettings):
        field: Literal["status", "priority"] = Setting(description="The field to set.")
        to: str = Setting(description="The value to set it to, by the PSA's own label.")
        was: str = Setting("", description="Only where it has this value; left out: whatever it has.")
        when_text: str = Setting("", description="Only where the newest customer message matches; left out: always.")

    settings: Settings

    def asks_for(self) -> frozenset[str]:
        return frozenset({f"change_field {self.settings.field}"})

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        field, said = Field(self.settings.field), _newest_of_customer(thread)
        was = thread.ticket.field(field)
        if said is None or not self._may_set(was) or not self._fits(said) or tools.text.quiet(said, thread):
            return []
        return [ChangeField(because=f"the customer wrote {self._rule}", field=field, to=self.settings.to, was=was)]

    @property
    def _rule(self) -> str:
        return f"what matches {self.settings.when_text!r}" if self.settings.when_text else "something"

    def _may_set(self, was: str) -> bool:
        return was != self.settings.to and self.settings.was in ("", was)

    def _fits(self, said: Message) -> bool:
        return re.search(self.settings.when_text, said.text, re.IGNORECASE) is not None


def _newest_of_customer(thread: Thread) -> Message | None:
    return next((message for message in reversed(thread.messages) if message.by is ActorClass.CUSTOMER), None)

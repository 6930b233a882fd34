"""VIP bell: a VIP who has waited too long for an answer is not overlooked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from psa_copilot import (
    Action,
    ActorClass,
    AddNote,
    Change,
    Duration,
    Found,
    Plugin,
    PluginSettings,
    Setting,
    Standing,
    Thread,
    Tools,
)

LONGEST_NAME = 40


class VipBell(Plugin):
    """Rings once when a VIP wrote last and has had no answer for too long."""

    name = "vip_bell"
    wishes = frozenset({"add_note internal"})

    class Settings(PluginSettings):
        contacts: frozenset[str] = Setting(frozenset(), description="Contacts who are VIPs, by their names.")
        companies: frozenset[str] = Setting(frozenset(), description="Clients whose every contact is one.")
        patience: Duration = Setting(timedelta(hours=1), description="Business time that an answer may take.")

    settings: Settings

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterator[Found]:
        """The key is the message that waits: a new one of the VIP's is a new wait, another sweep is not."""
        for standing in tickets:
            since = self._overdue(standing, now)
            if since:
                yield Found(standing.ticket.ref, "a VIP waits", key=f"bell:{standing.last_key}", since=since)

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        """What the sweep has found may be over by now, so this looks again."""
        standing = tools.standing
        if not self._overdue(standing, tools.now) or standing.last_at is None:
            return []
        asked = standing.last_at.astimezone(standing.calendar.zone)
        name = standing.ticket.contact[:LONGEST_NAME]
        allowed = f"{str(self.settings.patience).removesuffix(':00')} h are allowed"
        body = f"{name} is a VIP and has waited for an answer since {asked:%a %H:%M}; {allowed}."
        return [AddNote(body=body, purpose="nudge", because="a VIP waits", evidence=(standing.last_key,))]

    def _overdue(self, standing: Standing, now: datetime) -> datetime | None:
        """When the patience with us ended, if it has."""
        if not self._waits(standing) or standing.last_at is None or standing.next_appointment(now):
            return None
        ends = standing.calendar.after(standing.last_at, self.settings.patience)
        return ends if ends <= now else None

    def _waits(self, standing: Standing) -> bool:
        ticket = standing.ticket
        is_vip = ticket.contact in self.settings.contacts or ticket.company in self.settings.companies
        left_alone = ticket.is_closed or ticket.merged_into or standing.stopped or standing.confidential
        return is_vip and not left_alone and standing.last_by is ActorClass.CUSTOMER

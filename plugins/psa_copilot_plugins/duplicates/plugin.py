"""Duplicates: which open ticket a new one belongs to. It suggests a link, and never merges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from psa_copilot import (
    Action,
    Change,
    Duration,
    EventKind,
    Found,
    LinkTo,
    Origin,
    Plugin,
    PluginSettings,
    Reason,
    Setting,
    Standing,
    Thread,
    Ticket,
    Tools,
)
from psa_copilot_plugins.duplicates.signs import Sign, alike, by_rule, is_open, reference

STORM = "storm"
ANSWERED = ("declined", "undone", "promised", "written")
"""After these a ticket without a parent is one that a human wants to stand alone, or one that is just being linked."""


class Duplicates(Plugin):
    """Says which open ticket of the same client a new one belongs to; a storm of alerts becomes one parent."""

    name = "duplicates"
    on = frozenset({EventKind.TICKET_OPENED})
    wishes = frozenset({"link_to"})

    class Settings(PluginSettings):
        origins: frozenset[Origin] = Setting(
            frozenset({Origin.PERSON, Origin.ALERT}), description="Whose tickets it looks at."
        )
        window: Duration = Setting(timedelta(days=7), description="How old the other ticket may be.")
        likeness: float = Setting(0.6, ge=0, le=1, description="From when on a ticket that reads alike is suggested.")
        storm_of: int = Setting(5, ge=2, description="So many of the same alert of one client ...")
        storm_within: Duration = Setting(
            timedelta(minutes=15), description="... within this time are a storm: the first one becomes the parent."
        )

    settings: Settings

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        ticket = thread.ticket
        if ticket.parent or ticket.merged_into or not is_open(ticket) or tools.standing.confidential:
            return []
        # Who reads a board reads what its tickets cite; another one may not be theirs to see.
        since = ticket.opened_at - self.settings.window
        others = [one for one in tools.tickets.recent_of_company(ticket, since) if one.board == ticket.board]
        storm = self._storm(ticket, others, tools)
        if storm:
            return [] if self._was(tools, ANSWERED) else self._child(ticket, storm)
        if change.facts:  # a sweep has seen a storm that is over, or was none
            return []
        sign = self._best(thread, others, tools)
        return [_link(sign)] if sign and not self._was(tools, ("declined",)) else []

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterable[Found]:
        """The first ones of a storm came before it was one: they are looked at again when it is."""
        groups: dict[tuple[str, str, str], list[Ticket]] = defaultdict(list)
        for one in tickets:
            ticket = one.ticket
            if ticket.origin is Origin.ALERT and not ticket.parent and now - ticket.opened_at <= self.settings.window:
                groups[ticket.company_id, ticket.board, ticket.title.casefold()].append(ticket)
        for group in groups.values():
            for storm in _storms(sorted(group, key=_age), self.settings):
                yield from (self._found(ticket, storm[0]) for ticket in storm[1:])

    def _found(self, ticket: Ticket, first: Ticket) -> Found:
        because = f"the same alert came {self.settings.storm_of} times or more; {reference(first)} was the first"
        key = f"{STORM}:1:{first.ref.remote_id}"
        return Found(ticket.ref, because, key, since=ticket.opened_at, facts={STORM: first.ref.remote_id})

    # -- storms ----------------------------------------------------------------------------------------------

    def _storm(self, ticket: Ticket, others: list[Ticket], tools: Tools) -> list[Ticket]:
        """The tickets of the storm that an alert is part of, the first one first; empty where it is none."""
        if tools.standing.ticket.origin is not Origin.ALERT:
            return []
        same = [one for one in others if one.title.casefold() == ticket.title.casefold() and is_open(one)]
        storms = _storms(sorted([ticket, *same], key=_age), self.settings)
        mine = next((storm for storm in storms if any(one.ref == ticket.ref for one in storm)), [])
        return mine if mine and mine[0].ref != ticket.ref else []

    def _child(self, ticket: Ticket, storm: list[Ticket]) -> list[Action]:
        first = next((one for one in storm if not one.parent), storm[0])
        if first.ref == ticket.ref:
            return []
        because = f"{len(storm)} times the same alert of {ticket.company}; {reference(first)} was the first"
        reason = Reason(text=f'both are titled "{ticket.title}"', words=(ticket.title,), cites=str(first.ref))
        return [
            LinkTo(
                parent=first.ref.remote_id,
                because=because,
                reasons=(reason,),
                evidence=tuple(str(one.ref) for one in storm[:5]),
                rule=STORM,
            )
        ]

    # -- the others ------------------------------------------------------------------------------------------

    def _best(self, thread: Thread, others: list[Ticket], tools: Tools) -> Sign | None:
        """A rule goes before likeness, whatever that says; among several the surest, and the oldest of these."""
        for signs in (by_rule(thread, others, tools), alike(thread, others, tools, self.settings.likeness)):
            found = max(signs, key=lambda sign: (sign.confidence, -sign.ticket.opened_at.timestamp()), default=None)
            if found is not None:
                return found
        return None

    @staticmethod
    def _was(tools: Tools, verdicts: tuple[str, ...]) -> bool:
        return any(kind == "link_to" and verdict in verdicts for kind, verdict in tools.past.verdicts())


def _link(sign: Sign) -> LinkTo:
    """Only a human can tell for sure; a link that is wrong hides a ticket from its customer's technician."""
    parent = sign.ticket.parent or sign.ticket.ref.remote_id
    about = f"{sign.because}; {reference(sign.ticket)}, open since {sign.ticket.opened_at:%d %b %H:%M} UTC"
    return LinkTo(
        parent=parent,
        because=about,
        reasons=(Reason(text=sign.because, words=sign.words, cites=str(sign.ticket.ref)),),
        evidence=(str(sign.ticket.ref),),
        confidence=sign.confidence,
        suggest_only=True,
    )


def _age(ticket: Ticket) -> tuple[datetime, str]:
    return ticket.opened_at, ticket.ref.remote_id


def _storms(group: list[Ticket], settings: Duplicates.Settings) -> list[list[Ticket]]:
    """Neighbors in time, so many within so short a time; who came days before or after is none of them."""
    storms, end = list[list[Ticket]](), 0
    for start in range(len(group) - settings.storm_of + 1):
        part = group[start : start + settings.storm_of]
        if part[-1].opened_at - part[0].opened_at <= settings.storm_within:
            if start < end:
                storms[-1] += group[end : start + settings.storm_of]
            else:
                storms.append(part)
            end = start + settings.storm_of
    return storms

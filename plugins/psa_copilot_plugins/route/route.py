"""The plugin itself: when it looks at a ticket, and what it wishes for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from psa_copilot import (
    Action,
    Best,
    Change,
    ChangeField,
    EventKind,
    Field,
    Found,
    Meaning,
    Mention,
    Notebook,
    Outcome,
    Plugin,
    Standing,
    Text,
    Thread,
    Tools,
    learn_sla,
    refused,
    sla_hint,
    stands,
)
from psa_copilot_plugins.route import board, people
from psa_copilot_plugins.route.settings import RouteSettings

WORKABLE = (Meaning.NEW, Meaning.TRIAGE, Meaning.IN_PROGRESS, None)
"""What a status must mean for a ticket to be moved or given to somebody."""


class Route(Plugin):
    """Brings a ticket to the board and the technician that this desk would have chosen, and says why."""

    name = "route"
    on = frozenset({EventKind.TICKET_OPENED, EventKind.MESSAGE_ADDED, EventKind.FIELD_CHANGED})
    wishes = frozenset({"change_field board", "change_field assignee"})
    Settings = RouteSettings

    settings: RouteSettings

    def asks_for(self) -> frozenset[str]:
        """Only the fields that it is to choose."""
        chosen = {"board": self.settings.move, "assignee": self.settings.assign}
        return frozenset(f"change_field {name}" for name, asked in chosen.items() if asked)

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        ticket = thread.ticket
        if ticket.is_closed or ticket.meaning not in WORKABLE or tools.standing.confidential or not thread.spoken():
            return []
        best = await self._best_board(thread, tools)
        if best is None or best.value == ticket.board:
            return self._assign(ticket.board, change, thread, tools)
        standing_wish = stands(tools.past.asked(Field.BOARD), best.value, change)
        moves: list[Action] = [] if standing_wish else [self._wish(Field.BOARD, best, thread, tools)]
        if not self._is_sure(best, thread):
            return moves  # nobody knows yet whose people it is for
        return [*moves, *self._assign(best.value, change, thread, tools)]

    # -- the board -------------------------------------------------------------------------------------------

    async def _best_board(self, thread: Thread, tools: Tools) -> Best | None:
        """The board that it belongs on, where it may leave the one that it is on."""
        if not self._may_move(thread, tools):
            return None
        best = await board.choose(thread, tools, self.settings)
        return None if best and best.value in refused(tools.past.asked(Field.BOARD)) else best

    def _may_move(self, thread: Thread, tools: Tools) -> bool:
        """Before any technician has touched it: whoever did knows better."""
        locked = {name.casefold() for name in self.settings.locked}
        return self.settings.move and not tools.standing.technician_at and thread.ticket.board.casefold() not in locked

    def _is_sure(self, best: Best, thread: Thread) -> bool:
        if best.abstains or best.suggest_only:
            return False
        return best.confidence >= self.settings.bars.of(thread.ticket.board, thread.ticket.board)

    # -- the technician --------------------------------------------------------------------------------------

    def _assign(self, on_board: str, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        if not self.settings.assign or thread.ticket.assignee:
            return []
        asked = tools.past.asked(Field.ASSIGNEE)
        if self._is_closed(tools):
            return self._overflow("closed", "it is outside the board's hours", on_board, change, thread, tools)
        had_by = tools.standing.had_by
        never = (*refused(asked), *had_by)
        best = people.choose(thread, on_board, tools, self.settings, never)
        if best:
            best = _given_back(best, had_by)
            return [] if stands(asked, best.value, change) else [self._wish(Field.ASSIGNEE, best, thread, tools)]
        if self._nobody_free(tools, never):
            return self._overflow("nobody", "nobody is free", on_board, change, thread, tools) or self._still_nobody(
                change
            )
        return []

    @staticmethod
    def _is_closed(tools: Tools) -> bool:
        calendar = tools.standing.calendar
        return not calendar.always_open and not calendar.is_open(tools.now)

    def _nobody_free(self, tools: Tools, declined: Iterable[str]) -> bool:
        """Whether there are technicians, and none of them can take anything now."""
        free = (one for one in people.there(tools, self.settings, declined))
        able = [one for one in free if people.load(one, self.settings) < self.settings.most_work]
        return bool(tools.roster.working()) and not able

    def _overflow(
        self, when: str, why: str, on_board: str, change: Change, thread: Thread, tools: Tools
    ) -> list[Action]:
        to = self.settings.overflow.board.casefold()
        there = next((name for name in board.allowed(self.settings, tools) if name.casefold() == to), "")
        moves_already = on_board != thread.ticket.board
        if not there or moves_already or there == on_board or when not in self.settings.overflow.when:
            return []
        if not self._may_move(thread, tools):
            return []
        if stands(tools.past.asked(Field.BOARD), there, change) or there in refused(tools.past.asked(Field.BOARD)):
            return []
        best = Best(there, 1.0, f"{why}: {there} takes what nobody here can", declared=True)
        return [self._wish(Field.BOARD, best, thread, tools)]

    def _still_nobody(self, change: Change) -> list[Action]:
        """After the last look, the dispatcher is told."""
        if change.facts.get("look") != str(len(self.settings.retry)):
            return []
        return [Mention(body="Nobody has it, and nobody who could take it is free.", because=change.because)]

    def _wish(self, field: Field, best: Best, thread: Thread, tools: Tools) -> ChangeField:
        opened = tuple(message.key for message in thread.spoken()[:1])
        told = best.told(*opened)
        told["because"] = "; ".join(filter(None, (told["because"], sla_hint(thread.ticket, tools.memory))))
        return ChangeField(field=field, was=thread.ticket.field(field), to=best.value, **told)

    # -- looking again, and learning -------------------------------------------------------------------------

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterator[Found]:
        """Tickets that nobody has: each of the later looks at one is a find of its own."""
        for one in tickets:
            if self.settings.assign and not (one.ticket.assignee or one.stopped or one.confidential):
                yield from self._again(now, one)

    def _again(self, now: datetime, one: Standing) -> Iterator[Found]:
        since = one.ticket.opened_at
        dues = [one.calendar.after(since, wait) for wait in self.settings.retry]
        look = sum(due <= now for due in dues)
        if look and one.ticket.meaning in WORKABLE:
            because = f"nobody has it since {since:%d %b %H:%M} UTC; look {look + 1}"
            facts = {"look": str(look)}
            yield Found(one.ticket.ref, because, f"nobody:{look}:{since.isoformat()}", dues[look - 1], facts=facts)

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        learn_sla(outcomes, notebook, text)
        notebook.keep_rules((*board.learn(outcomes, notebook, text), *people.learn(outcomes, notebook, text)))


def _given_back(best: Best, had_by: Sequence[str]) -> Best:
    """Whoever has taken it from somebody by hand has something in mind: it is theirs to say who is next."""
    if not had_by:
        return best
    because = f"{best.because}; taken from {had_by[-1]} by hand, so this is only proposed"
    return replace(best, because=because, suggest_only=True)

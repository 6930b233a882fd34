"""The people of the sandbox: they write on a schedule, after a note, or once their ticket has been read."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from itertools import count

from psa_copilot.sandbox.psa import PsaSandbox
from psa_copilot.sandbox.scenarios import Scenario, Step
from psa_copilot.sandbox.tickets import MessageLine, TicketLine, Timed, read_ticket, timed

Deed = Callable[[], object]


class People:
    """Everything that happens on the desk without a request."""

    def __init__(self, psa: PsaSandbox, *, play: float = 0.0) -> None:
        self._psa = psa
        self._clock = psa.world.clock
        self._start = self._clock.now()
        self._play = play  # messages a second; 0 holds nothing back
        self._due: list[tuple[datetime, int, Deed]] = []
        self._number = count()
        self._nudge = asyncio.Event()
        self._held: dict[int, MessageLine] = {}
        self._next_play = self._start
        self._after_note: dict[int, list[tuple[timedelta, Deed]]] = {}
        self._clock.on_move(self._nudge.set)
        self._at_first_request: list[tuple[timedelta, Deed]] = []
        psa.watchers.api_used.append(self._api_was_used)
        psa.watchers.notes_read.append(self._ticket_was_read)
        psa.watchers.noted_by_api.append(self._api_has_noted)

    @property
    def left(self) -> int:
        """How many deeds are still to come."""
        waiting = len(self._at_first_request) + sum(map(len, self._after_note.values()))
        return len(self._due) + len(self._held) + waiting

    def bring(self, lines: Iterable[TicketLine]) -> None:
        """Put tickets on the desk as they stand at the start; what lies ahead of the clock happens later."""
        for number, line in enumerate(lines):
            self._bring(timed(line, start=self._start, number=number), hold=self._play > 0)

    def bring_now(self, line: TicketLine) -> int:
        """A ticket that comes in while everybody watches; messages without a time are said now."""
        return self._bring(timed(line, start=self._clock.now(), live=True), hold=False)

    def enact(self, scenario: Scenario) -> None:
        """Put a scenario's desk there, and have its people do their steps."""
        self.bring(scenario.tickets)
        for entry in scenario.time_entries:
            self._psa.log_time(self._ticket(entry.ticket), entry, entry.at)
        for step in scenario.steps:
            self._plan(step, scenario.begins)

    def at(self, moment: datetime, deed: Deed) -> None:
        """Have `deed` done when the clock has come to `moment`."""
        heapq.heappush(self._due, (moment, next(self._number), deed))
        self._nudge.set()

    async def live(self) -> None:
        """Do each deed in its time, until cancelled."""
        while True:
            self._nudge.clear()
            self._do_what_is_due()
            try:
                await asyncio.wait_for(self._nudge.wait(), self._seconds_to_next())
            except TimeoutError:
                continue

    def _do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= self._clock.now():
            _, _, deed = heapq.heappop(self._due)
            try:
                deed()
            except (LookupError, ValueError) as exc:  # a ticket may be gone by then; the others go on
                print(f"sandbox: a scripted step failed: {exc!r}", file=sys.stderr, flush=True)  # noqa: T201

    def _seconds_to_next(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, (self._due[0][0] - self._clock.now()).total_seconds() / self._clock.speed)

    def _bring(self, ticket: Timed, *, hold: bool) -> int:
        ticket_id = self._psa.open_ticket(ticket.line, ticket.opened_at)
        messages = list(ticket.messages)
        if hold and messages:
            self._held[ticket_id] = messages.pop()[1]
        deeds: list[tuple[datetime, Deed]] = [
            (moment, partial(self._psa.say, ticket_id, message, moment)) for moment, message in messages
        ]
        deeds += [
            (step.at, partial(self._psa.change, ticket_id, step.field, step.to, step.by, step.at))
            for step in ticket.line.history
        ]
        self._do_or_plan(deeds)
        return ticket_id

    def _do_or_plan(self, deeds: list[tuple[datetime, Deed]]) -> None:
        now = self._clock.now()
        for moment, deed in sorted(deeds, key=lambda pair: pair[0]):
            if moment <= now:
                deed()
            else:
                self.at(moment, deed)

    def _plan(self, step: Step, begins: str) -> None:
        span, deed = (step.at or timedelta(0)) + step.delay, partial(self._do, step)
        if step.after_note is not None:
            self._after_note.setdefault(self._ticket(step.after_note.ticket), []).append((span, deed))
        elif begins == "first_request":
            self._at_first_request.append((span, deed))
        else:
            self.at(self._start + span, deed)

    def _do(self, step: Step) -> None:
        now = self._clock.now()
        if isinstance(step.ticket, dict):
            self.bring_now(read_ticket(step.ticket, start=now, where="scenario"))
            return
        ticket = self._ticket(step.ticket)
        if step.do == "message" and step.message:
            self._psa.say(ticket, step.message, now)
        elif step.do == "edit_note":
            self._psa.edit_note_of_api(ticket, step.text, step.by, now)
        elif step.do == "set":
            self._psa.change(ticket, step.field, step.to, step.by, now)

    def _ticket(self, reference: int | str) -> int:
        ticket = self._psa.find_ticket(reference)
        if ticket is None:
            raise LookupError(f"no ticket {reference}")
        return ticket

    def _ticket_was_read(self, ticket: int) -> None:
        message = self._held.pop(ticket, None)
        if message is None:
            return
        moment = self._next_play = max(self._clock.now(), self._next_play + timedelta(seconds=1 / self._play))
        self.at(moment, lambda: self._psa.say(ticket, message, self._clock.now()))

    def _api_was_used(self) -> None:
        for span, deed in self._at_first_request:
            self.at(self._clock.now() + span, deed)
        self._at_first_request.clear()

    def _api_has_noted(self, ticket: int) -> None:
        for delay, deed in self._after_note.pop(ticket, []):
            self.at(self._clock.now() + delay, deed)

"""The people of the sandbox: they write on a schedule, after a note, or once their ticket has been read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from psa_copilot.sandbox.agenda import Deed, do
from psa_copilot.sandbox.psa import PsaSandbox
from psa_copilot.sandbox.records import Record
from psa_copilot.sandbox.scenarios import Scenario, Step, Wave
from psa_copilot.sandbox.tickets import MessageLine, TicketLine, Timed, read_ticket, timed


@dataclass
class _Waiting:
    """A step that waits for the nth time that something happens on a ticket."""

    ticket: int
    left: int
    span: timedelta
    deed: Deed
    since: datetime
    contains: str = ""
    at_once: bool = False  # so that nothing of the API's comes between


class People:
    """Everything that happens on the desk without a request."""

    def __init__(self, psa: PsaSandbox, *, play: float = 0.0) -> None:
        self._psa = psa
        self._clock = psa.world.clock
        self._agenda = psa.world.agenda
        self._start = self._clock.now()
        self._play = play  # messages a second; 0 holds nothing back
        self._held: dict[int, MessageLine] = {}
        self._next_play = self._start
        self._after_note: list[_Waiting] = []
        self._on_read: list[_Waiting] = []
        self._before_write: list[_Waiting] = []
        self._at_first_request: list[tuple[timedelta, Deed]] = []
        watchers = psa.watchers
        watchers.api_used.append(self._api_was_used)
        watchers.notes_read.append(self._notes_were_read)
        watchers.noted_by_api.append(lambda ticket, text: self._happened(self._after_note, ticket, text))
        watchers.read_by_api.append(lambda ticket: self._happened(self._on_read, ticket))
        watchers.before_write_of_api.append(lambda ticket: self._happened(self._before_write, ticket))

    @property
    def left(self) -> int:
        """How many deeds are still to come."""
        waiting = (*self._at_first_request, *self._after_note, *self._on_read, *self._before_write)
        return self._agenda.left + len(self._held) + len(waiting)

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
        for wave in scenario.waves:
            self._roll_in(wave)
        self._do_or_plan([self._recording(line) for line in (*scenario.time_entries, *scenario.records)])
        for step in scenario.steps:
            self._plan(step, scenario.begins)

    def record(self, line: Record) -> None:
        """Somebody leaves something on a ticket, now or when its time comes."""
        self._do_or_plan([self._recording(line)])

    def _recording(self, line: Record) -> tuple[datetime, Deed]:
        at = line.at or self._clock.now()
        return at, partial(self._psa.record, line, at)

    def _roll_in(self, wave: Wave) -> None:
        deeds: list[tuple[datetime, Deed]] = []
        for number in range(wave.times):
            moment = wave.first + wave.every * number
            line = read_ticket(_counted(wave.ticket, wave.number + number), start=moment, where="wave")
            deeds.append((moment, partial(self._open, line.model_copy(update={"opened_at": moment}), moment)))
        self._do_or_plan(deeds)

    def _open(self, line: TicketLine, moment: datetime) -> None:
        self._bring(timed(line, start=moment, live=True), hold=False)

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
                self._agenda.at(moment, deed)

    def _plan(self, step: Step, begins: str) -> None:
        span, deed = (step.at or timedelta(0)) + step.delay, partial(self._do, step)
        waits = (
            (self._after_note, step.after_note),
            (self._on_read, step.on_read),
            (self._before_write, step.before_write),
        )
        for waiting, what in waits:
            if what is not None:
                times, words = getattr(what, "time", 1), getattr(what, "contains", "")
                since = self._start + getattr(what, "after", timedelta(0))
                at_once = waiting is not self._after_note and not span
                waiting.append(_Waiting(self._ticket(what.ticket), times, span, deed, since, words, at_once))
                return
        if begins == "first_request":
            self._at_first_request.append((span, deed))
        else:
            self._agenda.at(self._start + span, deed)

    def _do(self, step: Step) -> None:
        now = self._clock.now()
        if step.do == "record" and step.record:
            self.record(step.record)
            return
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

    def _notes_were_read(self, ticket: int) -> None:
        message = self._held.pop(ticket, None)
        if message is None:
            return
        moment = self._next_play = max(self._clock.now(), self._next_play + timedelta(seconds=1 / self._play))
        self._agenda.at(moment, lambda: self._psa.say(ticket, message, self._clock.now()))

    def _api_was_used(self) -> None:
        for span, deed in self._at_first_request:
            self._agenda.at(self._clock.now() + span, deed)
        self._at_first_request.clear()

    def _happened(self, waiting: list[_Waiting], ticket: int, text: str = "") -> None:
        now = self._clock.now()
        heard = [one for one in waiting if one.ticket == ticket and one.contains in text and one.since <= now]
        for one in heard:
            one.left -= 1
            if one.left <= 0:
                waiting.remove(one)
                if one.at_once:
                    do(one.deed)
                else:
                    self._agenda.at(self._clock.now() + one.span, one.deed)


def _counted(given: Any, number: int) -> Any:
    if isinstance(given, str):
        return given.replace("{n}", str(number))
    if isinstance(given, dict):
        return {key: _counted(value, number) for key, value in given.items()}
    return [_counted(value, number) for value in given] if isinstance(given, list) else given

"""Why a note is worth writing now: somebody spoke, the ticket changed hands, came back, or was solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from psa_copilot import ActorClass, Change, Event, EventKind, Field, Meaning, Message, Thread, Tools

DONE = (Meaning.RESOLVED, Meaning.CLOSED)
MACHINES = (ActorClass.SYSTEM, ActorClass.INTEGRATION, ActorClass.COPILOT)


@dataclass(frozen=True)
class Occasion:
    """What a change means for the notes on its thread; empty words where it means nothing."""

    news: str = ""
    handed_over: str = ""
    reopened: bool = False
    resolved: bool = False
    always: bool = False
    """Somebody wants to see the recap, however short the thread is."""


class NothingYet:
    """A past without any note: what is only shown is no repetition."""

    def last_note(self) -> str | None:
        """None yet."""
        return None

    def verdicts(self) -> list[tuple[str, str]]:
        """None yet."""
        return []

    def asked(self, field: Field) -> list[tuple[str, str]]:
        """None yet."""
        return []

    def noted(self, purpose: str) -> list[str]:
        """None yet."""
        return []


def with_meanings(thread: Thread, tools: Tools) -> Thread:
    """The thread with what the status of each ticket means, as far as anybody knows."""
    tickets = tuple(
        each.model_copy(update={"meaning": tools.tickets.meaning(each.board, each.status) or each.meaning})
        for each in thread.tickets
    )
    return thread.model_copy(update={"tickets": tickets})


def occasion(change: Change, thread: Thread, tools: Tools, silence: timedelta) -> Occasion:
    """What has happened, from the events since the last look."""
    was_done, is_done = _was_done(change, thread, tools), _is_done(thread)
    return Occasion(
        news=_news(change, thread, tools, silence),
        handed_over="" if is_done else _handed_over(change, thread),
        reopened=was_done is True and not is_done,
        resolved=was_done is False and is_done and _by_a_person(change, thread),
    )


def _is_done(thread: Thread) -> bool:
    return thread.ticket.is_closed or thread.ticket.meaning in DONE


def _was_done(change: Change, thread: Thread, tools: Tools) -> bool | None:
    """Whether the status before meant that the work was over; None when the status did not change."""
    changed = _changes(change, thread, Field.STATUS)
    if not changed:
        return None
    boards = _changes(change, thread, Field.BOARD)
    board = (boards[0].before if boards else None) or thread.ticket.board
    return tools.tickets.meaning(board, changed[0].before or "") in DONE


def _by_a_person(change: Change, thread: Thread) -> bool:
    """Not by a rule or an integration; where the PSA does not tell who, it was somebody."""
    return _changes(change, thread, Field.STATUS)[-1].actor_class not in MACHINES


def _changes(change: Change, thread: Thread, field: Field) -> list[Event]:
    ref = thread.ticket.ref
    return [event for event in change.events if event.field is field and event.ticket == ref]


def _handed_over(change: Change, thread: Thread) -> str:
    """From whom to whom, or from which board; there and back again is nothing."""
    for field in (Field.BOARD, Field.ASSIGNEE):
        changed = _changes(change, thread, field)
        before, after = (changed[0].before, changed[-1].after) if changed else (None, None)
        if before and after and before != after:
            return f"{field.value} {before} → {after}"
    return ""


def _news(change: Change, thread: Thread, tools: Tools, silence: timedelta) -> str:
    """What is new in what people said: more than thanks, a receipt, an automatic reply or a bounce."""
    lively = [message for message in added(change, thread) if not tools.text.quiet(message, thread)]
    if not lively:
        return ""
    quiet_for = _silence_before(lively[0], thread.spoken())
    if lively[0].by is ActorClass.CUSTOMER and quiet_for >= silence:
        return f"the customer wrote after {quiet_for.days} days" if quiet_for.days > 1 else "the customer wrote again"
    return f"{lively[-1].by} wrote"


def _silence_before(message: Message, spoken: Sequence[Message]) -> timedelta:
    earlier = [each.sent_at for each in spoken if each.sent_at < message.sent_at]
    return message.sent_at - max(earlier) if earlier else timedelta(0)


def added(change: Change, thread: Thread) -> tuple[Message, ...]:
    """What people said that this change is about; asked without any event, the last thing said."""
    spoken = thread.spoken()
    if not change.events:
        return spoken[-1:]
    keys = {(event.ticket, event.message) for event in change.events if event.kind is EventKind.MESSAGE_ADDED}
    return tuple(message for message in spoken if (message.ticket, message.key) in keys)

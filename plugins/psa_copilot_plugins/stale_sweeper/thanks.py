"""A ticket that the PSA reopened for a bare thanks: back to where it was, as long as that is fresh."""

from __future__ import annotations

from datetime import timedelta

from psa_copilot import ActorClass, Change, ChangeField, Event, Field, Meaning, Thread, Tools

FRESH = timedelta(minutes=10)
RULE = "restore_thanks"
_PROGRAMS = (ActorClass.SYSTEM, ActorClass.INTEGRATION)


def restore(change: Change, thread: Thread, tools: Tools) -> list[ChangeField]:
    """The status before, when a program reopened the ticket and all that came was thanks."""
    event, ticket = _reopened(change, thread, tools), thread.ticket
    spoken = [message for message in thread.spoken() if message.ticket == ticket.ref]
    last = spoken[-1] if spoken else None
    if event is None or last is None or last.by not in (ActorClass.CUSTOMER, ActorClass.CLIENT_IT):
        return []
    fresh = tools.now - event.happened_at <= FRESH and abs(event.happened_at - last.sent_at) <= FRESH
    if not fresh or tools.text.quiet(last, thread) != "thanks" or ticket.priority_level == 1:
        return []
    because = f"reopened by {event.actor or 'the PSA'} for a bare thanks; it was {event.before!r}"
    wish = ChangeField(
        field=Field.STATUS, to=event.before or "", was=ticket.status, because=because, evidence=(last.key,), rule=RULE
    )
    return [wish]


def _reopened(change: Change, thread: Thread, tools: Tools) -> Event | None:
    """The status change of this ticket by which no human reopened it, if it stands."""
    ticket = thread.ticket
    moves = [event for event in change.events if event.field is Field.STATUS and event.ticket == ticket.ref]
    if not moves or moves[-1].gap or moves[-1].after != ticket.status or moves[-1].actor_class not in _PROGRAMS:
        return None
    before = tools.tickets.meaning(ticket.board, moves[-1].before or "")
    done = before in (Meaning.RESOLVED, Meaning.CLOSED)
    return moves[-1] if done and not ticket.is_closed and not ticket.merged_into else None

"""A thread as text that a model may read: numbered as notes cite it, without what must not be repeated."""

from __future__ import annotations

from psa_copilot.models import Message, Thread
from psa_copilot.text.automatic import automatic
from psa_copilot.text.clean import own_words
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.reading import numbered, side


def transcript(thread: Thread, *, public_only: bool = False) -> str:
    """What people said, oldest first, each with its number, side and time; personal matters are only mentioned."""
    spoken = set(map(id, thread.spoken()))
    said = [
        f"[#{number}] {side(message)}, {message.sent_at:%a %d %b %Y %H:%M} UTC: {_told(message)}"
        for number, message in numbered(thread)
        if id(message) in spoken and not (public_only and message.internal) and not automatic(message)
    ]
    ticket = thread.ticket
    filed = f"Ticket {ticket.number}: {'(personal matter)' if is_delicate(ticket.title) else ticket.title}"
    return "\n\n".join([filed, *said])


def _told(message: Message) -> str:
    return "(personal matter, not shown)" if is_delicate(message.text) else own_words(message.text)


def public(thread: Thread) -> Thread:
    """The thread as the customer sees it. Its messages are numbered otherwise: a note made of it cites none."""
    tickets = tuple(ticket.model_copy(update=_OURS) for ticket in thread.tickets)
    messages = tuple(each for each in thread.messages if not each.internal)
    return thread.model_copy(update={"tickets": tickets, "messages": messages})


_OURS = dict.fromkeys(("board", "status", "priority", "category", "assignee", "team"), "")
"""How the desk files a ticket is its own business."""

"""A title that says what the matter is, for a ticket whose own says nothing."""

from __future__ import annotations

import re

from psa_copilot import Action, ActorClass, AddNote, ChangeField, Field, Origin, Reason, Thread, Tools

RULE = "title"
"""The note that keeps the former title and the change go together or not at all."""
LONGEST_QUOTE = 60
_UNQUOTABLE = re.compile(r"[^\w .,:;!?()'#&/-]+")
MAILERS = (ActorClass.TECHNICIAN, ActorClass.SYSTEM, ActorClass.INTEGRATION, ActorClass.COPILOT)


def retitle(thread: Thread, tools: Tools) -> list[Action]:
    """The change and its note; nothing once people have touched the ticket or mail about it may have gone out."""
    ticket = thread.ticket
    if not _is_fresh(thread, tools) or not tools.text.is_generic(ticket.title) or tools.past.asked(Field.TITLE):
        return []
    case, orders = tools.text.without_orders_to_software(tools.text.opening(thread), ())
    names = [ticket.contact, *(message.author for message in thread.messages)]
    names += [person.name for person in tools.directory.technicians]
    title = "" if orders else tools.text.headline(case.text, names)
    if not title or title.casefold() == ticket.title.casefold():
        return []
    opened = tuple(message.key for message in thread.spoken()[:1])
    because = f"the title {_quoted(ticket.title)} says nothing of the matter"
    reason = Reason(
        text="the ticket's own words", words=(tools.text.quoted(title, case.text),), cites=opened[0] if opened else ""
    )
    return [
        ChangeField(
            field=Field.TITLE,
            was=ticket.title,
            to=title,
            because=because,
            reasons=(reason,),
            evidence=opened,
            rule=RULE,
        ),
        AddNote(body=f"Title: was {_quoted(ticket.title)}.", because=because, evidence=opened, rule=RULE),
    ]


def _is_fresh(thread: Thread, tools: Tools) -> bool:
    standing, board = tools.standing, thread.ticket.board
    mails = any(one.mails for one in tools.directory.boards if one.name == board)
    told = any(message.by in MAILERS and not message.internal for message in thread.messages)
    touched = standing.technician_at or standing.responded_at or thread.ticket.assignee
    return standing.ticket.origin is Origin.PERSON and not (mails or told or touched)


def _quoted(title: str) -> str:
    """The former title, fit to stand in a note."""
    said = " ".join(_UNQUOTABLE.sub(" ", title).split())
    return f'"{said[:LONGEST_QUOTE]}"' if said else "empty"

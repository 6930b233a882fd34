"""What earlier tickets teach: what solved them, and what is known of the contact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psa_copilot import Thread, Ticket, Tools

DEVICES = ("host", "path")
LONGEST = 160
"""Characters of one solution."""
_NAMED = re.compile(r"(?<=[\w,;:)&-] )[^\W\d_][\w'’-]*|[^\W\d_]\w*['’]s\b")
_SITE = re.compile(r"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?![\w-])")
A_NAME = "(a name)"
LOOKED_INTO = 12
SHORT = 14
"""Words that tell what a ticket was about."""
MOST_DEVICES = 4


@dataclass(frozen=True)
class Solved:
    """A resolved ticket that is like this one, and what it says solved it."""

    ticket: Ticket
    own: bool
    """Of the same client, and on the same board, so that its number may be shown."""
    solution: str
    cause: str
    score: float
    shared: tuple[str, ...]
    for_customers: str = ""
    """The solution as far as the customer could read it there."""

    @property
    def name(self) -> str:
        """As a note calls it."""
        return f"#{self.ticket.number}" if self.own else "another client"


def solved(thread: Thread, tools: Tools, likeness: float, *, across: bool, most: int) -> list[Solved]:
    """Resolved tickets that are alike and say what solved them: the client's own first, then others', redacted."""
    own = _solved(thread, tools, likeness, own=True)
    rest = _solved(thread, tools, likeness, own=False) if across and len(own) < most else []
    said = {one.solution.casefold() for one in own}
    return [*own, *(one for one in rest if one.solution.casefold() not in said)][:most]


def _solved(thread: Thread, tools: Tools, likeness: float, *, own: bool) -> list[Solved]:
    found = tools.tickets.similar(thread, LOOKED_INTO, resolved=True, own=own)
    alike = [one for one in found if one.score >= likeness]
    if not own:
        alike = [one for one in alike if one.ticket.company_id != thread.ticket.company_id]
    told = (_told(one.ticket, one.score, one.shared, thread, tools, own=own) for one in alike)
    return [one for one in told if one is not None]


def _told(
    ticket: Ticket, score: float, shared: tuple[str, ...], thread: Thread, tools: Tools, *, own: bool
) -> Solved | None:
    """A citation shows only where reader and source share a board."""
    other = tools.tickets.thread(ticket.ref)
    if other is None or ticket.board != thread.ticket.board:
        return None
    learned = tools.text.resolution(other)
    solution, cause = _bare(learned.resolution), _bare(learned.cause)
    if not own:
        solution, cause = (_of_nobody(said, other, thread, tools) for said in (solution, cause))
    public = _bare(tools.text.resolution(tools.text.public(other)).resolution) if own else ""
    return Solved(ticket, own, _short(solution), _short(cause), score, shared, _short(public)) if solution else None


def _of_nobody(said: str, other: Thread, thread: Thread, tools: Tools) -> str:
    """What may be told of another client's ticket: no clause that names one, nor anybody who can be recognized."""
    people = {other.ticket.contact, *(message.author for message in other.messages)} - {""}
    told = tools.text.told_elsewhere(
        said,
        whose=other.ticket.company,
        reader=thread.ticket.company,
        others=tools.tickets.other_clients(thread.ticket),
        people=sorted(people),
    )
    return _nameless(told, tools.text.opening(thread).whole).strip(" .;")


def _nameless(said: str, known: str) -> str:
    """Without names and sites that the reader's own ticket does not say too: nobody has a list of whom one may name."""
    words = frozenset(re.findall(r"[^\W_]+", known.casefold()))

    def kept(match: re.Match[str]) -> str:
        parts = re.findall(r"[^\W_]+", re.sub(r"['’]s$", "", match[0]))
        is_name = match[0][0].isupper() and not all(part.isupper() or part.casefold() in words for part in parts)
        return A_NAME if is_name else match[0]

    bare = _NAMED.sub(kept, _SITE.sub(lambda match: match[0] if match[0] in known else A_NAME, said))
    return re.sub(rf"{re.escape(A_NAME)}(?: {re.escape(A_NAME)})+", A_NAME, bare)


def contact_tickets(thread: Thread, tools: Tools, span: timedelta) -> list[Ticket]:
    """The contact's other tickets on this board, newest first."""
    ticket = thread.ticket
    others = tools.tickets.recent_of_contact(ticket, tools.now - span)
    return [other for other in others if other.board == ticket.board]


def about(ticket: Ticket, tools: Tools) -> str:
    """What a ticket was about: its title, or what was said there where the title says nothing."""
    thread = tools.tickets.thread(ticket.ref) if tools.text.is_generic(ticket.title) else None
    said = tools.text.summary(thread, SHORT) if thread is not None else ""
    return said.rstrip(".") or ticket.title


def devices(tickets: Sequence[Ticket], tools: Tools) -> list[str]:
    """Machines that these tickets name, the newest first."""
    return list(dict.fromkeys(_devices(tickets[:LOOKED_INTO], tools)))[:MOST_DEVICES]


def _devices(tickets: Sequence[Ticket], tools: Tools) -> Iterator[str]:
    for ticket in tickets:
        thread = tools.tickets.thread(ticket.ref)
        if thread is not None:
            said = tools.text.opening(thread).whole
            yield from (entity.text for entity in tools.text.entities(said) if entity.kind in DEVICES)


def _bare(text: str) -> str:
    """A field of a resolution without its citations, which number the messages of another ticket."""
    kept = text
    while "[#" in kept:
        before, _, rest = kept.partition("[#")
        kept = before.rstrip() + rest.partition("]")[2]
    return " ".join(kept.split()).strip(" .;")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " ..."

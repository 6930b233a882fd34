"""What tells that two tickets are one matter: first what is the same by rule, then what is alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psa_copilot import Thread, Ticket, Tools

DEVICES = ("host", "ip", "mac", "path")
SURE, LIKELY = 0.95, 0.9
LOOKED_INTO = 30
"""Tickets of the client whose words are compared; the newest ones."""


@dataclass(frozen=True)
class Sign:
    """One ticket that this one may belong to."""

    ticket: Ticket
    because: str
    words: tuple[str, ...]
    """As they stand in both."""
    confidence: float


def is_open(ticket: Ticket) -> bool:
    """Whether work on it goes on: nothing is attached to what is over."""
    return not ticket.is_over and not ticket.merged_into


def by_rule(thread: Thread, others: list[Ticket], tools: Tools) -> Iterator[Sign]:
    """Earlier open tickets of the client with the same alert, or with the same device and the same error."""
    ticket = thread.ticket
    earlier = [one for one in others if is_open(one) and _is_earlier(one, ticket)]
    for one in earlier:
        if ticket.external_ref and one.external_ref == ticket.external_ref:
            yield Sign(one, f"the same external reference, {ticket.external_ref}", (ticket.external_ref,), SURE)
    mine = _signature(thread, tools)
    for one in earlier[-LOOKED_INTO:]:
        other = tools.tickets.thread(one.ref)
        both = _shared(mine, _signature(other, tools)) if other else {}
        device, error = both.get("device", ()), both.get("error", ())
        if device and error:
            names = f"{', '.join(device)} and {', '.join(error)}"
            yield Sign(one, f"both name {names}", (*device, *error), LIKELY)


def alike(thread: Thread, others: list[Ticket], tools: Tools, likeness: float) -> Iterator[Sign]:
    """Earlier open tickets of the client that read alike; only a human can tell whether they are one matter."""
    here = {one.ref: one for one in others}
    for found in tools.tickets.similar(thread, own=True):
        one = here.get(found.ticket.ref)
        if one and found.score >= likeness and is_open(one) and _is_earlier(one, thread.ticket):
            quoted = _quoted(found.shared, thread, tools)
            said = ", ".join(f'"{word}"' for word in quoted)
            yield Sign(one, f"reads alike: both say {said}", quoted, round(min(found.score, 1.0), 4))


def _is_earlier(one: Ticket, ticket: Ticket) -> bool:
    return (one.opened_at, one.ref.remote_id) < (ticket.opened_at, ticket.ref.remote_id)


def _signature(thread: Thread, tools: Tools) -> Mapping[str, Mapping[str, str]]:
    """Devices and errors that a ticket names when it comes in: as compared, and as written."""
    found: dict[str, dict[str, str]] = {"device": {}, "error": {}}
    for entity in tools.text.entities(tools.text.opening(thread).whole):
        kind = "device" if entity.kind in DEVICES else entity.kind
        if kind in found:
            found[kind].setdefault(entity.key, entity.text)
    return found


def _shared(
    mine: Mapping[str, Mapping[str, str]], theirs: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(said for key, said in mine[kind].items() if key in theirs[kind]) for kind in mine}


def _quoted(shared: tuple[str, ...], thread: Thread, tools: Tools) -> tuple[str, ...]:
    whole = tools.text.opening(thread).whole
    return tuple(filter(None, (tools.text.quoted(word, whole) for word in shared)))


def reference(ticket: Ticket) -> str:
    """A ticket as people call it."""
    return f"{ticket.number} {ticket.title}".strip()

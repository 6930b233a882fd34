"""Orders to software that stand in a thread: a note tells of them, and passes none on as if it should be followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from psa_copilot.models import ActorClass, Thread
from psa_copilot.text.caution import is_addressed_to_software
from psa_copilot.text.clean import sentences
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.proper import clauses

RUN = 3
"""Words in a row that a clause and an order share when the clause passes the order on."""

_LINES = re.compile(r"\n+")
_WORD = re.compile(r"\w+")


def without_orders(draft: Draft, thread: Thread) -> Draft:
    """A model's draft without the clauses that it has taken from orders to software."""
    orders = _runs_of_orders(thread)
    if not orders:
        return draft
    parts = {name: _left(said, orders) or f"{NOT_STATED}." for name, said in draft.parts.items() if said}
    title = draft.first.partition(": ")[0]
    return replace(draft, first=_left(draft.first, orders) or f"{title}: {NOT_STATED}.", parts=parts)


def _left(text: str, orders: set[tuple[str, ...]]) -> str:
    return " ".join(clause for clause in clauses(text) if not orders & set(_runs(clause)))


def _runs_of_orders(thread: Thread) -> set[tuple[str, ...]]:
    """What orders say and nobody says otherwise."""
    ordered: set[tuple[str, ...]] = set()
    said: set[tuple[str, ...]] = set()
    for message in thread.messages:
        if message.by is not ActorClass.COPILOT:
            for text, is_order in _split(message.text):
                (ordered if is_order else said).update(_runs(text))
    return ordered - said


def _split(text: str) -> Iterator[tuple[str, bool]]:
    """Sentences, and whether they are orders: from the first on that speaks to software to the end of its line."""
    for line in _LINES.split(text):
        is_order = False
        for sentence in sentences(line):
            is_order = is_order or is_addressed_to_software(sentence)
            yield sentence, is_order


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return (tuple(words[n : n + RUN]) for n in range(len(words) - RUN + 1))

"""Orders to software that stand in a thread: a note tells of them, and passes none on as if it should be followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from psa_copilot.models import ActorClass, Thread
from psa_copilot.text.caution import is_addressed_to_software
from psa_copilot.text.clean import sentences
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.proper import clauses
from psa_copilot.text.reading import content_words

RUN = 3
"""Words in a row that a clause and an order share when the clause passes the order on."""

SHORTEST = 2
"""Letters of a word that tells nothing by itself."""

_LINES = re.compile(r"\n+")
_WORD = re.compile(r"\w+")


def without_orders(draft: Draft, thread: Thread) -> Draft:
    """A model's draft without the clauses that it has taken from orders to software.

    A word that stands nowhere else in the thread came from there too: whatever it is, a canary need not look like one.
    """
    orders = _only_ordered(thread)
    if not orders.words:
        return draft
    parts = {name: _left(said, orders) or f"{NOT_STATED}." for name, said in draft.parts.items() if said}
    title = draft.first.partition(": ")[0]
    return replace(draft, first=_left(draft.first, orders) or f"{title}: {NOT_STATED}.", parts=parts)


@dataclass
class _Said:
    """Runs of words, and the words that say what something is about."""

    runs: set[tuple[str, ...]] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def hear(self, text: str) -> None:
        self.runs.update(_runs(text))
        self.words.update(_telling(text))


def _left(text: str, orders: _Said) -> str:
    return " ".join(clause for clause in clauses(text) if not _is_of(clause, orders))


def _is_of(clause: str, orders: _Said) -> bool:
    return bool(orders.runs & set(_runs(clause)) or orders.words & set(_telling(clause)))


def _only_ordered(thread: Thread) -> _Said:
    """What orders say and nobody says otherwise."""
    ordered, said = _Said(), _Said()
    for ticket in thread.tickets:
        _hear(ticket.title, ordered, said)
    for message in thread.messages:
        if message.by is not ActorClass.COPILOT:
            _hear(message.text, ordered, said)
    return _Said(ordered.runs - said.runs, ordered.words - said.words)


def _hear(text: str, ordered: _Said, said: _Said) -> None:
    from psa_copilot.text.injection import quarantined  # numpy with it, which a start without a model spares

    rest, removed = quarantined(text)
    for order in removed:
        ordered.hear(order)
    for sentence, is_order in _split(rest):
        (ordered if is_order else said).hear(sentence)


def _telling(text: str) -> Iterator[str]:
    return (word for word in content_words(text) if len(word) > SHORTEST or not word.isalpha())


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

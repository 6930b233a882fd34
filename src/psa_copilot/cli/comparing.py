"""Whether the copilot wrote the same on every PSA: our notes side by side, without what each PSA has of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from psa_copilot.cli.expected import UNHIDDEN, Note, Outcome, kind
from psa_copilot.markers import unsigned
from psa_copilot.text.markup import to_text

NOTHING = "nothing"

Place = tuple[str, str]
"""The name of a ticket in the scenario, and which kind of note."""


@dataclass(frozen=True)
class Comparison:
    """Our notes on several PSAs."""

    compared: int
    """How many notes were held against each other."""
    differences: Sequence[str]
    withheld: Sequence[str]
    """Notes that a PSA did not get because it cannot keep them from a client's own technicians."""


def compare(outcomes: Sequence[Outcome]) -> Comparison:
    """Every kind of note on every ticket, on all PSAs that can have it."""
    written = [_texts(outcome) for outcome in outcomes]
    places = sorted({place for texts in written for place in texts})
    differences: list[str] = []
    withheld: list[str] = []
    for place in places:
        able = [n for n, outcome in enumerate(outcomes) if place in written[n] or not _is_withheld(outcome, place[0])]
        withheld += [_why_withheld(outcome, place) for n, outcome in enumerate(outcomes) if n not in able]
        found = [(outcomes[n].psa.called, written[n].get(place, [])) for n in able]
        differences += _first_difference(place, found)
    return Comparison(len(places), differences, withheld)


def _texts(outcome: Outcome) -> Mapping[Place, list[str]]:
    texts: dict[Place, list[str]] = defaultdict(list)
    for name, notes in outcome.ours.items():
        for note in notes:
            texts[name, kind(note)].append(bare(note, outcome))
    return texts


def bare(note: Note, outcome: Outcome) -> str:
    """The words of a note: no markup, no marker, and tickets and accounts under the names that the scenario has."""
    names = {ticket.number: name for name, ticket in outcome.before.items()}
    names |= {ticket.ref.remote_id: name for name, ticket in outcome.before.items()}
    names |= {here: word for word, here in outcome.psa.people.items()}
    own = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    lines = unsigned(to_text(note["text"])).splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines if line.strip())
    return re.sub(rf"(?<![\w.])(?:{own})(?![\w.]*\w)", lambda match: names[match[0]], text) if own else text


def _is_withheld(outcome: Outcome, name: str) -> bool:
    """Whether the ledger has a wish refused there, because this PSA cannot hide a note from a client's technicians."""
    if outcome.hides_from_client_it:
        return False
    return any(UNHIDDEN in row.reason for row in outcome.refused(name))


def _why_withheld(outcome: Outcome, place: Place) -> str:
    name, what = place
    client = outcome.before[name].company
    cannot = f"{outcome.psa.called} cannot hide an internal note from the technicians of {client}"
    return f"no {what} on “{outcome.before[name].title}”: {cannot}, and this one tells of other tickets"


def _first_difference(place: Place, found: Sequence[tuple[str, list[str]]]) -> Iterator[str]:
    """The first line in which a PSA's notes are not those of the first PSA."""
    if not found:
        return
    name, what = place
    called, texts = found[0]
    for other, others in found[1:]:
        for text, same in zip_longest(texts, others, fillvalue=NOTHING):
            if text != same:
                line, line_there = _where(text, same)
                yield f"{what} on {name!r}: {called} has {line!r}, {other} has {line_there!r}"
                break


def _where(text: str, other: str) -> tuple[str, str]:
    pairs = zip_longest(text.splitlines(), other.splitlines(), fillvalue=NOTHING)
    return next((pair for pair in pairs if pair[0] != pair[1]), (text, other))

"""Habits of a desk: what nearly always goes the same way, told in one line and removable by its name."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from psa_copilot.memory import Outcome, Rule
from psa_copilot.models import Field, Ref
from psa_copilot.text import Text

FEWEST = 4
SHARE = 0.9
MOST = 200
"""Rules that are kept for one field: a human should be able to read them."""
MOST_EVIDENCE = 5
LIFT = 0.15
"""By how much more often than usual the value must be seen."""
MORE_RIGHT = 2
"""So many more tickets than without it a habit must tell right."""
LONGEST_WORD = 24
MOST_WORDS = 40
"""Words of one ticket that are looked at, the title's first."""
RECENT = 6_000
_LEAST = 1.645
"""Standard deviations, so that the truth lies below in one case of twenty."""
_PLAIN = re.compile(r"[^\W\d_]{3,}")
_NO_PART = re.compile("-{2,}")

Condition = tuple[str, str, str]
"""Company, contact, word; empty where it does not matter."""


@dataclass(frozen=True)
class Sighting:
    """One ticket and the value that it got."""

    ref: Ref
    value: str
    title: str
    text: str
    company: str = ""
    contact: str = ""
    expected: str = ""
    """What would have been chosen without any rule; a habit that says the same is not worth a rule."""

    @classmethod
    def of(cls, outcome: Outcome, field: Field, expected: str = "") -> Sighting:
        """A ticket with what stands in this field in the end."""
        value = outcome.settled.get(field, "")
        return cls(outcome.ref, value, outcome.title, outcome.text, outcome.company, outcome.contact, expected)


def habits(sightings: Sequence[Sighting], field: Field, text: Text) -> tuple[Rule, ...]:
    """What nearly always goes the same way, the surest first; `sightings` are handed oldest first."""
    seen = sightings[-RECENT:]
    usual = Counter(one.value for one in seen)
    met: dict[Condition, list[int]] = defaultdict(list)
    for place, one in enumerate(seen):
        for condition in _conditions(one, text):
            met[condition].append(place)
    found = {
        condition: rule
        for condition, places in met.items()
        if len(places) >= FEWEST and (rule := _rule(condition, [seen[place] for place in places], field, usual))
    }
    kept = [rule for condition, rule in found.items() if not _said_shorter(condition, rule, found)]
    ranked = sorted(kept, key=lambda rule: (-certainty(rule), -rule.of, rule.name))
    return tuple(ranked[:MOST])


def certainty(rule: Rule) -> float:
    """How sure a habit makes: the share that it may well have in truth, at the least.

    It was picked from thousands of words, so the share that was seen flatters it, and of few tickets the most.
    """
    share, of = rule.right / rule.of, rule.of
    spread = _LEAST * math.sqrt(share * (1 - share) / of + _LEAST**2 / (4 * of * of))
    return (share + _LEAST**2 / (2 * of) - spread) / (1 + _LEAST**2 / of)


def _conditions(one: Sighting, text: Text) -> Iterator[Condition]:
    """All that a rule about this ticket could go by: who, a word, or both."""
    words = list(dict.fromkeys(_words(one, text)))[:MOST_WORDS]
    whose: Iterable[tuple[str, str]] = filter(any, ((one.company, ""), (one.company, one.contact)))
    for company, contact in dict.fromkeys(whose):
        yield company, contact, ""
        if not contact:
            yield from ((company, "", word) for word in words)
    yield from (("", "", word) for word in words)


def _words(one: Sighting, text: Text) -> Iterator[str]:
    for said in (one.title, one.text):
        yield from (word for word in text.content_words(said) if _PLAIN.fullmatch(word) and len(word) <= LONGEST_WORD)


def _rule(condition: Condition, seen: Sequence[Sighting], field: Field, usual: Counter[str]) -> Rule | None:
    value, right = Counter(one.value for one in seen).most_common(1)[0]
    share = right / len(seen)
    if share < SHARE or share < usual[value] / usual.total() + LIFT or right < FEWEST:
        return None
    if any(one.expected for one in seen) and right - sum(one.expected == one.value for one in seen) < MORE_RIGHT:
        return None
    company, contact, word = condition
    evidence = tuple(one.ref for one in reversed(seen) if one.value == value)[:MOST_EVIDENCE]
    return Rule(
        name=_name(filter(None, (company, contact, word, value))),
        field=field,
        value=value,
        company=company,
        contact=contact,
        says=(word,) if word else (),
        right=right,
        of=len(seen),
        evidence=evidence,
    )


def _name(parts: Iterable[str]) -> str:
    """Words and numbers of whatever script, with a dash between them; where nothing is left, the notebook names it."""
    said = unicodedata.normalize("NFC", "-".join(parts).casefold())
    # In some scripts a vowel is a mark: no letter by itself, and still a part of its word.
    kept = (char if char.isalnum() or unicodedata.category(char)[0] == "M" else "-" for char in said)
    return _NO_PART.sub("-", "".join(kept)).strip("-")


def _said_shorter(condition: Condition, rule: Rule, found: dict[Condition, Rule]) -> bool:
    """Whether a part of the condition says the same on its own."""
    company, contact, word = condition
    given = [place for place, part in enumerate((company, contact, word)) if part]
    for size in range(1, len(given)):
        for places in combinations(given, size):
            shorter = tuple(part if place in places else "" for place, part in enumerate(condition))
            other = found.get((shorter[0], shorter[1], shorter[2]))
            if other and other.value == rule.value:
                return True
    return False

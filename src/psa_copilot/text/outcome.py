"""How likely something happens to a ticket, told from what is known when it opens: a risk, not a verdict.

Made for missed service levels. What is going on at a desk changes within weeks, so recent tickets count more; how much
more is found out on the last ones. Whether a ticket will be reopened cannot be told this way: on the data that we have
measured, no method was better than chance worth speaking of, so ask for nothing that you have not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psa_copilot.text.calibration import Floats

VERSION = 1
FEWEST = 200
"""Tickets, below which only the rate is told."""
HALVED_AFTER = (3650.0, 56.0, 28.0, 14.0, 7.0)
"""Days after which a ticket counts half: one of these."""
HELD_BACK = 0.15
MOST_VALUES = 300
"""Values of a field that is paired with others."""
FEWEST_MET = 3
PAIR_SHARE = 0.7
_SOFTNESS = 0.3

Facts = Mapping[str, str]


@dataclass(frozen=True)
class Risk:
    """The chance of one outcome."""

    rate: float
    """How often it happened lately."""
    places: dict[str, int]
    weights: Floats
    base: float = 0.0
    paired: tuple[str, ...] = ()

    @classmethod
    def fit(cls, facts: Sequence[Facts], opened: Sequence[datetime | None], outcome: Sequence[bool]) -> Risk:
        """Learn from tickets whose outcome is known; one whose opening is not counts as one from the middle."""
        told = _days(opened)
        order = sorted(range(len(facts)), key=lambda place: told[place])
        truth = np.array([outcome[place] for place in order], np.bool_)
        if len(order) < FEWEST or len(set(truth.tolist())) < 2:
            return cls(float((truth.sum() + 1) / (len(truth) + 2)), {}, np.zeros(0))
        ordered = [facts[place] for place in order]
        days = np.array([told[place] for place in order])
        paired = _paired(ordered)
        terms = [list(_terms(fact, opened[place], paired)) for fact, place in zip(ordered, order, strict=True)]
        cut = int(len(order) * (1 - HELD_BACK))

        def miss(half: float) -> float:
            part = cls._fitted(terms[:cut], truth[:cut], days[:cut], half, paired)
            chances = np.array([part._chance(each) for each in terms[cut:]])
            return float(np.mean((chances - truth[cut:]) ** 2))

        halves = HALVED_AFTER if len(set(truth[:cut].tolist())) > 1 else HALVED_AFTER[:1]
        return cls._fitted(terms, truth, days, min(halves, key=miss) if len(halves) > 1 else halves[0], paired)

    @classmethod
    def _fitted(
        cls, terms: Sequence[list[str]], truth: NDArray[np.bool_], days: Floats, half: float, paired: tuple[str, ...]
    ) -> Risk:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression  # takes a second to import, and only learning needs it

        met = Counter(term for each in terms for term in each)
        kept = sorted(term for term, count in met.items() if count >= FEWEST_MET)
        places = {term: place for place, term in enumerate(kept)}
        known = [[term for term in each if term in places] for each in terms]
        columns = np.array([places[term] for each in known for term in each], np.int32)
        values = np.array([_value(term) for each in known for term in each])
        starts = np.cumsum([0, *map(len, known)]).astype(np.int32)
        rows = csr_matrix((values, columns, starts), shape=(len(terms), len(kept)))
        counts = 0.5 ** ((days.max() - days) / half)
        machine = LogisticRegression(C=_SOFTNESS, solver="liblinear", max_iter=300, random_state=0)
        machine.fit(rows, truth, sample_weight=counts)
        rate = float((counts @ truth) / counts.sum())
        return cls(rate, places, np.asarray(machine.coef_[0], np.float64), float(machine.intercept_[0]), paired)

    def chance(self, facts: Facts, opened: datetime | None) -> float:
        """0 to 1, for a ticket that opens with these facts."""
        return self._chance(list(_terms(facts, opened, self.paired)))

    def reasons(self, facts: Facts, most: int = 3) -> tuple[tuple[str, str], ...]:
        """The fields and values that raise the chance most."""
        raised = {
            (name, value): float(self.weights[self.places[f"{name}={value}"]])
            for name, value in facts.items()
            if f"{name}={value}" in self.places
        }
        ranked = sorted((pair for pair in raised if raised[pair] > 0), key=lambda pair: -raised[pair])
        return tuple(ranked[:most])

    def _chance(self, terms: Sequence[str]) -> float:
        if not self.places:
            return self.rate
        total = sum(float(self.weights[self.places[term]]) * _value(term) for term in terms if term in self.places)
        return float(1 / (1 + np.exp(-(total + self.base))))

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything as arrays and as what JSON can hold."""
        facts = {"version": VERSION, "terms": list(self.places), "paired": list(self.paired)}
        return {"weights": self.weights}, facts | {"rate": self.rate, "base": self.base}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Risk:
        """The risk that `to_arrays` took apart; ValueError for another version's."""
        if facts.get("version") != VERSION:
            raise ValueError(f"a risk of version {facts.get('version')}, this is {VERSION}: fit it again")
        places = {term: place for place, term in enumerate(facts["terms"])}
        return cls(facts["rate"], places, arrays["weights"], facts["base"], tuple(facts["paired"]))


def _paired(facts: Sequence[Facts]) -> tuple[str, ...]:
    """The fields with few enough values to be read in pairs."""
    values: dict[str, set[str]] = {}
    for fact in facts:
        for name, value in fact.items():
            values.setdefault(name, set()).add(value)
    return tuple(sorted(name for name, met in values.items() if 1 < len(met) <= MOST_VALUES))


def _days(opened: Sequence[datetime | None]) -> list[float]:
    """When each was opened, in days; the middle of the others where that is not known."""
    known = [moment.timestamp() / 86_400 for moment in opened if moment]
    middle = float(np.median(known)) if known else 0.0
    return [moment.timestamp() / 86_400 if moment else middle for moment in opened]


def _terms(facts: Facts, opened: datetime | None, paired: Sequence[str]) -> Iterator[str]:
    if opened:
        yield f"weekday={opened.weekday()}"
        yield f"hour={opened.hour // 3 * 3}"
    for name, value in facts.items():
        yield f"{name}={value}"
    for one, other in combinations(paired, 2):
        if facts.get(one) and facts.get(other):
            yield f"{one}={facts[one]} & {other}={facts[other]}"


def _value(term: str) -> float:
    return PAIR_SHARE if " & " in term else 1.0

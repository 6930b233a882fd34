"""Finds tickets like this one among a hundred thousand: by rare words they share, then by what they mean.

A title is matched with whole tickets as well as whole with whole: who reports a matter again often says in one line
what the first report said in twenty. What is added is found at once; the weights of words are renewed now and then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from psa_copilot.text.reading import content_words
from psa_copilot.text.vectors import embed

VERSION = 1
MOST_CHARACTERS = 4_000
OPENING = 800
"""Characters whose meaning is compared."""
DIMENSIONS = 128
RERANKED = 200
"""Candidates by words that are compared by meaning."""
MEANING = 0.3
LOOSE = 1_000
"""Documents that are kept loose before the weights of words are renewed; or a tenth of all."""

Row = tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True)
class Similar:
    """A ticket that is like the one asked for; `score` is 0 to 1."""

    key: str
    score: float
    shared: tuple[str, ...] = ()
    """The rarest words that both have."""


_WORD = re.compile(r"\w+(?:[.-]\w+)*")
_INSIDE = re.compile(r"[.\-_]|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[A-Za-z])")
_ENDINGS = ("ations", "ation", "ingly", "ing", "edly", "ies", "ed", "es", "ly", "s")


def stems(text: str) -> Iterator[str]:
    """Words without their endings; names such as `fooBar-2.1` whole and in parts."""
    for word in _WORD.findall(text[:MOST_CHARACTERS]):
        yield stem(word.lower())
        parts = [part for part in _INSIDE.split(word) if part]
        if len(parts) > 1:
            yield from (stem(part.lower()) for part in parts)


def stem(word: str) -> str:
    """A word without the ending of a plural or a verb's form."""
    for ending in _ENDINGS:
        if len(word) > len(ending) + 3 and word.endswith(ending):
            return word[: -len(ending)]
    return word


class Index:
    """Texts by key, in the order in which they were added. An added key that exists replaces the older text."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._place: dict[str, int] = {}
        self._gone: set[int] = set()
        self._terms: dict[str, int] = {}
        self._wholes: list[Row] = []
        self._titles: list[Row] = []
        self._meanings: list[NDArray[np.float16]] = []
        """Of the title and of the opening, one after the other; empty without wordllama."""
        self._packed = _Packed.of([], [], np.ones(0, np.float32))
        self._loose = self._packed
        self._weights = np.ones(0, np.float32)

    def __len__(self) -> int:
        return len(self._keys) - len(self._gone)

    def __contains__(self, key: str) -> bool:
        return key in self._place

    def add(self, key: str, title: str, text: str) -> None:
        """Make one ticket findable."""
        self.add_all([(key, title, text)])

    def add_all(self, tickets: Iterable[tuple[str, str, str]]) -> None:
        """Make many findable: key, title, text of each."""
        added = list(tickets)
        meanings = _meanings([(title, text) for _, title, text in added])
        for (key, title, text), meaning in zip(added, meanings, strict=True):
            self.remove(key)
            self._place[key] = len(self._keys)
            self._keys.append(key)
            self._wholes.append(self._counted(stems(f"{title}\n{text}"), grow=True))
            self._titles.append(self._counted(stems(title), grow=True))
            self._meanings.append(meaning)
        if len(self._keys) - self._packed.count > max(LOOSE, self._packed.count // 10):
            self._pack()
        self._loose = _Packed.of(
            self._wholes[self._packed.count :], self._titles[self._packed.count :], self._grown_weights()
        )

    def remove(self, key: str) -> None:
        """Never find it again."""
        place = self._place.pop(key, None)
        if place is not None:
            self._gone.add(place)

    def search(
        self, title: str, text: str, most: int = 10, only: Collection[str] | None = None, but: str = ""
    ) -> list[Similar]:
        """The most similar ones, best first: among `only` these keys when given, never `but`."""
        if not self._keys:
            return []
        whole, head = self._counted(stems(f"{title}\n{text}")), self._counted(stems(title))
        scores = self._by_words(whole, head)
        self._hide(scores, only, but)
        count = min(max(RERANKED, most), len(scores))
        near = np.argpartition(-scores, count - 1)[:count]
        near = near[scores[near] > 0]
        scores[near] = self._with_meaning(scores[near], near, title, text)
        best = near[np.argsort(-scores[near], kind="stable")][:most]
        return [Similar(self._keys[place], float(scores[place]), self._shared(whole, int(place))) for place in best]

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything as arrays and as what JSON can hold."""
        kept = [place for place in range(len(self._keys)) if place not in self._gone]
        arrays: dict[str, NDArray[Any]] = {"weights": self._grown_weights()}
        for name, rows in (("whole", self._wholes), ("title", self._titles)):
            arrays[f"{name}_starts"] = np.cumsum([0, *(len(rows[place][0]) for place in kept)]).astype(np.int64)
            arrays[f"{name}_places"] = _joined([rows[place][0] for place in kept], np.int32)
            arrays[f"{name}_counts"] = _joined([rows[place][1] for place in kept], np.float32).astype(np.float16)
        if kept and len(self._meanings[kept[0]]):
            arrays["meanings"] = np.stack([self._meanings[place] for place in kept])
        return arrays, {"version": VERSION, "keys": [self._keys[place] for place in kept], "terms": list(self._terms)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Index:
        """The index that `to_arrays` took apart; ValueError for another version's."""
        if facts.get("version") != VERSION:
            raise ValueError(f"an index of version {facts.get('version')}, this is {VERSION}: build it again")
        index = cls()
        index._keys = list(facts["keys"])
        index._place = {key: place for place, key in enumerate(index._keys)}
        index._terms = {term: place for place, term in enumerate(facts["terms"])}
        index._wholes = _split(arrays, "whole")
        index._titles = _split(arrays, "title")
        nothing = np.zeros((len(index._keys), 0), np.float16)
        index._meanings = list(arrays.get("meanings", nothing))
        index._pack()
        return index

    def _counted(self, terms: Iterable[str], *, grow: bool = False) -> Row:
        """Places of terms and how often each occurs, dampened; terms that nobody used yet get a place, or none."""
        counts = Counter(terms)
        if grow:
            for term in counts:
                self._terms.setdefault(term, len(self._terms))
        known = [(self._terms[term], count) for term, count in counts.items() if term in self._terms]
        places = np.array([place for place, _ in known], np.int32)
        counted = np.array([count for _, count in known], np.float32)
        return places, (1 + np.log(counted)).astype(np.float32)

    def _grown_weights(self) -> NDArray[np.float32]:
        """The weights, with the highest for what is new."""
        new = len(self._terms) - len(self._weights)
        rare = np.float32(np.log(1 + len(self._keys)) + 1)
        return np.concatenate([self._weights, np.full(new, rare, np.float32)]) if new else self._weights

    def _pack(self) -> None:
        met = np.bincount(_joined([places for places, _ in self._wholes], np.int32), minlength=len(self._terms))
        self._weights = (np.log((1 + len(self._keys)) / (1 + met)) + 1).astype(np.float32)
        self._packed = _Packed.of(self._wholes, self._titles, self._weights)
        self._loose = _Packed.of([], [], self._weights)

    def _by_words(self, whole: Row, head: Row) -> NDArray[np.float32]:
        weights = self._grown_weights()
        whole, head = _weighed(whole, weights), _weighed(head, weights)
        return np.concatenate([packed.scores(whole, head) for packed in (self._packed, self._loose)])

    def _hide(self, scores: NDArray[np.float32], only: Collection[str] | None, but: str) -> None:
        hidden = list(self._gone)
        if but in self._place:
            hidden.append(self._place[but])
        scores[hidden] = 0
        if only is not None:
            shown = np.zeros(len(scores), np.bool_)
            shown[[self._place[key] for key in only if key in self._place]] = True
            scores[~shown] = 0

    def _with_meaning(
        self, scores: NDArray[np.float32], places: NDArray[np.intp], title: str, text: str
    ) -> NDArray[np.float32]:
        """Scores of 0 to 1, by words and, where there are vectors, by meaning."""
        asked = _meanings([(title, text)])[0]
        if not len(asked) or not len(places) or not len(self._meanings[0]):
            return np.asarray(scores / 2, np.float32)
        meanings = np.stack([self._meanings[place] for place in places]).astype(np.float32)
        alike = meanings @ asked.astype(np.float32)
        return np.asarray((scores + MEANING * alike) / (2 + 2 * MEANING), np.float32)

    def _shared(self, whole: Row, place: int) -> tuple[str, ...]:
        weights = self._grown_weights()
        both = sorted(set(whole[0].tolist()) & set(self._wholes[place][0].tolist()), key=lambda term: -weights[term])
        names = self._names()
        return tuple(names[term] for term in both[:8] if any(content_words(names[term])))[:5]

    def _names(self) -> Sequence[str]:
        if len(self._cached_names) != len(self._terms):
            self._cached_names = tuple(self._terms)
        return self._cached_names

    _cached_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Packed:
    """Documents by their terms: for each term, who has it and how much."""

    count: int
    wholes: csr_matrix
    titles: csr_matrix

    @classmethod
    def of(cls, wholes: Sequence[Row], titles: Sequence[Row], weights: NDArray[np.float32]) -> _Packed:
        return cls(len(wholes), _by_term(wholes, weights), _by_term(titles, weights))

    def scores(self, whole: Row, head: Row) -> NDArray[np.float32]:
        """Whole with whole, and each title with the other's whole."""
        scores = np.zeros(self.count, np.float32)
        _sum(scores, self.wholes, whole, 1.0)
        _sum(scores, self.wholes, head, 0.5)
        _sum(scores, self.titles, whole, 0.5)
        return scores


def _sum(scores: NDArray[np.float32], by_term: csr_matrix, asked: Row, share: float) -> None:
    known = by_term.shape[0]
    for term, value in zip(asked[0].tolist(), asked[1].tolist(), strict=True):
        if term < known:
            start, end = by_term.indptr[term], by_term.indptr[term + 1]
            # A document has a term once, so no index repeats and plain addition will do.
            scores[by_term.indices[start:end]] += by_term.data[start:end] * np.float32(share * value)


def _by_term(rows: Sequence[Row], weights: NDArray[np.float32]) -> csr_matrix:
    starts = np.cumsum([0, *(len(places) for places, _ in rows)])
    places, counts = _joined([row[0] for row in rows], np.int32), _joined([row[1] for row in rows], np.float32)
    values = counts * weights[places]
    owner = np.repeat(np.arange(len(rows)), np.diff(starts))
    lengths = np.sqrt(np.bincount(owner, values * values, minlength=len(rows))) if len(rows) else np.ones(0)
    values = (values / np.maximum(lengths, 1e-9)[owner]).astype(np.float32) if len(rows) else values
    return csr_matrix((values, places, starts), shape=(len(rows), len(weights))).T.tocsr()


def _weighed(row: Row, weights: NDArray[np.float32]) -> Row:
    values = row[1] * weights[row[0]]
    length = float(np.sqrt(np.sum(values * values)))
    return row[0], values / length if length else values


def _joined(arrays: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, kind)


def _split(arrays: Mapping[str, NDArray[Any]], name: str) -> list[Row]:
    places, counts = arrays[f"{name}_places"], arrays[f"{name}_counts"].astype(np.float32)
    inner = arrays[f"{name}_starts"][1:-1]
    if len(arrays[f"{name}_starts"]) < 2:
        return []
    return list(zip(np.split(places, inner), np.split(counts, inner), strict=True))


def _meanings(tickets: Sequence[tuple[str, str]]) -> list[NDArray[np.float16]]:
    """Vectors of title and opening, one after the other; empty ones without wordllama."""
    titles = embed([title for title, _ in tickets], DIMENSIONS)
    openings = embed([f"{title}\n{text}"[:OPENING] for title, text in tickets], DIMENSIONS)
    if titles is None or openings is None:
        return [np.zeros(0, np.float16) for _ in tickets]
    return list(np.hstack([titles, openings]).astype(np.float16))

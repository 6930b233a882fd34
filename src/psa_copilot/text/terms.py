"""Texts as weighted terms: words, pairs of words and pieces of words, counted and weighed by how rare they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

MOST_CHARACTERS = 4_000
"""Of one text: what stands below is a log."""

_WORD = re.compile(r"\w+")

Cut = Callable[[str], Iterator[str]]


def words(text: str) -> Iterator[str]:
    """Words and pairs of neighbors, in lower case."""
    found: list[str] = _WORD.findall(text[:MOST_CHARACTERS].lower())
    yield from found
    yield from (f"{one} {other}" for one, other in pairwise(found))


def pieces(text: str, shortest: int = 3, longest: int = 5) -> Iterator[str]:
    """Runs of letters inside words, their ends marked by a blank; typing errors and other languages share them."""
    for word in text[:MOST_CHARACTERS].lower().split():
        padded = f" {word} "
        for size in range(shortest, longest + 1):
            if len(padded) <= size:
                yield padded
                break
            yield from (padded[start : start + size] for start in range(len(padded) - size + 1))


@dataclass(frozen=True)
class Lexicon:
    """The terms that are known, each with its place and its weight."""

    places: dict[str, int]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, documents: Iterable[Iterable[str]], fewest: int, most: int) -> Lexicon:
        """The terms that at least `fewest` documents have, the `most` frequent ones of them."""
        met: Counter[str] = Counter()
        count = 0
        for document in documents:
            met.update(set(document))
            count += 1
        kept = sorted(((term, n) for term, n in met.items() if n >= fewest), key=lambda pair: (-pair[1], pair[0]))[
            :most
        ]
        weights = np.log((1 + count) / (1 + np.array([n for _, n in kept], np.float64))) + 1
        return cls({term: place for place, (term, _) in enumerate(kept)}, weights.astype(np.float32))

    def __len__(self) -> int:
        return len(self.places)

    def row(self, terms: Iterable[str]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Places and weights of a document's known terms, of length 1."""
        counts = Counter(self.places[term] for term in terms if term in self.places)
        places = np.fromiter(counts.keys(), np.int32, len(counts))
        tf = 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))
        values = (tf * self.weights[places]).astype(np.float32)
        length = float(np.sqrt(np.sum(values * values)))
        return places, values / length if length else values

    def matrix(self, documents: Iterable[Iterable[str]]) -> csr_matrix:
        """A row for each document."""
        rows = [self.row(document) for document in documents]
        return stacked(rows, len(self))

    def terms(self) -> list[str]:
        """The terms in the order of their places."""
        return list(self.places)


def stacked(rows: Sequence[tuple[NDArray[np.int32], NDArray[np.float32]]], width: int) -> csr_matrix:
    """Sparse rows as one matrix."""
    starts = np.cumsum([0, *(len(places) for places, _ in rows)])
    places = np.concatenate([each[0] for each in rows]) if rows else np.zeros(0, np.int32)
    values = np.concatenate([each[1] for each in rows]) if rows else np.zeros(0, np.float32)
    return csr_matrix((values, places, starts), shape=(len(rows), width))

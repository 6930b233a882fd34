"""Learns from a desk's own tickets which value a field should have, says how sure it is, and why, and abstains.

Words, pairs and pieces of words, the ticket's contact and, where it is installed, wordllama's vector go into one linear
model. How sure it is was learned from predictions on tickets that the model had not seen; below the bar it abstains.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from psa_copilot.actions import Reason
from psa_copilot.text import calibration
from psa_copilot.text.calibration import Logistic
from psa_copilot.text.choosing import Case, Choice, Example
from psa_copilot.text.injection import quarantined, steers_to
from psa_copilot.text.reading import content_words
from psa_copilot.text.terms import Lexicon, pieces, words
from psa_copilot.text.vectors import embed

VERSION = 1
GOAL = 0.9
"""The share of decided tickets that shall be right."""
FEWEST = 30
"""Examples, below which nothing is learned but the most usual value."""
DECIDES_FROM = 150
"""Examples, below which nothing is decided: a desk's first tickets do not show what else will come."""
YOUNG = 25.0
"""Over the number of examples, at most `YOUNGEST`: by how much the goal is raised while a desk's history is short.

What comes next is less like a short history than its parts are like each other: other matters, other seasons.
"""
YOUNGEST = 0.06
MOST = 12_000
"""Examples that are learned from: the last ones."""
FOLDS = 4
TOP = 5
NEVER = -1.5
"""The score of a value that a fold has never seen."""
ALIKE = 0.25
"""Similarity from which a ticket is cited as a similar one."""
MOST_REASONS = 3
NEIGHBORS = 10

Matrix = NDArray[np.float32]
Nearest = tuple[NDArray[np.intp], Matrix]


@dataclass(frozen=True)
class _Block:
    """One way to cut a case into terms, and how much it counts."""

    name: str
    cut: Callable[[Case], Iterator[str]]
    share: float
    fewest: int
    most: int


_BLOCKS = (
    _Block("words", lambda case: words(case.whole), 1.0, 1, 100_000),
    _Block("title", lambda case: words(case.title), 0.7, 1, 30_000),
    _Block("pieces", lambda case: pieces(case.whole), 1.0, 2, 100_000),
    _Block("contact", lambda case: iter([case.contact] if case.contact else []), 0.5, 1, 20_000),
)
_READABLE = ("words", "title")
"""The blocks whose terms a reason may quote."""
_MEANING = 0.4
_SOFT_MARGIN = 0.7


class _Reader:
    """Turns cases into rows of numbers."""

    def __init__(self, lexicons: Sequence[Lexicon], vectors: bool) -> None:
        self.lexicons, self.vectors = lexicons, vectors

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Reader:
        lexicons = [Lexicon.of((block.cut(case) for case in cases), block.fewest, block.most) for block in _BLOCKS]
        return cls(lexicons, vectors=embed(["any"]) is not None)

    def read(self, cases: Sequence[Case]) -> csr_matrix:
        parts: list[Any] = []
        for block, lexicon in zip(_BLOCKS, self.lexicons, strict=True):
            parts.append(lexicon.matrix(block.cut(case) for case in cases) * np.float32(block.share))
        meanings = (
            [embed([case.whole for case in cases]), embed([case.title for case in cases])] if self.vectors else []
        )
        parts += [csr_matrix(each * np.float32(_MEANING)) for each in meanings if each is not None]
        return hstack(parts, format="csr", dtype=np.float32)

    def start(self, name: str) -> int:
        """The first column of a block."""
        names = [block.name for block in _BLOCKS]
        return sum(len(lexicon) for lexicon in self.lexicons[: names.index(name)])


class Classifier:
    """A field's values as the desk sets them. Made by `fit`, kept as arrays; safe to share, it never changes."""

    def __init__(
        self,
        labels: Sequence[str],
        counts: Sequence[int],
        learned: _Learned | None = None,
        bar: float = 2.0,
    ) -> None:
        self.labels, self.counts, self.bar = tuple(labels), tuple(counts), bar
        self._learned = learned
        self.unseen: dict[str, str] = {}
        """Right after `fit`: what it chose for each example, by key, while it had not seen that one. Not kept."""

    @classmethod
    def fit(cls, examples: Sequence[Example], goal: float = GOAL) -> Classifier:
        """Learn from these tickets, oldest first; below `FEWEST` of them it will decide nothing."""
        examples = [each for each in examples if each.label][-MOST:]
        labels = sorted({each.label for each in examples})
        counts = [sum(1 for each in examples if each.label == label) for label in labels]
        if len(examples) < FEWEST or len(labels) < 2:
            return cls(labels, counts)
        learned, bar, guesses = _learn(examples, labels, goal)
        fitted = cls(labels, counts, learned, bar)
        fitted.unseen = {each.key: labels[guess] for each, guess in zip(examples, guesses, strict=True)}
        return fitted

    def decide(self, case: Case) -> Choice:
        """The most likely value of a ticket, how sure that is, and whether it is sure enough."""
        read, removed = self._read(case)
        if not self._learned:
            total = sum(self.counts)
            ranked = sorted(zip(self.labels, self.counts, strict=True), key=lambda pair: (-pair[1], pair[0]))[:TOP]
            topk = tuple((label, count / (total + 1)) for label, count in ranked)
            return Choice(topk[0][0], topk[0][1], topk) if topk else Choice("", 0.0)
        choice = self._learned.choice(read, self.labels, self.bar)
        if not choice.reasons:  # where classes are far apart, nothing at all would else look as sure as anything
            share = self.counts[self.labels.index(choice.label)] / sum(self.counts)
            choice = replace(choice, confidence=share)
        steered = any(steers_to(order, choice.label) for order in removed)
        return replace(choice, decided=choice.decided and not steered, steered=steered, quarantined=removed)

    def _read(self, case: Case) -> tuple[Case, tuple[str, ...]]:
        title, from_title = quarantined(case.title, self.labels)
        text, from_text = quarantined(case.text, self.labels)
        return replace(case, title=title, text=text), (*from_title, *from_text)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything as arrays and as what JSON can hold."""
        arrays, facts = self._learned.to_arrays() if self._learned else ({}, {})
        return arrays, facts | {
            "version": VERSION,
            "labels": list(self.labels),
            "counts": list(self.counts),
            "bar": self.bar,
            "learned": self._learned is not None,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Classifier:
        """The classifier that `to_arrays` took apart; ValueError for another version's."""
        if facts.get("version") != VERSION:
            raise ValueError(f"a classifier of version {facts.get('version')}, this is {VERSION}: fit it again")
        learned = _Learned.from_arrays(arrays, facts) if facts["learned"] else None
        return cls(facts["labels"], facts["counts"], learned, facts["bar"])


@dataclass(frozen=True)
class _Learned:
    """What was fitted."""

    reader: _Reader
    weights: NDArray[np.int8]
    """A row for each feature, a column for each label; times `scale`."""
    scale: Matrix
    base: Matrix
    temperature: float
    sure: Logistic
    keys: tuple[str, ...]
    truth: NDArray[np.int32]
    memory: csr_matrix
    """The examples' words, to find similar ones."""

    def choice(self, case: Case, labels: Sequence[str], bar: float) -> Choice:
        row = self.reader.read([case])
        scores = self._scores(row)
        chances = calibration.softmax(scores[None, :], self.temperature)[0]
        best = [int(place) for place in np.argsort(-chances, kind="stable")[:TOP]]
        near = self._near(row)
        measures = _measures(scores[None, :], chances[None, :], _nearest(near[None, :]), self.truth)
        confidence = float(self.sure(measures)[0])
        topk = tuple((labels[place], float(chances[place])) for place in best)
        reasons = tuple(self._reasons(case, row, scores, near, labels))
        # What shares nothing with any known ticket cannot be explained, and so is not decided.
        return Choice(topk[0][0], confidence, topk, bool(reasons) and confidence >= bar, reasons=reasons)

    def _scores(self, row: csr_matrix) -> NDArray[np.float64]:
        return np.asarray(
            (row.data @ self.weights[row.indices].astype(np.float32)) * self.scale + self.base, np.float64
        )

    def _near(self, row: csr_matrix) -> NDArray[np.float32]:
        """How alike the words of each example are."""
        return np.asarray((self.memory @ row[:, : self.memory.shape[1]].T).toarray().ravel(), np.float32)

    def _reasons(
        self, case: Case, row: csr_matrix, scores: NDArray[np.float64], near: Matrix, labels: Sequence[str]
    ) -> Iterator[Reason]:
        first, second = (int(place) for place in np.argsort(-scores, kind="stable")[:2])
        similar = self._similar(case, row, first, near, labels[first])
        telling = self._telling(case, row, first, second)
        for quoted in telling[: MOST_REASONS - (similar is not None)]:
            yield Reason(text=f'it says "{quoted}", as tickets of {labels[first]} do', words=(quoted,))
        if similar:
            yield similar

    def _similar(self, case: Case, row: csr_matrix, label: int, near: Matrix, name: str) -> Reason | None:
        """The most similar example with this value, if any is similar; of its words only the shared ones are told."""
        alike = np.where(self.truth == label, near, 0.0)
        place = int(alike.argmax())
        if alike[place] < ALIKE:
            return None
        other = self.memory[place]
        theirs = dict(zip(other.indices.tolist(), other.data.tolist(), strict=True))
        shared = {
            self._terms[at]: value * theirs[at]
            for at, value in zip(row.indices.tolist(), row.data.tolist(), strict=True)
            if at in theirs
        }
        quoted = _quotable(sorted(shared, key=lambda term: (-shared[term], term)), case.whole)
        both = ", ".join(f'"{each}"' for each in quoted)
        said = f"like {self.keys[place]}, which is {name}: both say {both}"
        return Reason(text=said, words=tuple(quoted), cites=self.keys[place])

    @cached_property
    def _terms(self) -> list[str]:
        return self.reader.lexicons[0].terms()

    def _telling(self, case: Case, row: csr_matrix, label: int, other: int) -> list[str]:
        """Words and pairs of the ticket that speak most for the label, as they stand there; none inside another."""
        worth: dict[str, float] = {}
        scale, other_scale = float(self.scale[label]), float(self.scale[other])
        values = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        for name in _READABLE:
            block = next(each for each in _BLOCKS if each.name == name)
            start, places = self.reader.start(name), self.reader.lexicons[_BLOCKS.index(block)].places
            for term in set(block.cut(case)):
                place = start + places[term] if term in places else -1
                if place in values:
                    lean = int(self.weights[place, label]) * scale - int(self.weights[place, other]) * other_scale
                    worth[term] = worth.get(term, 0.0) + values[place] * lean
        ranked = sorted((term for term in worth if worth[term] > 0), key=lambda term: (-worth[term], term))
        return _quotable(ranked, case.whole)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "weights": self.weights,
            "scale": self.scale,
            "base": self.base,
            "truth": self.truth,
            "memory_values": (self.memory.data * 255).astype(np.uint8),
            "memory_places": self.memory.indices.astype(np.int32),
            "memory_starts": self.memory.indptr.astype(np.int32),
            "sure": np.stack([[*self.sure.middle, 0.0], [*self.sure.spread, 1.0], self.sure.weights]),
        }
        arrays |= {f"idf {block.name}": each.weights for block, each in zip(_BLOCKS, self.reader.lexicons, strict=True)}
        facts = {
            "terms": {block.name: each.terms() for block, each in zip(_BLOCKS, self.reader.lexicons, strict=True)},
            "vectors": self.reader.vectors,
            "temperature": self.temperature,
            "keys": list(self.keys),
        }
        return arrays, facts

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> _Learned:
        lexicons = [
            Lexicon({term: place for place, term in enumerate(facts["terms"][block.name])}, arrays[f"idf {block.name}"])
            for block in _BLOCKS
        ]
        values = arrays["memory_values"].astype(np.float32) / 255
        memory = csr_matrix(
            (values, arrays["memory_places"], arrays["memory_starts"]),
            shape=(len(arrays["truth"]), len(lexicons[0])),
        )
        sure = arrays["sure"]
        return cls(
            reader=_Reader(lexicons, facts["vectors"]),
            weights=arrays["weights"],
            scale=arrays["scale"],
            base=arrays["base"],
            temperature=facts["temperature"],
            sure=Logistic(sure[0, :-1], sure[1, :-1], sure[2]),
            keys=tuple(facts["keys"]),
            truth=arrays["truth"],
            memory=memory,
        )


def _learn(examples: Sequence[Example], labels: Sequence[str], goal: float) -> tuple[_Learned, float, NDArray[np.intp]]:
    """What was fitted, from where on it decides, and what it chose for each example unseen."""
    cases = [each.case for each in examples]
    reader = _Reader.of(cases)
    rows = reader.read(cases)
    place_of = {label: place for place, label in enumerate(labels)}
    truth = np.array([place_of[each.label] for each in examples], np.int32)
    memory = rows[:, : len(reader.lexicons[0])]
    folds = np.array([zlib.crc32(case.whole.strip().lower().encode()) % FOLDS for case in cases])
    scores, nearest = _unseen(rows, memory, truth, folds, len(labels))
    temperature = calibration.temperature_of(scores, truth.astype(np.intp))
    chances = calibration.softmax(scores, temperature)
    measures = _measures(scores, chances, nearest, truth)
    right = np.asarray(chances.argmax(axis=1) == truth, np.bool_)
    bar = calibration.NEVER
    if len(examples) >= DECIDES_FROM:
        raised = goal + min(YOUNGEST, YOUNG / len(examples))
        bar = calibration.bar_for(_crossed(measures, right, folds), right, raised)
    weights, base = _linear(rows, truth, len(labels))
    scale = np.abs(weights).max(axis=0) / 127 + 1e-12
    learned = _Learned(
        reader=reader,
        weights=np.rint(weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        base=base.astype(np.float32),
        temperature=temperature,
        sure=Logistic.of(measures, right),
        keys=tuple(each.key for each in examples),
        truth=truth,
        memory=memory,
    )
    return learned, bar, chances.argmax(axis=1)


def _unseen(
    rows: csr_matrix, memory: csr_matrix, truth: NDArray[np.int32], folds: NDArray[Any], labels: int
) -> tuple[NDArray[np.float64], Nearest]:
    """Scores of each example by a model that saw none of its text, and what is most like it among the others."""
    scores = np.full((len(truth), labels), NEVER)
    places = np.zeros((len(truth), NEIGHBORS), np.intp)
    likeness = np.zeros((len(truth), NEIGHBORS), np.float32)
    for fold in range(FOLDS):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(out) or len(set(truth[rest].tolist())) < 2:
            continue
        weights, base = _linear(rows[rest], truth[rest], labels)
        scores[out] = rows[out] @ weights + base
        for some in np.array_split(out, 1 + len(out) // 500):
            found, likeness[some] = _nearest((memory[some] @ memory[rest].T).toarray())
            places[some] = rest[found]
    return scores, (places, likeness)


def _nearest(near: Matrix) -> Nearest:
    """The most alike of each row, best first: their places and how alike they are."""
    count = min(NEIGHBORS, near.shape[1])
    places = np.argpartition(-near, count - 1, axis=1)[:, :count]
    likeness = np.take_along_axis(near, places, axis=1)
    order = np.argsort(-likeness, axis=1, kind="stable")
    places, likeness = np.take_along_axis(places, order, axis=1), np.take_along_axis(likeness, order, axis=1)
    missing = ((0, 0), (0, NEIGHBORS - count))
    return np.pad(places, missing), np.pad(likeness, missing).astype(np.float32)


def _linear(rows: csr_matrix, truth: NDArray[np.int32], labels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and base of a linear machine, one column for each label."""
    from sklearn.svm import LinearSVC  # takes a second to import, and only learning needs it

    machine = LinearSVC(C=_SOFT_MARGIN, tol=0.1, random_state=0).fit(rows, truth)
    weights, base = np.zeros((rows.shape[1], labels)), np.full(labels, NEVER)
    if len(machine.classes_) == 2:
        both = machine.classes_.tolist()
        weights[:, both] = np.vstack([-machine.coef_[0], machine.coef_[0]]).T
        base[both] = [-machine.intercept_[0], machine.intercept_[0]]
    else:
        weights[:, machine.classes_] = machine.coef_.T
        base[machine.classes_] = machine.intercept_
    return weights, base


def _measures(
    scores: NDArray[np.float64], chances: NDArray[np.float64], nearest: Nearest, truth: NDArray[np.int32]
) -> NDArray[np.float64]:
    """What tells whether the first choice is right: its chance, its score, its lead, and what similar tickets are."""
    order = np.argsort(-chances, axis=1, kind="stable")
    rows = np.arange(len(scores))
    first, second = order[:, 0], order[:, 1]
    chance = np.clip(chances[rows, first], 1e-6, 1 - 1e-6)
    likeness = nearest[1].astype(np.float64) ** 2
    agree = (likeness * (truth[nearest[0]] == first[:, None])).sum(axis=1) / (likeness.sum(axis=1) + 0.05)
    lead = scores[rows, first] - scores[rows, second]
    return np.stack([np.log(chance / (1 - chance)), scores[rows, first], lead, agree, likeness[:, 0]], axis=1)


def _crossed(measures: NDArray[np.float64], right: NDArray[np.bool_], folds: NDArray[Any]) -> NDArray[np.float64]:
    """Confidence of each example, fitted on the others."""
    found = np.zeros(len(right))
    for fold in range(FOLDS):
        out = folds == fold
        if out.any() and (~out).any():
            found[out] = Logistic.of(measures[~out], right[~out])(measures[out])
    return found


def _quotable(terms: Sequence[str], text: str) -> list[str]:
    """Terms as they stand in the text, without small words alone and without what another one holds already."""
    chosen: list[str] = []
    for term in terms:
        telling = len(term) > 2 and len(list(content_words(term))) == len(term.split())
        quoted = _stands(term, text) if telling else ""
        if quoted and not any(term in other.lower() or other.lower() in term for other in chosen):
            chosen.append(quoted)
        if len(chosen) == MOST_REASONS:
            break
    return chosen


def _stands(term: str, text: str) -> str:
    """The term as it stands in the text; empty when it does not."""
    pattern = r"\W+".join(re.escape(word) for word in term.split())
    match = re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)
    return " ".join(match[0].split()) if match else ""

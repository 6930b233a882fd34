"""The few sentences that tell most of a thread, with who said them: a summary with no model, for places that are short.

Each sentence is measured, and weighed by weights that are hand-set, or learned from threads that people have summed up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psa_copilot.models import ActorClass, Thread
from psa_copilot.text.caution import is_secret
from psa_copilot.text.clean import own_words, shown
from psa_copilot.text.clean import sentences as sentences_of
from psa_copilot.text.injection import quarantined
from psa_copilot.text.reading import Reading, Sentence, content_words, cue, read, weigh, worth
from psa_copilot.text.similarity import stem

VERSION = 1
SHORTEST, LONGEST = 36, 130
"""Words of a summary of a short and of a long thread."""
SHARE = 0.2
"""Of a thread's words, in between."""
LONGEST_SENTENCE = 32
TOO_ALIKE = 0.6
PENALTY = 3.0

Floats = NDArray[np.float64]

# What is measured of a sentence, and the weight by hand: matter, early place and complaint tell, chatter does not.
_HAND = {
    "worth": 0.5,
    "length": 0.5,
    "is long": -0.3,
    "is short": -0.6,
    "opens its message": 0.15,
    "in the first message": 0.6,
    "in the opening": 0.3,
    "in the first answer": 0.35,
    "in the last message": 0.0,
    "late": -0.25,
    "by the customer": 0.1,
    "asks": 0.05,
    "trouble": 0.15,
    "done": 0.1,
    "promises": 0.1,
    "asks for something": 0.15,
    "chatter": -0.5,
    "customer's question": 0.1,
    "link or number": -0.05,
    "number": 0.0,
    "like all": 0.4,
    "of the title": 0.2,
}


@dataclass(frozen=True)
class Weights:
    """How much each measure of a sentence tells."""

    values: NDArray[Any]

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """As arrays and as what JSON can hold."""
        return {"values": self.values}, {"version": VERSION, "measures": list(_HAND)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Weights:
        """The weights that `to_arrays` took apart; ValueError for another version's."""
        if facts.get("version") != VERSION or facts.get("measures") != list(_HAND):
            raise ValueError("weights of another version: learn them again")
        return cls(np.asarray(arrays["values"], np.float64))


BY_HAND = Weights(np.array([*_HAND.values(), 0.0]))


def summary(thread: Thread, weights: Weights = BY_HAND, most: int | None = None) -> str:
    """The most telling sentences in the thread's order, each side named before its first one; at most `most` words."""
    reading = read(thread)
    sentences = reading.sentences
    if not sentences:
        return ""
    scores = _measures(thread, reading) @ weights.values
    room = most or _room(sentences)
    return _written(_picked(sentences, scores, room), _several(reading))


def brief(title: str, text: str, names: Collection[str] = (), most: int = SHORTEST) -> str:
    """What one ticket says in a few words: its title, then its first telling sentences. Orders to software stay out."""
    kept: list[str] = []
    for sentence in [title, *sentences_of(own_words(quarantined(text, names)[0]))]:
        said = shown(quarantined(sentence, names)[0])
        room = most - sum(len(each.split()) for each in kept)
        new = re.sub(r"\W", "", said.lower())
        if room > 0 and new and not is_secret(said) and not any(new in re.sub(r"\W", "", one.lower()) for one in kept):
            kept.append(" ".join(said.split()[:room]))
    return ". ".join(each.rstrip(" .") for each in kept) + "." * bool(kept)


def learn(threads: Iterable[tuple[Thread, Sequence[str]]]) -> Weights:
    """Weights from threads with what people wrote as their summaries."""
    rows: list[Floats] = []
    worths: list[Floats] = []
    for thread, references in threads:
        reading = read(thread)
        if reading.sentences and references:
            rows.append(_measures(thread, reading))
            worths.append(_told([each.text for each in reading.sentences], references))
    if not rows:
        return BY_HAND
    design, target = np.vstack(rows), np.concatenate(worths)
    calm = PENALTY * np.diag([*np.ones(design.shape[1] - 1), 0.0])
    return Weights(np.linalg.solve(design.T @ design + calm, design.T @ target))


def _room(sentences: Sequence[Sentence]) -> int:
    said = sum(sentence.length for sentence in sentences)
    return int(min(LONGEST, max(SHORTEST, SHARE * said)))


def _picked(sentences: Sequence[Sentence], scores: Floats, room: int) -> list[Sentence]:
    """The best ones that fit, none saying what another says; both sides are heard, when both have spoken."""
    order = [sentences[place] for place in np.argsort(-scores, kind="stable")]
    sides = dict.fromkeys(_side(sentence) for sentence in order)
    first = [next(each for each in order if _side(each) == side) for side in list(sides)[:2]] if len(sides) > 1 else []
    chosen: list[Sentence] = []
    for sentence in [*first, *order]:
        left = room - sum(_length(each) for each in chosen)
        fits = _length(sentence) <= left + 4 or not chosen
        if left > 4 and fits and sentence not in chosen and not any(_alike(sentence, each) for each in chosen):
            chosen.append(sentence)
    return sorted(chosen, key=lambda sentence: (sentence.number, sentence.place))


def _length(sentence: Sentence) -> int:
    return min(sentence.length, LONGEST_SENTENCE)


def _written(sentences: Sequence[Sentence], several: bool) -> str:
    parts: list[str] = []
    speaker = ""
    for sentence in sentences:
        words = sentence.text.lstrip("> ").split()
        text = " ".join(words[:LONGEST_SENTENCE]).rstrip(",;:") + "…" * (len(words) > LONGEST_SENTENCE)
        if _speaker(sentence, several) != speaker:
            speaker = _speaker(sentence, several)
            text = f"{speaker}: {text}"
        parts.append(text)
    return " ".join(parts)


def _several(reading: Reading) -> bool:
    """Whether more than one person wrote as the customer, so that "customer" would not tell who."""
    return len({message.author for _, message in reading.messages if message.by is not ActorClass.TECHNICIAN}) > 1


def _side(sentence: Sentence) -> str:
    return "agent" if sentence.message.by is ActorClass.TECHNICIAN else "customer"


def _speaker(sentence: Sentence, several: bool) -> str:
    first_name = re.match(r"[^\W\d_]+", sentence.message.author)
    named = several and first_name and sentence.message.by is not ActorClass.TECHNICIAN
    return first_name[0] if named and first_name else _side(sentence).capitalize()


def _alike(one: Sentence, other: Sentence) -> bool:
    return len(one.words & other.words) > TOO_ALIKE * min(len(one.words), len(other.words))


def _measures(thread: Thread, reading: Reading) -> Floats:
    """A row for each sentence, a column for each of `_HAND`, and a last one that is always 1."""
    sentences = reading.sentences
    weights = weigh(sentences)
    numbers = [number for number, _ in reading.messages]
    opening = _opening(reading)
    answer = next((n for n, message in reading.messages if message.by is ActorClass.TECHNICIAN), -1)
    everything = Counter(word for sentence in sentences for word in sentence.words)
    title = frozenset(content_words(" ".join(ticket.title for ticket in thread.tickets)))
    rows = []
    for sentence in sentences:
        customer = sentence.message.by is not ActorClass.TECHNICIAN
        late = (numbers.index(sentence.number) / max(1, len(numbers) - 1)) if sentence.number in numbers else 1.0
        rows.append(
            [
                worth(sentence, weights),
                min(sentence.length, 25) / 25,
                sentence.length > 30,
                sentence.length < 5,
                sentence.place == 0,
                sentence.number == numbers[0],
                sentence.number in opening,
                sentence.number == answer,
                sentence.number == numbers[-1],
                late,
                customer,
                sentence.asks,
                cue("trouble", sentence),
                cue("done", sentence),
                sentence.promises,
                cue("asking", sentence),
                sentence.chats,
                customer and sentence.asks,
                "(link)" in sentence.text or "(number)" in sentence.text,
                bool(re.search(r"\d", sentence.text)),
                sum(everything[word] for word in sentence.words) / (1 + everything.total()) * 5,
                len(sentence.words & title) / (1 + len(title)),
                1.0,
            ]
        )
    return np.array(rows, np.float64)


def _opening(reading: Reading) -> frozenset[int]:
    """What was said before anybody answered."""
    said: list[int] = []
    for number, message in reading.messages:
        if message.by is ActorClass.TECHNICIAN and said:
            break
        said.append(number)
    return frozenset(said)


def _told(sentences: Sequence[str], references: Sequence[str]) -> Floats:
    """How much each sentence alone tells of the references."""
    known = [_stemmed(reference) for reference in references]
    return np.array([np.mean([_overlap(_stemmed(sentence), each) for each in known]) for sentence in sentences])


def _stemmed(text: str) -> list[str]:
    return [stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())]


def _overlap(said: list[str], reference: list[str]) -> float:
    """The common words, and the longest common run with gaps, as shares of both."""
    if not said or not reference:
        return 0.0
    common = (Counter(said) & Counter(reference)).total()
    size = len(said) + len(reference)
    return common / size + _longest_common(said, reference) / size


def _longest_common(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, mate in enumerate(other, 1):
            before, row[place] = row[place], before + 1 if word == mate else max(row[place], row[place - 1])
    return row[-1]

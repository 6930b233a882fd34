"""Text that gives orders to software: taken out before a choice is made or a summary written; and a hint for people.

Taking out is the defense, and goes by what an order is (who is addressed, what shall be set), never by how a planted
word looks. The hint is a score, learned where examples are given, and by the rules alone otherwise.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psa_copilot.text.calibration import Floats
from psa_copilot.text.caution import is_addressed_to_software
from psa_copilot.text.clean import sentences
from psa_copilot.text.terms import Lexicon, pieces, words
from psa_copilot.text.vectors import embed

MOST_FALSE_ALARMS = 0.05
"""Share of clean training texts that may be flagged."""
FOLDS = 4
_EDGE = -0.5
_SILENT = 0.1
"""The score of a text that says nothing."""

_TAGGED = re.compile(
    r"<!--.*?(?:-->|$)|<\|?(?P<tag>system|instructions?|assistant|prompt|im_start)\b[^>]*>.*?(?:</?\|?(?P=tag)\|?>|$)|"
    r"\[/?(?:inst|sys|system)\].*?(?:\[/(?:inst|sys|system)\]|$)",
    re.IGNORECASE | re.DOTALL,
)
"""From a mark that no person types to its end."""
_FENCED = re.compile(r"^\s*(?:\"{3}|'{3}|`{3}|={3,}|#{3,}|-{3,})\s*$")
_FIELDS = (
    r"(?:priority|urgency|impact|severity|status|board|queue|group|team|category|assignee|assignment[_ ]group|summary)"
)
_ORDERS = (
    # a machine's notation that sets fields of a ticket
    rf"[\"'\[{{(<:;,\s]{_FIELDS}[\"']?\s*(?:=|:=|\"\s*:)\s*[\"']?\w",
    r"[\"']role[\"']\s*:\s*[\"']|\b\w+_\w+\s*\([^)]*=|\b(?:call|invoke|execute)\s+\w+_\w+",
    # who is spoken to
    r"\b(?:ai|llms?|bots?|agents?|copilot|chatbots?|(?:ai |virtual )?assistants?|language models?)\b[^.!?\n]{0,40}\b"
    r"(?:(?:must|should|shall|have to|need to)(?! be \w+(?:ed|en)\b)|"
    r"always|print|output|write|say|include|route|assign|choose|pick|set)\b",
    r"(?:^|[\n\"'=#*<\[-])\s*end of (?:the )?(?:ticket|prompt|message|input|instructions?|context|document)\s*"
    r"(?:$|[\n\"'=#*>\].:-])",
    r"\byour new (?:task|instructions?|goal|role)\b|\bnew (?:task|instructions?|goal|role|system)\s*:|"
    r"\b(?:routing|system|admin|policy) override\b",
    # what it shall do with its answer
    r"(?<!\bthe )(?<!\ban )(?<!\bno )(?<!\bmy )(?<!\byour )\b(?:answer|reply|respond|return|output)\b[^.!?\n]{0,20}\b"
    r"(?:only|exactly|just|nothing but|solely)\b(?! (?:by|to|via|on|in|at|after|if|when)\b)",
    r"\b(?:in|into|to|of|begin|start|end|at)\b[^.!?\n]{0,24}\b(?:your|its|every) (?:\w+ )?(?:summary|recap|output)\b",
    r"\b(?:in|into|of|begin|start|end|at)\b[^.!?\n]{0,24}\b(?:(?:your|its|every) (?:\w+ )?response|"
    r"the (?:\w+ )?(?:summary|recap))\b",
    r"\b(?:add|append|attach|write|put|print|insert|include|copy|paste|prepend|confirm)(?:ing)?\b[^.!?\n]{0,60}\bto "
    r"(?:your|the|its|every) (?:\w+ )?(?:summary|recap|output|response)\b",
    r"\b(?:last|all|other|previous)\b[^.!?\n]{0,30}\btickets? (?:of|from|by) (?:\w+ ){0,2}(?:other|all|another)\b",
    # what it shall do with the ticket
    r"\b(?:set|change|raise|escalate|mark|make|put)\b[^.!?\n]{0,30}\b(?:priority|urgency|severity)\b[^.!?\n]{0,30}\b"
    r"(?:critical|highest|urgent|p1|1|high|emergency)\b",
    r"\b(?:assign|route|re-?route|move|transfer|send|forward|dispatch)\b[^.!?\n]{0,40}\b(?:as|with|and|priority)\b"
    r"[^.!?\n]{0,20}\b(?:critical|highest|p1)\b",
    r"\btickets? (?:from|of|by) this (?:caller|user|customer|client|contact|company)\b[^.!?\n]{0,12}\b"
    r"(?:go|goes|belongs?|must|should|shall|have to|has to|needs? to|are to|is to|to|as)\b",
)
_QUOTE = re.compile(r"^\s*>")


@cache
def _orders() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{order})" for order in _ORDERS), re.IGNORECASE)


def gives_orders(text: str) -> bool:
    """Whether it tells a program that reads along, or whoever files the ticket, what to do."""
    return bool(_orders().search(text)) or is_addressed_to_software(text)


def quarantined(text: str, names: Collection[str] = ()) -> tuple[str, list[str]]:
    """The text without what gives orders to software, and what was taken out.

    `names` are values that a choice could be steered to: a sentence that tells to choose one goes too.
    """
    if not text.strip():
        return text, []
    removed: list[str] = []

    def take(match: re.Match[str]) -> str:
        removed.append(match[0])
        return " "

    lines = _TAGGED.sub(take, text).split("\n")
    named = _naming(frozenset(names))
    kept: list[str] = []
    for block in _blocks(lines):
        if _QUOTE.match(block[0]) and any(_bad(line, named) for line in block):
            removed += block
        else:
            kept += [_line(line, named, removed) for line in block]
    if removed:
        kept = [line for line in kept if not _FENCED.match(line)]
    return "\n".join(kept) if removed else text, [each.strip() for each in removed if each.strip()]


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """Lines of quoted mail together, others alone."""
    blocks: list[list[str]] = []
    for line in lines:
        if blocks and _QUOTE.match(line) and _QUOTE.match(blocks[-1][0]):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _line(line: str, named: re.Pattern[str] | None, removed: list[str]) -> str:
    if not _bad(line, named):
        return line
    said = sentences(line)
    kept = [sentence for sentence in said if not _bad(sentence, named)]
    if len(kept) == len(said):  # the order runs over the end of a sentence
        kept = []
    removed += [sentence for sentence in said if sentence not in kept]
    return " ".join(kept)


def _bad(text: str, named: re.Pattern[str] | None) -> bool:
    return gives_orders(text) or (named is not None and _steers(text, named))


def steers_to(order: str, name: str) -> bool:
    """Whether what was taken out tells to choose this value; a value whose name is just a word of it was not meant."""
    named = _naming(frozenset((name,)))
    if named is not None and _steers(order, named):
        return True
    meant = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", 0 if len(name) <= _SHORT else re.IGNORECASE)
    return gives_orders(order) and bool(meant.search(order))


def _steers(text: str, named: re.Pattern[str]) -> bool:
    return any(not _narrated(text, match.start()) for match in named.finditer(text))


def _narrated(text: str, place: int) -> bool:
    return bool(_NARRATED.search(text, max(0, place - _NEAR), place))


_SHORT = 3
"""Letters, up to which a name is looked for as it is written: IT is a board, it is none."""
_NEAR = 60
_MADE_UP = re.compile(r"^(?=.*\d)(?=.*[_-])\S+$")
"""A name that no sentence holds by chance: GRP_29, NOC-2."""
_NARRATED = re.compile(
    r"\b(?:i|we|they|he|she|users?|who|cannot|can not|can['’]t|could(?:n['’]t| not)|unable|able|tr(?:y|ied|ying)|how)\b"
    r"(?:(?!\b(?:you|please|and|then)\b)[^.!?;,\n]){0,24}$",
    re.IGNORECASE,
)
"""Somebody tells what he does himself, or cannot do."""
_PLACE = r"(?:board|queue|(?:assignment |support )?group|team|department|desk)"
_TICKET = (
    r"(?:(?:(?:it|this(?: one)?|that|them|me)|(?:(?:all|the|this|that|my|our|these|every|each|any) )*(?:\w+ )?"
    r"(?:tickets?|requests?|cases?|issues?|incidents?|matters?|tasks?)"
    r"(?:(?: (?:of|from|by|for|about)\b|,)[^.!?\n]{0,30}?)?)"
    r"(?: (?:all|back|directly|straight|over|on|now|please|instead))*)"
)
"""What is sent to a board. Mails and files are sent to Outlook by anybody."""
_ENDS = (
    rf"(?=[\"')\]}}]*\s*(?:$|[.,;:!?()\]}}<>\n]|\b(?:{_PLACE}|with|as|and|or|please|now|at once|immediately|"
    r"because|since|right|asap|instead|today|then|for (?:this|the|every|all|each|any))\b))"
)
"""What may follow a value that stands for itself, and not in front of another word as in "the network drive"."""


@lru_cache(maxsize=64)
def _naming(names: frozenset[str]) -> re.Pattern[str] | None:
    """An order to choose one of the values; a made-up name beside a word of steering is one too, another is not."""
    telling = sorted((name for name in names if len(name) > 2), key=len, reverse=True)
    if not telling:
        return None
    made_up = [name for name in telling if _MADE_UP.match(name)]
    parts = [_told(telling), *([_beside(made_up)] if made_up else [])]
    return re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE)


def _told(names: Sequence[str]) -> str:
    """The ticket is sent there; the field is set to it; it is said to be the right one; it is chosen as one."""
    name = rf"[\"'\[(]*(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)"
    value = f"(?:the )?{name}"
    there = f"(?:{name}{_ENDS}|the {name}[\"']* {_PLACE}\\b)"
    ticket = r"\b(?:it|this(?: one)?|that|tickets?|requests?)\b"
    kind = r"(?:correct|right|proper|responsible|appropriate|best|only|assigned)"
    send = r"(?:re-?)?(?:assign|route|move|transfer|send|forward|dispatch|direct|escalate|hand(?: over)?)"
    sent = r"(?:re-?)?(?:assigned|routed|moved|transferred|sent|forwarded|dispatched|directed|escalated)"
    return "|".join(
        (
            rf"\b{send}\s+{_TICKET}?\s*(?:in|on)?to (?:(?:the )?{_PLACE} {name}|{there})",
            rf"{ticket}[^.!?\n]{{0,12}}\b(?:go(?:es)?|belongs?|be {sent}) (?:in|on)?to {there}",
            rf"\bput {_TICKET} (?:in|on|into|onto) {value} {_PLACE}\b",
            rf"\b{_PLACE}[\"']?\s*(?::?=|->|=>)\s*{value}",
            rf"\b(?:board|queue|(?:assignment|assigned|support) group|route(?:d)?(?: to)?)[\"']?\s*:\s*{value}",
            rf"\b(?:set|change|switch) (?:the |its )?{_PLACE} to {value}",
            rf"\b{kind} {_PLACE} (?:here |for (?:it|this|that|the)(?: \w+)? )?(?:is|=|:) {value}",
            rf"{value} is the {kind} {_PLACE}\b",
            rf"\b(?:choose|pick|select|set|use) {value}\s+(?:(?:as|for) (?:the|its|a|this) )?"
            rf"(?:{_PLACE}|ticket|request)\b",
            rf"\b(?:always|only|must) (?:choose|pick|select|use) {value}{_ENDS}",
            rf"\b(?:choose|pick|select|use) {value}[\"')]*,? (?:and|with|at|as)\b[^.!?\n]{{0,20}}\bpriority\b",
        )
    )


def _beside(names: Sequence[str]) -> str:
    value = rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)"
    return (
        rf"\b(?:assign|route|re-?route|move|send|transfer|forward|choose|pick|select|use|goes?|belongs?|group|queue|board|"
        rf"team)\b[^.!?\n]{{0,40}}{value}|{value}[^.!?\n]{{0,30}}\b(?:priority|critical)\b"
    )


@dataclass(frozen=True)
class Detector:
    """How likely a text carries an injected order: 0.5 and more is worth a hint."""

    lexicons: tuple[Lexicon, ...] = ()
    weights: Floats | None = None
    base: float = 0.0
    threshold: float = 0.0

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[bool]) -> Detector:
        """Learn from texts; the threshold is set on texts that were not seen, for few false alarms."""
        truth = np.asarray(labels, np.bool_)
        if truth.sum() < 10 or (~truth).sum() < 10:
            return cls()
        folds = np.array([zlib.crc32(text.encode()) % FOLDS for text in texts])
        unseen = np.zeros(len(texts))
        for fold in range(FOLDS):
            out = folds == fold
            part = cls._fitted([text for text, apart in zip(texts, out, strict=True) if not apart], truth[~out], 0.0)
            unseen[out] = part._raw([text for text, apart in zip(texts, out, strict=True) if apart])
        clean = np.sort(unseen[~truth])[::-1]
        # Where all is told apart, every threshold between the two would do; not one at the edge of the clean ones.
        threshold = max(float(clean[int(MOST_FALSE_ALARMS * len(clean))]) + 1e-6, _EDGE)
        return cls._fitted(texts, truth, threshold)

    @classmethod
    def _fitted(cls, texts: Sequence[str], truth: NDArray[np.bool_], threshold: float) -> Detector:
        from sklearn.svm import LinearSVC  # takes a second to import, and only learning needs it

        lexicons = (
            Lexicon.of((words(text) for text in texts), 1, 60_000),
            Lexicon.of((pieces(text) for text in texts), 2, 60_000),
        )
        part = cls(lexicons)
        machine = LinearSVC(C=0.5, class_weight="balanced", random_state=0).fit(part._rows(texts), truth)
        return cls(lexicons, machine.coef_[0], float(machine.intercept_[0]), threshold)

    def scores(self, texts: Sequence[str]) -> list[float]:
        """0 to 1 for each text."""
        if self.weights is None:
            return [0.9 if gives_orders(text) else _SILENT for text in texts]
        found = 1 / (1 + np.exp(-4 * (self._raw(texts) - self.threshold)))
        return [float(each) if text.strip() else _SILENT for text, each in zip(texts, found, strict=True)]

    def score(self, text: str) -> float:
        """0 to 1."""
        return self.scores([text])[0]

    def _raw(self, texts: Sequence[str]) -> Floats:
        return np.asarray(self._rows(texts) @ self.weights + self.base, np.float64)

    def _rows(self, texts: Sequence[str]) -> Any:
        from scipy.sparse import csr_matrix, hstack

        cuts = (words, pieces)
        parts: list[Any] = [
            lexicon.matrix(cut(text) for text in texts) for cut, lexicon in zip(cuts, self.lexicons, strict=True)
        ]
        ruled = np.array([[0.6 * gives_orders(text), 0.3 * bool(quarantined(text)[1])] for text in texts])
        parts.append(csr_matrix(ruled))
        vectors = embed(texts)
        if vectors is not None:
            parts.append(csr_matrix(vectors))
        return hstack(parts, format="csr")

"""Redaction before a model reads, restoration in what it wrote. Secrets go in and never come out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from string import ascii_uppercase

from psa_copilot.models import Thread
from psa_copilot.text.folded import fold
from psa_copilot.text.personal import find_personal
from psa_copilot.text.secrets import find_secrets, values
from psa_copilot.text.spans import Found, merged

STRUCK_OUT = "(secret)"
UNKNOWN = "(unknown)"
PIECE = 8
"""Characters of a secret that are never sent together, wherever they stand."""

_LABELS = {"email": "EMAIL", "phone": "PHONE", "ip": "IP", "mac": "MAC", "person": "PERSON"}
_MARK = re.compile(r"\[?\b(EMAIL|PHONE|IP|MAC|PERSON|SECRET)_(\d{1,4}[A-Z]?)\b\]?", re.IGNORECASE)


def texts_of(thread: Thread) -> list[str]:
    """All that was said on a thread, and all names on it."""
    tickets = (
        (each.title, each.company, each.contact, each.category, each.external_ref, each.number)
        for each in thread.tickets
    )
    messages = ((each.author, each.text) for each in thread.messages)
    return [text for group in (*tickets, *messages) for text in group if text]


def names_on(thread: Thread) -> set[str]:
    """The people that a thread names itself: its contacts and who wrote."""
    return {each.contact for each in thread.tickets} | {each.author for each in thread.messages}


class Veil:
    """Placeholders for what one run must not send, the same ones throughout the run."""

    def __init__(self, thread: Thread, people: Iterable[str] = ()) -> None:
        self._texts = texts_of(thread)
        self._secrets: set[str] = set()
        for text in self._texts:
            self._learn(text)
        named = sorted({*names_on(thread), *people} - {""})
        self._names = tuple(name for name in map(self._without_secrets, named) if name)
        self._marks: dict[tuple[str, str], str] = {}
        self._shown: dict[str, str] = {}

    @cached_property
    def thread_text(self) -> str:
        """Everything on the thread, for looking up what it contains."""
        return "\n".join(self._texts)

    def hide(self, text: str) -> str:
        """The text as a model may read it."""
        self._learn(text)
        text = _MARK.sub(lambda match: f"({match[1]} {match[2]})", fold(text).text)
        hidden = merged([*self._known_in(text), *(Found(one.start, one.end, "secret") for one in find_secrets(text))])
        personal = (each for each in find_personal(text, self._names) if not _inside(each, hidden))
        return self._masked(text, sorted([*hidden, *personal]))

    def show(self, text: str) -> str:
        """What the model wrote, with the people put back and no secret in it."""
        for each in reversed(find_secrets(text)):
            text = text[: each.start] + STRUCK_OUT + text[each.end :]
        return _MARK.sub(self._behind, text)

    def _learn(self, text: str) -> None:
        self._secrets |= values(text, find_secrets(text))

    def _without_secrets(self, name: str) -> str:
        for each in reversed(find_secrets(name)):
            name = name[: each.start] + " " + name[each.end :]
        return name.strip()

    def _known_in(self, text: str) -> list[Found]:
        """Where a secret that was found anywhere on the thread stands again, whole or in part, wrapped or not."""
        view = fold(text)
        # A short word is no secret elsewhere: who has "printer" for a password still has a printer.
        telling = [value for value in self._secrets if len(value) >= PIECE or not value.isalpha()]
        pieces = {value[at : at + PIECE] for value in telling for at in range(max(1, len(value) - PIECE + 1))}
        views = (view, view.joined()[0])
        return [Found(*one.source(*place), "secret") for one in views for place in _places(one.text, pieces)]

    def _masked(self, text: str, found: list[Found]) -> str:
        parts, last = [], 0
        for each in found:
            if each.start < last:
                continue
            parts += [text[last : each.start], self._mark(each.kind, text[each.start : each.end])]
            last = each.end
        return "".join([*parts, text[last:]])

    def _mark(self, kind: str, value: str) -> str:
        """The placeholder for a value: PERSON_2 for Anna Berg, PERSON_2B where only "Anna" is written."""
        label = _LABELS.get(kind, "SECRET")
        key = (label, _squeezed(value))
        if key not in self._marks:
            whole = self._whole(value) if kind == "person" else value
            base = self._marks.setdefault((label, _squeezed(whole)), self._next(label))
            self._shown.setdefault(base, whole)
            if key not in self._marks:
                self._marks[key] = next(
                    f"{base}{letter}" for letter in ascii_uppercase[1:] if f"{base}{letter}" not in self._shown
                )
                self._shown[self._marks[key]] = value
        return f"[{self._marks[key]}]"

    def _next(self, label: str) -> str:
        return f"{label}_{1 + sum(one == label and mark[-1].isdigit() for (one, _), mark in self._marks.items())}"

    def _whole(self, value: str) -> str:
        """The one known person that a name means; the name itself where it may be two."""
        words = set(re.findall(r"\w+", value.casefold()))
        meant = {name for name in self._names if words <= set(re.findall(r"\w+", name.casefold()))}
        return meant.pop() if len(meant) == 1 else value

    def _behind(self, match: re.Match[str]) -> str:
        label = match[1].upper()
        return STRUCK_OUT if label == "SECRET" else self._shown.get(f"{label}_{match[2].upper()}", UNKNOWN)


def _places(text: str, pieces: set[str]) -> Iterator[tuple[int, int]]:
    for length in {len(piece) for piece in pieces}:
        for at in range(len(text) - length + 1):
            if text[at : at + length] in pieces:
                yield at, at + length


def _squeezed(value: str) -> str:
    return re.sub(r"\s+", " ", value).strip().casefold()


def _inside(each: Found, others: list[Found]) -> bool:
    return any(each.start < other.end and other.start < each.end for other in others)

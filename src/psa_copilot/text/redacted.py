"""A sentence of one client's ticket, fit to be read on another's: whose it was can no longer be told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from psa_copilot.text.clean import URL
from psa_copilot.text.entities import entities
from psa_copilot.text.personal import find_personal
from psa_copilot.text.secrets import find_secrets

TELLING = ("host", "ip", "mac", "path")
"""Kinds of entities that belong to one client; error codes and versions do not."""
_FOR = {"host": "(a machine)", "ip": "(an address)", "mac": "(an address)", "path": "(a path)"}


def redacted(text: str, names: Sequence[str] = ()) -> str:
    """The text with what identifies put in parentheses by its kind; `names` are clients and people besides."""
    spans = sorted({*_secrets(text), *_persons(text, names), *_machines(text), *_links(text)})
    out, end = list[str](), 0
    for start, stop, said in spans:
        if start < end:
            end = max(end, stop)
            continue
        out += [text[end:start], said]
        end = stop
    return "".join([*out, text[end:]])


def _secrets(text: str) -> Iterator[tuple[int, int, str]]:
    yield from ((found.start, found.end, "(a secret)") for found in find_secrets(text))


def _persons(text: str, names: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    yield from ((found.start, found.end, "(somebody)") for found in find_personal(text, names))
    for name in names:
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) if name.strip() else ():
            yield match.start(), match.end(), "(a client)"


def _machines(text: str) -> Iterator[tuple[int, int, str]]:
    for entity in entities(text):
        if entity.kind in TELLING:
            for match in re.finditer(re.escape(entity.text), text):
                yield match.start(), match.end(), _FOR[entity.kind]


def _links(text: str) -> Iterator[tuple[int, int, str]]:
    yield from ((match.start(), match.end(), "(a link)") for match in re.finditer(URL, text))

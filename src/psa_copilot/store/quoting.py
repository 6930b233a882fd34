"""Finds what somebody wrote where a note of ours quotes it: clauses with so many words in a row in common with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

RUN = 4
"""Words in a row that nobody says twice by chance; a shorter quotation is not told from anybody's words."""
_CLAUSES = re.compile(r'([.;:!?"“”\n]+\s*)')
_WORD = re.compile(r"\w+")


class Said:
    """What somebody wrote."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = {run for text in texts for run in _runs(text)}

    def without(self, text: str, gone: str) -> str:
        """A text of ours, in which none of it is quoted any more."""
        return "".join(gone if self._quoted(clause) else clause for clause in _CLAUSES.split(text))

    def _quoted(self, clause: str) -> bool:
        return any(run in self._runs for run in _runs(clause))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    yield from zip(*(words[start:] for start in range(RUN)), strict=False)

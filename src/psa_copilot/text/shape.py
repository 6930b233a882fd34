"""The shape of a note: a first line that a list shows whole, then few and short lines of plain text."""

from __future__ import annotations

from psa_copilot.text.extract import FIRST_LINE, WHOLE, shortened
from psa_copilot.text.proper import clauses, plain

MOST_LINES = 8
"""Below the first."""


def shaped(note: str, *, most: int = WHOLE) -> str:
    """The note in its shape: what is too long loses its last clauses, and then its last words."""
    lines = [line for line in map(plain, note.splitlines()) if line][: MOST_LINES + 1]
    if not lines:
        return ""
    lines[0] = _cut(lines[0], FIRST_LINE)
    while len("\n".join(lines)) > most and len(lines) > 1:
        longest = max(range(1, len(lines)), key=lambda number: len(lines[number]))
        over = len("\n".join(lines)) - most
        lines[longest] = _shorter(lines[longest], over)
    return "\n".join(lines)


def _shorter(line: str, over: int) -> str:
    """Without its last clause, if it has several; else cut."""
    parts = list(clauses(line))
    if len(parts) > 1:
        return " ".join(parts[:-1]).rstrip(" ;")
    return _cut(line, max(len(line) - over, len(line) // 2, 1))


def _cut(text: str, room: int) -> str:
    """Cut between two words; marks of quotation stay as they are, and are closed."""
    if len(text) <= room:
        return text
    cut = shortened(text, room - 1)
    return f'{cut}"' if text[: len(cut)].count('"') % 2 else cut

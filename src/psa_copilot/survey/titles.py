"""Titles of the same alert differ in numbers, times and names of machines: folded, they are one."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"^(?:\s*(?:re|fw|fwd|aw|wg|tr|rv|antw)\s*:)+", re.IGNORECASE)
_NOISE = (
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), " "),
    (re.compile(r"\b\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\s*(?:am|pm)?\b"), " "),
    (re.compile(r"\b(?:[\w-]+\.)+(?:local|lan|internal|example|com|net|org|corp)\b"), " "),
    (re.compile(r"\b(?=[a-z0-9_-]*\d)(?=[a-z0-9_-]*[a-z])[a-z0-9_]+(?:-[a-z0-9_]+)*\b"), " "),
    (re.compile(r"\b[a-z0-9]+(?:-[a-z0-9]+)*-\d+\b"), " "),
    (re.compile(r"[#<>=%]?\s*\d+(?:[.,]\d+)*\s*(?:%|[kmgt]i?b|ms|s|min|h)?"), " "),
    (re.compile(r"[^\w:]+"), " "),
)


def folded(title: str) -> str:
    """What titles of the same matter have in common; empty when nothing is left."""
    text = _PREFIX.sub("", title).casefold()
    for pattern, by in _NOISE:
        text = pattern.sub(by, text)
    return " ".join(text.split())

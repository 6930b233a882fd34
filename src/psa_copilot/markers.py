"""The line that each note of ours ends with, `-- copilot/PLUGIN MARKER`, and how to tell it again."""

from __future__ import annotations

import re
import secrets

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 10

# PSAs may turn newlines into spaces or wrap the text in HTML, so the end of the text decides, not the line.
_AT_END = re.compile(r"-- copilot/([a-z0-9_-]+) ([a-z2-7]{10})\s*(?:</\w+>\s*)*$")


def new_marker() -> str:
    """Ten characters that nobody has used."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def signed(body: str, plugin: str, marker: str) -> str:
    """A note's text with the marker line under it."""
    return f"{body.rstrip()}\n-- copilot/{plugin} {marker}"


def marker_of(text: str) -> str:
    """The marker that a text ends with, or nothing."""
    match = _AT_END.search(text.strip())
    return match[2] if match else ""


def unsigned(text: str) -> str:
    """A note's text without the marker line."""
    return _AT_END.sub("", text.strip()).rstrip()


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for white space, which PSAs do not keep."""
    return one.split() == other.split()

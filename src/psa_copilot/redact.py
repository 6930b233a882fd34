"""Takes secrets out of everything that is logged or printed.

Whoever learns a secret (config, the web token) adds it to `SECRETS`; logs and the CLI clean what they show.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
# A shorter value may be a part of innocent words (`priv` in `private`), so it counts only where it stands alone.
LONG = 8

_LOGIN = re.compile(r"\b(Basic)\s+([A-Za-z0-9+/]+={0,2})", re.IGNORECASE)


class Secrets:
    """The values that nobody may read in a log."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Hide this value from now on."""
        if value.strip():
            self._values.add(value)
            self._known = _pattern_of(self._values)

    def clean(self, text: str) -> str:
        """The text with every known secret, and every basic-auth login, masked."""
        text = _LOGIN.sub(_hide_login, text)
        return self._known.sub(MASK, text) if self._known else text


SECRETS = Secrets()
"""The secrets of this process."""


def _pattern_of(values: set[str]) -> re.Pattern[str]:
    forms = {form for value in values for form in _forms(value)}
    # Longest first: a secret that begins with another one must not leave its rest behind.
    return re.compile("|".join(_where(form) for form in sorted(forms, key=len, reverse=True)))


def _where(form: str) -> str:
    return re.escape(form) if len(form) >= LONG else rf"(?<!\w){re.escape(form)}(?!\w)"


def _forms(value: str) -> Iterator[str]:
    """The ways in which a secret turns up: as it is, quoted for a URL, escaped by repr or JSON, inside base64."""
    yield value
    yield from (quote(value, safe=""), quote_plus(value), repr(value)[1:-1], json.dumps(value)[1:-1])
    for encoded in _inside_base64(value.encode()):
        if len(encoded) >= LONG:
            yield encoded


def _inside_base64(value: bytes) -> Iterator[str]:
    """The characters that depend on `value` alone, for each of the three places where it can begin in base64."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]


def _hide_login(match: re.Match[str]) -> str:
    try:
        login = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return match[0]  # a word, as in "basic rights"
    return f"{match[1]} {MASK}" if b":" in login else match[0]

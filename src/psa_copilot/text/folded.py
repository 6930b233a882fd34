"""A text as a reader sees it, with the way back: where each seen character stands in the source.

What hides a secret from a pattern (tags, entities, zero-width characters, odd blanks, wide letters, a line break in
the middle) is gone from the folded text; a span found there is a span of the source.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

_TAG_NAMES = (
    "a|abbr|address|article|b|big|blockquote|body|br|center|code|col|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header|"
    "hr|html|i|img|ins|label|li|link|main|meta|ol|option|p|pre|s|section|select|small|span|strike|strong|style|sub|sup|"
    "table|tbody|td|tfoot|th|thead|title|tr|tt|u|ul"
)
_BREAKS = re.compile(
    r"</?(?:address|article|blockquote|br|center|dd|div|dl|dt|footer|form|h[1-6]|header|hr|li|ol|p|pre|section|"
    r"table|tr|ul)\b",
    re.IGNORECASE,
)
_CELL = re.compile(r"</?t[dh]\b", re.IGNORECASE)
_ZERO_WIDTH = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"


@cache
def _to_fold() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<tag><!--.{{0,2000}}?-->|</?(?:{_TAG_NAMES})\b[^<>]{{0,2000}}>)"
        r"|(?P<entity>&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,20});)"
        rf"|(?P<nothing>[{_ZERO_WIDTH}])"
        r"|(?P<newline>\r\n?|\u2028|\u2029|\x85)"
        r"|(?P<odd>[^\x00-\x7f])",
        re.IGNORECASE | re.DOTALL,
    )


# Line break, with a mail program's soft break before it and its quote marks after it.
_WRAP = re.compile(r"=?[ \t]{0,80}\n[ \t]{0,80}(?:[>|][>| \t]{0,80})?")


@dataclass(frozen=True)
class Folded:
    """The folded text, and for each of its characters where it begins and ends in the source."""

    text: str
    starts: list[int]
    ends: list[int]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The span of the source that is seen as `text[start:end]`."""
        return self.starts[start], self.ends[end - 1]

    def joined(self, *, every_other: int | None = None) -> tuple[Folded, list[int]]:
        """The same with its lines run together, for what was wrapped in the middle, and where they meet; or only each
        second break gone, so that what ends with a line still ends there."""
        text, starts, ends, last, seams = "", [], [], 0, []
        for number, match in enumerate(_WRAP.finditer(self.text)):
            if every_other is not None and number % 2 != every_other:
                continue
            text += self.text[last : match.start()]
            starts += self.starts[last : match.start()]
            ends += self.ends[last : match.start()]
            seams.append(len(text))
            last = match.end()
        return Folded(text + self.text[last:], starts + self.starts[last:], ends + self.ends[last:]), seams


def fold(source: str) -> Folded:
    """What a reader sees of a source that may be HTML."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for seen, start, end in _pieces(source):
        text.append(seen)
        if len(seen) == end - start:
            starts += range(start, end)
            ends += range(start + 1, end + 1)
        else:
            starts += [start] * len(seen)
            ends += [end] * len(seen)
    return Folded("".join(text), starts, ends)


def _pieces(source: str) -> Iterator[tuple[str, int, int]]:
    last = 0
    for match in _to_fold().finditer(source):
        if match.start() > last:
            yield source[last : match.start()], last, match.start()
        seen = _seen(match)
        if seen:
            yield seen, match.start(), match.end()
        last = match.end()
    if last < len(source):
        yield source[last:], last, len(source)


def _seen(match: re.Match[str]) -> str:
    if match["tag"]:
        if _CELL.match(match["tag"]):
            return "\t"
        return "\n" if _BREAKS.match(match["tag"]) else ""
    if match["entity"]:
        return "".join(_letter(each) for each in html.unescape(match["entity"]))
    if match["newline"]:
        return "\n"
    return _letter(match["odd"]) if match["odd"] else ""


@cache
def _drop() -> re.Pattern[str]:
    return re.compile(f"[{_ZERO_WIDTH}]")


def _letter(character: str) -> str:
    """One character in its plain form: wide letters, mathematical ones and odd blanks have one."""
    if _drop().match(character):
        return ""
    if character.isspace():
        return "\n" if character in "\n\r\u2028\u2029\x85" else " "
    if character in "‐‑‒–—−":
        return "-"
    return unicodedata.normalize("NFKC", character) if ord(character) > 0x2000 else character

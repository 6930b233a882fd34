"""Facts in a note that nobody said: numbers, names, addresses, hosts and dates that its sources do not contain.

A model that sums a thread up may invent them. Whatever else a note gets wrong, a technician must not call a number,
drive to a street or name a person that stands nowhere in the thread; so such a phrase is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psa_copilot.models import Thread
from psa_copilot.text.clean import URL, sentences
from psa_copilot.text.facts import (
    CODE,
    DAY_AND_MONTH,
    MONTHS,
    NUMBER,
    NUMBER_WORDS,
    TIME,
    WEEKDAYS,
    Span,
    facts,
)

NOT_STATED = "not stated"
MOST_SOURCE = 400_000
"""Characters of all sources that are read."""
SQUEEZED_FROM = 5
"""Letters from which "OneDrive" may have been said as "one drive"."""

DIGITS_OF_A_PHONE = 7

_STAMP = "%A %a %d %B %b %Y %Y-%m-%d %H:%M"


def unsupported(note: str, sources: Sequence[str]) -> list[Span]:
    """The facts of a note that no source contains, in the note's order."""
    known = _Known.of("\n".join(sources)[:MOST_SOURCE])
    return sorted((span for span in facts(note) if not known.holds(span)), key=lambda span: span.start)


def supported_only(note: str, sources: Sequence[str]) -> tuple[str, list[str]]:
    """The note without the phrases that hold an unsupported fact, and those phrases.

    A line that is left with its label alone says "not stated".
    """
    spans = unsupported(note, sources)
    removed: list[str] = []
    kept: list[str] = []
    start = 0
    for line in note.split("\n"):
        inside = [span for span in spans if start <= span.start <= start + len(line)]
        kept += _cleaned(line, [span.start - start for span in inside], removed) if inside else [line]
        start += len(line) + 1
    return "\n".join(kept), removed


def sources_of(thread: Thread) -> tuple[str, ...]:
    """All that a note about a thread may take facts from: what was said, when and by whom, and the tickets' fields."""
    tickets = (
        f"{each.number} {each.title} {each.board} {each.status} {each.priority} {each.category} {each.company} "
        f"{each.contact} {each.assignee} {each.opened_at:{_STAMP}}"
        for each in thread.tickets
    )
    messages = (f"{each.author} {each.sent_at:{_STAMP}}\n{each.text}" for each in thread.messages)
    return (*tickets, *messages)


_LABEL = re.compile(r"^\s*(?:[-•*] )?[^\W\d_][\w ]{1,24}: (?:\([a-z]+\) )?")
_QUOTED = re.compile(r'"[^"\n]*"|“[^”\n]*”')
_CITES = re.compile(r"\s*(?:\[#[\d, #]+\][.,;]?\s*)+")


def _cleaned(line: str, places: list[int], removed: list[str]) -> list[str]:
    """The line without the phrases at these places; no line when nothing is left of it."""
    label = _LABEL.match(line)
    body = label.end() if label else 0
    kept = []
    for start, end in _phrases(line, body):
        if any(start <= place < end for place in places):
            removed.append(line[start:end].strip(" ;"))
        else:
            kept.append(line[start:end])
    rest = "".join(kept).strip(" ;,")
    if not rest and label and body:
        return [f"{label[0].rstrip()} {NOT_STATED}."]
    return [f"{line[:body]}{_ended(rest)}"] if rest else []


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "]", '"', "”", ")")) else f"{text}."


def _phrases(line: str, start: int) -> Iterator[tuple[int, int]]:
    """Where the sentences and the parts between semicolons lie; a quotation is never cut in two."""
    plain = _QUOTED.sub(lambda match: "x" * len(match[0]), line)
    plain = re.sub(r";(?=\s)", ".", plain)
    place = start
    for sentence in sentences(plain[start:]):
        end = plain.index(sentence, place) + len(sentence) if sentence in plain[place:] else len(line)
        cites = _CITES.match(line, end)
        end = cites.end() if cites else end
        if end > place:
            yield place, end
            place = end
    if place < len(line):
        yield place, len(line)


_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_UNIT = re.compile(
    r"(?<![\w.,])(\d+(?:[.,:-]\d+)*)(?:st|nd|rd|th|x|hrs?|h|mins?|min|m|s|secs?|am|pm|k?bps|[kmgt]bs?|[kmgt]|px|v|w|ms|d|er|e|ème|"
    r"p|°?c|usd|eur|€|£)(?![^\W_])",
    re.IGNORECASE,
)
_HOUR_SAID = re.compile(
    r"\b(?:at|until|till|til|by|before|after|around|from|to|between|and|um|bis|ab|gegen|vor|nach|à|vers|avant|a las|"
    r"las|om|tot|rond) (\d{1,2}|[a-zà-ÿ]{3,8})\b(?![.:/]\d)",
    re.IGNORECASE,
)
_NUMERIC_DATE = re.compile(r"(?<!\d)(?:\d{4}[-/.])?(\d{1,2})[-/.](\d{1,2})(?:[-/.]\d{2,4})?(?!\d)")


@dataclass(frozen=True)
class _Known:
    """What the sources contain, in forms that can be compared."""

    text: str
    """In lower case."""
    squeezed: str
    """Letters and digits only."""
    words: frozenset[str]
    numbers: frozenset[str]
    codes: frozenset[str]
    times: frozenset[int]
    dates: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, text: str) -> _Known:
        lower = text.lower().replace("’", "'")
        split = _CAMEL.sub(" ", text.replace("’", "'")).lower()
        words = frozenset(_WORDS.findall(lower)) | frozenset(_WORDS.findall(split))
        return cls(
            text=lower,
            squeezed=_squeezed(lower),
            words=words | {word.removesuffix("'s") for word in words},
            numbers=frozenset(_numbers_in(URL.sub(" ", lower)))
            | {str(NUMBER_WORDS[w]) for w in words if w in NUMBER_WORDS},
            codes=frozenset(map(_squeezed, CODE.findall(lower))),
            times=frozenset(_times_in(lower)),
            dates=frozenset(_dates_in(lower)),
        )

    def holds(self, span: Span) -> bool:
        """Whether the sources contain this fact, perhaps written otherwise."""
        match span.kind:
            case "host" | "address":
                return self._has_whole(span.text.lower())
            case "date":
                return self._has_date(span.text.lower())
            case "time":
                return bool(set(_times_in(span.text.lower())) & self.times)
            case "number":
                return self._has_number(span.text.lower())
            case "name":
                return self._has_name(span.text.lower().replace("’", "'"))

    def _has_whole(self, text: str) -> bool:
        if re.search(rf"(?<![\w@-]){re.escape(text.rstrip('/'))}(?![\w-])", self.text):
            return True
        return len(_squeezed(text)) >= 2 * SQUEEZED_FROM and _squeezed(text) in self.squeezed

    def _has_date(self, text: str) -> bool:
        if text in WEEKDAYS:
            return any(WEEKDAYS.get(word) == WEEKDAYS[text] for word in self.words)
        if text in MONTHS:
            return any(MONTHS.get(word) == MONTHS[text] for word in self.words)
        return bool(set(_dates_in(text)) & self.dates)

    def _has_number(self, text: str) -> bool:
        if text in NUMBER_WORDS:
            return str(NUMBER_WORDS[text]) in self.numbers
        if CODE.fullmatch(text):
            unit = _UNIT.fullmatch(text)
            return self._has_code(_squeezed(text)) or (unit is not None and bool(_forms(unit[1]) & self.numbers))
        digits = re.sub(r"\D", "", text)
        if len(digits) >= DIGITS_OF_A_PHONE and digits in self.squeezed:
            return True  # a phone number, grouped in another way
        parts = re.split(r"[-/]", text)
        if len(parts) == 2 and all(_forms(part) & self.numbers for part in parts):
            return True  # a span of two numbers that were both said
        return bool(_forms(text) & self.numbers)

    def _has_code(self, code: str) -> bool:
        return code in self.codes or (len(code) >= SQUEEZED_FROM and code in self.squeezed)

    def _has_name(self, name: str) -> bool:
        name = name.removesuffix("'s")
        if name in self.words or name.rstrip("s") in self.words or f"{name}s" in self.words:
            return True
        if len(name) >= SQUEEZED_FROM and _squeezed(name) in self.squeezed:
            return True
        parts = re.split(r"['-]", name)
        return len(parts) > 1 and all(part in self.words for part in parts)


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def _numbers_in(text: str) -> Iterator[str]:
    """Every number in all its forms; those with a unit, and the parts of dates, times and spans, too."""
    for match in NUMBER.finditer(text):
        yield from _forms(match[0])
        for part in re.split(r"[-/:,]", match[0]):
            yield from _forms(part)
    for match in _UNIT.finditer(text):
        yield from _forms(match[1])
        for part in re.split(r"[-:]", match[1]):
            yield from _forms(part)


def _forms(number: str) -> set[str]:
    """A number without leading and trailing zeros; "1.200" may be a thousand and two hundred, or one and a bit."""
    forms = set()
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number):
        forms.add(re.sub(r"[.,]", "", number).lstrip("0"))
    if re.fullmatch(r"\d+[.,]\d+", number):
        whole, part = re.split(r"[.,]", number)
        forms.add(f"{whole.lstrip('0') or '0'}.{part.rstrip('0')}".rstrip("."))
    return forms or {number.lstrip("0") or "0"}


def _times_in(text: str) -> Iterator[int]:
    """Minutes of the day; without am or pm, and before noon, both halves are meant."""
    for match in TIME.finditer(text):
        hour = int(match["hour"] or match["hour2"] or match["hour3"])
        minute = int(match["minute"] or match["minute2"] or match["minute3"] or 0)
        half = (match["half"] or "").lower()
        yield from _minutes(hour, minute, half)
    for match in _HOUR_SAID.finditer(text):
        said = NUMBER_WORDS.get(match[1], -1) if match[1].isalpha() else int(match[1])
        if 0 <= said <= 24:
            yield from _minutes(said, 0, "")


def _minutes(hour: int, minute: int, half: str) -> Iterator[int]:
    if half != "p" or hour >= 12:
        yield (hour % 24 if half != "a" else hour % 12) * 60 + minute
    if half == "p" or (not half and hour < 12):
        yield (hour % 12 + 12) * 60 + minute


def _dates_in(text: str) -> Iterator[tuple[int, int]]:
    """Month and day; in "3/4" either may be the month."""
    for match in DAY_AND_MONTH.finditer(text):
        yield MONTHS[(match["month"] or match["month2"]).lower()], int(match["day"] or match["day2"])
    for match in _NUMERIC_DATE.finditer(text):
        one, other = int(match[1]), int(match[2])
        yield from ((one, other), (other, one))

"""What a ticket is about, as far as it stands there: devices, hosts, error codes, versions, machines' addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from psa_copilot.text.clean import EMAIL, URL

Kind = Literal["host", "ip", "mac", "error", "version", "update", "path"]

MOST_CHARACTERS = 20_000
MOST = 40


@dataclass(frozen=True)
class Entity:
    """One thing that is named, as it is written."""

    kind: Kind
    text: str

    @property
    def key(self) -> str:
        """The same for all ways to write it."""
        return re.sub(r"\s+", " ", self.text).strip().lower()


_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("mac", r"(?<![\w:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:-])"),
    ("ip", r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]\d)(?:/\d{1,2})?"),
    ("path", r"(?:(?<![\w\\])\\\\[\w.$-]+(?:\\[\w.$-]+)+|(?<!\w)[a-z]:\\[\w.$ -]+(?:\\[\w.$-]+)+)"),
    ("update", r"(?<!\w)KB\d{6,8}(?!\w)"),
    (
        "error",
        r"(?<!\w)0x[0-9a-f]{4,16}(?!\w)|"
        r"(?<!\w)(?:error|fehler|erreur|event(?: id)?|code|status|stop|exit|http)(?: code| id| nr\.?| no\.?| number)?"
        r"[ :#=-]{1,3}(?:[a-z]{1,4}-?)?\d[\w.-]*\w(?!\w)|(?<!\w)(?:err|error|e)[_-][a-z]*[_-]?\w*\d\w*(?!\w)|"
        r"(?<!\w)[A-Z]\w+(?:Exception|Error)(?!\w)",
    ),
    (
        "version",
        r"(?<!\w)(?:version|ver\.?|v|build|firmware|release) ?\d+(?:\.\d+){0,4}(?!\w)|"
        r"(?<![\w.])(?:windows|office|macos|ios|android|server|exchange|outlook|java|php|sql server|ubuntu|debian) "
        r"\d{1,4}(?:\.\d+){0,3}(?: ?h\d)?(?!\w)",
    ),
    (
        "host",
        r"(?<![\w.@/\\-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:local|lan|internal|corp|intra|home|ad)(?![\w-])|"
        r"(?<![\w.@/\\-])(?=[\w-]*\d)(?=[\w-]*[a-z])[a-z][a-z0-9]{1,14}(?:-[a-z0-9]{1,14}){1,4}(?![\w-])|"
        r"(?<![\w.@/\\-])(?:srv|pc|ws|nb|lap|laptop|desktop|dc|fs|sql|ex|vm|esx|ap|sw|fw|rtr|prt|prn|printer|nas)"
        r"[-_]?[a-z]{0,6}[-_]?\d{1,6}(?![\w-])",
    ),
)
_NO_HOST = re.compile(r"(?:covid|wi|mp|h|utf|sha|base|x|usb|hdmi|cat|iso|rs|cve)-?\d+|\w+-\d{1,2}-(?:day|hour|year)\w*")


@cache
def _compiled() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS)


def entities(text: str) -> tuple[Entity, ...]:
    """What is named, in the order of the text, each once; what is part of one is no other."""
    rest = EMAIL.sub(_blank, URL.sub(_blank, text[:MOST_CHARACTERS]))
    found: list[tuple[int, Entity]] = []
    for kind, pattern in _compiled():
        matches = [
            match for match in pattern.finditer(rest) if kind != "host" or not _NO_HOST.fullmatch(match[0].lower())
        ]
        found += [(match.start(), Entity(kind, match[0].strip().rstrip("."))) for match in matches]
        rest = pattern.sub(_blank, rest)
    met: dict[tuple[str, str], Entity] = {}
    for _, entity in sorted(found, key=lambda pair: pair[0]):
        met.setdefault((entity.kind, entity.key), entity)
    return tuple(met.values())[:MOST]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def signature(text: str) -> tuple[str, ...]:
    """What two tickets about one matter share: their machines and errors, in one order."""
    return tuple(sorted({f"{each.kind} {each.key}" for each in entities(text) if each.kind in ("host", "ip", "error")}))


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        said = re.sub(r"\W+", " ", line.lower()).strip()
        if said:
            yield said


def same_text(one: str, other: str, share: float = 0.9) -> bool:
    """Whether two messages say the same, but for blanks, quoting and the like: one of them is enough."""
    first, second = set(_lines(one)), set(_lines(other))
    if not first or not second:
        return False
    return len(first & second) >= share * min(len(first), len(second)) and bool(first <= second or second <= first)

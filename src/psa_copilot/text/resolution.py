"""What a solved ticket teaches: issue, environment, cause, resolution, as far as its thread states them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from psa_copilot.models import ActorClass, Thread
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.environment import environment
from psa_copilot.text.extract import FIRST_LINE, Extract, shortened
from psa_copilot.text.reading import Sentence

PASSES_AT = 0.75
FIELDS = ("issue", "environment", "cause", "resolution")
_CITES = re.compile(r"\s*\[#\d+\]")

_CUES = {
    "cause": (
        r"because|caused by|cause was|root cause|due to|turned out|the reason|(?:was|were|had) (?:expired|full|broken|"
        r"corrupt\w*|misconfigured|outdated|defective|faulty|disabled|blocked|locked|worn|loose|unplugged)|is broken|"
        r"weil|"
        r"ursache|grund war|defekt|à cause de|la cause|debido a|causa|oorzaak|doordat"
    ),
    "cure": (
        r"replaced|reinstalled|reset|restarted|rebooted|updated|upgraded|changed|cleared|removed|renewed|enabled|"
        r"disabled|"
        r"unlocked|unblocked|fixed|resolved|solved|repaired|restored|recreated|reconnected|switched|moved|granted|"
        r"added|"
        r"configured|corrected|cleaned|extended|rolled back|ersetzt|behoben|neu gestartet|erneuert|remplacé|résolu|"
        r"réparé|reemplazado|resuelto|arreglado|vervangen|opgelost|hersteld"
    ),
}


@cache
def _cues() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"\b(?:{words})\b") for name, words in _CUES.items()}


@dataclass(frozen=True)
class Kcs:
    """The four fields; one that nobody stated is empty."""

    issue: str = ""
    environment: str = ""
    cause: str = ""
    resolution: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that nobody stated."""
        return tuple(name for name in FIELDS if not getattr(self, name))

    @property
    def completeness(self) -> float:
        """Which part of the fields is filled."""
        return 1 - len(self.missing) / len(FIELDS)

    @property
    def passes(self) -> bool:
        """Whether it is worth keeping: enough fields, and the resolution among them."""
        return bool(self.resolution) and self.completeness >= PASSES_AT

    def draft(self, mark: str = "") -> Draft:
        """The note; `mark` says how it came to be, for example `(extract) `."""
        lacks = f"; {', '.join(self.missing)} {NOT_STATED}" if self.missing else ""
        start, end = f"Resolved: {mark}", f"{lacks}."
        told = _CITES.sub("", self.resolution).strip('." ')
        first = f"{start}{shortened(told, FIRST_LINE - len(start) - len(end))}{end}"
        parts = {name: getattr(self, name) or f"{NOT_STATED}." for name in FIELDS}
        return Draft("resolution", first, parts)


def resolution(thread: Thread) -> Kcs:
    """The four fields in the thread's own words."""
    extract = Extract(thread)
    extract.begin(160)
    cure = _last(extract, "cure")
    cause = _best_cause(extract, cure)
    extract.used.update(each for each in (cure, cause) if each)
    issue = extract.problem()
    return Kcs(
        issue=issue if "[#" in issue and '"' in issue else "",
        environment=environment(extract.reading.sentences),
        cause=f"{extract.quotes([cause])}." if cause else "",
        resolution=f"{extract.quotes([cure])}." if cure else "",
    )


def _last(extract: Extract, cue: str) -> Sentence | None:
    said = [each for each in _by_technicians(extract) if _cues()[cue].search(each.lower)]
    return said[-1] if said else None


def _best_cause(extract: Extract, cure: Sentence | None) -> Sentence | None:
    """The last cause named; one sentence may name the cause and the cure, and then both fields quote it."""
    said = [each for each in _by_technicians(extract) if _cues()["cause"].search(each.lower)]
    others = [each for each in said if each is not cure]
    return next(reversed(others or said), None)


def _by_technicians(extract: Extract) -> Sequence[Sentence]:
    said = (each for each in extract.reading.sentences if each.message.by is ActorClass.TECHNICIAN)
    return [each for each in said if not (each.asks or each.promises or each.chats)]

"""Tickets that ask nobody for anything: advertising, and monitoring that says all is well again."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from psa_copilot.text.opening import LONGEST, LONGEST_TITLE

Unwanted = Literal["spam", "all-clear", ""]

_ADVERTISING = (
    r"\bunsubscribe\b|\bopt[- ]?out of (?:these|future|our) (?:e-?mails|mailings)\b"
    r"|\bview (?:this e-?mail )?in (?:your )?browser\b",
    r"\b(?:limited[- ]time|exclusive|special) offer\b|\b\d{1,2} ?% off\b|\bact now\b|\border today\b|\bfree trial\b",
    r"\b(?:seo|backlinks?|guest post|first page of google|web ?design) (?:services?|packages?|offer|proposal)\b"
    r"|\brank(?:ing)? (?:higher )?on google\b",
    r"\b(?:webinar|white ?paper|newsletter)\b",
    r"\b(?:i|we) (?:came across|noticed|visited) your (?:website|company|profile)\b"
    r"|\bquick (?:call|chat) (?:this|next) week\b|\b(?:boost|grow|increase) your (?:sales|revenue|traffic|business)\b",
    r"\b(?:you have won|claim your (?:prize|reward)|lottery|inheritance|casino|crypto(?:currency)? investment)\b",
)
"""Kinds of phrases that advertising has; one alone stands in honest tickets too."""
FEWEST = 2

_ALL_CLEAR = (
    r"^\W*(?:\[[^\]]{1,30}\]\W*)?(?:recovery|recovered|resolved|cleared|ok|up|all[- ]clear|back (?:online|to normal))\b"
    r"\s*[:\-–|]"
    r"|\b(?:alert|alarm|incident|problem|trigger|monitor|check|host|service|sensor|device|backup)\b.{0,60}"
    r"\b(?:recovered|cleared|back (?:up|online|to normal)|(?:is|now) (?:ok|up)|returned to normal)\b"
    r"|\bstatus:? (?:ok|up|recovered|resolved)\b"
)
_STILL = re.compile(r"\?|\b(?:still|again|but|not|please|can you|could you|help)\b", re.IGNORECASE)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], ...], re.Pattern[str]]:
    kinds = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _ADVERTISING)
    return kinds, re.compile(_ALL_CLEAR, re.IGNORECASE)


def unwanted(title: str, text: str) -> Unwanted:
    """What kind of ticket that nobody has to work on it is; empty for all others, in doubt too."""
    kinds, all_clear = _patterns()
    title = title[:LONGEST_TITLE]
    whole = f"{title}\n{text[:LONGEST]}"
    if sum(bool(kind.search(whole)) for kind in kinds) >= FEWEST:
        return "spam"
    return "all-clear" if all_clear.search(title) and not _STILL.search(title) else ""

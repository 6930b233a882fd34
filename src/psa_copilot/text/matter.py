"""What a ticket is about, as far as its title says it in the same words as others: the key of an incident."""

from __future__ import annotations

import re

from psa_copilot.text.clean import words_of

_PREFIX = re.compile(
    r"^\s*(?:(?:re|fwd?|aw|wg|sv|tr|rv)\s*:\s*|\[[^\]]{1,30}\]\s*|\(?ticket\s*#?\d+\)?\s*[-:]?\s*)+", re.IGNORECASE
)
_ERROR = re.compile(
    r"\b(?:error|err|code|fehler|erreur|event id|stop)[\s:#-]{0,3}(0x[0-9a-f]{4,8}|\d[\d.]{1,9}\d|\d{3,10})\b"
    r"|\b(0x[0-9a-f]{8})\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
_GENERIC = words_of(
    """a an and the for to of in on my your our with please need needs help new user users request requests question
    password reset account login access permission permissions email mail mailbox printer printing computer laptop pc
    phone issue issues problem problems error support ticket order setup install installation software license
    onboarding offboarding starter change update urgent again not working work works"""
)
"""Words that tickets have in common without being about the same matter."""
SHORTEST = 2
"""Words that a title must have; `Help` and `Problem` are no common matter."""


def matters(board: str, title: str) -> list[str]:
    """Keys under which tickets of one board can be one incident: an error code first, then the title's words."""
    found = [f"{board}: error {(one[0] or one[1]).casefold()}" for one in _ERROR.findall(title)]
    # With its numbers: five people with the same complaint say the same, five orders are five matters.
    words = " ".join(_WORD.findall(_PREFIX.sub("", title.casefold())))
    specific = set(words.split()) - _GENERIC
    return [*found, *([f"{board}: {words}"] if len(words.split()) >= SHORTEST and specific else [])]

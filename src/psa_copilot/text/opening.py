"""What a ticket says when it comes in: the same for a fresh one as for one that learning looks back at."""

from __future__ import annotations

from collections.abc import Iterable

from psa_copilot.models import ActorClass
from psa_copilot.text.clean import own_words

LONGEST = 4_000
"""Characters; what stands below is a log."""
ASKING = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT, ActorClass.UNKNOWN)
QUIET = (ActorClass.COPILOT, ActorClass.SYSTEM)


def opening(said: Iterable[tuple[ActorClass, str]]) -> str:
    """What the customer wrote before anybody answered; where nobody asked, the first words of all.

    `said` are the messages, oldest first, by whom and what.
    """
    heard: list[str] = []
    first = ""
    for by, text in said:
        if by in QUIET:
            continue
        first = first or text
        if by not in ASKING:
            break
        heard.append(own_words(text))
    return "\n".join(heard or [own_words(first)])[:LONGEST]

"""What stood in a ticket when it came in: what a choice is made from, and what it is learned from."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot.models import ActorClass, Message
from psa_copilot.text.clean import own_words

LONGEST = 4_000
"""Characters; what stands below is a log."""
LONGEST_TITLE = 300


def opening(messages: Sequence[Message]) -> str:
    """What the first message of a ticket says, without quoted mail and signature; messages are handed oldest first.

    What a program wrote counts where nobody else has: an alert is told by nobody.
    """
    others = [message for message in messages if message.by is not ActorClass.COPILOT and message.text.strip()]
    people = [message for message in others if message.by.is_human or message.by is ActorClass.UNKNOWN]
    return own_words((people or others)[0].text[: 2 * LONGEST])[:LONGEST] if others else ""

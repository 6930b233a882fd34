"""What somebody should know of a ticket and no field tells: that nobody has to work on it, its language, the mood."""

from __future__ import annotations

from collections.abc import Iterator

from psa_copilot import ActorClass, Change, EventKind, Mention, Message, Thread, Tools
from psa_copilot_plugins.triage.settings import TriageSettings

CUSTOMERS = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT)
NOISE = {
    "auto-reply": "an automatic reply",
    "bounce": "mail that came back",
    "thanks": "mere thanks",
    "receipt": "a mere receipt",
    "spam": "advertising",
    "all-clear": "monitoring that says all is well again",
}


def noise(thread: Thread, tools: Tools) -> str:
    """Which kind of ticket it is that nobody has to work on; empty for all others."""
    spoken = [message for message in thread.messages if message.by is not ActorClass.COPILOT and message.text.strip()]
    if len(spoken) != 1:
        return ""
    return tools.text.quiet(spoken[0], thread) or tools.text.unwanted(thread.ticket.title, spoken[0].text)


def noise_told(kind: str, change: Change, thread: Thread) -> Iterator[Mention]:
    """It proposes nothing, and says so once."""
    opened = tuple(message.key for message in thread.messages[:1])
    if _is_new(change, thread.messages[0]):
        yield Mention(body=f"Looks like {NOISE[kind]}; nothing is proposed.", because=f"noise: {kind}", evidence=opened)


def hints(change: Change, thread: Thread, tools: Tools, settings: TriageSettings) -> Iterator[Mention]:
    """What is new about the mood, and a language that the desk does not read."""
    heard = [message for message in thread.messages if message.by in CUSTOMERS]
    if heard and settings.mood and _is_new(change, heard[-1]):
        yield from _mood(heard, thread, tools)
    if len(heard) == 1 and settings.languages and _is_new(change, heard[0]):
        told = tools.text.language(heard[0].text)
        if told and told not in settings.languages:
            yield Mention(body=f"It is written in {told}.", because=f"language {told}", evidence=(heard[0].key,))


def _mood(heard: list[Message], thread: Thread, tools: Tools) -> Iterator[Mention]:
    """Once, when it turns: a hint to look at the message, no score."""
    lively = [message for message in heard if not tools.text.quiet(message, thread)]
    moods = [tools.text.mood(message) for message in lively]
    if tools.text.is_alarming(moods) and not tools.text.is_alarming(moods[:-1]):
        yield Mention(
            body="The customer's messages have turned unhappy; somebody should look at the last one.",
            because="the customer's mood has turned",
            evidence=tuple(message.key for message in lively[-3:]),
        )


def _is_new(change: Change, message: Message) -> bool:
    """Whether the change is about this message; asked without any event, it is."""
    added = {event.message for event in change.events if event.kind is EventKind.MESSAGE_ADDED}
    opened = any(event.kind is EventKind.TICKET_OPENED for event in change.events)
    return not change.events or opened or message.key in added

"""What a plugin would do on a ticket as it stands now, and why, in the ticket's own words; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psa_copilot.actions import Action, Opinion, Reason
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.dispatch import Dispatch, body_of, kept
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import judge, stopped
from psa_copilot.errors import CopilotError
from psa_copilot.events import Change
from psa_copilot.llm import Call
from psa_copilot.models import Message, Ref, Thread
from psa_copilot.store import Store
from psa_copilot.text.clean import own_words

MOST_REASONS = 3
LONGEST_QUOTE = 80
HIDDEN = "(confidential)"


@dataclass(frozen=True)
class TrialWish:
    """One wish as it would be judged now."""

    wish: dict[str, Any]
    body: str
    """What would stand in the note, or `field: was -> new`."""
    because: str
    reasons: tuple[Reason, ...]
    evidence: list[str]
    confidence: float | None
    opinions: tuple[Opinion, ...]
    learned: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Trial:
    """What a plugin would do on a ticket now."""

    ticket: Ref
    plugin: str
    silent: str
    """Why there is no wish; empty when there is one."""
    wishes: tuple[TrialWish, ...]
    calls: tuple[Call, ...] = ()
    """What was asked of a model."""


async def attempt(
    config: Config, store: Store, dispatch: Dispatch, plugin: EnabledPlugin, thread: Thread, line: Line, note: str = ""
) -> Trial:
    """Ask one plugin on every occasion that the ticket gives it, and judge what it wishes. Nothing is kept.

    `note` names the one to show, for a plugin that writes several, whether or not there is an occasion for it.
    """
    wishes: list[TrialWish] = []
    calls: list[Call] = []
    for change in _occasions(dispatch, plugin, thread, line, note):
        wished = await dispatch.ask(plugin.name, change, thread, line)
        if wished.outcome == "failed":
            raise CopilotError(f"{plugin.name} failed on {thread.ticket.ref}: {wished.why}")
        wishes += [_judged(store, dispatch, plugin, thread, line, wish) for wish in wished.actions]
        calls += wished.calls
    why = stopped(config, line, thread, thread.ticket)
    silent = "" if wishes else (f"stopped: {why}" if why else "the plugin has nothing to say here")
    return Trial(thread.ticket.ref, plugin.name, silent, tuple(wishes), tuple(calls))


def _occasions(dispatch: Dispatch, plugin: EnabledPlugin, thread: Thread, line: Line, note: str) -> Iterator[Change]:
    """Something is said on the ticket, or the plugin's own sweep finds it."""
    bare = Change(thread_id=thread.id, revision=thread.revision, key="try", facts={"note": note} if note else {})
    if plugin.plugin_class.on:
        yield bare
    for found in () if note else dispatch.finds(plugin.name, thread, line):
        yield bare.model_copy(update={"key": found.key, "because": found.because, "facts": found.facts})


def _judged(
    store: Store, dispatch: Dispatch, plugin: EnabledPlugin, thread: Thread, line: Line, wish: Action
) -> TrialWish:
    with store.reading() as tx:
        verdict = judge(dispatch.case(tx, plugin, thread, line, wish, None))
    return TrialWish(
        kept(wish, verdict),
        HIDDEN if verdict.hides else body_of(wish),
        wish.because,
        () if verdict.hides else reasons(wish, thread),
        list(wish.evidence),
        wish.confidence,
        wish.opinions,
        wish.learned,
        verdict.verdict,
        verdict.reason,
    )


def reasons(wish: Action, thread: Thread) -> tuple[Reason, ...]:
    """The strongest three: the wish's own, then what its evidence says."""
    own = list(wish.reasons[:MOST_REASONS])
    cited = {reason.cites for reason in own}
    shown = (_shown(key, thread) for key in wish.evidence if key not in cited)
    return tuple([*own, *(reason for reason in shown if reason)][:MOST_REASONS])


def _shown(key: str, thread: Thread) -> Reason | None:
    """A piece of evidence in its own words."""
    message = next((one for one in thread.messages if one.key == key), None)
    if message is not None:
        words = _first_words(message)
        return Reason(text=f'message {key}, {message.author or message.by.value}: "{words}"', words=(words,), cites=key)
    return Reason(text=f"ticket {key}", cites=key) if "/" in key else None


def _first_words(message: Message) -> str:
    """As they stand there: a line of it, cut between words."""
    lines: Sequence[str] = [line.strip() for line in own_words(message.text).splitlines() if line.strip()]
    line = lines[0] if lines else ""
    return line if len(line) <= LONGEST_QUOTE else line[:LONGEST_QUOTE].rsplit(" ", 1)[0]

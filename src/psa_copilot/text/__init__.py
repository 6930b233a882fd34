"""The no-model toolkit: what a text says without asking anybody, and what a note may say of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from psa_copilot.models import Message, Thread, Ticket
from psa_copilot.text import away, extract, hand_off, noise, resolution
from psa_copilot.text.automatic import automatic
from psa_copilot.text.choosing import Case, Choice, Example
from psa_copilot.text.draft import Draft
from psa_copilot.text.entities import Entity, entities
from psa_copilot.text.language import language
from psa_copilot.text.matter import matters
from psa_copilot.text.named import told_elsewhere
from psa_copilot.text.opening import LONGEST_TITLE, opening
from psa_copilot.text.orders import without_orders
from psa_copilot.text.proper import masked, proper, without_clients
from psa_copilot.text.reading import content_words
from psa_copilot.text.redacted import redacted
from psa_copilot.text.resolution import Kcs
from psa_copilot.text.sentiment import is_alarming, sentiment
from psa_copilot.text.shape import shaped
from psa_copilot.text.template import Template, Templates
from psa_copilot.text.title import headline, is_generic
from psa_copilot.text.transcript import public, transcript
from psa_copilot.text.unsupported import sources_of, supported_only
from psa_copilot.text.unwanted import unwanted

if TYPE_CHECKING:  # these need numpy and scikit-learn, which only what learns loads
    from psa_copilot.text.classifier import Classifier
    from psa_copilot.text.outcome import Facts, Risk

__all__ = ["Case", "Choice", "Draft", "Entity", "Example", "Kcs", "Template", "Templates", "Text"]


class Text:
    """What plugins can do with text, with no model at all."""

    def quiet(self, message: Message, thread: Thread) -> str:
        """Why a message is no activity: `thanks`, `receipt`, `auto-reply`, `bounce`; empty when it is one."""
        return noise.quiet(message, thread)

    def language(self, text: str) -> str:
        """`en`, `de`, `fr` …; empty when the text is too short or too mixed to say."""
        return language(text)

    def mood(self, message: Message) -> int:
        """How its author feels, from 1 (furious) to 100 (delighted); 50 says nothing about it."""
        return sentiment(message.text)

    def is_alarming(self, moods: Sequence[int]) -> bool:
        """Whether a customer's moods, oldest first, are low or have fallen much; the first one does not count."""
        return is_alarming(moods)

    def entities(self, text: str) -> tuple[Entity, ...]:
        """Machines, errors and versions that a text names."""
        return entities(text)

    def back_from(self, message: Message, zone: tzinfo = UTC) -> datetime | None:
        """From when its sender is back, as an automatic reply states it; None for any other message."""
        is_reply = automatic(message) == "auto-reply"
        return away.back_from(message.text, message.sent_at, zone) if is_reply else None

    def opening(self, thread: Thread) -> Case:
        """What the thread's present ticket said when it came in: what choosing a value goes by."""
        ticket = thread.ticket
        said = [message for message in thread.messages if message.ticket == ticket.ref]
        return Case(ticket.title[:LONGEST_TITLE], opening(said), ticket.contact)

    def is_generic(self, title: str) -> bool:
        """Whether a title says nothing of the matter."""
        return is_generic(title)

    def headline(self, text: str, names: Collection[str] = ()) -> str:
        """A title in the ticket's own words, of at most 80 characters, that names nobody; empty where none will do."""
        return headline(text, names)

    def unwanted(self, title: str, text: str) -> str:
        """`spam` or `all-clear` for a ticket that asks nobody for anything."""
        return unwanted(title, text)

    def without_orders_to_software(self, case: Case, names: Collection[str]) -> tuple[Case, tuple[str, ...]]:
        """The case without what gives orders to software or steers to one of these values, and what was taken out."""
        from psa_copilot.text.injection import quarantined

        title, from_title = quarantined(case.title, names)
        text, from_text = quarantined(case.text, names)
        return replace(case, title=title, text=text), (*from_title, *from_text)

    def content_words(self, text: str) -> tuple[str, ...]:
        """The words that say what a text is about, each once, in lower case and without a plural's s."""
        return tuple(dict.fromkeys(content_words(text)))

    def quoted(self, words: str, text: str) -> str:
        """These words as they stand in the text, in the singular or the plural; empty where they do not."""
        pattern = r"\W+".join(re.escape(word) for word in words.split())
        match = re.search(rf"(?<!\w){pattern}(?:e?s)?(?!\w)", text, re.IGNORECASE) if pattern else None
        return match[0] if match else ""

    def learned_choices(self, examples: Sequence[Example], goal: float = 0.9) -> Classifier:
        """Learn which value a field gets, from tickets whose value is known, oldest first.

        `goal` is the share of decided ones that shall be right.
        """
        from psa_copilot.text.classifier import Classifier

        return Classifier.fit(examples, goal)

    def learned_risk(self, facts: Sequence[Facts], opened: Sequence[datetime], happened: Sequence[bool]) -> Risk:
        """Learn how likely something is to happen to a ticket, from tickets of which it is known."""
        from psa_copilot.text.outcome import Risk

        return Risk.fit(facts, opened, happened)

    def matters(self, title: str) -> tuple[str, ...]:
        """What a title is about, as keys that two titles on one matter share: its error code, its words."""
        return tuple(matters("", title))

    def redacted(self, text: str, names: Sequence[str] = ()) -> str:
        """A text without what tells whose it is: persons, addresses, machines, secrets, and these names."""
        return redacted(text, names)

    def told_elsewhere(
        self, text: str, *, whose: str, reader: str, others: Sequence[str], people: Sequence[str]
    ) -> str:
        """What `reader`, a client, may be told of a text of `whose` ticket: no clause that names a client or somebody.

        `others` are further clients, `people` those of that ticket. It knows only who is in these lists.
        """
        return told_elsewhere(text, whose=whose, reader=reader, others=others, people=people)

    def recap(self, thread: Thread) -> str:
        """What the thread says about itself: its own sentences in the shape of a note, without the marker line."""
        return extract.recap(thread).text()

    def recap_draft(self, thread: Thread, *, discreet: bool = False) -> Draft:
        """The same in parts; a discreet one quotes nothing and only says where to look."""
        return extract.recap(thread, discreet=discreet)

    def hand_off_draft(self, thread: Thread, others: Sequence[Ticket] = (), *, discreet: bool = False) -> Draft:
        """What the next technician needs to know, in parts; `others` are the contact's other tickets of 14 days."""
        return hand_off.hand_off(thread, others, discreet=discreet)

    def filed(self, thread: Thread, others: Sequence[Ticket] = ()) -> dict[str, str]:
        """The parts of a hand-off that no model tells better: environment, contact."""
        return hand_off.filed(thread, others)

    def summary(self, thread: Thread, words: int) -> str:
        """The few sentences that tell most of a thread, with who said them, in about so many words."""
        from psa_copilot.text.picker import summary

        return summary(thread, most=words)

    def resolution(self, thread: Thread) -> Kcs:
        """Issue, environment, cause and resolution, as far as the thread states them."""
        return resolution.resolution(thread)

    def transcript(self, thread: Thread, *, public_only: bool = False) -> str:
        """The thread as text for a model, numbered as notes cite it; personal matters are only mentioned."""
        return transcript(thread, public_only=public_only)

    def numbers(self, thread: Thread) -> dict[int, Message]:
        """The messages that a note may cite, by the numbers that it cites them by."""
        return extract.citable(thread)

    def public(self, thread: Thread) -> Thread:
        """The thread as the customer sees it."""
        return public(thread)

    def proper(self, draft: Draft, *, model: str = "") -> Draft:
        """A draft that a model wrote, without what no note says: moods, marks, blame, secrets, orders."""
        return proper(draft, model=model)

    def without_orders(self, draft: Draft, thread: Thread) -> Draft:
        """A draft that a model wrote, without the clauses that pass on what the thread orders software to do."""
        return without_orders(draft, thread)

    def without_clients(self, draft: Draft, clients: Sequence[str]) -> Draft:
        """A draft without the clauses that name one of these clients."""
        return without_clients(draft, clients)

    def supported(self, note: str, thread: Thread, *, public_only: bool = False, also: Sequence[str] = ()) -> str:
        """The note without numbers, names, addresses, hosts and dates that neither the thread nor `also` contains."""
        sources = sources_of(public(thread) if public_only else thread)
        return supported_only(note, [*sources, *also])[0]

    def written(
        self,
        draft: Draft,
        thread: Thread,
        *,
        template: Template | None = None,
        public_only: bool = False,
        also: Sequence[str] = (),
    ) -> str:
        """The note as it may be written: by the template if there is one, only what is supported, in its shape.

        ValueError names what the template cannot put.
        """
        ticket = public(thread).ticket if public_only else thread.ticket
        note = template.written(draft, ticket) if template else draft.text()
        known = [*also, template.text] if template else also
        return shaped(masked(self.supported(note, thread, public_only=public_only, also=known), thread))

    def cited(self, note: str, thread: Thread) -> tuple[str, ...]:
        """Keys of the messages that a note of ours cites as `[#n]`."""
        return extract.cited(note, thread)

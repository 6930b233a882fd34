"""Summarize: a technician who opens a long ticket reads where it stands before anything else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from psa_copilot import (
    Action,
    AddNote,
    Change,
    Draft,
    Duration,
    EventKind,
    Kcs,
    Plugin,
    PluginSettings,
    Setting,
    Templates,
    Thread,
    Tools,
)
from psa_copilot_plugins.summarize import answers
from psa_copilot_plugins.summarize.occasion import NothingYet, Occasion, occasion, with_meanings

LATELY = timedelta(days=14)
_PASSING = re.compile(r"\[#\d+\]|\b\w{3} \d\d \w{3} \d\d:\d\d UTC")
_CITES = re.compile(r",? ?\[#\d+\]")


class Summarize(Plugin):
    """Keeps a recap of each long thread, hands it over when it changes hands, and notes what solved it."""

    name = "summarize"
    on = frozenset({EventKind.MESSAGE_ADDED, EventKind.FIELD_CHANGED})
    wishes = frozenset({"add_note internal", "add_note resolution", "edit_note"})

    class Settings(PluginSettings):
        after_messages: int = Setting(4, ge=1, description="A recap is worth it from so many messages of people on.")
        after_characters: int = Setting(1000, ge=1, description="... or from so many characters in them.")
        silence: Duration = Setting(timedelta(days=1), description="A customer who writes after it has come back.")
        hand_off: bool = Setting(True, description="Whether a ticket that changes hands gets a note for the next ones.")
        resolution: Literal["off", "complete", "ask"] = Setting(
            "complete",
            description="Note on a solved ticket: off; complete: where enough is stated; ask: else what is missing.",
        )
        resolution_place: Literal["internal", "resolution"] = Setting(
            "internal", description="Where that note stands; the customer sees `resolution`: only for `customers`."
        )
        templates: Templates = Setting(
            default_factory=Templates, description="What notes look like: recap, handoff, resolution; Jinja2 or a file."
        )

    settings: Settings

    def asks_for(self) -> frozenset[str]:
        """The customer's place only where solved tickets get their note there."""
        shown = self.settings.resolution != "off" and self.settings.resolution_place == "resolution"
        return self.wishes if shown else self.wishes - {"add_note resolution"}

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        thread = with_meanings(thread, tools)
        shown = change.facts.get("note", "")
        if shown:
            return await self._shown(shown, thread, tools)
        now = occasion(change, thread, tools, self.settings.silence)
        notes: list[Action] = []
        if now.resolved:
            notes = await self._resolution(thread, tools)
        elif now.handed_over and self._is_long(thread):
            notes = await self._hand_off(now.handed_over, thread, tools)
        # One new note is enough; a recap that stands already is kept true besides.
        return notes if notes and not tools.past.last_note() else [*notes, *await self._recap(now, thread, tools)]

    async def _shown(self, note: str, thread: Thread, tools: Tools) -> list[Action]:
        """What the note of that name would be, whether or not there is an occasion for it."""
        tools = replace(tools, past=NothingYet())
        match note:
            case "handoff":
                return await self._hand_off("a try", thread, tools)
            case "resolution":
                return await self._resolution(thread, tools)
            case _:
                return await self._recap(Occasion(news="a try", always=True), thread, tools)

    # -- the recap -------------------------------------------------------------------------------------------

    async def _recap(self, now: Occasion, thread: Thread, tools: Tools) -> list[Action]:
        living = tools.past.last_note()
        wanted = now.news or now.reopened or (now.handed_over and living)
        if not (wanted and (now.always or self._is_long(thread))):
            return []
        answer = await tools.llm.ask(answers.RECAP, tools.text.transcript(thread), answer=answers.RecapAnswer)
        extract = tools.text.recap_draft(thread, discreet=bool(tools.standing.confidential))
        draft = answers.recap_draft(answer, tools.text.numbers(thread)) if answer else None
        body, why = self._written(draft, extract, thread, tools)
        body = body if body.startswith("Recap: ") else f"Recap: {body}"
        if living and _same(body, living):
            return []
        because = "; ".join(filter(None, (self._because(now, thread), why)))
        return [
            AddNote(body=body, living=True, because=because, evidence=tools.text.cited(body, thread), purpose="recap")
        ]

    def _is_long(self, thread: Thread) -> bool:
        spoken = thread.spoken()
        characters = sum(len(message.text) for message in spoken)
        return len(spoken) >= self.settings.after_messages or characters >= self.settings.after_characters

    def _because(self, now: Occasion, thread: Thread) -> str:
        spoken = thread.spoken()
        characters = sum(len(message.text) for message in spoken)
        why = "reopened; " if now.reopened else f"{now.news}; " if now.news.startswith("the customer") else ""
        return f"{why}{len(spoken)} messages, {characters} characters; {spoken[-1].by} wrote last"

    # -- the hand-off ----------------------------------------------------------------------------------------

    async def _hand_off(self, moved: str, thread: Thread, tools: Tools) -> list[Action]:
        if not self.settings.hand_off:
            return []
        discreet = bool(tools.standing.confidential)
        others = [] if discreet else tools.tickets.recent_of_contact(thread.ticket, tools.now - LATELY)
        answer = await tools.llm.ask(answers.HAND_OFF, tools.text.transcript(thread), answer=answers.HandOffAnswer)
        extract = tools.text.hand_off_draft(thread, others, discreet=discreet)
        draft = None
        if answer:
            draft = answers.hand_off_draft(answer, tools.text.numbers(thread), tools.text.filed(thread, others))
        also = [f"{each.number} {each.title}" for each in others]
        body, why = self._written(draft, extract, thread, tools, also=also)
        if _same(body, *tools.past.noted("hand-off")[-1:]):
            return []
        return [
            AddNote(
                body=body,
                because="; ".join(filter(None, (f"changes hands: {moved}", why))),
                evidence=tools.text.cited(body, thread),
                purpose="hand-off",
                tells=frozenset({"other tickets"}) if others else frozenset(),
            )
        ]

    # -- the resolution --------------------------------------------------------------------------------------

    async def _resolution(self, thread: Thread, tools: Tools) -> list[Action]:
        if self.settings.resolution == "off" or tools.standing.confidential:
            return []
        open_to_customer = self._is_for_customer(thread)
        found, mark = await self._learned(thread, tools, public_only=open_to_customer)
        if not found.passes:
            return self._missing(found, thread, tools)
        body, why = self._written(None, found.draft(mark), thread, tools, public_only=open_to_customer)
        # The thread's own sentences were cited from what the customer sees, a model's from the whole.
        evidence = tools.text.cited(body, tools.text.public(thread) if mark and open_to_customer else thread)
        if open_to_customer:
            body = _CITES.sub("", body)
        if _same(body, *tools.past.noted("resolution")[-1:]):
            return []
        because = "; ".join(filter(None, (f"solved; {found.completeness:.0%} of a resolution is stated", why)))
        place = self.settings.resolution_place if open_to_customer else "internal"
        return [AddNote(body=body, because=because, evidence=evidence, purpose="resolution", place=place)]

    def _is_for_customer(self, thread: Thread) -> bool:
        """Only where the admin has named the company, and has said that customers see the place."""
        named = {name.casefold() for name in self.settings.customers}
        return self.settings.resolution_place != "internal" and thread.ticket.company.casefold() in named

    async def _learned(self, thread: Thread, tools: Tools, *, public_only: bool) -> tuple[Kcs, str]:
        """The four fields, by the model where it states as much as the thread's own sentences do."""
        own = tools.text.resolution(tools.text.public(thread) if public_only else thread)
        material = tools.text.transcript(thread, public_only=public_only)
        answer = await tools.llm.ask(answers.RESOLUTION, material, answer=answers.ResolutionAnswer)
        if answer is None:
            return own, "(extract) "
        numbers = tools.text.numbers(thread)
        citable = {number: said for number, said in numbers.items() if not (public_only and said.internal)}
        told = answers.kcs(answer, citable)
        kept = tools.text.without_orders(tools.text.proper(told.draft(), model=tools.llm.model), thread)
        known = {name: _stated(tools, kept.parts[name], thread, public_only=public_only) for name in kept.parts}
        checked = Kcs(**known)
        return (checked, "") if checked.passes or not own.passes else (own, "(extract) ")

    def _missing(self, found: Kcs, thread: Thread, tools: Tools) -> list[Action]:
        if self.settings.resolution != "ask":
            return []
        body = f"Resolved, and the ticket does not state: {', '.join(found.missing)}."
        if body in tools.past.noted("resolution"):
            return []
        because = f"solved; {found.completeness:.0%} of a resolution is stated"
        last = tuple(message.key for message in thread.spoken()[-1:])
        return [AddNote(body=body, because=because, evidence=last, purpose="resolution")]

    # -- writing ---------------------------------------------------------------------------------------------

    def _written(
        self,
        draft: Draft | None,
        extract: Draft,
        thread: Thread,
        tools: Tools,
        *,
        also: list[str] | None = None,
        public_only: bool = False,
    ) -> tuple[str, str]:
        """The note, and what went wrong on the way: a model's where it is of use, else the thread's own sentences."""
        others = tools.tickets.other_clients(thread.ticket)
        extract = tools.text.without_clients(extract, others)
        if draft is not None:
            proper = tools.text.without_clients(tools.text.proper(draft, model=tools.llm.model), others)
            proper = answers.cautioned(tools.text.without_orders(proper, thread), extract)
            if _says_something(tools.text.supported(proper.first, thread)):
                return self._by_template(proper, thread, tools, also or [], public_only)
        return self._by_template(extract, thread, tools, also or [], public_only)

    def _by_template(
        self, draft: Draft, thread: Thread, tools: Tools, also: list[str], public_only: bool
    ) -> tuple[str, str]:
        template = self.settings.templates.of(draft.purpose)
        try:
            return tools.text.written(draft, thread, template=template, also=also, public_only=public_only), ""
        except ValueError as exc:
            # A template was tried when it was read; should a note break it all the same, the note is worth more.
            return tools.text.written(draft, thread, also=also, public_only=public_only), str(exc)


def _same(body: str, *earlier: str) -> bool:
    """Whether a note says what an earlier one said: numbers of messages and times alone are nothing new."""
    return any(_PASSING.sub("", body) == _PASSING.sub("", said) for said in earlier)


def _says_something(first: str) -> bool:
    """Whether anything is left of the first line of a model's note."""
    said = first.partition(": ")[2].strip(" .")
    return len(said.split()) > 1 and said != answers.NOT_STATED


def _stated(tools: Tools, said: str, thread: Thread, *, public_only: bool) -> str:
    """One field of a resolution, as far as the thread supports it."""
    left = tools.text.supported(said, thread, public_only=public_only)
    return "" if left.strip(" .") in ("", answers.NOT_STATED) or "personal matter" in left else left

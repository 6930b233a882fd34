"""Threads, tickets and standings in a line each, for tests of plugins.

asked = scene("customer: The scanner is dead.", ago=timedelta(hours=2), contact="Robin Example")
assert await wishes(plugin, asked) == []
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from psa_copilot.actions import Action, Purpose
from psa_copilot.events import Change, Event, EventKind, Source
from psa_copilot.llm import Llm
from psa_copilot.memory import Memory, Nothing
from psa_copilot.models import ActorClass, Directory, Field, Meaning, Message, Moment, Ref, Thread, Ticket
from psa_copilot.plugin import Found, Nobody, Plugin, Roster, Similar, Standing, Tools
from psa_copilot.text import Text

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""The time in a scene: a Monday noon."""
REF = Ref(connection="main", remote_id="7")
APART = timedelta(minutes=10)

_SPEAKERS = {
    "customer": ActorClass.CUSTOMER,
    "technician": ActorClass.TECHNICIAN,
    "internal": ActorClass.TECHNICIAN,
    "client_it": ActorClass.CLIENT_IT,
    "system": ActorClass.SYSTEM,
    "copilot": ActorClass.COPILOT,
}
_NAMES = {
    ActorClass.CUSTOMER: "Dana Example",
    ActorClass.TECHNICIAN: "Milo Example",
    ActorClass.CLIENT_IT: "Ada Example",
}
_HIDDEN = ("internal", "copilot")


def ticket(**fields: Any) -> Ticket:
    """An open ticket `main/7` of an hour ago; what the test does not name is dull."""
    plain = {
        "ref": REF,
        "number": "7",
        "title": "Label printer",
        "board": "Help Desk",
        "status": "In Progress",
        "meaning": Meaning.IN_PROGRESS,
        "priority": "Priority 3 - Medium",
        "priority_level": 3,
        "company": "Example Ltd",
        "company_id": "1",
        "contact": "Dana Example",
        "contact_id": "2",
        "opened_at": NOW - timedelta(hours=1),
        "updated_at": NOW - timedelta(hours=1),
    }
    return Ticket.model_validate(plain | fields)


def message(line: str, number: int = 1, **fields: Any) -> Message:
    """One message: `customer: text`; also technician, internal (a technician's), client_it, system, copilot."""
    speaker, _, text = line.partition(": ")
    by = _SPEAKERS[speaker]
    plain = {
        "remote_id": f"m{number}",
        "ticket": REF,
        "by": by,
        "author": _NAMES.get(by, ""),
        "internal": speaker in _HIDDEN,
        "text": text,
        "sent_at": NOW - APART,
    }
    return Message.model_validate(plain | fields)


def thread(*lines: str, ago: timedelta = APART, now: Moment = NOW, **fields: Any) -> Thread:
    """A message a line, ten minutes apart, the last one so long ago; `fields` are the ticket's."""
    last = now - ago
    first = last - APART * max(0, len(lines) - 1)
    times = {"opened_at": first, "updated_at": last}
    messages = tuple(
        message(line, number, sent_at=last - APART * (len(lines) - number), ticket=fields.get("ref", REF))
        for number, line in enumerate(lines, start=1)
    )
    one = ticket(**(times | fields))
    return Thread(id=str(one.ref), revision=len(messages) + 1, tickets=(one,), messages=messages)


def standing(talk: Thread, **fields: Any) -> Standing:
    """How the thread's ticket stands by what was said on it; `fields` go before that."""
    heard = [one for one in talk.spoken() if not Text().quiet(one, talk)]
    last = heard[-1] if heard else None
    told: dict[str, Any] = {
        "messages": len(talk.spoken()),
        "last_key": last.key if last else "",
        "last_by": last.by if last else ActorClass.UNKNOWN,
        "last_at": last.sent_at if last else None,
        "customer_at": _last_of(heard, ActorClass.CUSTOMER, ActorClass.CLIENT_IT),
        "technician_at": _last_of(talk.spoken(), ActorClass.TECHNICIAN),
        "responded_at": next((one.sent_at for one in heard if _answers(one)), None),
    }
    return Standing(ticket=talk.ticket, **(told | fields))


def _last_of(messages: Sequence[Message], *speakers: ActorClass) -> datetime | None:
    return max((one.sent_at for one in messages if one.by in speakers), default=None)


def _answers(one: Message) -> bool:
    return one.by is ActorClass.TECHNICIAN and not one.internal


@dataclass(frozen=True)
class LocalPast:
    """What a plugin did before, as the test says."""

    note: str | None = None
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    decided: Sequence[tuple[str, str]] = ()
    fields: Mapping[Field, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def last_note(self) -> str | None:
        """See `psa_copilot.plugin.Past`."""
        return self.note

    def verdicts(self) -> list[tuple[str, str]]:
        """See `psa_copilot.plugin.Past`."""
        return list(self.decided)

    def asked(self, field: Field) -> list[tuple[str, str]]:
        """See `psa_copilot.plugin.Past`."""
        return list(self.fields.get(field, ()))

    def noted(self, purpose: Purpose) -> list[str]:
        """See `psa_copilot.plugin.Past`."""
        return list(self.notes.get(purpose, ()))


@dataclass(frozen=True)
class LocalTickets:
    """A mirror that holds what the test says."""

    known: Sequence[Ticket] = ()
    clients: Sequence[str] = ()
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    alike: Sequence[Similar] = ()
    threads: Mapping[Ref, Thread] = field(default_factory=dict)

    def get(self, ref: Ref) -> Ticket | None:
        """See `psa_copilot.plugin.Tickets`."""
        return next((one for one in self.known if one.ref == ref), None)

    def recent_of_contact(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """See `psa_copilot.plugin.Tickets`."""
        same = [one for one in self.known if one.ref != ticket.ref and one.contact_id == ticket.contact_id]
        recent = [one for one in same if one.company_id == ticket.company_id and one.updated_at >= since]
        return sorted(recent, key=lambda one: one.updated_at, reverse=True)

    def recent_of_company(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """See `psa_copilot.plugin.Tickets`."""
        same = [one for one in self.known if one.ref != ticket.ref and one.company_id == ticket.company_id]
        return sorted((one for one in same if one.opened_at >= since), key=lambda one: one.opened_at)

    def other_clients(self, ticket: Ticket) -> list[str]:
        """See `psa_copilot.plugin.Tickets`."""
        return [name for name in self.clients if name.casefold() != ticket.company.casefold()]

    def meaning(self, board: str, status: str) -> Meaning | None:
        """See `psa_copilot.plugin.Tickets`."""
        return self.meanings.get(status)

    def similar(self, thread: Thread, most: int = 10, *, resolved: bool = False, own: bool = False) -> list[Similar]:
        """See `psa_copilot.plugin.Tickets`."""
        fits = [one for one in self.alike if not (resolved and not one.ticket.is_closed)]
        company = thread.ticket.company_id
        return [one for one in fits if not own or one.ticket.company_id == company][:most]

    def thread(self, ref: Ref) -> Thread | None:
        """See `psa_copilot.plugin.Tickets`."""
        return self.threads.get(ref)


@dataclass(frozen=True)
class Scene:
    """A thread as a plugin meets it, with its tools."""

    thread: Thread
    tools: Tools

    def change(self, kind: EventKind = EventKind.MESSAGE_ADDED, field: Field = Field.STATUS) -> Change:
        """The last thing that happened: the newest message came, or a technician set a field."""
        newest = self.thread.messages[-1:] if kind.value.startswith("message") else ()
        by = newest[0].by if newest else ActorClass.TECHNICIAN
        at = newest[0].sent_at if newest else self.tools.now
        changed = kind is EventKind.FIELD_CHANGED
        event = Event(
            id=1,
            kind=kind,
            ticket=self.thread.ticket.ref,
            field=field if changed else None,
            before="" if changed else None,
            after=self.thread.ticket.field(field) if changed else None,
            message=newest[0].key if newest else "",
            actor_class=by,
            happened_at=at,
            seen_at=at,
            source=Source.POLL,
        )
        revision = self.thread.revision
        return Change(thread_id=self.thread.id, revision=revision, events=(event,), key=f"rev:{revision}")

    def found(self, one: Found) -> Change:
        """What a sweep has found here, as the run that follows is told of it."""
        head = self.thread
        return Change(thread_id=head.id, revision=head.revision, because=one.because, facts=one.facts, key=one.key)

    def with_standing(self, **fields: Any) -> Scene:
        """The same scene, with these fields of its standing."""
        return replace(self, tools=replace(self.tools, standing=replace(self.tools.standing, **fields)))

    def with_text(self, text: str) -> Scene:
        """The same scene, in which the title and every message of a customer end in this text."""
        heard = tuple(
            one.model_copy(update={"text": f"{one.text}\n{text}"}) if one.by is ActorClass.CUSTOMER else one
            for one in self.thread.messages
        )
        tickets = tuple(one.model_copy(update={"title": f"{one.title} {text}"}) for one in self.thread.tickets)
        talk = self.thread.model_copy(update={"messages": heard, "tickets": tickets})
        return replace(self, thread=talk).with_standing(ticket=talk.ticket)


def scene(
    *lines: str,
    ago: timedelta = APART,
    now: Moment = NOW,
    past: LocalPast | None = None,
    tickets: LocalTickets | None = None,
    llm: Llm | None = None,
    memory: Memory | None = None,
    directory: Directory | None = None,
    roster: Roster | None = None,
    stands: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Scene:
    """A thread with its tools: `ago` is the age of the last message, `stands` are fields of its standing,
    `fields` those of the ticket.
    """
    talk = thread(*lines, ago=ago, now=now, **fields)
    tools = Tools(
        now=now,
        past=past or LocalPast(),
        tickets=tickets or LocalTickets(),
        text=Text(),
        llm=llm or Llm(),
        standing=standing(talk, **(stands or {})),
        memory=memory or Nothing(),
        directory=directory or Directory(),
        roster=roster or Nobody(),
    )
    return Scene(talk, tools)


def occasions(plugin: Plugin, on: Scene) -> list[Change]:
    """Why a plugin would be asked here: what it listens to, and what its own sweep finds."""
    heard = [on.change(kind) for kind in sorted(plugin.on - {EventKind.FIELD_CHANGED})]
    if EventKind.FIELD_CHANGED in plugin.on:
        heard += [on.change(EventKind.FIELD_CHANGED, field) for field in Field]
    return [*heard, *(on.found(one) for one in plugin.find(on.tools.now, iter([on.tools.standing])))]


async def wishes(plugin: Plugin, on: Scene, change: Change | None = None) -> list[Action]:
    """What it would like written: on this change, else on every occasion that the scene gives it."""
    changes = [change] if change else occasions(plugin, on)
    told = [await plugin.run(one, on.thread, on.tools) for one in changes]
    return list(itertools.chain.from_iterable(told))

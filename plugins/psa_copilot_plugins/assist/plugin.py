"""Assist: what the desk knows already about a new ticket: what solved such ones, and what is known of its contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field

from psa_copilot import (
    Action,
    AddNote,
    Change,
    Draft,
    Duration,
    EventKind,
    Mention,
    Plugin,
    PluginSettings,
    Reason,
    Setting,
    Thread,
    Ticket,
    Tools,
)
from psa_copilot_plugins.assist.recall import Solved, about, contact_tickets, devices, solved

FIRST_LINE = 100
MOST_TICKETS = 3
REPLY = (
    "Draft a short answer to the customer of this ticket, for a technician who will check it before it is sent. Say "
    "only what the ticket and these earlier solutions support, promise nothing, and ask for what is missing."
)


class Reply(BaseModel):
    """What a model drafts."""

    text: str = Field(max_length=500, description="The answer, two to four sentences, in the customer's language.")


class Assist(Plugin):
    """Tells the technician who opens a new ticket what solved such ones, and what is known of its contact."""

    name = "assist"
    on = frozenset({EventKind.TICKET_OPENED})

    class Settings(PluginSettings):
        likeness: float = Setting(0.5, ge=0, le=1, description="How alike an earlier ticket has to be.")
        most: int = Setting(3, ge=1, le=5, description="So many earlier tickets at most.")
        across_clients: bool = Setting(
            False,
            description="Whether what solved other clients' tickets is told, without what names them. Lists know their "
            "names, machines and people; a nickname, a misspelling or a street is in no list and would be told.",
        )
        contact: Duration = Setting(timedelta(days=90), description="How far back the contact's own tickets are told.")
        draft_reply: bool = Setting(False, description="Whether a reply is drafted in the note; nothing is ever sent.")
        tell: Literal["note", "digest"] = Setting("note", description="Where it is told.")

    settings: Settings

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        if tools.standing.confidential or thread.ticket.is_over or not tools.text.opening(thread).whole.strip():
            return []
        known = solved(
            thread, tools, self.settings.likeness, across=self.settings.across_clients, most=self.settings.most
        )
        lately = contact_tickets(thread, tools, self.settings.contact)
        if not known and not lately:
            return []
        draft = await self._draft(thread, known, lately, tools)
        # What the mirror says stands as it is; what a model says in a reply has to be supported by it.
        own = {name: said for name, said in draft.parts.items() if name != "reply" or not tools.llm.spent}
        also = [replace(draft, parts=own).text()]
        draft = tools.text.without_clients(draft, tools.tickets.other_clients(thread.ticket))
        body = tools.text.written(draft, thread, also=also)
        return [self._wish(body, known, lately, thread, tools)]

    async def _draft(self, thread: Thread, known: Sequence[Solved], lately: Sequence[Ticket], tools: Tools) -> Draft:
        parts: dict[str, str] = {}
        if known:
            parts["solved"] = "; ".join(f"{one.name}: {one.solution}" for one in known) + "."
            causes = list(dict.fromkeys(one.cause for one in known if one.cause and one.cause != one.solution))
            parts["causes"] = "; ".join(causes) + "." if causes else ""
        if lately:
            shown = "; ".join(
                f"#{one.number} {about(one, tools)}, {one.opened_at:%d %b}" for one in lately[:MOST_TICKETS]
            )
            parts["contact"] = f"{shown}; {len(lately)} in {self.settings.contact.days} days."
            named = devices(lately, tools)
            parts["devices"] = f"{', '.join(named)}." if named else ""
        if self.settings.draft_reply:
            parts["reply"] = await self._reply(thread, known, tools)
        labels = {"solved": "What solved such ones", "causes": "Causes named", "contact": "Contact's other tickets"}
        labels |= {"devices": "Machines in these", "reply": "Draft reply, not sent"}
        return Draft("recap", _first(known, lately), {name: said for name, said in parts.items() if said}, labels)

    async def _reply(self, thread: Thread, known: Sequence[Solved], tools: Tools) -> str:
        """A model's, where there is one; else the one question that an earlier solution asks.

        A model is shown this contact's words alone, as the customer could read them: what another client lets a model
        see is not this one's to say, a colleague's ticket is not the contact's, and a reply passes on nothing internal.
        """
        material = tools.text.transcript(thread, public_only=True)
        theirs = [one for one in known if one.own and _is_theirs(one.ticket, thread.ticket)]
        earlier = "\n".join(f"Earlier, {one.name}: {one.for_customers}" for one in theirs if one.for_customers)
        answer = await tools.llm.ask(REPLY, f"{material}\n{earlier}", answer=Reply)
        if answer is not None:
            return " ".join(answer.text.split())
        if not theirs:
            return ""
        name = thread.ticket.contact.split(" ")[0] if thread.ticket.contact else ""
        greeting = f"Hello {name}, this" if name else "This"
        return f"{greeting} looks like your ticket {theirs[0].ticket.number}. Is anything different from then?"

    def _wish(
        self, body: str, known: Sequence[Solved], lately: Sequence[Ticket], thread: Thread, tools: Tools
    ) -> Action:
        refs = [str(one.ticket.ref) for one in known if one.own] + [str(one.ref) for one in lately[:MOST_TICKETS]]
        because = _because(known, lately)
        reasons = tuple(_reason(one, thread, tools) for one in known)
        evidence = tuple(dict.fromkeys(refs))
        if self.settings.tell == "digest":
            return Mention(body=body, because=because, reasons=reasons, evidence=evidence)
        return AddNote(
            body=body,
            living=True,
            because=because,
            reasons=reasons,
            evidence=evidence,
            purpose="recap",
            tells=frozenset({"other tickets"}),
        )


def _is_theirs(other: Ticket, ticket: Ticket) -> bool:
    """Whether a customer may be told of it: a colleague's ticket is not theirs."""
    return bool(ticket.contact_id) and other.contact_id == ticket.contact_id


def _first(known: Sequence[Solved], lately: Sequence[Ticket]) -> str:
    """State and next step, in one line."""
    if not known:
        many = "another ticket" if len(lately) == 1 else f"{len(lately)} other tickets"
        return f"Known here: the contact has had {many} lately; nothing alike was solved before."
    start = "Known here: solved before by "
    solution = known[0].solution.strip('"').rstrip('." ')
    room = FIRST_LINE - len(start) - 3
    short = solution if len(solution) <= room else solution[: room - 4].rsplit(" ", 1)[0] + " ..."
    return f'{start}"{short}".'


def _because(known: Sequence[Solved], lately: Sequence[Ticket]) -> str:
    own = sum(one.own for one in known)
    told = [f"{own} resolved ticket{'s' * (own != 1)} of the client alike"] if own else []
    told += [f"{len(known) - own} of other clients"] if len(known) > own else []
    told += [f"{len(lately)} of the contact lately"] if lately else []
    return ", ".join(told)


def _reason(one: Solved, thread: Thread, tools: Tools) -> Reason:
    whole = tools.text.opening(thread).whole
    words = tuple(filter(None, (tools.text.quoted(word, whole) for word in one.shared)))
    both = ", ".join(f'"{word}"' for word in words)
    said = f"like {one.name}, which is resolved" + (f": both say {both}" if both else "")
    return Reason(text=said, words=words, cites=str(one.ticket.ref))

"""A hand-off without a model: what the next technician needs so that nobody has to ask the customer again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from psa_copilot.models import ActorClass, Thread, Ticket
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.environment import environment
from psa_copilot.text.extract import Extract, fitting
from psa_copilot.text.reading import Sentence, read

MOST_STEPS = 3
MOST_TICKETS = 3
TITLE_ROOM = 40

_CUES = {
    "step": (
        r"tried|restart\w*|reboot\w*|reinstall\w*|uninstall\w*|installed|updated|reset|replaced|checked|tested|changed|"
        r"cleared|removed|unplugged|ran|moved|switched|looked at|neu gestartet|ersetzt|geprüft|redémarré|remplacé|"
        r"vérifié|"
        r"reiniciado|reemplazado|herstart|vervangen"
    ),
    "result": (
        r"no change|no effect|nothing changed|didn't help|did not help|same (?:error|problem|issue|as before)|still|"
        r"works?|"
        r"worked|working|fails?|failed|helped|gone|back|fixed|no difference|without success|keine änderung|"
        r"funktioniert|"
        r"aucun changement|ça marche|funciona|werkt"
    ),
    "trouble": (
        r"errors?|fail\w*|message says|says|shows?|see|screen|code|slow|freez\w*|crash\w*|blank|drops?|stops?|hangs?|"
        r"fehler\w*|meldung|erreur|affiche|muestra|melding"
    ),
    "undone": (
        r"(?:have|has|had|did|could|can|was|were|is)(?: not|n't)(?: yet)?(?: been)? (?:able|tried?|done|test\w*|"
        r"check\w*|"
        r"reach\w*|replac\w*|install\w*|updat\w*|order\w*|get|find|allowed|possible)|not yet|no access|skipped|"
        r"postponed|"
        r"waiting for|noch nicht|kein zugriff|pas encore|todavía no|nog niet"
    ),
}


@cache
def _cues() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"\b(?:{words})\b") for name, words in _CUES.items()}


def hand_off(thread: Thread, others: Sequence[Ticket], *, discreet: bool = False) -> Draft:
    """The hand-off of a thread; `others` are the contact's other tickets of the last days."""
    return fitting(Extract(thread, discreet=discreet), lambda extract: _drafted(extract, others))


def _drafted(extract: Extract, others: Sequence[Ticket]) -> Draft:
    parts = {"problem": extract.problem(), "tried": _tried(extract)}
    first = extract.first("Hand-off")
    parts |= {
        "observed": _observed(extract),
        **filed(extract.thread, others, () if extract.discreet else extract.reading.sentences),
        "promised": _promised(extract),
        "not_done": _not_done(extract),
    }
    if extract.discreet:
        parts["contact"] = f"{NOT_STATED}."  # nobody has looked
    return Draft("hand-off", first, parts | _one_line(extract.cautions()), LABELS)


LABELS = {
    "observed": "User saw",
    "contact": "Contact lately",
    "not_done": "Not done, and why",
    "personal": "Also",
}


def _one_line(cautions: dict[str, str]) -> dict[str, str]:
    """A hand-off has eight lines below its first; what is only pointed at shares one."""
    return {"personal": " ".join(cautions.values())} if cautions else {}


def _tried(extract: Extract) -> str:
    """Steps of technicians, each with what came of it."""
    steps = [each for each in extract.unused() if _is_step(each)]
    chosen = extract.best(steps, MOST_STEPS)
    extract.used.update(chosen)
    said = [f"{extract.quote(step, extract.room)}{_result(extract, step)}" for step in chosen]
    return f"{'; '.join(dict.fromkeys(said))}." if said else f"{NOT_STATED}."


def _is_step(sentence: Sentence) -> bool:
    by_us = sentence.message.by is ActorClass.TECHNICIAN
    return by_us and not (sentence.asks or sentence.promises) and bool(_cues()["step"].search(sentence.lower))


def _result(extract: Extract, step: Sentence) -> str:
    """What came of a step, where its own sentence does not say: in the same message, else in the next one."""
    if _cues()["result"].search(step.lower):
        return ""
    after = (
        each
        for each in extract.unused()
        if (each.number == step.number and each.place > step.place) or each.number == step.number + 1
    )
    found = next((each for each in after if _cues()["result"].search(each.lower) and not each.asks), None)
    if found is None:
        return f", result {NOT_STATED}"
    extract.used.add(found)
    return f" - {extract.quote(found, extract.room)}"


def _observed(extract: Extract) -> str:
    seen = [
        each
        for each in extract.unused()
        if each.message.by is ActorClass.CUSTOMER and not each.asks and _cues()["trouble"].search(each.lower)
    ]
    chosen = extract.best(seen, 2)
    extract.used.update(chosen)
    return f"{extract.quotes(chosen)}." if chosen else f"{NOT_STATED}."


def filed(thread: Thread, others: Sequence[Ticket], sentences: Sequence[Sentence] | None = None) -> dict[str, str]:
    """Devices and versions, how the ticket is filed, and the contact's other tickets.

    Nobody but a human can say whether category and priority are right.
    """
    ticket = thread.ticket
    named = environment(read(thread).sentences if sentences is None else sentences)
    place = f"category {ticket.category or NOT_STATED}, priority {ticket.priority or NOT_STATED}."
    return {"environment": f"{named[:-1] or NOT_STATED}; {place}", "contact": _contact(thread, others)}


def _contact(thread: Thread, others: Sequence[Ticket]) -> str:
    """Titles only of tickets on the same board: who reads this may not see the others."""
    if not others:
        return "none known."
    shown = [_other(each, thread) for each in others[:MOST_TICKETS]]
    more = f" and {len(others) - MOST_TICKETS} more" if len(others) > MOST_TICKETS else ""
    return f"{', '.join(shown)}{more}."


def _other(ticket: Ticket, thread: Thread) -> str:
    state = "closed" if ticket.is_closed else "open"
    title = " ".join(ticket.title.split())
    if ticket.board != thread.ticket.board or is_delicate(title):
        return f"{ticket.number} ({state})"
    return f"{ticket.number} {title if len(title) <= TITLE_ROOM else title[: TITLE_ROOM - 1] + '…'} ({state})"


def _promised(extract: Extract) -> str:
    """What the customer was promised, and when that was said."""
    public = [each for each in extract.promised() if not each.message.internal]
    chosen = public[-2:]
    extract.used.update(chosen)
    said = [f"{extract.quote(each, extract.room)}, {each.message.sent_at:%a %d %b %H:%M} UTC" for each in chosen]
    return f"{'; '.join(dict.fromkeys(said))}." if said else f"{NOT_STATED}."


def _not_done(extract: Extract) -> str:
    undone = [
        each
        for each in extract.unused()
        if each.message.by is ActorClass.TECHNICIAN and not each.asks and _cues()["undone"].search(each.lower)
    ]
    chosen = undone[-1:]
    extract.used.update(chosen)
    return f"{extract.quotes(chosen)}." if chosen else f"{NOT_STATED}."

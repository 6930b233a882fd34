"""The ladder for customers who do not answer: a reminder, a final notice, and then a configured rule, if there is one.

It is refused until the admin confirms that the PSA's own reminders are off for that status, it rests while the
customer is away, any answer ends it, and it never runs when the last word was the customer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from psa_copilot import ActorClass, Meaning, Standing
from psa_copilot_plugins.stale_sweeper.due import Due, local
from psa_copilot_plugins.stale_sweeper.settings import ClosingRule, Spared, SweeperSettings, due

NEVER_BELOW = 3
"""Priorities 1 and 2, and those that nobody has set, are closed by people."""

_CUES = re.compile(
    r"\b(?:security|phish\w*|malware|ransomware|virus|breach|compromis\w+|hacked|"
    r"backups?|restore|"
    r"on-?boarding|off-?boarding|new (?:starter|hire|user|employee|joiner)|leaver|joiner|termination|"
    r"procurement|purchase|quote|order|renewal|licen[cs]e|"
    r"changes?|change request|rfc|migration|"
    r"sicherheit\w*|datensicherung|eintritt|austritt|neue[rn]? mitarbeiter\w*|beschaffung|bestellung|angebot|"
    r"änderung\w*|"
    r"sécurité|sauvegarde|arrivée|départ|achat|devis|changement|"
    r"seguridad|copia de seguridad|alta|baja|compra|presupuesto|cambio|"
    r"beveiliging|back-?up|indiensttreding|uitdiensttreding|inkoop|offerte|wijziging)\b",
    re.IGNORECASE,
)


def silent(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """The highest rung that the customer's silence has reached."""
    start = _silent_since(standing, settings, now)
    if start is None:
        return
    if standing.bounced:
        yield Due("bounced", standing.last_key, start, "our last mail to the customer came back; call instead")
        return
    reached = [rung for rung in _rungs(standing, settings, start) if rung.since <= now]
    yield from reached[-1:]


def _silent_since(standing: Standing, settings: SweeperSettings, now: datetime) -> datetime | None:
    ticket = standing.ticket
    refused = not settings.silent.enabled or not _is_among(ticket.status, settings.psa_ladder_off)
    waits = ticket.meaning is Meaning.WAITING_ON_CUSTOMER and standing.last_by is ActorClass.TECHNICIAN
    if refused or not waits or not standing.last_key or standing.last_at is None:
        return None
    if ticket.required_at and ticket.required_at > now:
        return None
    # Whoever is away until a day has as long from then on as anybody else.
    return max(filter(None, (standing.last_at, standing.status_since, standing.away_until)))


def _rungs(standing: Standing, settings: SweeperSettings, start: datetime) -> Iterator[Due]:
    asked, key = local(standing, standing.last_at or start), standing.last_key
    reminder = due(standing.calendar, start, settings.silent.reminder)
    yield Due("silent", key, reminder, f"customer silent since {asked}; time for a reminder", step=1)
    final = due(standing.calendar, reminder, settings.silent.final)
    yield Due("silent", key, final, f"customer silent since {asked}; time for the final notice", step=2)
    named = closing_rule(standing, settings)
    if named:
        name, rule = named
        says = (
            f"customer silent since {asked}; reminder was due {local(standing, reminder)}, final notice"
            f" {local(standing, final)}; rule {name} gives {rule.after} more"
        )
        yield Due("silent", key, due(standing.calendar, final, rule.after), says, step=3, rule=name)


def closing_rule(standing: Standing, settings: SweeperSettings) -> tuple[str, ClosingRule] | None:
    """The rule, with its id, that may end this ticket's silence."""
    status = standing.ticket.status
    named = next(((name, rule) for name, rule in settings.closing.items() if _is_among(status, rule.status)), None)
    return None if named is None or why_not_close(standing, settings.spared) else named


def why_not_close(standing: Standing, spared: Spared) -> str:
    """What keeps any rule from closing this ticket; empty when nothing does."""
    ticket = standing.ticket
    if ticket.priority_level is None or ticket.priority_level < NEVER_BELOW:
        return f"its priority is {ticket.priority or 'not set'}"
    if standing.open_children:
        return f"it has {standing.open_children} open children"
    if standing.bounced:
        return "the last mail to the customer came back"
    if standing.is_vip or standing.is_security:
        return "its contact is a VIP, or it is a security event"
    who, where = _is_among(ticket.contact, spared.contacts), _is_among(ticket.board, spared.boards)
    if who or where or _in(ticket.category, spared.categories):
        return "its contact, board or category is spared"
    cue = _CUES.search(f"{ticket.title} / {ticket.category}") if spared.cues else None
    return f"it is about {cue[0].lower()}" if cue else ""


def _in(category: str, names: frozenset[str]) -> bool:
    parts = category.split(" / ")
    return any(_is_among(" / ".join(parts[: number + 1]), names) for number in range(len(parts)))


def _is_among(label: str, names: frozenset[str]) -> bool:
    """Labels compare whatever their case: one configuration serves several PSAs, and each writes them its own way."""
    return label.casefold() in {name.casefold() for name in names}

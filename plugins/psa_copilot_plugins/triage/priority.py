"""Which priority a ticket gets: impact by urgency, as far as words that the desk has declared tell of them.

The text alone says next to nothing about the priority that people choose, so without such a word, or a VIP, nothing is
wished. What is wished is a suggestion, never lower than what stands, and never after the first response.
"""

from __future__ import annotations

from collections.abc import Iterator

from psa_copilot import ChangeField, Field, Reason, Text, Thread, Ticket, Tools
from psa_copilot_plugins.triage.settings import DEGREES, Declared, Degree, TriageSettings


def suggest(thread: Thread, tools: Tools, settings: TriageSettings) -> ChangeField | None:
    """A higher priority, where declared words or a VIP ask for one."""
    ticket, standing = thread.ticket, tools.standing
    stands_at = _level(ticket, tools)
    if standing.responded_at or standing.technician_at or (ticket.priority and stands_at is None):
        return None  # of a priority of which nobody knows how high it is, nobody can tell what would lower it
    case, _ = tools.text.without_orders_to_software(
        tools.text.opening(thread), [one.name for one in tools.directory.priorities]
    )
    reasons: list[Reason] = []
    impact = _degree(settings.impact, "impact", case.whole, tools.text, reasons)
    urgency = _degree(settings.urgency, "urgency", case.whole, tools.text, reasons)
    if standing.is_vip and impact != "high":
        impact = DEGREES[DEGREES.index(impact) + 1]
        reasons.append(Reason(text=f"a VIP raises the impact to {impact}", words=(ticket.contact,)))
    level = settings.matrix[impact][urgency]
    to = next((one.name for one in tools.directory.priorities if one.level == level), "")
    if not (reasons and to) or (stands_at is not None and level >= stands_at):
        return None
    return ChangeField(
        field=Field.PRIORITY,
        was=ticket.priority,
        to=to,
        because=f"impact {impact} × urgency {urgency}: {'; '.join(reason.text for reason in reasons)}",
        reasons=tuple(reasons[:3]),
        evidence=tuple(message.key for message in thread.spoken()[:1]),
        suggest_only=True,
    )


def _level(ticket: Ticket, tools: Tools) -> int | None:
    """How high the priority is that it has, as far as the ticket or the PSA's list tells."""
    if ticket.priority_level is not None:
        return ticket.priority_level
    return next((one.level for one in tools.directory.priorities if one.name == ticket.priority), None)


def _degree(declared: Declared, what: str, said: str, text: Text, reasons: list[Reason]) -> Degree:
    """The lower degree where words of both stand there: too high a priority costs more than too low a one."""
    for degree, words in _by_degree(declared):
        quoted = [found for word in words if (found := text.quoted(word, said))]
        if quoted:
            listed = ", ".join(f'"{word}"' for word in quoted)
            reasons.append(Reason(text=f"{listed} means {degree} {what} here", words=tuple(quoted)))
            return degree
    return "medium"


def _by_degree(declared: Declared) -> Iterator[tuple[Degree, tuple[str, ...]]]:
    yield "low", declared.low
    yield "high", declared.high

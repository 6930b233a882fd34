"""A ticket as the desk's own words make it: its origin, whether it is confidential, mirrored, at which tier."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from psa_copilot.calendar import DEFAULT, Calendar
from psa_copilot.desk import Desk, is_among
from psa_copilot.models import ActorClass, Meaning, Origin, Ticket
from psa_copilot.plugin import Standing, When
from psa_copilot.store import Stand

# Words of personnel, legal and breach matters, in the languages of our desks. Better one too many: a note less is
# no harm, a dismissal that stands in the wrong note is.
_CUES = re.compile(
    r"\b(?:confidential|leaver|off-?boarding|termination of|terminat(?:e|ed|ing) (?:employ|account|access)"
    r"|dismiss(?:al|ed)|resignation|redundanc(?:y|ies)|disciplinary|grievance|harassment|lawsuit|litigation"
    r"|subpoena|legal hold|e-?discovery|data breach"
    r"|security breach|payroll|salary|vertraulich|kündigung|abmahnung|freistellung|datenpanne"
    r"|confidentiel|licenciement|confidencial|despido|vertrouwelijk|ontslag)\b",
    re.IGNORECASE,
)


def origin_of(ticket: Ticket, desk: Desk) -> Origin:
    """Who made a ticket: by the admin's lists, else as the PSA's own fields told."""
    for origin, lists in desk.origins.items():
        if (
            is_among(ticket.source, lists.source)
            or is_among(ticket.board, lists.board)
            or is_among(ticket.created_by, lists.creator)
            or is_among(ticket.company, lists.company)
        ):
            return origin
    return ticket.origin


def confidential(ticket: Ticket, desk: Desk) -> str:
    """Why nothing of a ticket may be quoted, counted or shown to a model; empty when it may."""
    lists = desk.confidential
    if is_among(ticket.board, lists.board):
        return f"board {ticket.board!r} is confidential"
    if is_among(ticket.contact, lists.contact):
        return "tickets of its contact are confidential"
    if in_category(ticket, lists.category):
        return f"category {ticket.category!r} is confidential"
    cue = _CUES.search(ticket.title) if lists.cues else None
    return f"its title speaks of a confidential matter ({cue[0].lower()})" if cue else ""


def in_category(ticket: Ticket, names: frozenset[str]) -> bool:
    """Whether a ticket's category, or the beginning of its path, is in a list."""
    parts = ticket.category.split(" / ")
    return any(is_among(" / ".join(parts[: n + 1]), names) for n in range(len(parts)))


def mirrored(
    ticket: Ticket, desk: Desk, works_on_it: Callable[[frozenset[str]], bool], programs: frozenset[str]
) -> str:
    """Why a note might travel to another system; empty when it stays here.

    `works_on_it` tells whether one of some accounts has touched the ticket; `programs` are other API accounts.
    """
    lists = desk.mirrored
    if lists.notes == "stay_here":
        return ""
    if is_among(ticket.company, lists.companies):
        return f"tickets of {ticket.company} are mirrored"
    if ticket.external_ref and (lists.external_ref or works_on_it(programs)):
        return f"external reference {ticket.external_ref}"
    return "an account of a sync works on it" if works_on_it(lists.users) else ""


def is_security(ticket: Ticket, desk: Desk) -> bool:
    """Whether it is a security event, as far as the admin has told which those are."""
    return is_among(ticket.board, desk.security) or in_category(ticket, desk.security)


def tier_of(ticket: Ticket, desk: Desk) -> int | None:
    """The support tier of a ticket's team or board, where one is declared."""
    tiers = {name.casefold(): tier for name, tier in desk.tiers.items()}
    return tiers.get(ticket.team.casefold()) or tiers.get(ticket.board.casefold())


def is_away(identifier: str, desk: Desk, time_off: dict[str, datetime], now: datetime) -> bool:
    """Whether a technician is absent, by the config or by the PSA's calendars."""
    mine = next((spans for name, spans in desk.away.items() if name.casefold() == identifier.casefold()), ())
    return any(span.since <= now < span.until for span in mine) or identifier in time_off


def standing_of(
    stand: Stand,
    desk: Desk,
    meaning: Meaning | None,
    *,
    stopped: str = "",
    calendar: Calendar = DEFAULT,
    had_by: tuple[str, ...] = (),
) -> Standing:
    """What a plugin is told of how a ticket stands."""
    row, ticket = stand.row, stand.ticket
    return Standing(
        ticket=ticket.model_copy(update={"meaning": meaning, "origin": origin_of(ticket, desk)}),
        last_key=row.last_key,
        last_by=ActorClass(row.last_by),
        last_at=row.last_at,
        customer_at=row.customer_at,
        technician_at=row.technician_at,
        responded_at=row.responded_at,
        away_until=row.away_until,
        bounced=row.bounced,
        status_since=row.status_since,
        messages=row.messages,
        open_children=stand.open_children,
        appointments=stand.appointments,
        tier=tier_of(ticket, desk),
        is_vip=is_among(ticket.contact, desk.vips),
        is_security=is_security(ticket, desk),
        confidential=confidential(ticket, desk),
        stopped=stopped,
        calendar=calendar,
        had_by=had_by,
    )


def matches(when: When, ticket: Ticket) -> bool:
    """Whether a plugin looks at this ticket at all."""
    wanted = (
        (when.connection, ticket.ref.connection),
        (when.board, ticket.board),
        (when.company, ticket.company),
        (when.priority, ticket.priority),
    )
    return all(not names or value in names for names, value in wanted)

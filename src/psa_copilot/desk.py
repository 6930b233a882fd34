"""What an MSP tells about its desk: the settings of a connection that every brake goes by.

Names are the PSA's own labels and compare whatever their case. What is left out is off, or unknown, never guessed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic import Field as Setting

from psa_copilot.calendar import Hours
from psa_copilot.models import Moment, Origin

Name = Annotated[str, StringConstraints(min_length=1)]
Names = frozenset[Name]


class Section(BaseModel):
    """The base of the sections below."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_among(value: str, names: frozenset[str]) -> bool:
    """Whether a label is in a list, whatever the case."""
    return bool(value) and value.casefold() in {name.casefold() for name in names}


class ControlTicket(Section):
    """A ticket that stops everything: in any status but its armed one, nothing is written."""

    ticket: Name = Setting(description="Its number in the PSA.")
    armed: Name = Setting(description="The status that it has while the copilot may write.")


class OriginLists(Section):
    """How tickets of one origin are told."""

    source: Names = Setting(frozenset(), description="Sources.")
    board: Names = Setting(frozenset(), description="Boards.")
    creator: Names = Setting(frozenset(), description="Accounts that enter them.")
    company: Names = Setting(frozenset(), description="Companies.")


class Confidential(Section):
    """Tickets of which nothing is quoted, counted, learned or shown to a model."""

    board: Names = Setting(frozenset(), description="Boards.")
    contact: Names = Setting(frozenset(), description="Contacts.")
    category: Names = Setting(frozenset(), description="Categories, or their first parts.")
    cues: bool = Setting(True, description="Also by words of personnel, legal and breach matters in the title.")


class Mirrored(Section):
    """Tickets that another system keeps in step with ours."""

    users: Names = Setting(frozenset(), description="Accounts of integrations that copy tickets to and fro.")
    companies: Names = Setting(frozenset(), description="Companies whose tickets are mirrored.")
    external_ref: bool = Setting(
        False,
        description="Whether an external reference alone means it; else only where a program works on the ticket.",
    )
    notes: Literal["unknown", "stay_here"] = Setting(
        "unknown", description="Whether internal notes stay here; unknown: none is written to a mirrored ticket."
    )


def _moment(value: object) -> object:
    """A day means its first moment in UTC, and a time without a zone is in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Day = Annotated[Moment, BeforeValidator(_moment)]


class Away(Section):
    """A technician's absence."""

    since: Day = Setting(description="From when on, for example 2026-12-21.")
    until: Day = Setting(description="When they are back.")


class Desk(Section):
    """One MSP's desk."""

    control_ticket: ControlTicket | None = Setting(None, description="The ticket that stops all writes.")
    commanders: Names = Setting(
        frozenset(), description="Technicians whose `copilot …` notes count; left out: every active one."
    )
    origins: dict[Origin, OriginLists] = Setting(
        default_factory=dict, description="Who makes tickets, beyond what the PSA's own fields tell."
    )
    confidential: Confidential = Setting(default_factory=Confidential, description="Tickets to say nothing of.")
    mirrored: Mirrored = Setting(default_factory=Mirrored, description="Tickets that live in two systems.")
    hours: dict[Name, Hours] = Setting(
        default_factory=dict, description="Business hours by board, `*` for all others; left out: always open."
    )
    client_hours: dict[Name, Hours] = Setting(default_factory=dict, description="Holidays of clients, by company.")
    shifts: dict[Name, Hours] = Setting(default_factory=dict, description="Working hours of technicians.")
    away: dict[Name, tuple[Away, ...]] = Setting(default_factory=dict, description="Absences of technicians.")
    tiers: dict[Name, int] = Setting(default_factory=dict, description="Support tier (1, 2, 3) by board or team.")
    client_it: Names = Setting(
        frozenset(), description="Names, addresses, mail domains or contact types of clients' own IT staff."
    )
    co_managed: Names = Setting(frozenset(), description="Companies whose own technicians read internal notes.")
    own_company: str = Setting("", description="The MSP's own company in its PSA.")
    catch_all: Names = Setting(frozenset(), description="Companies that collect what could not be assigned.")
    shared_mailboxes: Names = Setting(frozenset(), description="Addresses behind which no single person stands.")
    vips: Names = Setting(frozenset(), description="Contacts whose impact counts more.")
    security: Names = Setting(frozenset(), description="Boards or categories of security events.")

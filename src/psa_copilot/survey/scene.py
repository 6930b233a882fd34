"""One connection as a digest sees it: how its open tickets stand, and who and what there is besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psa_copilot.connector import ConnectionSettings
from psa_copilot.desk import Desk
from psa_copilot.events import Event
from psa_copilot.models import ActorClass, Meaning, Origin, Person, Ticket
from psa_copilot.plugin import Standing
from psa_copilot.survey import words

CUSTOMERS = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT)


@dataclass(frozen=True)
class Scene:
    """What all findings look at. Confidential and stopped tickets are not in it any more."""

    now: datetime
    settings: ConnectionSettings
    people: tuple[Standing, ...] = ()
    """Tickets that persons made."""
    alerts: tuple[Standing, ...] = ()
    recent_alerts: tuple[Ticket, ...] = ()
    """Alerts of the last days, closed ones too."""
    technicians: Mapping[str, Person] | None = None
    """By identifier, casefolded; None while the PSA has not told."""
    away: Mapping[str, datetime] = field(default_factory=dict)
    """Who is away now and until when, by identifier, casefolded."""
    moves: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    """What is known of the fields' history, by remote id, oldest first."""
    knows_appointments: bool = False
    histories: str = ""
    """Why the PSA's own history is not, or not fully, known."""

    @property
    def desk(self) -> Desk:
        """What the MSP has told about itself."""
        return self.settings.desk

    def meaning(self, ticket: Ticket) -> Meaning | None:
        """What its status means: a human's word, else what its name sounds like, else the PSA's flags."""
        said = self.settings.statuses.get(ticket.board, {}).get(ticket.status)
        return said or words.meaning_of(ticket.status) or ticket.meaning

    def name_of(self, identifier: str) -> str:
        """Name of a technician; the identifier itself where nobody has it."""
        person = (self.technicians or {}).get(identifier.casefold())
        return person.name if person else identifier


def awaits_answer(standing: Standing) -> bool:
    """The customer has had the last word."""
    return standing.last_by in CUSTOMERS and standing.last_at is not None


def is_untouched(standing: Standing) -> bool:
    """No technician has written, logged time or set a field, as far as we see."""
    return standing.technician_at is None and standing.responded_at is None


def moved_at(standing: Standing) -> datetime:
    """When a person last did something on it."""
    told = (standing.last_at, standing.technician_at, standing.customer_at, standing.ticket.opened_at)
    return max(moment for moment in told if moment is not None)


def is_persons(ticket: Ticket) -> bool:
    """Made by somebody, and not by a machine or a plan."""
    return ticket.origin is Origin.PERSON

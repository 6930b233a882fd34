"""Who and what is there from the start, in the words of the desk: the same for every PSA."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from psa_copilot.sandbox.strict import Strict

Meaning = Literal[
    "new", "triage", "in progress", "scheduled", "waiting on customer", "waiting on vendor", "waiting internal",
    "resolved", "closed", "stop",
]  # fmt: skip
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Technician(Strict):
    """One who works tickets."""

    login: str
    name: str
    tier: int
    team: str
    title: str
    email: str = ""  # left out: made from the login
    inactive: bool = False
    calendar: str = ""


class Contact(Strict):
    """One of a client's people; `types` says what they are there, for example VIP or Client IT."""

    name: str
    email: str = ""  # left out: made from the name and the client's
    title: str = ""
    types: list[str] = Field(default_factory=lambda: ["End User"])
    inactive: bool = False

    @classmethod
    def called(cls, name: str) -> Contact:
        """One of whom a ticket tells just the name, or `Name <address>`."""
        told, mail = parseaddr(name) if "<" in name else (name, "")
        return cls(name=told or name, email=mail)


def _contact(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


class Client(Strict):
    """A company and those of its people who write."""

    name: str
    contacts: list[Annotated[Contact, BeforeValidator(_contact)]]
    devices: list[str] = Field(default_factory=list)
    types: list[str] = Field(default_factory=lambda: ["Client"])
    status: str = "Active"
    domain: str = ""  # of its mail addresses; left out: made from the name
    calendar: str = ""


class StatusLine(Strict):
    """A status of a board."""

    name: str
    meaning: Meaning
    default: bool = False


class BoardLine(Strict):
    """A board; what is left out is as the PSA's boards usually are."""

    name: str
    statuses: list[StatusLine] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)  # `Hardware/Printer/Blank pages`
    mails_contact: bool = True
    project: bool = False


class CalendarLine(Strict):
    """Working hours, `08:00-17:00` a day, and days on which nobody works, `2026-12-25`: name."""

    name: str
    hours: dict[Weekday, str]
    holidays: dict[str, str] = Field(default_factory=dict)


class Directory(Strict):
    """Who is there from the start, whatever tickets there are."""

    technicians: list[Technician]
    clients: list[Client]
    boards: list[BoardLine] = Field(default_factory=list)  # left out: the PSA's usual ones
    calendars: list[CalendarLine] = Field(default_factory=list)

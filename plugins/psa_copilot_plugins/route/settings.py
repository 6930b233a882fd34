"""What route can be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from psa_copilot import Duration, PluginSettings, Setting


class Section(BaseModel):
    """The base of the sections below."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Pod(Section):
    """Technicians who are the first choice for some clients, boards or categories."""

    technicians: tuple[str, ...] = Setting(min_length=1, description="Who they are, by their identifier.")
    companies: frozenset[str] = Setting(frozenset(), description="Clients that are theirs.")
    boards: frozenset[str] = Setting(frozenset(), description="Boards that are theirs.")
    categories: frozenset[str] = Setting(frozenset(), description="Categories, or their first parts.")


class Overflow(Section):
    """Where tickets go that nobody here can take now."""

    board: str = Setting(
        "", description="The board of a partner or of those on call, one that it may choose; left out: they stay."
    )
    when: frozenset[Literal["closed", "nobody"]] = Setting(
        frozenset({"closed", "nobody"}), description="Outside the board's hours, when nobody is free, or both."
    )


class RouteSettings(PluginSettings):
    """Where tickets may go, and what the desk knows about its boards and people."""

    move: bool = Setting(True, description="Whether it chooses boards at all.")
    boards: dict[str, str] = Setting(
        default_factory=dict,
        description="The only boards that it may choose, each with what it is for; left out: any board.",
    )
    excluded: frozenset[str] = Setting(frozenset(), description="Boards that it never chooses.")
    locked: frozenset[str] = Setting(frozenset(), description="Boards from which it moves nothing.")
    assign: bool = Setting(True, description="Whether it chooses technicians for tickets that nobody has.")
    never: frozenset[str] = Setting(frozenset(), description="Technicians who are given nothing, by identifier.")
    pods: dict[str, Pod] = Setting(default_factory=dict, description="Technicians who are the first choice, by pod.")
    skills: dict[str, frozenset[str]] = Setting(
        default_factory=dict,
        description="What technicians are good at, by identifier: words of tickets, boards, categories.",
    )
    owns: dict[str, int] = Setting(
        default_factory=dict, description="The support tier that owns a board or a category, or its first parts."
    )
    per_ticket: Duration = Setting(timedelta(minutes=30), description="Work that an open ticket is counted as.")
    most_work: Duration = Setting(
        timedelta(hours=16), description="Booked and open work from which a technician is given no more."
    )
    familiar: Duration = Setting(timedelta(days=90), description="How far back a contact's earlier tickets count.")
    overflow: Overflow = Setting(default_factory=Overflow, description="Where tickets go that nobody can take now.")
    retry: tuple[Duration, ...] = Setting(
        (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)),
        description="Business time after which it looks again at a ticket that still nobody has.",
    )
    model_weight: float = Setting(
        3.0, ge=1, description="How many times likelier a model's choice is to be right than wrong."
    )

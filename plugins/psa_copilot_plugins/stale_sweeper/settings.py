"""What a desk calls stale: each class of it with its own switch and limits."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from psa_copilot import Calendar, Duration, PluginSettings, Setting, duration

_WAIT = re.compile(r"(?P<days>[1-9]\d{0,2})bd|(?P<time>\d+(?:\.\d+)?[mhd])(?P<wall> wall)?")


def _read_wait(text: str) -> str:
    if not _WAIT.fullmatch(text):
        raise ValueError(
            f"{text!r} is no wait; write business time like 30m or 4h, business days like 3bd, or 15m wall for any time"
        )
    return text


Wait = Annotated[str, AfterValidator(_read_wait)]
"""Business time (`4h`), business days (`3bd`), or time on the wall whatever the hours (`15m wall`)."""


def due(calendar: Calendar, start: datetime, wait: Wait) -> datetime:
    """When a wait is over."""
    match = _WAIT.fullmatch(wait)
    if match is None:
        raise ValueError(f"{wait!r} is no wait")
    if match["days"]:
        return calendar.add_days(start, int(match["days"]))
    time = duration(match["time"])
    return start + time if match["wall"] else calendar.after(start, time)


class Section(BaseModel):
    """The base of the classes' own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Setting(True, description="Whether to look for this at all.")


class ByPriority(Section):
    """Limits by priority; a ticket without one counts as priority 3."""

    p1: Wait
    p2: Wait
    p3: Wait
    p4: Wait

    def of(self, level: int | None) -> Wait:
        """The limit of a priority."""
        return (self.p1, self.p2, self.p3, self.p4)[min(max(level or 3, 1), 4) - 1]


class Untouched(ByPriority):
    """A new ticket that no technician has touched."""

    p1: Wait = Setting("15m wall", description="Longest wait of a new priority 1 ticket.")
    p2: Wait = Setting("1h", description="... of priority 2.")
    p3: Wait = Setting("4h", description="... of priority 3.")
    p4: Wait = Setting("8h", description="... of priority 4.")


class Idle(ByPriority):
    """A ticket that waits for us, and no technician has done anything."""

    p1: Wait = Setting("1h", description="Longest rest of a priority 1 ticket that is ours to move.")
    p2: Wait = Setting("4h", description="... of priority 2.")
    p3: Wait = Setting("2bd", description="... of priority 3.")
    p4: Wait = Setting("3bd", description="... of priority 4.")


class Silent(Section):
    """A customer who does not answer: the ladder of reminders."""

    reminder: Wait = Setting("3bd", description="From our last word to the reminder.")
    final: Wait = Setting("3bd", description="From the reminder to the final notice.")


class Waited(Section):
    """A vendor, or a colleague, who was waited for longer than was allowed."""

    after: Wait = Setting("5bd", description="Allowed where the ticket carries no date of its own.")


class NoProgress(Section):
    """Urgent work that stays in a tier beyond its time box."""

    tiers: dict[str, Literal[1, 2, 3]] = Setting(
        default_factory=dict, description="Tier by board or team; elsewhere nothing is said."
    )
    t1: Wait = Setting("30m", description="Time box of tier 1.")
    t2: Wait = Setting("60m", description="Time box of tier 2.")
    priorities: frozenset[int] = Setting(frozenset({1, 2}), description="Priorities it looks at.")


class NothingScheduled(Section):
    """A status that says scheduled, and no appointment to come."""

    grace: Wait = Setting("15m wall", description="Time to enter the appointment once the status is set.")
    in_progress: bool = Setting(False, description="Whether tickets in progress need an appointment too.")


class SlaRisk(Section):
    """A target that will be missed soon."""

    part: float = Setting(0.25, gt=0, lt=1, description="At risk when less than this part of the target is left ...")
    at_least: Duration = Setting(duration("10m"), description="... or less business time than this ...")
    at_most: Duration = Setting(duration("4h"), description="... but not while more than this is left.")


class Backlog(Section):
    """Tickets that have been open for long."""

    after: Duration = Setting(duration("14d"), description="Open for longer than this.")


class ClosingRule(BaseModel):
    """What ends a silence that no reminder has broken; its key is the rule's id, which the closing note names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: frozenset[str] = Setting(min_length=1, description="Statuses in which it may close, as the PSA shows them.")
    to: str = Setting(min_length=1, description="The status that it sets, for example Resolved.")
    after: Wait = Setting("3bd", description="From the final notice to the end.")


class Spared(BaseModel):
    """What no rule closes, beside priorities 1 and 2, open children and mail that came back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: frozenset[str] = Setting(frozenset(), description="Contacts, such as VIPs.")
    boards: frozenset[str] = Setting(frozenset(), description="Boards.")
    categories: frozenset[str] = Setting(frozenset(), description="Categories, or their first parts.")
    cues: bool = Setting(
        True,
        description="Also by words of security, backup, joiners and leavers, procurement and change in title or"
        " category.",
    )


class SweeperSettings(PluginSettings):
    """All of it. Nothing here writes to a customer."""

    nudge: Literal["digest", "note"] = Setting(
        "digest", description="digest: a line in the digest; note: an internal note, which PSAs count as activity."
    )
    untouched: Untouched = Setting(default_factory=Untouched, description="New tickets that nobody has touched.")
    idle: Idle = Setting(default_factory=Idle, description="Tickets that are ours to move and rest.")
    silent: Silent = Setting(default_factory=Silent, description="Customers who do not answer.")
    psa_ladder_off: frozenset[str] = Setting(
        frozenset(), description="Statuses in which the PSA itself reminds or closes nobody; no ladder elsewhere."
    )
    waited: Waited = Setting(default_factory=Waited, description="Vendors and colleagues who take too long.")
    no_progress: NoProgress = Setting(default_factory=NoProgress, description="Urgent work beyond its time box.")
    nothing_scheduled: NothingScheduled = Setting(
        default_factory=NothingScheduled, description="Scheduled, with nothing scheduled."
    )
    sla_risk: SlaRisk = Setting(default_factory=SlaRisk, description="SLA targets about to be missed.")
    backlog: Backlog = Setting(default_factory=Backlog, description="Tickets open for long.")
    closing: dict[str, ClosingRule] = Setting(
        default_factory=dict, description="Rules that close after the final notice, by their ids; none by default."
    )
    spared: Spared = Setting(default_factory=Spared, description="Tickets that no rule closes.")
    restore_thanks: bool = Setting(
        False, description="Propose the earlier status where the PSA has just reopened a ticket for a bare thanks."
    )

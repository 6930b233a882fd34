"""What is due on a ticket: each class of stale work as a rule over how the ticket stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psa_copilot import ActorClass, Found, Meaning, Origin, Standing
from psa_copilot_plugins.stale_sweeper.settings import SweeperSettings, due

CUSTOMERS = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT)
OURS = (Meaning.NEW, Meaning.TRIAGE, Meaning.IN_PROGRESS)
DONE = (Meaning.RESOLVED, Meaning.CLOSED, Meaning.STOP)
WEIGHTS = {1: 100.0, 2: 60.0, 3: 30.0, 4: 10.0}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """One step of one class that a ticket has reached."""

    kind: str
    anchor: str
    """What the step counts from: while it stays, the step is due once."""
    since: datetime
    says: str
    step: int = 1
    rule: str = ""
    """Id of the closing rule whose time has come."""

    @property
    def key(self) -> str:
        """Unique for this step, whoever asks and however often."""
        return f"{self.kind}:{self.step}:{self.anchor}"

    def found(self, standing: Standing, now: datetime) -> Found:
        """As a sweep tells it."""
        ticket = standing.ticket
        weight = WEIGHTS.get(ticket.priority_level or 3, WEIGHTS[4])
        facts = {"kind": self.kind, "ticket": str(ticket.ref), "rule": self.rule}
        score = weight + min(100.0, (now - self.since) / DAY)
        return Found(ticket.ref, self.says, self.key, since=self.since, score=score, facts=facts)


def left_alone(standing: Standing, settings: SweeperSettings, now: datetime) -> bool:
    """Whether nothing is ever said of a ticket as it stands: done, merged, stopped, confidential, planned, not ours."""
    ticket = standing.ticket
    return bool(
        ticket.is_closed
        or ticket.meaning is None
        or ticket.meaning in DONE
        or ticket.merged_into
        or standing.stopped
        or standing.confidential
        or ticket.origin not in settings.origins
        or standing.next_appointment(now)
    )


def untouched(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """New, and no technician has done anything yet."""
    ticket, rule = standing.ticket, settings.untouched
    touched = standing.technician_at or standing.responded_at
    if not rule.enabled or touched or _unread(standing) or ticket.meaning not in (Meaning.NEW, Meaning.TRIAGE):
        return
    limit = rule.of(ticket.priority_level)
    since = due(standing.calendar, ticket.opened_at, limit)
    says = f"new since {local(standing, ticket.opened_at)} and untouched; {_named(standing)} has {limit}"
    yield Due("untouched", ticket.ref.remote_id, since, says)


def idle(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """Ours to move, and no technician has done anything since it became so."""
    rule, start = settings.idle, _ours_since(standing)
    if not rule.enabled or start is None or _unread(standing) or _promised(standing, now):
        return
    limit = rule.of(standing.ticket.priority_level)
    says = f"ours to act and idle since {local(standing, start)}; {_named(standing)} has {limit}"
    yield Due("idle", _stamped(standing, start), due(standing.calendar, start, limit), says)


def _ours_since(standing: Standing) -> datetime | None:
    """Since when a ticket rests that we have to move; a status that lags behind the customer's answer is ours too."""
    meaning, answered = standing.ticket.meaning, standing.last_by in CUSTOMERS
    if meaning is Meaning.WAITING_ON_CUSTOMER and answered:
        return standing.customer_at
    touched = standing.technician_at or standing.responded_at
    if meaning not in OURS or (touched is None and meaning is not Meaning.IN_PROGRESS):
        return None
    return max(filter(None, (touched, standing.status_since)), default=standing.ticket.opened_at)


def waited(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """A vendor or a colleague has had the time that was allowed: the ticket's own date, or the desk's limit."""
    ticket, rule = standing.ticket, settings.waited
    if not rule.enabled or ticket.meaning not in (Meaning.WAITING_ON_VENDOR, Meaning.WAITING_INTERNAL):
        return
    if ticket.required_at:
        says = f"{ticket.meaning} until {local(standing, ticket.required_at)}, which has passed"
        yield Due("waited", _stamped(standing, ticket.required_at), ticket.required_at, says)
        return
    if _unread(standing):
        return
    start = max(filter(None, (standing.status_since, standing.technician_at)), default=ticket.opened_at)
    says = f"{ticket.meaning} since {local(standing, start)}, without a date; {rule.after} are allowed"
    yield Due("waited", _stamped(standing, start), due(standing.calendar, start, rule.after), says)


def no_progress(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """Urgent, in progress, and the tier's time box has passed since a technician did anything."""
    ticket, rule = standing.ticket, settings.no_progress
    tier = rule.tiers.get(ticket.team) or rule.tiers.get(ticket.board) or standing.tier
    urgent = ticket.priority_level in rule.priorities and not _unread(standing)
    if not rule.enabled or tier not in (1, 2) or not urgent or ticket.meaning is not Meaning.IN_PROGRESS:
        return
    start = max(filter(None, (standing.status_since, standing.technician_at)), default=ticket.opened_at)
    box = rule.t1 if tier == 1 else rule.t2
    says = f"in tier {tier} without progress since {local(standing, start)}; the time box is {box}"
    yield Due("tier", _stamped(standing, start), due(standing.calendar, start, box), says)


def nothing_scheduled(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """The status promises an appointment, and none is to come."""
    ticket, rule = standing.ticket, settings.nothing_scheduled
    says_so = ticket.meaning is Meaning.SCHEDULED or (rule.in_progress and ticket.meaning is Meaning.IN_PROGRESS)
    if not rule.enabled or not says_so:
        return
    last = max((one.ends for one in standing.appointments if not one.done), default=None)
    start = max(filter(None, (standing.status_since, last)), default=ticket.opened_at)
    over = f"; the last one ended {local(standing, last)}" if last else ""
    says = f"{ticket.status!r} with nothing scheduled{over}"
    yield Due("unscheduled", _stamped(standing, start), due(standing.calendar, start, rule.grace), says)


def sla_risk(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """Little of a target is left; a paused one has no date here and no risk."""
    ticket, rule = standing.ticket, settings.sla_risk
    if not rule.enabled or ticket.sla_due is None or ticket.sla_due <= now:
        return
    whole = standing.calendar.business_between(ticket.opened_at, ticket.sla_due)
    window = min(max(rule.part * whole, rule.at_least), rule.at_most)
    since = standing.calendar.after(ticket.opened_at, whole - window)
    yield Due("sla", _stamped(standing, ticket.sla_due), since, f"SLA missed at {local(standing, ticket.sla_due)}")


def backlog(standing: Standing, settings: SweeperSettings, now: datetime) -> Iterator[Due]:
    """Open for long; a project is meant to be."""
    ticket, rule = standing.ticket, settings.backlog
    if not rule.enabled or ticket.origin is Origin.PROJECT or _promised(standing, now):
        return
    says = f"open since {local(standing, ticket.opened_at)}, {ticket.status!r}"
    yield Due("backlog", ticket.ref.remote_id, ticket.opened_at + rule.after, says)


def _promised(standing: Standing, now: datetime) -> bool:
    """Waiting on a named party inside the time that was promised."""
    ticket = standing.ticket
    waits = ticket.meaning in (Meaning.WAITING_ON_VENDOR, Meaning.WAITING_INTERNAL, Meaning.WAITING_ON_CUSTOMER)
    return waits and ticket.required_at is not None and ticket.required_at > now


def _unread(standing: Standing) -> bool:
    """Nothing of what was said is known yet; who has done nothing cannot be told."""
    return standing.messages == 0


def _named(standing: Standing) -> str:
    return standing.ticket.priority or "a ticket without priority"


def _stamped(standing: Standing, at: datetime) -> str:
    """A moment of one ticket; in UTC, so that no change of clocks makes it another one."""
    return f"{standing.ticket.ref.remote_id}@{at.astimezone(UTC):%Y%m%dT%H%M%S}"


def local(standing: Standing, at: datetime) -> str:
    """A moment as the board's clocks show it."""
    return f"{at.astimezone(standing.calendar.zone):%Y-%m-%d %H:%M}"

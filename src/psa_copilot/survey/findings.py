"""The findings of a first look, each a question that a dispatcher would ask of every open ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from psa_copilot.events import Event, EventKind
from psa_copilot.models import Field, Meaning, Ticket
from psa_copilot.plugin import Standing
from psa_copilot.survey.scene import Scene, awaits_answer, is_untouched
from psa_copilot.survey.titles import folded
from psa_copilot.survey.values import Finding, Sighting, business, span

UNANSWERED_DAYS = 1.0
UNTOUCHED = {1: timedelta(minutes=15), 2: timedelta(hours=1)}
UNASSIGNED = timedelta(minutes=15)
PING_PONG = 3
SAME_ALERT = 10
WEEK = timedelta(days=7)
AT_RISK = 0.25
AT_RISK_LEAST, AT_RISK_MOST = timedelta(minutes=10), timedelta(hours=4)
JUST_MISSED = timedelta(days=1)
HANDED_ON = {Field.ASSIGNEE: "owners", Field.BOARD: "boards"}
IS_OVER = (Meaning.RESOLVED, Meaning.CLOSED)


@dataclass(frozen=True)
class Sign:
    """Why one ticket belongs to a finding, and how bad that is."""

    why: str
    weight: float


Question = Callable[[Standing, Scene], Sign | None]


def unanswered(standing: Standing, scene: Scene) -> Sign | None:
    """The customer spoke last, and has waited for a business day."""
    if not awaits_answer(standing) or standing.last_at is None:
        return None
    days = standing.calendar.business_days_between(standing.last_at, scene.now)
    if days < UNANSWERED_DAYS:
        return None
    why = f"the customer wrote last and has waited for {business(days)}"
    meaning = scene.meaning(standing.ticket)
    if meaning in (Meaning.WAITING_ON_CUSTOMER, Meaning.SCHEDULED, *IS_OVER):
        why += f", while the status still says {standing.ticket.status}"
    return Sign(why, days + _urgency(standing.ticket))


def untouched(standing: Standing, scene: Scene) -> Sign | None:
    """A P1 or P2 that nobody has begun to work on."""
    ticket = standing.ticket
    limit = UNTOUCHED.get(ticket.priority_level or 0)
    if limit is None or not is_untouched(standing):
        return None
    waited = scene.now - ticket.opened_at
    counted = waited if ticket.priority_level == 1 else standing.calendar.business_between(ticket.opened_at, scene.now)
    if counted < limit:
        return None
    return Sign(f"nobody has worked on it for {span(waited)}", _urgency(ticket) + waited.total_seconds() / 86400)


def unassigned(standing: Standing, scene: Scene) -> Sign | None:
    """Nobody owns it."""
    ticket = standing.ticket
    waited = scene.now - ticket.opened_at
    if ticket.assignee or waited < UNASSIGNED or scene.meaning(ticket) in IS_OVER:
        return None
    return Sign(f"it has had no owner for {span(waited)}", _urgency(ticket) + waited.total_seconds() / 86400)


def nothing_scheduled(standing: Standing, scene: Scene) -> Sign | None:
    """Its status says scheduled, and no calendar knows of it."""
    ticket = standing.ticket
    if scene.meaning(ticket) is not Meaning.SCHEDULED or standing.next_appointment(scene.now):
        return None
    past = max((one.ends for one in standing.appointments), default=None)
    if past is None:
        why = f"its status is {ticket.status}, and there is no appointment"
    else:
        why = f"its status is {ticket.status}, and the appointment was over {span(scene.now - past)} ago"
    since = past or standing.status_since or ticket.opened_at
    return Sign(why, _urgency(ticket) + (scene.now - since).total_seconds() / 86400)


def owner_gone(standing: Standing, scene: Scene) -> Sign | None:
    """Its owner cannot work on it: the account is disabled, or its person is away."""
    ticket = standing.ticket
    who = ticket.assignee.casefold()
    if not who or scene.technicians is None:
        return None
    person, until = scene.technicians.get(who), scene.away.get(who)
    if person is None:
        return Sign(f"its owner {ticket.assignee} is no technician any more", 5 + _urgency(ticket))
    if not person.active:
        return Sign(f"its owner {person.name} is disabled", 5 + _urgency(ticket))
    if until is not None:
        return Sign(f"its owner {person.name} is away until {until:%a %d %b}", _urgency(ticket))
    return None


def ping_pong(standing: Standing, scene: Scene) -> Sign | None:
    """It goes to and fro between owners or boards."""
    events = scene.moves.get(standing.ticket.ref.remote_id, ())
    signs = [sign for field, name in HANDED_ON.items() if (sign := _to_and_fro(_moves(events, field), name, scene))]
    return max(signs, key=lambda sign: sign.weight, default=None)


def _to_and_fro(moves: Sequence[Event], name: str, scene: Scene) -> Sign | None:
    # Given up and taken up again by the same person is no hand-over.
    path = [moves[0].before or "", *(move.after or "" for move in moves)] if moves else []
    stations = [station for station in path if station]
    stations = stations[:1] + [after for before, after in pairwise(stations) if before != after]
    handed, back = len(stations) - 1, len(stations) - len(set(stations))
    if handed < PING_PONG or not back:
        return None
    last = [scene.name_of(station) for station in stations[-5:]]
    return Sign(f"handed on {handed} times between {len(set(stations))} {name}: {' → '.join(last)}", handed)


def reopened(standing: Standing, scene: Scene) -> Sign | None:
    """It was done, and this week it is open again."""
    moves = _moves(scene.moves.get(standing.ticket.ref.remote_id, ()), Field.STATUS)
    for move in reversed(moves):
        if scene.now - move.happened_at > WEEK:
            return None
        before = scene.meaning(standing.ticket.model_copy(update={"status": move.before or ""}))
        after = scene.meaning(standing.ticket.model_copy(update={"status": move.after or ""}))
        if before in IS_OVER and after not in IS_OVER:
            why = f"it was {move.before} and came back {span(scene.now - move.happened_at)} ago"
            return Sign(why, _urgency(standing.ticket) + 7 - (scene.now - move.happened_at).total_seconds() / 86400)
    return None


def sla_at_risk(standing: Standing, scene: Scene) -> Sign | None:
    """The next SLA target is about to be missed, or has been within the last day."""
    ticket = standing.ticket
    if ticket.sla_due is None:
        return None
    left, whole = ticket.sla_due - scene.now, ticket.sla_due - ticket.opened_at
    if -JUST_MISSED <= left < timedelta():
        return Sign(f"its SLA target was missed {span(-left)} ago", _urgency(ticket))
    if timedelta() <= left <= min(max(whole * AT_RISK, AT_RISK_LEAST), AT_RISK_MOST):
        return Sign(f"its SLA target is missed in {span(left)}", 10 + _urgency(ticket))
    return None


@dataclass(frozen=True)
class Asked:
    """A question with its words."""

    key: str
    title: str
    rule: str
    question: Question


QUESTIONS = (
    Asked(
        "unanswered",
        "The customer spoke last",
        "The last word is the customer's, and a business day has passed without an answer. Thanks and automatic "
        "replies do not count.",
        unanswered,
    ),
    Asked(
        "untouched",
        "P1 and P2 that nobody has touched",
        "No technician has written, logged time or set a field: P1 for 15 minutes, P2 for an hour of business time.",
        untouched,
    ),
    Asked("unassigned", "Nobody owns it", "Open for 15 minutes or more, and no owner.", unassigned),
    Asked(
        "nothing_scheduled",
        "Scheduled, with nothing scheduled",
        "The status says scheduled, and no calendar has an appointment to come.",
        nothing_scheduled,
    ),
    Asked("owner_gone", "The owner is disabled or away", "The owner's account is disabled, or away today.", owner_gone),
    Asked(
        "ping_pong",
        "To and fro",
        "Handed on at least three times between owners or boards, and back to one who had it before.",
        ping_pong,
    ),
    Asked("reopened", "Reopened this week", "It was resolved or closed, and in the last 7 days it was not.", reopened),
    Asked(
        "sla",
        "The SLA is about to break",
        "Less than a quarter of the target's time is left (10 minutes to 4 hours), or it was missed within a day.",
        sla_at_risk,
    ),
)
ALERTS_TITLE = "The same alert, again and again"
ALERTS_RULE = "At least 10 alerts of one title within 7 days; numbers, times and names of machines in it do not count."


def ask(asked: Asked, scene: Scene) -> Finding:
    """One question to all tickets of persons, the worst answer first."""
    found = [
        sighting(standing.ticket, scene, sign) for standing in scene.people if (sign := asked.question(standing, scene))
    ]
    found.sort(key=lambda one: (-one.weight, one.opened_at))
    return Finding(asked.key, asked.title, asked.rule, tuple(found), len(found), _unknown(asked.key, scene))


def _unknown(key: str, scene: Scene) -> str:
    match key:
        case "nothing_scheduled" if not scene.knows_appointments:
            return "calendars were not read: appointments may exist that we do not see"
        case "owner_gone" if scene.technicians is None:
            return "the PSA has not told who works there"
        case "ping_pong" | "reopened":
            return scene.histories
        case _:
            return ""


def same_alert(scene: Scene) -> Finding:
    """Alerts of one title, folded into the newest of each."""
    groups: dict[tuple[str, str], list[Ticket]] = {}
    for ticket in scene.recent_alerts:
        if title := folded(ticket.title):
            groups.setdefault((ticket.board, title), []).append(ticket)
    many = {key: tickets for key, tickets in groups.items() if len(tickets) >= SAME_ALERT}
    found = [_folded(tickets, scene) for tickets in many.values()]
    found.sort(key=lambda one: -one.weight)
    count = sum(len(tickets) for tickets in many.values())
    return Finding("same_alert", ALERTS_TITLE, ALERTS_RULE, tuple(found), count)


def _folded(tickets: Sequence[Ticket], scene: Scene) -> Sighting:
    newest = max(tickets, key=lambda ticket: ticket.opened_at)
    still = sum(not ticket.is_closed for ticket in tickets)
    clients = sorted({ticket.company for ticket in tickets if ticket.company})
    where = f" at {', '.join(clients[:3])}" if clients else ""
    more = f" and {len(clients) - 3} more" if len(clients) > 3 else ""
    why = f"{len(tickets)} times in 7 days{where}{more}; {still} still open; this is the newest"
    return sighting(newest, scene, Sign(why, len(tickets)))


def sighting(ticket: Ticket, scene: Scene, sign: Sign, body: str = "") -> Sighting:
    """A ticket with what a digest says of it."""
    return Sighting(
        ref=str(ticket.ref),
        number=ticket.number,
        title=ticket.title,
        client=ticket.company,
        board=ticket.board,
        status=ticket.status,
        priority=ticket.priority,
        owner=scene.name_of(ticket.assignee),
        opened_at=ticket.opened_at,
        link=ticket.url,
        why=sign.why,
        weight=round(sign.weight, 2),
        body=body,
    )


def _moves(events: Iterable[Event], field: Field) -> list[Event]:
    """The changes of one field, oldest first, told twice or not."""
    found: dict[tuple[str | None, str | None, datetime], Event] = {}
    for event in events:
        if event.kind is EventKind.FIELD_CHANGED and event.field is field:
            found.setdefault((event.before, event.after, event.happened_at.replace(second=0, microsecond=0)), event)
    return sorted(found.values(), key=lambda event: event.happened_at)


def _urgency(ticket: Ticket) -> float:
    return {1: 20.0, 2: 10.0, 3: 2.0}.get(ticket.priority_level or 0, 0.0)

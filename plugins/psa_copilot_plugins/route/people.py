"""Which technician a ticket is given to: who may, who can, who has done such work, who knows the client, who has time.

What the desk has declared narrows the field, in this order: pod, tier, team, skills. Among those who are left, what was
learned of who solves such tickets counts most, then who knows the contact, then load; among equals it is the turn of
who has waited longest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from psa_copilot import (
    ActorClass,
    Best,
    Case,
    Example,
    Field,
    Notebook,
    Outcome,
    Reason,
    Rule,
    Sighting,
    Text,
    Thread,
    Ticket,
    Tools,
    Working,
    best_value,
    habits,
)
from psa_copilot_plugins.route.settings import Pod, RouteSettings

CHOICES = "technician"
MOST_OTHERS = 5
CONTINUITY, FAMILIARITY, LOAD = 0.2, 0.1, 0.2
"""What speaks for somebody besides the chance that they solve such tickets; load speaks against."""
NEARLY = 0.05
"""Scores that are no further apart are equal."""
BY_ACQUAINTANCE = 0.5
"""How sure it makes that somebody knows the contact, where nothing else is known: nobody has measured it."""
SMALL = 0.1
"""A chance that everybody has besides: who stands in for somebody is not told by the last hundredths of a chance."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pool:
    """Those who are left to choose from, and the desk's own words that left them."""

    people: tuple[Working, ...]
    declared: tuple[Reason, ...] = ()

    def only(self, people: Iterable[Working], reason: Reason) -> Pool:
        """These, where there are any."""
        kept = tuple(people)
        return Pool(kept, (*self.declared, reason)) if kept else self

    @property
    def names(self) -> tuple[str, ...]:
        """Their identifiers."""
        return tuple(one.person.identifier for one in self.people)


@dataclass(frozen=True)
class Acquaintance:
    """Who has worked with the ticket's contact before."""

    last: str = ""
    """Who spoke with them last, in small letters."""
    on: str = ""
    """On which ticket that was."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many of the contact's tickets each one had, by identifier in small letters."""


def choose(thread: Thread, board: str, tools: Tools, settings: RouteSettings, refused: Iterable[str]) -> Best | None:
    """The best technician who is there and has time; None where nobody is, or nothing speaks for anybody."""
    ticket = thread.ticket.model_copy(update={"board": board})
    free = Pool(tuple(one for one in there(tools, settings, refused) if load(one, settings) < settings.most_work))
    if not free.people:
        return None
    case = tools.text.opening(thread)
    pool = _declared(free, ticket, case, tools, settings)
    best = best_value(
        tools.text,
        tools.memory,
        replace(case, contact=ticket.company),
        ticket,
        Field.ASSIGNEE,
        name=CHOICES,
        allowed=pool.names,
    )
    return _picked(pool, best, acquaintance(ticket, tools, settings), settings)


def there(tools: Tools, settings: RouteSettings, refused: Iterable[str] = ()) -> tuple[Working, ...]:
    """Who is on shift and may be given something."""
    never = {name.casefold() for name in (*settings.never, *refused)}
    return tuple(
        one for one in tools.roster.working() if one.on_shift and one.person.identifier.casefold() not in never
    )


def load(one: Working, settings: RouteSettings) -> timedelta:
    """Work that they have: what is booked, and their open tickets as so much work each."""
    return one.booked + one.open_tickets * settings.per_ticket


# -- what the desk has declared --------------------------------------------------------------------------------


def _declared(pool: Pool, ticket: Ticket, case: Case, tools: Tools, settings: RouteSettings) -> Pool:
    for name, pod in settings.pods.items():
        if why := _of_pod(pod, ticket):
            members = {one.casefold() for one in pod.technicians}
            reason = Reason(text=f"pod {name} has {why}", words=(why,))
            pool = pool.only((one for one in pool.people if one.person.identifier.casefold() in members), reason)
            break
    tier = next((tier for name, tier in settings.owns.items() if _filed(name, ticket)), None)
    if tier is not None:
        owned = ticket.category or ticket.board
        reason = Reason(text=f"tier {tier} owns {owned}", words=(owned,))
        pool = pool.only((one for one in pool.people if one.tier == tier), reason)
    team = tuple(one for one in pool.people if _same(one.person.team, ticket.team))
    return _skilled(replace(pool, people=team or pool.people), ticket, case, tools, settings)


def _of_pod(pod: Pod, ticket: Ticket) -> str:
    """What of the ticket is the pod's, as it stands there."""
    if any(_same(name, ticket.company) for name in pod.companies):
        return ticket.company
    if any(_same(name, ticket.board) for name in pod.boards):
        return ticket.board
    return ticket.category if any(_filed(name, ticket) for name in pod.categories) else ""


def _filed(name: str, ticket: Ticket) -> bool:
    """Whether the ticket is on that board, or in that category or one below it."""
    path, wanted = ticket.category.casefold(), name.casefold()
    return _same(name, ticket.board) or path == wanted or path.startswith(f"{wanted} / ")


def _same(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()


def _skilled(pool: Pool, ticket: Ticket, case: Case, tools: Tools, settings: RouteSettings) -> Pool:
    """Those whose declared skills the ticket asks for; the most of them where they differ."""
    skills = {name.casefold(): told for name, told in settings.skills.items()}
    case, _ = tools.text.without_orders_to_software(case, tuple(skills))
    said = frozenset(tools.text.content_words(case.whole))
    fitting = {
        one.person.identifier: [skill for skill in sorted(skills.get(one.person.identifier.casefold(), ()))
                                if _filed(skill, ticket) or _spoken(skill, said, tools.text)]
        for one in pool.people
    }  # fmt: skip
    most = max(map(len, fitting.values()), default=0)
    if not most:
        return pool
    best = [one for one in pool.people if len(fitting[one.person.identifier]) == most]
    asked = tuple(dict.fromkeys(skill for one in best for skill in fitting[one.person.identifier]))
    words = (word for skill in asked for word in (tools.text.quoted(skill, case.whole) or _as_filed(skill, ticket),))
    return pool.only(best, Reason(text=f"declared to be good at {', '.join(asked)}", words=tuple(filter(None, words))))


def _as_filed(name: str, ticket: Ticket) -> str:
    return ticket.board if _same(name, ticket.board) else ticket.category if _filed(name, ticket) else ""


def _spoken(skill: str, said: frozenset[str], text: Text) -> bool:
    words = text.content_words(skill)
    return bool(words) and all(word in said for word in words)


# -- who knows the contact -------------------------------------------------------------------------------------


def acquaintance(ticket: Ticket, tools: Tools, settings: RouteSettings) -> Acquaintance:
    """Who had the contact's earlier tickets, and who spoke with them last."""
    others = tools.tickets.recent_of_contact(ticket, tools.now - settings.familiar)
    counts = Counter(other.assignee.casefold() for other in others if other.assignee)
    for other in others[:MOST_OTHERS]:
        talk = tools.tickets.thread(other.ref)
        spoke = _last_technician(talk) if talk else ""
        if spoke or other.assignee:
            return Acquaintance((spoke or other.assignee).casefold(), str(other.ref), counts)
    return Acquaintance(counts=counts)


def _last_technician(talk: Thread) -> str:
    spoken = (one for one in reversed(talk.messages) if one.by is ActorClass.TECHNICIAN and not one.internal)
    return next((one.author_id for one in spoken if one.author_id), "")


# -- the pick --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Standing:
    """One who is left, and all that speaks for them."""

    one: Working
    chance: float
    score: float
    load: timedelta

    @property
    def name(self) -> str:
        """Their identifier."""
        return self.one.person.identifier

    @property
    def turn(self) -> tuple[float, timedelta, datetime, str]:
        """Nearly equal scores are equal; then who has less to do, then who has waited longest."""
        steps = round(self.score / NEARLY)
        return (-steps, self.load, self.one.last_assigned_at or LONG_AGO, self.one.person.identifier)


def _picked(pool: Pool, best: Best | None, known: Acquaintance, settings: RouteSettings) -> Best | None:
    chances = _chances(pool, best)
    ranked = sorted((_standing(one, chances, known, settings) for one in pool.people), key=lambda each: each.turn)
    habit = best if best and ", rule " in best.learned else None
    first = next((each for each in ranked if habit and each.name == habit.value), ranked[0])
    if not (pool.declared or best or first.name.casefold() == known.last):
        return None
    reasons = tuple(_reasons(first, pool, best, known))
    told = Best(
        first.name,
        BY_ACQUAINTANCE,
        "; ".join([*(reason.text for reason in reasons[:3]), _placed(first)]),
        reasons,
        best.learned if best else "",
        ranked=tuple((each.name, each.chance) for each in ranked),
        declared=bool(pool.declared),
    )
    if best is None or pool.declared:
        return told
    # Who is left is no likelier to solve it because the others are away: their part in the chances only ranks them.
    is_choice = first.name == best.value and not _is_absent(best)
    confidence = best.confidence if is_choice else min(best.confidence, first.chance)
    return replace(told, confidence=confidence, abstains=best.abstains)


def _is_absent(best: Best) -> bool:
    """Whether somebody else would have been the first choice, who is not among those who are left."""
    return best.passed_over != ""


def _chances(pool: Pool, best: Best | None) -> dict[str, float]:
    """How likely each is to solve such a ticket, now that those who are not left do not."""
    ranked, lost = (dict(best.ranked), best.lost) if best else ({}, 1.0)
    total = 1 - lost + SMALL * len(pool.names)
    return {name: (ranked.get(name, 0.0) + SMALL) / total for name in pool.names}


def _standing(one: Working, chances: dict[str, float], known: Acquaintance, settings: RouteSettings) -> _Standing:
    name, work = one.person.identifier, load(one, settings)
    share = known.counts[name.casefold()] / max(known.counts.total(), 1)
    busy = work / settings.most_work if settings.most_work else 0.0
    score = chances[name] + CONTINUITY * (name.casefold() == known.last) + FAMILIARITY * share - LOAD * busy
    return _Standing(one, chances[name], score, work)


def _reasons(first: _Standing, pool: Pool, best: Best | None, known: Acquaintance) -> Iterator[Reason]:
    yield from pool.declared
    if best and best.value == first.name:
        yield from best.reasons
    if known.last == first.name.casefold():
        yield Reason(text=f"worked with this contact last, on {known.on}", cites=known.on)
    elif known.counts[first.name.casefold()]:
        had = known.counts[first.name.casefold()]
        yield Reason(text=f"had {had} of this contact's tickets of late, as {known.on} shows", cites=known.on)


def _placed(first: _Standing) -> str:
    one, hours = first.one, first.one.booked.total_seconds() / 3600
    last = f", last given one {one.last_assigned_at:%d %b %H:%M} UTC" if one.last_assigned_at else ""
    return f"{first.name} is there, with {one.open_tickets} open tickets and {hours:.1f} h booked{last}"


# -- learning --------------------------------------------------------------------------------------------------


def learn(outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> tuple[Rule, ...]:
    """Keep who solves which tickets; the habits are handed back."""
    solved = [one.model_copy(update={"settled": {Field.ASSIGNEE: who}}) for one in outcomes if (who := _solver(one))]
    examples = [
        Example(str(one.ref), Case(one.title, one.text, one.company), one.settled[Field.ASSIGNEE]) for one in solved
    ]
    choices = text.learned_choices(examples)
    notebook.keep(CHOICES, choices)
    sightings = [Sighting.of(one, Field.ASSIGNEE, choices.unseen.get(str(one.ref), "")) for one in solved]
    return habits(sightings, Field.ASSIGNEE, text)


def _solver(one: Outcome) -> str:
    """Who solved a ticket: who worked on it most, else whose it was when it was done."""
    if one.resolved_at is None:
        return ""
    return one.technicians[0] if one.technicians else one.settled.get(Field.ASSIGNEE, "")

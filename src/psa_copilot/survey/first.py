"""The digest's first line: of all tickets that somebody should see, the one that is worst and best hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from psa_copilot.desk import is_among
from psa_copilot.models import Meaning
from psa_copilot.plugin import Standing
from psa_copilot.survey.findings import Sign, sighting
from psa_copilot.survey.scene import Scene, awaits_answer, is_untouched, moved_at
from psa_copilot.survey.values import First, Sighting, Term, business, span

OLD_NEWS_DAYS = 30
"""What has lain for longer is a backlog that people know of."""
LOOKS_DONE = (Meaning.WAITING_ON_CUSTOMER, Meaning.WAITING_ON_VENDOR, Meaning.SCHEDULED, Meaning.RESOLVED)


def choose(scenes: Iterable[Scene], found: Mapping[str, Mapping[str, Sighting]]) -> First | None:
    """The ticket to begin with; None when nothing that was found is hidden from anybody."""
    best: First | None = None
    for scene in scenes:
        for standing in scene.people:
            keys = found.get(str(standing.ticket.ref))
            chosen = _weighed(standing, scene, keys) if keys else None
            if chosen and (best is None or _rank(chosen) > _rank(best)):
                best = chosen
    return best


def _rank(first: First) -> tuple[float, float]:
    """On a tie, the one that has waited longer."""
    return first.points, -first.ticket.opened_at.timestamp()


def _weighed(standing: Standing, scene: Scene, keys: Mapping[str, Sighting]) -> First | None:
    hidden, bad = list(_hidden(standing, scene, keys)), list(_bad(standing, scene, keys))
    if not hidden or not bad:
        return None
    terms = tuple(sorted([*hidden, *bad], key=lambda term: -term.points))
    known = _known_backlog(standing, scene)
    ticket = sighting(standing.ticket, scene, Sign(" and ".join(term.says for term in terms[:2]), 0.0))
    return First(ticket, _says(standing, scene, hidden, bad), (*terms, *known))


def _says(standing: Standing, scene: Scene, hidden: list[Term], bad: list[Term]) -> str:
    ticket = standing.ticket
    seen = max(hidden, key=lambda term: term.points).says
    worst = max(bad, key=lambda term: term.points).says
    client = ticket.company or "no client"
    age = span(scene.now - ticket.opened_at)
    return f"{client} has had “{ticket.title}” (#{ticket.number}) open for {age}: {seen}, and {worst}."


def _hidden(standing: Standing, scene: Scene, keys: Mapping[str, Sighting]) -> Iterator[Term]:
    """Why nobody sees it."""
    ticket = standing.ticket
    if "owner_gone" in keys:
        yield Term(keys["owner_gone"].why, 25)
    if not ticket.assignee:
        yield Term("nobody owns it", 15)
    if "nothing_scheduled" in keys:
        yield Term(f"it looks planned ({ticket.status}) with nothing in any calendar", 15)
    elif awaits_answer(standing) and scene.meaning(ticket) in LOOKS_DONE:
        yield Term(f"it is parked in {ticket.status} though the customer has written since", 20)
    if "untouched" in keys:
        yield Term("nobody has begun to work on it", 30)
    elif is_untouched(standing):
        yield Term("nobody has ever worked on it", 15)
    still = standing.calendar.business_days_between(moved_at(standing), scene.now)
    if still >= 2:
        yield Term(f"nothing has happened on it for {business(still)}", min(15.0, 2 * still))


def _bad(standing: Standing, scene: Scene, keys: Mapping[str, Sighting]) -> Iterator[Term]:
    """What it costs that nobody does."""
    ticket = standing.ticket
    if ticket.priority_level in (1, 2):
        yield Term(f"its priority is {ticket.priority}", 40 if ticket.priority_level == 1 else 25)
    if "unanswered" in keys and standing.last_at is not None:
        days = standing.calendar.business_days_between(standing.last_at, scene.now)
        yield Term(f"the customer has waited {business(days)} for an answer", min(30.0, 10 + 5 * days))
    if "sla" in keys:
        yield Term(keys["sla"].why, 20)
    if "ping_pong" in keys or "reopened" in keys:
        yield Term((keys.get("ping_pong") or keys["reopened"]).why, 10)
    if "nothing_scheduled" in keys:
        yield Term("the customer expects somebody to come", 8)
    if is_among(ticket.contact, scene.desk.vips):
        yield Term("its contact is a VIP", 10)
    if is_among(ticket.board, scene.desk.security) or is_among(ticket.category, scene.desk.security):
        yield Term("it is about security", 20)


def _known_backlog(standing: Standing, scene: Scene) -> list[Term]:
    age = (scene.now - moved_at(standing)).days
    if age <= OLD_NEWS_DAYS:
        return []
    return [Term(f"it has lain for {age} days: more a backlog than a surprise", -30.0)]

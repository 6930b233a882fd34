"""The risk of an outcome, from what is known when a ticket opens; recent tickets count more."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from psa_copilot.text.outcome import Risk

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
Told = tuple[list[dict[str, str]], list[datetime], list[bool]]


def told(count: int, *, turned: int = 10**9, seed: int = 1) -> Told:
    """Tickets of which the third group misses its target; from ticket `turned` on it is the first one that does."""
    chance = random.Random(seed)
    facts, opened, missed = [], [], []
    for number in range(count):
        group = chance.choice(["Group 1", "Group 2", "Group 3"])
        facts.append({"group": group, "priority": chance.choice(["1", "2", "3"]), "caller": f"caller {number}"})
        opened.append(START + timedelta(hours=2 * number))
        bad = "Group 3" if number < turned else "Group 1"
        missed.append(chance.random() < (0.8 if group == bad else 0.1))
    return facts, opened, missed


def test_the_risk_is_the_rate_of_like_tickets() -> None:
    risk = Risk.fit(*told(900))
    now = START + timedelta(days=76)
    assert risk.chance({"group": "Group 3", "priority": "2"}, now) > 0.6
    assert risk.chance({"group": "Group 1", "priority": "2"}, now) < 0.25
    assert risk.reasons({"group": "Group 3", "priority": "2"})[0] == ("group", "Group 3")


def test_what_changed_lately_counts() -> None:
    risk = Risk.fit(*told(1200, turned=900))
    now = START + timedelta(days=100)
    assert risk.chance({"group": "Group 1", "priority": "2"}, now) > risk.chance(
        {"group": "Group 3", "priority": "2"}, now
    )


def test_order_of_the_tickets_does_not_matter() -> None:
    facts, opened, missed = told(400)
    place = list(range(400))
    random.Random(2).shuffle(place)
    mixed = [facts[n] for n in place], [opened[n] for n in place], [missed[n] for n in place]
    asked = {"group": "Group 2", "priority": "1"}
    one, other = Risk.fit(facts, opened, missed), Risk.fit(*mixed)
    assert one.chance(asked, opened[-1]) == pytest.approx(other.chance(asked, opened[-1]), abs=1e-6)


def test_few_tickets_tell_a_rate_and_nothing_more() -> None:
    assert Risk.fit([], [], []).chance({}, START) == 0.5
    few = Risk.fit(*told(50))
    assert few.chance({"group": "Group 3"}, START) == few.chance({"group": "Group 1"}, START) == few.rate
    assert few.reasons({"group": "Group 3"}) == ()


def test_it_comes_back_from_arrays_and_json() -> None:
    risk = Risk.fit(*told(500))
    arrays, facts = risk.to_arrays()
    again = Risk.from_arrays(arrays, json.loads(json.dumps(facts)))
    asked = {"group": "Group 3", "priority": "1"}
    assert again.chance(asked, START) == risk.chance(asked, START)
    with pytest.raises(ValueError, match="version"):
        Risk.from_arrays(arrays, facts | {"version": 0})

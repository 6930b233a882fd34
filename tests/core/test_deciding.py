"""Habits of a desk, and how two minds make one choice."""

from __future__ import annotations

from typing import Any

import pytest

from psa_copilot.deciding import Best, Sighting, habits, refused, second_opinion, stands
from psa_copilot.deciding.asking import NONE_OF_THEM, one_of, weighed
from psa_copilot.deciding.habits import certainty
from psa_copilot.events import Change
from psa_copilot.llm import Call, Llm
from psa_copilot.memory import Rule
from psa_copilot.models import Field, Ref
from psa_copilot.text import Text

CHANGE = Change(thread_id="main/7", revision=2, key="rev:2", facts={"look": "1"})


def seen(number: int, value: str, title: str = "Slow", company: str = "", **fields: str) -> Sighting:
    return Sighting(Ref(connection="main", remote_id=str(number)), value, title, "", company, **fields)


def others(count: int = 40) -> list[Sighting]:
    """Tickets that say nothing in common, half of them on either board."""
    return [
        seen(100 + n, "Network" if n % 2 else "Print", f"Case {chr(97 + n % 26) * 3}", f"Client {n}")
        for n in range(count)
    ]


def mined(*sightings: Sighting) -> list[Rule]:
    return list(habits([*others(), *sightings], Field.BOARD, Text()))


def vpn(right: int, wrong: int = 0, **fields: Any) -> list[Sighting]:
    good = [seen(n, "Network", "VPN drops", "Kestrel", **fields) for n in range(right)]
    return [*good, *(seen(50 + n, "Print", "VPN drops", "Kestrel", **fields) for n in range(wrong))]


def test_what_nearly_always_goes_one_way_becomes_a_rule_with_a_name_that_stays() -> None:
    rules = {rule.name: rule for rule in mined(*vpn(15))}
    assert set(rules) >= {"kestrel-network", "vpn-network"}
    assert rules["vpn-network"].told() == '"vpn" → Network, 15 of 15'
    assert [str(ref) for ref in rules["vpn-network"].evidence][:2] == ["main/14", "main/13"]  # the newest first
    assert {rule.name for rule in mined(*vpn(30))} == set(rules)


@pytest.mark.parametrize(("right", "wrong", "found"), [(3, 0, False), (4, 0, True), (9, 1, True), (8, 2, False)])
def test_four_tickets_and_nine_of_ten(right: int, wrong: int, *, found: bool) -> None:
    assert ("vpn-network" in [rule.name for rule in mined(*vpn(right, wrong))]) is found


def test_a_longer_condition_is_kept_only_where_no_part_of_it_says_the_same() -> None:
    assert "kestrel-vpn-network" not in [rule.name for rule in mined(*vpn(15))]
    elsewhere = [seen(200 + n, "Print", "VPN drops", "Lark") for n in range(15)]
    prints = [seen(300 + n, "Print", "Toner", "Kestrel") for n in range(15)]
    assert "kestrel-vpn-network" in [rule.name for rule in mined(*vpn(15), *elsewhere, *prints)]


def test_what_everything_does_or_would_be_told_anyway_is_no_habit() -> None:
    usual = [seen(n, "Network", f"Case {n}", "Kestrel") for n in range(60)]
    assert habits(usual, Field.BOARD, Text()) == ()
    assert "vpn-network" not in [rule.name for rule in mined(*vpn(15, expected="Network"))]
    assert "vpn-network" in [rule.name for rule in mined(*vpn(15, expected="Print"))]


def test_a_habit_of_few_tickets_makes_less_sure_than_one_of_many() -> None:
    def sure(right: int, of: int) -> float:
        return certainty(Rule(name="a", field=Field.BOARD, value="Network", right=right, of=of))

    assert sure(4, 4) < 0.7 < sure(15, 15) < 0.85 < sure(20, 20)
    assert sure(14, 15) < sure(15, 15)


def test_a_rule_speaks_of_whole_words() -> None:
    rule = next(rule for rule in mined(*vpn(15)) if rule.name == "vpn-network")
    ticket: Any = type("T", (), {"company": "Kestrel", "contact": ""})()
    assert rule.fits(ticket, "The VPNs drop")
    assert not rule.fits(ticket, "The OpenVPNd drops")


# -- two minds -----------------------------------------------------------------------------------------------------


class Picks(Llm):
    """A model that chooses what the test says."""

    def __init__(self, choice: str | None, quote: str = "") -> None:
        super().__init__()
        self.choice, self.quote = choice, quote

    async def ask(self, task: str, material: str, answer: type[Any]) -> Any:
        if self.choice is None:
            return None
        self.spent.append(Call("scripted"))
        return answer.model_validate({"value": self.choice, "quote": self.quote})


FIRST = Best("Network", 0.8, "it says vpn", ranked=(("Network", 0.8), ("Print", 0.1)))


async def opinion(choice: str | None, best: Best = FIRST) -> Best:
    return await second_opinion(best, Picks(choice), "Choose.", "A ticket.", described={}, weight=3.0)


async def test_a_model_that_does_not_answer_changes_nothing() -> None:
    assert await opinion(None) == FIRST
    assert await opinion("Network", Best("Network", 0.8, "the only one", ranked=(("Network", 0.8),))) == Best(
        "Network", 0.8, "the only one", ranked=(("Network", 0.8),)
    )


async def test_who_agrees_makes_it_surer_and_who_differs_only_suggests() -> None:
    assert (await opinion("Network")).confidence == pytest.approx(weighed(0.8, 3.0)) == pytest.approx(12 / 13)
    other = await opinion("Print")
    assert (other.value, other.suggest_only) == ("Print", True)
    assert other.confidence < 0.7
    assert (await opinion(NONE_OF_THEM)).abstains


async def test_a_models_reason_is_what_it_quotes_and_only_where_that_stands_in_the_ticket() -> None:
    said = "Tray 2 prints blank\npages."
    for quote, words in (("prints BLANK pages", "prints blank pages"), ("out of toner", ""), ("", "")):
        found = await second_opinion(FIRST, Picks("Print", quote), "Choose.", said, described={}, weight=3.0)
        assert [reason.words for reason in found.reasons] == ([(words,)] if words else [])


async def test_of_a_ticket_that_gives_orders_the_model_moves_nothing() -> None:
    ordered = Best("Network", 0.8, "it says vpn", ranked=FIRST.ranked, orders=1)
    assert (await opinion("Print", ordered)).value == "Network"
    doubtful = Best("Network", 0.8, "it says vpn", ranked=FIRST.ranked, orders=1, abstains="too few")
    assert (await opinion("Network", doubtful)).abstains == "too few"


def test_an_answer_names_a_candidate_or_is_none() -> None:
    with pytest.raises(ValueError, match="Input should be"):
        one_of(("Network", "Print")).model_validate({"value": "Escalations"})


# -- what was wished before ----------------------------------------------------------------------------------------


def test_what_was_turned_down_or_stands_is_known_by_its_verdict() -> None:
    assert refused([("Network", "declined"), ("Print", "written"), ("Mail", "undone")]) == {"Network", "Mail"}
    assert stands([("Print", "expired"), ("Network", "suggested")], "Network", CHANGE)
    assert not stands([("Network", "suggested"), ("Print", "suggested")], "Network", CHANGE)
    assert not stands([("Network", "expired")], "Network", CHANGE)
    assert not stands([("Network", "suggested")], "Network", CHANGE.model_copy(update={"facts": {}}))

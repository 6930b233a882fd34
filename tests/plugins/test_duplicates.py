"""Duplicates: what a rule finds goes before what reads alike; a link is only suggested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from psa_copilot import Action, LinkTo, Meaning, Origin, Ref, Similar, Thread, Ticket
from psa_copilot.testing import scene, wishes
from psa_copilot.testing.scenes import NOW, LocalPast, LocalTickets, Scene, standing, thread
from psa_copilot_plugins.duplicates import Duplicates

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SAYS = "customer: KJ-PRN-02 prints blank pages and shows error 51.20 since this morning."


def other(number: int, *said: str, ago: timedelta = 5 * HOUR, **fields: Any) -> Thread:
    ref = Ref(connection="main", remote_id=str(number))
    base: dict[str, Any] = {
        "ref": ref,
        "number": str(number),
        "opened_at": NOW - ago,
        "title": f"Ticket {number}",
        "company_id": "7",
    }
    talk = thread(*(said or ("customer: The scanner is dead.",)), **(base | fields))
    return talk.model_copy(update={"id": str(ref)})


def at_desk(*others: Thread, alike: Sequence[Similar] = (), past: LocalPast | None = None, **fields: Any) -> Scene:
    tickets = LocalTickets(
        known=[each.ticket for each in others], threads={each.ticket.ref: each for each in others}, alike=alike
    )
    told: dict[str, Any] = {"company_id": "7", "opened_at": NOW - HOUR, "title": "Printer"} | fields
    return scene(SAYS, tickets=tickets, past=past, **told)


async def asked(on: Scene, **settings: Any) -> list[Action]:
    return await wishes(Duplicates(Duplicates.Settings(**settings)), on)


async def test_the_same_device_with_the_same_error_is_suggested_as_one_matter() -> None:
    [wish] = await asked(at_desk(other(5, "customer: Our KJ-PRN-02 is on strike: error 51.20."), other(6)))
    assert isinstance(wish, LinkTo)
    assert (wish.parent, wish.suggest_only, wish.rule) == ("5", True, "")
    assert "KJ-PRN-02" in wish.because
    assert set(wish.reasons[0].words) >= {"KJ-PRN-02"}
    assert wish.evidence == ("main/5",)


@pytest.mark.parametrize(
    "fields",
    [
        {"is_closed": True},
        {"meaning": Meaning.RESOLVED},
        {"company_id": "8"},
        {"ago": timedelta(days=9)},
        {"ago": timedelta(minutes=5)},
    ],
    ids=["closed", "resolved", "another client's", "long ago", "younger than this one"],
)
async def test_nothing_is_attached_to_what_is_over_elsewhere_or_younger(fields: dict[str, Any]) -> None:
    assert await asked(at_desk(other(5, "customer: Our KJ-PRN-02 is on strike: error 51.20.", **fields))) == []


async def test_a_device_alone_is_no_duplicate_and_likeness_comes_second() -> None:
    one, two = other(5, "customer: KJ-PRN-02 needs toner."), other(6, "customer: Blank pages again.")
    assert await asked(at_desk(one, two)) == []
    alike = [Similar(two.ticket, 0.8, ("blank", "pages"))]
    [wish] = await asked(at_desk(one, two, alike=alike))
    assert isinstance(wish, LinkTo)
    assert (wish.parent, wish.confidence, wish.suggest_only) == ("6", 0.8, True)
    assert wish.reasons[0].words == ("blank", "pages")
    assert await asked(at_desk(one, two, alike=alike), likeness=0.9) == []


async def test_what_was_declined_is_not_suggested_again() -> None:
    past = LocalPast(decided=[("link_to", "declined")])
    talk = other(5, "customer: Our KJ-PRN-02 is on strike: error 51.20.")
    assert await asked(at_desk(talk, past=past)) == []


async def test_a_child_is_attached_to_the_parent_and_not_below_a_child() -> None:
    talk = other(5, "customer: Our KJ-PRN-02 is on strike: error 51.20.", parent="3")
    [wish] = await asked(at_desk(talk))
    assert isinstance(wish, LinkTo)
    assert wish.parent == "3"


def storm(count: int, apart: timedelta = MINUTE) -> list[Thread]:
    return [
        other(n, "system: Disk full.", ago=2 * HOUR - n * apart, title="Disk full on srv-02", origin=Origin.ALERT)
        for n in range(count)
    ]


def alert(*others: Thread, past: LocalPast | None = None) -> Scene:
    return at_desk(
        *others,
        past=past,
        title="Disk full on srv-02",
        origin=Origin.ALERT,
        opened_at=NOW - 2 * HOUR + len(others) * MINUTE,
        ref=Ref(connection="main", remote_id="99"),
        number="99",
    )


async def test_a_storm_of_one_alert_gets_its_first_ticket_for_a_parent_by_rule() -> None:
    wish = (await asked(alert(*storm(6))))[0]
    assert isinstance(wish, LinkTo)
    assert (wish.parent, wish.rule, wish.suggest_only) == ("0", "storm", False)
    assert "7 times the same alert" in wish.because


@pytest.mark.parametrize("others", [storm(3), storm(6, apart=HOUR / 5)], ids=["too few", "too slow"])
async def test_a_few_alerts_or_slow_ones_are_no_storm(others: list[Thread]) -> None:
    assert all(wish.rule == "" for wish in await asked(alert(*others)))


async def test_an_alert_of_the_day_before_is_neither_a_parent_nor_a_child() -> None:
    before = other(50, "system: Disk full.", ago=26 * HOUR, title="Disk full on srv-02", origin=Origin.ALERT)
    wish = (await asked(alert(*storm(6), before)))[0]
    assert isinstance(wish, LinkTo)
    assert wish.parent == "0"
    late = at_desk(*storm(6), title="Disk full on srv-02", origin=Origin.ALERT, opened_at=NOW, ref=before.ticket.ref)
    assert all(wish.rule == "" for wish in await asked(late))
    standings = [standing(thread("system: Disk full.", **dict(each.ticket))) for each in (before, *storm(5))]
    found = list(Duplicates(Duplicates.Settings()).find(NOW, standings))
    assert [str(one.ref) for one in found] == ["main/1", "main/2", "main/3", "main/4"]


@pytest.mark.parametrize("verdict", ["written", "undone", "declined"])
async def test_a_ticket_that_a_human_has_taken_out_of_a_storm_stays_out(verdict: str) -> None:
    assert await asked(alert(*storm(6), past=LocalPast(decided=[("link_to", verdict)]))) == []


def test_the_first_ones_of_a_storm_are_found_again_when_it_is_one() -> None:
    tickets: list[Ticket] = [each.ticket for each in storm(5)]
    standings = [standing(thread("system: Disk full.", **dict(one))) for one in tickets]
    plugin = Duplicates(Duplicates.Settings())
    found = list(plugin.find(NOW, standings))
    assert [str(one.ref) for one in found] == ["main/1", "main/2", "main/3", "main/4"]
    assert {one.key for one in found} == {"storm:1:0"}
    assert list(plugin.find(NOW, standings[:4])) == []

"""The chaos suite's own judgment: what it must call lost or doubled, it does."""

from pathlib import Path
from typing import Any

import pytest

from psa_copilot.markers import new_marker, signed
from tests.chaos.storm import desk, faults, loses_engine, say
from tests.chaos.tally import doubled_markers, tally
from tests.chaos.threads import Story, script, stories

TOLD = stories(1)
LONG = next(story for story in TOLD if story.kind == "long")
SHORT = next(story for story in TOLD if story.kind == "short")


def recap(story: Story, marker: str = "", last: int = 0) -> dict[str, Any]:
    text = f'Recap: (extract) customer spoke last: "It failed again" [#{last or story.messages}].'
    body = signed(text, "summarize", marker or new_marker())
    return {"ticket": story.number, "text": body, "internal": True, "versions": [{"text": body}]}


def test_one_recap_that_knows_the_last_message_is_right() -> None:
    assert tally([LONG, SHORT], [recap(LONG)]).troubles() == []


def test_a_missing_recap_is_lost() -> None:
    assert tally([LONG], []).lost == [LONG.number]


def test_a_recap_without_the_last_message_is_a_lost_edit() -> None:
    found = tally([LONG], [recap(LONG, last=LONG.messages - 1)])
    assert (found.stale, found.missing) == ([LONG.number], 1)


def test_a_second_note_is_doubled_whatever_its_marker() -> None:
    again = new_marker()
    assert tally([LONG], [recap(LONG, again), recap(LONG, again)]).doubled == [LONG.number]
    assert tally([LONG], [recap(LONG), recap(LONG)]).doubled == [LONG.number]


def test_only_equal_markers_are_one_write_carried_out_twice() -> None:
    again = new_marker()
    assert doubled_markers([recap(LONG, again), recap(LONG, again), recap(LONG)]) == 1


def test_a_note_where_none_belongs_is_unexpected() -> None:
    assert tally([SHORT], [recap(SHORT)]).unexpected == [SHORT.number]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_seed_is_the_same_each_time_and_like_no_other(seed: int) -> None:
    assert script(stories(seed), seed) == script(stories(seed), seed)
    assert stories(seed) != stories(seed + 1)


def test_everything_that_is_to_be_said_is_said(tmp_path: Path) -> None:
    with desk(TOLD, tmp_path) as sandbox:
        before = sandbox.counts()
        sandbox.faults(faults(1))
        for step in script(TOLD, 1):
            say(sandbox, step)
        after = sandbox.counts()
    assert (before["tickets"], after["tickets"]) == (len(TOLD) - 6, len(TOLD))
    assert after["notes"] == sum(story.messages for story in TOLD)


def test_two_of_twenty_seeds_lose_the_engine() -> None:
    assert sum(loses_engine(seed) for seed in range(1, 21)) == 2

"""Four ways to stop it: no write a minute later, and what was promised is judged again when it may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from psa_copilot.engine.commands import pause, resume
from tests.story.conftest import Hire
from tests.story.desk import CRITICAL, HIGH, IN_PROGRESS, LOW, NEW, Copilot, Desk, set_field, until

PATIENCE = 60.0


@dataclass
class Stop:
    """How a human stops everything, how it shows in the outbox, and how it goes on."""

    begin: Callable[[Copilot, Desk, int], object]
    shows: str
    end: Callable[[Copilot, Desk, int], object]


STOPS = {
    "pause": Stop(
        lambda one, psa, control: one.human(pause, "main", "a look first"),
        "paused: a look first",
        lambda one, psa, control: one.human(resume, "main"),
    ),
    "the control ticket": Stop(
        lambda one, psa, control: psa.sets(control, "status", NEW),
        "control ticket",
        lambda one, psa, control: psa.sets(control, "status", IN_PROGRESS),
    ),
    "the disabled API user": Stop(
        lambda one, psa, control: psa.sandbox.switch(**{psa.kind.disabled: True}),
        "the PSA is not reached",
        lambda one, psa, control: psa.sandbox.switch(**{psa.kind.disabled: False}),
    ),
}


async def promised(copilot: Hire, psa: Desk) -> tuple[Copilot, int, list[int]]:
    """A copilot that owes two tickets their priority and is held back from writing it; and the control ticket."""
    control = psa.ticket("The switch of the copilot.", title="Copilot switch", status=IN_PROGRESS)
    armed = {"control_ticket": {"ticket": str(control), "armed": IN_PROGRESS}}
    one = await copilot(set_field(CRITICAL, "urgent", was=LOW), desk=armed)
    one.human(pause, "main", "for the story")
    tickets = [psa.ticket("It is urgent.", priority=LOW) for _ in range(2)]
    await until(lambda: [one.states(ticket) for ticket in tickets] == [["pending"]] * 2, "two promises", PATIENCE)
    return one, control, tickets


@pytest.mark.parametrize("name", STOPS)
async def test_nothing_is_written_after_a_minute_and_promises_are_judged_again(
    copilot: Hire, psa: Desk, name: str
) -> None:
    one, control, (touched, untouched) = await promised(copilot, psa)
    stop = STOPS[name]
    stop.begin(one, psa, control)
    psa.sandbox.advance("1m")
    if name != "pause":
        one.human(resume, "main")
    await until(
        lambda: all(stop.shows in one.outbox(ticket)[0].why for ticket in (touched, untouched)),
        f"two writes that say {stop.shows!r}; {[row.why for row in one.outbox()]}",
        PATIENCE,
    )
    psa.sets(touched, "priority", HIGH)
    psa.sandbox.advance("1m")
    tries = one.outbox(untouched)[0].attempt
    await until(lambda: one.outbox(untouched)[0].attempt >= tries + 3, "three more tries", PATIENCE)
    assert psa.writes(touched) + psa.writes(untouched) == []
    assert psa.value(untouched, "priority") == LOW

    stop.end(one, psa, control)
    psa.sandbox.advance("1m")
    ended = [["dropped"], ["done"]]
    await until(lambda: [one.states(t) for t in (touched, untouched)] == ended, "both judged again", PATIENCE)
    assert (psa.value(touched, "priority"), psa.value(untouched, "priority")) == (HIGH, CRITICAL)
    assert psa.writes(touched) == []
    assert f"is {HIGH!r}" in one.ledger(touched)[0].reason


async def test_copilot_off_ends_what_was_promised_for_its_ticket(copilot: Hire, psa: Desk) -> None:
    one, _, (muted, other) = await promised(copilot, psa)
    psa.types_internally(muted, "copilot off")
    psa.sandbox.advance("1m")
    one.human(resume, "main")
    ended = [["dropped"], ["done"]]
    await until(lambda: [one.states(t) for t in (muted, other)] == ended, "both judged again", PATIENCE)
    assert psa.writes(muted) == []
    assert one.verdicts(muted) == ["stopped"]
    assert (psa.value(muted, "priority"), psa.value(other, "priority")) == (LOW, CRITICAL)

    psa.types_internally(muted, "copilot on")
    psa.customer_replies(muted, "It is still urgent.")
    await until(lambda: psa.value(muted, "priority") == CRITICAL, "the next wish", PATIENCE)

"""Summarize: a ticket that changes hands is understood by the next technician without asking anybody again."""

import pytest

from psa_copilot import ActorClass, AddNote, Change, Field, Thread
from tests.core.talk import thread, ticket
from tests.plugins.summaries import moved, run, tools_for

TALK = (
    "C: Since Thursday the printer HLA-PR-02 prints blank pages from tray 2 only.",
    "T: I reinstalled the driver on Windows 11. Does tray 1 work?",
    "C: No change, it is still blank. The display shows error 51.20.",
    "N: I could not replace the sensor, we have no spare one.",
    "T: I have ordered the sensor, I will call you by Tuesday.",
)
FILED = {"category": "Hardware / Printer", "priority": "Priority 3", "board": "Help Desk"}
TO_INES = moved(Field.ASSIGNEE, "mbrandt", "ines")


def talk(**fields: object) -> Thread:
    return thread(*TALK, **(FILED | fields))


async def hand_off(change: Change = TO_INES, **given: object) -> list[AddNote]:
    here = talk()
    return await run(change, here, tools_for(here, **given))  # type: ignore[arg-type] # the tests below name what they give


async def test_a_reassigned_ticket_gets_one_note_for_whoever_has_it_next() -> None:
    [note] = await hand_off()
    assert (note.purpose, note.living, note.place) == ("hand-off", False, "internal")
    assert note.because == "changes hands: assignee mbrandt → ines"
    assert note.body.splitlines()[0].startswith("Hand-off: (extract) technician spoke last: ")
    assert note.evidence == ("m1", "m2", "m3", "m4", "m5")


async def test_it_says_all_that_a_transferable_escalation_says() -> None:
    others = [ticket(number="77", title="Scanner is slow", board="Help Desk"), ticket(number="78", title="Salary list")]
    [note] = await hand_off(others=others)
    lines = dict(line.split(": ", 1) for line in note.body.splitlines()[1:])
    assert "prints blank pages" in lines["Problem"]
    assert '"I reinstalled the driver on Windows 11." [#2] - "No change, it is still blank." [#3]' in lines["Tried"]
    assert "The display shows error 51.20." in lines["User saw"]
    environment = "HLA-PR-02 [#1], Windows 11 [#2]; category Hardware / Printer, priority Priority 3."
    assert lines["Environment"] == environment
    assert lines["Contact lately"] == "77 Scanner is slow (open), 78 (open)."
    assert lines["Promised"].endswith('I will call you by Tuesday." [#5], Mon 02 Mar 09:50 UTC.')
    assert "we have no spare one" in lines["Not done, and why"]
    assert note.tells == {"other tickets"}


async def test_it_keeps_to_the_shape_of_a_note() -> None:
    wordy = "the import of the price list stopped with error 17 again after we changed the field for the tax " * 2
    lines = [f"{'CTN'[number % 3]}: On day {number} we tested that {wordy}." for number in range(90)]
    here = thread(*lines, **FILED)
    others = [ticket(number=str(number), title="The tray " * 9, board="Help Desk") for number in range(9)]
    [note] = await run(TO_INES, here, tools_for(here, others=others))
    first, *rest = note.body.splitlines()
    assert len(first) <= 100
    assert len(rest) <= 8
    assert len(note.body) <= 900


@pytest.mark.parametrize(
    "change",
    [
        moved(Field.ASSIGNEE, "", "ines"),
        moved(Field.ASSIGNEE, "mbrandt", ""),
        moved(Field.PRIORITY, "Priority 3", "Priority 2"),
    ],
)
async def test_what_is_no_hand_over_gets_none(change: Change) -> None:
    assert await hand_off(change) == []


async def test_there_and_back_again_is_none() -> None:
    back = moved(Field.ASSIGNEE, "ines", "mbrandt").events
    assert await hand_off(TO_INES.model_copy(update={"events": (*TO_INES.events, *back)})) == []


async def test_a_move_to_another_board_is_one() -> None:
    [note] = await hand_off(moved(Field.BOARD, "Help Desk", "Escalations"))
    assert note.because == "changes hands: board Help Desk → Escalations"


async def test_a_short_or_a_closed_ticket_gets_none() -> None:
    short = thread(*TALK[:2])
    assert await run(TO_INES, short, tools_for(short)) == []
    closed = talk(is_closed=True)
    assert await run(TO_INES, closed, tools_for(closed)) == []


async def test_the_same_is_not_said_twice() -> None:
    [note] = await hand_off()
    assert await hand_off(noted={"hand-off": [note.body]}) == []


async def test_a_recap_that_stands_already_is_kept_true_besides() -> None:
    hand_over, recap = await hand_off(note="Recap: (extract) customer asks nothing.")
    assert (hand_over.purpose, recap.purpose) == ("hand-off", "recap")
    assert recap.living


async def test_a_confidential_ticket_is_handed_over_without_a_quotation_and_without_other_tickets() -> None:
    [note] = await hand_off(confidential="board HR", others=[ticket(number="77", title="Scanner is slow")])
    said = " ".join(TALK)
    assert '"' not in note.body
    assert "Contact lately: not stated." in note.body
    assert "77" not in note.body
    assert not any(piece in note.body for piece in said.split() if len(piece) > 6)
    assert note.body.startswith("Hand-off: (confidential) technician spoke last: see [#5].")


async def test_it_can_be_switched_off() -> None:
    here = talk()
    assert await run(TO_INES, here, tools_for(here), hand_off=False) == []


async def test_a_reopened_ticket_has_its_recap_made_anew() -> None:
    here = talk(status="Open")
    [note] = await run(moved(Field.STATUS, "Done", "Open"), here, tools_for(here, note="Recap: closed."))
    assert note.because.startswith("reopened; ")
    assert await run(moved(Field.STATUS, "New", "Open"), here, tools_for(here, note="Recap: closed.")) == []


async def test_a_rule_that_reassigns_is_a_hand_over_too() -> None:
    assert await hand_off(moved(Field.ASSIGNEE, "mbrandt", "ines", by=ActorClass.SYSTEM))

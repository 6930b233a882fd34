"""Summarize: what solved a ticket is kept in four fields, and nothing internal reaches a customer with it."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from psa_copilot import ActorClass, AddNote, Change, Field, Meaning, Thread
from tests.core.talk import thread
from tests.plugins.summaries import Told, moved, run, tools_for

TALK = (
    "C: Since Thursday the printer HLA-PR-02 prints blank pages from tray 2 only.",
    "T: The cause was a worn toner sensor. I replaced the sensor and cleaned tray 2.",
    "C: It prints again, thank you.",
)
Given = Mapping[str, Any]
SOLVED = moved(Field.STATUS, "Open", "Solved")
DONE: dict[str, object] = {"status": "Solved", "meaning": Meaning.RESOLVED, "company": "Kestrel Foods"}


def talk(*lines: str, **fields: object) -> Thread:
    return thread(*(lines or TALK), **(DONE | fields))


async def solved(here: Thread, change: Change = SOLVED, *, tools: Given | None = None, **given: Any) -> list[AddNote]:
    notes = await run(change, here, tools_for(here, **(tools or {})), **given)
    return [note for note in notes if note.purpose == "resolution"]


async def test_a_solved_ticket_gets_its_four_fields() -> None:
    [note] = await solved(talk())
    assert note.body.splitlines() == [
        "Resolved: (extract) I replaced the sensor and cleaned tray 2.",
        'Issue: "Since Thursday the printer HLA-PR-02 prints blank pages from tray 2 only." [#1].',
        "Environment: HLA-PR-02 [#1].",
        'Cause: "The cause was a worn toner sensor." [#2].',
        'Resolution: "I replaced the sensor and cleaned tray 2." [#2].',
    ]
    assert note.because == "solved; 100% of a resolution is stated"
    assert (note.place, note.evidence, note.living) == ("internal", ("m1", "m2"), False)


async def test_three_of_four_pass_and_say_what_is_missing() -> None:
    [note] = await solved(talk(TALK[0], "T: I replaced the sensor and cleaned tray 2.", TALK[2]))
    assert (
        note.body.splitlines()[0] == "Resolved: (extract) I replaced the sensor and cleaned tray 2; cause not stated."
    )
    assert "Cause: not stated." in note.body


@pytest.mark.parametrize(
    "lines",
    [
        ("C: It prints blank pages.", "T: I cleaned tray 2.", "C: Great."),
        (TALK[0], "T: The cause was a worn toner sensor on Windows 11.", TALK[2]),
    ],
)
async def test_less_is_silence_or_by_setting_a_line_that_says_what_is_missing(lines: tuple[str, ...]) -> None:
    assert await solved(talk(*lines)) == []
    [note] = await solved(talk(*lines), resolution="ask")
    assert note.body.startswith("Resolved, and the ticket does not state: ")
    assert await solved(talk(*lines), tools={"noted": {"resolution": [note.body]}}, resolution="ask") == []


@pytest.mark.parametrize("by", [ActorClass.SYSTEM, ActorClass.INTEGRATION])
async def test_what_a_rule_or_an_integration_closes_teaches_nothing(by: ActorClass) -> None:
    assert await solved(talk(), moved(Field.STATUS, "Open", "Solved", by=by)) == []


async def test_from_solved_to_closed_nothing_is_said_again() -> None:
    assert await solved(talk(), moved(Field.STATUS, "Solved", "Done")) == []


async def test_off_and_confidential_are_silent() -> None:
    assert await solved(talk(), resolution="off") == []
    assert await solved(talk(), tools={"confidential": "board HR"}) == []


# -- what the customer may see ----------------------------------------------------------------------------------

PUBLIC: dict[str, Any] = {"resolution_place": "resolution", "customers": ["Kestrel Foods"]}


async def test_the_customer_sees_it_only_where_the_company_is_named() -> None:
    [elsewhere] = await solved(talk(), resolution_place="resolution", customers=["Fabrikam"])
    [here] = await solved(talk(), **PUBLIC)
    assert (elsewhere.place, elsewhere.customer_visible) == ("internal", False)
    assert (here.place, here.customer_visible) == ("resolution", True)
    assert "[#" not in here.body


async def test_what_is_only_said_internally_does_not_make_a_public_note_complete() -> None:
    inside = talk(TALK[0], "N: The cause was a worn toner sensor. I replaced the sensor and cleaned tray 2.", TALK[2])
    assert await solved(inside)
    assert await solved(inside, **PUBLIC) == []


WORDS = [
    "gateway",
    "invoice",
    "Orlan",
    "Petrosyan",
    "quarrel",
    "7719",
    "QX-4471",
    "dentist",
    "leaks",
    "margin",
    "41.5",
    "cheap",
    "vendor",
    "backup",
    "Brno",
]


@pytest.mark.parametrize("seed", range(60))
async def test_no_internal_word_ever_reaches_a_customer_visible_place(seed: int) -> None:
    """Threads whose internal messages say what nobody else says, in every place where a note would look for it."""
    chance = random.Random(seed)
    secret = [f"{chance.choice(WORDS)}{chance.choice('abcdef')}{chance.randrange(100, 999)}x" for _ in range(4)]
    inside = [
        f"N: The cause was {secret[0]} on {secret[1].upper()}-{chance.randrange(10, 99)} with Windows Server 2012.",
        f"N: I replaced {secret[2]} and updated the driver 9.{chance.randrange(99)}. The customer must not know.",
        f"N: I will call {secret[3]} tomorrow at 7:13.",
    ]
    lines = list(TALK)
    for line in inside:
        lines.insert(chance.randrange(len(lines) + 1), line)
    here = talk(*lines, board="Complaints", assignee="ghostwriter", category="Bad debt")
    model = Told(
        {
            "issue": {"text": f"Blank pages, {secret[3]}", "messages": [chance.randrange(1, 7)]},
            "environment": {"text": f"{secret[1]} on Windows Server 2012", "messages": list(range(1, 7))},
            "cause": {"text": f"The cause was {secret[0]}", "messages": list(range(1, 7))},
            "resolution": {"text": f"Replaced {secret[2]} by ghostwriter", "messages": list(range(1, 7))},
        }
    )
    given: tuple[Given, ...] = ({}, {"llm": model})
    for tools in given:
        for note in await solved(here, tools=tools, **PUBLIC):
            assert note.place == "resolution"
            told = note.body.casefold()
            assert not any(word.casefold() in told for word in secret)
            for word in ("2012", "ghostwriter", "complaints", "bad debt", "7:13", "must not know"):
                assert word not in told
    assert model.asked
    assert not any(word in material for _, material in model.asked for word in secret)


async def test_a_public_note_of_a_model_rests_on_public_messages_only() -> None:
    answer = {
        "issue": {"text": "blank pages from tray 2", "messages": [1]},
        "environment": {"text": "HLA-PR-02", "messages": [1]},
        "cause": {"text": "worn sensor", "messages": [3]},
        "resolution": {"text": "sensor replaced", "messages": [2]},
    }
    here = talk(TALK[0], "T: I replaced the sensor.", "N: It was worn out because nobody cleaned it.", TALK[2])
    [note] = await solved(here, tools={"llm": Told(answer)}, **PUBLIC)
    assert note.body.splitlines() == [
        "Resolved: sensor replaced; cause not stated.",
        "Issue: blank pages from tray 2.",
        "Environment: HLA-PR-02.",
        "Cause: not stated.",
        "Resolution: sensor replaced.",
    ]


def test_notes_have_types() -> None:
    assert AddNote(body="x", because="y", purpose="resolution").time_to_live.total_seconds() == 24 * 3600

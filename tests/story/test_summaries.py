"""What Summarize leaves on a ticket that changes hands, is solved, comes back; with and without a model, in the PSA."""

from collections.abc import Iterator

import pytest

from psa_copilot.testing.model_server import ScriptedModel, model_server
from tests.story.conftest import Hire
from tests.story.desk import RESOLVED, TALK, Desk, summarize, until

SOLVED = "The cause was a worn toner sensor on HLA-PR-02. I replaced the sensor and cleaned tray 2."


def hands_over(psa: Desk, ticket: int, to: str) -> None:
    psa.sets(ticket, "assignee", to)


def texts(psa: Desk, ticket: int) -> list[str]:
    return [str(note["text"]) for note in psa.ours(ticket)]


async def test_a_ticket_that_changes_hands_gets_a_hand_off_besides_its_recap(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    earlier = psa.ticket("The scanner in the yard is slow.", title="Scanner is slow")
    ticket = psa.ticket(messages=4, assignee="tokafor")
    await one.settle()
    hands_over(psa, ticket, psa.names.marta)
    await one.settle()

    recap, hand_off = texts(psa, ticket)
    assert recap.startswith("Recap: (extract) ")
    assert hand_off.startswith("Hand-off: (extract) ")
    assert f"Contact lately: {one.number(earlier)} Scanner is slow (open)." in hand_off
    assert one.verdicts(ticket) == ["written", "written"]
    hands_over(psa, ticket, psa.names.tobi)
    await one.settle()
    assert len(texts(psa, ticket)) == 2  # the same again is nothing new


async def test_a_solved_ticket_gets_an_internal_resolution(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket("The label printer prints blank pages since Monday.")
    psa.technician_writes(ticket, SOLVED)
    await one.settle()
    assert texts(psa, ticket) == []
    psa.sets(ticket, "status", RESOLVED)
    await one.settle()

    [note] = psa.ours(ticket)
    assert note["text"].startswith("Resolved: (extract) I replaced the sensor and cleaned tray 2.")
    assert note["internal"]
    [row] = one.ledger(ticket)
    assert (row.verdict, row.wish["purpose"], len(row.evidence)) == ("written", "resolution", 2)


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with model_server() as server:
        yield server


ANSWER = {
    "state": "waiting on us to replace the toner sensor",
    "next_step": "technician comes Thursday at nine; Bartholomew calls +49 151 99887766",
    "problem": {"text": "blank pages since Monday", "messages": [1]},
    "tried": [{"action": "driver replaced, spooler restarted", "result": "still blank", "messages": [2, 3]}],
    "customer_knows": [{"text": "sensor comes on Thursday at nine", "messages": [4]}],
    "open": [],
}


async def test_a_model_writes_the_recap_and_what_it_invents_is_gone(
    model: ScriptedModel, copilot: Hire, psa: Desk
) -> None:
    model.answers(ANSWER)
    llm = {"model": "openai/scripted", "api_base": model.url, "api_key": "none-is-needed"}
    one = await copilot(summarize(), llm=llm)
    ticket = psa.ticket(messages=len(TALK))
    await until(lambda: texts(psa, ticket), "the recap of a model that has to be loaded first", 60)
    await one.settle()

    [note] = texts(psa, ticket)
    assert note.startswith("Recap: waiting on us to replace the toner sensor")
    assert "Tried: driver replaced, spooler restarted - still blank [#2] [#3]." in note
    assert "Bartholomew" not in note
    assert "99887766" not in note
    [row] = one.ledger(ticket)
    assert (row.model, row.verdict, len(row.evidence)) == ("openai/scripted", "written", 4)

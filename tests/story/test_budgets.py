"""What is spent is counted: notes on a ticket, notes about one technician, tickets in an hour."""

import logging

import pytest

from psa_copilot.config import EnabledPlugin
from psa_copilot.engine.commands import rearm
from tests.story.conftest import Hire
from tests.story.desk import HIGH, MEDIUM, Copilot, Desk, set_field, summarize

BREAKER, NOTES = 30, 15
"""The defaults."""
SMALL_TALK = (
    "The porter opens the hall at 8, please ring twice.",
    "The second door is open, the first one is broken.",
    "Our forklift blocks the aisle until 11, take the left one.",
    "The invoice goes to the office in Mill Street 4.",
)


async def test_a_recap_goes_on_in_place_while_it_is_among_the_last_messages(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=4)
    await one.settle()
    [first] = psa.ours(ticket)

    psa.customer_replies(ticket, "Now it shows error 77.10 instead.")
    await one.settle()

    [note] = psa.ours(ticket)
    assert note["id"] == first["id"]
    assert "77.10" in note["text"]
    assert one.verdicts(ticket) == ["written", "written"]


async def buried(one: Copilot, psa: Desk) -> int:
    """A ticket whose recap has scrolled out of sight."""
    ticket = psa.ticket(messages=4)
    await one.settle()
    for text in SMALL_TALK:
        psa.customer_replies(ticket, text)
    await one.settle()
    return ticket


async def test_a_recap_out_of_sight_is_not_repeated_on_the_same_day(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = await buried(one, psa)

    assert len(psa.ours(ticket)) == 1
    last = one.ledger(ticket)[-1]
    assert last.verdict == "dropped"
    assert "noise" in last.reason


async def test_a_recap_out_of_sight_is_written_anew_the_next_day(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = await buried(one, psa)

    psa.sandbox.advance("25h")
    await one.settle()
    psa.customer_replies(ticket, "Error 88.20 came up this morning.")
    await one.settle()

    old, new = psa.ours(ticket)
    assert "88.20" in new["text"]
    assert "88.20" not in old["text"]
    assert "Replaces our note of" in new["text"]


async def test_a_ticket_gets_one_new_note_a_day_over_all_plugins(copilot: Hire, psa: Desk) -> None:
    recap = summarize()
    again = EnabledPlugin("recap", recap.plugin_class, recap.settings)
    one = await copilot(recap, again)
    ticket = psa.ticket(messages=4)
    await one.settle()

    assert len(psa.ours(ticket)) == 1
    assert sorted(one.verdicts(ticket)) == ["dropped", "written"]
    [dropped] = [decision for decision in one.ledger(ticket) if decision.verdict == "dropped"]
    assert "noise" in dropped.reason


async def test_the_sixteenth_note_about_one_technician_is_not_written(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    tickets = [psa.ticket(messages=4, assignee="tokafor") for _ in range(NOTES + 1)]
    other = psa.ticket(messages=4, assignee="mruiz")
    await one.settle()

    assert sum(len(psa.ours(ticket)) for ticket in tickets) == NOTES
    [dropped] = [row for ticket in tickets for row in one.ledger(ticket) if row.verdict == "dropped"]
    assert "15 new notes" in dropped.reason
    assert psa.names.tobi in dropped.reason
    assert len(psa.ours(other)) == 1


async def test_the_breaker_trips_at_the_31st_ticket_of_an_hour_until_it_is_rearmed(
    copilot: Hire, psa: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    one = await copilot(set_field(HIGH))
    tickets = [psa.ticket(f"The till in shop {number} is slow.") for number in range(BREAKER + 2)]
    await one.settle()

    assert sum(psa.value(ticket, "priority") == HIGH for ticket in tickets) == BREAKER
    observed = [row for ticket in tickets for row in one.ledger(ticket) if row.verdict == "observed"]
    assert len(observed) == 2
    assert all("breaker: 30 tickets in an hour" in row.reason for row in observed)
    alerts = [r for r in caplog.records if isinstance(r.msg, dict) and r.msg["event"] == "breaker_tripped"]
    assert len(alerts) == 1

    one.human(rearm, "main", "set_field")
    late = psa.ticket("The till in shop 99 is slow.")
    await one.settle()
    assert psa.value(late, "priority") == HIGH
    assert all(psa.value(int(row.ticket), "priority") == MEDIUM for row in observed)

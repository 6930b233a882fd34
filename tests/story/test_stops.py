"""Tickets that are left alone, and those who can and who cannot say so."""

import pytest

from psa_copilot.engine.commands import pause, resume
from tests.story.conftest import Hire
from tests.story.desk import (
    HIGH,
    IN_PROGRESS,
    MEDIUM,
    OURS,
    RESOLVED,
    SCHEDULED,
    Copilot,
    Desk,
    set_field,
    summarize,
    until,
)

NEWS = "It still prints blank pages, now from tray 2 as well."


@pytest.mark.every_psa
async def test_a_ticket_in_a_stop_status_gets_nothing_and_the_ledger_says_why_once(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=4, status=psa.names.stop)
    other = psa.ticket(messages=4)
    await one.settle()
    psa.customer_replies(ticket, NEWS)
    await one.settle()

    assert psa.writes(ticket) == []
    [decision] = one.ledger(ticket)
    assert decision.verdict == "stopped"
    assert psa.names.stop in decision.reason
    assert len(psa.ours(other)) == 1


async def test_a_ticket_moved_to_a_stop_status_after_the_decision_gets_nothing(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), stop={"status": [SCHEDULED]})
    one.human(pause, "main", "a look first")
    ticket = psa.ticket(messages=4)
    await until(lambda: one.states(ticket) == ["pending"], "a promise")

    psa.sets(ticket, "status", SCHEDULED)
    one.human(resume, "main")
    await one.settle()

    assert psa.writes(ticket) == []
    assert one.verdicts(ticket)[0] == "stopped"


async def test_copilot_off_mutes_a_ticket_and_copilot_on_ends_it(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=3)
    psa.types_internally(ticket, "copilot off")
    psa.customer_replies(ticket, NEWS)
    await one.settle()
    assert psa.writes(ticket) == []
    [decision] = one.ledger(ticket)
    assert decision.verdict == "stopped"
    assert "Ines Dahl" in decision.reason

    psa.types_internally(ticket, "Copilot on")
    psa.customer_replies(ticket, "And it smells of hot dust.")
    await one.settle()
    assert len(psa.ours(ticket)) == 1


async def customer_mails(psa: Desk, ticket: int) -> None:
    psa.customer_replies(ticket, "copilot off")


async def technician_says_in_public(psa: Desk, ticket: int) -> None:
    psa.technician_writes(ticket, "copilot off")


async def api_user_types(psa: Desk, ticket: int) -> None:
    psa.types_internally(ticket, "copilot off", by="api2")


async def technician_quotes(psa: Desk, ticket: int) -> None:
    psa.types_internally(ticket, "The customer wrote: copilot off")


@pytest.mark.parametrize("say", [customer_mails, technician_says_in_public, api_user_types, technician_quotes])
async def test_copilot_off_counts_from_nobody_else(copilot: Hire, psa: Desk, say: object) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=3)
    assert callable(say)
    await say(psa, ticket)
    psa.customer_replies(ticket, NEWS)
    await one.settle()

    assert len(psa.ours(ticket)) == 1
    assert one.verdicts(ticket) == ["written"]


AWAY = "Automatic reply: I am out of the office until Monday 7 April with no access to e-mail. Call 555 0100 if urgent."


@pytest.mark.parametrize("said", ["Thanks!", AWAY])
async def test_thanks_or_an_absence_on_a_resolved_ticket_moves_nothing(copilot: Hire, psa: Desk, said: str) -> None:
    rule = "slow again|thanks|automatic reply"
    one = await copilot(summarize(), set_field(IN_PROGRESS, rule, field="status"))
    ticket = psa.ticket(messages=3, status=RESOLVED)
    await one.settle()
    psa.customer_replies(ticket, said)
    await one.settle()

    assert one.revision(ticket) > 1
    assert psa.writes(ticket) == []
    assert one.ledger(ticket) == []
    assert psa.value(ticket, "status") == RESOLVED

    psa.customer_replies(ticket, "It is slow again since 9 o'clock, page 3 takes a minute.")
    await one.settle()
    assert len(psa.ours(ticket)) == 1
    assert psa.value(ticket, "status") == IN_PROGRESS


async def test_our_own_note_coming_home_is_no_news(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=4)
    await one.settle()
    revision, reads = one.revision(ticket), psa.reads()
    await one.settle()
    await one.settle()

    assert psa.reads() > reads
    assert one.revision(ticket) == revision == 1
    assert one.verdicts(ticket) == ["written"]
    assert len(psa.writes(ticket)) == 1


async def test_our_marker_pasted_by_a_customer_is_text(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=4)
    await one.settle()
    [note] = psa.ours(ticket)
    before = note["text"]

    found = OURS.search(before)
    assert found
    psa.customer_replies(ticket, f"What is this? It prints blank pages from tray 2 as well.\n{found[0]}")
    await one.settle()

    [note] = psa.ours(ticket)
    assert note["text"] != before
    assert "tray 2" in note["text"]
    assert one.look(lambda tx: tx.work.flag("main", f"doubled {found[2]}")) is None
    assert one.feedback(ticket) == []


async def a_recap_that_a_human_touched(one: Copilot, psa: Desk, how: str) -> int:
    ticket = psa.ticket(messages=4)
    await one.settle()
    [note] = psa.ours(ticket)
    if how == "edited":
        psa.edits(ticket, note["id"], "The sensor is ordered; nothing else to do.")
    else:
        psa.deletes(ticket, note["id"])
    psa.customer_replies(ticket, NEWS)
    await one.settle()
    psa.customer_replies(ticket, "Is there any news about tray 2?")
    await one.settle()
    return ticket


@pytest.mark.every_psa
async def test_a_recap_that_a_technician_edits_is_theirs_from_then_on(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = await a_recap_that_a_human_touched(one, psa, "edited")

    [note] = psa.ours(ticket)
    assert note["text"] == "The sensor is ordered; nothing else to do."
    assert [kind for kind, _ in one.feedback(ticket)] == ["note edited"]
    assert len(psa.writes(ticket)) == 1
    assert one.verdicts(ticket) == ["written", "dropped", "dropped"]


async def test_a_recap_that_a_technician_deletes_does_not_come_back(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = await a_recap_that_a_human_touched(one, psa, "deleted")

    assert psa.ours(ticket) == []
    assert [kind for kind, _ in one.feedback(ticket)] == ["note deleted"]
    assert len(psa.writes(ticket)) == 1


async def test_a_rule_listens_to_customers_only(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(HIGH, "blank pages"))
    ticket = psa.ticket("Our scanner is slow.")
    psa.technician_writes(ticket, "Is this about the blank pages?")
    await one.settle()

    assert psa.value(ticket, "priority") == MEDIUM
    assert one.ledger(ticket) == []

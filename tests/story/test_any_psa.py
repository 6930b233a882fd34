"""The spine on any PSA, quickly: from a webhook to a note, and through an outage and a restart."""

from __future__ import annotations

import pytest

from tests.story.conftest import Hire
from tests.story.daemon import free_port, listening
from tests.story.desk import Desk, summarize, until

pytestmark = pytest.mark.every_psa
SELDOM = "10m"
NEWS = "It still prints blank pages, now from tray 2 as well."


async def test_a_webhook_makes_a_note_and_no_poll_was_needed(copilot: Hire, psa: Desk) -> None:
    psa.sandbox.speed(1)
    url = f"127.0.0.1:{free_port()}"
    with listening() as said:
        one = await copilot(summarize(), poll_every=SELDOM, web={"listen": url, "url": f"http://{url}"})
        await until(lambda: said.count("webhooks_registered"), "the callback is registered")
    polls = psa.polls
    ticket = psa.ticket(messages=4)
    await until(lambda: one.verdicts(ticket) == ["written"], "a recap")
    [note] = psa.ours(ticket)
    assert note["internal"]
    assert note["text"].startswith("Recap: ")
    assert psa.polls == polls
    assert psa.sandbox.mailbox() == []


async def test_an_outage_and_a_restart_in_it_lose_and_double_nothing(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    tickets = [psa.ticket(messages=3) for _ in range(3)]
    await one.settle()
    with listening() as said:
        psa.sandbox.faults("refuse=1")
        for ticket in tickets:
            psa.customer_replies(ticket, NEWS)
        await until(lambda: said.count("psa_away"), "it has noticed")
    await one.stop()

    psa.sandbox.faults("cut_after=@2")  # the PSA is back, and every second write is done without an answer
    two = await copilot(summarize(), write_grace="1s", request_timeout="2s")
    await until(lambda: all(psa.ours(ticket) for ticket in tickets), "a recap on each ticket")
    psa.sandbox.faults()
    await two.settle()
    assert [len(psa.ours(ticket)) for ticket in tickets] == [1, 1, 1]
    assert [two.verdicts(ticket) for ticket in tickets] == [["written"]] * 3

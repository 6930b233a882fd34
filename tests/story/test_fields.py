"""Who wins over a field: always the human, and always on record."""

import pytest

from psa_copilot import app
from psa_copilot.engine import policy
from psa_copilot.engine.collisions import Collisions
from psa_copilot.engine.commands import pause, resume, undo
from psa_copilot.engine.outbox import Outbox
from psa_copilot.models import ActorClass, Field, Ref
from psa_copilot.store import WriteRow
from tests.story.conftest import Hire
from tests.story.daemon import free_port, listening
from tests.story.desk import (
    CLOSED,
    CRITICAL,
    HIGH,
    IN_PROGRESS,
    LOW,
    MEDIUM,
    NEW,
    Copilot,
    Desk,
    set_field,
    summarize,
    until,
)
from tests.story.psas import needs

DOWN = "Now everything is down."
RULE = "everything is down"
SELDOM = "15s"
"""So that no poll sees what happens while a PATCH is held: one and a half seconds of real time."""


async def promised_while_paused(one: Copilot, psa: Desk) -> int:
    """A ticket on which the copilot has decided to raise the priority, and may not write yet."""
    ticket = psa.ticket("Our scanner is slow.")
    await one.settle()
    one.human(pause, "main", "a look first")
    psa.customer_replies(ticket, DOWN)
    await until(lambda: one.states(ticket) == ["pending"], "a promise")
    return ticket


async def changed_between_decision_and_write(one: Copilot, psa: Desk) -> int:
    ticket = await promised_while_paused(one, psa)
    psa.sets(ticket, "priority", LOW, by="api2")
    one.human(resume, "main")
    await one.settle()
    return ticket


async def test_what_another_api_user_set_after_our_decision_stands(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CRITICAL, RULE, was=MEDIUM))

    ticket = await changed_between_decision_and_write(one, psa)

    assert psa.value(ticket, "priority") == LOW
    assert psa.writes(ticket) == []
    [decision] = one.ledger(ticket)
    assert decision.verdict == "dropped"
    assert psa.names.other_api in decision.reason
    assert LOW in decision.reason
    assert f"{psa.sandbox.now():%Y-%m-%dT%H:}" in decision.reason


async def test_without_that_check_it_is_overwritten(copilot: Hire, psa: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = tuple(guard for guard in policy.STANDING if guard.__name__ != "_was")
    assert len(unguarded) == len(policy.STANDING) - 1
    monkeypatch.setattr(policy, "STANDING", unguarded)
    monkeypatch.setattr(Outbox, "_still_ours", staticmethod(lambda action, fresh: None))
    monkeypatch.setattr(Collisions, "look_back", looks_away)
    one = await copilot(set_field(CRITICAL, RULE, was=MEDIUM))

    ticket = await changed_between_decision_and_write(one, psa)

    assert psa.value(ticket, "priority") == CRITICAL


async def looks_away(collisions: Collisions, row: WriteRow) -> None:
    """What the look back is replaced by, to see what it prevents."""


async def run_over(one: Copilot, psa: Desk) -> int:
    """A technician's edit lands after our last look and before our PATCH."""
    ticket = psa.ticket("Our scanner is slow.")
    await one.settle()
    assert psa.value(ticket, "priority") == MEDIUM  # whoever edits has the lists at hand
    psa.sandbox.switch(hold_patch=0.8)
    psa.customer_replies(ticket, DOWN)
    await until(lambda: one.states(ticket) == ["sending"], "our request is under way")
    psa.sets(ticket, "priority", HIGH)
    await until(lambda: "sending" not in one.states(ticket)[:1], "our request is answered")
    psa.sandbox.switch(hold_patch=0)
    await one.settle()
    return ticket


def the_human_has_won(one: Copilot, psa: Desk, ticket: int) -> bool:
    """Their value stands, and whatever was wished after the collision was dropped."""
    first, *others = one.verdicts(ticket)
    assert psa.value(ticket, "priority") == HIGH
    assert first == "collision"
    return set(others) <= {"dropped"} and sorted(set(one.states(ticket)) - {"dropped"}) == ["collision", "done"]


async def test_a_run_over_edit_is_seen_in_the_audit_trail_and_put_back(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CRITICAL, RULE), poll_every=SELDOM)

    ticket = await run_over(one, psa)
    assert the_human_has_won(one, psa, ticket)

    psa.customer_replies(ticket, "I say it again: everything is down!")
    await one.settle()
    assert the_human_has_won(one, psa, ticket)
    assert "locked" in one.ledger(ticket)[-1].reason


async def test_a_run_over_edit_is_seen_in_a_callback_and_put_back(copilot: Hire, psa: Desk) -> None:
    needs(psa.kind, switch="audit_right")
    psa.sandbox.switch(audit_right=False)
    url = f"127.0.0.1:{free_port()}"
    with listening() as said:
        one = await copilot(set_field(CRITICAL, RULE), poll_every=SELDOM, web={"listen": url, "url": f"http://{url}"})
        await until(lambda: said.count("webhooks_registered"), "a callback")

    ticket = await run_over(one, psa)
    assert the_human_has_won(one, psa, ticket)


async def test_without_both_witnesses_the_edit_is_lost_and_check_has_said_so(copilot: Hire, psa: Desk) -> None:
    needs(psa.kind, switch="audit_right")
    psa.sandbox.switch(audit_right=False)
    one = await copilot(set_field(CRITICAL, RULE), poll_every=SELDOM)

    ticket = await run_over(one, psa)

    assert psa.value(ticket, "priority") == CRITICAL
    assert one.verdicts(ticket) == ["written"]
    said = (await app.check(one.config))["main"]
    [trail] = [finding for finding in said if finding.about == "audit trail"]
    assert trail.level == "warning"
    assert "unseen" in trail.says
    psa.sandbox.switch(audit_right=True)
    allowed = (await app.check(one.config))["main"]
    assert [finding.level for finding in allowed if finding.about == "audit trail"] == ["ok"]


@pytest.mark.every_psa
async def test_a_field_that_a_human_set_after_us_is_never_set_again(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(psa.names.high))
    ticket = psa.ticket("Our scanner is slow.")
    await one.settle()
    assert psa.value(ticket, "priority") == psa.names.high

    psa.sets(ticket, "priority", psa.names.low)
    await one.settle()
    psa.customer_replies(ticket, "It is even slower today, and it squeaks.")
    await one.settle()

    assert psa.value(ticket, "priority") == psa.names.low
    assert one.verdicts(ticket) == ["written", "dropped", "dropped"]
    assert all(psa.names.ines in decision.reason for decision in one.ledger(ticket)[1:])


@pytest.mark.every_psa
async def test_an_undone_field_goes_back_and_is_locked_for_that_plugin(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(psa.names.high))
    ticket = psa.ticket("Our scanner is slow.")
    await one.settle()
    [decision] = one.ledger(ticket)

    one.human(undo, decision.id)
    await one.settle()
    assert psa.value(ticket, "priority") == psa.names.medium
    psa.customer_replies(ticket, "It is even slower today, and it squeaks.")
    await one.settle()

    assert psa.value(ticket, "priority") == psa.names.medium
    verdicts = one.ledger(ticket)
    assert [row.verdict for row in verdicts] == ["undone", "dropped"]
    assert "locked" in verdicts[1].reason


async def test_an_undone_note_says_so_and_is_left_alone(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    ticket = psa.ticket(messages=4)
    await one.settle()
    [decision] = one.ledger(ticket)

    one.human(undo, decision.id)
    await one.settle()
    psa.customer_replies(ticket, "Thursday is fine, please call the porter first.")
    await one.settle()

    [note] = psa.ours(ticket)
    assert note["text"].startswith("Withdrawn")
    assert note["internal"]
    assert one.verdicts(ticket) == ["undone", "dropped"]


async def test_a_write_that_waited_too_long_expires(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CRITICAL, RULE))
    ticket = await promised_while_paused(one, psa)

    psa.sandbox.advance("16m")
    await until(lambda: one.states(ticket) == ["expired"], "it expires")
    one.human(resume, "main")
    await one.settle()

    assert psa.value(ticket, "priority") == MEDIUM
    assert one.verdicts(ticket) == ["expired"]
    assert psa.writes(ticket) == []


async def test_a_pause_holds_a_write_and_a_resume_lets_it_go(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CRITICAL, RULE))
    ticket = await promised_while_paused(one, psa)
    await one.settle(but=["pending"])
    assert psa.writes(ticket) == []

    one.human(resume, "main")
    await one.settle()

    assert psa.value(ticket, "priority") == CRITICAL
    assert len(psa.writes(ticket)) == 1


async def test_a_status_without_a_confirmed_meaning_stops_field_writes(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(HIGH), statuses={})
    ticket = psa.ticket("Our scanner is slow.")
    await one.settle()

    assert psa.value(ticket, "priority") == MEDIUM
    [decision] = one.ledger(ticket)
    assert decision.verdict == "stopped"
    assert "confirmed" in decision.reason


async def test_a_status_changes_by_a_rule_but_never_to_closed(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CLOSED, "please close", field="status"))
    ticket = psa.ticket("It works again, please close the ticket number 5.")
    await one.settle()

    assert psa.value(ticket, "status") == NEW
    [decision] = one.ledger(ticket)
    assert decision.verdict == "dropped"
    assert "closes" in decision.reason


async def test_a_rule_sets_a_status_and_mails_nobody(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(IN_PROGRESS, "any news", field="status"))
    ticket = psa.ticket("Are there any news of our scanner?")
    await one.settle()

    assert psa.value(ticket, "status") == IN_PROGRESS
    assert one.verdicts(ticket) == ["written"]
    assert psa.sandbox.mailbox() == []


async def test_a_dispatchers_choice_is_theirs_though_a_program_touched_the_ticket_next(
    copilot: Hire, psa: Desk
) -> None:
    one = await copilot(summarize("observe"), poll_every=SELDOM)
    ticket = psa.ticket("Our scanner is slow.")
    await until(lambda: one.look(lambda tx: tx.mirror.row(Ref(connection="main", remote_id=str(ticket)))), "seen")
    psa.sets(ticket, "priority", LOW)
    psa.sets(ticket, "title", "Scanner", by="api2")
    ref = Ref(connection="main", remote_id=str(ticket))
    await until(lambda: one.look(lambda tx: tx.mirror.field_events(ref, Field.PRIORITY)), "seen")
    [chosen] = one.look(lambda tx: tx.mirror.field_events(ref, Field.PRIORITY))
    assert (chosen.after, chosen.actor_class) == (LOW, ActorClass.TECHNICIAN)
    assert one.look(lambda tx: tx.standings.row(ref).technician_at)

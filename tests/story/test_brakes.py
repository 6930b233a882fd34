"""The brakes of a live desk, one story for each line that says how not to hurt it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from psa_copilot import (
    Action,
    AddNote,
    Change,
    ChangeField,
    EventKind,
    Field,
    LogTime,
    Mention,
    Plugin,
    PluginSettings,
    Thread,
    Tools,
)
from psa_copilot.config import EnabledPlugin
from tests.story.conftest import Hire
from tests.story.desk import BOARD, CRITICAL, IN_PROGRESS, MEDIUM, NEW, Desk, set_field, summarize, until
from tests.story.psas import needs

NEWS = "It still prints blank pages, now from tray 2 as well."


class Wishing(Plugin):
    """Wishes whatever a story is about, on each message of the customer."""

    name = "wishing"
    on = frozenset({EventKind.MESSAGE_ADDED, EventKind.TICKET_OPENED})
    wish: ClassVar[Action]

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        return [self.wish]


def wishing(wish: Action, **settings: object) -> EnabledPlugin:
    """A plugin that always wishes this."""
    plugin = type("WishingThis", (Wishing,), {"wish": wish})
    return EnabledPlugin("wishing", plugin, PluginSettings.model_validate({"mode": "act", **settings}))


def note(body: str = "Recap: all is said.", **more: object) -> AddNote:
    return AddNote.model_validate({"body": body, "because": "a story", **more})


# -- kill switch -------------------------------------------------------------------------------------------------


async def test_the_control_ticket_stops_everything_and_lets_it_go_on(copilot: Hire, psa: Desk) -> None:
    control = psa.ticket("The switch of the copilot.", title="Copilot switch", status=IN_PROGRESS)
    desk = {"control_ticket": {"ticket": str(control), "armed": IN_PROGRESS}}
    one = await copilot(summarize(), desk=desk)
    first = psa.ticket(messages=4)
    await one.settle()
    assert len(psa.ours(first)) == 1

    psa.sets(control, "status", NEW)
    psa.sandbox.advance("1m")
    ticket = psa.ticket(messages=4)
    await until(lambda: any("control ticket" in row.why for row in one.outbox(ticket)), "a held write")
    assert psa.writes(ticket) == []

    psa.sets(control, "status", IN_PROGRESS)
    psa.sandbox.advance("2m")
    await one.settle()
    assert len(psa.ours(ticket)) == 1


async def test_a_control_ticket_that_is_gone_stops_everything(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), desk={"control_ticket": {"ticket": "99999", "armed": "Armed"}})
    ticket = psa.ticket(messages=4)
    await until(lambda: any("cannot be read" in row.why for row in one.outbox(ticket)), "a held write")
    assert psa.writes(ticket) == []


async def test_commands_count_from_those_who_are_named(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), desk={"commanders": [psa.names.marta]})
    ticket = psa.ticket(messages=3)
    psa.types_internally(ticket, "copilot off")
    psa.customer_replies(ticket, NEWS)
    await one.settle()
    assert len(psa.ours(ticket)) == 1


# -- breaker -----------------------------------------------------------------------------------------------------


async def test_after_a_week_the_breaker_goes_by_what_is_usual(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), breaker={"per_hour": 30, "per_day": 200}, notes_per_technician=99)
    for _ in range(2):
        psa.ticket(messages=4)
    await one.settle()
    psa.sandbox.advance("8d")
    fresh = [psa.ticket(messages=4, title=f"Printer in room {name}") for name in "ABCDEFGHIJ"]
    await one.settle()

    verdicts = [one.verdicts(ticket)[-1] for ticket in fresh]
    assert verdicts.count("written") == 6  # three times the usual two an hour
    assert one.look(lambda tx: tx.ledger.state("main", "summarize")).tripped_at


# -- which tickets to leave alone --------------------------------------------------------------------------------


async def test_an_alert_by_the_admins_list_gets_nothing_and_no_row(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), desk={"origins": {"alert": {"company": ["Copper Kettle Foods"]}}})
    alert = psa.ticket(messages=4, company="Copper Kettle Foods", contact="Rosa Iversen")
    person = psa.ticket(messages=4)
    await one.settle()
    assert (psa.writes(alert), one.ledger(alert)) == ([], [])
    assert len(psa.ours(person)) == 1


async def test_an_alert_is_looked_at_by_the_plugin_that_lists_alerts(copilot: Hire, psa: Desk) -> None:
    desk = {"origins": {"alert": {"company": ["Copper Kettle Foods"]}}}
    one = await copilot(summarize(origins=["alert"]), desk=desk)
    alert = psa.ticket(messages=4, company="Copper Kettle Foods", contact="Rosa Iversen")
    await one.settle()
    assert len(psa.ours(alert)) == 1


async def test_an_incident_is_spoken_of_on_its_first_ticket_only(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    tickets = [psa.ticket(messages=2, title="VPN down, error 809") for _ in range(5)]
    await one.settle()
    for ticket in tickets:
        psa.technician_writes(ticket, "The gateway was restarted at 10:05, please try again.")
        psa.customer_replies(ticket, "Still error 809 after the restart, nobody of us gets in.")
    await one.settle()

    assert [len(psa.ours(ticket)) for ticket in tickets] == [1, 0, 0, 0, 0]
    assert "incident" in one.ledger(tickets[-1])[-1].reason


async def test_three_clients_with_the_same_error_are_an_incident(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    clients = [
        ("Millbrook Paper", "Gus Fenwick"),
        ("Larkspur Dental", "Olive Hart"),
        ("Northgate Veterinary", "Ellen Moreau"),
    ]
    tickets = [
        psa.ticket(messages=4, title=f"{contact}: mail error 0x80040115", company=company, contact=contact)
        for company, contact in clients
    ]
    await one.settle()
    psa.customer_replies(tickets[-1], "It is the same for everybody at the front desk.")
    await one.settle()
    assert "incident" in one.ledger(tickets[-1])[-1].reason


async def test_a_mirrored_ticket_gets_no_note_before_somebody_says_where_notes_go(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize())
    plain = psa.ticket(messages=4, id="our-own-17")
    ticket = psa.ticket(messages=3, id="OTHER-SYSTEM-17")
    await one.settle()
    psa.sets(ticket, "priority", CRITICAL, by="api2")
    await one.settle()
    psa.customer_replies(ticket, NEWS)
    await one.settle()
    assert psa.writes(ticket) == []
    assert "mirrored" in one.ledger(ticket)[-1].reason
    assert len(psa.ours(plain)) == 1


async def test_a_mirrored_ticket_gets_its_note_where_notes_stay(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), desk={"mirrored": {"external_ref": True, "notes": "stay_here"}})
    ticket = psa.ticket(messages=4, id="OTHER-SYSTEM-17")
    await one.settle()
    assert len(psa.ours(ticket)) == 1


async def test_a_field_that_programs_set_to_and_fro_is_frozen(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(CRITICAL, "blank", was=MEDIUM))
    ticket = psa.ticket(messages=2, priority=MEDIUM)
    await one.settle()
    psa.sets(ticket, "priority", CRITICAL, by="api2")
    await one.settle()
    psa.sets(ticket, "priority", MEDIUM, by="api2")
    await one.settle()
    psa.customer_replies(ticket, NEWS)
    await one.settle()
    assert psa.value(ticket, "priority") == MEDIUM
    assert "frozen" in one.ledger(ticket)[-1].reason


# -- readers and confidential tickets ----------------------------------------------------------------------------


async def test_what_delicate_notes_tell_is_not_for_a_clients_own_technicians(copilot: Hire, psa: Desk) -> None:
    if psa.kind.connector.can.hides_from_client_it:
        pytest.skip(f"{psa.kind.sandbox.name} hides internal notes from a client's own technicians")
    one = await copilot(wishing(note(tells=["sla"])), desk={"co_managed": ["Millbrook Paper"]})
    ticket = psa.ticket(messages=2)
    other = psa.ticket(messages=2, company="Larkspur Dental", contact="Olive Hart")
    await one.settle()
    assert psa.writes(ticket) == []
    assert "own technicians" in one.ledger(ticket)[0].reason
    assert len(psa.ours(other)) == 1


@pytest.mark.parametrize(
    "wish",
    [
        note("Recap: the customer wrote that the label printer in the packing hall prints blank pages."),
        ChangeField(because="a story", field=Field.TITLE, to="Leaver", was="Confidential: leaver today 17:00"),
        Mention(because="a story", body="A leaver at Millbrook."),
    ],
    ids=["a quotation", "a title", "a line of the digest"],
)
async def test_of_a_confidential_ticket_nothing_is_told(copilot: Hire, psa: Desk, wish: Action) -> None:
    one = await copilot(wishing(wish))
    ticket = psa.ticket(messages=2, title="Confidential: leaver today 17:00")
    await one.settle()
    assert psa.writes(ticket) == []
    assert one.verdicts(ticket)[0] == "stopped"
    assert "confidential" in one.ledger(ticket)[0].reason


async def test_the_customer_sees_nothing_unless_plugin_and_client_are_named(copilot: Hire, psa: Desk) -> None:
    needs(psa.kind, can="public_notes")
    one = await copilot(wishing(note("We are on it.", place="discussion"), customers=["Larkspur Dental"]))
    ticket = psa.ticket(messages=2)
    other = psa.ticket(messages=2, company="Larkspur Dental", contact="Olive Hart")
    await one.settle()
    assert psa.writes(ticket) == []
    assert "customer would see it" in one.ledger(ticket)[0].reason
    assert [found["internal"] for found in psa.ours(other)] == [False]


@pytest.mark.parametrize("body", ["Recap: <b>bold</b> words.", "Recap:\n| a | b |\n| 1 | 2 |"])
async def test_a_note_is_plain_text(copilot: Hire, psa: Desk, body: str) -> None:
    one = await copilot(wishing(note(body)))
    ticket = psa.ticket(messages=2)
    await one.settle()
    assert psa.writes(ticket) == []
    assert "plain text" in one.ledger(ticket)[0].reason


# -- what writes set off -----------------------------------------------------------------------------------------


async def test_time_is_not_logged_unless_it_is_allowed(copilot: Hire, psa: Desk) -> None:
    needs(psa.kind, can="time_entries")
    one = await copilot(wishing(LogTime(because="a story", body="Read the log.", minutes=5)))
    ticket = psa.ticket(messages=2)
    await one.settle()
    assert psa.writes() == []
    assert "allow" in one.ledger(ticket)[0].reason


async def test_a_status_that_moves_the_sla_is_named_first(copilot: Hire, psa: Desk) -> None:
    one = await copilot(set_field(psa.names.moves_sla, "", field="status", named=[], sla="fixed"))
    ticket = psa.ticket(messages=2, status=NEW)
    await one.settle()
    assert psa.writes(ticket) == []
    assert "moves the SLA" in one.ledger(ticket)[0].reason


async def test_without_a_canary_nothing_leaves_observe(copilot: Hire, psa: Desk) -> None:
    one = await copilot(summarize(), accept_risk=False)
    ticket = psa.ticket(messages=4)
    await one.settle()
    assert psa.writes(ticket) == []
    assert one.verdicts(ticket) == ["observed"]
    assert "canary" in one.ledger(ticket)[0].reason


# -- hours and shifts --------------------------------------------------------------------------------------------


def hours(now: datetime, *, open_now: bool) -> dict[str, str]:
    """Hours of a board that is open now, or opens in two hours."""
    begin = now - timedelta(hours=1) if open_now else now + timedelta(hours=2)
    return {"days": "mon-sun", "open": f"{begin:%H:%M}", "close": f"{begin + timedelta(hours=4):%H:%M}", "zone": "UTC"}


async def test_outside_its_hours_a_board_is_written_to_when_it_opens(copilot: Hire, psa: Desk) -> None:
    now = psa.sandbox.now().astimezone(UTC)
    one = await copilot(summarize(), desk={"hours": {BOARD: hours(now, open_now=False)}})
    ticket = psa.ticket(messages=4)
    await until(lambda: any("hours" in row.why for row in one.outbox(ticket)), "a write that waits")
    assert psa.writes(ticket) == []

    psa.sandbox.advance("121m")
    await one.settle()
    assert len(psa.ours(ticket)) == 1


async def test_outside_hours_what_is_critical_and_in_hand_is_written_to(copilot: Hire, psa: Desk) -> None:
    now = psa.sandbox.now().astimezone(UTC)
    one = await copilot(summarize(), desk={"hours": {"*": hours(now, open_now=False)}})
    ticket = psa.ticket(messages=4, priority=CRITICAL)
    await one.settle()
    assert len(psa.ours(ticket)) == 1


async def test_nobody_is_given_a_ticket_off_shift(copilot: Hire, psa: Desk) -> None:
    now = psa.sandbox.now().astimezone(UTC)
    wish = ChangeField(because="a story", field=Field.ASSIGNEE, to=psa.names.marta, was="", confidence=0.9)
    one = await copilot(wishing(wish), desk={"shifts": {psa.names.marta: hours(now, open_now=False)}})
    ticket = psa.ticket(messages=2)
    await one.settle()
    assert psa.writes(ticket) == []
    assert "not on shift" in one.ledger(ticket)[0].reason

"""What the HaloPSA connector writes besides internal notes and fields, and what it says where Halo does otherwise."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from psa_copilot import ActorClass, Book, EditNote, Field, LogTime, MessageKind, NotReady, Rejected
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox
from psa_copilot_connectors.halopsa import HaloPsa
from tests.connectors.halopsa_desk import action, api, change, connected, halo, note, psa, ref

__all__ = ["api", "halo", "psa"]

HOUR = timedelta(hours=1)
WORK = LogTime(body="Copied the profile", minutes=12, because="a test")


# Time


async def test_our_time_is_charged_to_nobody_and_seen_by_staff_alone(
    psa: Sandbox, halo: HaloPsa, api: httpx.Client
) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    receipt = await halo.apply(ref(number), WORK, marker)
    row = action(api, number, receipt.remote_id)
    assert (row["timetaken"], row["chargerate"], row["actionchargehours"], row["actisbillable"]) == (0.2, 0, 0, False)
    assert (row["who"], row["hiddenfromuser"], row["ishiddenfrominternalit"]) == ("Copilot Api", True, True)
    assert row["note"] == f"Copied the profile\n-- copilot/time {marker}"
    assert row["actionarrivaldate"] < row["actioncompletiondate"] <= row["actiondatecreated"]
    [home] = (await halo.pull(ref(number))).messages
    assert (home.kind, home.by, home.internal) == (MessageKind.TIME_ENTRY, ActorClass.INTEGRATION, True)
    assert psa.mailbox() == []


async def test_a_note_with_our_marker_is_no_time(psa: Sandbox, halo: HaloPsa) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    await halo.apply(ref(number), note(marker), marker)
    assert await halo.find(ref(number), WORK, marker) is None


async def test_a_technicians_note_that_carries_its_time_stays_a_note(psa: Sandbox, halo: HaloPsa) -> None:
    number = psa.inject({"title": "Till"})
    psa.record("time", ticket=number, by="Ines Dahl", minutes=30, text="copilot off")
    [home] = (await halo.pull(ref(number))).messages
    assert (home.kind, home.by, home.internal) == (MessageKind.NOTE, ActorClass.TECHNICIAN, True)


async def test_time_that_halo_charges_all_the_same_is_told_of(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(type_charges=True)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    for ask in (halo.apply, halo.find):
        with pytest.raises(Rejected, match=r"charges action 2 at rate 1; take it away there"):
            await ask(ref(number), WORK, marker)
    assert "charges all time at rate 1" in " ".join(finding.says for finding in await halo.check())


async def test_a_charge_rate_of_ones_own_may_mean_nothing(psa: Sandbox, api: httpx.Client) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    async with connected(psa, charge_rate=0) as halo:
        receipt = await halo.apply(ref(number), WORK, marker)
    assert action(api, number, receipt.remote_id)["chargerate"] == 0


# Places


async def test_a_resolution_is_shown_and_marked(psa: Sandbox, halo: HaloPsa, api: httpx.Client) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    wish = note(marker).model_copy(update={"place": "resolution"})
    row = action(api, number, (await halo.apply(ref(number), wish, marker)).remote_id)
    assert (row["outcome"], row["important"], row["hiddenfromuser"]) == ("Public Note", True, False)
    assert psa.mailbox() == []


async def test_a_resolution_outcome_that_mails_is_refused_and_named(psa: Sandbox) -> None:
    number, marker = psa.inject({"title": "Till"}), new_marker()
    wish = note(marker).model_copy(update={"place": "resolution"})
    async with connected(psa, resolution_outcome="Resolve") as halo:
        with pytest.raises(Rejected, match="mails, sets a status, counts as a response"):
            await halo.apply(ref(number), wish, marker)
        [told] = [one for one in await halo.check() if one.about == "outcome Resolve"]
    assert (told.level, "connections.main.resolution_outcome" in told.says) == ("warning", True)


async def test_a_note_that_halo_shows_to_the_customer_is_told_of(psa: Sandbox) -> None:
    psa.switch(hidden_kept=False)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    async with connected(psa, outcome="Public Note") as halo:
        with pytest.raises(Rejected, match="shows action 2 to the customer; take it away there"):
            await halo.apply(ref(number), note(marker), marker)


async def test_a_note_that_a_clients_own_it_can_read_is_told_of_where_there_is_any(psa: Sandbox) -> None:
    psa.switch(internalit_kept=False)
    number, marker = psa.inject({"title": "Till"}), new_marker()
    async with connected(psa) as halo:
        await halo.apply(ref(number), note(marker), marker)
    async with connected(psa, desk={"co_managed": ["Contoso"]}) as halo:
        with pytest.raises(Rejected, match="to the client's own IT"):
            await halo.apply(ref(number), note(new_marker()), marker)


async def test_an_edit_that_makes_another_action_is_told_of(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(action_edit="another")
    number, marker = psa.inject({"title": "Till"}), new_marker()
    made = await halo.apply(ref(number), note(marker), marker)
    edit = EditNote(note_id=made.remote_id, body=signed("Recap: b", "summarize", marker), because="a test")
    with pytest.raises(Rejected, match="made another action, 3; take it away there"):
        await halo.apply(ref(number), edit, marker)


# Zones


async def test_times_of_actions_may_be_in_a_zone_of_their_own(psa: Sandbox, api: httpx.Client) -> None:
    psa.switch(action_dates="local")
    number, marker = psa.inject({"title": "Till"}), new_marker()
    async with connected(psa, action_zone="America/New_York") as halo:
        receipt = await halo.apply(ref(number), WORK, marker)
        assert abs((receipt.at or halo.http.psa_now()) - psa.now()) < timedelta(minutes=10)
        assert [one for one in await halo.check() if one.about == "dates"] == []
    row = action(api, number, receipt.remote_id)
    assert row["actionarrivaldate"] < row["actioncompletiondate"] <= row["actiondatecreated"]
    async with connected(psa) as halo:
        [told] = [one for one in await halo.check() if one.about == "dates"]
    assert "connections.main.action_zone" in told.says


async def test_a_date_that_we_do_not_read_may_be_in_any_zone(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(action_dates="datetime")
    number = psa.inject({"title": "Till"})
    psa.inject(number, {"role": "customer", "text": "It beeps."})
    assert [one for one in await halo.check() if one.about == "dates"] == []
    [said] = (await halo.pull(ref(number))).messages
    assert abs(said.sent_at - psa.now()) < timedelta(minutes=10)


# What Halo asks first


async def test_nobody_is_given_work_who_is_away_where_halo_asks(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(asks_first=True)
    now = psa.now()
    psa.record("time_off", by="Ines Dahl", starts=(now - HOUR).isoformat(), ends=(now + 9 * HOUR).isoformat())
    with pytest.raises(Rejected, match="_agent01_ok"):
        await halo.apply(ref(psa.inject({"title": "Till"})), change(Field.ASSIGNEE, "Ines Dahl"), "")


async def test_a_close_would_step_over_what_is_open(psa: Sandbox, halo: HaloPsa) -> None:
    number, child = psa.inject({"title": "Till"}), psa.inject({"title": "Its drawer"})
    assert await halo.blocks_closing(ref(number)) == []
    psa.record("task", ticket=number, text="Order a roll")
    psa.record("task", ticket=number, text="Call Anna", done=True)
    psa.record("child_of", ticket=child, to=number)
    starts = (psa.now() + HOUR).replace(microsecond=0)
    await halo.apply(ref(number), Book(person="Ines Dahl", starts=starts, ends=starts + HOUR, because="a test"), "")
    assert await halo.blocks_closing(ref(number)) == [
        "1 × open task: Order a roll",
        f"1 × open child ticket: {child}",
        f"1 × appointment that is not done: Ines Dahl, {starts:%d %b %H:%M} UTC",
    ]


@pytest.mark.parametrize("children", ["ignored", "untold"])
async def test_a_close_is_blocked_where_nobody_knows_whose_children_are_listed(
    psa: Sandbox, halo: HaloPsa, children: str
) -> None:
    psa.switch(parent_filter=children)
    number, child = psa.inject({"title": "Till"}), psa.inject({"title": "Its drawer"})
    psa.record("child_of", ticket=child, to=number)
    says = "the PSA lists tickets among them that are not known to be its children"
    assert await halo.blocks_closing(ref(number)) == [f"its children cannot be looked at: {says}"]
    assert f"children: {says}" in (await halo.traces(ref(number))).unseen


async def test_every_child_is_looked_at_before_a_close(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0)
    number = psa.inject({"title": "Till"})
    children = [psa.inject({"title": "A drawer", "status": "Closed"}) for _ in range(3)]
    children += [psa.inject({"title": "A drawer"}) for _ in range(103)]
    for child in children:
        psa.record("child_of", ticket=child, to=number)
    [told] = await halo.blocks_closing(ref(number))
    assert told.startswith("103 × open child ticket")
    psa.switch(repeats_first_page=True)
    with pytest.raises(NotReady, match="shows 100 of 103 and not the rest"):
        await halo.blocks_closing(ref(number))
    psa.switch(bare_lists=True)
    [told] = await halo.blocks_closing(ref(number))
    assert told == "its children cannot be looked at: 103 of them are open, and 100 are listed"


async def test_an_appointment_that_ends_before_it_begins_is_refused_unasked(psa: Sandbox, halo: HaloPsa) -> None:
    starts = psa.now() + HOUR
    await halo.directory()
    asked = len(psa.log())
    with pytest.raises(Rejected, match="end before it begins"):
        await halo.apply(ref(1001), Book(person="Ines Dahl", starts=starts, ends=starts - HOUR, because="a test"), "")
    assert len(psa.log()) == asked


# Fields


async def test_how_the_sla_stands_is_told_with_each_field_that_is_set(psa: Sandbox, halo: HaloPsa) -> None:
    number = psa.inject({"title": "Till"})
    before = await halo.ticket(ref(number))
    quiet = await halo.apply(ref(number), change(Field.TITLE, "Till 2 is slow"), "")
    assert before.sla_state
    assert quiet.sla_state == before.sla_state
    urgent = next(one.name for one in (await halo.directory()).priorities if one.name != before.priority)
    moved = await halo.apply(ref(number), change(Field.PRIORITY, urgent), "")
    assert moved.sla_state == (await halo.ticket(ref(number))).sla_state

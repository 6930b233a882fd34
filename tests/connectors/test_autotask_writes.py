"""What the Autotask connector writes besides internal notes and fields: time, service calls, links, public words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from psa_copilot import (
    ActorClass,
    AddNote,
    Book,
    ChangeField,
    EditNote,
    Field,
    Http,
    LinkTo,
    LogTime,
    NotReady,
    Rejected,
)
from psa_copilot.clock import Clock
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.work import LONGEST
from tests.connectors.autotask_desk import (
    asked,
    at,
    clock,
    connected,
    edit,
    http,
    human,
    psa,
    record,
    ref,
    stranger,
    where,
)

__all__ = ["at", "clock", "http", "human", "psa", "stranger"]

HOUR = timedelta(hours=1)
WORK = LogTime(body="Copied the profile", minutes=12, because="a test")


def entries(client: httpx.Client, ticket: int) -> list[dict[str, Any]]:
    """Time on a ticket that a program has entered."""
    rows = asked(client, "TimeEntries", where("ticketID", "eq", ticket), where("resourceID", "gte", 29_689_901))
    return list(rows["items"])


# Time


async def test_our_time_bills_nobody_and_shows_the_customer_nothing(
    psa: Sandbox, at: Autotask, stranger: httpx.Client
) -> None:
    marker = new_marker()
    receipt = await at.apply(ref(1001), WORK, marker)
    [row] = entries(stranger, 1001)
    assert str(row["id"]) == receipt.remote_id
    assert (row["isNonBillable"], row["showOnInvoice"], row["hoursToBill"]) == (True, False, 0.0)
    assert (row["resourceID"], row["roleID"], row["hoursWorked"]) == (29_689_901, 29_682_801, 0.2)
    assert row["summaryNotes"] == "Service desk work"
    assert row["internalNotes"] == f"Copied the profile\n-- copilot/time {marker}"
    assert row["isInternalNotesVisibleToComanaged"] is False
    [home] = [one for one in (await at.pull(ref(1001))).messages if one.remote_id == receipt.remote_id]
    assert (home.internal, home.by) == (True, ActorClass.INTEGRATION)


async def test_our_time_is_of_the_desks_own_work_type(psa: Sandbox, http: Http, stranger: httpx.Client) -> None:
    await connected(psa, http, work_type="Automation").apply(ref(1001), WORK, new_marker())
    [row] = entries(stranger, 1001)
    [code] = asked(stranger, "BillingCodes", where("id", "eq", row["billingCodeID"]))["items"]
    assert code["name"] == "Automation"
    with pytest.raises(Rejected, match="there are Automation, Onsite Support, Remote Support"):
        await connected(psa, http, work_type="Robots").apply(ref(1001), WORK, new_marker())


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"time_bills_anyway": True}, "billable; take it away there"),
        ({"timesheet_locked": True}, "already been submitted"),
        ({"api_user_role": False}, "no row at position 0"),
        ({"time_right": False}, "adequate permissions to edit TimeEntries"),
    ],
)
async def test_time_that_cannot_be_ours_alone_is_told(
    psa: Sandbox, at: Autotask, switches: dict[str, object], says: str
) -> None:
    psa.switch(**switches)
    with pytest.raises(Rejected, match=says):
        await at.apply(ref(1001), WORK, new_marker())


async def test_time_that_we_cannot_see_is_never_doubled(psa: Sandbox, at: Autotask) -> None:
    psa.switch(sees_non_billable=False)
    marker, before = new_marker(), psa.counts()["time_entries"]
    psa.faults("cut_after=1")
    with pytest.raises(NotReady):
        await at.apply(ref(1001), WORK, marker)
    psa.faults()
    with pytest.raises(Rejected, match="Can view non-billable time entries"):
        await at.find(ref(1001), WORK, marker)
    assert psa.counts()["time_entries"] == before + 1
    assert {finding.about: finding.level for finding in await at.check()}["time"] == "warning"


async def test_time_never_spans_midnight(psa: Sandbox, at: Autotask, clock: Clock, stranger: httpx.Client) -> None:
    psa.switch(time_spans_midnight=False)
    now = psa.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    psa.advance(f"{int((midnight - now).total_seconds()) + 180}s")
    clock.set(psa.now(), 20)
    await at.apply(ref(1001), WORK, new_marker())
    [row] = entries(stranger, 1001)
    assert row["startDateTime"][:10] == row["endDateTime"][:10] == str(now.date())


async def test_time_without_a_summary_or_too_long_is_refused_unasked(psa: Sandbox, at: Autotask) -> None:
    with pytest.raises(Rejected, match=f"Autotask takes {LONGEST}"):
        await at.apply(ref(1001), WORK.model_copy(update={"body": "x" * LONGEST}), new_marker())
    assert not [row for row in psa.log() if row["path"].endswith("/TimeEntries")]


# Service calls


def booking(psa: Sandbox, person: str = "idahl") -> Book:
    starts = psa.now().replace(microsecond=0) + timedelta(days=2)
    return Book(person=person, starts=starts, ends=starts + HOUR, because="a test")


async def test_a_service_call_holds_the_ticket_and_the_technician(
    psa: Sandbox, at: Autotask, stranger: httpx.Client
) -> None:
    receipt = await at.apply(ref(1001), booking(psa), "")
    [on] = asked(stranger, "ServiceCallTickets", where("ticketID", "eq", 1001))["items"]
    [call] = asked(stranger, "ServiceCalls", where("id", "eq", on["serviceCallID"]))["items"]
    assert (call["status"], call["isComplete"], call["duration"]) == (1, 0, 1.0)
    assert call["companyID"] == record(stranger)["companyID"]
    [who] = asked(stranger, "ServiceCallTicketResources", where("serviceCallTicketID", "eq", on["id"]))["items"]
    assert f"call-{who['id']}" == receipt.remote_id


@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_a_booking_that_was_cut_short_is_gone_on_with(
    psa: Sandbox, at: Autotask, stranger: httpx.Client, nth: int
) -> None:
    """A service call takes three requests; the PSA carries out the nth, and we hear nothing of it."""
    wish = booking(psa)
    psa.faults(f"cut_after=@{nth}")
    with pytest.raises(NotReady) as lost:
        await at.apply(ref(1001), wish, "")
    psa.faults()
    assert lost.value.maybe_done
    if await at.find(ref(1001), wish, "") is None:
        assert nth < 3
        await at.apply(ref(1001), wish, "")
    [seen] = await at.appointments(wish.starts, wish.ends, ref(1001))
    assert seen.person == "idahl"
    assert len(asked(stranger, "ServiceCalls", where("creatorResourceID", "eq", 29_689_901))["items"]) == 1


async def test_a_call_that_is_refused_half_way_is_taken_back(
    psa: Sandbox, at: Autotask, stranger: httpx.Client
) -> None:
    psa.switch(call_needs_assignment=True)
    with pytest.raises(Rejected, match="must be assigned to the ticket"):
        await at.apply(ref(1001), booking(psa, "mruiz"), "")
    assert asked(stranger, "ServiceCalls", where("creatorResourceID", "eq", 29_689_901))["items"] == []
    await at.apply(ref(1001), booking(psa, "idahl"), "")


async def test_nobody_who_has_left_is_booked(psa: Sandbox, at: Autotask) -> None:
    psa.record("leaver", by="mruiz")
    with pytest.raises(Rejected, match="there is no technician 'mruiz'"):
        await at.apply(ref(1001), booking(psa, "mruiz"), "")


# Links


async def test_a_link_makes_an_incident_of_a_problem(psa: Sandbox, at: Autotask, stranger: httpx.Client) -> None:
    psa.switch(links="problem")
    wish = LinkTo(parent="1002", because="a test")
    with pytest.raises(Rejected, match="Only an Incident can be associated with a Problem"):
        await at.apply(ref(1001), wish, "")
    for number, kind in ((1001, 2), (1002, 3)):
        edit(stranger, number, ticketType=kind)
    assert (await at.apply(ref(1001), wish, "")).value == "1002"


@pytest.mark.parametrize("parent", ["1001", "T20260101.0001", ""])
async def test_a_ticket_has_no_odd_parent(psa: Sandbox, at: Autotask, parent: str) -> None:
    with pytest.raises(Rejected, match="is no other ticket"):
        await at.apply(ref(1001), LinkTo(parent=parent, because="a test"), "")
    assert not [row for row in psa.log() if row["method"] == "PATCH"]


# What shows late


async def test_a_field_that_shows_late_is_looked_at_again(psa: Sandbox, at: Autotask) -> None:
    psa.switch(edit_lag=5)
    wish = ChangeField(field=Field.PRIORITY, to="High", was="Medium", because="a test")
    assert (await at.apply(ref(1001), wish, "")).value == "High"
    assert (await at.apply(ref(1001), LinkTo(parent="1002", because="a test"), "")).value == "1002"


async def test_a_resolution_that_shows_late_is_looked_at_again(psa: Sandbox, at: Autotask) -> None:
    psa.switch(edit_lag=5)
    for wish in (resolving(new_marker()), resolving(new_marker())):
        await at.apply(ref(1001), wish, "")
    said = [one.remote_id for one in (await at.pull(ref(1001))).messages if one.remote_id.startswith("resolution-")]
    assert len(said) == 2


async def test_a_field_that_never_shows_is_refused(psa: Sandbox, at: Autotask) -> None:
    psa.switch(edit_lag=60)
    wish = ChangeField(field=Field.PRIORITY, to="High", was="Medium", because="a test")
    with pytest.raises(Rejected, match="priority is 'Medium'"):
        await at.apply(ref(1001), wish, "")


# What the customer sees


async def test_a_public_note_has_the_vendors_value(psa: Sandbox, at: Autotask) -> None:
    marker = new_marker()
    wish = AddNote(body=signed("We ordered the part.", "reply", marker), place="discussion", because="a test")
    await at.apply(ref(1001), wish, marker)
    assert psa.notes(1001)[-1]["publish"] == 1
    assert psa.mailbox() == []


def resolving(marker: str) -> AddNote:
    body = signed("Cause: a worn roll.\nResolution: replaced.", "summarize", marker)
    return AddNote(body=body, place="resolution", purpose="resolution", because="a test")


async def test_a_resolution_is_added_below_a_humans(psa: Sandbox, at: Autotask, human: httpx.Client) -> None:
    edit(human, resolution="New roll.")
    [theirs] = [one for one in (await at.pull(ref(1001))).messages if one.remote_id == "resolution"]
    assert (theirs.text, theirs.by, theirs.internal) == ("New roll.", ActorClass.TECHNICIAN, False)
    marker = new_marker()
    wish = resolving(marker)
    receipt = await at.apply(ref(1001), wish, marker)
    assert receipt.remote_id == f"resolution-{marker}"
    kept = record(human)["resolution"]
    assert kept == f"New roll.\n\n{wish.body}"
    said = [one.remote_id for one in (await at.pull(ref(1001))).messages if one.remote_id.startswith("resolution")]
    assert said == ["resolution", receipt.remote_id]


async def test_a_resolution_of_ours_is_withdrawn_until_a_human_writes_on(
    psa: Sandbox, at: Autotask, human: httpx.Client
) -> None:
    marker = new_marker()
    wish = resolving(marker)
    receipt = await at.apply(ref(1001), wish, marker)
    gone = signed("Withdrawn.", "summarize", marker)
    withdrawal = EditNote(note_id=receipt.remote_id, body=gone, was=wish.body, because="a test")
    assert await at.find(ref(1001), withdrawal, marker) is None
    assert await at.apply(ref(1001), withdrawal, marker) == receipt
    assert await at.find(ref(1001), withdrawal, marker) == receipt
    edit(human, resolution=f"{gone}\nand I add this")
    assert await at.find(ref(1001), wish, marker) == receipt, "it was written, whoever writes on"
    said = [one.remote_id for one in (await at.pull(ref(1001))).messages if one.remote_id.startswith("resolution")]
    assert said == ["resolution"]
    with pytest.raises(Rejected, match="our words do not stand there any more"):
        await at.apply(ref(1001), withdrawal.model_copy(update={"was": gone, "body": wish.body}), marker)


async def test_a_resolution_that_would_not_fit_is_refused(psa: Sandbox, at: Autotask, human: httpx.Client) -> None:
    edit(human, resolution="x" * 31_990)
    with pytest.raises(Rejected, match="Autotask takes 32000"):
        await at.apply(ref(1001), resolving(new_marker()), "")


async def test_each_resolution_of_ours_is_a_part_of_its_own(psa: Sandbox, at: Autotask, human: httpx.Client) -> None:
    edit(human, resolution="New roll.\n\nAnd a new cable.")
    wishes = [resolving(new_marker()) for _ in range(2)]
    made = [await at.apply(ref(1001), wish, "") for wish in wishes]
    gone = signed("Withdrawn.\n\nNothing is left.", "summarize", made[0].remote_id.partition("-")[2])
    edited = EditNote(note_id=made[0].remote_id, body=gone, was=wishes[0].body, because="a test")
    await at.apply(ref(1001), edited, "")
    said = {one.remote_id: one.text for one in (await at.pull(ref(1001))).messages if "resolution" in one.remote_id}
    assert said["resolution"] == "New roll.\n\nAnd a new cable."
    assert said[made[0].remote_id].startswith("Withdrawn.\nNothing is left.")
    assert said[made[1].remote_id] == wishes[1].body

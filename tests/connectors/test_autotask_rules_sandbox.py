"""What the Autotask sandbox does by itself: rules, mails, the SLA's clock, and what it refuses; a stranger looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.connectors.autotask_desk import asked, client, edit, human, logged_in, record, stranger, where

__all__ = ["human", "stranger"]

API = 29_689_901
NOTE = {"title": "Checked", "description": "The cable is fine.", "noteType": 3, "publish": 2}
DUE, RESPONSE = "firstResponseDueDateTime", "firstResponseDateTime"
PAUSED = "serviceLevelAgreementPausedNextEventHours"


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
        sandbox.speed(20)
        yield sandbox


@pytest.fixture
def psa(house: Sandbox) -> Iterator[Sandbox]:
    before = {name: told["value"] for name, told in house.switches().items()}
    yield house
    house.switch(**before)


@pytest.fixture
def ticket(psa: Sandbox) -> int:
    return psa.inject({"title": "Tray 2", "company": "Harbor Lane Accounting", "contact": "Theo Marsh"})


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 500
    return str(answer.json()["errors"][0])


def entry(psa: Sandbox, ticket: int, **more: Any) -> dict[str, Any]:
    ends = psa.now()
    times = {"startDateTime": (ends - timedelta(minutes=6)).isoformat(), "endDateTime": ends.isoformat()}
    told = {"resourceID": API, "roleID": 29_682_801, "ticketID": ticket, "summaryNotes": "Work", "hoursWorked": 0.1}
    return {**told, "dateWorked": ends.isoformat(), **times, **more}


# Time


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"roleID": None}, "must have a roleID"),
        ({"roleID": 29_682_802}, "no row at position 0"),
        ({"endDateTime": None}, "require a start and stop time"),
        ({"summaryNotes": ""}, "Missing Required Field: summaryNotes"),
        ({"resourceID": 29_682_901}, "Proxy time entry is not enabled"),
        ({"ticketID": 99_999_999}, "ticketID does not exist"),
        ({"billingCodeID": 99}, "billingCodeID does not exist"),
        ({"hoursWorked": 25}, "no more than 24"),
        ({"hoursWorked": "long"}, "System.Double"),
    ],
)
def test_time_that_does_not_fit_is_refused(
    psa: Sandbox, stranger: httpx.Client, ticket: int, fields: dict[str, Any], says: str
) -> None:
    assert says in refusal(stranger.post("/TimeEntries", json=entry(psa, ticket, **fields)))


def test_what_is_billed_of_time_is_the_servers_matter(psa: Sandbox, stranger: httpx.Client, ticket: int) -> None:
    for not_billable, billed in ((False, 0.1), (True, 0.0)):
        body = entry(psa, ticket, isNonBillable=not_billable, hoursToBill=9)
        made = stranger.post("/TimeEntries", json=body).json()["itemId"]
        assert stranger.get(f"/TimeEntries/{made}").json()["item"]["hoursToBill"] == billed
    stranger.delete(f"/TimeEntries/{made}").raise_for_status()
    psa.switch(sees_non_billable=False)
    assert all(not row["isNonBillable"] for row in asked(stranger, "TimeEntries")["items"])


# Service calls


def test_a_service_call_is_made_in_three_steps_and_goes_whole(
    psa: Sandbox, stranger: httpx.Client, ticket: int
) -> None:
    company, starts = record(stranger, ticket)["companyID"], psa.now() + timedelta(days=1)
    times = {"startDateTime": starts.isoformat(), "endDateTime": (starts + timedelta(hours=1)).isoformat()}
    call = stranger.post("/ServiceCalls", json={"companyID": company, **times}).json()["itemId"]
    on = stranger.post(f"/ServiceCalls/{call}/Tickets", json={"ticketID": ticket}).json()["itemId"]
    assert "already" in refusal(stranger.post(f"/ServiceCalls/{call}/Tickets", json={"ticketID": ticket}))
    stranger.post(f"/ServiceCallTickets/{on}/Resources", json={"resourceID": 29_682_901}).raise_for_status()
    again = stranger.post(f"/ServiceCallTickets/{on}/Resources", json={"resourceID": 29_682_901})
    assert "already assigned" in refusal(again)
    other = next(row["id"] for row in asked(stranger, "Tickets")["items"] if row["companyID"] != company)
    assert "company of the service call" in refusal(
        stranger.post(f"/ServiceCalls/{call}/Tickets", json={"ticketID": other})
    )
    stranger.delete(f"/ServiceCalls/{call}").raise_for_status()
    assert asked(stranger, "ServiceCallTickets", where("serviceCallID", "eq", call))["items"] == []
    assert asked(stranger, "ServiceCallTicketResources", where("serviceCallTicketID", "eq", on))["items"] == []


# Completing


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"complete_wants_resolution": True}, "Missing Required Field: resolution"),
        ({"complete_with_open_checklist": False}, "important checklist items"),
    ],
)
def test_completing_may_be_refused(
    psa: Sandbox, stranger: httpx.Client, ticket: int, switches: dict[str, object], says: str
) -> None:
    psa.record("task", ticket=ticket, text="Return the old roll")
    psa.switch(**switches)
    assert says in refusal(stranger.patch("/Tickets", json={"id": ticket, "status": 5}))


def test_what_is_complete_may_be_locked(psa: Sandbox, stranger: httpx.Client, ticket: int) -> None:
    edit(stranger, ticket, status=5)
    assert record(stranger, ticket)["serviceLevelAgreementHasBeenMet"] is True
    psa.switch(complete_locks=True)
    assert "no longer be edited" in refusal(stranger.patch("/Tickets", json={"id": ticket, "title": "b"}))
    edit(stranger, ticket, status=1)


# The SLA's clock


def test_waiting_stops_the_clock_and_moves_its_targets(psa: Sandbox, stranger: httpx.Client, ticket: int) -> None:
    psa.switch(sla_waits=True)
    before = record(stranger, ticket)
    edit(stranger, ticket, status=7)
    assert 3.9 < record(stranger, ticket)[PAUSED] <= 4.0
    psa.advance("2h")
    edit(stranger, ticket, status=8)
    after = record(stranger, ticket)
    assert after[PAUSED] is None
    assert after[DUE] > before[DUE]
    assert after["resolvedDueDateTime"] > before["resolvedDueDateTime"]


def test_a_priority_may_give_new_targets(psa: Sandbox, stranger: httpx.Client, ticket: int) -> None:
    psa.advance("1h")
    before = record(stranger, ticket)[DUE]
    edit(stranger, ticket, priority=1)
    assert record(stranger, ticket)[DUE] == before
    psa.switch(sla_restart_on_priority=True)
    edit(stranger, ticket, priority=3)
    assert record(stranger, ticket)[DUE] > before


def test_who_answers_a_customer_meets_the_first_response(
    psa: Sandbox, stranger: httpx.Client, human: httpx.Client, ticket: int
) -> None:
    path = f"/Tickets/{ticket}/Notes"
    stranger.post(path, json={**NOTE, "publish": 1}).raise_for_status()
    assert record(stranger, ticket)[RESPONSE] is None, "a program has answered nobody"
    human.post(path, json=NOTE).raise_for_status()
    assert record(stranger, ticket)[RESPONSE] is None
    human.post(path, json={**NOTE, "publish": 1}).raise_for_status()
    assert record(stranger, ticket)[RESPONSE] is not None


# Rules and mails


def test_a_mail_of_a_rule_is_told_in_the_history_of_notifications(
    psa: Sandbox, stranger: httpx.Client, ticket: int
) -> None:
    psa.switch(rule_mails_notes="public")
    path = f"/Tickets/{ticket}/Notes"
    stranger.post(path, json=NOTE).raise_for_status()
    stranger.post(path, json={**NOTE, "publish": 1}).raise_for_status()
    [told] = asked(stranger, "NotificationHistory", where("ticketID", "eq", ticket))["items"]
    assert (told["templateName"], told["initiatingResourceID"]) == ("Customer: Ticket Note Added", API)
    assert told["recipientEmailAddress"] == psa.mailbox()[-1]["to"]
    psa.switch(mails_in_history=False)
    stranger.post(path, json={**NOTE, "publish": 1}).raise_for_status()
    assert len(asked(stranger, "NotificationHistory", where("ticketID", "eq", ticket))["items"]) == 1


@pytest.mark.parametrize("switch", ["rule_mails_time", "rule_mails_calls"])
def test_rules_mail_about_work_too(psa: Sandbox, stranger: httpx.Client, ticket: int, switch: str) -> None:
    psa.switch(**{switch: True})
    before = len(psa.mailbox())
    stranger.post("/TimeEntries", json=entry(psa, ticket)).raise_for_status()
    company, starts = record(stranger, ticket)["companyID"], psa.now() + timedelta(days=1)
    times = {"startDateTime": starts.isoformat(), "endDateTime": (starts + timedelta(hours=1)).isoformat()}
    call = stranger.post("/ServiceCalls", json={"companyID": company, **times}).json()["itemId"]
    on = stranger.post(f"/ServiceCalls/{call}/Tickets", json={"ticketID": ticket}).json()["itemId"]
    stranger.post(f"/ServiceCallTickets/{on}/Resources", json={"resourceID": 29_682_901}).raise_for_status()
    assert len(psa.mailbox()) == before + 1


def test_rules_may_concern_programs_only(
    psa: Sandbox, human: httpx.Client, stranger: httpx.Client, ticket: int
) -> None:
    psa.switch(rules_on="api", rule_note_sets_status=True)
    before = record(stranger, ticket)["status"]
    human.post(f"/Tickets/{ticket}/Notes", json=NOTE).raise_for_status()
    assert record(stranger, ticket)["status"] == before
    stranger.post(f"/Tickets/{ticket}/Notes", json=NOTE).raise_for_status()
    assert record(stranger, ticket)["status"] != before


def test_what_is_planted_follows_a_programs_writes_only(
    psa: Sandbox, human: httpx.Client, stranger: httpx.Client, ticket: int
) -> None:
    psa.switch(planted_charge=True)
    human.post(f"/Tickets/{ticket}/Notes", json=NOTE).raise_for_status()
    assert asked(stranger, "TicketCharges", where("ticketID", "eq", ticket))["items"] == []
    stranger.post(f"/Tickets/{ticket}/Notes", json=NOTE).raise_for_status()
    assert len(asked(stranger, "TicketCharges", where("ticketID", "eq", ticket))["items"]) == 1


# Questions and limits


def test_one_question_speaks_of_one_user_defined_field(psa: Sandbox, stranger: httpx.Client) -> None:
    two = [{"op": "eq", "field": name, "udf": True, "value": "x"} for name in ("A", "B")]
    assert "one user-defined field" in refusal(stranger.post("/Tickets/query", json={"filter": two}))
    assert asked(stranger, "Tickets", two[0])["items"] == []
    psa.switch(one_udf_per_query=False)
    assert asked(stranger, "Tickets", *two)["items"] == []


def test_few_addresses_of_next_pages_are_remembered(psa: Sandbox, stranger: httpx.Client) -> None:
    psa.switch(kept_pages=1)
    first, second = (asked(stranger, "Tickets", maxRecords=2)["pageDetails"]["nextPageUrl"] for _ in range(2))
    body = {"filter": [where("id", "gte", 0)], "maxRecords": 2}
    assert "expired" in refusal(stranger.post(first, json=body))
    assert len(stranger.post(second, json=body).json()["items"]) == 2


@pytest.mark.parametrize(("family", "statuses"), [("entity", {200}), ("root", {200, 429})])
async def test_threads_are_counted_by_entity_or_by_path(
    psa: Sandbox, ticket: int, family: str, statuses: set[int]
) -> None:
    psa.switch(thread_family=family, refusal_body="text")
    psa.faults("slow=1")
    async with logged_in(psa.url) as many:
        asks = [many.get(f"/Tickets/{ticket}") for _ in range(3)] + [many.get(f"/Tickets/{ticket}/Notes")]
        answers = await asyncio.gather(*asks)
    psa.faults()
    assert {one.status_code for one in answers} == statuses
    assert all("thread threshold" in one.text for one in answers if one.status_code == 429)


async def test_callouts_of_an_hour_may_end(psa: Sandbox) -> None:
    async with listening() as listener:
        body = {"name": "x", "webhookUrl": listener.url, "deactivationUrl": listener.url, "secretKey": "k"}
        wants = {"isActive": True, "isSubscribedToCreateEvents": True}
        async with logged_in(psa.url) as one:
            (await one.post("/TicketWebhooks", json={**body, **wants})).raise_for_status()
        psa.switch(callouts_per_hour=1)
        psa.inject({"title": "The first"})
        await listener.next()
        psa.inject({"title": "The second"})
        psa.advance("61m")
        third = psa.inject({"title": "The third"})
        assert str(third).encode() in (await listener.next()).body
        with client(psa.url) as stranger:
            for row in asked(stranger, "TicketWebhooks")["items"]:
                stranger.delete(f"/TicketWebhooks/{row['id']}")

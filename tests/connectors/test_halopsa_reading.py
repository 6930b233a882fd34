"""How few requests the HaloPSA connector reads with, who it believes, and what it says of a desk's setup."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from psa_copilot import Field, Forged, NotFound, NotReady, Rejected
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.halopsa import HaloPsa
from tests.connectors.halopsa_desk import api, change, connected, halo, psa, ref, write

__all__ = ["api", "halo", "psa"]


def requests(psa: Sandbox, since: int) -> list[str]:
    return [f"{row['method']} {row['path'].removeprefix('/api')}" for row in psa.log()[since:]]


# Few requests


async def test_a_ticket_is_read_whole_with_two_requests_wherever_its_opening_stands(
    psa: Sandbox, halo: HaloPsa
) -> None:
    psa.switch(opened_tells_details=False)
    number = psa.inject({"title": "Till", "description": "It prints nothing."})
    await halo.directory()
    asked = len(psa.log())
    pulled = await halo.pull(ref(number))
    assert [one.text for one in pulled.messages] == ["It prints nothing."]
    assert requests(psa, asked) == [f"GET /Tickets/{number}", "GET /Actions"]
    asked = len(psa.log())
    assert (await halo.messages(pulled.ticket)).messages == pulled.messages
    assert requests(psa, asked) == ["GET /Actions"]


async def test_a_label_that_is_not_there_is_looked_up_once_and_not_again_at_once(psa: Sandbox, halo: HaloPsa) -> None:
    wish = change(Field.STATUS, "No such thing")
    with pytest.raises(Rejected):
        await halo.apply(ref(1001), wish, "")
    asked = len(psa.log())
    for _ in range(5):
        with pytest.raises(Rejected):
            await halo.apply(ref(1001), wish, "")
    assert len(psa.log()) == asked


async def test_a_check_takes_less_than_half_a_minutes_requests(psa: Sandbox, halo: HaloPsa) -> None:
    await halo.check()
    assert len(psa.log()) < HaloPsa.Settings.model_fields["rate"].default / 2


# Lists without paging, of which only a part may come


@pytest.mark.parametrize("how", ["all", "counted", "cut"])
async def test_a_long_ticket_is_read_from_its_first_message_on(psa: Sandbox, halo: HaloPsa, how: str) -> None:
    psa.switch(per_5_minutes=0, whole_lists=how)
    said = [{"role": "customer", "text": f"Message {number}"} for number in range(70)]
    number = psa.inject({"title": "Till", "messages": said})
    messages = (await halo.pull(ref(number))).messages
    assert {one.text for one in messages} == {one["text"] for one in said}


@pytest.mark.parametrize("how", ["counted", "cut"])
async def test_everybody_is_known_where_a_list_has_to_be_read_by_pages(psa: Sandbox, halo: HaloPsa, how: str) -> None:
    psa.switch(per_5_minutes=0, whole_lists=how)
    names = {f"Agent {number}" for number in range(130)}
    for name in names:
        psa.inject({"title": "Till", "assignee": name})
    assert names <= {one.identifier for one in (await halo.directory()).technicians}


async def test_a_part_of_a_list_does_not_pass_for_all_of_it(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(per_5_minutes=0, whole_lists="counted", repeats_first_page=True)
    for number in range(130):
        psa.inject({"title": "Till", "assignee": f"Agent {number}"})
    with pytest.raises(NotReady, match=r"the PSA shows 100 of 1\d\d and not the rest"):
        await halo.directory()


# What is gone, and who we are


@pytest.mark.parametrize("told", ["gone", "told"])
async def test_a_deleted_ticket_is_not_found(psa: Sandbox, halo: HaloPsa, told: str) -> None:
    psa.switch(deleted_tickets=told)
    number = psa.inject({"title": "Till"})
    psa.record("deleted", ticket=number)
    with pytest.raises(NotFound):
        await halo.ticket(ref(number))
    assert str(number) not in [one async for page in halo.ids() for one in page]


async def test_a_shared_server_is_told_the_tenant(psa: Sandbox) -> None:
    psa.switch(tenant="acme")
    async with connected(psa, tenant="acme") as halo:
        await halo.known_good()
    [row] = [row for row in psa.log() if row["path"] == "/auth/token"]
    assert row["query"] == "tenant=acme"
    async with connected(psa, tenant="acne") as halo:
        with pytest.raises(NotReady, match=r"connections\.main\.url, connections\.main\.auth_url.*tenant"):
            await halo.known_good()


# Webhooks

PROOFS: list[tuple[str, dict[str, object]]] = [
    ("signature", {}),
    ("signature", {"webhook_digest": "hex"}),
    ("signature", {"webhook_type_3": "key"}),
    ("signature", {"webhook_batch": True, "webhook_action": False, "webhook_event": False}),
    ("basic", {}),
    ("bearer", {}),
]


@pytest.mark.parametrize(("how", "switches"), PROOFS)
async def test_a_webhook_proves_itself_as_the_connection_says(
    psa: Sandbox, how: str, switches: dict[str, object]
) -> None:
    psa.switch(**switches)
    async with connected(psa, webhook_auth=how) as halo, listening() as listener:
        await halo.register_webhooks(listener.url)
        number = psa.inject({"title": "Till"})
        genuine = await listener.next()
        [hint] = await halo.read_webhook(genuine)
        assert hint.remote_id == str(number)
        for headers in ({}, dict.fromkeys(genuine.headers, "x"), {"token": ""}, {"authorization": "Basic Og=="}):
            with pytest.raises(Forged):
                await halo.read_webhook(type(genuine)(headers, genuine.query, genuine.body))


async def test_a_webhook_that_gave_up_is_told_of_and_woken(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(webhook_gives_up=True)
    async with listening() as listener:
        url = listener.url
        await halo.register_webhooks(url)
    async with asyncio.timeout(20):
        while len(psa.callbacks()) < 3:
            psa.inject({"title": "Till"})
            await asyncio.to_thread(psa.now)  # the postman needs a moment
    psa.inject({"title": "Till"})
    told = {one.about: one.says for one in await halo.check()}
    assert f"asleep: {url}" in told["our webhooks"]
    await halo.register_webhooks(url)
    assert "our webhooks" not in {one.about for one in await halo.check()}


@pytest.mark.parametrize(
    ("switches", "is_told"),
    [
        ({"since_reads": "lastactiondate", "order": "ignored"}, True),
        ({"since_reads": "lastactiondate"}, False),
        ({"order": "ignored"}, False),
    ],
)
async def test_changes_that_no_walk_can_see_are_told_of(
    psa: Sandbox, halo: HaloPsa, api: httpx.Client, switches: dict[str, object], is_told: bool
) -> None:
    psa.switch(per_5_minutes=0, **switches)
    psa.advance("30m")
    write(api, "/Tickets", id=1001, status_id=3).raise_for_status()
    told = [one.says for one in await halo.check() if one.about == "changes"]
    assert ["withholds what changed without an action" in says for says in told] == [True] * is_told


# What the desk does by itself


async def test_a_quiet_desk_has_little_to_say(halo: HaloPsa) -> None:
    told = {one.about: one.says for one in await halo.check() if one.level == "warning"}
    assert told == {"statuses": "Waiting customer moves the SLA (H); Waiting vendor moves the SLA (H)"}


async def test_what_would_go_off_when_we_write_is_named(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(type_sets_status=True, type_charges=True, rule_mails_action=True, status_mails=True)
    told = {one.about: one.says for one in await halo.check() if one.level == "warning"}
    says = "sets status In Progress when an agent acts; charges all time at rate 1"
    assert told["ticket type Incident"].startswith(says)
    assert "A rule mails the user about each action" in told["ticket rules"]
    assert "Resolved mails" in told["statuses"]


async def test_rules_that_may_not_be_read_are_left_to_the_canary(psa: Sandbox, halo: HaloPsa) -> None:
    psa.switch(rules_right=False)
    [told] = [one for one in await halo.check() if one.level == "warning" and one.about == "ticket rules"]
    assert "only the canary shows" in told.says


@pytest.mark.parametrize("switch", ["rule_mails_action", "status_mails", "type_sets_status", "outcome_holds_sla"])
async def test_a_fingerprint_changes_with_what_a_write_sets_off(psa: Sandbox, halo: HaloPsa, switch: str) -> None:
    before = await halo.fingerprint()
    psa.switch(**{switch: True})
    assert await halo.fingerprint() != before


async def test_our_own_webhooks_change_no_fingerprint(psa: Sandbox, halo: HaloPsa) -> None:
    before = await halo.fingerprint()
    async with listening() as listener:
        await halo.register_webhooks(listener.url)
    assert await halo.fingerprint() == before

"""The ConnectWise connector against its sandbox, where ConnectWise has ways of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from psa_copilot import (
    ActorClass,
    AddNote,
    AuthFailed,
    ChangeField,
    Delivery,
    EditNote,
    EventKind,
    Field,
    Forged,
    MessageKind,
    NotFound,
    NotReady,
    Rejected,
    Source,
)
from psa_copilot.http import Http
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.site import locked_out
from tests.connectors.connectwise_desk import API, LONG_AGO, asked, connected, logged_in, ref

# Where the API is


async def test_the_codebase_is_found_once(psa: Sandbox, cw: ConnectWise) -> None:
    await cw.known_good()
    await cw.known_good()
    assert [row["path"] for row in psa.log()] == [
        "/login/companyinfo/sandbox",
        "/v2026_1/apis/3.0/system/info",
        "/v2026_1/apis/3.0/system/info",
    ]


async def test_a_moved_codebase_is_found_again_at_once_for_reads_and_writes(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2"})
    await cw.ticket(ref(number))
    psa.switch(codebase="v2026_2/")
    assert (await cw.ticket(ref(number))).title == "Tray 2"
    psa.advance("2m")
    cw.http.clock.set(psa.now(), 20)
    psa.switch(codebase="v2026_3/")
    note = AddNote(body=signed("Recap", "summarize", "k7f3q5m2p4"), because="a test")
    await cw.apply(ref(number), note, "k7f3q5m2p4")
    assert len(psa.notes(number)) == 1


async def test_a_ticket_that_is_gone_does_not_send_us_looking_each_time(psa: Sandbox, cw: ConnectWise) -> None:
    for _ in range(5):
        with pytest.raises(NotFound):
            await cw.ticket(ref(99_999))
    assert asked(psa).count("GET /login/companyinfo/sandbox") == 2  # at the start, and at the first 404
    cw.http.clock.set(psa.now() + timedelta(minutes=2), 20)
    with pytest.raises(NotFound):
        await cw.ticket(ref(99_999))
    assert asked(psa).count("GET /login/companyinfo/sandbox") == 3


async def test_an_unknown_company_names_its_key(psa: Sandbox, http: Http) -> None:
    with pytest.raises(AuthFailed, match=r"no such company; check connections\.main\.company"):
        await connected(psa, http, company="fabrikam").known_good()


async def test_wrong_keys_are_named_and_not_shown(psa: Sandbox, http: Http) -> None:
    with pytest.raises(AuthFailed, match=r"401.*connections\.main\.private_key") as failed:
        await connected(psa, http, private_key="a-wrong-private-key").known_good()
    assert "a-wrong-private-key" not in str(failed.value)


def test_a_missing_client_id_is_a_matter_of_credentials() -> None:
    assert locked_out(403, "ClientIdRequired: A clientId header is required.")
    assert locked_out(401, "")
    assert not locked_out(403, "Forbidden: You do not have permission to inquire members.")


async def test_a_rotated_key_on_the_cloud_is_not_a_missing_ticket(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2"})
    await cw.ticket(ref(number))
    psa.switch(keys_rotated=True, bad_credentials_status="404")
    with pytest.raises(NotFound):
        await cw.ticket(ref(number))
    with pytest.raises(AuthFailed, match="also answers to bad keys"):
        await cw.known_good()
    psa.switch(keys_rotated=False)
    await cw.known_good()
    assert (await cw.ticket(ref(number))).title == "Tray 2"


# Reading


async def test_a_quiet_poll_is_one_request(psa: Sandbox, cw: ConnectWise) -> None:
    cursor = [page.cursor async for page in cw.changes(LONG_AGO)][-1]
    before = len(psa.log())
    again = [ticket async for page in cw.changes(cursor) for ticket in page.tickets]
    assert len(again) == 1  # the one of that second, on purpose
    assert len(psa.log()) == before + 1


async def test_pages_that_shift_lose_nothing(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psa_copilot_connectors.connectwise.tickets.PAGE", 3)
    seen: dict[str, str] = {}
    saved: list[str] = []
    async for page in cw.changes(LONG_AGO):
        seen |= {ticket.ref.remote_id: ticket.title for ticket in page.tickets}
        if len(saved) < 4:  # a ticket that was on this page goes to the end of the line, and all others move up
            saved.append(page.tickets[0].ref.remote_id)
            change = [{"op": "replace", "path": "summary", "value": f"saved again {len(saved)}"}]
            assert (await human.patch(f"/service/tickets/{saved[-1]}", json=change)).status_code == 200
    assert len(seen) == psa.counts()["tickets"]
    assert [seen[number] for number in saved] == [f"saved again {n}" for n in (1, 2, 3, 4)]


async def test_a_change_tells_who_made_it(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New"})
    before = (await cw.ticket(ref(number))).priority
    priority = {"op": "replace", "path": "priority", "value": {"name": "Priority 1 - Critical"}}
    assert (await human.patch(f"/service/tickets/{number}", json=[priority])).status_code == 200
    assert (await cw.ticket(ref(number))).updated_by == "idahl"
    [event] = [event for event in await cw.history(ref(number)) if event.field is Field.PRIORITY]
    assert (event.before, event.after, event.actor) == (before, "Priority 1 - Critical", "idahl")
    assert (event.kind, event.source) == (EventKind.FIELD_CHANGED, Source.HISTORY)


async def test_history_keeps_a_title_with_quotes_whole(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    number = psa.inject({"title": 'Says "no" to us'})
    title = {"op": "replace", "path": "summary", "value": 'From "a" to "b"'}
    assert (await human.patch(f"/service/tickets/{number}", json=[title])).status_code == 200
    [event] = [event for event in await cw.history(ref(number)) if event.field is Field.TITLE]
    assert event.after == 'From "a" to "b"'


async def test_messages_take_one_read(psa: Sandbox, cw: ConnectWise) -> None:
    await cw.directory()
    pages = [page async for page in cw.changes(LONG_AGO)]
    before = len(psa.log())
    pulled = [await cw.messages(ticket) for page in pages for ticket in page.tickets]
    assert len(psa.log()) - before == len(pulled) == psa.counts()["tickets"]
    kinds = [message.kind for one in pulled for message in one.messages]
    assert kinds.count(MessageKind.TIME_ENTRY) == psa.counts()["time_entries"]
    assert kinds.count(MessageKind.NOTE) == psa.counts()["notes"]


async def test_an_old_server_is_read_in_two_and_remembered(psa: Sandbox, http: Http, cw: ConnectWise) -> None:
    tickets = [ticket async for page in cw.changes(LONG_AGO) for ticket in page.tickets]
    new = [await cw.messages(ticket) for ticket in tickets]
    psa.switch(all_notes=False)
    late = connected(psa, http)
    await late.directory()
    old = [await late.messages(ticket) for ticket in tickets]
    said = [[(one.key, one.by, one.internal, one.text) for one in pulled.messages] for pulled in old]
    assert said == [[(one.key, one.by, one.internal, one.text) for one in pulled.messages] for pulled in new]
    before = len(psa.log())
    await late.messages(tickets[0])
    assert [path.rpartition("/")[2] for path in asked(psa, before)] == ["notes", "entries"]


async def test_bad_keys_are_not_mistaken_for_an_old_server(psa: Sandbox, cw: ConnectWise) -> None:
    ticket = await cw.ticket(ref(psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Help"}]})))
    await cw.directory()
    psa.switch(keys_rotated=True, bad_credentials_status="404")
    with pytest.raises(NotFound):
        await cw.messages(ticket)
    psa.switch(keys_rotated=False)
    before = len(psa.log())
    assert len((await cw.messages(ticket)).messages) == 1
    assert [path.rpartition("/")[2] for path in asked(psa, before)] == ["allNotes"]


async def test_another_integration_is_no_technician(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2"})
    note = {"text": "Synced", "internalAnalysisFlag": True}
    async with logged_in(psa, "api2") as other:
        assert (await other.post(f"/service/tickets/{number}/notes", json=note)).status_code == 201
    [message] = (await cw.pull(ref(number))).messages
    assert (message.by, message.author_id) == (ActorClass.INTEGRATION, "api2")


async def test_a_role_without_rights_degrades_and_check_says_so(psa: Sandbox, cw: ConnectWise) -> None:
    psa.switch(members_right=False, audit_right=False, callbacks_right=False)
    directory = await cw.directory()
    assert directory.ourselves == "copilot"
    assert len(directory.technicians) == psa.counts()["members"]
    assert await cw.history(ref(psa.inject({"title": "Tray 2"}))) == []
    warned = {finding.about for finding in await cw.check() if finding.level == "warning"}
    assert {"members", "audit trail", "callbacks"} <= warned
    with pytest.raises(Rejected, match=r"403.*the account's role lacks a right"):
        await cw.register_webhooks("http://127.0.0.1:9/webhooks/main")


async def test_check_knows_a_technicians_keys(psa: Sandbox, http: Http) -> None:
    findings = await connected(psa, http, public_key="human", private_key="human").check()
    [account] = [finding for finding in findings if finding.about == "account"]
    assert account.level == "warning"
    assert "idahl is a person's account" in account.says


async def test_check_names_boards_that_act_by_themselves(psa: Sandbox, cw: ConnectWise) -> None:
    [desk] = [finding for finding in await cw.check() if finding.about == "board Help Desk"]
    assert desk.level == "warning"
    assert "mails contacts" in desk.says
    assert "moves the SLA on status" in desk.says


async def test_dates_without_zone_where_a_server_wants_them(psa: Sandbox, http: Http) -> None:
    psa.switch(datetime_literal="without_zone")
    plain = connected(psa, http, dates_with_zone=False)
    seen = [ticket async for page in plain.changes(LONG_AGO) for ticket in page.tickets]
    assert len(seen) == psa.counts()["tickets"]


async def test_lists_that_are_null_are_lists(psa: Sandbox, cw: ConnectWise) -> None:
    psa.switch(null_lists=True)
    seen = [ticket async for page in cw.changes(LONG_AGO) for ticket in page.tickets]
    assert len([await cw.messages(ticket) for ticket in seen]) == psa.counts()["tickets"]


# Writing


@pytest.mark.parametrize("newlines", ["keep", "spaces"])
async def test_our_note_is_found_even_without_its_newlines(psa: Sandbox, cw: ConnectWise, newlines: str) -> None:
    psa.switch(newlines=newlines)
    number, marker = psa.inject({"title": "Tray 2"}), new_marker()
    wish = AddNote(body=signed("Recap: a\nb", "summarize", marker), because="a test")
    receipt = await cw.apply(ref(number), wish, marker)
    assert await cw.find(ref(number), wish, marker) == receipt
    edit = EditNote(note_id=receipt.remote_id, body=signed("Recap: c\nd", "summarize", marker), because="a test")
    await cw.apply(ref(number), edit, marker)
    assert await cw.find(ref(number), edit, marker) is not None


async def test_an_edit_behind_bad_keys_is_not_refused_for_ever(psa: Sandbox, cw: ConnectWise) -> None:
    number, marker = psa.inject({"title": "Tray 2"}), new_marker()
    wish = AddNote(body=signed("Recap", "summarize", marker), because="a test")
    made = await cw.apply(ref(number), wish, marker)
    psa.switch(keys_rotated=True, bad_credentials_status="404")
    with pytest.raises(NotFound):
        await cw.apply(ref(number), EditNote(note_id=made.remote_id, body=wish.body, because="a test"), marker)


@pytest.mark.parametrize("unassign", ["both", "remove", "null"])
async def test_a_ticket_is_unassigned_in_the_way_the_server_wants(psa: Sandbox, cw: ConnectWise, unassign: str) -> None:
    number = psa.inject({"title": "Tray 2"})
    take = ChangeField(field=Field.ASSIGNEE, to="tokafor", was="", because="a test")
    assert (await cw.apply(ref(number), take, "")).value == "tokafor"
    psa.switch(unassign=unassign)
    give_back = ChangeField(field=Field.ASSIGNEE, to="", was="tokafor", because="a test")
    assert (await cw.apply(ref(number), give_back, "")).value == ""
    assert (await cw.ticket(ref(number))).assignee == ""


async def test_a_ticket_keeps_its_status_when_it_moves(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "Waiting customer"})
    move = ChangeField(field=Field.BOARD, to="Escalations", was="Help Desk", because="a test")
    await cw.apply(ref(number), move, "")
    ticket = await cw.ticket(ref(number))
    assert (ticket.board, ticket.status) == ("Escalations", "Waiting customer")


async def test_each_write_asks_for_no_mail(psa: Sandbox, cw: ConnectWise) -> None:
    number, marker = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New"}), new_marker()
    psa.switch(note_notifications=True)
    await cw.apply(ref(number), AddNote(body=signed("Recap", "summarize", marker), because="a test"), marker)
    await cw.apply(ref(number), ChangeField(field=Field.STATUS, to="Resolved", was="New", because="a test"), "")
    assert psa.mailbox() == []


async def test_a_closed_door_to_the_status_is_seen(psa: Sandbox, cw: ConnectWise) -> None:
    """Somebody renames a status between our look and our write: refused, and not a wrong status."""
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New"})
    wish = ChangeField(field=Field.STATUS, to="Waiting for Godot", was="New", because="a test")
    with pytest.raises(Rejected, match="there is no status 'Waiting for Godot'"):
        await cw.apply(ref(number), wish, "")
    assert "PATCH" not in {row["method"] for row in psa.log()}


# Webhooks


@pytest.fixture
async def genuine(psa: Sandbox, cw: ConnectWise) -> Delivery:
    """A delivery as it came, of which nothing was read yet."""
    async with listening() as listener:
        await cw.register_webhooks(listener.url)
        psa.inject({"title": "Till prints no receipts"})
        return await listener.next()


def with_key_url(delivery: Delivery, url: str) -> Delivery:
    told = json.loads(delivery.body)
    return replace(delivery, body=json.dumps({**told, "Metadata": {"key_url": url}}).encode())


def key_reads(psa: Sandbox) -> int:
    return sum("signingkey" in path for path in asked(psa))


async def test_the_entity_saves_the_read(psa: Sandbox, cw: ConnectWise, genuine: Delivery) -> None:
    [hint] = await cw.read_webhook(genuine)
    assert hint.ticket
    assert hint.ticket == await cw.ticket(ref(hint.remote_id))
    assert genuine.query["recordId"] == hint.remote_id


async def test_the_key_is_fetched_once_and_without_our_keys(psa: Sandbox, cw: ConnectWise, genuine: Delivery) -> None:
    for _ in range(5):
        await cw.read_webhook(genuine)
    assert key_reads(psa) == 1
    [row] = [row for row in psa.log() if "signingkey" in row["path"]]
    assert row["key"] == ""


async def test_a_key_is_kept_for_a_day(psa: Sandbox, cw: ConnectWise, genuine: Delivery) -> None:
    await cw.read_webhook(genuine)
    cw.http.clock.set(psa.now() + timedelta(hours=23), 20)
    await cw.read_webhook(genuine)
    assert key_reads(psa) == 1
    cw.http.clock.set(psa.now() + timedelta(hours=25), 20)
    await cw.read_webhook(genuine)
    assert key_reads(psa) == 2


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://keys.fabrikam.example/key",
        "https://{netloc}/key",
        "http://127.0.0.1:1/key",
        "http://127.0.0.1:port/key",
        "http://{netloc}@keys.fabrikam.example/key",
        "http://127.0.0.1@{netloc}/key",
        "//{netloc}/key",
        "file:///etc/hostname",
        "",
    ],
)
async def test_a_key_elsewhere_is_never_fetched(
    psa: Sandbox, cw: ConnectWise, genuine: Delivery, elsewhere: str
) -> None:
    before = len(psa.log())
    with pytest.raises(Forged):
        await cw.read_webhook(with_key_url(genuine, elsewhere.replace("{netloc}", psa.url.removeprefix("http://"))))
    assert len(psa.log()) == before


async def test_another_path_is_not_fetched_while_a_key_is_fresh(
    psa: Sandbox, cw: ConnectWise, genuine: Delivery
) -> None:
    await cw.read_webhook(genuine)
    before = len(psa.log())
    with pytest.raises(Forged, match="does not use"):
        await cw.read_webhook(with_key_url(genuine, f"{psa.url}{API}/system/info"))
    assert len(psa.log()) == before


async def test_a_storm_of_forgeries_before_the_first_key_costs_one_fetch(
    psa: Sandbox, cw: ConnectWise, genuine: Delivery
) -> None:
    psa.faults("http_500=1")
    with pytest.raises(NotReady):
        await cw.read_webhook(genuine)
    before = len(psa.log())
    for _ in range(20):
        with pytest.raises(NotReady, match="once a minute"):
            await cw.read_webhook(genuine)
    assert len(psa.log()) == before
    psa.faults()
    cw.http.clock.set(psa.now() + timedelta(minutes=2), 20)
    assert await cw.read_webhook(genuine)


async def test_a_deleted_ticket_is_told(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    number = psa.inject({"title": "Till prints no receipts"})
    async with listening() as listener:
        await cw.register_webhooks(listener.url)
        assert (await human.delete(f"/service/tickets/{number}")).status_code == 204
        [hint] = await cw.read_webhook(await listener.next())
    assert (hint.remote_id, hint.deleted, hint.ticket) == (str(number), True, None)


def genuinely(told: dict[str, Any], signing_key: str) -> Delivery:
    body = json.dumps(told).encode()
    digest = hmac.new(hashlib.sha256(signing_key.encode()).digest(), body, hashlib.sha256).digest()
    return Delivery({"X-Content-Signature": base64.b64encode(digest).decode()}, {}, body)


@pytest.mark.parametrize(
    ("changes", "hints"),
    [
        ({}, 1),
        ({"Type": "Ticket"}, 1),
        ({"Type": "company"}, 0),
        ({"Type": None}, 0),
        ({"ID": "7; drop"}, 0),
        ({"Entity": None}, 1),
        ({"Entity": "not JSON"}, 1),
        ({"Entity": "[1]"}, 1),
        ({"Entity": '{"id": 1}'}, 1),
    ],
)
async def test_what_is_signed_is_read_whatever_it_holds(
    human: httpx.AsyncClient, cw: ConnectWise, genuine: Delivery, changes: dict[str, Any], hints: int
) -> None:
    told = json.loads(genuine.body)
    key = (await human.get(told["Metadata"]["key_url"])).json()["signing_key"]
    read = await cw.read_webhook(genuinely({**told, **changes}, key))
    assert [hint.remote_id for hint in read] == [str(told["ID"])] * hints
    assert all((hint.ticket is None) == ("Entity" in changes) for hint in read)


async def test_an_endless_body_is_not_read(cw: ConnectWise, genuine: Delivery) -> None:
    with pytest.raises(Forged, match="far too long"):
        await cw.read_webhook(replace(genuine, body=b" " * 2_000_000))


async def test_a_callback_that_sleeps_is_woken_and_doubles_go(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient
) -> None:
    url = "http://127.0.0.1:9/webhooks/main"
    ours = {"url": f"{url}?recordId=", "type": "Ticket", "level": "Owner", "objectId": 1}
    for more in (
        {"inactiveFlag": True},
        {"inactiveFlag": True},
        {"level": "board"},
        {"url": f"{url}-of-others?recordId="},
    ):
        assert (await human.post("/system/callbacks", json={**ours, **more})).status_code == 201
    await cw.register_webhooks(url)
    left = (await human.get("/system/callbacks")).json()
    assert sorted(row["url"] for row in left) == [f"{url}-of-others?recordId=", f"{url}?recordId="]
    [kept] = [row for row in left if row["url"] == ours["url"]]
    assert (kept["inactiveFlag"], kept["level"]) == (False, "Owner")


async def test_the_cursor_means_the_moment(cw: ConnectWise) -> None:
    assert cw.cursor_at(datetime(2026, 11, 2, 10, 0, 5, 999_999, tzinfo=UTC)) == "2026-11-02T10:00:05Z"

"""What the ConnectWise connector reads beyond tickets and notes: people, calendars, categories, SLAs, what blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from psa_copilot import AppointmentKind, ChangeField, Field, Http, NotFound, Origin
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.sandbox.psa import Answer, Request
from psa_copilot.text.markup import LONGEST
from psa_copilot_connectors.connectwise import ConnectWise, mapping
from psa_copilot_connectors.connectwise.roster import paths
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.connectwise_desk import asked, connected, logged_in, ref

HOUR = timedelta(hours=1)


def replace(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


# People


async def test_contacts_have_their_default_address_and_kind(
    psa: Sandbox, cw: ConnectWise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psa_copilot_connectors.connectwise.site.LONGEST_PAGE", 5)
    pages = [page async for page in cw.contacts()]
    found = {contact.remote_id: contact for page in pages for contact in page}
    assert len(found) == psa.counts()["contacts"]
    assert len(pages) > 2
    assert all("@" in contact.email for contact in found.values())


def test_a_contact_is_told_by_its_default_address_and_its_types() -> None:
    contact = mapping.to_contact(
        {
            "id": 9,
            "firstName": "Anna",
            "lastName": None,
            "company": {"id": 7},
            "inactiveFlag": True,
            "types": [{"id": 1, "name": "End User"}, {"id": 2, "name": "Approver"}],
            "communicationItems": [
                {"communicationType": "Phone", "value": "555", "defaultFlag": True},
                {"communicationType": "Email", "value": "old@contoso.example", "defaultFlag": False},
                {"communicationType": "Email", "value": "anna@contoso.example", "defaultFlag": True},
            ],
        }
    )
    assert (contact.name, contact.email, contact.company_id) == ("Anna", "anna@contoso.example", "7")
    assert (contact.kind, contact.active) == ("End User, Approver", False)
    bare = mapping.to_contact({"id": 1, "firstName": "Bo", "types": None, "communicationItems": None, "company": None})
    assert (bare.email, bare.kind, bare.company_id, bare.active) == ("", "", "", True)


async def test_people_are_in_the_team_that_names_them(cw: ConnectWise, human: httpx.AsyncClient) -> None:
    teams = (await human.get("/service/boards/1/teams")).json()
    people = {int(one.remote_id): one for one in (await cw.directory()).technicians}
    assert teams
    assert all(people[member].team for team in teams for member in team["members"])
    [board] = [one for one in (await cw.directory()).boards if one.name == "Help Desk"]
    assert board.teams == tuple(team["name"] for team in teams)


async def test_a_message_names_the_contact_that_wrote_it(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Help"}]})
    pulled = await cw.pull(ref(number))
    assert pulled.messages[0].contact_id == pulled.ticket.contact_id != ""


# Categories


async def test_a_board_offers_whole_paths_that_go_together(cw: ConnectWise) -> None:
    [board] = [one for one in (await cw.directory()).boards if one.name == "Help Desk"]
    assert {"Hardware", "Hardware / Printer", "Hardware / Printer / Blank pages"} <= set(board.categories)
    assert "Hardware / VPN" not in board.categories


def test_what_is_no_longer_in_use_is_not_offered() -> None:
    def one(number: int, name: str) -> dict[str, Any]:
        return {"id": number, "name": name}

    together: list[dict[str, Any]] = [
        {"type": one(1, "Hardware"), "subType": one(11, "Printer"), "item": one(21, "Jam")},
        {"type": one(1, "Hardware"), "subType": one(12, "Fax"), "item": None},
        {"type": one(2, "Telex"), "subType": one(11, "Printer"), "item": None},
    ]
    offered = paths([one(1, "Hardware"), one(3, "Software")], [one(11, "Printer")], together)
    assert sorted(offered) == ["Hardware", "Hardware / Printer", "Hardware / Printer / Jam", "Software"]
    assert offered["Hardware / Printer / Jam"] == ({"id": 1}, {"id": 11}, {"id": 21})


async def test_a_server_without_associations_still_offers_types_and_subtypes(psa: Sandbox, http: Http) -> None:
    psa.switch(associations=False)
    [board] = [one for one in (await connected(psa, http).directory()).boards if one.name == "Help Desk"]
    assert "Hardware" in board.categories
    assert all(path.count("/") <= 1 for path in board.categories)


# Calendars


async def test_time_off_is_no_work_and_done_is_done(psa: Sandbox, cw: ConnectWise) -> None:
    number, now = psa.inject({"title": "Tray 2"}), psa.now().replace(microsecond=0)
    for line in ({"starts": "+1h"}, {"starts": "+3h", "done": True}):
        psa.record("appointment", ticket=number, by="tokafor", **line)
    psa.record("time_off", by="mruiz", starts="+1h", ends="+9h")
    seen = await cw.appointments(now, now + 10 * HOUR)
    mine = [one for one in seen if one.ticket == str(number)]
    assert [(one.kind, one.person, one.done) for one in mine] == [
        (AppointmentKind.TICKET, "tokafor", False),
        (AppointmentKind.TICKET, "tokafor", True),
    ]
    [away] = [one for one in seen if one.kind is AppointmentKind.TIME_OFF]
    assert (away.person, away.ticket) == ("mruiz", "")
    assert {one.remote_id for one in await cw.appointments(now, now + 10 * HOUR, ref(number))} == {
        one.remote_id for one in mine
    }


async def test_a_desk_has_its_own_word_for_time_off(psa: Sandbox, http: Http) -> None:
    psa.record("time_off", by="mruiz", starts="+1h", ends="+9h")
    plain = connected(psa, http, time_off=["Gone fishing"])
    [entry] = await plain.appointments(psa.now(), psa.now() + 10 * HOUR)
    assert entry.kind is AppointmentKind.OTHER


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"id": 4}, AppointmentKind.TICKET),
        ({"id": 77, "identifier": "S"}, AppointmentKind.TICKET),
        ({"id": 8, "identifier": "V"}, AppointmentKind.TIME_OFF),  # by the name in the list of types
        ({"id": 9, "identifier": "PTO"}, AppointmentKind.TIME_OFF),
        ({"id": 9, "identifier": "M"}, AppointmentKind.OTHER),
        (None, AppointmentKind.OTHER),
    ],
)
def test_the_type_of_an_entry_tells_what_it_is_for(told: dict[str, Any] | None, kind: AppointmentKind) -> None:
    row = {"id": 1, "objectId": 42, "member": {"identifier": "jdoe"}, "dateStart": "2026-03-02T09:00:00Z", "type": told}
    entry = mapping.to_appointment(row, {8: "Vacation"}, frozenset({"vacation", "pto"}))
    assert entry is not None
    assert (entry.kind, entry.ticket) == (kind, "42" if kind is AppointmentKind.TICKET else "")
    assert entry.ends == entry.starts


@pytest.mark.parametrize("lacking", ["member", "dateStart"])
def test_an_entry_of_nobody_or_of_no_day_is_left_out(lacking: str) -> None:
    row = {"id": 1, "member": {"identifier": "jdoe"}, "dateStart": "2026-03-02T09:00:00Z", "type": {"id": 4}}
    assert mapping.to_appointment({**row, lacking: None}, {}, frozenset()) is None


# SLAs


async def test_the_due_date_is_the_next_open_target(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New", "priority": "P1"})
    before = await cw.ticket(ref(number))
    assert before.sla_due is not None
    assert timedelta() <= before.sla_due - before.opened_at <= timedelta(minutes=31)
    answered = await human.patch(f"/service/tickets/{number}", json=replace("status", {"name": "In Progress"}))
    answered.raise_for_status()
    after = await cw.ticket(ref(number))
    assert after.sla_due is not None
    assert after.sla_due > before.sla_due
    assert after.sla_state != before.sla_state
    waiting = await human.patch(f"/service/tickets/{number}", json=replace("status", {"name": "Waiting vendor"}))
    waiting.raise_for_status()
    assert (await cw.ticket(ref(number))).sla_due is None


async def test_a_quiet_write_leaves_the_sla_line_as_it_was(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient
) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New", "priority": "P1"})
    before = await cw.ticket(ref(number))
    psa.advance("2h")  # the target is missed meanwhile
    (await human.patch(f"/service/tickets/{number}", json=replace("summary", "Tray 3"))).raise_for_status()
    assert (await cw.ticket(ref(number))).sla_state == before.sla_state
    psa.switch(sla_restart_on_update=True)
    (await human.patch(f"/service/tickets/{number}", json=replace("summary", "Tray 4"))).raise_for_status()
    assert (await cw.ticket(ref(number))).sla_state != before.sla_state


async def test_our_own_writes_tell_how_the_sla_stands_after_them(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New", "priority": "P1"})
    before = await cw.ticket(ref(number))
    title = ChangeField(field=Field.TITLE, was="Tray 2", to="Tray 3", because="a test")
    assert (await cw.apply(ref(number), title, "")).sla_state == before.sla_state != ""
    status = ChangeField(field=Field.STATUS, was="New", to="In Progress", because="a test")
    assert (await cw.apply(ref(number), status, "")).sla_state != before.sla_state


async def test_a_promise_counts_where_the_words_cannot_be_read(psa: Sandbox, cw: ConnectWise) -> None:
    known = await cw._roster.at_hand()
    row = {
        "id": 1,
        "sla": {"id": 1},
        "priority": {"id": 1},
        "slaStatus": "2 heures",
        "_info": {"lastUpdated": "2026-03-02T09:00:00Z", "dateEntered": "2026-03-02T09:00:00Z"},
    }
    assert mapping.to_ticket(row, "main", "", known.promises).sla_due == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert mapping.to_ticket(row, "main").sla_due is None


# Origin


@pytest.mark.parametrize(
    ("source", "creator", "origin"),
    [
        ("Email", "zConnect", Origin.PERSON),
        ("Recurring", "", Origin.RECURRING),
        ("Internal", "", Origin.INTERNAL),
        ("Sync", "", Origin.SYNC),
        ("", "rmmsync", Origin.ALERT),
        ("", "n_rmm", Origin.ALERT),
        ("Email", "monitoring", Origin.ALERT),
        ("", "jfrommer", Origin.PERSON),
        ("Phone", "zRecurring", Origin.RECURRING),
        ("Asynchronous", "", Origin.PERSON),
    ],
)
def test_the_origin_is_read_from_source_and_creator(source: str, creator: str, origin: Origin) -> None:
    row = {
        "id": 1,
        "source": {"name": source},
        "_info": {"lastUpdated": "2026-03-02T09:00:00Z", "enteredBy": creator},
    }
    ticket = mapping.to_ticket(row, "main")
    assert (ticket.origin, ticket.created_by) == (origin, creator)


async def test_a_project_ticket_among_service_tickets_is_told_apart(psa: Sandbox, cw: ConnectWise) -> None:
    row = {"id": 1, "recordType": "ProjectTicket", "requiredDate": "2026-04-01T00:00:00Z", "_info": {}}
    ticket = mapping.to_ticket({**row, "_info": {"lastUpdated": "2026-03-02T09:00:00Z"}}, "main")
    assert ticket.origin is Origin.PROJECT
    assert ticket.required_at == datetime(2026, 4, 1, tzinfo=UTC)


# Messages


def test_an_endless_message_is_bounded_and_says_so() -> None:
    note = {"id": 1, "text": "x" * (LONGEST + 7), "dateCreated": "2026-03-02T09:00:00Z"}
    text = mapping.to_message(note, ref(1), frozenset()).text
    assert len(text) < LONGEST + 100
    assert text.endswith("[7 characters more in the PSA]")


def test_notes_of_bundled_tickets_stay_with_their_own() -> None:
    base = {"text": "x", "dateCreated": "2026-03-02T09:00:00Z"}
    rows = [
        {"id": 1, **base, "ticket": {"id": 42}, "mergedFlag": True},
        {"id": 2, **base, "ticket": {"id": 43}, "bundledFlag": True},
        {"id": 3, **base, "bundledFlag": True},
        {"id": 4, **base, "ticket": {"id": 43}, "mergedFlag": True},
        {"id": 5, **base, "noteType": "MeetingNote"},
    ]
    assert [one.remote_id for one in mapping.to_messages(rows, ref(42), frozenset())] == ["1", "meeting-5"]


async def test_a_changed_ticket_is_two_reads(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Help"}]})
    await cw.directory()
    before = len(psa.log())
    await cw.pull(ref(number))
    assert asked(psa, before) == [f"GET /service/tickets/{number}", f"GET /service/tickets/{number}/allNotes"]


# What a close would step over


async def test_what_blocks_a_close_is_told_by_name(psa: Sandbox, cw: ConnectWise) -> None:
    number, child = psa.inject({"title": "Tray 2"}), psa.inject({"title": "Tray 3"})
    assert await cw.blocks_closing(ref(number)) == []
    psa.record("task", ticket=number, text="Order the sensor")
    psa.record("task", ticket=number, text="Call Anna", done=True)
    psa.record("time", ticket=number, by="tokafor", minutes=30, text="on it", running=True)
    psa.record("time", ticket=number, by="mruiz", minutes=30, text="looked", status="PendingApproval")
    psa.record("product", ticket=number, text="Toner sensor")
    psa.record("child_of", ticket=child, to=number)
    assert await cw.blocks_closing(ref(number)) == [
        "1 × open task: Order the sensor",
        "1 × running timer: Tobi Okafor",
        "1 × unapproved time entry: Marta Ruiz",
        "1 × product that may not be posted: Toner sensor",
        f"1 × open child ticket: {child}",
    ]


async def test_settled_work_blocks_nothing(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    number, child = psa.inject({"title": "Tray 2"}), psa.inject({"title": "Tray 3", "status": "Closed"})
    psa.record("time", ticket=number, by="mruiz", minutes=30, text="looked", status="Billed")
    psa.record("task", ticket=number, text="Call Anna", done=True)
    psa.record("child_of", ticket=child, to=number)
    assert await cw.blocks_closing(ref(number)) == []


async def test_what_may_not_be_looked_at_blocks_too(psa: Sandbox, cw: ConnectWise) -> None:
    number = psa.inject({"title": "Tray 2"})
    psa.switch(time_right=False)
    [blocked] = await cw.blocks_closing(ref(number))
    assert "its time cannot be looked at" in blocked


async def test_a_ticket_that_is_gone_is_gone(cw: ConnectWise) -> None:
    with pytest.raises(NotFound):
        await cw.blocks_closing(ref(99_999))


# The fingerprint


async def test_the_fingerprint_changes_with_the_setup_and_only_with_it(
    psa: Sandbox, cw: ConnectWise, http: Http
) -> None:
    before = await cw.fingerprint()
    psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Help"}]})
    assert await connected(psa, http).fingerprint() == before
    seen = {before}
    for switch in ("board_sends_to_bundled", "status_email_templates", "closed_loop_internal", "bill_after_close"):
        psa.switch(**{switch: True})
        seen.add(await cw.fingerprint())
        psa.switch(**{switch: False})
    assert len(seen) == 5
    assert await cw.fingerprint() == before


async def test_a_fingerprint_right_after_the_directory_reads_only_what_is_new(psa: Sandbox, cw: ConnectWise) -> None:
    psa.speed(1)
    cw.http.clock.set(psa.now(), 1)
    boards = (await cw.directory()).boards
    before = len(psa.log())
    told = await cw.fingerprint()
    assert {path.rpartition("/")[2] for path in asked(psa, before)} == {"autoTemplates"}
    assert len(psa.log()) - before == len(boards)
    cw.http.clock.set(psa.now() + timedelta(minutes=1), 1)
    psa.switch(bill_after_close=True)
    assert await cw.fingerprint() != told


async def test_a_right_that_is_lost_is_another_fingerprint(psa: Sandbox, cw: ConnectWise) -> None:
    before = await cw.fingerprint()
    psa.switch(slas_right=False)
    assert await cw.fingerprint() != before


# A desk with more than the sandbox has


class WithTemplates(ConnectWiseSandbox):
    """A PSA whose first board has an auto-template, and whose API member is an admin who sees time sheets."""

    overwrites = "Overwrite"

    def answer(self, request: Request) -> Answer:
        path = request.path.partition("apis/3.0")[2].casefold()
        rows = {
            "/service/boards/1/autotemplates": [
                {
                    "id": 1,
                    "type": {"id": 1, "name": "Access"},
                    "subtype": {"id": 2, "name": "New starter"},
                    "item": {"id": 3, "name": "Setup"},
                    "serviceTemplate": {"id": 4, "name": "Onboarding"},
                    "summarySetting": type(self).overwrites,
                    "tasksSetting": "Append",
                    "discussionSetting": "Ignore",
                    "autoApplyFlag": True,
                }
            ],
            "/system/mymembers": {
                "id": 151,
                "identifier": "copilot",
                "adminFlag": True,
                "securityRole": {"id": 1, "name": "Admin"},
            },
            "/system/securityroles": [{"id": 1, "name": "Admin", "adminFlag": True}],
            "/time/sheets": [{"id": 1, "member": {"id": 152, "identifier": "idahl"}, "year": 2026, "period": 1}],
        }.get(path)
        return super().answer(request) if rows is None else Answer(200, json.dumps(rows).encode())


@pytest.fixture
def bigger() -> Iterator[Sandbox]:
    with running(WithTemplates) as sandbox:
        sandbox.speed(20)
        yield sandbox


async def test_check_names_templates_and_needless_rights(bigger: Sandbox, http: Http) -> None:
    findings = {finding.about: finding for finding in await connected(bigger, http).check()}
    board = findings["board Help Desk"]
    assert "applies a template on Access / New starter / Setup that overwrites summary, appends to tasks" in board.says
    for about, screen in (
        ("finance", "Finance > Agreements"),
        ("security roles", "System > Security Roles"),
        ("time sheets", "Time & Expense > Time Approval"),
    ):
        assert findings[about].level == "warning"
        assert screen in findings[about].says
    assert findings["role"].says.startswith("Admin may do everything")


async def test_a_template_that_changes_changes_the_fingerprint(
    bigger: Sandbox, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    cw = connected(bigger, http)
    before = await cw.fingerprint()
    monkeypatch.setattr(WithTemplates, "overwrites", "Append")
    assert await cw.fingerprint() != before


# Check


RECIPE_RIGHTS = ("Service Tickets", "Contacts", "Time Entry", "Table Setup", "Member Maintenance")


async def test_check_prints_both_recipes_by_the_names_of_the_screen(cw: ConnectWise) -> None:
    found = {finding.about: finding.says for finding in await cw.check()}
    first, second = found["role for days 1 to 3, reads only"], found["role for week 1, internal notes only"]
    assert all(right in first for right in RECIPE_RIGHTS)
    assert "no Add, no Edit, no Delete" in first
    assert "Add: All on Service Desk > Service Tickets" in second
    assert all(never in second for never in ("Finance", "Delete", "Time Approval", "Security Roles"))


@pytest.mark.parametrize(
    ("right", "about", "screen"),
    [
        ("contacts_right", "contacts", "Companies > Contacts"),
        ("schedule_right", "calendars", "Service Desk > Resource Scheduling"),
        ("time_right", "time", "Time & Expense > Time Entry"),
        ("slas_right", "SLAs", "System > Table Setup"),
        ("members_right", "members", "System > Member Maintenance"),
        ("callbacks_right", "callbacks", "System > Table Setup"),
        ("boards_right", "boards", "System > Table Setup"),
    ],
)
@pytest.mark.parametrize("shows", ["403", "no_rows"])
async def test_a_missing_right_names_its_screen(
    psa: Sandbox, cw: ConnectWise, right: str, about: str, screen: str, shows: str
) -> None:
    psa.switch(**{right: False, "missing_right_shows": shows})
    [found] = [finding for finding in await cw.check() if finding.about == about]
    if shows == "no_rows" and about in ("calendars", "time", "SLAs", "callbacks"):
        return  # a desk may have none of these, so that nobody can tell
    assert found.level != "ok"
    assert screen in found.says


async def test_a_missing_right_is_told_from_a_page_too(psa: Sandbox, cw: ConnectWise) -> None:
    psa.switch(slas_right=False, contacts_right=False, forbidden_body="html")
    assert (await cw.directory()).boards
    warned = {finding.about for finding in await cw.check() if finding.level == "warning"}
    assert {"SLAs", "contacts"} <= warned


async def test_finance_that_is_kept_from_us_is_well(psa: Sandbox, cw: ConnectWise) -> None:
    psa.switch(agreements_right=False)
    [found] = [finding for finding in await cw.check() if finding.about == "finance"]
    assert (found.level, found.says) == ("ok", "kept from us")


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        ("closed_loop_internal", "closes the loop on internal notes"),
        ("bill_after_close", "bills after closing"),
        ("auto_assign_new", "assigns new tickets by itself"),
        ("reopen_by_mail", "sets status Customer replied when mail comes in"),
        ("auto_templates", "applies a template on "),
        ("status_email_templates", "mails on status"),
        ("board_sends_to_cc", "mails copies"),
    ],
)
async def test_check_names_what_a_board_does_by_itself(psa: Sandbox, cw: ConnectWise, switch: str, says: str) -> None:
    psa.switch(**{switch: "overwrite" if switch == "auto_templates" else True})
    [board] = [finding for finding in await cw.check() if finding.about == "board Help Desk"]
    assert says in board.says


async def test_check_sees_callbacks_of_ours_that_sleep_or_point_elsewhere(psa: Sandbox, cw: ConnectWise) -> None:
    for url in ("http://127.0.0.1:9/webhooks/main", "http://127.0.0.1:10/webhooks/main"):
        await cw.register_webhooks(url)
    async with logged_in(psa, "human") as human:
        rows = (await human.get("/system/callbacks")).json()
        (await human.patch(f"/system/callbacks/{rows[0]['id']}", json=replace("inactiveFlag", True))).raise_for_status()
    told = [finding.says for finding in await cw.check() if finding.about == "our callbacks"]
    assert any("asleep after failures: http://127.0.0.1:9/webhooks/main" in says for says in told)
    assert any("all but the address under web.url should go" in says for says in told)


async def test_callbacks_of_others_are_left_alone(psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient) -> None:
    theirs = {
        "url": "http://127.0.0.1:9/other?recordId=",
        "type": "ticket",
        "level": "owner",
        "objectId": 1,
        "description": "somebody else",
    }
    (await human.post("/system/callbacks", json=theirs)).raise_for_status()
    await cw.register_webhooks("http://127.0.0.1:9/webhooks/main")
    assert await cw.remove_webhooks() == ["http://127.0.0.1:9/webhooks/main"]
    assert [row["description"] for row in (await human.get("/system/callbacks")).json()] == ["somebody else"]


async def test_the_account_is_a_member_of_its_own(psa: Sandbox, cw: ConnectWise) -> None:
    [account] = [finding for finding in await cw.check() if finding.about == "account"]
    assert (account.level, account.says) == ("ok", "copilot is an API member")

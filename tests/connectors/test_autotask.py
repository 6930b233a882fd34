"""What the Autotask connector makes of a desk, beyond what every connector promises."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from psa_copilot import (
    ActorClass,
    AddNote,
    AppointmentKind,
    AuthFailed,
    ChangeField,
    Delivery,
    EventKind,
    Field,
    Forged,
    Http,
    MessageKind,
    NotFound,
    NotReady,
    Origin,
    RateLimited,
    Receipt,
    Rejected,
    Unsupported,
)
from psa_copilot.clock import Clock
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.autotask import Autotask, checks, mapping, site, timeoff, webhooks
from psa_copilot_connectors.autotask.notes import internal
from psa_copilot_connectors.autotask.picklists import Choice, Picklist
from psa_copilot_connectors.autotask.rows import Row
from psa_copilot_connectors.autotask.sandbox.webhooks import escaped
from psa_copilot_connectors.autotask.settings import AutotaskSettings, is_trusted
from tests.connectors.autotask_desk import KEYS, LONG_AGO, at, clock, connected, http, logged_in, psa, ref

__all__ = ["at", "clock", "http", "psa"]


async def test_a_ticket_shows_labels_names_and_targets(psa: Sandbox, at: Autotask) -> None:
    ticket = await at.ticket(ref(1001))
    assert (ticket.board, ticket.status, ticket.priority) == ("Help Desk", "In Progress", "Medium")
    assert (ticket.company, ticket.contact, ticket.assignee) == ("Harbor Lane Accounting", "Theo Marsh", "idahl")
    assert ticket.category == "Hardware / Printer"
    assert ticket.number.startswith("T2")
    assert ticket.sla_due is not None
    assert ticket.url == f"{psa.url}/Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenTicketDetail&TicketID=1001"


@pytest.mark.parametrize("told", ["null", "0"])
async def test_only_hours_that_are_kept_pause_an_sla(psa: Sandbox, at: Autotask, told: str) -> None:
    psa.switch(running_sla=told, sla_waits=True)
    number = psa.inject({"title": "Tray 2"})
    running = await at.ticket(ref(number))
    assert running.sla_due is not None
    assert "paused" not in running.sla_state
    wish = ChangeField(field=Field.STATUS, to="Waiting Customer", was=running.status, because="a test")
    await at.apply(ref(number), wish, "")
    paused = await at.ticket(ref(number))
    assert paused.sla_due is None
    assert "paused" in paused.sla_state


async def test_a_queue_that_is_newer_than_what_we_know_is_looked_up(psa: Sandbox, at: Autotask, clock: Clock) -> None:
    await at.directory()
    first = psa.inject({"title": "Tray 2", "board": "Payroll", "status": "Parked", "assignee": "Nora Quill"})
    ticket = await at.ticket(ref(first))
    assert (ticket.board, ticket.status, ticket.assignee) == ("Payroll", "Parked", "nquill")
    asked = read_afresh(psa)
    second = psa.inject({"title": "Tray 3", "board": "Legal"})
    assert (await at.ticket(ref(second))).board.isdigit(), "once a minute is enough"
    assert read_afresh(psa) == asked
    psa.advance("2m")
    clock.set(psa.now(), 20)
    assert (await at.ticket(ref(second))).board == "Legal"
    assert read_afresh(psa) == asked + 1


async def test_a_contact_that_does_not_show_yet_is_looked_up_again(psa: Sandbox, at: Autotask, clock: Clock) -> None:
    psa.switch(read_lag=60)
    psa.inject({"title": "Tray 1", "company": "Harbor Lane Accounting", "contact": "Nia Park"})
    psa.switch(read_lag=0)
    number = psa.inject({"title": "Tray 2", "company": "Harbor Lane Accounting", "contact": "Nia Park"})
    psa.switch(read_lag=60)
    assert (await at.ticket(ref(number))).contact == ""
    asked = len(psa.log())
    assert (await at.ticket(ref(number))).contact == ""
    assert len(psa.log()) == asked + 1, "once a minute is enough"
    psa.advance("2m")
    clock.set(psa.now(), 20)
    assert (await at.ticket(ref(number))).contact == "Nia Park"


async def test_a_number_that_nobody_tells_is_looked_up_once(
    psa: Sandbox, at: Autotask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, read = psa.inject({"title": "Tray 2", "status": "Parked"}), Picklist.read
    monkeypatch.setattr(Picklist, "read", lambda fields, name: Picklist() if name == "status" else read(fields, name))
    for _ in range(3):
        assert (await at.ticket(ref(number))).status.isdigit()
        psa.advance("2m")
        clock.set(psa.now(), 20)
    assert read_afresh(psa) == 2


def read_afresh(psa: Sandbox) -> int:
    return len([row for row in psa.log() if row["path"].endswith("/Tickets/entityInformation/fields")])


async def test_tickets_keep_their_names_while_everything_is_read_afresh(
    at: Autotask, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at.directory()
    asked, go_on, ask = asyncio.Event(), asyncio.Event(), site.Site.all

    async def held(self: site.Site, entity: str, *conditions: Row, **more: Any) -> list[Row]:
        if entity == "ResourceServiceDeskRoles":
            asked.set()
            await go_on.wait()
        return await ask(self, entity, *conditions, **more)

    monkeypatch.setattr(site.Site, "all", held)
    afresh = asyncio.create_task(at.directory())
    await asked.wait()
    meanwhile = await at.ticket(ref(1001))
    go_on.set()
    await afresh
    for ticket in (meanwhile, await at.ticket(ref(1001))):
        assert (ticket.company, ticket.contact) == ("Harbor Lane Accounting", "Theo Marsh")


async def test_notes_time_and_the_description_make_one_conversation(psa: Sandbox, at: Autotask) -> None:
    number = psa.inject(
        {"title": "Tray 2", "description": "It prints blank pages.", "messages": [{"role": "agent", "text": "Hello"}]}
    )
    psa.record("time", ticket=number, by="idahl", minutes=15, text="Cleaned the sensor", internal=True)
    psa.record("time", ticket=number, by="idahl", minutes=5, text="Called the customer", internal=False)
    said = {one.text: one for one in (await at.pull(ref(number))).messages}
    assert said["It prints blank pages."].by is ActorClass.CUSTOMER
    assert said["Hello"].by is ActorClass.TECHNICIAN
    inside, shown = said["Cleaned the sensor"], said["Called the customer"]
    assert (inside.kind, inside.internal, shown.internal) == (MessageKind.TIME_ENTRY, True, False)
    assert inside.author == "Ines Dahl"


async def test_what_a_workflow_rule_writes_is_no_technicians_word(psa: Sandbox, at: Autotask) -> None:
    psa.switch(rule_adds_note=True)
    await at.apply(ref(1001), ChangeField(field=Field.PRIORITY, to="High", was="Medium", because="a test"), "")
    last = (await at.pull(ref(1001))).messages[-1]
    assert (last.by, last.internal) == (ActorClass.SYSTEM, True)


async def test_a_changed_ticket_takes_two_reads(psa: Sandbox, at: Autotask) -> None:
    await at.directory()
    [page] = [page async for page in at.changes(LONG_AGO)]
    await at.messages(page.tickets[0])
    asked = len(psa.log())
    for ticket in page.tickets:
        await at.messages(ticket)
    assert len(psa.log()) - asked == 2 * len(page.tickets)


async def test_a_ticket_that_is_gone_has_not_fallen_silent(psa: Sandbox, at: Autotask) -> None:
    ticket = await at.ticket(ref(1001))
    psa.record("deleted", ticket=1001, by="idahl")
    with pytest.raises(NotFound):
        await at.messages(ticket)


async def test_many_changes_are_read_in_spans_of_time(
    psa: Sandbox, at: Autotask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psa_copilot_connectors.autotask.tickets.MOST", 5)
    pages = [page async for page in at.changes("2026-01-01T00:00:00Z")]
    seen = [ticket for page in pages for ticket in page.tickets]
    assert len(pages) > 2
    assert len({ticket.ref for ticket in seen}) == len(seen) == psa.counts()["tickets"]
    assert [one.updated_at for one in seen] == sorted(one.updated_at for one in seen)
    assert [page.cursor for page in pages] == sorted(page.cursor for page in pages)


async def test_no_cursor_goes_beyond_the_beginning_of_a_walk_in_parts(
    psa: Sandbox, at: Autotask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psa_copilot_connectors.autotask.tickets.MOST", 5)
    psa.speed(0.0001)
    clock.set(psa.now(), 0.0001)
    psa.inject({"title": "While somebody walks"})
    [*_, last] = [page async for page in at.changes(LONG_AGO)]
    assert last.tickets[-1].title == "While somebody walks"
    assert datetime.fromisoformat(last.cursor) < last.tickets[-1].updated_at


async def test_a_technician_is_assigned_in_a_role_and_taken_away_whole(psa: Sandbox, at: Autotask) -> None:
    wish = ChangeField(field=Field.ASSIGNEE, to="ashah", was="idahl", because="a test")
    assert (await at.apply(ref(1001), wish, "")).value == "ashah"
    async with logged_in(psa.url) as stranger:
        row = (await stranger.get("/Tickets/1001")).json()["item"]
        assert row["assignedResourceRoleID"] is not None
        nobody = ChangeField(field=Field.ASSIGNEE, to="", was="ashah", because="a test")
        await at.apply(ref(1001), nobody, "")
        row = (await stranger.get("/Tickets/1001")).json()["item"]
    assert (row["assignedResourceID"], row["assignedResourceRoleID"]) == (None, None)


async def test_one_without_a_role_is_refused_unasked(psa: Sandbox, at: Autotask) -> None:
    wish = ChangeField(field=Field.ASSIGNEE, to="api2@sandbox.example", was="idahl", because="a test")
    with pytest.raises(Rejected, match="no service desk role"):
        await at.apply(ref(1001), wish, "")
    assert not [row for row in psa.log() if row["method"] == "PATCH"]


async def test_a_rule_that_sets_another_value_is_told(psa: Sandbox, at: Autotask) -> None:
    psa.switch(rule_sets_status=True)
    wish = ChangeField(
        field=Field.BOARD, to="Escalations", was="Help Desk", along={Field.STATUS: "Escalate"}, because="a test"
    )
    with pytest.raises(Rejected, match="a workflow rule may have set it"):
        await at.apply(ref(1001), wish, "")


async def test_our_note_is_published_to_staff_only(psa: Sandbox, at: Autotask) -> None:
    marker = new_marker()
    wish = AddNote(body=signed("Recap: waiting on us.\nNext: call Anna.", "summarize", marker), because="a test")
    await at.apply(ref(1001), wish, marker)
    note = psa.notes(1001)[-1]
    assert (note["publish"], note["title"]) == (2, "Recap: waiting on us.")
    with pytest.raises(Unsupported, match="the API mails nobody"):
        await at.apply(ref(1001), wish.model_copy(update={"place": "discussion", "notify": True}), marker)


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        (["All Autotask Users", "Internal Project Team", "Internal & Co-Managed"], 1),
        (["Everybody", "Internal only"], 1),
        (["Everybody", "Internal one", "Internal two"], None),
        (["Everybody", "Project team"], None),
    ],
)
def test_only_a_value_that_is_clearly_internal_is_taken(labels: list[str], value: int | None) -> None:
    choices = (Choice(n, label, "", is_active=True, is_default=False) for n, label in enumerate(labels))
    assert internal(Picklist(tuple(choices))) == value


async def test_the_history_tells_who_changed_what(psa: Sandbox, at: Autotask) -> None:
    before = await at.ticket(ref(1001))
    await at.apply(ref(1001), ChangeField(field=Field.STATUS, to="Scheduled", was=before.status, because="a"), "")
    await at.apply(ref(1001), ChangeField(field=Field.ASSIGNEE, to="ashah", was="idahl", because="a"), "")
    events = await at.history(ref(1001))
    told = [(one.kind, one.field, one.before, one.after) for one in events[-2:]]
    assert told == [
        (EventKind.FIELD_CHANGED, Field.STATUS, before.status, "Scheduled"),
        (EventKind.FIELD_CHANGED, Field.ASSIGNEE, "idahl", "ashah"),
    ]
    assert events[-1].actor == KEYS["username"]


async def test_calendars_have_service_calls_and_time_off(psa: Sandbox, at: Autotask) -> None:
    starts = psa.now().replace(microsecond=0) + timedelta(days=2)
    psa.record("appointment", ticket=1001, by="idahl", starts=starts.isoformat(), minutes=30)
    ends = (starts + timedelta(days=1)).isoformat()
    psa.record("time_off", by="mruiz", starts=starts.isoformat(), ends=ends, text="Vacation in the hills")
    window = starts - timedelta(hours=1), starts + timedelta(hours=2)
    found = {one.person: one for one in await at.appointments(*window)}
    assert (found["idahl"].kind, found["idahl"].ticket) == (AppointmentKind.TICKET, "1001")
    assert found["idahl"].ends - found["idahl"].starts == timedelta(minutes=30)
    assert found["mruiz"].kind is AppointmentKind.TIME_OFF
    assert await at.appointments(*window, ref(1001)) == [found["idahl"]]
    assert await at.appointments(window[1], window[1] + timedelta(hours=1), ref(1001)) == []


async def test_approved_leave_is_time_off_and_what_is_asked_for_is_not(psa: Sandbox, at: Autotask) -> None:
    psa.switch(time_off="request")
    starts = psa.now().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=2)
    ends = starts + timedelta(days=1, hours=3)
    psa.record("time_off", by="mruiz", starts=starts.isoformat(), ends=ends.isoformat(), text="Hills")
    asked = {"requestDate": starts.isoformat(), "hours": 8, "timeOffRequestType": 1}
    idahl = next(one for one in (await at.directory()).technicians if one.identifier == "idahl")
    async with logged_in(psa.url, user="human", secret="human") as human:
        (await human.post(f"/Resources/{idahl.remote_id}/TimeOffRequests", json=asked)).raise_for_status()
    found = await at.appointments(starts - timedelta(days=1), starts + timedelta(days=9))
    assert {(one.person, one.kind) for one in found} == {("mruiz", AppointmentKind.TIME_OFF)}
    assert (found[0].starts, found[-1].ends) == (starts, ends)
    asked_for = len(psa.log())
    assert await at.appointments(ends, ends + timedelta(days=1)) == []
    assert len(psa.log()) - asked_for == 2, "what is known of it is asked for anew once an hour"


async def test_a_holiday_is_time_off_for_whoever_works_there(psa: Sandbox, at: Autotask) -> None:
    day = psa.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
    told = {"holidayName": "Founders' Day", "holidayDate": day.isoformat()}
    async with logged_in(psa.url, user="human", secret="human") as human:
        (await human.post("/HolidaySets/1/Holidays", json=told)).raise_for_status()
    found = [one for one in await at.appointments(day, day + timedelta(days=1)) if one.person == "idahl"]
    assert [(one.kind, one.starts, one.ends) for one in found] == [
        (AppointmentKind.TIME_OFF, day, day + timedelta(days=1))
    ]
    assert await at.appointments(day - timedelta(days=1), day) == []


@pytest.mark.parametrize(
    ("starts", "ends", "span"),
    [
        (None, None, ("2026-03-02T00:00", "2026-03-03T00:00")),
        ("2026-03-02T09:00:00", "2026-03-02T12:30:00", ("2026-03-02T09:00", "2026-03-02T12:30")),
        ("1900-01-01T09:00:00", "1900-01-01T12:30:00", ("2026-03-02T09:00", "2026-03-02T12:30")),
        ("1900-01-01T22:00:00", "1900-01-01T02:00:00", ("2026-03-02T22:00", "2026-03-03T02:00")),
        ("2026-03-02T09:00:00", "2026-03-06T17:00:00", ("2026-03-02T09:00", "2026-03-06T17:00")),
        ("1900-01-01T00:00:00", "1900-01-01T00:00:00", ("2026-03-02T00:00", "2026-03-03T00:00")),
    ],
)
def test_a_request_for_time_off_is_for_a_day_or_for_hours_of_it(
    starts: str | None, ends: str | None, span: tuple[str, str]
) -> None:
    told = timeoff.span_of({"requestDate": "2026-03-02T00:00:00", "startTime": starts, "endTime": ends})
    assert told == tuple(datetime.fromisoformat(f"{one}:00+00:00") for one in span)


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("(GMT-05:00) Eastern Time", "2026-03-02T05:00"),
        ("Australia/Brisbane", "2026-03-01T14:00"),
        ("(GMT+05:30) Chennai", "2026-03-01T18:30"),
        ("somewhere", "2026-03-02T00:00"),
        ("", "2026-03-02T00:00"),
    ],
)
def test_a_holiday_begins_where_people_have_it(zone: str, begins: str) -> None:
    told = timeoff.midnight({"holidayDate": "2026-03-02T00:00:00"}, zone)
    assert told == datetime.fromisoformat(f"{begins}:00+00:00")


def test_approved_is_told_by_the_date_where_no_status_is_called_so() -> None:
    row = {"status": 7, "approvedDateTime": "2026-03-02T00:00:00"}
    assert timeoff.is_approved(row, frozenset())
    assert not timeoff.is_approved(row | {"rejectReason": "Busy"}, frozenset())
    assert not timeoff.is_approved(row, frozenset({2}))


async def test_what_a_close_would_step_over_is_named(psa: Sandbox, at: Autotask) -> None:
    psa.record("task", ticket=1001, text="Return the old roll")
    psa.record("time", ticket=1001, by="idahl", minutes=0, text="Still at it", running=True)
    psa.record("product", ticket=1001, text="Labels LR-29")
    assert await at.blocks_closing(ref(1001)) == [
        "1 × open checklist item: Return the old roll",
        "1 × running timer: idahl",
        "1 × charge that is not billed: Labels LR-29",
    ]


async def test_traces_tell_what_a_rule_did_besides(psa: Sandbox, at: Autotask) -> None:
    psa.record("task", ticket=1001, text="Return the old roll")
    psa.switch(rule_mails_status="all", rule_sets_status=True)
    before = await at.traces(ref(1001))
    assert "Return the old roll (open)" in before.there.values()
    assert before.readers == ("theo.marsh@harborlaneaccounting.example",)
    assert before.unseen == ()
    wish = ChangeField(field=Field.BOARD, to="Escalations", was="Help Desk", because="a test")
    await at.apply(ref(1001), wish, "")
    after = await at.traces(ref(1001))
    new = {name: says for name, says in after.there.items() if before.there.get(name) != says}
    assert [says for name, says in new.items() if name.startswith("audit line")] == [
        "Status changed from In Progress to New"
    ]


async def test_traces_tell_of_a_mail_to_the_customer(psa: Sandbox, at: Autotask) -> None:
    psa.switch(rule_mails_notes="all")
    marker = new_marker()
    before = await at.traces(ref(1001))
    await at.apply(ref(1001), AddNote(body=signed("Recap: a", "summarize", marker), because="a test"), marker)
    after = await at.traces(ref(1001))
    assert after.there.keys() - before.there.keys() == {"mail to the customer", "mail 1"}
    assert len(psa.mailbox()) == 1


async def test_alerts_are_told_by_their_source(psa: Sandbox, at: Autotask) -> None:
    assert (await at.ticket(ref(psa.inject({"title": "Disk full", "origin": "alert"})))).origin is Origin.ALERT


# Doors


async def test_a_moved_database_is_found_again(psa: Sandbox, at: Autotask) -> None:
    await at.known_good()
    psa.switch(zone_moved=True)
    await at.known_good()
    marker = new_marker()
    await at.apply(ref(1001), AddNote(body=signed("Recap: a", "summarize", marker), because="a test"), marker)
    assert [row["path"] for row in psa.log()][-1].startswith("/zone2/")


async def test_wrong_keys_look_for_another_zone_once_a_minute(psa: Sandbox, http: Http) -> None:
    stranger = connected(psa, http, secret="wrong")
    for _ in range(3):
        with pytest.raises(AuthFailed, match=r"check connections\.main\.username"):
            await stranger.known_good()
    assert len([row for row in psa.log() if "Zone" in row["path"]]) == 2


@pytest.mark.parametrize("told_as", ["errors", "plain"])
async def test_an_unknown_user_is_a_matter_for_a_human(psa: Sandbox, http: Http, told_as: str) -> None:
    psa.switch(unknown_user=told_as)
    with pytest.raises(AuthFailed, match=r"check connections\.main\.username"):
        await connected(psa, http, username="nobody@sandbox.example").known_good()


async def test_a_bad_hour_of_the_zones_is_no_matter_for_a_human(psa: Sandbox, http: Http) -> None:
    psa.faults("http_500=1")
    with pytest.raises(NotReady):
        await connected(psa, http).known_good()


@pytest.mark.parametrize(
    ("ours", "zone", "trusted"),
    [
        ("https://webservices.autotask.net", "https://webservices6.autotask.net/ATServicesRest/", True),
        ("https://webservices.autotask.net", "http://webservices6.autotask.net/ATServicesRest/", False),
        ("https://webservices.autotask.net", "https://autotask.net.example/ATServicesRest/", False),
        ("https://webservices.autotask.net", "https://a@webservices6.autotask.net/", False),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001/ATServicesRest/", True),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8002/ATServicesRest/", False),
    ],
)
def test_our_secret_goes_to_nobody_elses_zone(ours: str, zone: str, trusted: bool) -> None:
    assert is_trusted(ours, zone) is trusted


def test_the_url_may_be_left_out_and_is_never_plain_http() -> None:
    assert AutotaskSettings.model_validate({"use": "autotask", **KEYS}).url == "https://webservices.autotask.net"
    with pytest.raises(ValidationError, match="in the clear"):
        AutotaskSettings.model_validate({"use": "autotask", "url": "http://psa.example", **KEYS})


@pytest.mark.parametrize(
    ("json", "meant"),
    [
        ({"errors": ["Missing Required Field: title"]}, 400),
        ({"errors": ["The logged in Resource does not have the adequate permissions to update"]}, 403),
        ({"errors": ["thread threshold of 3 threads has been exceeded"]}, 429),
        ({"Message": "An error has occurred."}, 500),
        (None, 500),
    ],
)
def test_what_a_500_means_is_in_its_words(json: object, meant: int) -> None:
    assert site.meaning(500, json) == meant


# Webhooks


def delivered(at: Autotask, body: str, sign: Callable[[str], str] = str) -> Delivery:
    key = webhooks.signing_key(at.settings, at.http.connection)
    digest = hmac.new(key, sign(body).encode(), hashlib.sha1).digest()
    return Delivery({"X-Hook-Signature": f"sha1={b64encode(digest).decode()}"}, {}, body.encode())


BODY = '{"Action":"Update","EntityType":"Ticket","Id":7,"Fields":{"title":"Jörg & \\"co\\" <a+b> \'x\' `y`"}}'


@pytest.mark.parametrize("sign", [str, escaped])
async def test_a_body_is_signed_as_sent_or_as_rendered(at: Autotask, sign: Callable[[str], str]) -> None:
    [hint] = await at.read_webhook(delivered(at, BODY, sign))
    assert (hint.remote_id, hint.deleted) == ("7", False)
    forged = delivered(at, BODY, lambda body: body.replace("7", "8"))
    with pytest.raises(Forged):
        await at.read_webhook(forged)


@pytest.mark.parametrize("title", ["C:\\", 'C:\\"', "\\\\", '\\\\"\\', '"', "thanks \U0001f600"])
async def test_a_text_that_ends_in_a_backslash_is_no_forgery(at: Autotask, title: str) -> None:
    told = {"Action": "Update", "EntityType": "Ticket", "Id": 7, "Fields": {"title": title}}
    body = json.dumps(told, ensure_ascii=False)
    assert json.loads(escaped(body)) == told
    [hint] = await at.read_webhook(delivered(at, body, escaped))
    assert hint.remote_id == "7"


@pytest.mark.parametrize(
    ("told", "hints"),
    [
        ('{"Action":"Delete","EntityType":"Ticket","Id":7}', [("7", True)]),
        ('{"Action":"Update","EntityType":"Account","Id":7}', []),
        ('{"Action":"Deactivated","EntityType":"Ticket","Id":7}', []),
        ("[7]", []),
    ],
)
async def test_only_tickets_are_told_of(at: Autotask, told: str, hints: list[tuple[str, bool]]) -> None:
    assert [(one.remote_id, one.deleted) for one in await at.read_webhook(delivered(at, told))] == hints


async def test_a_note_tells_of_its_ticket(psa: Sandbox, at: Autotask) -> None:
    async with listening() as listener:
        await at.register_webhooks(listener.url)
        note = psa.inject(1001, {"role": "customer", "text": "Any news?"})
        delivery = await listener.next()
    [hint] = await at.read_webhook(delivery)
    assert (hint.remote_id, hint.deleted) == ("1001", False)
    asked = len(psa.log())
    bare = f'{{"Action":"Create","EntityType":"TicketNote","Id":{note}}}'
    assert [one.remote_id for one in await at.read_webhook(delivered(at, bare))] == ["1001"]
    assert len(psa.log()) == asked + 1
    assert await at.read_webhook(delivered(at, bare.replace(str(note), "99999999"))) == []


async def test_a_webhook_that_the_psa_has_ended_is_woken(psa: Sandbox, at: Autotask) -> None:
    url = "http://127.0.0.1:9/webhooks/main"
    await at.register_webhooks(url)
    async with logged_in(psa.url) as stranger:
        await stranger.patch("/TicketWebhooks", json={"id": 1, "isActive": False})
        await at.register_webhooks(url)
        assert (await stranger.get("/TicketWebhooks/1")).json()["item"]["isActive"]


async def test_a_webhook_is_told_our_key_after_the_secret_has_been_rotated(
    psa: Sandbox, at: Autotask, http: Http
) -> None:
    async with listening() as listener:
        await at.register_webhooks(listener.url)
        psa.switch(keys_rotated=True)
        rotated = connected(psa, http, secret="rotated")
        await rotated.register_webhooks(listener.url)
        psa.inject({"title": "Till prints no receipts"})
        delivery = await listener.next()
    assert len(await rotated.read_webhook(delivery)) == 1
    with pytest.raises(Forged):
        await at.read_webhook(delivery)


async def test_a_webhook_that_was_meddled_with_hears_of_everything_again(psa: Sandbox, at: Autotask) -> None:
    url = "http://127.0.0.1:9/webhooks/main"
    await at.register_webhooks(url)
    async with logged_in(psa.url) as stranger:
        await stranger.patch("/TicketNoteWebhooks", json={"id": 1, "isSubscribedToCreateEvents": False})
        await at.register_webhooks(url)
        kept = (await stranger.get("/TicketNoteWebhooks/1")).json()["item"]
    assert all(kept[f"isSubscribedTo{action}Events"] for action in ("Create", "Update", "Delete"))


async def is_active(stranger: httpx.AsyncClient) -> bool:
    return bool((await stranger.get("/TicketWebhooks/1")).json()["item"]["isActive"])


async def until_it_sleeps(stranger: httpx.AsyncClient, number: int) -> None:
    """Edits of a new ticket until 25 deliveries have failed."""
    for n in range(24):
        await stranger.patch("/Tickets", json={"id": number, "priority": 1 + n % 2})
    for _ in range(400):
        if not await is_active(stranger):
            return
        await asyncio.sleep(0.05)
    pytest.fail("it was never ended")


async def test_a_webhook_that_fails_too_often_is_ended_and_woken_soon(psa: Sandbox, at: Autotask, clock: Clock) -> None:
    async with listening() as listener:
        await at.register_webhooks(listener.url)
    psa.speed(5_000)  # nobody listens there any more, and the PSA tries each delivery for two minutes
    number = psa.inject({"title": "Till prints no receipts"})
    async with logged_in(psa.url) as stranger:
        await until_it_sleeps(stranger, number)
        psa.speed(20)
        clock.set(psa.now(), 20)
        notice = Delivery({}, {}, b'{"Action": "Deactivated", "EntityType": "Ticket", "Id": 1}')
        asked = len(psa.log())
        with pytest.raises(Forged):
            await at.read_webhook(notice)
        assert len(psa.log()) == asked, "nobody has signed it"
        assert [page async for page in at.changes(at.cursor_at(psa.now()))] == []
        assert await is_active(stranger)
        asked = len(psa.log())
        with pytest.raises(Forged):
            await at.read_webhook(notice)
        assert [page async for page in at.changes(at.cursor_at(psa.now()))] == []
        assert not [row for row in psa.log()[asked:] if "Webhooks" in row["path"]], "seldom, whoever claims it"


async def test_who_is_told_of_an_ended_webhook_is_told_without_a_signature(psa: Sandbox, at: Autotask) -> None:
    async with listening() as listener, logged_in(psa.url) as stranger:
        await at.register_webhooks("http://127.0.0.1:9/webhooks/main")
        await stranger.patch("/TicketWebhooks", json={"id": 1, "deactivationUrl": listener.url})
        psa.speed(5_000)
        number = psa.inject({"title": "Till prints no receipts"})
        await until_it_sleeps(stranger, number)
        told = await listener.next()
    assert json.loads(told.body)["Action"] == "Deactivated"
    assert "x-hook-signature" not in {name.casefold() for name in told.headers}
    assert webhooks.says_deactivated(told)
    with pytest.raises(Forged):
        await at.read_webhook(told)


# Small things


@pytest.mark.parametrize(
    ("title", "description", "says"),
    [
        ("It prints", "It prints blank pages", "It prints blank pages"),
        ("It prints…", "It prints blank pages", "It prints blank pages"),
        ("Phone call", "He will be in at 9.", "Phone call\nHe will be in at 9."),
        ("Only a title", "", "Only a title"),
    ],
)
def test_a_notes_title_is_said_once(title: str, description: str, says: str) -> None:
    assert mapping.note_text({"title": title, "description": description}) == says


def test_a_value_that_no_list_tells_is_shown_by_its_number() -> None:
    assert Picklist().label(77) == "77"
    assert Picklist().label(None) == ""


async def test_the_threads_of_one_entity_stay_below_the_vendors_limit(psa: Sandbox, at: Autotask) -> None:
    await at.directory()
    psa.faults("slow=1")
    await asyncio.gather(*(at.ticket(ref(number)) for number in range(1001, 1009)))
    assert not [row for row in psa.log() if row["status"] in (429, 500)]


@pytest.mark.parametrize("told_as", ["429", "500"])
async def test_one_thread_too_many_is_a_matter_of_waiting(psa: Sandbox, at: Autotask, told_as: str) -> None:
    await at.directory()
    psa.switch(thread_limit=1, thread_refusal=told_as)
    psa.faults("slow=1")
    marker = new_marker()
    wish = AddNote(body=signed("Recap: a", "summarize", marker), because="a test")
    said = await asyncio.gather(*(at.apply(ref(1001), wish, marker) for _ in range(2)), return_exceptions=True)
    assert {type(one) for one in said} == {Receipt, RateLimited}


async def test_the_hours_requests_end(psa: Sandbox, at: Autotask) -> None:
    psa.switch(hourly_limit=3)
    for _ in range(3):
        await at.known_good()
    with pytest.raises(RateLimited):
        await at.known_good()


@pytest.mark.parametrize(("used", "level"), [(4_000, "ok"), (5_001, "warning"), (None, "warning")])
def test_check_tells_when_half_of_the_hour_is_used(used: int | None, level: str) -> None:
    told = {"externalRequestThreshold": 10_000, "currentTimeframeRequestCount": used}
    assert checks.check_threshold(told).level == level

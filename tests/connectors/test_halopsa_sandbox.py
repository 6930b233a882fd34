"""The HaloPSA sandbox as any client sees it: its paging, its dialects, its traps."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running, spawned
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox
from tests.connectors.halopsa_desk import logged_in, read, write

LINE = {
    "id": "EXT-7",
    "board": "Help Desk",
    "company": "Contoso",
    "contact": "Anna Gray",
    "assignee": "Zoe Quill",
    "category": "Hardware/Printer",
    "opened_at": "2026-03-01T09:00:00Z",
    "messages": [
        {"role": "customer", "text": "The printer on floor two prints blank pages only."},
        {"role": "agent", "text": "Toner sensor.", "internal": True},
    ],
    "history": [{"at": "2026-03-02T09:00:00Z", "field": "status", "to": "In Progress", "by": "Zoe Quill"}],
}


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(HaloPsaSandbox, switches={"per_5_minutes": 0}) as sandbox:
        yield sandbox


@pytest.fixture
def api(psa: Sandbox) -> Iterator[httpx.Client]:
    with logged_in(psa) as client:
        yield client


# As a process


def test_it_starts_by_its_name_and_fills_itself() -> None:
    with spawned("halopsa") as psa, logged_in(psa) as api:
        counts = psa.counts()
        assert counts["tickets"] >= 20
        assert min(counts[name] for name in ("notes", "time_entries", "contacts", "members", "boards")) > 0
        assert read(api, "/Tickets", open_only=True, pageinate=True, page_no=1, page_size=1)["record_count"] >= 10


def test_it_takes_a_file_of_tickets(tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_text(json.dumps(LINE) + "\n" + json.dumps({"id": 77, "title": "Second"}) + "\n")
    with spawned("halopsa", tickets=file) as psa, logged_in(psa) as api:
        assert psa.counts()["tickets"] == 2
        [row] = [row for row in read(api, "/Tickets")["tickets"] if row["id"] != 77]
        assert row["third_party_id_string"] == "EXT-7"
        assert row["summary"] == "The printer on floor two prints blank pages"
        assert (row["client_name"], row["user_name"], row["agent_name"]) == ("Contoso", "Anna Gray", "Zoe Quill")
        assert row["category_1"] == "Hardware>Printer"
        full = read(api, f"/Tickets/{row['id']}", include_auditing=True)
        assert [(one["value"], one["to"], one["username"]) for one in full["audit_log"]] == [
            ("Status", "In Progress", "Zoe Quill")
        ]
        assert [one["note"] for one in read(api, "/Actions", ticket_id=row["id"])["actions"]] == [
            "Toner sensor.",
            "The printer on floor two prints blank pages only.",
        ]


# Logging in


def test_a_person_writes_as_a_technician(psa: Sandbox) -> None:
    with logged_in(psa, "human") as person, logged_in(psa) as program:
        body = {"ticket_id": 1001, "outcome_id": 7, "note": "Hello"}
        by_person, by_program = (write(one, "/Actions", **body).json() for one in (person, program))
    assert (by_person["who"], by_person["actionby_application_id"]) == ("Ines Dahl", "")
    assert (by_program["who"], by_program["actionby_application_id"]) == ("Copilot Api", "psa_copilot")


def test_a_bad_client_and_a_missing_token_are_refused(psa: Sandbox, api: httpx.Client) -> None:
    form = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "wrong"}
    refused = httpx.post(f"{psa.url}/auth/token", data=form, trust_env=False)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert httpx.get(f"{psa.url}/api/Tickets", trust_env=False).status_code == 401
    psa.advance("61m")
    assert api.get("/api/Tickets").status_code == 401


# Lists


def test_pages_are_cut_at_100_and_tell_the_true_count(psa: Sandbox, api: httpx.Client) -> None:
    for number in range(130):
        psa.inject({"title": f"Ticket {number}"})
    page = read(api, "/Tickets", pageinate=True, page_no=1, page_size=500)
    assert (len(page["tickets"]), page["record_count"]) == (100, 152)
    assert len(read(api, "/Tickets", pageinate=True, page_no=2, page_size=500)["tickets"]) == 52
    assert len(read(api, "/Tickets")["tickets"]) == 50
    ids = [row["id"] for row in read(api, "/Tickets", count=1000)["tickets"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 152


def test_a_parameter_that_is_not_known_does_nothing(api: httpx.Client) -> None:
    everything, ignored, heeded = (
        [row["id"] for row in read(api, "/Tickets", **asked)["tickets"]]
        for asked in ({}, {"tickettype_id": 20}, {"requesttype_id": 20})
    )
    assert ignored == everything != heeded


def test_ids_are_decimals_and_guids_where_they_are_in_the_product(api: httpx.Client) -> None:
    assert isinstance(read(api, "/Users")["users"][0]["site_id"], float)
    assert len(read(api, "/Priority")[0]["id"]) == 36
    assert {row["priorityid"] for row in read(api, "/Priority", slaid=2)} == {1, 2, 3, 4}


def test_actions_want_a_ticket_or_one_day(api: httpx.Client) -> None:
    assert read(api, "/Actions")["actions"] == []
    assert len(read(api, "/Actions", ticket_id=1001)["actions"]) > 1
    assert read(api, "/Actions", startdate="2026-01-01", enddate="2026-03-01")["actions"] == []


# Writes


def test_an_action_without_outcome_or_ticket_is_refused_in_words(api: httpx.Client) -> None:
    refused = write(api, "/Actions", ticket_id=1001, note="Hello")
    assert (refused.status_code, refused.json()) == (400, "An Outcome must be entered for this Action")
    assert write(api, "/Actions", outcome_id=7, note="Hello").status_code == 400
    assert api.post("/api/Actions", json={"ticket_id": 1001, "outcome_id": 7}).status_code == 400


def test_an_action_does_not_move_its_ticket_by_status_id(api: httpx.Client) -> None:
    before = read(api, "/Tickets/1001")["status_id"]
    write(api, "/Actions", ticket_id=1001, outcome_id=7, note="Hello", status_id=9)
    assert read(api, "/Tickets/1001")["status_id"] == before
    write(api, "/Actions", ticket_id=1001, outcome_id=7, note="Hello", new_status=9)
    assert read(api, "/Tickets/1001")["status_id"] == 9


def test_outcomes_mail_and_hidden_alone_never_does(psa: Sandbox, api: httpx.Client) -> None:
    write(api, "/Actions", ticket_id=1001, outcome_id=7, note="Hello", hiddenfromuser=False)
    assert psa.mailbox() == []
    write(api, "/Actions", ticket_id=1001, outcome="Email User", note="Hello")
    write(api, "/Actions", ticket_id=1001, outcome_id=7, note="Hello", sendemail=True, emailto="x@contoso.example")
    assert [mail["to"] for mail in psa.mailbox()] == ["theo.marsh@harborlaneaccounting.example", "x@contoso.example"]


@pytest.mark.parametrize(
    ("trap", "field"),
    [("outcome_holds_sla", "onhold"), ("outcome_responds", "responsedate"), ("outcome_sets_status", "status_id")],
)
def test_a_trap_shows_in_the_outcome_and_snaps(psa: Sandbox, api: httpx.Client, trap: str, field: str) -> None:
    number = psa.inject({"title": "Till"})
    before, plain = read(api, f"/Tickets/{number}")[field], read(api, "/Outcome/7")
    psa.switch(**{trap: True})
    assert read(api, "/Outcome/7") != plain
    write(api, "/Actions", ticket_id=number, outcome_id=7, note="Hello", hiddenfromuser=True)
    assert read(api, f"/Tickets/{number}")[field] != before


def test_note_loses_its_lines_where_there_is_html(api: httpx.Client) -> None:
    made = write(api, "/Actions", ticket_id=1001, outcome_id=7, note_html="<p>One</p><p>Two</p>").json()
    assert made["note"] == "One Two"
    told = read(api, f"/Actions/{made['id']}", ticket_id=1001, includedetails=True)
    assert "<" in told["note_html"]
    assert "note_html" not in read(api, f"/Actions/{made['id']}", ticket_id=1001)


def test_rules_heed_dont_do_rules(psa: Sandbox, api: httpx.Client) -> None:
    psa.switch(rule_mails_update=True, system_actions=True)
    write(api, "/Tickets", id=1001, status_id=3, dont_do_rules=True)
    assert psa.mailbox() == []
    write(api, "/Tickets", id=1001, status_id=4)
    assert [mail["why"] for mail in psa.mailbox()] == ["rule on updates"]
    assert read(api, "/Actions", ticket_id=1001)["actions"][0]["who_type"] == 2


def test_more_than_300_in_5_minutes_are_refused_in_plain_text(psa: Sandbox, api: httpx.Client) -> None:
    psa.switch(per_5_minutes=300)
    statuses = [api.get("/api/InstanceInfo").status_code for _ in range(301)]
    assert (statuses.count(200), statuses[-1]) == (300, 429)
    assert api.get("/api/InstanceInfo").text.startswith("Rate Limit Reached")
    assert "retry-after" not in api.get("/api/InstanceInfo").headers
    psa.advance("5m")
    assert api.get("/api/InstanceInfo").status_code == 200


def test_who_wrote_can_be_said_only_where_it_is_believed(psa: Sandbox, api: httpx.Client) -> None:
    body = {"ticket_id": 1001, "outcome_id": 7, "note": "Hello", "who_agentid": 2}
    assert write(api, "/Actions", **body).json()["who"] == "Copilot Api"
    psa.switch(author_said=True)
    assert write(api, "/Actions", **body).json()["who"] == "Ines Dahl"


def test_what_is_unverified_stands_either_way(psa: Sandbox, api: httpx.Client) -> None:
    assert write(api, "/Tickets", id=1001, thirdpartyref="X-7").json()["third_party_id_string"] == ""
    assert len(read(api, "/Tickets", team_id=2)["tickets"]) == len(read(api, "/Tickets")["tickets"])
    psa.switch(thirdpartyref_kept=True, team_id_filter=True, ids_are="texts", sla_states="words", who_types="other")
    assert write(api, "/Tickets", id=1001, thirdpartyref="X-7").json()["third_party_id_string"] == "X-7"
    told = read(api, "/Tickets/1001")
    assert isinstance(told["client_id"], str)
    assert told["slaresponsestate"] in ("Inside", "Breached")
    assert {row["team"] for row in read(api, "/Tickets", team_id=2)["tickets"]} <= {"Escalations"}
    assert {row["who_type"] for row in read(api, "/Actions", ticket_id=1001)["actions"]} <= {1, 2}


@pytest.mark.parametrize(
    ("trap", "field", "value"), [("outcome_logs_time", "timetaken", 0.25), ("outcome_charges", "chargerate", 1)]
)
def test_a_trap_of_time_shows_in_the_outcome_and_snaps(
    psa: Sandbox, api: httpx.Client, trap: str, field: str, value: float
) -> None:
    psa.switch(**{trap: True})
    assert write(api, "/Actions", ticket_id=1001, outcome_id=7, note="Hello").json()[field] == value


@pytest.mark.parametrize(
    ("trap", "field", "value"),
    [
        ("outcome_assigns", "agent_name", "Ines Dahl"),
        ("outcome_moves_team", "team", "Escalations"),
        ("outcome_sets_category", "category_1", "Hardware>Printer>Blank pages"),
    ],
)
def test_an_outcome_that_gives_a_ticket_away_does_so(
    psa: Sandbox, api: httpx.Client, trap: str, field: str, value: str
) -> None:
    psa.switch(**{trap: True})
    number = psa.inject({"title": "Till"})
    write(api, "/Actions", ticket_id=number, outcome_id=7, note="Hello")
    assert read(api, f"/Tickets/{number}")[field] == value


# Webhooks


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
async def test_a_webhook_proves_itself_as_it_was_registered(psa: Sandbox, api: httpx.Client, kind: int) -> None:
    async with listening() as listener:
        proof = {
            "authentication_type": kind,
            "basic_username": "u",
            "basic_password": "p",
            "authentication_header": "X",
        }
        made = write(api, "/Webhook", name="ours", url=listener.url, **proof).json()
        assert "basic_password" not in made
        write(api, "/Notification", webhook_id=made["id"], eventno="3")
        psa.inject({"title": "Till"})
        delivery = await listener.next()
    signature = base64.b64encode(hmac.new(b"p", delivery.body, hashlib.sha256).digest()).decode()
    wanted = {0: ("", ""), 1: ("authorization", "Basic dTpw"), 2: ("authorization", "Bearer p"), 3: ("x", signature)}
    name, value = wanted[kind]
    assert {key.casefold(): told for key, told in delivery.headers.items()}.get(name, "") == value
    assert json.loads(delivery.body)["ticket"]["summary"] == "Till"


def test_records_of_people_show(psa: Sandbox, api: httpx.Client) -> None:
    psa.record("appointment", ticket=1001, by="Ines Dahl", starts="2026-03-01T10:00:00Z")
    psa.record("time_off", by="Ines Dahl", starts="2026-03-02T10:00:00Z", ends="2026-03-03T10:00:00Z")
    psa.record("task", ticket=1001, text="Order a roll")
    psa.record("child_of", ticket=1002, to=1001)
    kinds = [row["appointment_type_name"] for row in read(api, "/Appointment", start_date="2026-03-01")]
    assert kinds == ["Appointment", "Holiday"]
    assert [row["text"] for row in read(api, "/ToDo", ticket_id=1001)] == ["Order a roll"]
    assert [row["id"] for row in read(api, "/Tickets", parent_id=1001)["tickets"]] == [1002]

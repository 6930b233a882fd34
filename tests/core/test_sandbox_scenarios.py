"""Scenarios: a desk of their own, waves, records, and people who act between what the API reads and writes."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot.sandbox.scenarios import load_scenario, scenario_names, start_of
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.sandbox_api import api, everything, human, internal, replace

DESK = {
    "technicians": [
        {"login": "wbaum", "name": "Wim Baum", "tier": 1, "team": "Front", "title": "Technician"},
        {"login": "lkern", "name": "Lia Kern", "tier": 2, "team": "Back", "title": "Engineer", "inactive": True},
    ],
    "clients": [
        {
            "name": "Quince Dental",
            "domain": "quince.example",
            "contacts": [
                "Ada Quince",
                {"name": "Bo Reed", "email": "it@quince.example", "types": ["Client IT"], "title": "IT"},
                {"name": "Dr. Cleo Tan", "types": ["VIP"]},
            ],
            "devices": ["QD-XRAY"],
            "calendar": "Practice",
        }
    ],
    "boards": [
        {
            "name": "Front Desk",
            "statuses": [
                {"name": "Fresh", "meaning": "new", "default": True},
                {"name": "Doing", "meaning": "in progress"},
                {"name": "Their turn", "meaning": "waiting on customer"},
                {"name": "Finished", "meaning": "closed"},
            ],
            "categories": ["Imaging/X-ray"],
            "mails_contact": False,
        },
        {"name": "Control"},
    ],
    "calendars": [{"name": "Practice", "hours": {"monday": "07:30-16:00"}, "holidays": {"2026-12-24": "Closed"}}],
}
STORY: dict[str, Any] = {
    "about": "A test.",
    "starts": "monday 08:00",
    "directory": DESK,
    "switches": {"rate_limit": 5000},
    "tickets": [
        {
            "id": "xray",
            "title": "X-ray is dead",
            "company": "Quince Dental",
            "contact": "Dr. Cleo Tan",
            "messages": [{"role": "customer", "text": "I am back on {+5d:%d.%m.%Y}.", "at": "-1h"}],
            "due_at": "+1d",
        },
        {"id": "old", "title": "X-ray again", "company": "Quince Dental", "contact": "Bo Reed", "opened_at": "-1d"},
        {"id": "child", "title": "X-ray screen", "company": "Quince Dental", "contact": "Bo Reed"},
        {"id": "control", "title": "Copilot control", "board": "Control", "status": "Armed"},
    ],
    "waves": [
        {
            "first": "-3m",
            "every": "2m",
            "times": 5,
            "ticket": {
                "title": "Disk C: < 10 % on QD-{n}",
                "origin": "alert",
                "company": "Quince Dental",
                "messages": [{"role": "system", "text": "Alert {n}"}],
            },
        }
    ],
    "records": [
        {"kind": "time", "ticket": "xray", "by": "wbaum", "at": "-30m", "minutes": 15, "text": "On the phone"},
        {"kind": "appointment", "ticket": "xray", "by": "wbaum", "starts": "+2h"},
        {"kind": "unbooked", "ticket": "xray", "by": "wbaum", "at": "+1h"},
        {"kind": "task", "ticket": "xray", "text": "Call the vendor", "done": True},
        {"kind": "device", "ticket": "xray", "device": "QD-XRAY"},
        {"kind": "document", "ticket": "xray", "name": "log.txt", "text": "error 4"},
        {"kind": "merged_into", "ticket": "old", "to": "xray"},
        {"kind": "child_of", "ticket": "child", "to": "xray"},
        {"kind": "tag", "ticket": "child", "text": "sync"},
        {"kind": "time_off", "by": "wbaum", "starts": "+1d", "ends": "+4d"},
    ],
    "steps": [
        {"do": "set", "ticket": "xray", "field": "status", "to": "Doing", "by": "wbaum", "on_read": {"ticket": "xray"}},
        {
            "do": "set", "ticket": "xray", "field": "assignee", "to": "wbaum", "by": "wbaum",
            "on_read": {"ticket": "xray", "after": "1h"},
        },
        {
            "do": "set", "ticket": "child", "field": "title", "to": "By hand", "by": "wbaum",
            "before_write": {"ticket": "child"},
        },
        {
            "do": "message", "ticket": "xray", "after_note": {"ticket": "xray", "contains": "nudge"},
            "message": {"role": "customer", "text": "Automatic reply", "by": "Dr. Cleo Tan"},
        },
        {"do": "record", "at": "10m", "record": {"kind": "leaver", "by": "wbaum"}},
    ],
}  # fmt: skip


def eventually(claim: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def story(tmp_path: Path) -> str:
    file = tmp_path / "story.json"
    file.write_text(json.dumps(STORY))
    return str(file)


@pytest.fixture
def psa(story: str) -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox, scenario=story) as sandbox:
        yield sandbox


@pytest.fixture
def cw(psa: Sandbox) -> Iterator[httpx.Client]:
    with api(psa.url) as client:
        yield client


@pytest.fixture
def numbers(psa: Sandbox) -> dict[str, int]:
    with human(psa.url) as person:
        rows = everything(person, "/service/tickets")
    return {row.get("externalXRef") or row["summary"]: row["id"] for row in rows}


class TestDesk:
    def test_it_begins_when_the_scenario_says(self, psa: Sandbox) -> None:
        assert (psa.now().weekday(), psa.now().hour, psa.now().minute) == (0, 8, 0)
        assert psa.switches()["rate_limit"]["value"] == 5000

    def test_boards_statuses_people_and_calendars_are_its_own(self, cw: httpx.Client) -> None:
        boards = {row["name"]: row for row in cw.get("/service/boards").json()}
        assert set(boards) == {"Front Desk", "Control"}
        assert not boards["Front Desk"]["sendToContactFlag"]
        statuses = cw.get(f"/service/boards/{boards['Front Desk']['id']}/statuses").json()
        assert [(row["name"], row["escalationStatus"], row["closedStatus"]) for row in statuses] == [
            ("Fresh", "NotResponded", False),
            ("Doing", "Responded", False),
            ("Their turn", "NoEscalation", False),
            ("Finished", "Resolved", True),
        ]
        members = {row["identifier"]: row["inactiveFlag"] for row in cw.get("/system/members").json()}
        assert members == {"copilot": False, "api2": False, "wbaum": False, "lkern": True}
        [calendar] = cw.get("/schedule/calendars").json()
        assert (calendar["name"], calendar["mondayStartTime"]) == ("Practice", "07:30:00")
        assert cw.get("/schedule/holidayLists/1/holidays").json()[0]["date"] == "2026-12-24"
        assert cw.get("/company/companies").json()[0]["calendar"]["name"] == "Practice"

    def test_contacts_have_their_types_and_addresses(self, cw: httpx.Client) -> None:
        rows = {row["lastName"]: row for row in cw.get("/company/contacts").json()}
        mails = {name: row["communicationItems"][0]["value"] for name, row in rows.items()}
        assert (mails["Quince"], mails["Reed"]) == ("ada.quince@quince.example", "it@quince.example")
        assert [kind["name"] for kind in rows["Reed"]["types"]] == ["Client IT"]

    def test_the_control_ticket_is_armed(self, cw: httpx.Client, numbers: dict[str, int]) -> None:
        assert cw.get(f"/service/tickets/{numbers['control']}").json()["status"]["name"] == "Armed"


class TestRecords:
    def test_what_was_left_on_tickets_is_there(self, psa: Sandbox, cw: httpx.Client, numbers: dict[str, int]) -> None:
        path = f"/service/tickets/{numbers['xray']}"
        assert [len(cw.get(f"{path}/{part}").json()) for part in ("timeentries", "scheduleentries", "tasks")] == [1] * 3
        [device] = cw.get(f"{path}/configurations").json()
        assert cw.get(f"/company/configurations/{device['id']}").json()["name"] == "QD-XRAY"
        [document] = cw.get(f"{path}/documents").json()
        assert cw.get(f"/system/documents/{document['id']}/download").content == b"error 4"
        old, child = (cw.get(f"/service/tickets/{numbers[name]}").json() for name in ("old", "child"))
        assert (old["mergedParentTicket"]["id"], old["closedFlag"]) == (numbers["xray"], True)
        assert (child["parentTicketId"], child["integratorTags"]) == (numbers["xray"], ["sync"])
        assert cw.get(path).json()["requiredDate"][:10] == f"{psa.now() + timedelta(days=1):%Y-%m-%d}"

    def test_what_lies_ahead_comes_with_the_clock(
        self, psa: Sandbox, cw: httpx.Client, numbers: dict[str, int]
    ) -> None:
        psa.advance("61m")
        eventually(lambda: cw.get(f"/service/tickets/{numbers['xray']}/scheduleentries").json() == [])
        assert cw.get("/system/members/wbaum").json()["inactiveFlag"]

    def test_a_wave_rolls_in(self, psa: Sandbox, cw: httpx.Client) -> None:
        def alerts() -> list[str]:
            found = {"conditions": 'source/name = "RMM"', "fields": "summary"}
            return [row["summary"] for row in cw.get("/service/tickets", params=found).json()]

        assert alerts() == ["Disk C: < 10 % on QD-1", "Disk C: < 10 % on QD-2"]
        psa.advance("10m")
        eventually(lambda: len(alerts()) == 5)
        assert {note["text"] for note in psa.notes()} >= {f"Alert {n}" for n in range(1, 6)}

    def test_dates_in_texts_are_counted_from_the_start(self, psa: Sandbox, numbers: dict[str, int]) -> None:
        assert f"{psa.now() + timedelta(days=5):%d.%m.%Y}" in psa.notes(numbers["xray"])[0]["text"]

    @pytest.mark.parametrize(
        "line",
        [
            {"kind": "nonsense"},
            {"kind": "task", "ticket": 1},
            {"kind": "task", "ticket": 1, "text": "x", "more": 1},
            {"kind": "task", "ticket": 999_999, "text": "x"},
        ],
    )
    def test_what_cannot_be_is_400_with_one_line(self, psa: Sandbox, line: dict[str, object]) -> None:
        answer = httpx.post(f"{psa.url}/_sandbox/record", json=line)
        assert answer.status_code == 400
        assert answer.json()["error"].count("\n") == 0


class TestPeople:
    def test_a_technician_acts_right_after_the_copilot_has_read(
        self, psa: Sandbox, cw: httpx.Client, numbers: dict[str, int]
    ) -> None:
        path = f"/service/tickets/{numbers['xray']}"
        assert cw.get(path).json()["status"]["name"] == "Fresh"
        row = cw.get(path).json()
        assert (row["status"]["name"], row["_info"]["updatedBy"]) == ("Doing", "wbaum")
        psa.advance("61m")
        assert "owner" not in cw.get(path).json()
        assert cw.get(path).json()["owner"]["identifier"] == "wbaum"

    def test_a_technician_acts_right_before_the_copilot_writes(
        self, psa: Sandbox, cw: httpx.Client, numbers: dict[str, int]
    ) -> None:
        path = f"/service/tickets/{numbers['child']}"
        assert cw.get(path).json()["summary"] == "X-ray screen"
        assert cw.patch(path, json=replace("severity", "High")).json()["summary"] == "By hand"

    def test_a_customer_answers_the_note_that_has_the_words(
        self, psa: Sandbox, cw: httpx.Client, numbers: dict[str, int]
    ) -> None:
        notes = f"/service/tickets/{numbers['xray']}/notes"
        cw.post(notes, json=internal("something else"))
        left = psa.state()["people"]["left"]
        cw.post(notes, json=internal("a nudge"))
        eventually(lambda: psa.notes(numbers["xray"])[-1]["text"] == "Automatic reply")
        assert psa.state()["people"]["left"] < left


def test_weekdays_are_the_last_ones() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday
    assert start_of("desk", now=now) == now


@pytest.mark.parametrize(
    ("said", "starts"),
    [
        ("monday 08:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("thursday 13:00", datetime(2026, 11, 19, 13, tzinfo=UTC)),
        ("2026-03-02T08:00:00+01:00", datetime(2026, 3, 2, 7, tzinfo=UTC)),
    ],
)
def test_a_scenario_begins_on_its_day(tmp_path: Path, said: str, starts: datetime) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"about": "x", "starts": said}))
    assert start_of(str(file), now=datetime(2026, 11, 26, 12, tzinfo=UTC)) == starts


@pytest.mark.parametrize("name", scenario_names())
def test_each_shipped_scenario_can_be_read(name: str) -> None:
    assert load_scenario(name, start=datetime(2026, 11, 23, 8, tzinfo=UTC)).about


@pytest.mark.parametrize("content", ["{", "[]", '{"about": "x", "nonsense": 1}'])
def test_a_bad_scenario_says_so(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"bad\.json"):
        load_scenario(str(file), start=datetime.now(UTC))

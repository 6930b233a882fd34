"""What the ConnectWise sandbox does by itself, each switch by its effect: mail, SLA clocks, rules, templates."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import PLANTED, ConnectWiseSandbox
from tests.connectors.sandbox_api import api, human, internal, replace

TICKET = "/service/tickets/1001"
CONTACT = "theo.marsh@harborlaneaccounting.example"
QUIET = {"op": "replace", "path": "processNotifications", "value": False}
OPEN_TIME = {"chargeToId": 1001, "timeStart": "2026-03-01T09:00:00Z", "timeEnd": "2026-03-01T09:30:00Z"}
BOOKING = {"objectId": 1001, "type": {"id": 4}, "member": {"identifier": "mruiz"}}


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def cw(psa: Sandbox) -> Iterator[httpx.Client]:
    with api(psa.url) as client:
        yield client


def eventually(claim: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def ticket(cw: httpx.Client) -> dict[str, Any]:
    return dict(cw.get(TICKET).json())


def patch(cw: httpx.Client, field: str, value: object) -> dict[str, Any]:
    """A write that asks for no notifications, as the copilot's do."""
    return dict(cw.patch(TICKET, json=[*replace(field, value), QUIET]).raise_for_status().json())


def note(cw: httpx.Client, **body: object) -> dict[str, Any]:
    said = internal("x") | {"processNotifications": False} | body
    return dict(cw.post(f"{TICKET}/notes", json=said).raise_for_status().json())


class TestMail:
    DEEDS: dict[str, Callable[[httpx.Client], object]] = {  # noqa: RUF012
        "rule_mail_status": lambda cw: patch(cw, "status", {"name": "Scheduled"}),
        "rule_mail_note": lambda cw: note(cw, internalAnalysisFlag=False, resolutionFlag=True),
        "rule_mail_internal_note": note,
        "rule_mail_owner": lambda cw: patch(cw, "owner", {"identifier": "mruiz"}),
        "rule_mail_board": lambda cw: patch(cw, "board", {"name": "Escalations"}),
        "rule_mail_priority": lambda cw: patch(cw, "priority", {"id": 1}),
        "rule_mail_category": lambda cw: patch(cw, "type", {"name": "Network"}),
        "rule_mail_update": lambda cw: patch(cw, "summary", "Another"),
        "rule_mail_time": lambda cw: cw.post("/time/entries", json=OPEN_TIME).raise_for_status(),
        "rule_mail_appointment": lambda cw: cw.post("/schedule/entries", json=BOOKING).raise_for_status(),
        "rule_mail_closed": lambda cw: patch(cw, "status", {"name": "Closed"}),
    }

    @pytest.mark.parametrize("switch", DEEDS)
    def test_a_workflow_rule_mails_though_the_write_asked_for_none(
        self, psa: Sandbox, cw: httpx.Client, switch: str
    ) -> None:
        self.DEEDS[switch](cw)
        assert psa.mailbox() == []
        cw.patch(TICKET, json=[*replace("status", {"name": "In Progress"}), *replace("board", {"id": 1}), QUIET])
        psa.switch(**{switch: True})
        patch(cw, "severity", "High") if switch == "rule_mail_update" else self._again(cw, switch)
        [mail] = psa.mailbox()
        assert set(mail) == {"at", "to", "subject", "why", "ticket", "by", "text"}
        assert (mail["to"], mail["ticket"], mail["by"]) == (CONTACT, 1001, "copilot")
        assert mail["why"].startswith("workflow rule")
        assert psa.state()["mails"] == 1

    def _again(self, cw: httpx.Client, switch: str) -> None:
        other: dict[str, Callable[[], object]] = {
            "rule_mail_owner": lambda: patch(cw, "owner", {"identifier": "ashah"}),
            "rule_mail_priority": lambda: patch(cw, "priority", {"id": 2}),
            "rule_mail_category": lambda: patch(cw, "type", {"name": "Software"}),
        }
        other.get(switch, lambda: self.DEEDS[switch](cw))()

    def test_rules_may_heed_what_the_write_asked_for(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_mail_update=True, rules_heed_notifications=True)
        patch(cw, "summary", "Quiet")
        assert psa.mailbox() == []
        cw.patch(TICKET, json=replace("summary", "Loud"))
        assert len(psa.mailbox()) == 1

    def test_rules_may_be_for_api_members_only(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_mail_internal_note=True, rules_on="api")
        with human(psa.url) as person:
            note(person)
        assert psa.mailbox() == []
        note(cw)
        assert len(psa.mailbox()) == 1

    def test_rules_may_act_later(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_mail_internal_note=True, rules_delay=300)
        note(cw)
        assert psa.mailbox() == []
        assert psa.state()["people"] == {"left": 0}
        psa.advance("6m")
        eventually(lambda: len(psa.mailbox()) == 1)

    def test_boards_mail_whom_their_flags_name(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(board_sends_to_contact=False, board_sends_to_resource=True, board_sends_to_cc=True)
        board = cw.get("/service/boards/1").json()
        assert (board["sendToContactFlag"], board["sendToResourceFlag"], board["sendToCCFlag"]) == (False, True, True)
        cw.patch(TICKET, json=replace("automaticEmailCc", "cc@msp.example"))
        cw.patch(TICKET, json=replace("status", {"name": "Scheduled"}))
        assert [mail["to"] for mail in psa.mailbox()] == ["idahl@msp.example", "cc@msp.example"]

    def test_bundled_tickets_are_mailed_too(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(board_sends_to_bundled=True)
        cw.post(f"{TICKET}/attachChildren", json={"childTicketIds": [1002]}).raise_for_status()
        cw.patch(TICKET, json=replace("status", {"name": "Scheduled"}))
        child = cw.get("/service/tickets/1002").json()["contactEmailAddress"]
        assert [mail["to"] for mail in psa.mailbox()] == [CONTACT, child]

    def test_only_statuses_with_a_template_may_mail(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(status_email_templates=True)
        shown = {row["name"]: "emailTemplate" in row for row in cw.get("/service/boards/1/statuses").json()}
        assert shown["Resolved"]
        assert not shown["Scheduled"]
        cw.patch(TICKET, json=replace("status", {"name": "Scheduled"}))
        assert psa.mailbox() == []
        cw.patch(TICKET, json=replace("status", {"name": "Resolved"}))
        assert len(psa.mailbox()) == 1

    def test_a_closed_loop_mails_internal_notes_to_the_resources(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(closed_loop_internal=True)
        assert cw.get("/service/boards/1").json()["closedLoopInternalAnalysisFlag"]
        note(cw)
        assert [(mail["to"], mail["why"]) for mail in psa.mailbox()] == [
            ("idahl@msp.example", "closedLoopInternalAnalysisFlag")
        ]

    def test_an_internal_note_mails_only_where_the_switch_says_so(self, psa: Sandbox, cw: httpx.Client) -> None:
        note(cw, processNotifications=True)
        assert psa.mailbox() == []
        psa.switch(internal_note_mails=True)
        note(cw, processNotifications=True)
        assert [mail["to"] for mail in psa.mailbox()] == ["idahl@msp.example"]

    def test_a_public_note_may_want_the_tickets_own_flag(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(public_note_mails="ticket_flags")
        public = {"detailDescriptionFlag": True, "processNotifications": True}
        note(cw, **public)
        assert psa.mailbox() == []
        patch(cw, "automaticEmailContactFlag", True)
        note(cw, **public)
        assert [mail["to"] for mail in psa.mailbox()] == [CONTACT]

    def test_time_entries_mail_whom_they_name_and_keep_no_word_of_it(self, psa: Sandbox, cw: httpx.Client) -> None:
        orders = {"emailContactFlag": True, "emailResourceFlag": True, "emailCcFlag": True, "emailCc": "cc@msp.example"}
        entry = cw.post("/time/entries", json=OPEN_TIME | orders).json()
        assert not orders.keys() & entry.keys()
        assert [mail["to"] for mail in psa.mailbox()] == [CONTACT, "idahl@msp.example", "cc@msp.example"]

    @pytest.mark.parametrize("told", [True, False])
    def test_the_audit_trail_may_tell_of_mails(self, psa: Sandbox, cw: httpx.Client, told: bool) -> None:
        psa.switch(mails_in_audit_trail=told)
        cw.patch(TICKET, json=replace("status", {"name": "Scheduled"}))
        trail = cw.get("/system/audittrail", params={"type": "Ticket", "id": 1001}).json()
        assert any(row["auditSubType"] == "Email" and CONTACT in row["text"] for row in trail) == told


class TestSla:
    def test_a_ticket_shows_its_next_target(self, psa: Sandbox, cw: httpx.Client) -> None:
        made = cw.post(
            "/service/tickets", json={"summary": "New", "company": {"id": 251}, "priority": {"id": 1}}
        ).json()
        assert made["sla"]["name"] == "Standard"
        assert made["slaStatus"].startswith("Respond by ")
        assert made["slaStatus"].endswith(" UTC+00")
        assert made["isInSla"]
        psa.advance("31m")
        assert not cw.get(f"/service/tickets/{made['id']}").json()["isInSla"]

    def test_targets_come_by_priority(self, cw: httpx.Client) -> None:
        [sla] = cw.get("/service/SLAs").json()
        rows = cw.get(f"/service/SLAs/{sla['id']}/priorities").json()
        hours = {row["priority"]["sort"]: row["respondHours"] for row in rows}
        assert hours[1] < hours[4]
        assert len(hours) == 4

    def test_a_status_stamps_its_stage_and_those_before(self, psa: Sandbox, cw: httpx.Client) -> None:
        made = cw.post("/service/tickets", json={"summary": "New", "company": {"id": 251}}).json()
        path = f"/service/tickets/{made['id']}"
        psa.advance("90m")
        done = cw.patch(path, json=replace("status", {"name": "Resolved"})).json()
        assert done["dateResponded"] == done["dateResplan"] == done["dateResolved"]
        assert 89 <= done["respondMinutes"] <= 91
        assert (done["resolvedBy"], done["slaStatus"]) == ("copilot", "Resolved")

    def test_only_its_own_stage_where_the_switch_says_so(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(sla_stamps_earlier=False)
        made = cw.post("/service/tickets", json={"summary": "New", "company": {"id": 251}}).json()
        done = cw.patch(f"/service/tickets/{made['id']}", json=replace("status", {"name": "Resolved"})).json()
        assert "dateResponded" not in done
        assert done["dateResolved"]

    @pytest.mark.parametrize("waits", [True, False])
    def test_the_clock_stands_still_while_the_ticket_waits(self, psa: Sandbox, cw: httpx.Client, waits: bool) -> None:
        psa.switch(sla_waits=waits)
        made = cw.post("/service/tickets", json={"summary": "New", "company": {"id": 251}}).json()
        path = f"/service/tickets/{made['id']}"
        waiting = cw.patch(path, json=replace("status", {"name": "Waiting customer"})).json()
        assert (waiting["slaStatus"] == "Waiting") == waits
        psa.advance("10h")
        back = cw.patch(path, json=replace("status", {"name": "New"})).json()
        assert back["isInSla"] == waits
        assert (back.get("minutesWaiting", 0) >= 600) == waits

    @pytest.mark.parametrize(
        ("switch", "field", "value"),
        [
            ("sla_restart_on_status", "status", {"name": "New"}),
            ("sla_restart_on_priority", "priority", {"id": 1}),
            ("sla_restart_on_type", "type", {"name": "Network"}),
            ("sla_restart_on_board", "board", {"name": "Escalations"}),
            ("sla_restart_on_update", "summary", "Another"),
        ],
    )
    def test_a_write_may_restart_the_clock(
        self, psa: Sandbox, cw: httpx.Client, switch: str, field: str, value: object
    ) -> None:
        before = ticket(cw)
        assert before["dateResponded"]
        psa.switch(**{switch: True})
        patch(cw, "severity", "Low") if switch != "sla_restart_on_update" else None
        after = patch(cw, field, value)
        assert after["escalationStartDateUTC"] > before["escalationStartDateUTC"]
        assert "dateResponded" not in after

    def test_a_note_may_stop_the_clock(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(sla_stops_on_note=True)
        made = psa.inject({"title": "New one", "messages": [{"role": "customer", "text": "Help"}]})
        path = f"/service/tickets/{made}"
        assert "dateResponded" not in cw.get(path).json()
        cw.post(f"{path}/notes", json=internal("x"))
        assert cw.get(path).json()["dateResponded"]


class TestRules:
    def test_a_note_sets_a_status(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_note_sets_status=True)
        note(cw)
        assert ticket(cw)["status"]["name"] == "Updated"
        assert ticket(cw)["_info"]["updatedBy"] == "zWorkflow"

    def test_a_rule_adds_one_note_after_ours(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_adds_note=True)
        before = len(psa.notes(1001))
        note(cw)
        ours, theirs = psa.notes(1001)[before:]
        assert (ours["author"], theirs["author"]) == ("copilot", "zWorkflow")

    def test_a_rule_sets_a_field_back(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_reverts_field=True)
        assert patch(cw, "status", {"name": "Scheduled"})["status"]["name"] == "Scheduled"
        assert ticket(cw)["status"]["name"] == "In Progress"
        with human(psa.url) as person:
            patch(person, "status", {"name": "Scheduled"})
        assert ticket(cw)["status"]["name"] == "Scheduled"

    def test_rules_log_time_book_and_assign(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rule_adds_time=True, rule_adds_appointment=True)
        times = len(cw.get(f"{TICKET}/timeentries").json())
        patch(cw, "status", {"name": "Scheduled"})
        assert len(cw.get(f"{TICKET}/timeentries").json()) == times + 1
        assert len(cw.get(f"{TICKET}/scheduleentries").json()) == 1
        cw.patch(TICKET, json=[{"op": "remove", "path": "owner"}])
        psa.switch(rule_assigns=True)
        patch(cw, "severity", "High")
        assert ticket(cw)["owner"]

    @pytest.mark.parametrize(("how", "begins"), [("append", "Labels"), ("overwrite", "[per template]")])
    def test_a_type_pulls_its_template(self, psa: Sandbox, cw: httpx.Client, how: str, begins: str) -> None:
        assert cw.get("/service/boards/1/autoTemplates").json() == []
        psa.switch(auto_templates=how)
        listed = cw.get("/service/boards/1/autoTemplates").json()
        assert {row["summarySetting"] for row in listed} == {how.capitalize()}
        before, priority = len(psa.notes(1001)), ticket(cw)["priority"]
        patch(cw, "type", {"name": "Network"})
        after = ticket(cw)
        assert after["summary"].startswith(begins)
        assert "[per template]" in after["summary"]
        assert after["resources"]
        assert (after["priority"] != priority) == (how == "overwrite")
        assert len(psa.notes(1001)) == before + 1
        assert len(cw.get(f"{TICKET}/tasks").json()) == 1

    def test_a_new_ticket_may_be_assigned(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(auto_assign_new=True)
        assert cw.get("/service/boards/1").json()["autoAssignNewTicketsFlag"]
        assert cw.post("/service/tickets", json={"summary": "New", "company": {"id": 251}}).json()["owner"]

    def test_the_clock_closes_what_stays_resolved(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(auto_close_days=3)
        assert cw.get("/service/boards/1").json()["autoCloseStatus"]["name"] == "Closed"
        patch(cw, "status", {"name": "Resolved"})
        psa.inject(1002, {"role": "customer", "text": "x"})
        cw.patch("/service/tickets/1002", json=[*replace("status", {"name": "Resolved"}), QUIET])
        psa.advance("2d")
        cw.patch("/service/tickets/1002", json=[*replace("status", {"name": "In Progress"}), QUIET])
        psa.advance("25h")
        eventually(lambda: bool(ticket(cw)["closedFlag"]))
        assert not cw.get("/service/tickets/1002").json()["closedFlag"]

    def test_mail_may_reopen(self, psa: Sandbox, cw: httpx.Client) -> None:
        patch(cw, "status", {"name": "Closed"})
        psa.inject(1001, {"role": "customer", "text": "Still broken"})
        assert ticket(cw)["closedFlag"]
        psa.switch(reopen_by_mail=True)
        psa.inject(1001, {"role": "customer", "text": "Still broken!"})
        assert (ticket(cw)["status"]["name"], ticket(cw)["closedFlag"]) == ("Customer replied", False)

    def test_billing_takes_what_is_closed(self, psa: Sandbox, cw: httpx.Client) -> None:
        entry = cw.post("/time/entries", json=OPEN_TIME).json()["id"]
        psa.switch(bill_after_close=True)
        patch(cw, "status", {"name": "Closed"})
        assert cw.get(f"/time/entries/{entry}").json()["status"] == "ReadyToBill"
        assert cw.patch(f"/time/entries/{entry}", json=replace("notes", "x")).status_code == 400

    def test_what_the_file_tells_is_history(self, psa: Sandbox) -> None:
        quiet = psa.counts()
        with running(ConnectWiseSandbox, switches={"all_side_effects": True}) as psa:
            assert psa.mailbox() == []
            assert psa.counts() == quiet
            psa.inject(1001, {"role": "customer", "text": "Any news?"})
            assert psa.mailbox()


class TestPlanted:
    """Each side effect that the canary must find can be seen by the API."""

    SEEN: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {  # noqa: RUF012
        "planted_mail_to_contact": lambda old, new: len(new["mails"]) > len(old["mails"]),
        "planted_status": lambda old, new: new["status"] != old["status"],
        "planted_sla_restart": lambda old, new: new["escalationStartDateUTC"] > old["escalationStartDateUTC"],
        "planted_sla_responded": lambda old, new: "dateResponded" in new and "dateResponded" not in old,
        "planted_template": lambda old, new: new["summary"] != old["summary"],
        "planted_task": lambda old, new: len(new["tasks"]) > len(old["tasks"]),
        "planted_note": lambda old, new: len(new["notes"]) > len(old["notes"]) + 1,
        "planted_time_entry": lambda old, new: len(new["times"]) > len(old["times"]),
        "planted_appointment": lambda old, new: len(new["bookings"]) > len(old["bookings"]),
        "planted_priority": lambda old, new: new["priority"] != old["priority"],
        "planted_owner": lambda old, new: new.get("owner") != old.get("owner"),
    }

    def look(self, cw: httpx.Client, path: str) -> dict[str, Any]:
        trail = cw.get("/system/audittrail", params={"type": "Ticket", "id": path.rpartition("/")[2]}).json()
        parts = {"tasks": "tasks", "notes": "notes", "times": "timeentries", "bookings": "scheduleentries"}
        lists = {name: cw.get(f"{path}/{part}").json() for name, part in parts.items()}
        return {**cw.get(path).json(), **lists, "mails": [row for row in trail if row["auditSubType"] == "Email"]}

    def test_every_planted_effect_is_described(self) -> None:
        assert set(self.SEEN) == set(PLANTED)
        assert len(PLANTED) >= 10

    @pytest.mark.parametrize("switch", PLANTED)
    def test_one_note_sets_off_one_thing(self, psa: Sandbox, cw: httpx.Client, switch: str) -> None:
        made = psa.inject({"title": "Canary", "opened_at": "-1h", "messages": [{"role": "customer", "text": "x"}]})
        path = f"/service/tickets/{made}"
        before = self.look(cw, path)
        psa.switch(**{switch: True})
        cw.post(f"{path}/notes", json=internal("x") | {"processNotifications": False}).raise_for_status()
        after = self.look(cw, path)
        assert [name for name, seen in self.SEEN.items() if seen(before, after)] == [switch]

    def test_all_of_them_at_once(self, psa: Sandbox, cw: httpx.Client) -> None:
        made = psa.inject({"title": "Canary", "opened_at": "-1h", "messages": [{"role": "customer", "text": "x"}]})
        path = f"/service/tickets/{made}"
        before = self.look(cw, path)
        psa.switch(all_side_effects=True)
        cw.post(f"{path}/notes", json=internal("x") | {"processNotifications": False}).raise_for_status()
        after = self.look(cw, path)
        seen = {name for name, seen in self.SEEN.items() if seen(before, after)}
        assert seen >= set(PLANTED) - {"planted_sla_restart", "planted_sla_responded"}
        assert seen & {"planted_sla_restart", "planted_sla_responded"}

    def test_people_set_off_none(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(planted_note=True)
        before = len(psa.notes(1001))
        with human(psa.url) as person:
            note(person)
        assert len(psa.notes(1001)) == before + 1

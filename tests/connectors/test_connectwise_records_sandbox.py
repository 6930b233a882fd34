"""The rest of the ConnectWise sandbox's desk by its API: schedule, tasks, devices, families, rights, late lists."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.sandbox_api import api, everything, human, internal, replace

TICKET = "/service/tickets/1001"
TIMES = {"dateStart": "2026-12-01T09:00:00Z", "dateEnd": "2026-12-01T10:00:00Z"}


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def cw(psa: Sandbox) -> Iterator[httpx.Client]:
    with api(psa.url) as client:
        yield client


# The first has no count; the description of the second's answers with a calendar, which is a slip.
UNCOUNTED = ("/service/tickets/calculateSla", "/schedule/calendars")


class TestTables:
    @pytest.mark.parametrize(
        "path",
        [
            "/service/SLAs", "/service/locations", "/service/teams", "/service/boards/1/typeSubTypeItemAssociations",
            "/company/companies/types", "/company/companies/statuses", "/company/companies/251/sites",
            "/company/companies/251/typeAssociations", "/company/contacts/types",
            "/company/contacts/351/communications",
            "/company/configurations", "/company/configurations/types", "/company/configurations/statuses",
            "/schedule/types", "/schedule/statuses", "/schedule/calendars", "/schedule/holidayLists",
            "/schedule/holidayLists/1/holidays", "/time/workTypes", "/time/workRoles", "/finance/agreements",
            "/finance/agreements/types", "/system/info/members", "/service/tickets/info",
            "/service/tickets/calculateSla",
        ],
    )  # fmt: skip
    def test_each_table_has_rows_and_counts_them(self, cw: httpx.Client, path: str) -> None:
        rows = everything(cw, path)
        assert rows
        if path not in UNCOUNTED:
            assert cw.get(f"{path}/count").json() == {"count": len(rows)}

    def test_a_subtype_names_its_types(self, psa: Sandbox, cw: httpx.Client) -> None:
        rows = cw.get("/service/boards/1/typeSubTypeItemAssociations", params={"pageSize": 100}).json()
        paths = {"/".join(row[kind]["name"] for kind in ("type", "subType", "item") if kind in row) for row in rows}
        assert "Network/VPN/Cannot connect" in paths
        wrong = [*replace("type", {"name": "Network"}), *replace("subType", {"name": "Printer"})]
        wrong += [{"op": "remove", "path": "item"}]
        assert cw.patch(TICKET, json=wrong).status_code == 200
        psa.switch(strict_categories=True)
        assert cw.patch(TICKET, json=wrong).status_code == 400
        right = [*replace("type", {"name": "Network"}), *replace("subType", {"name": "VPN"})]
        assert cw.patch(TICKET, json=right).status_code == 200

    def test_a_board_may_have_no_default_status(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(no_default_status=True)
        assert not any(row["defaultFlag"] for row in cw.get("/service/boards/1/statuses").json())
        made = cw.post("/service/tickets", json={"summary": "x", "company": {"id": 251}})
        assert made.json()["status"]["name"] == "New"


class TestSchedule:
    def test_an_appointment_is_moved_and_taken_off(self, cw: httpx.Client) -> None:
        body = {"objectId": 1001, "type": {"identifier": "S"}, "member": {"identifier": "mruiz"}, **TIMES}
        entry = cw.post("/schedule/entries", json=body).raise_for_status().json()
        assert (entry["hours"], entry["status"]["name"]) == (1.0, "Firm")
        path = f"/schedule/entries/{entry['id']}"
        moved = cw.patch(path, json=replace("dateEnd", "2026-12-01T11:00:00Z")).json()
        assert moved["dateEnd"] == "2026-12-01T11:00:00Z"
        assert cw.patch(path, json=replace("doneFlag", True)).json()["doneFlag"]
        assert cw.delete(f"{path}/false").status_code == 204
        assert cw.get(path).status_code == 404

    def test_two_at_once_may_be_refused(self, psa: Sandbox, cw: httpx.Client) -> None:
        body = {"objectId": 1001, "type": {"id": 4}, "member": {"identifier": "mruiz"}, **TIMES}
        psa.switch(schedule_conflicts="refused")
        assert cw.post("/schedule/entries", json=body).status_code == 201
        refused = cw.post("/schedule/entries", json=body)
        assert refused.json()["errors"][0]["code"] == "ScheduleConflict"
        assert cw.post("/schedule/entries", json=body | {"allowScheduleConflictsFlag": True}).status_code == 201
        assert cw.post("/schedule/entries", json=body | {"member": {"identifier": "ashah"}}).status_code == 201

    def test_somebody_is_away(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.record("time_off", by="Marta Ruiz", starts="-1d", ends="+6d")
        [entry] = cw.get("/schedule/entries", params={"conditions": 'member/identifier = "mruiz"'}).json()
        assert (entry["type"]["identifier"], entry["name"]) == ("O", "Vacation")
        assert "objectId" not in entry


class TestTime:
    BODY: dict[str, Any] = {"chargeToId": 1001, "timeStart": "2026-03-01T09:00:00Z"}  # noqa: RUF012

    def test_a_time_entry_goes_its_road(self, cw: httpx.Client) -> None:
        path = f"/time/entries/{cw.post('/time/entries', json=self.BODY).json()['id']}"
        assert cw.patch(path, json=replace("status", "ApprovedByTierTwo")).status_code == 400
        for status in ("PendingApproval", "Rejected", "ErrorsCorrected", "PendingApproval", "ApprovedByTierOne"):
            assert cw.patch(path, json=replace("status", status)).json()["status"] == status
        assert cw.patch(path, json=replace("notes", "x")).status_code == 400

    def test_a_work_type_is_one_of_the_table(self, cw: httpx.Client) -> None:
        entry = cw.post("/time/entries", json=self.BODY | {"workType": {"name": "Internal"}}).json()
        assert entry["workType"]["name"] == "Internal"
        wrong = cw.post("/time/entries", json=self.BODY | {"workType": {"name": "Nothing"}})
        assert wrong.status_code == 400

    def test_a_running_one_has_no_end(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.record("time", ticket=1001, by="idahl", minutes=0, text="looking", running=True)
        [entry] = cw.get("/time/entries", params={"conditions": "chargeToId = 1001 and timeEnd = null"}).json()
        assert (entry["member"]["identifier"], entry["actualHours"]) == ("idahl", 0.0)


class TestOnTickets:
    def test_tasks(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.record("task", ticket=1001, text="first")
        task = cw.post(f"{TICKET}/tasks", json={"notes": "second"}).raise_for_status().json()
        path = f"{TICKET}/tasks/{task['id']}"
        assert cw.patch(path, json=replace("closedFlag", True)).json()["closedFlag"]
        assert [(row["notes"], row["closedFlag"]) for row in cw.get(f"{TICKET}/tasks").json()] == [
            ("first", False), ("second", True),
        ]  # fmt: skip
        assert cw.get(f"/service/tickets/1002/tasks/{task['id']}").status_code == 404
        assert cw.delete(path).status_code == 204

    def test_devices_are_the_contacts_until_somebody_links_others(self, cw: httpx.Client) -> None:
        path = f"{TICKET}/configurations"
        before = cw.get(path).json()
        assert before
        refused = cw.post(path, json={"name": "x"})
        assert refused.json()["errors"][0]["message"] == "id or deviceIdentifier is required."
        assert cw.post(path, json={"deviceIdentifier": "device-1"}).status_code == 201
        linked = cw.get(path).json()
        assert [row["deviceIdentifier"] for row in linked] == [*(r["deviceIdentifier"] for r in before), "device-1"]
        assert cw.delete(f"{path}/{linked[0]['id']}").status_code == 204
        assert len(cw.get(path).json()) == len(linked) - 1

    def test_documents_and_products(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.record("document", ticket=1001, name="shot.png", text="pixels", by="idahl")
        psa.record("product", ticket=1001, text="A roll of labels")
        [listed] = cw.get("/system/documents", params={"recordType": "Ticket", "recordId": 1001}).json()
        assert (listed["fileName"], listed["owner"]) == ("shot.png", "idahl")
        assert cw.get(f"{TICKET}/documents").json()[0]["id"] == listed["id"]
        assert cw.get(f"{TICKET}/products").json()[0]["description"] == "A roll of labels"
        assert cw.get(f"{TICKET}/activities").json() == []

    def test_merged_tickets_close_and_go_on_elsewhere(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.inject(1002, {"role": "customer", "text": "the same again"})
        closed = next(row for row in cw.get("/service/boards/1/statuses").json() if row["closedStatus"])
        order = {"mergeTicketIds": [1002], "status": {"id": closed["id"]}}
        assert cw.post(f"{TICKET}/merge", json=order).json()["success"]
        source = cw.get("/service/tickets/1002").json()
        assert (source["mergedParentTicket"]["id"], source["closedFlag"]) == (1001, True)
        assert cw.get(TICKET).json()["hasMergedChildTicketFlag"]
        texts = {row["text"]: row["mergedFlag"] for row in cw.get(f"{TICKET}/allNotes").json()}
        assert texts["the same again"]
        assert set(texts.values()) == {True, False}
        assert cw.post(f"{TICKET}/merge", json=order).status_code == 400
        assert cw.post(f"{TICKET}/merge", json=order | {"mergeTicketIds": [1001]}).status_code == 400

    def test_children(self, cw: httpx.Client) -> None:
        assert cw.post(f"{TICKET}/attachChildren", json={"childTicketIds": [1002, 1004]}).status_code == 200
        assert cw.get("/service/tickets/1002").json()["parentTicketId"] == 1001
        assert cw.get(TICKET).json()["hasChildTicket"]
        loop = cw.post("/service/tickets/1002/attachChildren", json={"childTicketIds": [1001]})
        assert loop.status_code == 400
        for child in (1002, 1004):
            cw.patch(f"/service/tickets/{child}", json=[{"op": "remove", "path": "parentTicketId"}]).raise_for_status()
        assert not cw.get(TICKET).json()["hasChildTicket"]

    def test_project_tickets_share_the_ids(self, psa: Sandbox, cw: httpx.Client) -> None:
        made = psa.inject({"title": "Roll out", "origin": "project", "messages": [{"role": "agent", "text": "x"}]})
        body = {"summary": "Phase two", "phase": {"id": 1}}
        other = cw.post("/project/tickets", json=body).raise_for_status().json()
        assert cw.post("/project/tickets", json={"summary": "x"}).json()["errors"][0]["field"] == "phase"
        assert [row["id"] for row in cw.get("/project/tickets").json()] == [made, other["id"]]
        assert "sla" not in other
        assert len(cw.get(f"/project/tickets/{made}/allNotes").json()) == 1
        found = {"conditions": 'recordType = "ProjectTicket"'}
        assert cw.get("/service/tickets/count", params=found).json() == {"count": 2}
        psa.switch(service_lists_project_tickets=False)
        assert cw.get("/service/tickets/count", params=found).json() == {"count": 0}

    def test_the_change_log_is_read_and_cleared(self, psa: Sandbox, cw: httpx.Client) -> None:
        cw.patch(TICKET, json=replace("summary", "Renamed"))
        [row] = cw.get("/service/tickets/changelogs").json()
        assert (row["ticketNumber"], row["action"], row["summary"]) == (1001, "updated", "Renamed")
        assert cw.delete("/service/tickets/changelogs").status_code == 204
        assert cw.get("/service/tickets/changelogs").json() == []
        psa.switch(changelogs=False)
        assert cw.get("/service/tickets/changelogs").status_code == 404

    def test_a_mirrored_ticket(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.record("tag", ticket=1001, text="sync")
        psa.record("external_ref", ticket=1001, text="INC-7")
        assert (cw.get(TICKET).json()["integratorTags"], cw.get(TICKET).json()["externalXRef"]) == (["sync"], "INC-7")

    def test_a_closed_ticket_may_still_change(self, cw: httpx.Client) -> None:
        cw.patch(TICKET, json=replace("status", {"name": "Closed"})).raise_for_status()
        assert cw.patch(TICKET, json=replace("summary", "Later")).json()["closedFlag"]
        assert cw.get(TICKET).json()["summary"] == "Later"


class TestNotesText:
    @pytest.mark.parametrize(("whose", "ours", "theirs"), [("customers", False, True), ("all", True, True)])
    def test_notes_may_be_html(self, psa: Sandbox, cw: httpx.Client, whose: str, ours: bool, theirs: bool) -> None:
        psa.switch(html_notes=whose)
        note = cw.post(f"{TICKET}/notes", json=internal("a < b\nc")).json()["text"]
        assert note == ("<div><p>a &lt; b<br />c</p></div>" if ours else "a < b\nc")
        psa.inject(1001, {"role": "customer", "text": "x"})
        assert (psa.notes(1001)[-1]["text"] == "<div><p>x</p></div>") == theirs

    def test_an_internal_note_may_leave_the_ticket_alone(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(internal_note_bumps_ticket=False)
        before = cw.get(TICKET).json()["_info"]
        cw.post(f"{TICKET}/notes", json=internal("x"))
        assert cw.get(TICKET).json()["_info"] == before
        psa.inject(1001, {"role": "customer", "text": "x"})
        assert cw.get(TICKET).json()["_info"] != before


class TestDoor:
    def test_lists_may_be_late_and_records_are_not(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(late_visibility=60)
        since = f"{psa.now():%Y-%m-%dT%H:%M:%SZ}"
        changed = {"conditions": f"lastUpdated >= [{since}]", "orderBy": "lastUpdated asc"}
        cw.patch(TICKET, json=replace("summary", "Late"))
        made = cw.post("/service/tickets", json={"summary": "New", "company": {"id": 251}}).json()["id"]
        assert cw.get(TICKET).json()["summary"] == "Late"
        assert cw.get("/service/tickets", params=changed).json() == []
        psa.advance("61s")
        assert [row["id"] for row in cw.get("/service/tickets", params=changed).json()] == [1001, made]
        psa.switch(late_visibility=0)
        cw.delete(f"/service/tickets/{made}")
        assert [row["id"] for row in cw.get("/service/tickets", params=changed).json()] == [1001]

    def test_many_changes_share_a_second(self, psa: Sandbox, cw: httpx.Client) -> None:
        at = f"{psa.now():%Y-%m-%dT%H:%M:%SZ}"
        for number in range(30):
            psa.inject(
                {"title": f"Tie {number}", "opened_at": at, "messages": [{"role": "customer", "text": "x", "at": at}]}
            )
        tied, order = f"lastUpdated = [{at}]", {"orderBy": "lastUpdated asc,id asc", "pageSize": "20"}
        first = cw.get("/service/tickets", params={"conditions": tied, **order}).json()
        rest = f"{tied} and id > {first[-1]['id']}"
        second = cw.get("/service/tickets", params={"conditions": rest, **order}).json()
        assert (len(first), len(second)) == (20, 10)

    @pytest.mark.parametrize(("said", "off"), [("+90s", 90), ("-5m", -300), ("0s", 0)])
    def test_the_date_header_may_be_wrong(self, psa: Sandbox, cw: httpx.Client, said: str, off: int) -> None:
        assert "date" not in cw.get(TICKET).headers
        psa.switch(date_header=said)
        told = parsedate_to_datetime(cw.get(TICKET).headers["date"])
        assert abs((told - psa.now()).total_seconds() - off) < 5

    def test_on_premises_there_is_one_codebase(self, psa: Sandbox) -> None:
        psa.switch(on_premises=True, is_cloud_as_text=True)
        info = httpx.get(f"{psa.url}/login/companyinfo/sandbox").json()
        assert (info["Codebase"], info["IsCloud"]) == ("v4_6_release/", "False")
        with api(psa.url) as client:
            assert client.get("/system/info").json()["isCloud"] is False
            assert client.get(f"{psa.url}/v2026_1/apis/3.0/system/info").status_code == 404


class TestRights:
    READS = {  # noqa: RUF012
        "tickets_right": TICKET,
        "boards_right": "/service/boards",
        "companies_right": "/company/companies",
        "contacts_right": "/company/contacts",
        "configurations_right": f"{TICKET}/configurations",
        "agreements_right": "/finance/agreements",
        "slas_right": "/service/SLAs",
        "documents_right": "/system/documents",
        "time_right": "/time/entries",
        "schedule_right": "/schedule/entries",
    }
    WRITES: dict[str, tuple[str, str, Any]] = {  # noqa: RUF012
        "notes_right": ("POST", f"{TICKET}/notes", internal("x")),
        "edit_right": ("PATCH", TICKET, replace("summary", "x")),
        "status_right": ("PATCH", TICKET, replace("status", {"name": "Scheduled"})),
        "board_right": ("PATCH", TICKET, replace("board", {"id": 2})),
        "assign_right": ("PATCH", TICKET, replace("owner", {"identifier": "mruiz"})),
        "priority_right": ("PATCH", TICKET, replace("priority", {"id": 1})),
        "tasks_right": ("POST", f"{TICKET}/tasks", {"notes": "x"}),
        "time_right": ("POST", "/time/entries", TestTime.BODY),
        "schedule_right": ("POST", "/schedule/entries", {"objectId": 1001, "type": {"id": 4}}),
    }

    @pytest.mark.parametrize("right", READS)
    def test_what_may_not_be_read(self, psa: Sandbox, cw: httpx.Client, right: str) -> None:
        assert cw.get(self.READS[right]).status_code == 200
        psa.switch(**{right: False})
        assert cw.get(self.READS[right]).status_code == 403
        with human(psa.url) as person:
            assert person.get(self.READS[right]).status_code == 200

    @pytest.mark.parametrize("right", WRITES)
    def test_what_may_not_be_written(self, psa: Sandbox, cw: httpx.Client, right: str) -> None:
        method, path, body = self.WRITES[right]
        psa.switch(**{right: False})
        assert cw.request(method, path, json=body).status_code == 403
        assert not psa.log()[-1]["committed"]
        psa.switch(**{right: True})
        assert cw.request(method, path, json=body).is_success

    def test_a_missing_right_may_show_as_no_rows(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(contacts_right=False, missing_right_shows="no_rows")
        assert cw.get("/company/contacts").json() == []
        assert cw.get("/company/contacts/count").json() == {"count": 0}

    @pytest.mark.parametrize(("how", "content"), [("html", "text/html"), ("empty", "application/json")])
    def test_a_403_has_the_body_that_the_switch_says(
        self, psa: Sandbox, cw: httpx.Client, how: str, content: str
    ) -> None:
        psa.switch(contacts_right=False, forbidden_body=how)
        answer = cw.get("/company/contacts")
        assert (answer.status_code, answer.headers["content-type"]) == (403, content)
        assert bool(answer.content) == (how == "html")

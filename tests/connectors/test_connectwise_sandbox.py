"""The ConnectWise sandbox does what psa_copilot's reference of that API says, seen by a plain client."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.sandbox_api import ROOT, api, everything, human, internal, replace


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def cw(psa: Sandbox) -> Iterator[httpx.Client]:
    with api(psa.url) as client:
        yield client


class TestTheDoor:
    def test_company_info_needs_no_login_and_knows_one_company(self, psa: Sandbox) -> None:
        info = httpx.get(f"{psa.url}/login/companyinfo/Sandbox").json()
        assert info["Codebase"] == "v2026_1/"
        assert httpx.get(f"{psa.url}/login/companyinfo/nobody").json() is None

    def test_a_codebase_that_moved_is_gone_but_the_alias_stays(self, psa: Sandbox, cw: httpx.Client) -> None:
        old = f"{psa.url}/v2026_1/apis/3.0/system/info"
        assert cw.get(old).status_code == 200
        psa.switch(codebase="v2026_2/")
        assert cw.get(old).status_code == 404
        assert cw.get(f"{psa.url}/v2026_2/apis/3.0/system/info").status_code == 200
        assert cw.get("/system/info").json()["version"].startswith("v2026.2")

    def test_bad_credentials_are_401_or_404_as_the_server_likes(self, psa: Sandbox) -> None:
        with api(psa.url, private="wrong") as stranger:
            answer = stranger.get("/system/info")
            assert (answer.status_code, answer.json()["message"]) == (401, "UserNotAuthenticated")
            psa.switch(bad_credentials_status=404)
            assert stranger.get("/system/info").status_code == 404

    def test_a_rotated_key_shuts_out_the_copilot_alone(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(keys_rotated=True, bad_credentials_status=404)
        assert cw.get("/service/tickets/1001").status_code == 404
        with human(psa.url) as person:
            assert person.get("/service/tickets/1001").status_code == 200

    def test_without_a_client_id_it_is_403(self, cw: httpx.Client) -> None:
        del cw.headers["clientId"]
        assert cw.get("/system/info").status_code == 403

    def test_paths_may_end_in_a_slash_and_be_written_in_any_case(self, cw: httpx.Client) -> None:
        assert cw.get("/system/Members/?page=1").status_code == 200

    def test_a_method_that_is_not_there_is_405(self, cw: httpx.Client) -> None:
        assert cw.delete("/service/tickets").status_code == 405


class TestLists:
    def test_everything_listed_is_what_the_state_counts(self, psa: Sandbox, cw: httpx.Client) -> None:
        tickets = everything(cw, "/service/tickets", pageSize=7)
        assert len(tickets) >= 20
        assert sum(not row["closedFlag"] for row in tickets) >= 10
        listed = {
            "tickets": len(tickets),
            "notes": sum(len(cw.get(f"/service/tickets/{t['id']}/notes").json()) for t in tickets),
            "time_entries": len(everything(cw, "/time/entries")),
            "companies": len(everything(cw, "/company/companies")),
            "contacts": len(everything(cw, "/company/contacts")),
            "members": len(everything(cw, "/system/members")),
            "boards": len(everything(cw, "/service/boards")),
        }
        assert listed == psa.counts()

    def test_pages_have_links_until_everything_is_on_one(self, cw: httpx.Client) -> None:
        first = cw.get("/service/tickets", params={"pageSize": 10, "conditions": "id > 0"})
        assert set(first.links) == {"next", "last"}
        assert "conditions=" in first.links["next"]["url"]
        last = cw.get(first.links["last"]["url"])
        assert set(last.links) == {"first", "prev"}
        assert not cw.get("/service/tickets", params={"pageSize": 5000}).links
        beyond = cw.get("/service/tickets", params={"page": 99})
        assert (beyond.status_code, beyond.json()) == (200, [])

    def test_forward_only_pages_go_by_id_and_always_name_the_next(self, cw: httpx.Client) -> None:
        cw.headers["pagination-type"] = "forward-only"
        answer = cw.get("/service/tickets", params={"pageSize": 15, "page": 3, "orderBy": "summary"})
        first = [row["id"] for row in answer.json()]
        assert first == sorted(first)
        answer = cw.get(answer.links["next"]["url"])
        second = [row["id"] for row in answer.json()]
        assert min(second) > max(first)
        assert cw.get(answer.links["next"]["url"]).json() == []
        assert "next" in answer.links

    def test_a_page_has_at_most_a_thousand_rows_without_a_word(self, psa: Sandbox, cw: httpx.Client) -> None:
        for number in range(990):
            psa.inject({"title": f"Ticket {number}"})
        assert len(cw.get("/service/tickets", params={"pageSize": 5000}).json()) == 1000

    @pytest.mark.parametrize(
        ("conditions", "fits"),
        [
            ('board/name = "help desk"', lambda t: t["board"]["name"] == "Help Desk"),
            ("status/name in ('New', 'Scheduled')", lambda t: t["status"]["name"] in ("New", "Scheduled")),
            ("status/name not in ('New')", lambda t: t["status"]["name"] != "New"),
            ("closedFlag=True", lambda t: t["closedFlag"]),
            ("owner = null", lambda t: "owner" not in t),
            ("owner!=null and id>1010", lambda t: "owner" in t and t["id"] > 1010),
            ('owner/identifier != "idahl"', lambda t: t.get("owner", {}).get("identifier", "idahl") != "idahl"),
            ('summary like "*printer*"', lambda t: "printer" in t["summary"].lower()),
            ('summary like "%vpn%"', lambda t: "vpn" in t["summary"].lower()),
            ('summary like "printer"', lambda t: False),
            ('summary contains "printer"', lambda t: "printer" in t["summary"].lower()),
            ('summary not contains "e"', lambda t: "e" not in t["summary"].lower()),
            ("(id = 1001 or id=1002) AND priority/sort<=3", lambda t: t["id"] in (1001, 1002)),
            ('summary like "b*" and status/name = "New" or closedFlag = true', lambda t: t["closedFlag"]),
            ("id=1001 OR id=1002 and closedFlag=true", lambda t: t["id"] == 1001),
            ("lastUpdated >= [2020-01-01T00:00:00Z]", lambda t: True),
            ("_info/lastUpdated<[2020-01-01]", lambda t: False),
        ],
    )
    def test_conditions(self, cw: httpx.Client, conditions: str, fits: Callable[[dict[str, Any]], bool]) -> None:
        tickets = cw.get("/service/tickets", params={"pageSize": 100}).json()
        expected = [row["id"] for row in tickets if fits(row)]
        found = cw.get("/service/tickets", params={"pageSize": 100, "conditions": conditions}).json()
        assert [row["id"] for row in found] == expected
        assert cw.get("/service/tickets/count", params={"conditions": conditions}).json() == {"count": len(expected)}
        searched = cw.post("/service/tickets/search?pageSize=100", json={"conditions": conditions}).json()
        assert [row["id"] for row in searched] == expected

    def test_a_literal_bracket_is_written_in_brackets(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.inject({"title": "[EXTERNAL] Hello"})
        assert (
            cw.get("/service/tickets/count", params={"conditions": 'summary like "[[]EXTERNAL]*"'}).json()["count"] == 1
        )

    @pytest.mark.parametrize(
        ("path", "conditions", "says"),
        [
            ("/service/tickets", "invoiceDate = 1", "invoiceDate is not a recognized name."),
            ("/service/tickets", "configurations/id = 1", "configurations/id is not a recognized name."),
            ("/service/tickets", 'recordType = "Nonsense"', "Enum value supplied was invalid"),
            ("/service/tickets", "id ==", "could not be read"),
            ("/service/tickets", "lastUpdated > [soon]", "not a valid date"),
            ("/service/tickets/1001/allNotes", 'noteType = "TicketNote"', "noteType is not a recognized name."),
            ("/company/contacts", 'types/name = "End User"', "types/name is not a recognized name."),
        ],
    )
    def test_bad_conditions_say_what_is_wrong(self, cw: httpx.Client, path: str, conditions: str, says: str) -> None:
        answer = cw.get(path, params={"conditions": conditions})
        assert answer.status_code == 400
        assert answer.json()["code"] == "ApiFindCondition"
        assert says in answer.json()["message"]

    def test_children_and_custom_fields_have_conditions_of_their_own(self, cw: httpx.Client) -> None:
        found = cw.get("/company/contacts", params={"childConditions": 'communicationItems/value like "olive.hart@*"'})
        assert [row["firstName"] for row in found.json()] == ["Olive"]
        custom = {"customFieldConditions": 'caption="Site Code" AND value="12"', "pageSize": "1"}
        assert len(cw.get("/service/tickets", params=custom).json()) == 1

    def test_fields_show_only_what_they_name(self, cw: httpx.Client) -> None:
        row = cw.get("/service/tickets/1001", params={"fields": "id,status/name,status/id,_info/lastUpdated"}).json()
        assert set(row) == {"id", "status", "_info"}
        assert set(row["status"]) == {"id", "name"}
        assert set(row["_info"]) == {"lastUpdated"}
        assert "_info" not in cw.get("/service/tickets/1001", params={"fields": "id"}).json()
        assert cw.get("/service/tickets", params={"fields": "id,nonsense"}).status_code == 400

    def test_order(self, cw: httpx.Client) -> None:
        rows = cw.get("/service/tickets", params={"orderBy": "priority/sort asc, _info/lastUpdated desc"}).json()
        order = [(row["priority"]["sort"], row["_info"]["lastUpdated"]) for row in rows]
        assert order == sorted(sorted(order, key=lambda pair: pair[1], reverse=True), key=lambda pair: pair[0])
        assert cw.get("/service/tickets", params={"orderBy": "nonsense"}).status_code == 400

    def test_a_changed_since_walk_finds_what_changed(self, psa: Sandbox, cw: httpx.Client) -> None:
        since = f"{psa.now():%Y-%m-%dT%H:%M:%SZ}"
        question = {"conditions": f"lastUpdated >= [{since}]", "orderBy": "lastUpdated asc"}
        assert cw.get("/service/tickets", params=question).json() == []
        psa.inject(1004, {"role": "customer", "text": "Still broken."})
        psa.inject(1002, {"role": "customer", "text": "It works now."})
        assert [row["id"] for row in cw.get("/service/tickets", params=question).json()] == [1002, 1004]

    def test_the_form_of_dates_can_be_made_strict(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(datetime_literal="without_zone")
        ask = "/service/tickets/count"
        assert cw.get(ask, params={"conditions": "lastUpdated > [2020-01-01T00:00:00Z]"}).status_code == 400
        assert cw.get(ask, params={"conditions": "lastUpdated > [2020-01-01T00:00:00]"}).status_code == 200

    def test_empty_lists_may_be_null(self, psa: Sandbox, cw: httpx.Client) -> None:
        assert cw.get("/service/tickets/1001").json()["integratorTags"] == []
        psa.switch(null_lists=True)
        assert cw.get("/service/tickets/1001").json()["integratorTags"] is None
        assert cw.get("/service/tickets").json()[0]["integratorTags"] is None

    def test_a_board_has_its_own_statuses_types_and_teams(self, cw: httpx.Client) -> None:
        boards = cw.get("/service/boards").json()
        assert len(boards) >= 3
        names = {row["name"] for row in cw.get(f"/service/boards/{boards[0]['id']}/statuses").json()}
        assert {"New", "Waiting customer", "Internal IT", "Closed"} <= names
        for part in ("types", "subtypes", "items", "teams"):
            rows = cw.get(f"/service/boards/{boards[1]['id']}/{part}").json()
            assert rows
            assert all(row.get("board", {}).get("id", row.get("boardId")) == boards[1]["id"] for row in rows)
        assert cw.get("/service/boards/999/statuses").status_code == 404

    def test_members_by_id_by_identifier_and_without_the_right(self, psa: Sandbox, cw: httpx.Client) -> None:
        member = cw.get("/system/members/copilot").json()
        assert member["licenseClass"] == "A"
        assert cw.get(f"/system/members/{member['id']}").json()["identifier"] == "copilot"
        psa.switch(members_right=False)
        assert cw.get("/system/members").status_code == 403
        assert {row["licenseClass"] for row in cw.get("/system/info/members").json()} == {"A", "F", "X"}


class TestTickets:
    def test_a_created_ticket_comes_back_whole(self, psa: Sandbox, cw: httpx.Client) -> None:
        company = cw.get("/company/companies").json()[0]
        body = {"summary": "New one", "company": {"id": company["id"]}, "initialDescription": "It began today."}
        answer = cw.post("/service/tickets", json=body)
        assert answer.status_code == 201
        ticket = answer.json()
        assert ticket["status"]["name"] == "New"
        assert ticket["_info"]["enteredBy"] == "copilot"
        [note] = psa.notes(ticket["id"])
        assert note["flags"] == ["detailDescriptionFlag"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"company": {"id": 251}}, "summary"),
            ({"summary": "x"}, "company"),
            ({"summary": "x" * 101, "company": {"id": 251}}, "summary"),
            ({"summary": "x", "company": {"id": 99999}}, "company"),
            ({"summary": "x", "company": {"id": 251}, "nonsense": 1}, "nonsense"),
        ],
    )
    def test_a_bad_ticket_names_the_field(self, psa: Sandbox, cw: httpx.Client, body: Any, field: str) -> None:
        before = psa.counts()
        answer = cw.post("/service/tickets", json=body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field
        assert psa.counts() == before

    def test_a_patch_changes_what_it_names_and_tells_who(self, cw: httpx.Client) -> None:
        ops = replace("status", {"name": "In Progress"}) + replace("owner", {"identifier": "mruiz"})
        ticket = cw.patch("/service/tickets/1004", json=ops).raise_for_status().json()
        assert (ticket["status"]["name"], ticket["owner"]["identifier"]) == ("In Progress", "mruiz")
        assert ticket["_info"]["updatedBy"] == "copilot"
        trail = cw.get("/system/audittrail", params={"type": "Ticket", "id": 1004}).json()
        assert [row["text"] for row in trail if row["enteredBy"] == "copilot"] == [
            'Status changed from "New" to "In Progress".',
            'Owner changed from "" to "mruiz".',
        ]

    def test_a_patch_of_a_part_of_a_reference_does_nothing_and_says_200(self, psa: Sandbox, cw: httpx.Client) -> None:
        before = cw.get("/service/tickets/1004").json()
        answer = cw.patch("/service/tickets/1004", json=replace("status/id", 102))
        assert (answer.status_code, answer.json()) == (200, before)
        assert not psa.log()[-1]["committed"]

    @pytest.mark.parametrize(
        "operations",
        [replace("Status", {"id": 102}), replace("status", {"id": 999}), replace("status", 102), {"op": "x"}],
    )
    def test_a_bad_patch_changes_nothing(self, cw: httpx.Client, operations: Any) -> None:
        before = cw.get("/service/tickets/1004").json()
        assert cw.patch("/service/tickets/1004", json=operations).status_code == 400
        assert cw.get("/service/tickets/1004").json() == before

    def test_a_row_that_is_not_there_says_so(self, cw: httpx.Client) -> None:
        answer = cw.patch("/service/tickets/999", json=replace("summary", "x"))
        assert answer.status_code == 404
        assert answer.json() == {"code": "NotFound", "message": "Ticket 999 not found", "errors": None}

    @pytest.mark.parametrize(("how", "status"), [("default", "New"), ("keep", "In Progress")])
    def test_another_board_without_a_status(self, psa: Sandbox, cw: httpx.Client, how: str, status: str) -> None:
        psa.switch(board_move_status=how)
        ticket = cw.patch("/service/tickets/1001", json=replace("board", {"name": "Escalations"})).json()
        assert (ticket["board"]["name"], ticket["status"]["name"]) == ("Escalations", status)
        assert "type" not in ticket

    def test_another_board_without_a_status_may_be_refused(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(board_move_status="refuse")
        assert cw.patch("/service/tickets/1001", json=replace("board", {"name": "Escalations"})).status_code == 400

    def test_a_status_of_another_board_is_not_found(self, cw: httpx.Client) -> None:
        [status] = cw.get("/service/boards/2/statuses", params={"conditions": 'name="Closed"'}).json()
        assert cw.patch("/service/tickets/1001", json=replace("status", {"id": status["id"]})).status_code == 400

    def test_closing_and_reopening(self, cw: httpx.Client) -> None:
        closed = cw.patch("/service/tickets/1001", json=replace("status", {"name": "Closed"})).json()
        assert (closed["closedFlag"], closed["closedBy"]) == (True, "copilot")
        assert closed["dateResolved"]
        again = cw.patch("/service/tickets/1001", json=replace("status", {"name": "In Progress"})).json()
        assert not again["closedFlag"]
        assert "closedDate" not in again

    def test_the_owner_goes_in_the_way_that_the_switch_allows(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(unassign="remove")
        assert cw.patch("/service/tickets/1001", json=replace("owner", None)).status_code == 400
        ticket = cw.patch("/service/tickets/1001", json=[{"op": "remove", "path": "owner"}]).json()
        assert "owner" not in ticket

    def test_a_put_blanks_what_it_leaves_out(self, cw: httpx.Client) -> None:
        old = cw.get("/service/tickets/1001").json()
        new = cw.put("/service/tickets/1001", json={"summary": "Only this", "company": old["company"]}).json()
        assert new["summary"] == "Only this"
        assert not {"owner", "contact", "type"} & set(new)
        assert cw.put("/service/tickets/1001", json={"summary": "x"}).status_code == 400

    def test_a_deleted_ticket_is_gone_with_its_notes(self, psa: Sandbox, cw: httpx.Client) -> None:
        answer = cw.delete("/service/tickets/1001")
        assert (answer.status_code, answer.content) == (204, b"")
        assert cw.get("/service/tickets/1001").status_code == 404
        assert all(note["deleted"] == "copilot" for note in psa.notes(1001, deleted=True))


class TestNotes:
    def test_a_note_by_the_api_is_the_api_members(self, psa: Sandbox, cw: httpx.Client) -> None:
        before = cw.get("/service/tickets/1001/notes").json()
        answer = cw.post("/service/tickets/1001/notes", json=internal("One\nTwo"))
        assert answer.status_code == 201
        note = answer.json()
        assert note["id"] > max(row["id"] for row in before)
        assert (note["text"], note["member"]["identifier"], note["createdBy"]) == ("One\nTwo", "copilot", "copilot")
        assert note["_info"]["updatedBy"] == "copilot"
        assert cw.get("/service/tickets/1001/notes").json() == [*before, note]
        assert cw.get("/service/tickets/1001/notes/count").json() == {"count": len(before) + 1}
        assert cw.get(f"/service/tickets/1001/notes/{note['id']}").json() == note
        assert cw.get(f"/service/tickets/1002/notes/{note['id']}").status_code == 404
        assert psa.notes(1001)[-1]["internal"]

    def test_a_note_must_say_where_it_is_shown(self, psa: Sandbox, cw: httpx.Client) -> None:
        answer = cw.post("/service/tickets/1001/notes", json={"text": "x"})
        assert answer.status_code == 400
        assert answer.json()["message"] == "serviceNote object is invalid"
        assert "choose where to display" in answer.json()["errors"][0]["message"]
        assert not psa.log()[-1]["committed"]

    def test_a_person_writes_by_the_same_api(self, psa: Sandbox) -> None:
        with human(psa.url) as person:
            note = person.post("/service/tickets/1001/notes", json=internal("I look at it.")).json()
        assert note["member"]["identifier"] == "idahl"

    @pytest.mark.parametrize("bumps", [True, False])
    def test_whether_a_note_moves_the_ticket_is_a_switch(self, psa: Sandbox, cw: httpx.Client, bumps: bool) -> None:
        psa.switch(note_bumps_ticket=bumps)
        before = cw.get("/service/tickets/1001").json()["_info"]
        cw.post("/service/tickets/1001/notes", json=internal("x"))
        after = cw.get("/service/tickets/1001").json()["_info"]
        assert (after != before) == bumps
        assert (after["updatedBy"] == "copilot") == bumps

    def test_an_edited_note_keeps_its_versions_for_the_test(self, psa: Sandbox, cw: httpx.Client) -> None:
        note = cw.post("/service/tickets/1001/notes", json=internal("first")).json()
        path = f"/service/tickets/1001/notes/{note['id']}"
        with human(psa.url) as person:
            edited = person.patch(path, json=replace("text", "second")).json()
        assert (edited["text"], edited["_info"]["updatedBy"]) == ("second", "idahl")
        assert [version["text"] for version in psa.notes(1001)[-1]["versions"]] == ["first", "second"]
        assert cw.delete(path).status_code == 204
        assert psa.notes(1001, deleted=True)[-1]["text"] == "second"

    def test_newlines_may_become_spaces(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(newlines="spaces")
        assert cw.post("/service/tickets/1001/notes", json=internal("a\nb")).json()["text"] == "a b"

    def test_all_notes_have_time_entries_and_old_servers_have_none(self, psa: Sandbox, cw: httpx.Client) -> None:
        kinds = [row["noteType"] for row in cw.get("/service/tickets/1001/allNotes").json()]
        assert set(kinds) == {"TicketNote", "TimeEntryNote"}
        assert len(kinds) == len(cw.get("/service/tickets/1001/notes").json()) + len(
            cw.get("/service/tickets/1001/timeentries").json()
        )
        [entry] = cw.get("/service/tickets/1001/timeentries").json()
        assert cw.get(entry["_info"]["timeentry_href"]).json()["ticket"]["id"] == 1001
        psa.switch(all_notes=False)
        assert cw.get("/service/tickets/1001/allNotes").status_code == 404

    def test_mail_goes_out_for_public_notes_and_status_changes_unless_told_not_to(
        self, psa: Sandbox, cw: httpx.Client
    ) -> None:
        path = "/service/tickets/1001/notes"
        cw.post(path, json=internal("x") | {"processNotifications": True})
        cw.post(path, json={"text": "x", "detailDescriptionFlag": True, "processNotifications": False})
        quiet = [*replace("status", {"name": "Scheduled"}), *replace("processNotifications", False)]
        assert "processNotifications" not in cw.patch("/service/tickets/1001", json=quiet).json()
        assert psa.mailbox() == []
        cw.post(path, json={"text": "x", "resolutionFlag": True, "processNotifications": True})
        cw.patch("/service/tickets/1001", json=replace("status", {"name": "In Progress"}))
        assert [mail["to"] for mail in psa.mailbox()] == ["theo.marsh@harborlaneaccounting.example"] * 2


class TestTimeAndSchedule:
    def test_a_time_entry_counts_and_can_be_billed_away(self, cw: httpx.Client) -> None:
        body = {
            "chargeToId": 1002,
            "chargeToType": "ServiceTicket",
            "timeStart": "2026-03-01T09:00:00Z",
            "timeEnd": "2026-03-01T09:30:00Z",
            "internalNotes": "looked",
        }
        entry = cw.post("/time/entries", json=body)
        assert entry.status_code == 201
        assert (entry.json()["actualHours"], entry.json()["status"]) == (0.5, "Open")
        assert cw.get("/service/tickets/1002").json()["actualHours"] == 0.5
        path = f"/time/entries/{entry.json()['id']}"
        cw.patch(path, json=replace("status", "Billed")).raise_for_status()
        assert cw.patch(path, json=replace("notes", "x")).status_code == 400
        assert cw.post("/time/entries", json=body | {"chargeToId": 1}).status_code == 400
        assert cw.post("/time/entries", json={"chargeToId": 1002}).json()["errors"][0]["field"] == "timeStart"

    def test_an_appointment_names_a_ticket_by_the_right_type(self, cw: httpx.Client) -> None:
        body = {"objectId": 1002, "type": {"id": 1}, "member": {"identifier": "mruiz"}}
        refused = cw.post("/schedule/entries", json=body)
        assert refused.json()["errors"][0]["message"] == "Activity 1002 not found"
        entry = cw.post("/schedule/entries", json=body | {"type": {"id": 4}}).raise_for_status().json()
        assert "Ticket# 1002" in entry["name"]
        assert cw.get("/service/tickets/1002").json()["resources"] == "mruiz"
        assert cw.delete(f"/schedule/entries/{entry['id']}").status_code == 204
        assert cw.get("/service/tickets/1002").json()["resources"] == ""


class TestRights:
    @pytest.mark.parametrize(
        ("switch", "method", "path"),
        [
            ("audit_right", "GET", "/system/audittrail?type=Ticket&id=1001"),
            ("callbacks_right", "GET", "/system/callbacks"),
            ("delete_right", "DELETE", "/service/tickets/1001"),
        ],
    )
    def test_a_missing_right_is_403(self, psa: Sandbox, cw: httpx.Client, switch: str, method: str, path: str) -> None:
        psa.switch(**{switch: False})
        assert cw.request(method, path).status_code == 403
        psa.switch(**{switch: True})
        assert cw.request(method, path).status_code in (200, 204)


class Receiver(http.server.ThreadingHTTPServer):
    """Somebody who registered a callback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receives)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        until = time.monotonic() + 5
        while len(self.got) < number and time.monotonic() < until:
            time.sleep(0.01)
        return [json.loads(body) for _, _, body in self.got]


class _Receives(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestCallbacks:
    def register(self, cw: httpx.Client, receiver: Receiver, **others: object) -> None:
        body = {"url": f"{receiver.url}/hook?recordId=", "type": "ticket", "level": "owner", "objectId": 1, **others}
        assert cw.post("/system/callbacks", json=body).status_code == 201

    def test_each_change_is_told_signed_and_in_order(self, psa: Sandbox, cw: httpx.Client, receiver: Receiver) -> None:
        self.register(cw, receiver)
        with human(psa.url) as person:
            person.patch("/service/tickets/1004", json=replace("summary", "Renamed"))
            person.post("/service/tickets/1004/notes", json=internal("x"))
            person.delete("/service/tickets/1004")
        told = receiver.wait_for(3)
        assert [message["Action"] for message in told] == ["updated", "updated", "deleted"]
        entity = json.loads(told[0]["Entity"])
        assert (entity["summary"], entity["_info"]["updatedBy"]) == ("Renamed", "idahl")
        assert told[2]["Entity"] is None
        path, headers, body = receiver.got[0]
        assert path == "/hook?recordId=1004&action=updated"
        key = httpx.get(told[0]["Metadata"]["key_url"]).json()["signing_key"]
        signed = hmac.new(hashlib.sha256(key.encode()).digest(), body, hashlib.sha256).digest()
        assert headers["x-content-signature"] == base64.b64encode(signed).decode()
        assert [row["path"] for row in psa.log() if "signingkey" in row["path"]] == [
            f"{ROOT}/system/callbacks/signingkey"
        ]

    def test_a_rotated_signing_key(self, psa: Sandbox, cw: httpx.Client, receiver: Receiver) -> None:
        self.register(cw, receiver)
        psa.switch(signing_key="the-second")
        cw.patch("/service/tickets/1001", json=replace("summary", "x"))
        [told] = receiver.wait_for(1)
        assert httpx.get(told["Metadata"]["key_url"]).json() == {"signing_key": "the-second"}
        eventually = time.monotonic() + 5
        while not psa.callbacks() and time.monotonic() < eventually:
            time.sleep(0.01)
        [delivery] = psa.callbacks()
        assert (delivery["status"], delivery["tries"], delivery["about"]) == (202, 1, "ticket 1001 updated")
        assert delivery["body"].encode() == receiver.got[0][2]

    def test_only_what_was_registered_for(self, cw: httpx.Client, receiver: Receiver) -> None:
        self.register(cw, receiver, level="ticket", objectId=1001)
        cw.patch("/service/tickets/1002", json=replace("summary", "not this"))
        cw.patch("/service/tickets/1001", json=[*replace("summary", "nor this"), *replace("skipCallback", True)])
        cw.patch("/service/tickets/1001", json=replace("summary", "this"))
        assert [json.loads(message["Entity"])["summary"] for message in receiver.wait_for(1)] == ["this"]

    @pytest.mark.parametrize(("how", "told"), [("all", 0), ("tickets", 1), ("none", 2)])
    def test_self_suppression(self, psa: Sandbox, cw: httpx.Client, receiver: Receiver, how: str, told: int) -> None:
        psa.switch(self_suppress=how)
        self.register(cw, receiver, isSelfSuppressedFlag=True)
        cw.patch("/service/tickets/1001", json=replace("summary", "mine"))
        cw.post("/service/tickets/1001/notes", json=internal("mine"))
        psa.inject(1002, {"role": "customer", "text": "theirs"})
        assert len(receiver.wait_for(told + 1)) == told + 1

    def test_a_busy_receiver_is_asked_again_and_a_broken_one_is_not(
        self, psa: Sandbox, cw: httpx.Client, receiver: Receiver
    ) -> None:
        psa.speed(50)
        self.register(cw, receiver)
        receiver.statuses = [429, 404, 202, 500]
        for summary in ("first", "second", "third"):
            cw.patch("/service/tickets/1001", json=replace("summary", summary))
        told = [json.loads(message["Entity"])["summary"] for message in receiver.wait_for(5)]
        assert told == ["first", "first", "first", "second", "third"]

    def test_callbacks_get_lost_and_doubled(self, psa: Sandbox, cw: httpx.Client, receiver: Receiver) -> None:
        self.register(cw, receiver)
        psa.faults("callback_lost=@2,callback_doubled=@3")
        for number in range(1, 4):
            cw.patch("/service/tickets/1001", json=replace("summary", f"{number}"))
        told = [json.loads(message["Entity"])["summary"] for message in receiver.wait_for(3)]
        assert told == ["1", "3", "3"]

    def test_a_registration_is_found_changed_and_ended(self, psa: Sandbox, cw: httpx.Client) -> None:
        for body in (
            {"type": "ticket", "level": "owner", "objectId": 1},
            {"url": "http://x.example", "type": "ticket"},
        ):
            assert cw.post("/system/callbacks", json=body).status_code == 400
        body = {"url": "http://x.example/?recordId=", "type": "Ticket", "level": "Owner", "objectId": 1}
        row = cw.post("/system/callbacks", json=body).json()
        found = cw.get("/system/callbacks", params={"conditions": 'url contains "x.example"'}).json()
        assert found == [row]
        path = f"/system/callbacks/{row['id']}"
        assert cw.patch(path, json=replace("inactiveFlag", True)).json()["inactiveFlag"]
        assert cw.delete(path).status_code == 204
        assert cw.get("/system/callbacks").json() == []
        assert psa.log()[-2]["committed"]


def test_two_writers_can_meet_because_a_patch_can_be_held(psa: Sandbox, cw: httpx.Client) -> None:
    psa.switch(hold_patch=0.5)
    held = threading.Thread(target=lambda: cw.patch("/service/tickets/1001", json=replace("severity", "High")))
    held.start()
    with human(psa.url) as person:
        assert person.patch("/service/tickets/1001", json=replace("severity", "Low")).json()["severity"] == "Low"
    held.join()
    assert [row["key"] for row in psa.log()] == ["human", "pub"]
    with human(psa.url) as person:
        assert person.get("/service/tickets/1001").json()["severity"] == "High"

"""The Autotask sandbox, as a stranger's client sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, spawned
from psa_copilot.testing.listener import listening
from tests.connectors.autotask_desk import API, EVERYTHING, asked, client, human, logged_in, psa, stranger, where

__all__ = ["human", "psa", "stranger"]

US = {"resourceID": 29_689_901}
NOTE = {"title": "Checked", "description": "The cable is fine.", "noteType": 3, "publish": 2}


def refusal(answer: httpx.Response) -> str:
    """What a 500 gives as its one reason."""
    assert answer.status_code == 500
    [message] = answer.json()["errors"]
    return str(message)


def test_it_runs_as_a_process_of_its_own_with_somebodys_tickets(tmp_path: Path) -> None:
    lines = [
        {"id": 77, "title": "Tray 2", "company": "Contoso", "category": "Printers/Label", "status": "Parked",
         "messages": [{"role": "customer", "text": "Blank pages", "at": "2026-03-01T09:30:00Z"}]},
        {"id": "ext-1", "board": "Night shift", "messages": [{"role": "agent", "text": "The till is down"}],
         "history": [{"at": "2026-03-02T09:30:00Z", "field": "status", "to": "Closed"}]},
    ]  # fmt: skip
    file = tmp_path / "tickets.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    with spawned("autotask", tickets=file) as own, client(own.url) as one:
        assert own.counts()["tickets"] == 2
        rows = {row["id"]: row for row in asked(one, "Tickets")["items"]}
        fields = {field["name"]: field for field in one.get("/Tickets/entityInformation/fields").json()["fields"]}
    labels = {value["value"]: value["label"] for value in fields["status"]["picklistValues"]}
    other = next(row for number, row in rows.items() if number != 77)
    assert labels[str(rows[77]["status"])] == "Parked"
    assert (other["externalID"], other["title"], other["status"]) == ("ext-1", "The till is down", 5)
    assert other["completedDate"].startswith("2026-03-02T09:30:00")


def test_the_zone_is_told_to_whoever_names_a_user(psa: Sandbox) -> None:
    path = f"{psa.url}/atservicesrest/v1.0/zoneinformation"
    told = httpx.get(path, params={"user": "api@sandbox.example"}).json()
    assert told["url"] == f"{psa.url}/ATServicesRest/"
    assert httpx.get(path, params={"user": "nobody@sandbox.example"}).status_code == 500


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"code": "wrong"}, {"user": "nobody@sandbox.example"}])
def test_whatever_is_wrong_with_a_login_is_an_empty_401(psa: Sandbox, wrong: dict[str, str]) -> None:
    answer = client(psa.url, **wrong).get("/Tickets/1001")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Basic Realm=")


def test_paths_and_names_are_taken_in_any_letter_case(psa: Sandbox, stranger: httpx.Client) -> None:
    body = {"Filter": [{"op": "EQ", "field": "ID", "value": 1001}], "MaxRecords": 5, "IncludeFields": ["TITLE"]}
    answer = stranger.post(f"{psa.url}/atservicesREST/v1.0/TICKETS/query/", json=body)
    assert answer.json()["items"] == [{"title": "Labels print skewed on HLA-PRN-1"}]


def test_pages_go_on_by_the_same_method_with_the_same_body(stranger: httpx.Client) -> None:
    body: dict[str, Any] = {"filter": EVERYTHING, "maxRecords": 9, "includeFields": ["id"]}
    page, seen = stranger.post("/Tickets/query", json=body).json(), []
    while True:
        seen += [row["id"] for row in page["items"]]
        if not page["pageDetails"]["nextPageUrl"]:
            break
        address = page["pageDetails"]["nextPageUrl"]
        assert stranger.post(address, json={}).status_code == 500
        assert stranger.get(f'{address}&search={{"filter":[]}}').json()["items"] == []
        page = stranger.post(address, json=body).json()
    assert seen == sorted(set(seen))
    assert len(seen) == stranger.post("/Tickets/query/count", json=body).json()["queryCount"] == 22


def test_a_question_may_be_asked_by_get(stranger: httpx.Client) -> None:
    told = stranger.get("/Tickets/query", params={"search": '{"filter":[{"op":"eq","field":"id","value":1002}]}'})
    assert [row["id"] for row in told.json()["items"]] == [1002]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (where("id", "in", [1001, 1002, 7]), 2),
        (where("id", "notIn", [1001, 1002]), 20),
        (where("title", "beginsWith", "labels"), 1),
        (where("title", "contains", "PRN"), 1),
        (where("title", "contians", "no such operation"), 22),
        (where("completedDate", "exist"), None),
        ({"op": "or", "items": [where("id", "eq", 1001), where("id", "eq", 1003)]}, 2),
        ({"op": "and", "items": [where("id", "gt", 1001), where("id", "lte", 1003)]}, 2),
    ],
)
def test_the_filter_language(stranger: httpx.Client, condition: dict[str, Any], count: int | None) -> None:
    found = asked(stranger, "Tickets", condition)["items"]
    if count is None:
        assert found
        assert all(row["completedDate"] for row in found)
    else:
        assert len(found) == count


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"filter": EVERYTHING, "maxRecords": 501}, "MaxRecords"),
        ({"maxRecords": 5}, "Parameter name: filters"),
        ({"filter": [where("nmae", "eq", 1)]}, "Unable to find nmae"),
        ({"filter": [where("creatorType", "eq", 1)]}, "not queryable"),
        ({"filter": [where("createDate", "gt", "yesterday")]}, "not a valid date"),
        ({"filter": [where("id", "in", list(range(501)))]}, "500 or fewer 'OR' conditions"),
    ],
)
def test_a_wrong_question_is_refused_with_500(stranger: httpx.Client, body: dict[str, Any], says: str) -> None:
    assert says in refusal(stranger.post("/Tickets/query", json=body))


def test_a_missing_record_is_null_and_an_unknown_path_a_page(psa: Sandbox, stranger: httpx.Client) -> None:
    assert stranger.get("/Tickets/99999999").json() == {"item": None}
    assert stranger.post("/TicketNotes", json=NOTE).status_code == 404
    assert stranger.patch("/Tickets/1001", json={"status": 1}).status_code == 405
    psa.switch(missing_row="404")
    assert stranger.get("/Tickets/99999999").status_code == 404


def test_a_ticket_is_made_and_changed_with_the_id_in_the_body(psa: Sandbox, stranger: httpx.Client) -> None:
    body = {"title": "Scanner is silent", "companyID": 175, "status": 1, "priority": 2, "queueID": 29_682_833}
    made = stranger.post("/Tickets", json=body).json()["itemId"]
    assert stranger.patch("/Tickets", json={"id": made, "status": 8}).json() == {"itemId": made}
    row = stranger.get(f"/Tickets/{made}").json()["item"]
    assert (row["title"], row["status"], row["userDefinedFields"]) == ("Scanner is silent", 8, [])
    assert row["ticketNumber"].startswith("T2")
    [line] = asked(stranger, "TicketHistory", where("ticketID", "eq", made))["items"]
    assert line["detail"] == "Status changed from New to In Progress"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": 99}, "Picklist value [99] does not exist for status."),
        ({"title": ""}, "Missing Required Field: title"),
        ({"assignedResourceID": 29_682_901, "assignedResourceRoleID": None}, "you must assign both"),
        ({"assignedResourceID": 29_689_902, "assignedResourceRoleID": 29_682_801}, "no row at position 0"),
        ({"issueType": 201, "subIssueType": 204}, "child picklist: subIssueType"),
        ({"companyID": 174}, "contactID is not associated to the companyID"),
        ({"title": "x" * 256}, "maximum length"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_changes_nothing(
    psa: Sandbox, stranger: httpx.Client, changes: dict[str, Any], says: str
) -> None:
    before = stranger.get("/Tickets/1001").json()
    assert says in refusal(stranger.patch("/Tickets", json={"id": 1001, **changes}))
    assert stranger.get("/Tickets/1001").json() == before
    assert not [row for row in psa.log() if row["committed"]]


def test_notes_are_written_below_their_ticket_and_never_deleted(stranger: httpx.Client, human: httpx.Client) -> None:
    made = stranger.post("/Tickets/1001/Notes", json=NOTE).json()["itemId"]
    edit = {"id": made, "description": "The cable is broken."}
    assert human.patch("/Tickets/1001/Notes", json=edit).json() == {"itemId": made}
    row = stranger.get(f"/TicketNotes/{made}").json()["item"]
    assert (row["description"], row["title"], row["publish"]) == ("The cable is broken.", "Checked", 2)
    assert row["lastActivityDate"] > row["createDateTime"]
    assert stranger.delete(f"/Tickets/1001/Notes/{made}").status_code == 405
    assert "Picklist value [9]" in refusal(stranger.post("/Tickets/1001/Notes", json={**NOTE, "publish": 9}))
    assert "Missing Required Field: title" in refusal(
        stranger.post("/Tickets/1001/Notes", json={**NOTE, "title": None})
    )


def test_a_program_writes_in_a_technicians_name_only_where_that_is_allowed(
    psa: Sandbox, stranger: httpx.Client
) -> None:
    as_idahl = {"ImpersonationResourceId": "29682901"}
    assert "impersonate" in refusal(stranger.post("/Tickets/1001/Notes", json=NOTE, headers=as_idahl))
    psa.switch(impersonation=True)
    made = stranger.post("/Tickets/1001/Notes", json=NOTE, headers=as_idahl).json()["itemId"]
    row = stranger.get(f"/TicketNotes/{made}").json()["item"]
    assert (row["creatorResourceID"], row["impersonatorCreatorResourceID"]) == (29_682_901, 29_689_901)


def test_picklists_tell_text_where_records_have_numbers(stranger: httpx.Client) -> None:
    fields = {one["name"]: one for one in stranger.get("/Tickets/entityInformation/fields").json()["fields"]}
    statuses = {one["value"]: one["label"] for one in fields["status"]["picklistValues"]}
    assert (statuses["1"], statuses["5"]) == ("New", "Complete")
    assert sum(one["isDefaultValue"] for one in fields["status"]["picklistValues"]) == 1
    assert fields["subIssueType"]["picklistParentValueField"] == "issueType"
    assert (fields["title"]["length"], fields["title"]["isRequired"]) == (255, True)


def test_a_technicians_first_public_word_is_the_response(psa: Sandbox, stranger: httpx.Client) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Blank pages"}]})
    psa.inject(number, {"role": "agent", "text": "A sensor, I think.", "internal": True})
    assert stranger.get(f"/Tickets/{number}").json()["item"]["firstResponseDateTime"] is None
    psa.inject(number, {"role": "agent", "text": "I will bring a sensor."})
    assert stranger.get(f"/Tickets/{number}").json()["item"]["firstResponseDateTime"]


def test_a_deleted_ticket_is_left_in_a_log_only(psa: Sandbox, stranger: httpx.Client) -> None:
    psa.record("deleted", ticket=1001, by="idahl")
    assert stranger.get("/Tickets/1001").json() == {"item": None}
    assert asked(stranger, "TicketNotes", where("ticketID", "eq", 1001))["items"] == []
    [gone] = asked(stranger, "DeletedTicketLogs")["items"]
    assert gone["ticketID"] == 1001


def test_a_new_record_may_come_to_light_later(psa: Sandbox, stranger: httpx.Client) -> None:
    psa.speed(0.0001)
    psa.switch(read_lag=5)
    made = stranger.post("/Tickets/1001/Notes", json=NOTE).json()["itemId"]
    assert stranger.get(f"/TicketNotes/{made}").json() == {"item": None}
    assert asked(stranger, "TicketNotes", where("id", "eq", made))["items"] == []
    psa.advance("6s")
    assert stranger.get(f"/TicketNotes/{made}").json()["item"]["id"] == made
    assert len(asked(stranger, "TicketNotes", where("id", "eq", made))["items"]) == 1


def test_dates_end_in_z_where_a_switch_says_so(psa: Sandbox, stranger: httpx.Client) -> None:
    assert not stranger.get("/Tickets/1001").json()["item"]["createDate"].endswith("Z")
    psa.switch(dates_with_zone=True)
    assert stranger.get("/Tickets/1001").json()["item"]["createDate"].endswith("Z")


def test_rules_mail_the_contact_where_switches_say_so(psa: Sandbox, stranger: httpx.Client) -> None:
    stranger.post("/Tickets/1001/Notes", json=NOTE)
    stranger.patch("/Tickets", json={"id": 1001, "status": 5})
    assert psa.mailbox() == []
    psa.switch(rule_mails_notes="all", rule_mails_status="complete")
    stranger.post("/Tickets/1001/Notes", json=NOTE)
    stranger.patch("/Tickets", json={"id": 1002, "status": 5})
    assert [mail["ticket"] for mail in psa.mailbox()] == [1001, 1002]
    psa.switch(rule_mails_notes="public")
    stranger.post("/Tickets/1001/Notes", json=NOTE)
    assert len(psa.mailbox()) == 2


def test_rules_write_and_change_by_themselves(psa: Sandbox, stranger: httpx.Client) -> None:
    psa.switch(rule_adds_note=True, rule_sets_status=True)
    stranger.patch("/Tickets", json={"id": 1001, "queueID": 29_682_834, "status": 8})
    assert stranger.get("/Tickets/1001").json()["item"]["status"] == 1
    assert [note["author"] for note in psa.notes(1001)][-1] == "administrator"


async def test_webhooks_tell_subscribed_fields_and_leave_out_whom_they_are_told_to(psa: Sandbox) -> None:
    async with listening() as listener, logged_in(psa.url) as us, logged_in(psa.url, user="human") as idahl:
        body = {
            "name": "w", "webhookUrl": listener.url, "deactivationUrl": listener.url, "secretKey": "k",
            "isActive": True, "isSubscribedToUpdateEvents": True,
        }  # fmt: skip
        made = (await us.post("/TicketWebhooks", json=body)).json()["itemId"]
        await us.patch("/Tickets", json={"id": 1001, "status": 7})
        for part, row in (("Fields", {"fieldID": 102, "isSubscribedField": True}), ("ExcludedResources", US)):
            (await us.post(f"/TicketWebhooks/{made}/{part}", json=row)).raise_for_status()
        await us.patch("/Tickets", json={"id": 1001, "status": 9})
        await idahl.patch("/Tickets", json={"id": 1001, "title": "Nobody subscribed to it"})
        await idahl.patch("/Tickets", json={"id": 1001, "status": 10})
        told = (await listener.next()).body
        assert listener.waiting == 0
        assert b'"Fields": {"status": 10}' in told
        assert (await us.get(f"/TicketWebhooks/{made}")).json()["item"]["secretKey"] is None
        assert (await us.delete(f"/TicketWebhooks/{made}")).json() == {"itemId": made}


def test_the_same_api_is_at_another_address_after_a_move(psa: Sandbox, stranger: httpx.Client) -> None:
    psa.switch(zone_moved=True)
    assert stranger.get("/Tickets/1001").status_code == 401
    assert stranger.get(f"{psa.url}/zone2{API}/Tickets/1001").status_code == 200

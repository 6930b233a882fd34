"""ConnectWise's JSON, read as the page about its API says, without a server."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from psa_copilot import ActorClass, MessageKind, Origin, Ref, to_text
from psa_copilot_connectors.connectwise import mapping
from psa_copilot_connectors.connectwise.rows import moment
from psa_copilot_connectors.connectwise.settings import ConnectWiseSettings

REF = Ref(connection="main", remote_id="42")
ACCOUNTS = frozenset({"copilot", "rmmsync"})


def ticket_row(**more: Any) -> dict[str, Any]:
    row = {
        "id": 42,
        "summary": "Printer prints blank pages",
        "recordType": "ServiceTicket",
        "board": {"id": 1, "name": "Help Desk"},
        "status": {"id": 11, "name": "New"},
        "priority": {"id": 3, "name": "Priority 2 - High", "sort": 5, "level": "High"},
        "type": {"id": 1, "name": "Hardware"},
        "subType": {"id": 2, "name": "Printer"},
        "item": None,
        "company": {"id": 7, "identifier": "Contoso", "name": "Contoso Ltd"},
        "contact": {"id": 9, "name": "Anna Kow"},
        "owner": {"id": 5, "identifier": "jdoe", "name": "Jo Doe"},
        "source": {"id": 2, "name": "Email"},
        "closedFlag": False,
        "externalXRef": "ERP-77",
        "parentTicketId": 40,
        "mergedParentTicket": {"id": 41, "summary": "x"},
        "_info": {
            "lastUpdated": "2026-11-02T10:00:05Z",
            "updatedBy": "jdoe",
            "dateEntered": "2026-11-01T09:00:00Z",
            "enteredBy": "zConnect",
        },
    }
    return {**row, **more}


def note_row(**more: Any) -> dict[str, Any]:
    row = {
        "id": 900,
        "noteType": "TicketNote",
        "text": "Replaced the toner",
        "internalAnalysisFlag": True,
        "detailDescriptionFlag": False,
        "resolutionFlag": False,
        "member": {"id": 5, "identifier": "jdoe", "name": "Jo Doe"},
        "contact": None,
        "dateCreated": "2026-11-02T10:00:00Z",
        "_info": {"lastUpdated": "2026-11-02T10:00:00Z"},
    }
    return {**row, **more}


def test_a_ticket_keeps_its_labels_and_links() -> None:
    ticket = mapping.to_ticket(ticket_row(), "main", "https://psa.example/go?n={id}")
    assert str(ticket.ref) == "main/42"
    assert (ticket.board, ticket.status, ticket.priority) == ("Help Desk", "New", "Priority 2 - High")
    assert ticket.category == "Hardware / Printer"
    assert (ticket.company, ticket.company_id) == ("Contoso Ltd", "7")
    assert (ticket.contact, ticket.contact_id) == ("Anna Kow", "9")
    assert (ticket.assignee, ticket.updated_by) == ("jdoe", "jdoe")
    assert (ticket.external_ref, ticket.parent, ticket.merged_into) == ("ERP-77", "40", "41")
    assert ticket.priority_level == 2
    assert ticket.opened_at == datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert ticket.updated_at == datetime(2026, 11, 2, 10, 0, 5, tzinfo=UTC)
    assert ticket.url == "https://psa.example/go?n=42"


def test_a_ticket_that_is_almost_empty_is_still_a_ticket() -> None:
    row = dict.fromkeys(ticket_row()) | {"id": 1, "_info": {"lastUpdated": "2026-11-02T10:00:05Z"}}
    ticket = mapping.to_ticket(row, "main")
    assert ticket.opened_at == ticket.updated_at
    assert (ticket.board, ticket.assignee, ticket.category, ticket.priority_level) == ("", "", "", None)


@pytest.mark.parametrize("lacking", [{"id": None}, {"_info": {}}, {"_info": None}, {"_info": {"lastUpdated": "soon"}}])
def test_what_is_no_ticket_says_so(lacking: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="without its number or without its lastUpdated"):
        mapping.to_ticket(ticket_row(**lacking), "main")


@pytest.mark.parametrize(
    ("more", "origin"),
    [
        ({"source": {"name": "Email"}}, Origin.PERSON),
        ({"source": None}, Origin.PERSON),
        ({"source": {"name": "Monitoring"}}, Origin.ALERT),
        ({"source": {"name": "RMM"}}, Origin.ALERT),
        ({"source": {"name": "Warmming up"}}, Origin.PERSON),
        ({"recordType": "ProjectTicket"}, Origin.PROJECT),
        ({"recordType": "ProjectIssue", "source": {"name": "Alert"}}, Origin.PROJECT),
    ],
)
def test_the_origin_is_read_from_record_type_and_source(more: dict[str, Any], origin: Origin) -> None:
    assert mapping.to_ticket(ticket_row(**more), "main").origin is origin


@pytest.mark.parametrize(
    ("priority", "level"),
    [
        ({"name": "Priority 1 - Critical", "sort": 9}, 1),
        ({"name": "P3"}, 3),
        ({"name": "Emergency"}, 1),
        ({"name": "High"}, 2),
        ({"name": "Normal Response"}, 3),
        ({"name": "Low", "sort": 1}, 4),
        ({"name": "Gold", "sort": 2}, 2),
        ({"name": "Gold", "sortOrder": 3}, 3),
        ({"name": "Do Not Respond", "sort": 12}, None),
        ({"name": None}, None),
    ],
)
def test_the_level_goes_by_the_name_before_the_order(priority: dict[str, Any], level: int | None) -> None:
    assert mapping.priority_level(priority) == level


@pytest.mark.parametrize(
    ("more", "by", "author_id"),
    [
        ({}, ActorClass.TECHNICIAN, "jdoe"),
        ({"member": {"identifier": "Copilot"}}, ActorClass.INTEGRATION, "Copilot"),
        ({"member": None, "contact": {"id": 9, "name": "Anna Kow"}}, ActorClass.CUSTOMER, ""),
        ({"member": None, "contact": {"id": 9, "name": "Anna"}, "createdBy": "copilot"}, ActorClass.CUSTOMER, ""),
        ({"member": None}, ActorClass.SYSTEM, ""),
        ({"member": None, "createdBy": "EmailConnector"}, ActorClass.SYSTEM, "EmailConnector"),
        ({"member": None, "createdBy": "rmmsync"}, ActorClass.INTEGRATION, "rmmsync"),
    ],
)
def test_who_wrote_a_note(more: dict[str, Any], by: ActorClass, author_id: str) -> None:
    message = mapping.to_message(note_row(**more), REF, ACCOUNTS)
    assert (message.by, message.author_id) == (by, author_id)
    assert bool(message.author) == by.is_human


@pytest.mark.parametrize(
    ("internal", "detail", "resolution", "is_internal"),
    [
        (True, False, False, True),
        (True, True, False, False),
        (True, False, True, False),
        (False, True, False, False),
        (False, False, False, False),
        (True, None, None, True),
    ],
)
def test_internal_means_that_no_flag_shows_it(
    internal: bool, detail: bool | None, resolution: bool | None, is_internal: bool
) -> None:
    flags = {"internalAnalysisFlag": internal, "detailDescriptionFlag": detail, "resolutionFlag": resolution}
    assert mapping.to_message(note_row(**flags), REF, ACCOUNTS).internal is is_internal


def test_a_time_entry_is_dated_by_its_work_and_an_edit_by_its_entry() -> None:
    times = {"timeStart": "2026-11-02T08:00:00Z", "timeEnd": "2026-11-02T08:30:00Z", "dateCreated": None}
    row = note_row(noteType="TimeEntryNote", **times)
    message = mapping.to_message(row, REF, ACCOUNTS)
    assert (message.kind, message.key) == (MessageKind.TIME_ENTRY, "time_entry:900")
    assert message.sent_at == datetime(2026, 11, 2, 8, tzinfo=UTC)
    assert message.edited_at is None
    edited = {"dateEntered": "2026-11-02T08:31:00Z", "lastUpdated": "2026-11-03T00:00:00Z"}
    assert mapping.to_message({**row, "_info": edited}, REF, ACCOUNTS).edited_at == datetime(2026, 11, 3, tzinfo=UTC)


def test_a_time_entry_of_the_old_servers_reads_the_same() -> None:
    row = {
        "id": 3,
        "chargeToType": "ServiceTicket",
        "notes": "Phoned Anna",
        "timeStart": "2026-11-02T08:00:00Z",
        "addToInternalAnalysisFlag": True,
        "member": {"identifier": "jdoe", "name": "Jo Doe"},
    }
    message = mapping.to_message(row, REF, ACCOUNTS)
    assert (message.kind, message.text, message.internal) == (MessageKind.TIME_ENTRY, "Phoned Anna", True)


def test_an_edited_note_tells_when() -> None:
    saved = {"_info": {"lastUpdated": "2026-11-02T11:00:00Z"}}
    assert mapping.to_message(note_row(**saved), REF, ACCOUNTS).edited_at == datetime(2026, 11, 2, 11, tzinfo=UTC)
    assert mapping.to_message(note_row(), REF, ACCOUNTS).edited_at is None


def test_messages_come_oldest_first_without_empty_and_foreign_ones() -> None:
    rows = [
        note_row(id=3, dateCreated="2026-11-02T12:00:00Z", ticket={"id": 42}),
        note_row(id=1, text="\u00a0 "),
        note_row(id=2, ticket={"id": 43}, mergedFlag=True),
        note_row(id=4, dateCreated="2026-11-02T09:00:00Z"),
        note_row(id=4, noteType="MeetingNote", text="Met Anna"),
    ]
    messages = mapping.to_messages(rows, REF, ACCOUNTS)
    assert [message.remote_id for message in messages] == ["4", "meeting-4", "3"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("one\ntwo", "one\ntwo"),
        ("one\r\ntwo\u00a0three", "one\ntwo three"),
        ("<p>Hi Jo,</p><p>it &amp; works<br>now</p>", "Hi Jo,\nit & works\nnow"),
        ("<div>Ask <anna@contoso.example><br/>today</div>", "Ask <anna@contoso.example>\ntoday"),
        ("Ask <anna@contoso.example>, 3 < 4 & 5 > 4", "Ask <anna@contoso.example>, 3 < 4 & 5 > 4"),
        ("<style>p {color: red}</style><b>bold</b> move", "bold move"),
        ("recap<br>\n-- copilot/summarize k7f3q5m2p4", "recap\n\n-- copilot/summarize k7f3q5m2p4"),
        (None, ""),
    ],
)
def test_text_is_what_a_person_would_read(raw: str | None, text: str) -> None:
    assert to_text(raw) == text


@given(st.text())
def test_any_text_becomes_text_once_and_for_all(raw: str) -> None:
    once = to_text(raw)
    assert once == once.strip()
    assert "\u00a0" not in once


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("2026-11-02T10:00:00Z", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("2026-11-02T10:00:00", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("2026-11-02T10:00:00+02:00", datetime(2026, 11, 2, 8, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (7, None),
    ],
)
def test_times_are_utc(raw: object, read: datetime | None) -> None:
    assert moment(raw) == read


def test_a_status_shows_what_it_does_by_itself() -> None:
    loud = {
        "id": 1,
        "name": "Resolved",
        "closedStatus": True,
        "emailTemplate": {"id": 4},
        "escalationStatus": "Resolved",
    }
    quiet = {"id": 2, "name": "New", "defaultFlag": True, "emailTemplate": None, "escalationStatus": "NoEscalation"}
    gone = {"id": 3, "name": "Old", "inactive": True}
    board = mapping.to_board({"id": 1, "name": "Help Desk", "billTicketsAfterClosedFlag": True}, [loud, quiet, gone])
    assert [(one.name, one.is_closed, one.is_default, one.mails, one.touches_sla) for one in board.statuses] == [
        ("Resolved", True, False, True, True),
        ("New", False, True, False, False),
    ]
    assert (board.mails, board.bills) == (False, True)
    assert mapping.to_board({"id": 1, "name": "B", "sendToContactFlag": True}, []).mails


def test_people_and_accounts() -> None:
    person = mapping.to_person(
        {"id": 5, "identifier": "jdoe", "firstName": "Jo", "lastName": "Doe", "licenseClass": "F"}
    )
    assert (person.name, person.active, person.is_api) == ("Jo Doe", True, False)
    account = mapping.to_person({"id": 6, "identifier": "copilot", "licenseClass": "A", "inactiveFlag": True})
    assert (account.name, account.active, account.is_api) == ("copilot", False, True)
    assert mapping.to_person({"id": 5, "identifier": "JDoe", "licenseClass": "F"}, ourselves="jdoe").is_api


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api-na.myconnectwise.net/", "https://api-na.myconnectwise.net"),
        ("https://psa.contoso.example:8443", "https://psa.contoso.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_that_leads_to_a_site(url: str, kept: str) -> None:
    assert settings(url).url == kept


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("http://psa.contoso.example", "write https://"),
        ("http://127.0.0.1.contoso.example", "write https://"),
        ("na.myconnectwise.net", "write its root"),
        ("https://na.myconnectwise.net", "write https://api-na.myconnectwise.net"),
        ("https://user:word@psa.contoso.example", "write its root"),
        ("ftp://psa.contoso.example", "write its root"),
        ("https://psa.contoso.example/?a=1", "write its root"),
        ("https://psa.contoso.example:port", "write its root"),
        ("", "write its root"),
    ],
)
def test_a_url_that_does_not_names_the_fix(url: str, fix: str) -> None:
    with pytest.raises(ValidationError, match=fix):
        settings(url)


@pytest.mark.parametrize("key", ["company", "public_key", "client_id"])
@pytest.mark.parametrize("value", ["", "  ", "two words", "caf\u00e9", "a\nb"])
def test_what_cannot_be_sent_is_refused_at_the_start(key: str, value: str) -> None:
    with pytest.raises(ValidationError, match=key):
        settings("https://psa.contoso.example", **{key: value})


def test_a_newline_at_the_end_of_a_secret_file_does_no_harm() -> None:
    read = settings("https://psa.contoso.example", public_key="pub\n", private_key="very-private\n")
    assert read.login() == ("sandbox+pub", "very-private")


def test_every_setting_explains_itself_and_the_key_stays_hidden() -> None:
    assert all(field.description for field in ConnectWiseSettings.model_fields.values())
    assert "very-private" not in repr(settings("https://psa.contoso.example"))


def settings(url: str, **more: str) -> ConnectWiseSettings:
    keys = {"company": "sandbox", "public_key": "pub", "private_key": "very-private", "client_id": "any"}
    return ConnectWiseSettings.model_validate({"use": "connectwise", "url": url, **keys, **more})

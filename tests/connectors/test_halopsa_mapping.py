"""Halo's JSON into values: odd ids, dates and names, one small case each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from psa_copilot import ActorClass, EditNote, Field, Origin, Ref
from psa_copilot_connectors.halopsa import acts, bodies, changes, mapping, outcomes
from psa_copilot_connectors.halopsa.mapping import Names
from psa_copilot_connectors.halopsa.rows import Row, asked, moment, number, reached
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings

LONDON = ZoneInfo("Europe/London")
REF = Ref(connection="main", remote_id="7")
NAMES = Names(
    statuses={"1": "New", "9": "Closed"},
    closed=frozenset({"9"}),
    priorities={("1", "2"): "High", ("2", "2"): "Gold"},
    agents={"5": "Ines Dahl"},
    types={"20": "Alert"},
)
TICKET: Row = {
    "id": 7.0,
    "summary": "Till",
    "status_id": 1,
    "priority_id": 2,
    "sla_id": 2,
    "client_id": "21",
    "agent_id": 1,
    "team": "Help Desk",
    "last_update": "2026-07-01T10:00:00.1234567",
    "dateoccurred": "2026-07-01T09:00:00",
    "dateclosed": "1900-01-01T00:00:00",
    "category_1": "Hardware>Printer",
}
KEYS = {"use": "halopsa", "client_id": "id", "client_secret": "secret"}


@pytest.mark.parametrize(
    ("value", "id_"), [(21.0, "21"), ("21", "21"), (21, "21"), (-1, ""), (0, ""), (None, ""), ("a-guid", "a-guid")]
)
def test_an_id_is_a_text_whatever_it_was(value: object, id_: str) -> None:
    assert number(value) == id_


@pytest.mark.parametrize(
    "none", ["1899-12-30T00:00:00", "1900-01-01T00:00:00", "0001-01-01T00:00:00", "", None, "soon"]
)
def test_a_placeholder_is_no_date(none: object) -> None:
    assert moment(none) is None


def test_a_date_without_a_zone_is_in_the_configured_one() -> None:
    assert moment("2026-07-01T10:00:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert moment("2026-07-01T10:00:00", LONDON) == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert moment("2026-12-01T10:00:00Z", LONDON) == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert asked(datetime(2026, 7, 1, 9, tzinfo=UTC), LONDON) == "2026-07-01T10:00:00"


@pytest.mark.parametrize(
    ("hour", "minute", "back"),
    [(0, 30, 1), (1, 30, 1), (23, 59, 0), (2, 0, 0)],  # in UTC; in London the clock shows one to two twice
)
def test_an_hour_that_comes_twice_is_reached_back_for(hour: int, minute: int, back: int) -> None:
    when = datetime(2026, 10, 25 - (hour == 23), hour, minute, tzinfo=UTC)
    assert reached(when, LONDON) == when - timedelta(hours=back)
    assert reached(when, UTC) == when


def test_a_ticket_is_told_in_names() -> None:
    ticket = mapping.to_ticket(TICKET, "main", NAMES)
    assert (ticket.number, ticket.status, ticket.priority, ticket.assignee) == ("7", "New", "Gold", "")
    assert (ticket.category, ticket.company_id, ticket.closed_at) == ("Hardware / Printer", "21", None)


def test_a_number_that_nobody_knows_is_still_a_value() -> None:
    row = TICKET | {"status_id": 31, "priority_id": 8, "agent_id": 99}
    ticket = mapping.to_ticket(row, "main", NAMES)
    assert (ticket.status, ticket.priority, ticket.assignee) == ("status 31", "priority 8", "agent 99")
    assert not NAMES.know(row)
    assert mapping.to_ticket(row | {"agent_name": "Bo March"}, "main", NAMES).assignee == "Bo March"


def test_a_ticket_type_tells_the_origin() -> None:
    assert mapping.to_ticket(TICKET | {"tickettype_id": 20}, "main", NAMES).origin is Origin.ALERT


def test_a_customer_whose_name_sounds_like_a_program_is_none() -> None:
    by = {"created_by": "Ada Monitor", "user_name": "Ada Monitor"}
    assert mapping.to_ticket(TICKET | by, "main", NAMES).origin is Origin.PERSON
    assert mapping.to_ticket(TICKET | by | {"user_name": "Gus Fenwick"}, "main", NAMES).origin is Origin.ALERT


@pytest.mark.parametrize("lacks", ["id", "last_update"])
def test_what_lacks_its_number_or_its_date_is_no_ticket(lacks: str) -> None:
    with pytest.raises(ValueError, match="a ticket without"):
        mapping.to_ticket({name: value for name, value in TICKET.items() if name != lacks}, "main", NAMES)


@pytest.mark.parametrize(
    ("row", "by"),
    [
        ({"who_agentid": 5}, ActorClass.TECHNICIAN),
        ({"who_agentid": 5, "actionby_application_id": "Some RMM"}, ActorClass.INTEGRATION),
        ({"actionby_agent_id": 6, "who": "Copilot Api"}, ActorClass.INTEGRATION),
        ({"actionby_user_id": 12}, ActorClass.CUSTOMER),
        ({"who_agentid": 1}, ActorClass.SYSTEM),
        ({}, ActorClass.SYSTEM),
    ],
)
def test_an_application_is_told_from_the_agent_it_acts_as(row: Row, by: ActorClass) -> None:
    action = {"id": 1, "note": "Hello", "datetime": "2026-07-01T10:00:00", **row}
    assert mapping.to_message(action, REF, NAMES, frozenset({"copilot api"}), UTC).by is by


@pytest.mark.parametrize("told", [("1", "9"), ("New", "Closed")])
def test_the_audit_log_may_tell_numbers_or_names(told: tuple[str, str]) -> None:
    row = {"value": "Status", "from": told[0], "to": told[1], "date": "2026-07-01T10:00:00", "agent_id": 5}
    event = mapping.to_event(row, REF, NAMES, UTC, datetime(2026, 7, 2, tzinfo=UTC))
    assert event is not None
    assert (event.field, event.before, event.after, event.actor) == (Field.STATUS, "New", "Closed", "Ines Dahl")


def test_an_outcome_that_does_nothing_besides_is_silent_about_it() -> None:
    quiet = {
        "id": 7,
        "outcome": "Private Note",
        "newstatus": -1,
        "sendemail": 0,
        "chargerate": None,
        "respondtype": "0",
    }
    assert outcomes.does(quiet) == []
    assert outcomes.does(quiet | {"newstatus": 9, "sendemail": "1"}) == ["mails", "sets a status"]


@pytest.mark.parametrize(
    ("ids", "dates", "is_order"),
    [
        ([], [], False),
        ([7], ["2026-07-01"], False),
        ([100, 99, 9], ["2026-07-01", "2026-07-02", "2026-07-03"], False),
        ([9, 100, 99], ["2026-07-03", "2026-07-02", "2026-07-01"], False),
        ([9, 100, 99], ["2026-07-01", "2026-07-03", "2026-07-02"], True),
        ([9, 100, 99], ["", "", ""], True),
    ],
)
def test_pages_prove_their_order_where_nothing_else_explains_it(
    ids: list[int], dates: list[str], is_order: bool
) -> None:
    sinking = changes._Sinking(proven=False)
    rows = [{"id": float(one), "dateoccurred": date} for one, date in zip(ids, dates, strict=True)]
    sinking.saw(rows, [f"2026-08-0{9 - at}" for at in range(len(rows))])
    assert sinking.proven is is_order
    sinking.saw([{"id": 1, "dateoccurred": ""}], ["2026-08-30"])
    assert not sinking.proven


@pytest.mark.parametrize(("told", "hidden"), [(None, True), (..., True), (True, True), (0, True), (False, False)])
def test_an_edit_never_shows_what_is_not_told_to_be_shown(told: object, hidden: bool) -> None:
    before = {"id": 3, "outcome_id": 7} | ({} if told is ... else dict.fromkeys(bodies.INSIDE, told))
    body = bodies.edit(EditNote(note_id="3", body="New words", because="a test"), 7, before)
    assert {body[name] for name in bodies.INSIDE} == {hidden}


@pytest.mark.parametrize(
    ("given", "api", "auth"),
    [
        ({"url": "https://a.halopsa.example/"}, "https://a.halopsa.example/api", "https://a.halopsa.example/auth"),
        ({"url": "https://a.example/api"}, "https://a.example/api", "https://a.example/auth"),
        (
            {"url": "https://a.example", "auth_url": "https://b.example"},
            "https://a.example/api",
            "https://b.example/auth",
        ),
        (
            {"url": "https://a.example/api", "auth_url": "https://b.example/x/auth/"},
            "https://a.example/api",
            "https://b.example/x/auth",
        ),
    ],
)
def test_both_servers_are_found_however_their_addresses_are_written(given: dict[str, str], api: str, auth: str) -> None:
    settings = HaloPsaSettings.model_validate({**KEYS, **given})
    assert (settings.api(), settings.auth()) == (api, auth)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "http://a.halopsa.example"}, "in the clear"),
        ({"url": "a.halopsa.example"}, "is no site"),
        ({"url": "https://a.example", "zone": "Mars/Olympus"}, "is no time zone"),
        ({"url": "https://a.example", "client_secret": ""}, "at least 1"),
    ],
)
def test_a_wrong_setting_is_told(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HaloPsaSettings.model_validate({**KEYS, **wrong})


def test_a_tenant_of_a_shared_server_is_named_at_login() -> None:
    keys = {**KEYS, "client_secret": "hush-hush", "url": "https://a.example", "tenant": "contoso"}
    settings = HaloPsaSettings.model_validate(keys)
    assert settings.login()["tenant"] == "contoso"
    assert "hush-hush" not in repr(settings)


# What a desk does by itself


@pytest.mark.parametrize(
    ("outcome", "does"),
    [
        ({"newstatus": -1, "respondtype": 0, "defaultmanhrs": 0.0, "sendemail": None}, []),
        ({"defaultmanhrs": 0.25, "defaultagent": "7"}, ["logs time", "assigns"]),
        ({"child_ticket_type_id": 3, "createchildticketortemplate": 1}, ["makes a child ticket"]),
        ({"slaholdischecked": True, "isbillingaction": False}, ["holds the SLA"]),
    ],
)
def test_an_outcome_does_what_is_set_and_nothing_that_is_not(outcome: dict[str, object], does: list[str]) -> None:
    assert outcomes.does(outcome) == does


@pytest.mark.parametrize("field", outcomes.DOES)
@pytest.mark.parametrize("value", [True, 4, "Escalations", "0f9c3b6e-1111-4222-8333-444455556666"])
def test_whatever_is_set_in_an_outcome_is_told(field: str, value: object) -> None:
    assert outcomes.does({"id": 7, "outcome": "Private Note", field: value}) == [outcomes.DOES[field]]


@pytest.mark.parametrize("nothing", [None, "", 0, -1, 0.0, False, "0", "00000000-0000-0000-0000-000000000000"])
def test_what_is_not_set_in_an_outcome_does_nothing(nothing: object) -> None:
    assert outcomes.does(dict.fromkeys(outcomes.DOES, nothing)) == []


def test_a_status_that_turns_into_another_by_itself_is_told_by_names() -> None:
    names = {"4": "Waiting", "9": "Closed"}
    row = {"id": 4, "name": "Waiting", "statuschangeto": 9, "statuschangetofreq": 72.0, "slaaction": ""}
    assert acts.status_does(row, names) == ["turns into Closed by itself"]
    assert acts.status_does({"id": 9, "name": "Closed", "statuschangeto": -1}, names) == []


def test_a_ticket_type_is_told_by_what_it_does() -> None:
    row = {"name": "Incident", "autoCloseHours": 72, "statusaftertechupdate": 2.0, "workflow_id": -1, "chargerate": 0}
    says = ["sets status In Progress when an agent acts", "closes tickets after 72 hours"]
    assert acts.type_does(row, {"2": "In Progress"}) == says

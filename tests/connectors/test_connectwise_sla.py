"""What ConnectWise tells about SLAs, read without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psa_copilot_connectors.connectwise import mapping, sla

NEAR = datetime(2026, 10, 12, 12, 0, tzinfo=UTC)
PROMISES = sla.promises(
    {"id": 3, "basedOn": "AllHours"},
    [
        {"priority": {"id": 1}, "respondHours": 1, "planWithin": 2, "resolutionHours": 8},
        {"priority": {"id": 2}, "respondHours": 0, "planWithin": None, "resolutionHours": 16.5},
        {"priority": None, "respondHours": 4},
    ],
)


def row(**more: Any) -> dict[str, Any]:
    base = {
        "id": 42,
        "sla": {"id": 3, "name": "Standard"},
        "priority": {"id": 1, "name": "Priority 1"},
        "closedFlag": False,
        "_info": {"lastUpdated": "2026-10-12T12:00:00Z", "dateEntered": "2026-10-12T08:00:00Z"},
    }
    return {**base, **more}


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ("Respond by Tue 10/13 4:00 PM UTC-04", datetime(2026, 10, 13, 20, 0, tzinfo=UTC)),
        ("Plan by Tue 10/13 12:05 AM UTC", datetime(2026, 10, 13, 0, 5, tzinfo=UTC)),
        ("Resolve by 10/13/2026 16:00 UTC+05:30", datetime(2026, 10, 13, 10, 30, tzinfo=UTC)),
        ("Resolve by Tue 13/10 4:00 PM UTC+02", datetime(2026, 10, 13, 14, 0, tzinfo=UTC)),
        ("Resolve by Fri 1/1 9:00 AM UTC", datetime(2027, 1, 1, 9, 0, tzinfo=UTC)),
        ("Resolve by Wed 12/31/25 9:00 AM UTC", datetime(2025, 12, 31, 9, 0, tzinfo=UTC)),
        ("Resolve by Tue 2/30 9:00 AM UTC", None),
        ("Resolve by Mon 10/13 25:00 UTC", None),
        ("Resolve by Sun 10/13 4:00 PM UTC", None),  # no such Sunday in these years
        ("Resolved", None),
        ("Waiting since Tue 10/13 4:00 PM UTC-04, Resolve by Tue 10/13 4:00 PM UTC-04", None),
        ("", None),
    ],
)
def test_the_due_date_is_read_from_their_words(told: str, due: datetime | None) -> None:
    assert sla.due(row(slaStatus=told), NEAR) == due


@given(st.text())
def test_whatever_they_say_is_no_accident(told: str) -> None:
    due = sla.due(row(slaStatus=f"Respond by {told}"), NEAR)
    assert due is None or due.tzinfo is not None


@pytest.mark.parametrize(
    ("more", "due"),
    [
        ({}, datetime(2026, 10, 12, 9, 0, tzinfo=UTC)),
        ({"escalationStartDateUTC": "2026-10-12T10:00:00Z"}, datetime(2026, 10, 12, 11, 0, tzinfo=UTC)),
        ({"dateResponded": "2026-10-12T08:10:00Z"}, datetime(2026, 10, 12, 10, 0, tzinfo=UTC)),
        (
            {"dateResponded": "x", "dateResplan": "y", "minutesWaiting": 30},
            datetime(2026, 10, 12, 16, 30, tzinfo=UTC),
        ),
        ({"dateResolved": "2026-10-12T09:00:00Z"}, None),
        ({"closedFlag": True}, None),
        ({"slaStatus": "Waiting"}, None),
        ({"priority": {"id": 9}}, None),
        ({"priority": {"id": 2}}, None),  # nothing is promised for a response
        ({"sla": None}, None),
        ({"_info": {}}, None),
    ],
)
def test_without_words_the_promise_is_counted(more: dict[str, Any], due: datetime | None) -> None:
    assert sla.due(row(**more), NEAR, PROMISES) == due


def test_business_hours_are_the_psas_own_matter() -> None:
    assert sla.promises({"id": 3, "basedOn": "MyCalendar"}, [{"priority": {"id": 1}, "respondHours": 1}]) == {}


@pytest.mark.parametrize(
    "moved",
    [
        {"slaStatus": "Resolve by Wed 10/14 4:00 PM UTC"},
        {"dateResponded": "2026-10-12T09:00:00Z"},
        {"escalationStartDateUTC": "2026-10-12T09:00:00Z"},
        {"sla": {"id": 4, "name": "Gold"}},
        {"escalationLevel": 2},
    ],
)
def test_a_target_that_moves_shows_in_the_line(moved: dict[str, Any]) -> None:
    before = row(slaStatus="Resolve by Tue 10/13 4:00 PM UTC", isInSla=True)
    assert sla.state(before) != sla.state({**before, **moved})


def test_time_that_passes_does_not_move_a_target() -> None:
    assert sla.state(row(isInSla=True)) == sla.state(row(isInSla=False))
    assert sla.state(row(respondMinutes=5)) == sla.state(row(respondMinutes=6))
    met = row(dateResponded="2026-10-12T09:00:00Z")
    assert sla.state({**met, "respondMinutes": 5}) != sla.state({**met, "respondMinutes": 6})


def test_a_ticket_carries_both() -> None:
    ticket = mapping.to_ticket(row(slaStatus="Respond by Tue 10/13 4:00 PM UTC-04"), "main")
    assert ticket.sla_due == datetime(2026, 10, 13, 20, 0, tzinfo=UTC)
    assert "Standard" in ticket.sla_state
    assert mapping.to_ticket(row(sla=None), "main").sla_state == ""

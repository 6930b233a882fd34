"""How technicians are placed: who is there, at which tier, and how much of their time is spoken for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psa_copilot import ChangeField, app, config
from psa_copilot.clock import Clock
from psa_copilot.engine.tools import Bench, StoredRoster
from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Appointment, AppointmentKind, Directory, Field, Person, Ref, Thread, Ticket
from psa_copilot.plugin import Working
from psa_copilot.store import DecisionRow, Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
ACCESS = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}
DESK = {
    "shifts": {"ada": {"open": "13:00", "close": "17:00", "zone": "UTC"}},
    "away": {"bo": [{"since": "2026-03-01", "until": "2026-03-05"}]},
    "tiers": {"Frontline": 1},
}


class Noon(Clock):
    """It is noon."""

    def now(self) -> datetime:
        return NOON


class Desk:
    """One connection with four technicians, an integration and a store, and no PSA that would have to be asked."""

    def __init__(self, folder: Path) -> None:
        path = folder / "config.yaml"
        main = {"use": "connectwise", "accept_risk": True, "desk": DESK, **ACCESS}
        path.write_text(json.dumps({"connections": {"main": main}}))
        loaded = config.load(path)
        self.config = loaded
        self.store = Store(loaded.database_path)
        self.store.upgrade()
        self.line = app.open_line(dataclasses.replace(loaded, plugins={}), "main", self.store, Noon())
        self.line.first_contact = NOON
        self.line.directory = Directory(technicians=(
            person("Ada"), person("Bo"), person("Cy", team="Frontline"), person("Di"),
            person("Gone", active=False), person("Rmm", is_api=True),
        ))  # fmt: skip

    def working(self) -> dict[str, Working]:
        return {one.person.identifier: one for one in StoredRoster(self.store, self.line).working()}

    def tickets(self, *tickets: Ticket) -> None:
        with self.store.transaction() as tx:
            tx.mirror.save_tickets(tickets, self.line.look(Source.BACKFILL))

    def planned(self, person: str, starts: datetime, ends: datetime, **fields: object) -> None:
        given = {"kind": AppointmentKind.TICKET, "person": person, "starts": starts, "ends": ends, **fields}
        one = Appointment.model_validate({"remote_id": f"{person}-{starts}", **given})
        with self.store.transaction() as tx:
            tx.standings.keep_appointments("main", [one], start=NOON - 9 * HOUR, end=NOON + 99 * HOUR)


def person(name: str, **fields: object) -> Person:
    return Person.model_validate({"remote_id": name, "identifier": name.casefold(), "name": name, **fields})


def ticket(number: int, assignee: str, **fields: object) -> Ticket:
    ref = Ref(connection="main", remote_id=str(number))
    given = {"title": "Printer", "assignee": assignee, "opened_at": NOON, "updated_at": NOON, **fields}
    return Ticket.model_validate({"ref": ref, "number": str(number), **given})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_it_holds_active_people_and_no_programs(desk: Desk) -> None:
    assert set(desk.working()) == {"ada", "bo", "cy", "di"}


def test_who_is_off_shift_or_away_is_not_there(desk: Desk) -> None:
    desk.planned("di", NOON - HOUR, NOON + HOUR, kind=AppointmentKind.TIME_OFF)
    assert {name for name, one in desk.working().items() if one.on_shift} == {"cy"}


def test_a_tier_is_known_where_it_is_declared_for_the_team(desk: Desk) -> None:
    assert desk.working()["cy"].tier == 1
    assert desk.working()["di"].tier is None


def test_load_is_open_tickets_and_what_is_booked(desk: Desk) -> None:
    desk.tickets(ticket(1, "cy"), ticket(2, "CY"), ticket(3, "cy", is_closed=True), ticket(4, ""))
    desk.planned("cy", NOON - HOUR, NOON + 2 * HOUR)
    cy = desk.working()["cy"]
    assert cy.open_tickets == 2
    assert cy.booked == 2 * HOUR  # what is over of it is over


def test_what_we_are_about_to_give_somebody_counts_until_it_shows(desk: Desk) -> None:
    desk.tickets(ticket(1, ""))
    wish = ChangeField(field=Field.ASSIGNEE, was="", to="Cy", because="their turn")
    decision = DecisionRow(
        at=NOON,
        connection="main",
        thread_id="main/1",
        ticket="1",
        plugin="route",
        wish={},
        verdict="promised",
        evidence=[],
    )
    with desk.store.transaction() as tx:
        tx.ledger.add(decision)
        tx.work.promise(decision, "route", wish, "k7f3q5m2p4", NOON - HOUR / 60, HOUR)
    assert (desk.working()["cy"].open_tickets, desk.working()["cy"].last_assigned_at) == (1, NOON - HOUR / 60)
    desk.tickets(ticket(1, "cy", updated_at=NOON + HOUR))
    assert desk.working()["cy"].open_tickets == 1  # and not twice


def test_what_is_done_far_ahead_or_time_off_is_no_booked_work(desk: Desk) -> None:
    desk.planned("cy", NOON + 90 * HOUR, NOON + 91 * HOUR)
    assert desk.working()["cy"].booked == timedelta()
    desk.planned("cy", NOON, NOON + HOUR, done=True)
    assert desk.working()["cy"].booked == timedelta()


def test_the_last_assignment_is_the_newest_of_them(desk: Desk) -> None:
    assert desk.working()["cy"].last_assigned_at is None
    with desk.store.transaction() as tx:
        tx.mirror.record(given("cy", NOON - 5 * HOUR, NOON - HOUR))
    assert desk.working()["cy"].last_assigned_at == NOON - HOUR


def test_whom_a_ticket_was_taken_from_by_hand_is_told_to_plugins(desk: Desk) -> None:
    def had_by(*hands: tuple[str, str, ActorClass, Source]) -> tuple[str, ...]:
        one, *_ = given("cy", NOON)
        told = [
            one.model_copy(update={"before": was, "after": to, "actor_class": by, "source": source})
            for was, to, by, source in hands
        ]
        with desk.store.transaction() as tx:
            tx.mirror.record(told)
        talk = Thread(id="main/1", revision=1, tickets=(ticket(1, ""),))
        return Bench(desk.store, desk.config).tools("route", talk, desk.line).standing.had_by

    desk.tickets(ticket(1, ""))
    human = (ActorClass.TECHNICIAN, Source.POLL)
    assert had_by(("", "cy", *human)) == ()
    assert had_by(("cy", "", ActorClass.INTEGRATION, Source.POLL), ("di", "", ActorClass.COPILOT, Source.OURS)) == ()
    assert had_by(("Cy", "di", *human), ("di", "", ActorClass.UNKNOWN, Source.POLL)) == ("Cy", "di")


def given(person: str, *times: datetime) -> list[Event]:
    """A ticket was given to them at these times."""
    return [
        Event(
            kind=EventKind.FIELD_CHANGED,
            ticket=Ref(connection="main", remote_id="1"),
            field=Field.ASSIGNEE,
            before="",
            after=person,
            actor_class=ActorClass.TECHNICIAN,
            happened_at=at,
            seen_at=at,
            source=Source.POLL,
        )
        for at in times
    ]

"""What a survey makes of names, titles and times, before any ticket is looked at."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from psa_copilot.calendar import Hours
from psa_copilot.desk import Desk
from psa_copilot.models import ActorClass, Directory, Meaning, Message, Origin, Ref, Status, Ticket
from psa_copilot.survey import draft, words
from psa_copilot.survey.proposal import Guess, Proposal, Sample, hours_of, meaning_of, propose, repetition
from psa_copilot.survey.titles import folded

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("New", Meaning.NEW),
        ("New (portal)", Meaning.NEW),
        ("Neu", Meaning.NEW),
        ("Waiting Client Response", Meaning.WAITING_ON_CUSTOMER),
        ("Wartet auf Kunde", Meaning.WAITING_ON_CUSTOMER),
        ("En attente client", Meaning.WAITING_ON_CUSTOMER),
        ("Esperando respuesta del cliente", Meaning.WAITING_ON_CUSTOMER),
        ("Wacht op klant", Meaning.WAITING_ON_CUSTOMER),
        ("Client responded", Meaning.IN_PROGRESS),
        ("Re-opened", Meaning.IN_PROGRESS),
        ("Waiting Parts", Meaning.WAITING_ON_VENDOR),
        ("Wartet auf Hersteller", Meaning.WAITING_ON_VENDOR),
        ("Scheduled", Meaning.SCHEDULED),
        ("Termin vereinbart", Meaning.SCHEDULED),
        ("On Hold", Meaning.WAITING_INTERNAL),
        (">Closed", Meaning.CLOSED),
        ("Cancelled", Meaning.CLOSED),
        ("Résolu", Meaning.RESOLVED),
        ("Completed", Meaning.RESOLVED),
        ("In Arbeit", Meaning.IN_PROGRESS),
        ("Assigned", Meaning.TRIAGE),
        ("Blue", None),
    ],
)
def test_a_status_is_read_by_its_name(name: str, meaning: Meaning | None) -> None:
    assert words.meaning_of(name) is meaning


def test_alerts_of_one_kind_have_one_title() -> None:
    titles = ["Disk C: < 10 % on MILL-SRV01", "disk C: < 7,5 % on ALD-SRV-12", "RE: Disk C: < 3% on mill-srv02"]
    assert len({folded(title) for title in titles}) == 1
    assert folded("Disk C: < 10 % on MILL-SRV01") != folded("Backup failed on MILL-SRV01")
    assert folded("The mill's share is full") != folded("Disk C: < 10 % on MILL-SRV01")


def test_the_psas_flag_goes_before_a_name() -> None:
    flagged = Status(remote_id="1", name="Waiting customer", is_closed=True)
    assert meaning_of(flagged, [], {}) == Guess("closed", "the PSA counts it as closed; no ticket seen in it")
    open_one = Status(remote_id="2", name="Closed by technician")
    assert not meaning_of(open_one, [], {}).sure


def test_a_name_that_tells_nothing_is_read_by_who_speaks_last_in_it() -> None:
    tickets = [a_ticket(number, status="Blue") for number in range(5)]
    messages = {one.ref.remote_id: [a_message(one, ActorClass.TECHNICIAN, MONDAY)] for one in tickets}
    guess = meaning_of(Status(remote_id="1", name="Blue"), tickets, messages)
    assert (guess.value, guess.sure) == ("waiting on customer", False)
    assert "the customer spoke last in 0 of 5" in guess.because


def test_hours_are_those_in_which_technicians_write() -> None:
    week = [MONDAY + timedelta(days=day, hours=8 + step / 2) for day in range(5) for step in range(19)]
    guess = hours_of([*week, MONDAY + timedelta(days=5, hours=23)], "Europe/London")
    assert guess.sure
    assert Hours.model_validate(yaml.safe_load(guess.value)) == Hours(
        days=("mon", "tue", "wed", "thu", "fri"), open="08:00", close="18:00", zone="Europe/London", holidays=""
    )
    assert not hours_of(week[:10], "Europe/London").sure


def test_a_source_that_repeats_itself_is_a_machine() -> None:
    alerts = [a_ticket(n, title=f"Backup job {n} failed on SRV-{n:02}", source="Connector 7") for n in range(40)]
    people = [
        a_ticket(100 + n, title=f"{'abcdefghij'[n % 10] * (n + 3)} does not work", source="Mail") for n in range(40)
    ]
    assert repetition(alerts) == 1.0
    origins = propose(Sample(Directory(), [*alerts, *people]), "UTC").origins
    assert [guess.value for guess in origins[Origin.ALERT]["source"]] == ["Connector 7"]
    assert not origins[Origin.ALERT]["source"][0].sure  # it looks like one; a human says so


@pytest.mark.parametrize("name", ["New", "a: b", "#1", "- x", "yes", "12", "Ünïcode 😀", 'q"uo\\te', "two\nlines", ""])
def test_a_draft_reads_back_whatever_things_are_called(name: str) -> None:
    proposal = Proposal(
        {name: {name: Guess("new", f"because of {name}"), "Other": Guess("closed", "so", False)}},
        {Origin.ALERT: {"source": [Guess(name, "rate"), Guess("Unsure", name, False)]}},
        {"*": Guess("{days: mon-fri, zone: UTC}", "seen")},
        confidential=[Guess(name, "its name")],
    )
    made = yaml.safe_load(draft.compose(draft.Access("main", {"use": "x", "company": name}), proposal, ["p"], "about"))
    main = made["connections"]["main"]
    assert main["company"] == name
    assert main["statuses"] == {name: {name: "new"}}
    assert main["desk"]["origins"] == {"alert": {"source": [name]}}
    assert main["desk"]["confidential"] == {"board": [name]}
    assert made["plugins"] == {"p": {"mode": "observe"}}


@pytest.mark.parametrize("sure", [True, False])
def test_every_proposal_is_a_setting_of_a_desk(sure: bool) -> None:
    week = [MONDAY + timedelta(days=day, hours=9 + step) for day in range(5) for step in range(8)]
    one = [Guess("X", "so", sure)]
    full = Proposal(
        {"B": {"S": Guess("new", "so", sure)}},
        {origin: {"source": one, "creator": one, "board": one} for origin in (Origin.ALERT, Origin.PROJECT)},
        {"*": hours_of(week if sure else [], "Europe/Berlin"), "B": Guess(hours_of(week, "UTC").value, "own", sure)},
        confidential=one,
        vips=one,
        catch_all=one,
        own_company=Guess("Us", "so", sure),
        client_it=one,
        co_managed=one,
        sync_users=one,
        external_refs="9 of 10 tickets",
    )
    text = draft.compose(draft.Access("main", {"use": "x"}), full, [], "about")
    confirmed = "\n".join(re.sub(r"^( *)#(?! )", r"\1", line) for line in text.splitlines())
    for read in (text, confirmed):
        main = yaml.safe_load(read)["connections"]["main"]
        assert Desk.model_validate(main.get("desk", {})).own_company == ("Us" if read is confirmed else "")
    known = Desk.model_validate(yaml.safe_load(confirmed)["connections"]["main"]["desk"])
    assert set(known.hours) == {"*", "B"}
    assert known.origins[Origin.PROJECT].creator == {"X"}


def test_a_draft_of_nothing_sure_is_still_one() -> None:
    unsure = Proposal({"B": {"S": Guess("new", "maybe", False)}}, {}, {"*": Guess("{zone: UTC}", "few", False)})
    made = yaml.safe_load(draft.compose(draft.Access("main", {"use": "x"}), unsure, [], "about"))
    assert made["connections"] == {"main": {"use": "x"}}


def a_ticket(number: int, title: str = "Printer", status: str = "New", source: str = "") -> Ticket:
    ref = Ref(connection="main", remote_id=str(number))
    return Ticket(
        ref=ref,
        number=str(number),
        title=title,
        board="B",
        status=status,
        source=source,
        opened_at=MONDAY,
        updated_at=MONDAY,
    )


def a_message(ticket: Ticket, by: ActorClass, at: datetime) -> Message:
    return Message(remote_id="1", ticket=ticket.ref, by=by, text="Any news?", sent_at=at)

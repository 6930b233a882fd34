"""What the Autotask connector does without a right, and what `check` says of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from psa_copilot import Action, AddNote, Book, ChangeField, Field, Finding, Http, LogTime, Rejected
from psa_copilot.clock import Clock
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from psa_copilot_connectors.autotask.sandbox.switches import RIGHTS
from tests.connectors.autotask_desk import at, client, clock, connected, edit, http, ref

__all__ = ["at", "clock", "http"]


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with running(AutotaskSandbox, switches={"access_levels": "words"}) as sandbox:
        sandbox.speed(20)
        yield sandbox


@pytest.fixture
def psa(house: Sandbox) -> Iterator[Sandbox]:
    """The one sandbox, as it was after each test."""
    before = {name: told["value"] for name, told in house.switches().items()}
    yield house
    house.switch(**before)


async def checked(at: Autotask) -> dict[str, Finding]:
    return {finding.about: finding for finding in await at.check()}


def wish(psa: Sandbox, right: str) -> Action:
    starts = psa.now().replace(microsecond=0) + timedelta(days=4)
    wishes: dict[str, Action] = {
        "notes_right": AddNote(body=signed("Recap: a", "summarize", new_marker()), because="a test"),
        "edit_right": ChangeField(field=Field.TITLE, to="Another", was="", because="a test"),
        "time_right": LogTime(body="Copied", minutes=6, because="a test"),
        "calls_right": Book(person="idahl", starts=starts, ends=starts + timedelta(hours=1), because="a test"),
    }
    return wishes[right]


SAYS = {
    "notes_right": "right to write notes",
    "edit_right": "right to write fields of tickets",
    "time_right": "right to write time entries",
    "calls_right": "right to write service calls",
}


@pytest.mark.parametrize("status", ["500", "403"])
@pytest.mark.parametrize("right", SAYS)
async def test_a_write_that_is_not_allowed_is_refused_and_told(
    psa: Sandbox, at: Autotask, right: str, status: str
) -> None:
    psa.switch(**{right: False, "permission_status": status})
    with pytest.raises(Rejected, match="adequate permissions to edit"):
        await at.apply(ref(1001), wish(psa, right), new_marker())
    told = (await checked(at))[SAYS[right]]
    assert told.says.startswith("not given")
    assert "Security Levels" in told.says


@pytest.mark.parametrize(
    ("right", "about", "unseen"),
    [
        ("history_right", "right to read the history of tickets", "the history:"),
        ("charges_right", "right to read charges", "charges:"),
        ("notifications_right", "right to read the history of notifications", "the history of notifications"),
    ],
)
async def test_what_may_not_be_read_is_named_and_unseen(
    psa: Sandbox, at: Autotask, right: str, about: str, unseen: str
) -> None:
    psa.switch(**{right: False})
    told = (await checked(at))[about]
    assert (told.level, "Security Levels" in told.says) == ("warning", True)
    assert any(one.startswith(unseen) for one in (await at.traces(ref(1001))).unseen)
    assert (await at.history(ref(1001)) == []) or right != "history_right"


async def test_what_cannot_be_looked_at_blocks_a_close(psa: Sandbox, at: Autotask) -> None:
    psa.switch(charges_right=False)
    [blocks] = [one for one in await at.blocks_closing(ref(1003)) if "charges" in one]
    assert "cannot be looked at" in blocks


def test_every_right_has_its_test() -> None:
    assert {*SAYS, "history_right", "charges_right", "notifications_right"} | {
        "webhooks_right",
        "billing_codes_right",
        "time_off_right",
        "holidays_right",
    } == RIGHTS.keys()


async def test_without_the_right_to_webhooks_none_is_registered(psa: Sandbox, at: Autotask) -> None:
    psa.switch(webhooks_right=False)
    with pytest.raises(Rejected, match="adequate permissions"):
        await at.register_webhooks("http://127.0.0.1:9/webhooks/main")


async def test_a_work_type_that_may_not_be_read_is_not_guessed(psa: Sandbox, http: Http) -> None:
    psa.switch(billing_codes_right=False)
    with pytest.raises(Rejected, match="view BillingCodes"):
        await connected(psa, http, work_type="Automation").apply(ref(1001), wish(psa, "time_right"), new_marker())


@pytest.mark.parametrize("right", ["time_off_right", "holidays_right"])
async def test_who_may_not_read_time_off_goes_on_without(psa: Sandbox, at: Autotask, right: str) -> None:
    assert (await checked(at))["people who are away"].level == "ok"
    psa.switch(**{right: False})
    await at.directory()
    told = (await checked(at))["people who are away"]
    assert (told.level, "Security Levels" in told.says) == ("warning", True)
    starts = psa.now() + timedelta(days=9)
    psa.record("time_off", by="mruiz", starts=starts.isoformat(), ends=(starts + timedelta(hours=1)).isoformat())
    assert {one.person for one in await at.appointments(starts, starts + timedelta(hours=1))} == {"mruiz"}


async def test_more_rights_than_needed_are_a_warning(psa: Sandbox, at: Autotask) -> None:
    assert "charges" not in await checked(at)
    psa.switch(finance_right=True)
    assert (await checked(at))["charges"].level == "warning"


async def test_what_the_psa_does_not_tell_is_left_to_the_canary(psa: Sandbox, at: Autotask) -> None:
    psa.switch(access_levels="object")
    told = await checked(at)
    assert "a canary tries each" in told["rights to write"].says
    assert not [about for about in told if about.startswith("right to write")]


async def test_check_names_what_the_admin_has_mistyped(psa: Sandbox, http: Http) -> None:
    told = await checked(connected(psa, http, mailing_statuses=["Completed"], required_to_close=["resolutions"]))
    assert "there is no status 'Completed'" in told["mailing_statuses"].says
    assert "tickets have no resolutions" in told["closing"].says


async def test_check_names_a_webhook_that_sleeps(psa: Sandbox, at: Autotask, clock: Clock) -> None:
    url = "http://127.0.0.1:9/webhooks/main"
    await at.register_webhooks(url)
    put_to_sleep(psa)
    assert url in (await checked(at))["our webhooks"].says
    await at.remove_webhooks()
    assert "our webhooks" not in await checked(at)


def put_to_sleep(psa: Sandbox) -> None:
    """The PSA ends a webhook after too many failures."""
    with client(psa.url) as stranger:
        rows = stranger.post("/TicketWebhooks/query", json={"filter": [{"op": "exist", "field": "id"}]}).json()
        for row in rows["items"]:
            stranger.patch("/TicketWebhooks", json={"id": row["id"], "isActive": False}).raise_for_status()


async def test_what_a_category_wants_filled_blocks_a_close(psa: Sandbox, http: Http) -> None:
    at = connected(psa, http, required_to_close=["resolution"])
    number = psa.inject({"title": "Tray 2"})
    assert await at.blocks_closing(ref(number)) == ["1 × empty field that has to be filled: resolution"]
    with client(psa.url) as stranger:
        edit(stranger, number, resolution="A new roll.")
    assert await at.blocks_closing(ref(number)) == []


async def test_an_open_incident_blocks_the_close_of_its_problem(psa: Sandbox, at: Autotask) -> None:
    problem, incident = psa.inject({"title": "Printers"}), psa.inject({"title": "Tray 2"})
    with client(psa.url) as stranger:
        edit(stranger, incident, problemTicketId=problem)
        [blocks] = await at.blocks_closing(ref(problem))
        assert blocks.startswith("1 × open incident of this problem: T")
        edit(stranger, incident, status=5)
    assert await at.blocks_closing(ref(problem)) == []

"""What has stopped moving is said once, by the whole daemon, over moved days."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psa_copilot import app
from psa_copilot.config import EnabledPlugin
from psa_copilot.engine.sweeps import Sweeps, release
from psa_copilot_plugins.stale_sweeper import StaleSweeper
from tests.story.conftest import Hire
from tests.story.desk import RESOLVED, WAITING, Copilot, Desk, until
from tests.story.psas import variant

ONLY_SILENCE = {
    name: {"enabled": False}
    for name in ("untouched", "idle", "waited", "no_progress", "nothing_scheduled", "sla_risk", "backlog")
}


def sweeper(mode: str = "act", **settings: Any) -> EnabledPlugin:
    """The sweeper with internal notes, for silent customers only unless told otherwise."""
    usual = {"nudge": "note", "psa_ladder_off": [WAITING], "mode": mode}
    given = StaleSweeper.Settings.model_validate({**ONLY_SILENCE, **usual, **settings})
    return EnabledPlugin("stale_sweeper", StaleSweeper, given)


def asked(psa: Desk) -> int:
    """A ticket that waits for its customer's answer."""
    ticket = psa.ticket("The label printer prints blank pages.")
    psa.technician_writes(ticket, "Does tray 1 print as well?")
    psa.sets(ticket, "status", WAITING)
    return ticket


class Sweeping:
    """Counts the sweeps, which come often here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        sweep = Sweeps.sweep

        async def counted(sweeps: Sweeps) -> None:
            await sweep(sweeps)
            self.done += 1

        monkeypatch.setattr(Sweeps, "sweep", counted)
        monkeypatch.setattr(app, "SWEEPS_EVERY", 3.0)
        monkeypatch.setattr(app, "CALENDARS_EVERY", 5.0)

    async def __call__(self, one: Copilot, psa: Desk, advance: str = "61s") -> None:
        """Time passes, and what sweeps have found then is done."""
        await one.settle()
        psa.sandbox.advance(advance)
        await one.settle()  # the clock is followed
        done = self.done
        # The first may have begun before.
        await until(lambda: self.done >= done + 2, "two sweeps")
        await one.settle()


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> Sweeping:
    return Sweeping(monkeypatch)


async def test_silence_gives_one_nudge_a_step_however_often_we_sweep(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    one = await copilot(sweeper())
    ticket = asked(psa)
    await swept(one, psa)
    assert psa.ours(ticket) == []

    await swept(one, psa, "72h")
    assert len(psa.ours(ticket)) == 1
    assert "time for a reminder" in psa.ours(ticket)[0]["text"]
    await one.stop()

    two = await copilot(sweeper())
    await swept(two, psa)
    await swept(two, psa)
    assert len(psa.ours(ticket)) == 1

    await swept(two, psa, "72h")
    assert len(psa.ours(ticket)) == 2
    assert "time for the final notice" in psa.ours(ticket)[1]["text"]
    assert psa.value(ticket, "status") == WAITING


async def test_the_customers_answer_ends_the_ladder(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    one = await copilot(sweeper())
    ticket = asked(psa)
    await swept(one, psa, "48h")
    psa.customer_replies(ticket, "Yes, tray 1 prints blank pages too.")
    await swept(one, psa, "96h")
    assert psa.ours(ticket) == []
    assert one.ledger(ticket) == []


@variant
async def test_an_automatic_reply_pauses_the_ladder(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    one = await copilot(sweeper())
    ticket = asked(psa)
    back = psa.sandbox.now() + timedelta(days=8)
    psa.customer_replies(
        ticket, f"Automatic reply: I am out of the office, back on {back:%Y-%m-%d}. Call Bo if urgent."
    )
    await swept(one, psa, "96h")
    assert one.ledger(ticket) == []

    await swept(one, psa, "168h")
    assert len(psa.ours(ticket)) == 1


async def test_what_was_stale_before_waits_for_a_human(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    ticket = asked(psa)
    psa.sandbox.advance("96h")
    one = await copilot(sweeper())
    await swept(one, psa)
    assert psa.writes(ticket) == []
    assert one.ledger(ticket) == []

    one.human(release, "stale_sweeper", 10)
    await swept(one, psa)
    assert len(psa.ours(ticket)) == 1


async def test_a_rule_closes_with_its_id_and_a_note_that_names_it(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    rule = {"quiet-9": {"status": [WAITING], "to": RESOLVED, "after": "3bd"}}
    one = await copilot(sweeper(closing=rule, named=[RESOLVED], sla="may_change"))
    ticket = asked(psa)
    for _ in range(3):
        await swept(one, psa, "72h")
    assert psa.value(ticket, "status") == RESOLVED
    closing = [note for note in psa.ours(ticket) if "Closing rule quiet-9" in note["text"]]
    assert len(closing) == 1
    assert [row.wish["rule"] for row in one.ledger(ticket) if row.wish["kind"] == "change_field"] == ["quiet-9"]


@variant
async def test_no_rule_closes_over_a_running_timer(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    rule = {"quiet-9": {"status": [WAITING], "to": RESOLVED, "after": "3bd"}}
    one = await copilot(sweeper(closing=rule, named=[RESOLVED], sla="may_change", nudge="digest"))
    ticket = asked(psa)
    psa.sandbox.record("time", ticket=ticket, by="tokafor", minutes=30, text="on it", running=True)
    psa.sandbox.advance("72h")
    for _ in range(3):
        await swept(one, psa, "72h")
    assert psa.value(ticket, "status") == WAITING
    [decision] = [row for row in one.ledger(ticket) if row.wish["kind"] == "change_field"]
    assert decision.verdict == "dropped"
    assert "running timer" in decision.reason


@variant
async def test_a_future_appointment_silences_everything(copilot: Hire, psa: Desk, swept: Sweeping) -> None:
    one = await copilot(sweeper(untouched={"enabled": True}, idle={"enabled": True}))
    ticket = asked(psa)
    starts = psa.sandbox.now() + timedelta(days=20)
    psa.sandbox.record("appointment", ticket=ticket, by="tokafor", starts=starts.isoformat())
    await swept(one, psa, "2h")
    await swept(one, psa, "96h")
    assert one.ledger(ticket) == []


BERLIN = ZoneInfo("Europe/Berlin")
HOURS = {"days": "mon-fri", "open": "08:00", "close": "18:00", "zone": "Europe/Berlin", "holidays": "none"}


def next_short_night(now: datetime) -> datetime:
    """Noon of the Friday before the clocks of Berlin go forward next."""
    noons = (datetime(now.year, now.month, now.day, 12, tzinfo=BERLIN) + timedelta(days=days) for days in range(2, 400))
    return next(noon for noon in noons if (noon + timedelta(days=2)).utcoffset() > noon.utcoffset())  # type: ignore[operator]


@variant
async def test_ten_sweeps_a_restart_and_the_change_of_clocks_give_one_nudge_a_step(
    copilot: Hire, psa: Desk, swept: Sweeping
) -> None:
    now = psa.sandbox.now()
    friday = next_short_night(now)
    assert friday.weekday() == 4
    psa.sandbox.advance(f"{int((friday - now).total_seconds())}s")
    one = await copilot(sweeper(), desk={"hours": {"*": HOURS}})
    ticket = asked(psa)
    for _ in range(2):  # to Sunday: the night that has no hour of two
        await swept(one, psa, "24h")
    assert psa.ours(ticket) == []
    await swept(one, psa, "68h")  # Wednesday morning in Berlin, three business days less some hours after it
    assert psa.ours(ticket) == []

    await swept(one, psa, "5h")
    assert len(psa.ours(ticket)) == 1
    await one.stop()
    two = await copilot(sweeper(), desk={"hours": {"*": HOURS}})
    for _ in range(5):  # of two sweeps each
        await swept(two, psa)
    assert len(psa.ours(ticket)) == 1

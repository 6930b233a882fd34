"""The canary: what a write sets off is found out on a test ticket, before any plugin may write to a customer's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from psa_copilot import app
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.flight import Orders, Report
from psa_copilot.errors import ConfigError, CopilotError, NotReady
from psa_copilot.models import Ref
from psa_copilot.store import CanaryRow, DecisionRow, Store, WriteRow
from psa_copilot.testing.canary import clear
from tests.story.conftest import Hire
from tests.story.daemon import listening
from tests.story.desk import HIGH, IN_PROGRESS, NEW, Copilot, Desk, configured, set_field, summarize
from tests.story.psas import CHOSEN, each, needs, variant
from tests.story.test_stale import sweeper

OURS = "Millbrook Paper"  # plays the MSP's own company
QUIET_STATUS = CHOSEN.names.quiet  # one that means nothing to the SLA
NOTES = ["add_note internal", "edit_note"]
PROGRAM = Path(sys.executable).with_name("psa-copilot")
PATIENCE = 120
NEWS = "It still prints blank pages, error 51.20."


@dataclass
class Trying:
    """A test ticket, and the canary on it."""

    psa: Desk
    config: Config
    ticket: int

    async def flies(self, *, at_each_step: Callable[[str], None] = lambda _: None, **more: Any) -> Report:
        """One call; the clock is moved on as soon as there is nothing to do but wait."""

        def tell(line: str) -> None:
            at_each_step(line)
            if line.startswith("waiting until"):
                self.psa.sandbox.advance("16m")

        before = len(self.psa.sandbox.mailbox())
        orders = Orders(
            agree=lambda _: True, mailbox=lambda _: self.has_no_mail(before), tell=tell, is_a_test_ticket=True
        )
        return await app.try_canary(self.config, self.ref, replace(orders, **more))

    @property
    def ref(self) -> Ref:
        return Ref(connection="main", remote_id=str(self.ticket))

    def has_no_mail(self, since: int) -> bool:
        return not any(mail["ticket"] == self.ticket for mail in self.psa.sandbox.mailbox()[since:])

    def rows(self) -> dict[str, CanaryRow]:
        return {row.kind: row for row in self.look(lambda tx: tx.ledger.canaries("main"))}

    def writes(self) -> list[WriteRow]:
        return list(reversed(self.look(lambda tx: tx.work.writes())))

    def decisions(self) -> list[DecisionRow]:
        return list(self.look(lambda tx: tx.ledger.decisions(plugin="canary")))

    def look(self, at: Callable[[Any], Any]) -> Any:
        store = Store(self.config.database_path)
        store.upgrade()
        try:
            with store.reading() as tx:
                return at(tx)
        finally:
            store.close()


Bring = Callable[..., Trying]


@pytest.fixture
def canary(psa: Desk, tmp_path: Path, copilot: Hire) -> Bring:
    """A canary for these plugins; `copilot` has set the clock that both follow."""

    def bring(*plugins: EnabledPlugin, **keys: Any) -> Trying:
        ticket = psa.ticket("Is anybody there?", title="A test of ours", status=QUIET_STATUS)
        psa.sandbox.advance("1h")
        keys = {"accept_risk": False, "desk": {"own_company": OURS}, **keys}
        return Trying(psa, configured(tmp_path, psa, *plugins, **keys), ticket)

    return bring


def states(report: Report) -> dict[str, str]:
    return {one.kind: one.state for one in report.trials}


def found(report: Report) -> str:
    return "\n".join(line for one in report.trials for line in one.found)


# -- a desk where nothing happens by itself ----------------------------------------------------------------------


async def test_a_clean_desk_lets_the_plugin_act(canary: Bring, copilot: Hire, psa: Desk) -> None:
    test = canary(summarize())
    report = await test.flies()

    assert states(report) == dict.fromkeys(NOTES, "clean"), found(report)
    assert report.is_clean
    assert psa.sandbox.mailbox() == []
    [note] = psa.ours(test.ticket)
    assert note["internal"]
    assert note["text"].startswith("Withdrawn")
    assert [(row.plugin, row.state) for row in test.writes()] == [("canary", "undone"), ("canary", "done")]
    assert all(row.marker and row.receipt for row in test.writes())
    assert [row.verdict for row in test.decisions()] == ["written", "written"]

    one = await copilot(summarize(), accept_risk=False)
    ticket = psa.ticket(messages=4)
    await one.settle()
    assert one.verdicts(ticket) == ["written"]
    assert len(psa.ours(ticket)) == 1


async def test_what_happened_before_the_canary_came_home_is_history(canary: Bring, copilot: Hire, psa: Desk) -> None:
    test = canary(summarize())
    one = await copilot(summarize(), accept_risk=False)
    before = psa.ticket(messages=4)
    await one.settle()
    assert one.verdicts(before) == ["observed"]

    report = await test.flies()  # beside the daemon, which goes on
    assert report.is_clean, found(report)
    psa.sandbox.advance("61s")
    await one.settle()
    assert psa.ours(before) == []
    after = psa.ticket(messages=4)
    await one.settle()
    assert len(psa.ours(after)) == 1
    assert one.ledger(test.ticket, "summarize") == []


async def test_a_suggestion_is_a_note_and_needs_its_canary_too(canary: Bring, copilot: Hire, psa: Desk) -> None:
    asks = set_field(HIGH, "blank", mode="suggest")
    report = await canary(asks).flies(only=("change_field priority",))
    assert states(report)["change_field priority"] == "clean", found(report)
    one = await copilot(asks, accept_risk=False)
    ticket = psa.ticket(messages=1)
    await one.settle()
    assert "no canary has been run for add_note internal" in one.ledger(ticket)[0].reason
    await one.stop()

    assert (await canary(asks).flies()).is_clean
    two = await copilot(asks, accept_risk=False)
    ticket = psa.ticket(messages=1)
    await two.settle()
    assert two.verdicts(ticket) == ["suggested"]


async def test_fields_are_put_back(canary: Bring, psa: Desk) -> None:
    test = canary(set_field(IN_PROGRESS, field="status"))
    report = await test.flies()

    assert states(report) == {"change_field status": "clean"}, found(report)
    assert psa.value(test.ticket, "status") == QUIET_STATUS
    assert report.left == ()
    assert [row.action["field"] for row in test.writes()] == ["status", "status"]


async def test_all_kinds_that_there_are(canary: Bring, psa: Desk) -> None:
    can, fields = psa.kind.connector.can, ("title", "category", "assignee", "status", "board")
    kinds = (
        *("add_note internal", "edit_note", *(f"change_field {name}" for name in fields)),
        *("add_note discussion",) * (can.public_notes and psa.kind.quiet_discussions),
        *("add_note resolution",) * (can.resolution_notes and psa.kind.quiet_discussions),
        *("log_time",) * can.time_entries,
        *("book",) * can.bookings,
        *("link_to",) * can.links,
    )
    test = canary(summarize(), allow=["time_entry", "appointment", "link"])
    psa.sets(test.ticket, "assignee", psa.names.marta)
    parent = psa.ticket("Another one.", title="Another test of ours")
    report = await test.flies(only=kinds, parent=str(parent))

    assert states(report) == dict.fromkeys(kinds, "clean"), found(report)
    assert psa.value(test.ticket, "status") == QUIET_STATUS
    withdrawn = [note for note in psa.ours(test.ticket) if note["text"].startswith("Withdrawn")]
    assert len(withdrawn) == sum(kind.startswith("add_note") for kind in kinds)
    told = "\n".join(report.left)
    assert ("time entry" in told) == can.time_entries
    assert ("appointment" in told) == can.bookings
    assert ("field parent" in told) == can.links


async def test_a_priority_moves_the_sla_unless_that_is_allowed(canary: Bring) -> None:
    if not CHOSEN.sla_by_priority:
        pytest.skip(f"{CHOSEN.sandbox.name}: targets do not go by the priority alone")
    test = canary(set_field(HIGH, sla="fixed"))
    test.psa.sets(test.ticket, "status", NEW)
    report = await test.flies()
    assert states(report) == {"change_field priority": "refused"}
    assert re.search(r"SLA's .*(target|due)", found(report))

    may = replace(test, config=replace(test.config, plugins={"set_field": set_field(HIGH)}))
    report = await may.flies()
    assert states(report) == {"change_field priority": "clean"}, found(report)


# -- what it finds -----------------------------------------------------------------------------------------------

OFTEN = ("planted_mail_to_contact", "planted_note", "rule_note_sets_status", "rule_mail_note")
"""What is looked for each time."""
LATER = ("planted_note", "planted_mail_to_contact", "planted_sla_responded")
NAMED = {
    "planted_mail_to_contact": "a mail went out",
    "planted_status": "field status was",
    "planted_sla_restart": "the SLA's clock was",
    "planted_sla_responded": "the SLA's response was stamped",
    "planted_template": "field title was",
    "planted_task": "a task appeared, planted task",
    "planted_note": "a note appeared, by",
    "planted_time_entry": "a time entry appeared, by",
    "planted_appointment": "an appointment appeared, for",
    "planted_priority": "field priority was",
    "planted_owner": "field assignee was",
}


@pytest.mark.parametrize("switch", each(NAMED, OFTEN))
async def test_each_planted_side_effect_is_found_and_named(canary: Bring, psa: Desk, switch: str) -> None:
    needs(psa.kind, switch=switch)
    test = canary(summarize())
    psa.sandbox.switch(**{switch: True})
    report = await test.flies(mailbox=lambda _: True)  # whatever the human says

    assert psa.kind.sees.get(switch, NAMED[switch]) in found(report)
    assert states(report)["add_note internal"] == "refused"
    assert not report.is_clean


@pytest.mark.parametrize(
    ("switch", "named"),
    [(name, told) if name in OFTEN else pytest.param(name, told, marks=variant) for name, told in CHOSEN.rules.items()],
)
async def test_what_the_desk_has_set_up_is_found_where_it_concerns_us(
    canary: Bring, psa: Desk, switch: str, named: str
) -> None:
    needs(psa.kind, switch=switch)
    test = canary(summarize())
    psa.sandbox.switch(**{switch: True})
    report = await test.flies()
    assert report.is_clean == (not named)
    assert named in found(report)


@variant
async def test_a_rule_that_takes_a_field_back_is_found(canary: Bring, psa: Desk) -> None:
    needs(psa.kind, switch="rule_reverts_field")
    test = canary(set_field(HIGH))
    psa.sandbox.switch(rule_reverts_field=True, rules_delay=30)
    report = await test.flies()
    assert states(report) == {"change_field priority": "refused"}
    assert "later: field priority" in found(report)


async def test_what_cannot_be_looked_at_is_said(canary: Bring, psa: Desk) -> None:
    needs(psa.kind, switch="audit_right")
    test = canary(summarize())
    psa.sandbox.switch(audit_right=False, planted_mail_to_contact=True)
    report = await test.flies()
    assert any("audit trail, which tells of mails" in unseen for unseen in report.unseen)
    assert (report.mailbox, report.is_clean) == ("mail", False)


@pytest.mark.parametrize("switch", each(LATER, ("planted_note",)))
async def test_what_a_rule_does_minutes_later_is_found_too(canary: Bring, psa: Desk, switch: str) -> None:
    needs(psa.kind, switch=switch)
    needs(psa.kind, switch="rules_delay")
    test = canary(summarize())
    psa.sandbox.switch(**{switch: True, "rules_delay": 300})
    report = await test.flies(mailbox=lambda _: True)

    assert f"later: {psa.kind.sees.get(switch, NAMED[switch])}" in found(report)
    assert states(report) == dict.fromkeys(NOTES, "refused")


@variant
async def test_one_kind_is_refused_and_the_other_is_not(canary: Bring, psa: Desk) -> None:
    needs(psa.kind, switch="rule_adds_time")
    test = canary(summarize(), set_field(IN_PROGRESS, field="status"))
    psa.sandbox.switch(rule_adds_time=True)  # a rule logs time on a change of status
    report = await test.flies()

    assert states(report) == {**dict.fromkeys(NOTES, "clean"), "change_field status": "refused"}, found(report)
    assert "time entry" in found(report)


@variant
async def test_a_mail_that_only_the_human_sees(canary: Bring, psa: Desk) -> None:
    unseen = psa.kind.hides_mails or "mails that nothing tells of"
    needs(psa.kind, switch="planted_mail_to_contact")
    needs(psa.kind, switch=unseen)
    test = canary(summarize())
    psa.sandbox.switch(**{"planted_mail_to_contact": True, unseen: False})
    report = await test.flies()
    assert report.mailbox == "mail"
    assert states(report) == dict.fromkeys(NOTES, "refused")


async def test_nothing_is_clean_before_somebody_has_looked_into_the_mailbox(canary: Bring) -> None:
    test = canary(summarize())
    first = await test.flies(mailbox=lambda _: None)
    assert states(first) == dict.fromkeys(NOTES, "waiting")
    wrote = len(test.writes())
    second = await test.flies()
    assert states(second) == dict.fromkeys(NOTES, "clean")
    assert len(test.writes()) == wrote


@variant
async def test_a_right_that_is_missing_is_found_here_and_not_at_night(canary: Bring, psa: Desk) -> None:
    psa.sandbox.switch(**{psa.kind.right_to_notes: False})
    report = await canary(summarize()).flies()
    assert states(report) == dict.fromkeys(NOTES, "refused")
    assert "the PSA refused it: HTTP " in found(report)


# -- how long it holds -------------------------------------------------------------------------------------------


async def test_a_changed_board_ends_it(canary: Bring, copilot: Hire, psa: Desk) -> None:
    test = canary(summarize())
    assert (await test.flies()).is_clean
    psa.kind.changes_settings(psa.sandbox)
    one = await copilot(summarize(), accept_risk=False)
    ticket = psa.ticket(messages=4)
    await one.settle()

    assert psa.ours(ticket) == []
    assert "settings have changed" in one.ledger(ticket)[0].reason
    again = await test.flies()
    assert states(again) == dict.fromkeys(NOTES, "clean"), found(again)


class Killed(BaseException):
    """Nobody catches this."""


@pytest.mark.parametrize("step", each(("add_note internal", "edit_note", "waiting until"), ("edit_note",)))
async def test_a_killed_canary_goes_on(canary: Bring, psa: Desk, step: str) -> None:
    test = canary(summarize())

    def kill(line: str) -> None:
        if line.startswith(step):
            raise Killed

    with pytest.raises(Killed):
        await test.flies(at_each_step=kill)
    assert {row.state for row in test.rows().values()} == {"waiting"}

    report = await test.flies()
    assert states(report) == dict.fromkeys(NOTES, "clean"), found(report)
    assert len(psa.ours(test.ticket)) == 1


async def test_a_write_of_unknown_fate_is_looked_for_and_not_doubled(canary: Bring, psa: Desk) -> None:
    test = canary(summarize(), request_timeout="1s", write_grace="1s")

    def cut(line: str) -> None:
        psa.sandbox.faults("cut_after=@1" if line.startswith("add_note") else "")

    with pytest.raises(NotReady):
        await test.flies(at_each_step=cut)
    psa.sandbox.faults()
    report = await test.flies()
    assert states(report) == dict.fromkeys(NOTES, "clean"), found(report)
    assert len(psa.ours(test.ticket)) == 1


async def test_it_goes_on_where_it_was_unless_it_is_given_up(canary: Bring, psa: Desk) -> None:
    test = canary(summarize())
    await test.flies(mailbox=lambda _: None)
    other = replace(test, ticket=psa.ticket("Hello?", title="Another test of ours", status=QUIET_STATUS))
    with pytest.raises(ConfigError, match=f"not over yet on main/{test.ticket}"):
        await other.flies()

    report = await other.flies(anew=True)
    assert report.is_clean, found(report)
    assert len(psa.ours(other.ticket)) == 1


# -- by command --------------------------------------------------------------------------------------------------

TYPED = ("check", "--wait", "15m", "--yes", "--yes-this-is-a-test-ticket", "--mailbox-empty", "--json", "--canary")


@dataclass
class Terminal:
    """Where a human types, beside the sandbox's clock."""

    folder: Path
    psa: Desk
    ticket: int

    def begins(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PSA_COPILOT_CLOCK": self.psa.sandbox.clock_url}
        return subprocess.Popen(
            [PROGRAM, *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self, *words: str, code: int = 0) -> Any:
        process = self.begins(*words)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, f"{out}\n{err}"
        return json.loads(out)


@pytest.fixture
def terminal(psa: Desk, tmp_path: Path) -> Terminal:
    configured(tmp_path, psa, accept_risk=False)
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"plugins": {"summarize": {"mode": "act"}}}))
    ticket = psa.ticket("Is anybody there?", title="A test of ours", status=QUIET_STATUS)
    psa.sandbox.speed(600)  # a quarter of an hour in a second and a half
    return Terminal(tmp_path, psa, ticket)


def test_the_command_says_how_it_went(terminal: Terminal) -> None:
    told = terminal.told(*TYPED, f"main/{terminal.ticket}")
    assert (told["clean"], told["mailbox"], told["wait"]) == (True, "empty", 900)
    assert told["unseen"] == list(terminal.psa.kind.unseen)
    assert [(one["kind"], one["state"], one["found"]) for one in told["kinds"]] == [
        (kind, "clean", []) for kind in NOTES
    ]
    [plugin] = terminal.told("plugins", "--json")["configured"]
    assert plugin["connections"]["main"]["canary"] == dict.fromkeys(NOTES, "clean")
    lines = {one["about"]: one["level"] for one in terminal.told("check", "--json")["main"]}
    assert {lines[f"canary, {kind}"] for kind in NOTES} == {"ok"}


@variant
def test_the_command_fails_where_something_was_set_off(terminal: Terminal) -> None:
    needs(terminal.psa.kind, switch="planted_note")
    terminal.psa.sandbox.switch(planted_note=True)
    told = terminal.told(*TYPED, f"main/{terminal.ticket}", code=1)
    assert not told["clean"]
    assert "a note appeared" in told["kinds"][0]["found"][0]
    [plugin] = terminal.told("plugins", "--json")["configured"]
    assert plugin["connections"]["main"]["canary"]["add_note internal"] == "refused"


def test_a_killed_command_goes_on(terminal: Terminal) -> None:
    process = terminal.begins(*TYPED, f"main/{terminal.ticket}")
    assert process.stderr
    assert process.stdout
    for line in process.stderr:
        if line.startswith("edit_note"):
            process.kill()
    process.wait(timeout=PATIENCE)
    process.stderr.close()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL

    assert terminal.told(*TYPED, f"main/{terminal.ticket}")["clean"]
    assert len(terminal.psa.ours(terminal.ticket)) == 1


async def test_in_moved_time_a_desk_is_cleared_in_seconds(canary: Bring, copilot: Hire, psa: Desk) -> None:
    test = canary(summarize())
    report = await clear(test.config, psa.sandbox, company=OURS, status=QUIET_STATUS)
    assert report.is_clean, found(report)
    one = await copilot(summarize(), accept_risk=False)
    ticket = psa.ticket(messages=4)
    await one.settle()
    assert len(psa.ours(ticket)) == 1


# -- where it may fly --------------------------------------------------------------------------------------------


async def test_a_ticket_of_a_client_is_no_test_ticket(canary: Bring, psa: Desk) -> None:
    test = canary(summarize(), desk={"own_company": "Us"})
    with pytest.raises(ConfigError, match=r"does not look like a test ticket.*Millbrook Paper.*mail would go to"):
        await test.flies(is_a_test_ticket=False)
    assert psa.writes(test.ticket) == []


async def test_a_ticket_of_our_own_needs_no_assurance(canary: Bring, psa: Desk) -> None:
    test = canary(summarize())
    ours = psa.ticket("Testing.", title="Ours", contact="Test Box <test@msp.example>", status=QUIET_STATUS)
    report = await replace(test, ticket=ours).flies(is_a_test_ticket=False)
    assert report.readers == ("test@msp.example",)
    assert report.is_clean, found(report)


async def test_nothing_is_tried_against_a_stop(canary: Bring, psa: Desk) -> None:
    test = canary(summarize())
    psa.types_internally(test.ticket, "copilot off")
    with pytest.raises(ConfigError, match="copilot off"):
        await test.flies()
    assert psa.writes(test.ticket) == []


async def test_nothing_is_tried_without_a_yes(canary: Bring, psa: Desk) -> None:
    test = canary(summarize())
    with pytest.raises(CopilotError, match="nothing was written"):
        await test.flies(agree=lambda _: False)
    assert psa.writes(test.ticket) == []
    assert test.rows() == {}


async def test_a_wait_of_seconds_is_no_wait(canary: Bring) -> None:
    with pytest.raises(ConfigError, match="--wait"):
        await canary(summarize()).flies(wait=timedelta(seconds=1))


# -- the worst desk there is -------------------------------------------------------------------------------------


def everybody() -> tuple[EnabledPlugin, ...]:
    return summarize(), sweeper(), set_field(CHOSEN.names.also_quiet, "blank", field="status", sla="fixed")


async def test_where_everything_mails_nothing_leaves_observe(canary: Bring, copilot: Hire, psa: Desk) -> None:
    test = canary(*everybody())
    psa.sandbox.switch(**psa.kind.worst)
    report = await test.flies()
    assert states(report) == dict.fromkeys((*NOTES, "change_field status"), "refused")
    assert "a mail went out" in found(report)
    assert "SLA's" in found(report)

    mails = len(psa.sandbox.mailbox())
    one = await copilot(*everybody(), accept_risk=False)
    tickets = await a_day(one, psa)
    assert [psa.writes(ticket) for ticket in tickets] == [[], [], []]
    assert [mail for mail in psa.sandbox.mailbox()[mails:] if mail["by"] == psa.kind.mails_by] == []


async def test_where_nothing_does_a_day_of_all_plugins_mails_nobody_and_moves_no_sla(
    canary: Bring, copilot: Hire, psa: Desk
) -> None:
    test = canary(*everybody())
    report = await test.flies()
    assert report.is_clean, found(report)

    one = await copilot(*everybody(), accept_risk=False)
    twin = psa.ticket(messages=3, status=QUIET_STATUS)
    psa.types_internally(twin, "copilot off")
    tickets = await a_day(one, psa)
    psa.customer_replies(twin, NEWS)
    assert psa.writes(twin) == []
    assert all(psa.ours(ticket) for ticket in tickets)
    assert [psa.value(ticket, "status") for ticket in tickets] == [psa.names.also_quiet] * 3
    assert psa.sandbox.mailbox() == []
    assert [psa.sla(ticket) for ticket in tickets] == [psa.sla(twin)] * 3


async def a_day(one: Copilot, psa: Desk) -> list[int]:
    """Three tickets and what becomes of them in a day."""
    tickets = [psa.ticket(messages=3, status=QUIET_STATUS) for _ in range(3)]
    await one.settle()
    for ticket in tickets:
        psa.customer_replies(ticket, NEWS)
    await one.settle()
    psa.sandbox.advance("1d")
    await one.settle()
    return tickets


async def test_the_daemon_says_which_plugins_wait_for_a_canary(canary: Bring, copilot: Hire, psa: Desk) -> None:
    with listening() as said:
        one = await copilot(summarize(), set_field(IN_PROGRESS, field="status"), accept_risk=False)
    held = {line["plugin"]: line["kinds"] for line in said.all("kept_in_observe")}
    missing = [f"{kind}: missing" for kind in NOTES]
    assert held == {"summarize": missing, "set_field": ["change_field status: missing"]}
    await one.stop()

    assert (await canary(summarize()).flies()).is_clean
    with listening() as said:
        await copilot(summarize(), accept_risk=False)
    assert said.count("kept_in_observe") == 0

"""The canary on HaloPSA: whatever a write sets off there, by itself or by what the desk has set up, is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from psa_copilot import app, config
from psa_copilot.engine.flight import Orders, Report
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox
from psa_copilot_connectors.halopsa.sandbox.switches import PLANTED

OURS = "Millbrook Paper"  # plays the MSP's own company
NOTES = ("add_note internal", "edit_note")
KINDS = (
    *("add_note internal", "add_note discussion", "add_note resolution", "edit_note", "change_field title"),
    *("change_field category", "change_field assignee", "change_field status", "change_field board"),
    *("change_field priority", "log_time", "book", "link_to"),
)


class Canary:
    """A test ticket, and the trials on it; the wait passes as soon as there is nothing else to do."""

    def __init__(self, folder: Path, psa: Sandbox) -> None:
        self.psa = psa
        said = [{"role": "customer", "text": "Is anybody there?"}, {"role": "agent", "text": "We are."}]
        about = {"title": "A test of ours", "company": OURS, "status": "Scheduled", "assignee": "Ines Dahl"}
        self.ticket = psa.inject({**about, "messages": said})
        psa.advance("1h")
        keys = {"use": "halopsa", "url": psa.url, "client_id": "id", "client_secret": "secret", "rate": 100_000}
        more = {"allow": ["time_entry", "appointment", "link"], "desk": {"own_company": OURS}}
        file = folder / "config.yaml"
        plugins = {"summarize": {"mode": "act"}}
        file.write_text(json.dumps({"connections": {"main": {**keys, **more}}, "plugins": plugins}))
        self.config = config.load(file)

    async def flies(self, *kinds: str, parent: str = "") -> Report:
        def tell(line: str) -> None:
            if line.startswith("waiting until"):
                self.psa.advance("16m")

        orders = Orders(
            agree=lambda _: True,
            mailbox=lambda _: True,  # whatever was mailed: it has to be found on the ticket
            tell=tell,
            only=kinds or NOTES,
            parent=parent,
            is_a_test_ticket=True,
        )
        ref = Ref(connection="main", remote_id=str(self.ticket))
        return await app.try_canary(self.config, ref, orders, clock_url=self.psa.clock_url)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canary]:
    with running(HaloPsaSandbox, switches={"per_5_minutes": 0}) as psa:
        monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.clock_url)
        yield Canary(tmp_path, psa)


def states(report: Report) -> dict[str, str]:
    return {one.kind: one.state for one in report.trials}


def found(report: Report) -> str:
    return "\n".join(line for one in report.trials for line in one.found)


async def test_where_nothing_happens_by_itself_every_kind_is_clean(canary: Canary) -> None:
    parent = str(canary.psa.inject({"title": "Another test of ours", "company": OURS}))
    report = await canary.flies(*KINDS, parent=parent)
    told = states(report)
    assert told.pop("change_field priority") == "refused"
    assert "SLA response target" in found(report) or "SLA's response target" in found(report)
    assert set(told.values()) == {"clean"}, found(report)
    assert canary.psa.mailbox() == []
    ours = [one for one in canary.psa.notes(canary.ticket) if one["author"] == "Copilot Api"]
    assert {"Canary" in one["text"] for one in ours} == {True, False}, "notes are withdrawn, and time stays"


NAMED = {
    "planted_mail_to_contact": "a mail went out",
    "planted_status": "field status was",
    "planted_sla_restart": "the SLA's response target was",
    "planted_sla_responded": "the SLA's response was",
    "planted_task": "a task appeared, planted task",
    "planted_note": "a note appeared, by",
    "planted_time_entry": "a time entry appeared, by",
    "planted_appointment": "an appointment appeared, for",
    "planted_priority": "field priority was",
    "planted_owner": "field assignee was",
}


async def test_each_planted_side_effect_is_found_and_named(canary: Canary) -> None:
    canary.psa.switch(**dict.fromkeys(PLANTED, True))
    report = await canary.flies()
    told = found(report)
    assert [switch for switch in PLANTED if NAMED[switch] not in told] == [], told
    assert states(report)["add_note internal"] == "refused"


@pytest.mark.parametrize(
    ("switches", "kind", "named"),
    [
        ({"rule_mails_action": True, "rules_heed_dont_do_rules": False}, "add_note internal", "a mail went out"),
        ({"rule_sets_status": True, "rules_heed_dont_do_rules": False}, "add_note internal", "field status was"),
        ({"rule_mails_update": True, "rules_heed_dont_do_rules": False}, "change_field title", "a mail went out"),
        ({"planted_note": True, "rules_delay": 300}, "add_note internal", "later: a note appeared, by"),
        ({"type_sets_status": True}, "add_note internal", "field status was"),
        ({"status_mails": True}, "change_field status", "a mail went out"),
        ({"type_charges": True}, "log_time", "charges action"),
        ({"outcome_mails": True}, "add_note internal", "mails; make one that does nothing besides"),
        ({"outcome_logs_time": True}, "add_note internal", "logs time; make one that does nothing besides"),
    ],
    ids=lambda one: ",".join(one) if isinstance(one, dict) else None,
)
async def test_what_the_desk_has_set_up_is_found_where_it_concerns_us(
    canary: Canary, switches: dict[str, object], kind: str, named: str
) -> None:
    canary.psa.switch(**switches)
    report = await canary.flies(kind)
    assert named in found(report)
    assert (states(report)[kind] == "clean") == (not named), found(report)


async def test_rules_that_heed_us_set_off_nothing(canary: Canary) -> None:
    canary.psa.switch(all_side_effects=True)
    report = await canary.flies(*NOTES, "change_field title", "change_field board")
    assert report.is_clean, found(report)
    assert canary.psa.mailbox() == []


async def test_a_canarys_word_ends_when_the_setup_changes(canary: Canary) -> None:
    assert (await canary.flies("add_note internal")).is_clean
    canary.psa.switch(rule_mails_action=True)
    [told] = [one for one in (await app.check(canary.config))["main"] if one.about == "canary, add_note internal"]
    assert "settings have changed" in told.says

"""A desk with a past: what is learned from it is explained, stands beside a model's opinion, and goes by its name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.config import EnabledPlugin
from psa_copilot.desk import Desk as DeskSettings
from psa_copilot.engine.learning import Lesson, learn
from psa_copilot.models import Field
from psa_copilot.testing.model_server import Dialect, model_server
from psa_copilot_plugins.route import Route
from psa_copilot_plugins.triage import Triage
from tests.story.conftest import Hire
from tests.story.desk import CLOSED, Copilot, Desk, open_desk, summarize, until

MATTERS = {
    "Network": ("The VPN tunnel drops after {n} minutes", "The gateway blinks and the tunnel to the depot is gone."),
    "Printing": ("Tray {n} prints blank pages", "Toner is new, yet the printer prints nothing but blank pages."),
    "Driver": ("Driver {n} of the plotter crashes", "The spooler stops with its driver whenever somebody plots."),
    "Billing": ("Invoice {n} shows a wrong total", "The invoice does not match the order, please correct its total."),
}
FILED = {"Printing": ("Printing", "Printing / Tray"), "Driver": ("Printing", "Software / Driver")}
"""Board and category of what is not filed under its own name alone."""
INTAKE, DONE = "Intake", CLOSED
HABIT = "Harbor Lane Accounting"
"""Whatever this client wrote went to Billing, once: it was a project, and it is over."""
SERVER = os.environ.get("PSA_COPILOT_MODEL_URL", "")
ANSWER = {
    "value": "Printing",
    "state": "waiting on us to look at the printer",
    "next_step": "",
    "problem": {"text": "the printer prints blank pages", "messages": [1]},
    "tried": [],
    "customer_knows": [],
    "open": [],
}
"""What such a server has to say to everything; each plugin takes what it asked for."""
LOADING = 90.0
"""Seconds that the first answer may take: litellm has to be loaded."""


def past() -> list[dict[str, Any]]:
    """Closed tickets of three boards, and of one client who always ended up on the same one."""
    made = []
    for number in range(160):
        matter = list(MATTERS)[number % 4]
        board, category = FILED.get(matter, (matter, ""))
        more = {"category": category} if category else {}
        made.append(_ticket(matter, number, board, f"Contact {number % 7}") | more)
    matters = list(MATTERS)[:3]  # whatever it was about
    return [
        *made,
        *(_ticket(matters[number % 3], 300 + number, "Billing", f"Contact {number % 7}", HABIT) for number in range(8)),
    ]


def _ticket(matter: str, number: int, board: str, contact: str, company: str = "Millbrook Paper") -> dict[str, Any]:
    title, text = MATTERS[matter]
    return {
        "title": title.format(n=number),
        "board": board,
        "status": DONE,
        "company": company,
        "contact": contact,
        "messages": [{"role": "customer", "text": f"{text} It is number {number}."}],
    }


@pytest.fixture
def psa(tmp_path: Path) -> Iterator[Desk]:
    file = tmp_path / "past.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in past()))
    with open_desk(tmp_path, tickets=file) as desk:
        yield desk


def enabled(name: str, plugin: Any, **settings: Any) -> EnabledPlugin:
    return EnabledPlugin(name, plugin, plugin.Settings.model_validate({"mode": "observe"} | settings))


@pytest.fixture
def learned(copilot: Hire) -> Hire:
    """Starts the copilot with plugins, and lets them learn from the past once it is mirrored."""

    async def start(*plugins: EnabledPlugin, **keys: Any) -> Copilot:
        one = await copilot(*plugins, **keys)
        await until(lambda: _is_read(one), "the past is mirrored", LOADING)
        for plugin in plugins:
            if plugin.name in ("route", "triage"):
                assert learn(_lesson(one, plugin)) == 1
        return one

    return start


def _is_read(one: Copilot) -> bool:
    counts = one.look(lambda tx: tx.mirror.counts("main"))
    return counts["tickets"] >= len(past()) and not one.look(lambda tx: tx.mirror.wanting_messages("main", 1))


def _lesson(one: Copilot, plugin: EnabledPlugin) -> Lesson:
    done = frozenset((board, DONE) for board in ("Network", "Printing", "Billing"))
    return Lesson(one.config.database_path, "main", plugin, DeskSettings(), done, one.psa.sandbox.now())


def newcomer(psa: Desk, matter: str, number: int, contact: str, board: str = INTAKE) -> int:
    title, text = MATTERS[matter]
    return psa.ticket(f"{text} Number {number}.", title=title.format(n=number), board=board, contact=contact)


def wished(one: Copilot, ticket: int, plugin: str, field: Field) -> list[dict[str, Any]]:
    """What a plugin wished for a field of a ticket."""
    return [row.wish for row in one.ledger(ticket, plugin) if row.wish.get("field") == field.value]


def boards(one: Copilot, ticket: int) -> list[dict[str, Any]]:
    return wished(one, ticket, "route", Field.BOARD)


@pytest.mark.skipif(not SERVER, reason="PSA_COPILOT_MODEL_URL names no server of another author that answers `ANSWER`")
async def test_a_server_of_another_author_is_asked_by_all_three(psa: Desk, learned: Hire) -> None:
    llm = {"model": "openai/other", "api_base": SERVER, "api_key": "none", "input_price": 1.0, "output_price": 2.0}
    one = await learned(enabled("route", Route), enabled("triage", Triage), summarize("observe"), llm=llm)
    moved = newcomer(psa, "Printing", 701, "Contact 1")
    filed = newcomer(psa, "Printing", 702, "Contact 2", board="Printing")
    await until(lambda: boards(one, moved) and wished(one, filed, "triage", Field.CATEGORY), "a look", LOADING)
    for text in ("I restarted it.", "Still the same.", "I will come at nine."):
        psa.customer_replies(moved, f"{text} It prints blank pages all the same.")
    await until(lambda: one.ledger(moved, "summarize"), "a recap", LOADING)
    for wish in (boards(one, moved)[0], wished(one, filed, "triage", Field.CATEGORY)[0]):
        assert [each["mind"] for each in wish["opinions"]] == ["no model", "openai/other"]
    rows = [row for ticket in (moved, filed) for row in one.ledger(ticket) if row.model]
    assert {row.plugin for row in rows} == {"route", "summarize", "triage"}
    assert all(row.tokens > 0 and row.cost > 0 for row in rows)


async def test_a_wrong_habit_is_seen_in_the_ledger_named_and_taken_back(psa: Desk, learned: Hire) -> None:
    one = await learned(enabled("route", Route))
    [habit] = one.look(lambda tx: tx.memories.rules("main", "route"))
    assert (habit.value["company"], habit.value["value"]) == (HABIT, "Billing")
    usual = newcomer(psa, "Network", 501, "Contact 3")
    odd = psa.ticket("Could you have a look, please?", title="A question", board=INTAKE, company=HABIT)
    await until(lambda: boards(one, usual) and boards(one, odd), "both were looked at")
    [right], [wrong] = boards(one, usual), boards(one, odd)
    assert (right["to"], right["learned"]) == ("Network", "version 1")
    assert right["reasons"]
    assert wrong["to"] == "Billing"
    rule = wrong["learned"].partition("rule ")[2]
    assert rule
    assert rule in wrong["because"]

    one.human(lambda tx, now: tx.memories.remove_rule("main", "route", rule, "the project is over", now))
    again = psa.ticket("Could you look at it, please?", title="Another question", board=INTAKE, company=HABIT)
    await until(lambda: boards(one, again), "it was looked at")
    assert rule not in boards(one, again)[0]["learned"]


@pytest.mark.parametrize("dialect", ["schema", "plain"])
async def test_a_model_is_asked_beside_and_both_opinions_stand_in_the_ledger(
    psa: Desk, learned: Hire, dialect: Dialect
) -> None:
    with model_server(dialect) as model:
        for number, said in ((601, "Printing"), (602, "Network"), (603, "Software / Driver")):
            model.answers({"value": said}, when=f"number {number}")
        llm = {"model": "openai/scripted", "api_base": model.url, "input_price": 1.0, "output_price": 2.0}
        one = await learned(enabled("route", Route), enabled("triage", Triage), summarize("observe"), llm=llm)
        agreed, differs = newcomer(psa, "Printing", 601, "Contact 1"), newcomer(psa, "Printing", 602, "Contact 2")
        filed = newcomer(psa, "Driver", 603, "Contact 3", board="Printing")
        await until(lambda: boards(one, agreed) and boards(one, differs), "both were looked at", LOADING)
        await until(lambda: wished(one, filed, "triage", Field.CATEGORY), "it was looked at", LOADING)
        for text in ("I restarted it.", "Still the same.", "I will come at nine."):
            psa.customer_replies(agreed, f"{text} It prints blank pages all the same.")
        await until(lambda: one.ledger(agreed, "summarize"), "a recap", LOADING)

        yes, no = boards(one, agreed)[0], boards(one, differs)[0]
        assert [each["mind"] for each in yes["opinions"]] == ["no model", "openai/scripted"]
        assert [each["choice"] for each in yes["opinions"]] == ["Printing", "Printing"]
        assert [each["choice"] for each in no["opinions"]] == ["Printing", "Network"]
        assert no["suggest_only"]
        category = wished(one, filed, "triage", Field.CATEGORY)[0]
        assert category["to"].startswith("Software")
        assert {each["mind"] for each in category["opinions"]} == {"no model", "openai/scripted"}
        rows = [row for ticket in (agreed, differs, filed) for row in one.ledger(ticket) if row.model]
        assert {row.plugin for row in rows} == {"route", "summarize", "triage"}
        assert all(row.tokens > 0 and row.cost > 0 for row in rows)

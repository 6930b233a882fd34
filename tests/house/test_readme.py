"""What the README shows works as shown."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from psa_copilot import (
    ActorClass,
    AddNote,
    Change,
    Message,
    Plugin,
    PluginSettings,
    Ref,
    Thread,
    Ticket,
    Tools,
)
from psa_copilot.text import Text
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REF = Ref(connection="main", remote_id="7")


def code(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    lines = [line.split("#")[0].split() for block in code("sh") for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == program]


@pytest.mark.parametrize("target", sorted({words[0] for words in commands("make")}))
def test_make_knows_the_target(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr


def test_every_target_stands_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)", README)) <= targets


@pytest.mark.parametrize("words", commands("psa-copilot"), ids=" ".join)
def test_psa_copilot_knows_the_command(words: list[str]) -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("psa-copilot"), words[0], "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in told.stdout


def said(number: int, by: ActorClass) -> Message:
    sent_at = NOON + timedelta(hours=number)
    return Message(remote_id=str(number), ticket=REF, by=by, text="Any news?", sent_at=sent_at)


def thread_of(*speakers: ActorClass) -> Thread:
    ticket = Ticket(ref=REF, number="7", title="Scanner", opened_at=NOON, updated_at=NOON)
    messages = tuple(said(number, by) for number, by in enumerate(speakers, start=1))
    return Thread(id="main/7", revision=1, tickets=(ticket,), messages=messages)


@pytest.fixture
def plugin() -> Plugin:
    [source] = code("python")
    namespace: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), namespace)  # noqa: S102 the README is ours
    made = cast("type[Plugin]", namespace["AskedTwice"])
    return made(PluginSettings())


async def wishes(plugin: Plugin, thread: Thread) -> list[object]:
    nothing = cast("Tools", None)  # the README's plugin uses no tools
    return [*await plugin.run(Change(thread_id=thread.id, revision=1, key="rev:1"), thread, nothing)]


async def test_the_readme_plugin_speaks_when_a_customer_asked_twice(plugin: Plugin) -> None:
    customer, technician = ActorClass.CUSTOMER, ActorClass.TECHNICIAN
    [wish] = await wishes(plugin, thread_of(technician, customer, customer))
    assert isinstance(wish, AddNote)
    assert wish.body == "The customer has written 2 times without an answer, last on Mon 15:00."
    assert wish.evidence == ("3", "2")


async def test_the_readme_plugin_is_silent_when_somebody_answered(plugin: Plugin) -> None:
    customer, technician = ActorClass.CUSTOMER, ActorClass.TECHNICIAN
    assert await wishes(plugin, thread_of(customer, customer, technician, customer)) == []


def test_the_readme_plugin_has_fifteen_lines() -> None:
    [source] = code("python")
    assert len([line for line in source.splitlines() if line.strip()]) <= 15


def test_the_ticket_before_and_after_is_the_demos() -> None:
    scenario = json.loads((ROOT / "src/psa_copilot/sandbox/scenarios/monday.json").read_text())
    told = next(ticket for ticket in scenario["tickets"] if ticket["id"] == "printer")["messages"]
    said_later = [s["message"] for s in scenario["steps"] if s["ticket"] == "printer" and s["do"] == "message"]
    told += said_later[:1]
    by = {"customer": ActorClass.CUSTOMER, "agent": ActorClass.TECHNICIAN}
    messages = tuple(
        Message(
            remote_id=str(n),
            ticket=REF,
            by=by[one["role"]],
            internal=one.get("internal", False),
            text=one["text"],
            sent_at=NOON - timedelta(hours=len(told) - n),
        )
        for n, one in enumerate(told, 1)
    )
    ticket = Ticket(ref=REF, number="7", title="RE: RE: FW: printer", opened_at=NOON, updated_at=NOON)
    recap = Text().recap(Thread(id=str(REF), revision=1, tickets=(ticket,), messages=messages))
    shown = re.search(r"^    Recap: .*?(?=^    -- copilot)", README, re.MULTILINE | re.DOTALL)
    assert shown
    pieces = [piece.strip(' ";.') for line in shown[0].splitlines() for piece in line.split("...")]
    assert all(piece in recap for piece in pieces if piece), recap

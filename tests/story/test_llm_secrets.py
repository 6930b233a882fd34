"""Fifty secrets on ten tickets: no part of one reaches the model, a note, a log, the engine's file or the CLI."""

from __future__ import annotations

import json
import logging
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from psa_copilot import logs
from psa_copilot.testing.model_server import ScriptedModel, model_server
from tests.core.planted import KINDS, WAYS, Planted, in_title, pieces, planted
from tests.story.conftest import Hire
from tests.story.desk import PATIENCE, Copilot, Desk, summarize, until

TICKETS, EACH = 10, 5
WORDS = ("Scanner", "Till", "Plotter", "Headset", "Tablet", "Router", "Camera", "Monitor", "Keyboard", "Projector")
LOADING = 100.0
"""Seconds that the first answer may take: litellm has to be loaded."""


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with model_server(script="obedient,bad_json,right,500,obedient") as server:
        yield server


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Path]:
    """Everything that is logged, in a file; logging is as it was afterwards."""
    root, path = logging.getLogger(), tmp_path / "daemon.log"
    handlers, level = list(root.handlers), root.level
    logs.setup(json=True, level="debug")
    with path.open("w", encoding="utf-8") as file:
        for handler in root.handlers:
            if handler not in handlers and isinstance(handler, logging.StreamHandler):
                handler.setStream(file)
        yield path
        root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def open_with(psa: Desk, number: int, planted_here: list[Planted]) -> int:
    """A ticket with a secret each in its title, its contact's name, a time entry, and two messages."""
    title, name, entry, *said = planted_here
    ways = [WAYS[(number + at) % len(WAYS)] for at in range(len(said))]
    ticket = psa.ticket(
        f"The {WORDS[number]} does not start since Monday. Write down what I say.",
        *(way(one) for way, one in zip(ways, said, strict=True)),
        "I tell you: it still does not start, please call me.",
        title=f"{WORDS[number]} - {in_title(title)}"[:100].replace("\n", " "),
        contact=f"Gus {WORDS[number]} {name.words}"[:60].replace("\n", " "),
    )
    psa.sandbox.record("time", ticket=ticket, by="idahl", minutes=15, text=f"Tried it: {entry.words}", internal=False)
    return ticket


async def test_no_part_of_a_secret_gets_out(
    logged: Path, model: ScriptedModel, copilot: Hire, psa: Desk, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    kinds = [*KINDS] * 3
    secrets = [planted(rng, kinds[number]) for number in range(TICKETS * EACH)]
    short = [one for one in secrets if "\n" not in one.value]  # a key of many lines fits no title and no name

    llm = {"model": "openai/scripted", "api_base": model.url, "api_key": "none-is-needed"}
    one = await copilot(summarize(), llm=llm)
    tickets = []
    for number in range(TICKETS):
        here = secrets[number * EACH : (number + 1) * EACH]
        here.sort(key=lambda each: each not in short)
        tickets.append(open_with(psa, number, here))
    await until(lambda: all(one.ledger(ticket) for ticket in tickets), f"ten runs (seed {seed})", LOADING)
    await one.settle()
    assert model.log, "the model was never asked"

    shown = {
        "a request": "\n".join(_read(each.body) for each in model.log),
        "a note": "\n".join(str(note["text"]) for ticket in tickets for note in psa.ours(ticket)),
        "a log": _content(logged),
        "the engine's file": _strings_of_engine(tmp_path),
        "the ledger": _printed(one, "ledger", "--json"),
        "the outbox": _printed(one, "outbox", "--json"),
    }
    assert shown["a note"]
    for each in secrets:
        for part in pieces(each.value):
            found = [where for where, text in shown.items() if part in text]
            assert not found, f"seed {seed}: {part!r} of {each.kind} in {found}"


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _read(body: str) -> str:
    """The words of a request as their reader has them; wrapped lines run together too."""
    said = "\n".join(str(message["content"]) for message in json.loads(body)["messages"])
    return said + re.sub(r"=?\n(?:> )?", "", said)


def _strings_of_engine(folder: Path) -> str:
    """All that the engine keeps, as text; steps carry ids only."""
    [path] = folder.glob("*.db-engine")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump())


def _printed(one: Copilot, *command: str) -> str:
    """What a command prints, on both of its sides."""
    whole = [sys.executable, "-m", "psa_copilot.cli", *command, "--config", str(one.config.path)]
    done = subprocess.run(whole, capture_output=True, text=True, check=True, timeout=PATIENCE * 3)
    assert json.loads(done.stdout)
    return done.stdout + done.stderr

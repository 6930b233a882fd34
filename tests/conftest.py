"""What all tests share: logs as they were; at the end, what went over the wire between connectors and sandboxes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.store import Store
from tests.contract.tally import TALLIES, Tally

SENT_HOME = "wire"
LEVEL = logging.getLogger().level
"""At the start, before anything has set up logs."""


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that sets up the logs of its process must not quiet those that a later test reads."""
    _untouched()  # what a whole module shares may have run a command before
    yield
    _untouched()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty one, of the newest schema."""
    kept = Store(tmp_path / "t.db")
    kept.upgrade()
    yield kept
    kept.close()


def _untouched() -> None:
    root = logging.getLogger()
    root.setLevel(LEVEL)
    for handler in [one for one in root.handlers if type(one).__module__.startswith("psa_")]:
        root.removeHandler(handler)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLIES] = defaultdict(Tally)


def pytest_sessionfinish(session: pytest.Session) -> None:
    home: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if home is not None:  # one worker of several
        home[SENT_HOME] = {name: tally.as_json() for name, tally in session.config.stash[TALLIES].items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    sent = getattr(node, "workeroutput", {}).get(SENT_HOME, {})  # a worker that crashed sends nothing
    for name, counts in sent.items():
        node.config.stash[TALLIES][name].add(counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, tally in config.stash[TALLIES].items():
        if tally.heard:
            terminalreporter.section(f"{name} on the wire, held against the vendor's description")
            for line in tally.lines():
                terminalreporter.line(line)

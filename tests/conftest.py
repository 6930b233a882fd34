"""At the end, what went over the wire between connectors and sandboxes; several test processes add theirs up."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.contract.tally import TALLIES, Tally

SENT_HOME = "wire"


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

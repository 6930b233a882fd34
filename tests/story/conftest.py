"""A desk and a copilot for each story; nothing is shared between two of them."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from psa_copilot import clock
from psa_copilot.config import EnabledPlugin
from psa_copilot.engine.sync import Sync
from tests.story.desk import Copilot, Desk, configured, open_desk
from tests.story.psas import CHOSEN, PSAS, Psa

Hire = Callable[..., Awaitable[Copilot]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Stories marked `every_psa` are told on all three, unless PSA_COPILOT_PSA has chosen one."""
    if metafunc.definition.get_closest_marker("every_psa") and "PSA_COPILOT_PSA" not in os.environ:
        metafunc.parametrize("kind", PSAS.values(), ids=PSAS, indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Psa:
    """The PSA that the story is told on."""
    return getattr(request, "param", CHOSEN)


@pytest.fixture
def psa(tmp_path: Path, kind: Psa) -> Iterator[Desk]:
    with open_desk(tmp_path, kind) as desk:
        yield desk


@pytest.fixture
async def copilot(psa: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hire]:
    """Hires the copilot: `await copilot(summarize(), notes_per_technician=3)` starts it with plugins and keys."""
    monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.sandbox.clock_url)
    monkeypatch.setattr(clock, "FOLLOW_EVERY", 0.05)
    poll = Sync.poll

    async def counted(sync: Sync) -> None:
        psa.polls += 1
        await poll(sync)

    monkeypatch.setattr(Sync, "poll", counted)
    hired: list[Copilot] = []

    async def hire(*plugins: EnabledPlugin, **keys: Any) -> Copilot:
        one = Copilot(psa, configured(tmp_path, psa, *plugins, **keys))
        hired.append(one)
        await one.start()
        return one

    yield hire
    for one in hired:
        await one.stop()

"""A desk and a copilot for each story; nothing is shared between two of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from psa_copilot import clock
from psa_copilot.config import EnabledPlugin
from tests.story.desk import Copilot, Desk, configured, open_desk

Hire = Callable[..., Awaitable[Copilot]]


@pytest.fixture
def psa(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        yield desk


@pytest.fixture
async def copilot(psa: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hire]:
    """Hires the copilot: `await copilot(summarize(), notes_per_technician=3)` starts it with plugins and keys."""
    monkeypatch.setenv("PSA_COPILOT_CLOCK", psa.sandbox.clock_url)
    monkeypatch.setattr(clock, "FOLLOW_EVERY", 0.05)
    hired: list[Copilot] = []

    async def hire(*plugins: EnabledPlugin, **keys: Any) -> Copilot:
        one = Copilot(psa, configured(tmp_path, psa, *plugins, **keys))
        hired.append(one)
        await one.start()
        return one

    yield hire
    for one in hired:
        await one.stop()

"""One per process: hands each run the model that it may ask, or one that never answers."""

from __future__ import annotations

from collections.abc import Iterable

from psa_copilot.clock import Clock
from psa_copilot.llm.asking import Llm
from psa_copilot.llm.ports import Cache, Spend
from psa_copilot.llm.settings import LlmSettings
from psa_copilot.models import Thread
from psa_copilot.redact import SECRETS


class Gateway:
    """The door to the configured model."""

    def __init__(self, settings: LlmSettings | None, spend: Spend, cache: Cache, clock: Clock) -> None:
        self._settings, self._spend, self._cache, self._clock = settings, spend, cache, clock
        if settings and settings.api_key:
            SECRETS.add(settings.api_key.get_secret_value())

    def llm(self, plugin: str, thread: Thread, *, people: Iterable[str] = (), barred: str = "") -> Llm:
        """The model for one run of a plugin on a thread.

        `people` are names to hide besides those that the thread itself names (its contact, authors); `barred` says
        why no model may read this thread, for example that it is confidential.
        """
        return Llm(barred) if barred else Llm()

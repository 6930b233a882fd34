"""The model beside the no-model mind, for quality.py: asked by the code that the plugins use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from psa_copilot import Best, Change, Field, Llm, Thread, Tools, best_value, second_opinion
from psa_copilot.clock import Clock
from psa_copilot.engine.remembering import LooseMemory
from psa_copilot.llm import Gateway, LlmSettings
from psa_copilot.plugin import Standing
from psa_copilot.testing.llm import LocalCache, LocalSpend
from psa_copilot.testing.scenes import LocalPast, LocalTickets
from psa_copilot.text import Case, Text
from psa_copilot.text.classifier import Classifier
from psa_copilot_plugins.route.board import TASK
from psa_copilot_plugins.route.settings import RouteSettings
from psa_copilot_plugins.summarize import Summarize

BUDGET = 1_000.0
"""Dollars: a benchmark ends with its file."""


class Mind:
    """What the plugins have: text, memory, and a model where one is named."""

    def __init__(self, gateway: Gateway | None, runner: asyncio.Runner) -> None:
        self._gateway, self._runner = gateway, runner
        self._weight = RouteSettings().model_weight

    @property
    def has_model(self) -> bool:
        """Whether a model is asked at all."""
        return self._gateway is not None

    def choose(self, classifier: Classifier, case: Case, thread: Thread) -> Best | None:
        """The best of the values that were learned, as `route` chooses a board."""
        memory = LooseMemory(1)
        memory.keep("board", classifier)
        ticket = thread.ticket
        best = best_value(Text(), memory, case, ticket, Field.BOARD, name="board", allowed=classifier.labels)
        if best is None or self._gateway is None:
            return best
        material = Text().transcript(thread)
        asked = second_opinion(best, self._llm("route", thread), TASK, material, described={}, weight=self._weight)
        return self._runner.run(asked)

    def recap(self, thread: Thread) -> str:
        """What `summarize` would note, without its label."""
        plugin = Summarize(Summarize.Settings())
        change = Change(thread_id=thread.id, revision=thread.revision, key="try", facts={"note": "recap"})
        tools = Tools(
            now=datetime(2026, 1, 2, tzinfo=UTC),
            past=LocalPast(),
            tickets=LocalTickets(),
            text=Text(),
            llm=self._llm("summarize", thread),
            standing=Standing(thread.ticket),
        )
        wishes = self._runner.run(plugin.run(change, thread, tools))
        return str(getattr(wishes[0], "body", "")).removeprefix("Recap: ") if wishes else ""

    def _llm(self, plugin: str, thread: Thread) -> Llm:
        return self._gateway.llm(plugin, thread) if self._gateway else Llm()


def acted_on(best: Best | None) -> str | None:
    """The value that would be written without a human's approval: a model alone causes no more than a suggestion."""
    if best is None:
        return None
    return best.opinions[0].choice if best.suggest_only and best.opinions else best.value or None


@contextmanager
def mind(model: str = "", api_base: str = "") -> Iterator[Mind]:
    """With this model, or with none."""
    settings = LlmSettings(model=model, api_base=api_base, daily_budget=BUDGET) if model else None
    gateway = Gateway(settings, LocalSpend(), LocalCache(), Clock()) if settings else None
    with asyncio.Runner() as runner:
        yield Mind(gateway, runner)
        if gateway:
            runner.run(gateway.close())

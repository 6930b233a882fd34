"""What each plugin would write on the newest open tickets: asked and judged as ever, and then forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from psa_copilot.actions import Action
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.dispatch import Dispatch, body_of
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import judge
from psa_copilot.engine.views import matches
from psa_copilot.events import Change
from psa_copilot.models import Thread, Ticket
from psa_copilot.store import Store
from psa_copilot.survey.digest import WOULD_RULE, WOULD_TITLE
from psa_copilot.survey.findings import Sign, sighting
from psa_copilot.survey.gathering import Gathered, newest
from psa_copilot.survey.values import Finding, Sighting

REFUSED = ("stopped", "dropped", "declined")


class Trials:
    """Plugins on tickets as the mirror has them. No model is asked: a digest costs nothing."""

    def __init__(self, config: Config, store: Store, lines: Mapping[str, Line]) -> None:
        self._config, self._store, self._lines = replace(config, llm=None), store, lines
        self._dispatch = Dispatch(self._config, store, lines, lambda: None)
        self.asked = 0

    async def finding(self, gathered: Iterable[Gathered], most: int, told: Callable[[str, int, int], None]) -> Finding:
        """All plugins on the `most` newest open tickets of each connection."""
        found: list[Sighting] = []
        for one in gathered:
            for number, ticket in enumerate(newest(one.scene.people, most), start=1):
                found += await self._on(one, ticket)
                told("plugins tried", number, min(most, len(one.scene.people)))
        plugins = len(self._config.plugins)
        rule = f"{WOULD_RULE} {self.asked:,} tickets were tried with {plugins} plugin{'s' * (plugins != 1)}, no model."
        unknown = "" if plugins else "no plugin is configured"
        return Finding("plugins", WOULD_TITLE, rule, tuple(found), len(found), unknown)

    async def _on(self, gathered: Gathered, ticket: Ticket) -> list[Sighting]:
        with self._store.reading() as tx:
            thread = tx.mirror.thread_of(ticket.ref)
        if thread is None:
            return []
        self.asked += 1
        return [
            sighting(ticket, gathered.scene, Sign(f"{name}: {_first_line(body)}", 0.0), body)
            for name, enabled in self._config.plugins.items()
            if matches(enabled.settings.when, ticket) and ticket.origin in enabled.settings.origins
            for body in await self._wished(enabled, thread)
        ]

    async def _wished(self, enabled: EnabledPlugin, thread: Thread) -> list[str]:
        line = self._lines[thread.ticket.ref.connection]
        change = Change(thread_id=thread.id, revision=thread.revision, key="digest")
        wished = await self._dispatch.ask(enabled.name, change, thread, line)
        return [body_of(wish) for wish in wished.actions if self._would_go(enabled, thread, line, wish)]

    def _would_go(self, enabled: EnabledPlugin, thread: Thread, line: Line, wish: Action) -> bool:
        with self._store.reading() as tx:
            verdict = judge(self._dispatch.case(tx, enabled, thread, line, wish, None))
        return verdict.verdict not in REFUSED


def _first_line(body: str) -> str:
    return body.strip().splitlines()[0] if body.strip() else "(empty)"

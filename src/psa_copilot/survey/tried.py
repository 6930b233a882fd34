"""What each plugin would write on the newest open tickets: asked and judged as ever, and then forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from psa_copilot import logs
from psa_copilot.actions import Action
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.engine.dispatch import Dispatch, body_of
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import judge
from psa_copilot.engine.sweeps import is_for
from psa_copilot.events import Change
from psa_copilot.models import Thread
from psa_copilot.plugin import Found, Plugin, Standing
from psa_copilot.store import Store
from psa_copilot.survey.digest import WOULD_RULE, WOULD_TITLE
from psa_copilot.survey.findings import Sign, sighting
from psa_copilot.survey.gathering import Gathered, newest
from psa_copilot.survey.values import Finding, Sighting

log = logs.get("survey")

REFUSED = ("stopped", "dropped", "declined")


class Trials:
    """Plugins on tickets as the mirror has them. No model is asked: a digest costs nothing."""

    def __init__(self, config: Config, store: Store, lines: Mapping[str, Line]) -> None:
        self._config, self._store, self._lines = replace(config, llm=None), store, lines
        self._dispatch = Dispatch(self._config, store, lines, lambda: None)
        self._tried = 0

    async def finding(self, gathered: Iterable[Gathered], most: int, told: Callable[[str, int, int], None]) -> Finding:
        """All plugins on the `most` newest open tickets of each connection."""
        found: list[Sighting] = []
        for one in gathered:
            standings = newest(one.scene.people, most)
            sweeps = self._swept(one, standings)
            for number, standing in enumerate(standings, start=1):
                found += await self._on(one, standing, sweeps)
                told("plugins tried", number, len(standings))
        plugins = len(self._config.plugins)
        rule = f"{WOULD_RULE} {self._tried:,} tickets were tried with {plugins} plugin{'s' * (plugins != 1)}, no model."
        unknown = "" if plugins else "no plugin is configured"
        return Finding("plugins", WOULD_TITLE, rule, tuple(found), len(found), unknown)

    def _swept(self, gathered: Gathered, standings: Sequence[Standing]) -> Mapping[tuple[str, str], Found]:
        """What the sweeps of plugins find among these tickets, by plugin and ticket."""
        return {
            (name, str(found.ref)): found
            for name, enabled in self._config.plugins.items()
            for found in _finds(enabled, gathered, standings)
        }

    async def _on(
        self, gathered: Gathered, standing: Standing, sweeps: Mapping[tuple[str, str], Found]
    ) -> list[Sighting]:
        ticket = standing.ticket
        with self._store.reading() as tx:
            thread = tx.mirror.thread_of(ticket.ref)
        if thread is None:
            return []
        thread = self._lines[ticket.ref.connection].understood(thread)
        self._tried += 1
        return [
            sighting(ticket, gathered.scene, Sign(f"{name}: {_first_line(body)}", 0.0), body)
            for name, enabled in self._config.plugins.items()
            if is_for(enabled, standing)
            for change in _changes(enabled, thread, sweeps.get((name, str(ticket.ref))))
            for body in await self._wished(enabled, thread, change)
        ]

    async def _wished(self, enabled: EnabledPlugin, thread: Thread, change: Change) -> list[str]:
        line = self._lines[thread.ticket.ref.connection]
        wished = await self._dispatch.ask(enabled.name, change, thread, line)
        return [body_of(wish) for wish in wished.actions if self._would_go(enabled, thread, line, wish)]

    def _would_go(self, enabled: EnabledPlugin, thread: Thread, line: Line, wish: Action) -> bool:
        with self._store.reading() as tx:
            verdict = judge(self._dispatch.case(tx, enabled, thread, line, wish, None))
        return verdict.verdict not in REFUSED


def _finds(enabled: EnabledPlugin, gathered: Gathered, standings: Sequence[Standing]) -> list[Found]:
    if enabled.plugin_class.find is Plugin.find:
        return []
    plugin = enabled.plugin_class(enabled.settings)
    try:
        return list(plugin.find(gathered.scene.now, [one for one in standings if is_for(enabled, one)]))
    except Exception as exc:  # noqa: BLE001 - a plugin may fail in any way; the others are shown all the same
        log.error("sweep_failed", plugin=enabled.name, connection=gathered.name, why=f"{type(exc).__name__}: {exc}")
        return []


def _changes(enabled: EnabledPlugin, thread: Thread, found: Found | None) -> Iterator[Change]:
    """Why a plugin would be asked: something is said on the ticket, or its own sweep has found it."""
    if enabled.plugin_class.on:
        yield Change(thread_id=thread.id, revision=thread.revision, key="digest")
    if found is not None:
        facts, because = found.facts, found.because
        yield Change(thread_id=thread.id, revision=thread.revision, because=because, facts=facts, key=found.key)


def _first_line(body: str) -> str:
    return body.strip().splitlines()[0] if body.strip() else "(empty)"

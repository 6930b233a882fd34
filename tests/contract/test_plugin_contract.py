"""Our own plugins keep what every plugin promises; and a plugin that does not is told so."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import random
from textwrap import dedent

import pytest

from psa_copilot import (
    Action,
    ActorClass,
    AddNote,
    Change,
    ChangeField,
    EventKind,
    Field,
    Found,
    Meaning,
    Plugin,
    PluginSettings,
    Ref,
    Setting,
    Standing,
    Thread,
    Tools,
)
from psa_copilot.testing import scene
from psa_copilot.testing.plugin_contract import PluginContract
from psa_copilot.testing.scenes import Scene
from psa_copilot_plugins.route import Route
from psa_copilot_plugins.stale_sweeper import StaleSweeper
from psa_copilot_plugins.summarize import Summarize
from psa_copilot_plugins.triage import Triage
from tests.core.strangers import PLUGIN, Site
from tests.plugins.learned_desk import DIRECTORY, People, memory_of, said, works

PLUGIN_CODE = dedent(PLUGIN)

TALK = (
    "customer: Tray 2 prints blank pages since Thursday, and we have letters to send.",
    "technician: I reinstalled the driver, no change. Does tray 1 work?",
    "customer: Yes, tray 1 works, and tray 2 shows error 51.20 on its display.",
    "technician: Then I will order a new sensor, which takes until Thursday.",
    "customer: When exactly will it arrive, and who will bring it to us?",
)


class TestSummarize(PluginContract):
    speaks = scene(*TALK)

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Summarize(Summarize.Settings())


class TestSummarizeThatAsks(PluginContract):
    """On a solved ticket it says what is missing."""

    speaks = scene(*TALK, meaning=Meaning.RESOLVED, status="Resolved")

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Summarize(Summarize.Settings(resolution="ask"))


class TestStaleSweeper(PluginContract):
    speaks = scene(TALK[0], ago=timedelta(days=3), meaning=Meaning.NEW, status="New")

    @pytest.fixture
    def plugin(self) -> Plugin:
        return StaleSweeper(StaleSweeper.Settings(nudge="note"))


class TestStaleSweeperForTheDigest(PluginContract):
    speaks = scene(*TALK, ago=timedelta(days=20), meaning=Meaning.IN_PROGRESS)

    @pytest.fixture
    def plugin(self) -> Plugin:
        return StaleSweeper(StaleSweeper.Settings())


def at_a_desk_with_a_past(one: Scene, plugin: type[Plugin]) -> Scene:
    """The scene at a desk from whose tickets this plugin has learned."""
    people = People(*(works(name) for name in ("ada", "bo", "cy", "di")))
    return replace(one, tools=replace(one.tools, memory=memory_of(plugin), directory=DIRECTORY, roster=people))


class TestRoute(PluginContract):
    speaks = scene(
        f"customer: {said('Network', 9001)}", title=said("Network", 9002, words=3), board="Intake", meaning=Meaning.NEW
    )

    @pytest.fixture(autouse=True)
    def _with_a_past(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "speaks", at_a_desk_with_a_past(self.speaks, Route))

    def scenes(self) -> dict[str, Scene]:
        return {name: at_a_desk_with_a_past(one, Route) for name, one in super().scenes().items()}

    @pytest.fixture
    def plugin(self) -> Plugin:
        pods = {"all": {"technicians": ["ada", "di"], "boards": ["Network"]}}
        return Route(Route.Settings.model_validate({"pods": pods}))


class TestTriage(PluginContract):
    speaks = scene(
        f"customer: {said('Print', 9001)}. The whole office cannot print labels on any floor since seven.",
        title="Help",
        board="Intake",
        meaning=Meaning.NEW,
    )

    @pytest.fixture(autouse=True)
    def _with_a_past(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "speaks", at_a_desk_with_a_past(self.speaks, Triage))

    def scenes(self) -> dict[str, Scene]:
        return {name: at_a_desk_with_a_past(one, Triage) for name, one in super().scenes().items()}

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Triage(Triage.Settings.model_validate({"impact": {"high": ["whole office"]}, "languages": ["de"]}))


# -- a plugin that breaks its promises is told so ------------------------------------------------------------------


class Hasty(Plugin):
    """Says what it should not, as `sin` asks for."""

    name = "hasty"
    on = frozenset({EventKind.MESSAGE_ADDED})

    class Settings(PluginSettings):
        sin: str = Setting("", description="What it does wrong.")

    settings: Settings

    def find(self, now: datetime, tickets: Iterable[Standing]) -> Iterator[Found]:
        keys = {"minute": f"{now:%H:%M}", "day": f"{now:%d}", "twice": "same"}
        if (sin := self.settings.sin) not in keys and sin != "stopped":
            return
        for one in tickets:
            if sin == "stopped" or not (one.stopped or one.confidential):
                yield from [Found(one.ticket.ref, "it is there", keys.get(sin, "it"))] * (2 if sin == "twice" else 1)

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        said = [one for one in thread.spoken() if one.by is ActorClass.CUSTOMER]
        if not said and self.settings.sin != "eager":
            return []
        text = thread.messages[-1].text if thread.messages else ""
        if self.settings.sin == "keeps":
            self.seen = len(thread.messages)
        return [self._wish(text, thread)]

    def _wish(self, text: str, thread: Thread) -> Action:
        note = AddNote(body="Nobody has answered.", because="it was said")
        sins: dict[str, dict[str, object]] = {
            "quotes": {"body": text},
            "long": {"body": "word " * 30},
            "links": {"body": "See https://pay.example/now"},
            "chance": {"body": f"Case {random()}."},
            "invents": {"evidence": ("m99",)},
            "strays": {"ticket": Ref(connection="main", remote_id="99")},
            "tells": {"place": "discussion"},
        }
        if self.settings.sin == "sets":
            return ChangeField(field=Field.STATUS, was=thread.ticket.status, to="Closed", because="it was said")
        return note.model_copy(update=sins.get(self.settings.sin, {}))


SINS = {
    "quotes": "test_a_confidential_thread_is_not_quoted",
    "long": "test_its_notes_keep_the_shape_of_the_house",
    "links": "test_its_notes_keep_the_shape_of_the_house",
    "chance": "test_the_same_thread_gives_the_same_wishes",
    "keeps": "test_it_keeps_nothing",
    "invents": "test_each_wish_has_a_reason_and_evidence_that_is_there",
    "strays": "test_each_wish_is_for_a_ticket_of_its_thread",
    "tells": "test_nothing_is_for_the_customer_unless_an_admin_named_the_client",
    "sets": "test_each_wish_is_of_a_kind_that_it_has_declared",
    "eager": "test_a_thread_without_a_word_is_left_alone",
    "minute": "test_ten_sweeps_find_the_same",
    "day": "test_ten_sweeps_find_the_same",
    "twice": "test_a_sweep_finds_each_thing_once",
}


class Hired(PluginContract):
    """The contract as a stranger's tests would run it; pytest does not collect it under this name."""

    speaks = scene(TALK[0])


async def broken(sin: str) -> list[str]:
    """The promises that a sinner breaks, of those that take nothing but the plugin; its imports are this file's."""
    found = []
    for name, test in inspect.getmembers(Hired(), inspect.ismethod):
        alone = name.startswith("test_") and list(inspect.signature(test).parameters) == ["plugin"]
        if alone and name != "test_it_imports_only_the_authors_api":
            try:
                answer = test(Hasty(Hasty.Settings(sin=sin)))
                await answer if inspect.isawaitable(answer) else None
            except AssertionError:
                found.append(name)
    return found


async def test_who_keeps_all_promises_is_told_nothing() -> None:
    assert await broken("") == []


@pytest.mark.parametrize("sin", SINS)
async def test_who_breaks_a_promise_is_told_which(sin: str) -> None:
    assert SINS[sin] in await broken(sin)


async def test_hostile_text_in_a_note_is_seen() -> None:
    for text in ("html", "links", "unicode", "orders", "long"):
        with pytest.raises(AssertionError):
            await Hired().test_it_survives_what_people_and_programs_send(Hasty(Hasty.Settings(sin="quotes")), text)


def test_a_sweep_over_stopped_tickets_is_seen() -> None:
    with pytest.raises(AssertionError):
        Hired().test_a_sweep_leaves_stopped_and_confidential_tickets_alone(
            Hasty(Hasty.Settings(sin="stopped")), {"stopped": "status is on the stop list"}
        )


def test_an_import_of_a_submodule_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Site(tmp_path).install("stranger-deep", "stranger_deep", f"from psa_copilot.plugin import When\n{PLUGIN_CODE}", {})
    monkeypatch.syspath_prepend(tmp_path)
    nudge = importlib.import_module("stranger_deep").Nudge
    with pytest.raises(AssertionError, match=r"psa_copilot\.plugin"):
        Hired().test_it_imports_only_the_authors_api(nudge(nudge.Settings()))

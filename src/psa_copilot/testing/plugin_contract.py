"""What every plugin promises, as tests that a stranger's plugin inherits.

class TestMyPlugin(PluginContract):
    speaks = scene("customer: The scanner is dead.", ago=timedelta(hours=2))

    @pytest.fixture
    def plugin(self) -> Plugin:
        return MyPlugin(MyPlugin.Settings(patience="1h"))
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

import psa_copilot
from psa_copilot.actions import Action, AddNote, ChangeField, LogTime, Mention, Wish
from psa_copilot.engine.canary import kind_of
from psa_copilot.models import Meaning, Ref
from psa_copilot.plugin import Plugin, Standing
from psa_copilot.testing.hostile import HOSTILE, ORDERS
from psa_copilot.testing.scenes import Scene, scene, thread, ticket, wishes
from psa_copilot.testing.scenes import standing as standing_of

FIRST_LINE, WHOLE = 100, 1200
SWEEPS = 10
BEFORE_MIDNIGHT = datetime(2026, 3, 2, 23, 55, 30, tzinfo=UTC)
"""Ten sweeps from here on, a minute apart, see the hour and the day change."""
AGES = (timedelta(), timedelta(hours=2), timedelta(days=1), timedelta(days=5), timedelta(days=40))
QUOTATION = 5
"""So many words in a row are no chance."""

_TAG = re.compile(r"</?[a-zA-Z!][^>\n]*>")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TABLE = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_MARKER = re.compile(r"^-- copilot/", re.MULTILINE)

NOT_PLAIN = {
    "HTML": _TAG,
    "a link": _LINK,
    "a table": _TABLE,
    "a marker line": _MARKER,
    "control characters": _UNSEEN,
}


class PluginContract:
    """Subclass it, hand over the plugin and a scene on which it speaks, and pytest runs the promises."""

    speaks: ClassVar[Scene]
    """A thread on which the plugin, set up as the fixture does it, has something to wish for."""

    @pytest.fixture
    def plugin(self) -> Plugin:
        """The plugin, set up as somebody would use it."""
        raise NotImplementedError("give a fixture `plugin` that returns the plugin to test")

    def scenes(self) -> dict[str, Scene]:
        """Threads that every desk has; a plugin may add its own."""
        spoken = self.speaks.thread
        talk = ("customer: Tray 2 prints blank pages since Thursday.", "technician: I will order a sensor.")
        return {
            "speaks": self.speaks,
            "empty": scene(title=""),
            "one message": scene(talk[0]),
            "long": scene(*talk * 12),
            "only machines": scene("system: Status changed.", "copilot: Recap: nothing."),
            "closed": scene(
                *talk, is_closed=True, meaning=Meaning.CLOSED, status="Closed", closed_at=spoken.ticket.updated_at
            ),
            "old": scene(*talk, ago=timedelta(days=40), assignee="", contact="", company="", priority_level=None),
            "unknown status": scene(*talk, meaning=None, status="Whatever"),
            "confidential": self.speaks.with_standing(confidential="its board is confidential"),
        }

    # -- what it says of itself ------------------------------------------------------------------------------

    def test_it_has_a_name_and_says_what_it_is_for(self, plugin: Plugin) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", type(plugin).name), "name: small letters, digits and _"
        assert "__doc__" in vars(type(plugin)), "the class needs a docstring of its own"
        assert type(plugin).__doc__

    def test_every_setting_is_described(self, plugin: Plugin) -> None:
        fields = type(plugin).Settings.model_fields
        bare = [name for name, field in fields.items() if not field.description]
        assert not bare, f"settings without a description: {', '.join(bare)}"

    def test_settings_stay_as_they_are_and_refuse_what_they_do_not_know(self, plugin: Plugin) -> None:
        assert isinstance(plugin.settings, type(plugin).Settings)
        with pytest.raises(ValidationError):
            plugin.settings.mode = "act"  # type: ignore[misc] # what a plugin must not be able to do
        known = plugin.settings.model_dump(exclude_unset=True)
        with pytest.raises(ValidationError):
            type(plugin).Settings.model_validate({**known, "no_such_setting": 1})

    def test_it_imports_only_the_authors_api(self, plugin: Plugin) -> None:
        beyond = list(_beyond_the_door(type(plugin)))
        assert not beyond, f"the authors' API does not offer: {', '.join(beyond)}"

    # -- what it wishes for ----------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_it_has_something_to_say(self, plugin: Plugin) -> None:
        assert await wishes(plugin, self.speaks), "`speaks` must be a scene on which the plugin wishes for something"

    @pytest.mark.asyncio
    async def test_each_wish_is_of_a_kind_that_it_has_declared(self, plugin: Plugin) -> None:
        for name, wish in await self.all_wishes(plugin):
            _declared(plugin, wish, name)

    @pytest.mark.asyncio
    async def test_each_wish_has_a_reason_and_evidence_that_is_there(self, plugin: Plugin) -> None:
        for name, one in self.scenes().items():
            keys = {message.key for message in one.thread.messages}
            for wish in await wishes(plugin, one):
                assert wish.because.strip(), name
                assert all(_stands(said, keys) for said in wish.evidence), f"{name}: evidence {wish.evidence}"

    @pytest.mark.asyncio
    async def test_each_wish_is_for_a_ticket_of_its_thread(self, plugin: Plugin) -> None:
        for name, one in self.scenes().items():
            own = {None, *(ticket.ref for ticket in one.thread.tickets)}
            assert {wish.ticket for wish in await wishes(plugin, one)} <= own, name

    @pytest.mark.asyncio
    async def test_its_notes_keep_the_shape_of_the_house(self, plugin: Plugin) -> None:
        for name, wish in await self.all_wishes(plugin):
            assert not (wrong := list(_misshapen(wish))), f"on `{name}` a note: {'; '.join(wrong)}"

    @pytest.mark.asyncio
    async def test_nothing_is_for_the_customer_unless_an_admin_named_the_client(self, plugin: Plugin) -> None:
        named = plugin.settings.customers
        for name, one in self.scenes().items():
            if one.thread.ticket.company not in named:
                assert not [wish for wish in await wishes(plugin, one) if wish.customer_visible], name

    # -- how it thinks ---------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_the_same_thread_gives_the_same_wishes(self, plugin: Plugin) -> None:
        first = {name: await wishes(plugin, one) for name, one in self.scenes().items()}
        again = {name: await wishes(plugin, one) for name, one in reversed(self.scenes().items())}
        assert again == first, "a run depends on nothing but its change, its thread and its tools"

    @pytest.mark.asyncio
    async def test_it_keeps_nothing(self, plugin: Plugin) -> None:
        before = copy.deepcopy(vars(plugin)), _class_state(type(plugin))
        await self.all_wishes(plugin)
        after = vars(plugin), _class_state(type(plugin))
        assert after == before, "a run or a sweep has changed the plugin; what it knows comes from its tools"

    @pytest.mark.asyncio
    async def test_a_thread_without_a_word_is_left_alone(self, plugin: Plugin) -> None:
        for name in ("empty", "only machines"):
            assert await wishes(plugin, self.scenes()[name]) == [], f"it speaks on `{name}`"

    @pytest.mark.asyncio
    async def test_a_confidential_thread_is_not_quoted(self, plugin: Plugin) -> None:
        one = self.scenes()["confidential"]
        said = {run for message in one.thread.messages for run in _runs(message.text)}
        for wish in await wishes(plugin, one):
            quoted = said & _runs(_body(wish))
            assert not quoted, f"quoted: {quoted}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("text", HOSTILE)
    async def test_it_survives_what_people_and_programs_send(self, plugin: Plugin, text: str) -> None:
        for wish in await wishes(plugin, self.speaks.with_text(HOSTILE[text])):
            _declared(plugin, wish, text)
            assert not (wrong := list(_misshapen(wish))), f"a note: {'; '.join(wrong)}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("order", ORDERS)
    async def test_what_a_ticket_orders_sets_no_field(self, plugin: Plugin, order: str) -> None:
        clean, attacked = self.speaks, self.speaks.with_text(ORDERS[order])
        obeyed = _values(await wishes(plugin, attacked)) - _values(await wishes(plugin, clean))
        assert not obeyed, f"told so by the ticket, it would set: {obeyed}"

    @pytest.mark.asyncio
    async def test_a_model_that_says_nothing_stops_nothing(self, plugin: Plugin) -> None:
        assert not self.speaks.tools.llm.model
        assert await wishes(plugin, self.speaks)

    # -- sweeps ----------------------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """Tickets of all kinds, as a sweep meets them; a plugin may add its own."""
        statuses = (Meaning.NEW, Meaning.IN_PROGRESS, Meaning.WAITING_ON_CUSTOMER, Meaning.SCHEDULED)
        found = [self.speaks.tools.standing]
        for number, (age, meaning) in enumerate(((age, one) for age in AGES for one in statuses), start=100):
            ref = Ref(connection="main", remote_id=str(number))
            said = ("customer: It stopped.", "technician: I look at it.")[: 1 + number % 2]
            talk = thread(
                *said, ago=age, ref=ref, number=str(number), meaning=meaning, status=meaning.value.capitalize()
            )
            found.append(standing_of(talk))
        return [*found, Standing(ticket(title="", company="", contact=""))]

    def test_a_sweep_finds_each_thing_once(self, plugin: Plugin) -> None:
        found = [(one.ref, one.key) for one in plugin.find(self.speaks.tools.now, iter(self.standings()))]
        assert len(set(found)) == len(found), "two finds of one ticket have the same key"

    def test_ten_sweeps_find_the_same(self, plugin: Plugin) -> None:
        later = BEFORE_MIDNIGHT - self.speaks.tools.now
        sweeps = [
            {(str(one.ref), one.key) for one in plugin.find(self.speaks.tools.now + later + minutes, self.standings())}
            for minutes in (timedelta(minutes=number) for number in range(SWEEPS))
        ]
        assert all(sweep == sweeps[0] for sweep in sweeps), (
            "a key names what it counts from, never the time of the sweep"
        )

    def test_what_a_sweep_finds_is_among_what_it_was_given_and_has_a_reason(self, plugin: Plugin) -> None:
        given = self.standings()
        for one in plugin.find(self.speaks.tools.now, given):
            assert one.because.strip()
            assert one.key.strip()
            assert one.ref in {each.ticket.ref for each in given}

    @pytest.mark.parametrize(
        "left_alone",
        [{"stopped": "status 'Internal IT' is on the stop list"}, {"confidential": "its board is confidential"}],
        ids=["stopped", "confidential"],
    )
    def test_a_sweep_leaves_stopped_and_confidential_tickets_alone(
        self, plugin: Plugin, left_alone: dict[str, str]
    ) -> None:
        speaks = self.speaks.with_standing(**left_alone)
        assert not list(plugin.find(speaks.tools.now, [speaks.tools.standing])), (
            "look at standing.stopped and .confidential"
        )

    async def all_wishes(self, plugin: Plugin) -> list[tuple[str, Action]]:
        """What it wishes for on all scenes, with their names."""
        return [(name, wish) for name, one in self.scenes().items() for wish in await wishes(plugin, one)]


def _declared(plugin: Plugin, wish: Action, where: str) -> None:
    asked = plugin.asks_for()
    assert asked <= plugin.wishes, f"asks_for() has what `wishes` has not: {', '.join(asked - plugin.wishes)}"
    kind = kind_of(wish)
    assert isinstance(wish, Mention) or kind in asked, (
        f"on `{where}`: {kind!r} stands neither in `wishes` nor asks_for()"
    )


def _stands(evidence: str, keys: set[str]) -> bool:
    """Evidence is a message of the thread, or another ticket by its ref."""
    return evidence in keys or "/" in evidence


def _values(wished: list[Action]) -> set[tuple[str, str]]:
    """The fields that would be set, with what is not merely kept on record."""
    return {(wish.field.value, wish.to) for wish in wished if isinstance(wish, ChangeField) and not wish.abstains}


def _body(wish: Wish) -> str:
    return wish.body if isinstance(wish, AddNote | Mention | LogTime) else ""


def _misshapen(wish: Wish) -> Iterator[str]:
    """What a note has that no note of the house has."""
    if not isinstance(wish, AddNote):
        return
    first = wish.body.split("\n", 1)[0]
    if not first.strip() or len(first) > FIRST_LINE:
        yield f"its first line has {len(first)} characters; 1 to {FIRST_LINE}"
    if len(wish.body) > WHOLE:
        yield f"it has {len(wish.body)} characters; {WHOLE} at most"
    for what, pattern in NOT_PLAIN.items():
        if found := pattern.search(wish.body):
            yield f"it has {what}: {found[0][:60]!r}"


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + QUOTATION]) for start in range(len(words) - QUOTATION + 1)}


def _class_state(plugin: type[Plugin]) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(plugin).items() if not name.startswith("_abc")}


def _beyond_the_door(plugin: type[Plugin]) -> Iterator[str]:
    """Imports of psa_copilot that the authors' API does not offer, in the plugin's own package."""
    for file in _sources(plugin):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in _imported(node):
                yield f"{file.name}:{node.lineno}: {name}"  # type: ignore[attr-defined] # both import nodes have one


def _sources(plugin: type[Plugin]) -> list[Path]:
    """The plugin's package; its one module where it is in none."""
    file = Path(inspect.getfile(plugin))
    package = getattr(sys.modules[plugin.__module__], "__package__", "")
    return sorted(file.parent.rglob("*.py")) if package else [file]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names if one.name.startswith("psa_copilot.")]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        if node.module == "psa_copilot":
            return [f"psa_copilot.{one.name}" for one in node.names if one.name not in psa_copilot.__all__]
        return [node.module] if node.module.startswith("psa_copilot.") else []
    return []

"""VIP bell keeps every plugin's promises, and its own."""

from datetime import timedelta

import pytest
from psa_copilot_vip_bell import VipBell

from psa_copilot import AddNote, Plugin
from psa_copilot.testing import Scene, scene, wishes
from psa_copilot.testing.plugin_contract import PluginContract

HOURS = timedelta(hours=2)
BELL = VipBell(VipBell.Settings(contacts=frozenset({"Robin Example"})))
DEAD = "customer: The X-ray PC is dead."


class TestVipBell(PluginContract):
    speaks = scene(DEAD, ago=HOURS, contact="Robin Example")

    @pytest.fixture
    def plugin(self) -> Plugin:
        return BELL


async def test_it_says_who_has_waited_since_when() -> None:
    [note] = await wishes(BELL, scene(DEAD, ago=HOURS, contact="Robin Example"))
    assert isinstance(note, AddNote)
    assert note.body == "Robin Example is a VIP and has waited for an answer since Mon 10:00; 1:00 h are allowed."


@pytest.mark.parametrize(
    "silent",
    [
        scene(DEAD, ago=HOURS, contact="Dana Example"),
        scene(DEAD, ago=timedelta(minutes=30), contact="Robin Example"),
        scene(DEAD, "technician: I am on my way.", ago=HOURS, contact="Robin Example"),
        scene(DEAD, ago=HOURS, contact="Robin Example", is_closed=True),
    ],
    ids=["somebody else", "not long yet", "answered", "closed"],
)
async def test_it_is_silent(silent: Scene) -> None:
    assert await wishes(BELL, silent) == []

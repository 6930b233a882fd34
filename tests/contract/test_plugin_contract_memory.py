"""Plugins that look at other tickets keep what every plugin promises."""

from __future__ import annotations

import pytest

from psa_copilot import Plugin
from psa_copilot.testing.plugin_contract import PluginContract
from psa_copilot_plugins.assist import Assist
from psa_copilot_plugins.duplicates import Duplicates
from tests.plugins import test_assist, test_duplicates


class TestAssist(PluginContract):
    speaks = test_assist.at_desk(test_assist.earlier(5), mine=True)

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Assist(Assist.Settings(draft_reply=True))


class TestDuplicates(PluginContract):
    speaks = test_duplicates.at_desk(test_duplicates.other(5, "customer: KJ-PRN-02 is on strike: error 51.20."))

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Duplicates(Duplicates.Settings())


class TestDuplicatesInAStorm(PluginContract):
    speaks = test_duplicates.alert(*test_duplicates.storm(6))

    @pytest.fixture
    def plugin(self) -> Plugin:
        return Duplicates(Duplicates.Settings())

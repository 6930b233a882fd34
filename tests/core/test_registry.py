"""Whatever is installed comes in by entry point; a broken package is an error of its own and of nobody else."""

import pytest

from psa_copilot import Connector, Plugin, registry
from psa_copilot.errors import ConfigError, PluginBroken
from tests.core.strangers import CONNECTOR, PLUGIN, Site


def test_a_strangers_connector_and_plugin_are_found_by_name(site: Site) -> None:
    site.install_desk()
    assert issubclass(registry.connector("desk"), Connector)
    assert issubclass(registry.plugin("nudge"), Plugin)


def test_an_unknown_name_is_answered_with_the_near_one(site: Site) -> None:
    site.install_desk()
    with pytest.raises(ConfigError, match=r"^no plugin is called nugde; did you mean nudge\?$"):
        registry.plugin("nugde")


def test_an_unknown_name_like_nothing_is_answered_with_what_there_is(site: Site) -> None:
    site.install_desk()
    with pytest.raises(ConfigError, match=r"no connector is called zzz; installed: .*desk"):
        registry.connector("zzz")


BROKEN = {
    "import": ("import nothing_of_that_name\nclass It: ...\n", "ModuleNotFoundError: No module named 'nothing_of"),
    "syntax": ("class It(:\n", "SyntaxError: invalid syntax"),
    "leaves": ("raise SystemExit('bye')\n", "SystemExit: bye"),
    "nothing there": ("Other = 1\n", "has no attribute 'It'"),
    "no class": ("It = 1\n", "stranger_broken:It is no class"),
    "no plugin": ("class It: ...\n", "It is no psa_copilot.Plugin"),
    "says not how": (
        "from psa_copilot import Plugin\nclass It(Plugin): name = 'it'\n",
        "It does not say how to: run",
    ),
    "odd settings": (
        "from psa_copilot import Plugin\nclass It(Plugin):\n    Settings = 1\n    async def run(self, *a): ...\n",
        "It.Settings is no psa_copilot.PluginSettings",
    ),
}


@pytest.mark.parametrize(("code", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_names_its_package_and_the_cause_in_one_line(site: Site, code: str, cause: str) -> None:
    site.install("stranger-broken", "stranger_broken", code, {"plugins": {"it": "stranger_broken:It"}}, version="0.3")
    with pytest.raises(PluginBroken) as caught:
        registry.plugin("it")
    message = str(caught.value)
    assert "stranger-broken 0.3" in message
    assert cause in message
    assert "\n" not in message


def test_a_broken_connector_is_told_from_a_sound_one(site: Site) -> None:
    site.install("stranger-plain", "stranger_plain", PLUGIN, {"connectors": {"plain": "stranger_plain:Nudge"}})
    with pytest.raises(PluginBroken, match=r"stranger-plain 1\.2 is broken: Nudge is no psa_copilot\.Connector"):
        registry.connector("plain")


def test_a_broken_package_does_not_stop_the_others(site: Site) -> None:
    site.install_desk()
    site.install("stranger-broken", "stranger_broken", "1 / 0", {"plugins": {"broken": "stranger_broken:It"}})
    assert registry.plugin("nudge").name == "nudge"

    there = {one.name: one for one in registry.installed("plugins")}
    assert there["nudge"].ok
    assert (there["nudge"].package, there["nudge"].version) == ("stranger-nudge", "1.2")
    assert not there["broken"].ok
    assert "ZeroDivisionError" in there["broken"].error


def test_one_name_from_two_packages_is_refused_naming_both(site: Site) -> None:
    site.install("stranger-one", "stranger_one", CONNECTOR, {"connectors": {"twin": "stranger_one:Desk"}})
    site.install("stranger-two", "stranger_two", CONNECTOR, {"connectors": {"twin": "stranger_two:Desk"}})
    with pytest.raises(PluginBroken, match=r"twin comes from stranger-(one|two) 1\.2 and stranger-(one|two) 1\.2"):
        registry.connector("twin")


def test_a_sandbox_is_any_class(site: Site) -> None:
    site.install("stranger-box", "stranger_box", "class Box: ...", {"sandboxes": {"box": "stranger_box:Box"}})
    assert registry.sandbox("box").__name__ == "Box"
    assert "box" in registry.names("sandboxes")

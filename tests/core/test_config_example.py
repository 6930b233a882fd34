"""config.example.yaml starts on the sandbox as it is, shows every setting there is, and none that there is not."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from psa_copilot import ConnectionSettings, Http, registry
from psa_copilot.clock import LOOPBACK, Clock
from psa_copilot.config import Config, Keep, StopLists, Web, load
from psa_copilot.desk import Desk
from psa_copilot.llm import LlmSettings
from psa_copilot.plugin import Bars, PluginSettings, When
from psa_copilot.testing import LocalBudget

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SWITCHED_OFF = re.compile(r"^( *)#(?=\S)")
Read = Callable[[str], Config]
OURS = [one.name for one in registry.installed("plugins") if one.package == "psa-copilot"]
KEY = re.compile(r"^ *#?[\w-]+:")


def lines() -> list[str]:
    return EXAMPLE.read_text().splitlines()


def switched_off() -> list[int]:
    return [number for number, line in enumerate(lines()) if SWITCHED_OFF.match(line)]


def with_switched_on(numbers: list[int]) -> str:
    text = lines()
    for number in numbers:
        text[number] = SWITCHED_OFF.sub(r"\1", text[number])
    return "\n".join(text)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Loads a text as a config."""
    monkeypatch.setenv("PSA_COPILOT_TOKEN", "an-invented-api-token")

    def read_it(text: str) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return load(path)

    return read_it


def test_it_loads_as_it_is_and_points_at_the_sandbox() -> None:
    config = load(EXAMPLE)
    main = config.connections["main"]
    assert main.connector_class is registry.connector("connectwise")
    assert any(host in main.settings.url for host in LOOPBACK)
    assert main.settings.accept_risk
    assert config.plugins["summarize"].settings.mode == "act"
    assert config.stop.status == ("Internal IT",)
    assert config.warnings == ()


@pytest.mark.parametrize("number", switched_off(), ids=lambda number: lines()[number].split(":")[0].strip(" #"))
def test_every_setting_that_is_switched_off_works_when_it_is_switched_on(number: int, read: Read) -> None:
    text = with_switched_on([number])
    assert read(text).connections
    assert yaml.safe_load(text) != yaml.safe_load(EXAMPLE.read_text())


def test_they_work_all_together(read: Read) -> None:
    config = read(with_switched_on(switched_off()))
    assert config.web.url == "https://copilot.example"
    assert set(OURS) | {"summarize-vips"} == config.plugins.keys()


def test_a_default_that_is_shown_is_the_default(read: Read) -> None:
    without, whole = load(EXAMPLE).connections["main"].settings, with_switched_on(switched_off())
    shown = read(whole).connections["main"].settings
    for name in ("rate", "request_timeout", "write_grace", "breaker", "notes_per_technician"):
        assert getattr(shown, name) == getattr(without, name)


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The root of a ConnectWise sandbox in a process of its own."""
    command = [sys.executable, "-m", "psa_copilot.sandbox", "connectwise", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().removeprefix("ready ").strip()
        process.terminate()


async def test_the_sandbox_has_every_board_status_and_priority_that_it_names(sandbox: str, read: Read) -> None:
    config = read(with_switched_on(switched_off()).replace("http://127.0.0.1:8089", sandbox))
    main, clock = config.connections["main"], Clock()
    http = Http("main", clock, LocalBudget("main", clock), main.settings.request_timeout)
    try:
        directory = await main.connector_class(main.settings, http).directory()
    finally:
        await http.close()
    assert config.check_against({"main": directory}) == []


def shown(*where: str) -> set[str]:
    section = yaml.safe_load(with_switched_on(switched_off()))
    for key in where:
        section = section[key]
    return set(section)


def known(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_every_setting_is_shown() -> None:
    connector, summarize = registry.connector("connectwise"), registry.plugin("summarize")
    assert shown("web") == known(Web)
    assert shown("stop") == known(StopLists)
    assert shown("keep") == known(Keep)
    assert shown("connections", "main") == known(connector.Settings)
    assert shown("plugins", "summarize") | {"use"} == known(summarize.Settings)
    assert shown("plugins", "summarize", "when") == known(When)
    assert shown("plugins", "summarize", "bars") == known(Bars)
    assert shown("connections", "main", "desk") == known(Desk)
    assert shown("llm") == known(LlmSettings)
    assert shown() == {"database", "web", "connections", "llm", "plugins", "stop", "keep"}


@pytest.mark.parametrize("plugin", sorted(set(OURS) - {"summarize"}))
def test_every_setting_of_its_own_that_a_plugin_has_is_shown(plugin: str) -> None:
    settings = registry.plugin(plugin).Settings
    assert shown("plugins", plugin) | known(PluginSettings) == known(settings)
    for name, field in settings.model_fields.items():
        own = name not in PluginSettings.model_fields
        if own and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert shown("plugins", plugin, name) == known(field.annotation)


@pytest.mark.parametrize("psa", ["autotask", "halopsa"])
def test_every_setting_of_another_psa_is_shown(psa: str) -> None:
    assert shown("connections", psa) >= known(registry.connector(psa).Settings) - known(ConnectionSettings)


def test_every_setting_has_its_line_of_explanation_above_it() -> None:
    for number, line in enumerate(lines()):
        section = line.rstrip(":") in ("web", "  main", "  summarize", "  stale_sweeper")
        if KEY.match(line) and not section:
            assert lines()[number - 1].strip().startswith("# "), line

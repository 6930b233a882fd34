"""docs/running.md is true: commands, unit, container file, configuration, metrics; and links of all pages lead on."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from psa_copilot import config, metrics
from psa_copilot.cli import HELD, USAGE, app
from tests.house.guide import Block, blocks
from tests.house.tree import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGE = ROOT / "docs/running.md"
TEXT = PAGE.read_text(encoding="utf-8")
GROUPS = ("ledger",)


def block(mark: str) -> Block:
    [found] = [one for one in blocks(PAGE) if one.mark.endswith(mark)]
    return found


def commands() -> list[str]:
    """Every `psa-copilot ...` that the pages tell to type, one each."""
    found: set[str] = set()
    for page in DOCS:
        text = page.read_text(encoding="utf-8")
        typed = [*re.findall(r"`psa-copilot ([^`]+)`", text), *re.findall(r"^psa-copilot (.+)$", text, re.MULTILINE)]
        found |= set(typed)
    return sorted(found)


@pytest.mark.parametrize("typed", commands())
def test_psa_copilot_knows_the_command_and_its_options(typed: str) -> None:
    words = typed.split()
    name = words[:2] if words[0] in GROUPS and len(words) > 1 else words[:1]
    told = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "300"})
    assert told.exit_code == 0, told.output
    assert not [word for word in words if word.startswith("--") and word not in told.output]


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign] # systemd tells capitals from small letters
    parsed.read_string(block("psa-copilot.service").text)
    return parsed


def test_the_unit_runs_the_daemon_as_its_own_user(unit: configparser.ConfigParser) -> None:
    program, command, option, path = unit["Service"]["ExecStart"].split()
    assert (Path(program).name, command, option) == ("psa-copilot", "run", "--config")
    assert path == block("config.yaml").mark
    assert unit["Service"]["User"] == "psa-copilot"
    assert unit["Service"]["RestartPreventExitStatus"].split() == [str(USAGE), str(HELD)]
    assert int(unit["Service"]["TimeoutStopSec"]) > 10


def test_the_unit_is_hardened(unit: configparser.ConfigParser) -> None:
    wanted = ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictNamespaces")
    assert {unit["Service"][key] for key in wanted} == {"yes"}
    assert unit["Service"]["ProtectSystem"] == "strict"
    assert unit["Service"]["CapabilityBoundingSet"] == ""


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
def test_systemd_has_nothing_against_the_unit(tmp_path: Path) -> None:
    text = block("psa-copilot.service").text
    (tmp_path / "psa-copilot.service").write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    words = ["systemd-analyze", "verify", str(tmp_path / "psa-copilot.service")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "psa-copilot.service:" not in done.stderr


def test_the_configuration_loads(tmp_path: Path) -> None:
    text = (
        block("config.yaml")
        .text.replace("/var/lib/psa-copilot", str(tmp_path))
        .replace("/etc/psa-copilot", str(tmp_path))
    )
    (tmp_path / "private_key").write_text("key-of-nobody")
    (tmp_path / "private_key").chmod(0o600)
    (tmp_path / "config.yaml").write_text(text)
    loaded = config.load(tmp_path / "config.yaml")
    assert loaded.database_path == tmp_path / "psa-copilot.db"
    assert not loaded.warnings
    assert {one.settings.mode for one in loaded.plugins.values()} == {"observe"}


def test_the_container_file_takes_what_is_there() -> None:
    text = block("Containerfile").text
    assert "FROM docker.io/library/python:3.1" in text
    for name in re.findall(r"/src/(\S+)", text):
        assert (ROOT / name).exists()
    [command] = re.findall(r"^CMD \[(.+)\]$", text, re.MULTILINE)
    assert command.replace('"', "").split(", ")[:2] == ["psa-copilot", "run"]


def test_the_setup_installs_what_is_there() -> None:
    text = block("setup").text
    assert "--require-hashes -r requirements/run.txt" in text
    assert (ROOT / "requirements/run.txt").exists()


def test_the_metrics_have_these_names() -> None:
    told = metrics.text().decode()
    named = set(re.findall(r"psa_copilot_\w+", TEXT))
    assert named
    assert not [name for name in named if name not in told]


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_the_glossary_has_each_word_once_with_its_meaning() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    words = [word.strip() for row in rows[1:] for word in row[0].split(",")]
    assert len(words) == len(set(words)) > 40
    assert all(meaning.strip() for _, meaning in rows)

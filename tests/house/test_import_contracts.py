"""Each import contract of pyproject.toml holds, and is seen to fail when somebody breaks it."""

import re
import tomllib
from typing import NamedTuple

import pytest

from tests.house.tree import ROOT, ScratchTree


class Offence(NamedTuple):
    contract: str
    module: str
    line: str


CONNECTOR = "psa_copilot_connectors.connectwise.connector"
PSA_SANDBOX = "psa_copilot_connectors.connectwise.sandbox"
PLUGIN = "psa_copilot_plugins.summarize"

OFFENCES = [
    Offence("layers", "psa_copilot.models", "import psa_copilot.events"),
    Offence("layers", "psa_copilot.store.queries", "import psa_copilot.engine.port"),
    Offence("layers", "psa_copilot.engine.port", "import psa_copilot.app"),
    Offence("layers", "psa_copilot.http", "import psa_copilot"),
    Offence("layers", "psa_copilot.utils", "import psa_copilot.errors"),
    Offence("core", "psa_copilot.registry", "import psa_copilot_plugins"),
    Offence("core", "psa_copilot.app", "import psa_copilot_connectors.connectwise"),
    Offence("door", CONNECTOR, "from psa_copilot.http import Http"),
    Offence("door", CONNECTOR, "from psa_copilot import store"),
    Offence("door", CONNECTOR, "import psa_copilot.sandbox"),
    Offence("door", PSA_SANDBOX, "import psa_copilot.models"),
    Offence("door", PLUGIN, "import psa_copilot.engine.port"),
    Offence("door", PLUGIN, "import psa_copilot.testing"),
    Offence("connectors-independent", "psa_copilot_connectors.other", f"import {CONNECTOR}"),
    Offence("plugins-independent", "psa_copilot_plugins.other", f"import {PLUGIN}"),
    Offence("sides-independent", PLUGIN, f"import {CONNECTOR}"),
    Offence("sql", "psa_copilot.engine.outbox", "import sqlmodel"),
    Offence("sql", "psa_copilot.app", "from sqlalchemy import text"),
    Offence("sql", "psa_copilot.cli", "import alembic.command"),
    Offence("sql", PLUGIN, "import sqlalchemy"),
    Offence("litellm", "psa_copilot.text", "import litellm"),
    Offence("litellm", "psa_copilot.llm.gateway", "import litellm"),
    Offence("litellm", PLUGIN, "import litellm"),
    Offence("dbos", "psa_copilot.engine.port", "import dbos"),
    Offence("dbos", "psa_copilot.app", "import dbos"),
    Offence("apscheduler", "psa_copilot.engine.dispatch", "import apscheduler"),
    Offence("apscheduler", "psa_copilot.app", "import apscheduler.schedulers.asyncio"),
    Offence("beside", "psa_copilot.engine.tools", "import psa_copilot.testing"),
    Offence("beside", "psa_copilot.app", "import psa_copilot.sandbox"),
    Offence("beside", "psa_copilot", "import psa_copilot.sandbox"),
]

ALLOWED = [
    (CONNECTOR, "import psa_copilot"),
    (PLUGIN, "from psa_copilot import Plugin"),
    (PSA_SANDBOX, "import psa_copilot.sandbox"),
    ("psa_copilot.llm.provider", "import litellm"),
]


def contract_names() -> dict[str, str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract["name"] for contract in config["tool"]["importlinter"]["contracts"]}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> ScratchTree:
    tree = ScratchTree(tmp_path_factory.mktemp("tree"))
    for line in (*(offence.line for offence in OFFENCES), *(line for _, line in ALLOWED)):
        if ours := re.match(r"import (psa_copilot\S*)", line):
            tree.ensure(ours[1])
    return tree


def test_the_tree_as_it_is_keeps_every_contract(tree: ScratchTree) -> None:
    report = tree.lint_imports()
    assert report.returncode == 0, report.stdout
    assert " 0 broken" in report.stdout


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: f"{offence.contract}-{offence.module}")
def test_a_broken_contract_is_named(tree: ScratchTree, offence: Offence) -> None:
    with tree.with_line(offence.module, offence.line):
        report = tree.lint_imports()
    assert report.returncode == 1
    assert f"{contract_names()[offence.contract]} BROKEN" in report.stdout


@pytest.mark.parametrize(("module", "line"), ALLOWED)
def test_what_is_allowed_breaks_nothing(tree: ScratchTree, module: str, line: str) -> None:
    with tree.with_line(module, line):
        report = tree.lint_imports()
    assert report.returncode == 0, report.stdout


def test_every_contract_has_an_offence() -> None:
    assert {offence.contract for offence in OFFENCES} == set(contract_names())


def test_the_copy_is_what_is_linted(tree: ScratchTree) -> None:
    """Else every offence above could pass by looking at the installed tree."""
    with tree.with_line("psa_copilot.models", "import psa_copilot.events"):
        report = tree.lint_imports()
    assert "psa_copilot.models -> psa_copilot.events" in report.stdout
    assert "import psa_copilot.events" not in (ROOT / "src/psa_copilot/models.py").read_text()

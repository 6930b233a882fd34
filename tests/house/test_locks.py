"""The locks install on any machine from any index, and hold what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

RUN = ROOT / "requirements/run.txt"
DEV = ROOT / "requirements/dev.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9.-]+)(?:\[\w+\])?==(\S+)", lock, re.MULTILINE))


@pytest.mark.parametrize("lock", [RUN, DEV], ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE), "an option of pip"
    assert not re.search(r"(^|[\s(])(~|\.\.?)?/", text, re.MULTILINE), "a path"


@pytest.mark.parametrize("lock", [RUN, DEV], ids=lambda lock: lock.name)
def test_every_pin_has_its_hashes(lock: Path) -> None:
    for block in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block


def test_the_development_lock_holds_the_very_same_releases() -> None:
    assert pins(RUN.read_text()) <= pins(DEV.read_text())


def test_the_run_lock_satisfies_what_the_project_asks_for() -> None:
    pinned = dict(pins(RUN.read_text()))
    wanted = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
    wanted += [Requirement(line) for line in PYPROJECT["dependency-groups"]["build"]]
    for requirement in wanted:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_no_lock_holds_a_tampered_litellm() -> None:
    held = pins(RUN.read_text()) | pins(DEV.read_text())
    assert not held & {("litellm", "1.82.7"), ("litellm", "1.82.8")}

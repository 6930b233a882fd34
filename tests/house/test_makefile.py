"""`make` alone sets up everything, and says in one line why it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

TARGETS = ["help", "demo", "test", "check", "contract", "bench", "chaos", "lock", "clean"]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A clone in which nothing has been set up yet."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, clone / name)
    shutil.copytree(ROOT / "requirements", clone / "requirements")
    return clone


def make(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    if path:
        env["PATH"] = f"{path}{os.pathsep}{env['PATH']}"
    return subprocess.run(["make", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


def script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def reasons(outcome: subprocess.CompletedProcess[str]) -> list[str]:
    assert outcome.returncode != 0
    return [line for line in outcome.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("target", TARGETS)
def test_help_tells_of_every_target(target: str) -> None:
    assert f"make {target} " in make(ROOT, "help").stdout


def test_a_python_that_is_too_old_is_one_clear_line(fresh: Path, tmp_path: Path) -> None:
    old = script(tmp_path / "bin", "python-old", "exit 1")
    [reason] = reasons(make(fresh, "test", f"PYTHON={old}"))
    assert "needs Python 3.11 to 3.14" in reason


def test_no_python_at_all_is_one_clear_line(fresh: Path) -> None:
    [reason] = reasons(make(fresh, "demo", "PYTHON="))
    assert "found none" in reason


def test_a_python_without_venv_is_one_clear_line(fresh: Path, tmp_path: Path) -> None:
    bare = script(tmp_path / "bin", "python-bare", 'case "$2" in *ensurepip*) exit 1;; esac')
    [reason] = reasons(make(fresh, "test", f"PYTHON={bare}"))
    assert "lacks venv or ensurepip" in reason


def test_an_old_python3_is_passed_over_for_a_newer_one(fresh: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    script(path, "python3", "exit 1")
    script(path, "python3.14", f'exec "{sys.executable}" "$@"')
    planned = make(fresh, "-n", "demo", path=path)
    assert '"python3.14" -m venv' in planned.stdout


def test_a_named_python_wins(fresh: Path) -> None:
    planned = make(fresh, "-n", "test", f"PYTHON={sys.executable}")
    assert f'"{sys.executable}" -m venv' in planned.stdout


def test_the_demo_installs_no_development_packages(fresh: Path) -> None:
    planned = make(fresh, "-n", "demo", f"PYTHON={sys.executable}").stdout
    assert "requirements/run.txt" in planned
    assert "requirements/dev.txt" not in planned

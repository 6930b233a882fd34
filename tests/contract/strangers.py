"""Clients that strangers wrote for the real PSAs, installed beside us and set to work on a sandbox. Opt-in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

WANTED = os.environ.get("PSA_COPILOT_CLIENTS", "")
HERE = Path(__file__).parent / "clients"
INSTALLING, WORKING = 900.0, 60.0  # real seconds
TOLD = "from importlib.metadata import version; print(version({!r}))"


def opt_in(clients: Mapping[str, str]) -> list[pytest.MarkDecorator]:
    """The marks of a module whose clients are installed for it."""
    reason = (
        f"opt in with PSA_COPILOT_CLIENTS=1, which installs {', '.join(clients)} in an environment of their own, "
        "or PSA_COPILOT_CLIENTS=FOLDER of one that has them"
    )
    return [pytest.mark.skipif(not WANTED, reason=reason), pytest.mark.timeout(INSTALLING + 2 * WORKING)]


def environment(folder: Path, clients: Mapping[str, str], at_least: tuple[int, int] = (3, 11)) -> Path:
    """The interpreter of an environment that has these clients and nothing of ours."""
    if WANTED != "1":
        return Path(WANTED) / "bin" / "python"
    packages = [f"{name}=={version}" for name, version in clients.items()]
    subprocess.run([_interpreter(at_least), "-m", "venv", folder], check=True, timeout=INSTALLING)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, timeout=INSTALLING)
    return python


def _interpreter(at_least: tuple[int, int]) -> str:
    if sys.version_info[:2] >= at_least:
        return sys.executable
    found = (shutil.which(f"python3.{minor}") for minor in range(at_least[1], 15))
    named = next((path for path in found if path and _works(path)), None)
    if named is None:
        pytest.skip(f"these clients need Python {at_least[0]}.{at_least[1]}, and PATH has none")
    return named


def _works(python: str) -> bool:
    """A name in PATH may be a stand-in for a version that is not there."""
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


def work(python: Path, client: str, *words: object) -> dict[str, Any]:
    """What the client saw and did."""
    script = HERE / f"by_{client.replace('-', '_')}.py"
    seen: dict[str, Any] = json.loads(_run(python, str(script), *map(str, words)))
    return seen


def version(python: Path, client: str) -> str:
    """Which one is installed there."""
    return _run(python, "-c", TOLD.format(client)).strip()


def _run(python: Path, *command: str) -> str:
    """A command of the clients' environment, without our packages and without anybody's proxy."""
    variables = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", "HOME": str(python.parent)}
    done = subprocess.run(
        [python, *command], capture_output=True, text=True, timeout=WORKING, env=variables, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout

"""Clients that strangers wrote for the real ConnectWise work on the sandbox. Opt-in: they are installed for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox

WANTED = os.environ.get("PSA_COPILOT_CLIENTS", "")
CLIENTS = {"pyconnectwise": "0.6.1.2", "connectpyse": "0.8.1"}
HERE = Path(__file__).parent / "clients"
INSTALLING, WORKING = 300.0, 60.0  # real seconds

pytestmark = [
    pytest.mark.skipif(
        not WANTED,
        reason="opt in with PSA_COPILOT_CLIENTS=1, which installs "
        f"{' and '.join(CLIENTS)} in an environment of their own, or PSA_COPILOT_CLIENTS=FOLDER of one that has them",
    ),
    pytest.mark.timeout(INSTALLING + 2 * WORKING),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the clients and nothing of ours."""
    if WANTED != "1":
        return Path(WANTED) / "bin" / "python"
    folder = tmp_path_factory.mktemp("clients")
    python = folder / "bin" / "python"
    packages = [f"{name}=={version}" for name, version in CLIENTS.items()]
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=INSTALLING)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, timeout=INSTALLING)
    return python


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.mark.parametrize("client", CLIENTS)
def test_a_strangers_client_reads_and_writes(psa: Sandbox, python: Path, client: str) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]})
    seen = work(python, client, psa.url, number)
    counts = psa.counts()
    assert seen["counts"] == {name: counts[name] for name in seen["counts"]}
    assert sorted(set(seen["paged"])) == sorted(seen["paged"])
    assert len(seen["paged"]) == seen["counted"] == counts["tickets"]
    [note] = [note for note in psa.notes(number) if note["id"] == seen["note"]]
    assert (note["text"], note["internal"]) == (f"Seen by {client}", True)
    assert f"Seen by {client}" in seen["notes"]
    assert set(seen["notes"]) <= set(seen["all_notes"])
    assert seen["patched"] == seen["read"] == f"Tray 2, by {client}"
    assert psa.mailbox() == []


@pytest.mark.parametrize("client", CLIENTS)
def test_the_version_is_the_one_that_was_tried(python: Path, client: str) -> None:
    told = f"from importlib.metadata import version; print(version({client!r}))"
    assert run(python, "-c", told).strip() == CLIENTS[client]


def work(python: Path, client: str, url: str, number: int) -> dict[str, Any]:
    """What the client saw and did."""
    told = run(python, str(HERE / f"by_{client}.py"), url, str(number), f"Seen by {client}", f"Tray 2, by {client}")
    seen: dict[str, Any] = json.loads(told)
    return seen


def run(python: Path, *command: str) -> str:
    """A command of the clients' environment, without our packages and without anybody's proxy."""
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [python, *command], capture_output=True, text=True, timeout=WORKING, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout

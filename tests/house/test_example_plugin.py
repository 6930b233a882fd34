"""The example plugin is a project of its own: built, installed beside our wheel, discovered, enabled, and it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.core.test_doctor import free_port
from tests.house.stranger import Environment, built, empty, furnished, until
from tests.house.tree import ROOT

EXAMPLE = ROOT / "plugins/examples/psa-copilot-vip-bell"
LONG = os.environ.get("PSA_COPILOT_LONG") == "1"
MEANINGS = {"Help Desk": {"New": "new", "In Progress": "in progress"}}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return [built(project, folder) for project in (ROOT, EXAMPLE)]


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Environment:
    environment = furnished(tmp_path_factory.mktemp("environment") / "venv")
    environment.pip("--no-deps", "--no-index", *map(str, wheels))
    return environment


@pytest.fixture
def psa(tmp_path: Path) -> Iterator[Sandbox]:
    nothing = tmp_path / "none.jsonl"
    nothing.touch()
    with running(ConnectWiseSandbox, tickets=nothing) as sandbox:
        sandbox.speed(20)  # sweeps come every three seconds
        yield sandbox


def test_it_passes_its_own_tests(borrowed: Environment) -> None:
    done = borrowed.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(240)
def test_it_is_discovered_enabled_and_rings_once(borrowed: Environment, psa: Sandbox, tmp_path: Path) -> None:
    it_rings(borrowed, psa, tmp_path)


@pytest.mark.skipif(not LONG, reason="installs all locked packages; PSA_COPILOT_LONG=1 runs it")
@pytest.mark.timeout(900)
def test_it_does_so_in_an_empty_environment_with_hashes(wheels: list[Path], psa: Sandbox, tmp_path: Path) -> None:
    environment = empty(tmp_path / "venv", pip=True)
    locked = str(ROOT / "requirements/run.txt")
    environment.pip("--only-binary", ":all:", "--require-hashes", "-r", locked)
    environment.pip("--no-deps", "--no-index", *map(str, wheels))
    it_rings(environment, psa, tmp_path)


def it_rings(environment: Environment, psa: Sandbox, folder: Path) -> None:
    [found] = [one for one in installed(environment, folder) if one["name"] == "vip_bell"]
    assert found == {"name": "vip_bell", "package": "psa-copilot-vip-bell", "version": "1.0.0", "ok": True, "error": ""}
    port = configured(psa, folder)
    with environment.beside(["psa-copilot", "run"], cwd=folder, PSA_COPILOT_CLOCK=psa.clock_url) as log:
        until(lambda: ready(port), f"the daemon is ready: {log.read_text()[-2000:]}")
        ticket = psa.inject(
            {
                "title": "X-ray PC",
                "company": "Millbrook Paper",
                "contact": "Robin Example",
                "messages": [{"role": "customer", "text": "The X-ray PC is dead, and patients are waiting."}],
            }
        )
        until(lambda: reads(psa, ticket), "the daemon has read the ticket")
        psa.advance("2h")
        note = until(lambda: ours(psa, ticket), "the bell rings")[0]
        psa.advance("10m")
        swept = len(psa.log())
        until(lambda: len(psa.log()) > swept + 3, "it goes on")
        assert len(ours(psa, ticket)) == 1
    assert note.startswith("Robin Example is a VIP and has waited for an answer since ")
    [decision] = environment.json("ledger", "--ticket", f"main/{ticket}", cwd=folder)
    assert (decision["plugin"], decision["verdict"], decision["because"]) == ("vip_bell", "written", "a VIP waits")


def installed(environment: Environment, folder: Path) -> list[dict[str, object]]:
    return list(environment.json("plugins", cwd=folder)["installed"]["plugins"])


def configured(psa: Sandbox, folder: Path) -> int:
    port = free_port()
    connection = {
        "use": "connectwise",
        "url": psa.url,
        "company": "sandbox",
        "public_key": "pub",
        "private_key": "priv",
        "client_id": "any",
        "poll_every": "1s",
        "accept_risk": True,
        "statuses": MEANINGS,
    }
    file = {
        "web": {"listen": f"127.0.0.1:{port}"},
        "connections": {"main": connection},
        "plugins": {"vip_bell": {"mode": "act", "contacts": ["Robin Example"], "patience": "1h"}},
    }
    (folder / "config.yaml").write_text(json.dumps(file))
    return port


def ready(port: int) -> bool:
    with closing(httpx.Client(trust_env=False, timeout=2)) as http:
        try:
            return http.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.HTTPError:
            return False


def reads(psa: Sandbox, ticket: int) -> bool:
    return any(f"/tickets/{ticket}/allNotes" in row["path"] and row["key"] == "pub" for row in psa.log())


def ours(psa: Sandbox, ticket: int) -> list[str]:
    return [note["text"] for note in psa.notes(ticket) if note["author"] == "copilot"]

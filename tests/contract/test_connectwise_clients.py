"""Clients that strangers wrote for the real ConnectWise work on the sandbox. Opt-in: they are installed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.contract.strangers import environment, opt_in, version, work

CLIENTS = {"pyconnectwise": "0.6.1.2", "connectpyse": "0.8.1"}

pytestmark = opt_in(CLIENTS)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("clients"), CLIENTS)


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.mark.parametrize("client", CLIENTS)
def test_a_strangers_client_reads_and_writes(psa: Sandbox, python: Path, client: str) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]})
    seen = work(python, client, psa.url, number, f"Seen by {client}", f"Tray 2, by {client}")
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
    assert version(python, client) == CLIENTS[client]

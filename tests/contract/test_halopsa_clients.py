"""Clients that strangers wrote for the real HaloPSA work on the sandbox. Opt-in: they are installed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox
from tests.contract.strangers import environment, opt_in, version, work

CLIENTS = {"halopsa": "2.0.2", "haloitsm-python": "0.1.0"}

pytestmark = opt_in(CLIENTS)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("clients"), CLIENTS)


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(HaloPsaSandbox) as sandbox:
        yield sandbox


@pytest.mark.parametrize("client", CLIENTS)
def test_a_strangers_client_lists_reads_and_writes(psa: Sandbox, python: Path, client: str) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]})
    seen = work(python, client, psa.url, number, f"Seen by {client}", f"Tray 2, by {client}")
    counts = psa.counts()
    assert seen["counts"] == {name: counts[name] for name in seen["counts"]}
    assert len(set(seen["listed"])) == len(seen["listed"]) == counts["tickets"]
    [note] = [note for note in psa.notes(number) if note["id"] == seen["note"]]
    assert (note["text"], note["internal"]) == (f"Seen by {client}", True)
    assert {f"Seen by {client}", "It prints blank pages."} <= set(seen["notes"])
    assert seen["read"] == f"Tray 2, by {client}"
    assert psa.mailbox() == []


def test_what_a_client_asks_for_that_halo_has_not_is_refused(psa: Sandbox, python: Path) -> None:
    number = psa.inject({"title": "Tray 2"})
    seen = work(python, "haloitsm-python", psa.url, number, "Seen", "Tray 3")
    assert all(seen["refused"])
    assert [row["path"] for row in psa.log() if row["status"] == 400] == ["/api/Actions", f"/api/Tickets/{number}"]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_version_is_the_one_that_was_tried(python: Path, client: str) -> None:
    assert version(python, client) == CLIENTS[client]

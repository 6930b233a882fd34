"""Clients that strangers wrote for the real Autotask work on the sandbox. Opt-in: they are installed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.contract.strangers import environment, opt_in, version, work

CLIENTS = {"autotask-client": "0.3.1", "py-autotask": "2.3.0", "atrest": "1.0.2"}

pytestmark = opt_in(CLIENTS)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("clients"), CLIENTS, at_least=(3, 12))


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("client", "updates"), [("autotask-client", True), ("py-autotask", False)])
def test_a_strangers_client_lists_reads_and_writes(psa: Sandbox, python: Path, client: str, updates: bool) -> None:
    number = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]})
    seen = work(python, client, psa.url, number, f"Seen by {client}", f"Tray 2, by {client}")
    counts = psa.counts()
    assert seen["counts"] == {name: counts[name] for name in seen["counts"]}
    assert len(set(seen["listed"])) == len(seen["listed"]) == counts["tickets"]
    [note] = [note for note in psa.notes(number) if note["id"] == seen["note"]]
    assert (note["text"], note["internal"]) == (f"Seen by {client}", True)
    assert {f"Seen by {client}", "It prints blank pages."} <= set(seen["notes"])
    assert seen["read"] == (f"Tray 2, by {client}" if updates else "Tray 2")
    assert psa.mailbox() == []


def test_a_path_that_autotask_has_not_is_refused(psa: Sandbox, python: Path) -> None:
    number = psa.inject({"title": "Tray 2"})
    seen = work(python, "py-autotask", psa.url, number, "Seen", "Tray 3")
    assert "405" in seen["refused"]
    refused = [(row["method"], row["path"].casefold()) for row in psa.log() if row["status"] == 405]
    assert refused == [("PATCH", f"/atservicesrest/v1.0/tickets/{number}")]


def test_a_small_client_reads_a_ticket_and_opens_one(psa: Sandbox, python: Path) -> None:
    number, before = psa.inject({"title": "Tray 2"}), psa.counts()["tickets"]
    seen = work(python, "atrest", psa.url, number, "Tray 3")
    assert seen["read"] == "Tray 2"
    assert psa.counts()["tickets"] == before + 1
    assert work(python, "atrest", psa.url, seen["made"], "Tray 4")["read"] == "Tray 3"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_version_is_the_one_that_was_tried(python: Path, client: str) -> None:
    assert version(python, client) == CLIENTS[client]

"""What a human types beside a running daemon, and without one, on a PSA whose customers write."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, spawned
from tests.story.psas import CHOSEN, PSAS, variant

PROGRAM = Path(sys.executable).with_name("psa-copilot")
PATIENCE = 40.0

pytestmark = pytest.mark.timeout(300)  # whole commands, on machines that are busy with other things
TALK = str(Path(__file__).parents[1] / "scenarios" / "talk.json")


class Desk:
    """A sandbox, a configuration for it, and the commands."""

    def __init__(self, psa: Sandbox, folder: Path) -> None:
        self.psa, self.folder = psa, folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PSA_COPILOT_")}
        self.vpn = str(min(note["ticket"] for note in psa.notes()))
        keys = {"url": psa.url, "poll_every": "1s", "accept_risk": True, "rate": 6000}
        settings = {
            "web": {"listen": "127.0.0.1:0"},
            "connections": {"main": {**CHOSEN.connection, **keys}},
            "plugins": {"summarize": {"mode": "act"}},
        }
        (folder / "config.yaml").write_text(json.dumps(settings))

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )

    def told(self, *words: str) -> Any:
        outcome = self.type(*words, "--json")
        assert outcome.returncode == 0, outcome.stderr
        return json.loads(outcome.stdout)

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "run.log").open("w") as log:
            process = subprocess.Popen([PROGRAM, "run"], cwd=self.folder, env=self.env, stderr=log)
            try:
                yield process
            finally:
                process.kill()
                process.wait(10)

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < end, (self.folder / "run.log").read_text()
            time.sleep(0.2)

    def recaps(self) -> list[str]:
        return [str(note["text"]) for note in self.psa.notes(int(self.vpn)) if note["author"] == CHOSEN.names.copilot]

    def written(self) -> list[int]:
        rows = self.told("ledger", "--ticket", f"main/{self.vpn}", "--verdict", "written")
        return [int(row["id"]) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with spawned(CHOSEN.sandbox.name, scenario=TALK, switches=CHOSEN.limits_off) as psa:
        yield Desk(psa, tmp_path)


def end(process: subprocess.Popen[bytes]) -> None:
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert time.monotonic() - begin < 10


def test_try_and_sync_without_a_daemon_write_nothing(desk: Desk) -> None:
    told = desk.told("sync", "--once")
    assert told["tickets"] == 6
    assert told["requests"] > 0
    trial = desk.told("try", "summarize", f"main/{desk.vpn}")
    [wish] = trial["wishes"]
    assert wish["wish"] == "add_note"
    assert wish["body"].startswith("Recap: ")
    assert wish["verdict"] == "written" or wish["verdict"] == "promised"
    assert "Nothing was written." in desk.type("try", "summarize", f"main/{desk.vpn}").stdout
    assert desk.recaps() == []
    assert desk.told("ledger") == []
    assert {one["level"] for one in desk.told("check")["main"]} <= {"ok", "warning"}


def test_webhooks_of_ours_are_taken_out_of_the_psa(desk: Desk) -> None:
    if CHOSEN is not PSAS["connectwise"]:
        pytest.skip("one PSA is enough for the command; each connector's own tests take its webhooks away")
    callbacks = f"{desk.psa.url}/v4_6_release/apis/3.0/system/callbacks"
    url = "http://127.0.0.1:9/webhooks/main"
    body = {
        "url": f"{url}?recordId=",
        "objectId": 1,
        "type": "Ticket",
        "level": "Owner",
        "description": "psa_copilot main",
    }
    with httpx.Client(auth=("sandbox+pub", "priv"), headers={"clientId": "any"}) as client:
        client.post(callbacks, json=body).raise_for_status()
        ended = desk.told("unhook")
        left = [row for row in client.get(callbacks).raise_for_status().json() if row["url"].startswith(url)]
    assert [one.partition("?")[0] for one in ended["main"]] == [url]
    assert left == []
    assert desk.told("unhook") == {"main": []}


def test_what_is_written_can_be_taken_back_beside_a_daemon(desk: Desk) -> None:
    with desk.daemon() as daemon:
        desk.until(desk.recaps)
        desk.until(lambda: (desk.folder / "psa-copilot.db").exists() and desk.written())
        [number] = desk.written()
        assert desk.type("sync", "--once").returncode == 3
        assert desk.told("try", "summarize", f"main/{desk.vpn}")["plugin"] == "summarize"
        undone = desk.type("ledger", "undo", str(number))
        assert undone.returncode == 0, undone.stdout + undone.stderr
        effect, outcome = undone.stdout.splitlines()[0], undone.stdout.splitlines()[-1]
        assert "withdrawn" in effect
        assert "done" in outcome
        [note] = desk.recaps()
        assert note.startswith("Withdrawn: ")
        assert desk.type("ledger", "undo", str(number)).returncode == 1
        end(daemon)
    assert desk.told("ledger", "show", str(number))["verdict"] == "undone"


@variant
def test_what_is_written_can_be_taken_back_without_a_daemon(desk: Desk) -> None:
    with desk.daemon() as daemon:
        desk.until(desk.recaps)
        desk.until(desk.written)
        end(daemon)
    [number] = desk.written()
    told = desk.told("ledger", "undo", str(number))
    assert told["write"]["state"] == "done"
    assert "withdrawn" in told["effects"][0]
    [note] = desk.recaps()
    assert note.startswith("Withdrawn: ")


def test_a_pause_before_the_first_start_holds_writes_back_until_resume(desk: Desk) -> None:
    assert desk.told("pause") == {"paused": ["main"]}
    with desk.daemon() as daemon:
        desk.until(lambda: desk.psa.state()["people"]["left"] <= 2)
        desk.until(lambda: [row for row in desk.told("outbox") if row["ticket"] == f"main/{desk.vpn}"])
        assert desk.recaps() == []
        assert desk.told("resume") == {"resumed": ["main"]}
        desk.until(desk.recaps)
        end(daemon)

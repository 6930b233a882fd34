"""`psa-copilot init`: from credentials to a configuration that a human confirms, and no secret in sight."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from psa_copilot import config
from psa_copilot.models import Meaning
from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox

pytestmark = pytest.mark.timeout(300)  # whole commands, on machines that are busy with other things

PATIENCE = 120.0
SECRET = "priv"  # the sandbox's, which is no secret
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PSA_COPILOT_", "TZ"))}
COMMAND = [sys.executable, "-m", "psa_copilot.cli", "init", "--use=connectwise"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def run(tmp_path: Path, psa: Sandbox) -> Run:
    known = [f"--set={key}={value}" for key, value in answers(psa).items()]

    def run_it(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *known, *words],
            cwd=tmp_path,
            env=CLEAN | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run_it


def answers(psa: Sandbox) -> dict[str, str]:
    return {"url": psa.url, "company": "sandbox", "public_key": "pub", "client_id": "any"}


def test_a_secret_in_the_environment_stays_there(run: Run, tmp_path: Path, psa: Sandbox) -> None:
    done = run("--zone", "Europe/Berlin", PSA_COPILOT_PRIVATE_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "config.yaml"
    assert '"${PSA_COPILOT_PRIVATE_KEY}"' in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [row for row in psa.log() if row["method"] != "GET"] == []


def test_the_proposal_is_a_configuration_in_observe(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--zone", "Europe/Berlin", PSA_COPILOT_PRIVATE_KEY=SECRET).returncode == 0
    monkeypatch.setenv("PSA_COPILOT_PRIVATE_KEY", SECRET)
    made = config.load(tmp_path / "config.yaml")
    assert made.plugins
    assert {one.settings.mode for one in made.plugins.values()} == {"observe"}
    statuses = made.connections["main"].settings.statuses["Help Desk"]
    assert statuses["Waiting customer"] is Meaning.WAITING_ON_CUSTOMER
    assert statuses["Closed"] is Meaning.CLOSED
    assert "Internal IT" not in statuses  # nothing tells what it means: a human says so


def test_each_status_has_its_reason_and_doubts_are_marked(run: Run, tmp_path: Path) -> None:
    run(PSA_COPILOT_PRIVATE_KEY=SECRET)
    text = (tmp_path / "config.yaml").read_text()
    lines = [line.strip() for line in text.splitlines() if ": closed" in line or "Internal IT: " in line]
    assert any(line.startswith("Closed: closed  # the PSA counts it as closed") for line in lines)
    assert any(line.startswith("#Internal IT: in progress  # UNCONFIRMED, neither") for line in lines)


def test_a_typed_secret_goes_into_a_file_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text(f"private_key: {SECRET}\nzone: Europe/Berlin\n")
    done = run("--answers", "answers.yaml", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    secret = tmp_path / "config.private_key"
    assert secret.read_text() == f"{SECRET}\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert str(secret) in told["files"]
    assert f"private_key: {SECRET}" not in (tmp_path / "config.yaml").read_text()
    assert config.load(tmp_path / "config.yaml").connections["main"].settings.url
    assert told["statuses"]["Help Desk"]["New"] | {"because": ""} == {"value": "new", "because": "", "sure": True}


def test_a_secret_on_the_command_line_is_refused(run: Run, tmp_path: Path) -> None:
    done = run(f"--set=private_key={SECRET}hush")
    assert done.returncode == 2
    assert "everybody on this machine can read that" in done.stderr
    assert not (tmp_path / "config.yaml").exists()


def test_wrong_keys_are_told_and_leave_nothing_behind(run: Run, tmp_path: Path) -> None:
    done = run(PSA_COPILOT_PRIVATE_KEY="wrong-and-secret")
    assert done.returncode == 1
    assert "check connections.main.company" in done.stderr
    assert "wrong-and-secret" not in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "private_key: missing; export PSA_COPILOT_PRIVATE_KEY=..."),
        (("--set=colour=blue",), "colour: unknown answer"),
        (("--set=company",), "write KEY=VALUE"),
        (("--set=url=http://psa.example",), "would send the keys in the clear"),
        (("--use", "nonesuch"), "nonesuch"),
    ],
)
def test_what_is_missing_or_wrong_is_named(run: Run, words: tuple[str, ...], says: str) -> None:
    known: Mapping[str, str] = {"PSA_COPILOT_PRIVATE_KEY": SECRET} if words else {}
    done = run(*words, **known)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_configuration_is_replaced_only_when_told_to(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mine: true\n")
    assert run(PSA_COPILOT_PRIVATE_KEY=SECRET).returncode == 2
    assert file.read_text() == "mine: true\n"
    assert run("--force", PSA_COPILOT_PRIVATE_KEY=SECRET).returncode == 0
    assert "connections:" in file.read_text()


def test_a_person_is_asked_and_may_mend_a_wrong_key(tmp_path: Path, psa: Sandbox) -> None:
    typed = {"company": ["sandbox", ""], "public_key": ["pub", ""], "private_key": ["not-this-one", SECRET]}
    said, code = converse(
        [*COMMAND, f"--set=url={psa.url}", "--zone=Europe/Berlin"],
        tmp_path,
        typed | {"url": ["", ""], "client_id": ["any", ""]},
    )
    assert code == 0, said
    assert "HTTP 401" in said
    assert "not-this-one" not in said
    assert (tmp_path / "config.private_key").read_text() == f"{SECRET}\n"


def converse(command: list[str], folder: Path, typed: Mapping[str, list[str]]) -> tuple[str, int]:
    """Answer a command's questions on a terminal of its own; what stood there, and its exit code."""
    terminal, theirs = pty.openpty()
    env = CLEAN | {"TERM": "dumb", "COLUMNS": "200"}
    # A session of its own has no other terminal that a hidden question could turn to.
    asks = subprocess.Popen(
        command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said, answered, end = "", 0, time.monotonic() + PATIENCE
    left = {key: list(lines) for key, lines in typed.items()}
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other side has hung up
            break
        said += read.decode(errors="replace")
        question = said[answered:].rsplit("\n", 1)[-1].strip()
        key = question.split(" ")[0].rstrip(":")
        if said.endswith(": ") and left.get(key):  # the blank comes once a secret is not shown any more
            answered = len(said)
            os.write(terminal, f"{left[key].pop(0)}\n".encode())
    os.close(terminal)
    try:
        return said, asks.wait(10.0)  # it has hung up
    except subprocess.TimeoutExpired:
        asks.kill()
        return said, asks.wait(10.0)

"""`psa-copilot demo`, as a stranger sees it: two processes over HTTP, and it ends by itself."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from psa_copilot.cli import demo
from psa_copilot.cli.demo_config import write_config
from psa_copilot.cli.demo_psas import PSAS
from psa_copilot.errors import ConfigError
from tests.story.daemon import LONG

PROGRAM = Path(sys.executable).with_name("psa-copilot")
PATIENCE = 300
LOOPBACK = "http://127.0.0.1:1"
SUMS = "wrote 7 notes, left 50 of 57 tickets alone, 0 mails to customers"


def is_crowded() -> bool:
    """Whether others use this machine so much that nobody can tell how long we take."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def play(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env, command, pipe = os.environ | {"TMPDIR": str(tmp_path)}, [str(PROGRAM), "demo", *words], subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=env, text=True, stdout=pipe, stderr=pipe) as playing:
        try:
            told, hints = playing.communicate()
        finally:
            playing.terminate()  # where the test's time is up: a killed demo would leave its processes behind
    return subprocess.CompletedProcess(command, playing.returncode, told, hints)


@pytest.mark.timeout(PATIENCE)
def test_the_demo_shows_the_copilot_at_work_and_ends_by_itself(tmp_path: Path) -> None:
    begin = time.monotonic()
    shown = play(tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    if not is_crowded():
        assert time.monotonic() - begin < 90
    assert "40 × Disk C: < 10 % on MILL-WS-40" in shown.stdout
    assert "“Laptop for new starter, Friday”" in shown.stdout, "the digest's first line"
    assert "Recap: (extract) " in shown.stdout
    assert "promised and not written: paused" in shown.stdout
    assert SUMS in shown.stdout
    assert "All 12 stories ended as they should" in shown.stdout
    assert "\x1b" not in shown.stdout, "plain lines without a terminal"
    assert list(tmp_path.iterdir()) == [], "the demo cleans up"


@pytest.mark.timeout(4 * PATIENCE)
@pytest.mark.skipif(not LONG, reason="plays on one PSA after another; PSA_COPILOT_LONG=1 runs it")
@pytest.mark.parametrize("words", [(), ("--model", "scripted", "--keep")], ids=["no model", "a model"])
def test_the_same_monday_on_every_psa(tmp_path: Path, words: tuple[str, ...]) -> None:
    shown = play(tmp_path, "--psa", "all", *words)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    row = r"^ *(ConnectWise|Autotask|HaloPSA) +all 12 +(\d) +50 of 57 tickets +(\d+) "
    rows = re.findall(row, shown.stdout, re.MULTILINE)
    # Where a client's own technicians would read the hand-off too, there is none.
    assert rows == [("ConnectWise", "7", "0"), ("Autotask", "8", "0"), ("HaloPSA", "8", "0")]
    assert shown.stdout.count("not there to compare") == 1
    assert "8 notes, each the same wherever it can be" in shown.stdout
    if not words:
        assert list(tmp_path.iterdir()) == [], "the demo cleans up"
        return
    [folder] = tmp_path.iterdir()
    for psa in ("connectwise", "autotask", "halopsa"):
        listed = [str(PROGRAM), "ledger", "--config", str(folder / psa / "config.yaml")]
        told = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        assert ("own technicians read internal notes" in " ".join(told.split())) == (psa == "connectwise")


def test_all_psas_have_one_configuration_but_for_their_connections(tmp_path: Path) -> None:
    told = [yaml.safe_load(write_config(tmp_path, psa, LOOPBACK, None).read_text()) for psa in PSAS.values()]
    assert [one.pop("connections")["main"]["use"] for one in told] == ["connectwise", "autotask", "halopsa"]
    for one in told:
        one.pop("web")  # a free port
    assert told[0] == told[1] == told[2]


def test_what_is_wrong_with_the_configuration_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, "PSAS", {"halopsa": replace(PSAS["halopsa"], keys={"client_id": "id"})})
    with pytest.raises(ConfigError, match=r"connections\.main\.client_secret") as told:
        demo.play("halopsa", model="", keep=False)
    assert len(str(told.value).splitlines()) == 1


def test_only_psas_and_models_that_are_there_are_played(tmp_path: Path) -> None:
    shown = play(tmp_path, "--psa", "pencil")
    assert shown.returncode == 2
    assert shown.stderr == (
        "error: --psa: the demo cannot play pencil; there is: connectwise, autotask, halopsa, all\n"
    )
    shown = play(tmp_path, "--model", "pencil")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: --model: the demo has no model pencil")

"""`psa-copilot demo`, as a stranger sees it: two processes over HTTP, and it ends by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("psa-copilot")


def play(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    return subprocess.run(
        [PROGRAM, "demo", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=90
    )


def test_the_demo_shows_the_copilot_at_work_and_ends_by_itself(tmp_path: Path) -> None:
    begin = time.monotonic()
    shown = play(tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert time.monotonic() - begin < 60
    assert "wrote 3 notes, left 3 tickets alone, 0 mails to customers" in shown.stdout
    assert "Recap: " in shown.stdout
    assert "\x1b" not in shown.stdout, "plain lines without a terminal"
    assert list(tmp_path.iterdir()) == [], "the demo cleans up"


def test_a_demo_that_is_kept_can_be_looked_into(tmp_path: Path) -> None:
    shown = play(tmp_path, "--keep")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    [folder] = tmp_path.iterdir()
    assert f"psa-copilot ledger --config {folder / 'config.yaml'}" in shown.stdout
    listed = subprocess.run(
        [PROGRAM, "ledger", "--config", folder / "config.yaml"], capture_output=True, text=True, check=True
    )
    assert listed.stdout.count(" written ") == 3
    assert listed.stdout.count(" stopped ") == 1


def test_only_psas_that_can_be_played_are_played(tmp_path: Path) -> None:
    shown = play(tmp_path, "--psa", "pencil")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: --psa: the demo cannot play pencil")

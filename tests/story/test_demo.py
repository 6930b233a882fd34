"""`psa-copilot demo`, as a stranger sees it: two processes over HTTP, and it ends by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("psa-copilot")
PATIENCE = 150
SUMS = "wrote 7 notes, left 50 of 57 tickets alone, 0 mails to customers"


def is_crowded() -> bool:
    """Whether others use this machine so much that nobody can tell how long we take."""
    return os.getloadavg()[0] > 2 * (os.cpu_count() or 1)


def play(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    return subprocess.run(
        [PROGRAM, "demo", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


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


def test_a_demo_with_a_model_can_be_looked_into(tmp_path: Path) -> None:
    shown = play(tmp_path, "--keep", "--model", "scripted")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert SUMS in shown.stdout
    [folder] = tmp_path.iterdir()
    assert f"psa-copilot ledger --config {folder / 'config.yaml'}" in shown.stdout
    listed = subprocess.run(
        [PROGRAM, "ledger", "--config", folder / "config.yaml"], capture_output=True, text=True, check=True
    )
    assert "own technicians read internal notes" in " ".join(listed.stdout.split())


def test_only_psas_and_models_that_are_there_are_played(tmp_path: Path) -> None:
    shown = play(tmp_path, "--psa", "pencil")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: --psa: the demo cannot play pencil")
    shown = play(tmp_path, "--model", "pencil")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: --model: the demo has no model pencil")

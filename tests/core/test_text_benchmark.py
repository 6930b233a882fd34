"""The benchmark's tickets: as many as asked, a third too short for a recap, the same for the same seed."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tweetsumm_tickets.py"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"id": f"t-{number}", "messages": [{"role": "customer", "text": f"{number} " + "word " * 90}] * 9}
        for number in range(40)
    ]
    folder = tmp_path / "threads_tweetsumm"
    folder.mkdir()
    with gzip.open(folder / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def convert(data: Path, *options: str) -> str:
    command = [sys.executable, str(SCRIPT), str(data), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_third_of_the_tickets_is_too_short_for_a_recap(data: Path) -> None:
    found = [json.loads(line)["messages"] for line in convert(data, "--count", "30").splitlines()]
    short = [messages for messages in found if len(messages) < 9]
    assert len(found) == 30
    assert len(short) == 10
    assert all(len(messages) <= 3 and sum(len(each["text"]) for each in messages) < 1000 for messages in short)


def test_the_seed_decides(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "tickets.jsonl"
    convert(data, "--seed", "7", "--out", str(out))
    assert convert(data, "--seed", "7") == out.read_text(encoding="utf-8") != convert(data, "--seed", "8")


def test_a_folder_without_threads_is_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr

"""Personal data is found by rules; what only looks like it stays."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from psa_copilot.text.personal import find_identifiers, find_personal

SHARED = Path(__file__).parents[3] / "shared" / "data"
GOLD = SHARED / "pii" / "dev.jsonl.gz"


def found(text: str, *names: str) -> list[str]:
    return [text[each.start : each.end] for each in find_personal(text, names)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail anna.berg@mill.example today", ["anna.berg@mill.example"]),
        ("mail anna [at] mill [dot] example", ["anna [at] mill [dot] example"]),
        ("call +49 (0)30 1234-567 or 0171/5550199", ["+49 (0)30 1234-567", "0171/5550199"]),
        ("phone: 555 0142 after ten", ["555 0142"]),
        ("ring 555-123-4567 x89", ["555-123-4567 x89"]),
        ("host 10.1.2.3 and fe80::1ff:fe23:4567:890a", ["10.1.2.3", "fe80::1ff:fe23:4567:890a"]),
        ("Hi Tom,\nit works\nThanks,\nJo March", ["Tom", "Jo March"]),
        ("Mr. Quist called", ["Quist"]),
    ],
)
def test_what_names_a_person(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ticket 48213 of 2026-11-23 10:00:12",
        "order number 555 012 3456 and serial 12345678",
        "version 10.0.22631.3007, build 10.0.4.1",
        "Hi team,\nthanks\nRegards",
        "error 0x80070005, 1 000 000 rows",
    ],
)
def test_what_does_not(text: str) -> None:
    assert found(text) == []


def test_known_people_are_found_in_every_form() -> None:
    text = "Anna Berg wrote; BERG, ANNA is away, ask Anna or <b>An</b>na&nbsp;Berg. Bergman is somebody else."
    assert found(text, "Anna Berg") == ["Anna Berg", "BERG, ANNA", "Anna", "An</b>na&nbsp;Berg"]


def test_part_of_a_name_counts_with_its_capital_only() -> None:
    assert found("Will will call", "Will Marsh") == ["Will"]


@pytest.mark.skipif(not GOLD.exists(), reason="the yardstick data is not here")
def test_direct_identifiers_of_the_yardstick_set(tmp_path: Path) -> None:
    prediction = tmp_path / "spans.jsonl"
    with gzip.open(GOLD, "rt", encoding="utf-8") as rows, prediction.open("w", encoding="utf-8") as file:
        for row in map(json.loads, rows):
            spans = [[each.start, each.end, each.kind] for each in find_identifiers(row["text"])]
            file.write(json.dumps({"id": row["id"], "spans": spans}) + "\n")
    scorer = SHARED / "score" / "score_pii.py"
    scored = subprocess.run(
        [sys.executable, scorer.name, GOLD, prediction], cwd=scorer.parent, check=True, capture_output=True, text=True
    )
    figures = json.loads(scored.stdout)
    assert figures["strict_recall"] >= 0.97
    assert figures["char_precision"] >= 0.97

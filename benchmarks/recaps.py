"""Recaps of real support conversations, counted on the PSA's side.

Every thread with enough said, whose last message is no mere thanks or receipt, has exactly one internal recap in
words of that thread; the others have none. The same desk, with nothing said since the daemon came, has none at all.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import tweetsumm_tickets as source
from benchmarks.desk import Copilot, copilot, references, until, write_tickets
from psa_copilot import ActorClass, Message, Ref, Thread, Ticket
from psa_copilot.sandbox import Sandbox, spawned
from psa_copilot.text import Text

COUNT = 300
SEED = 1
PLAY = 5.0
ENOUGH_MESSAGES = 4
ENOUGH_CHARACTERS = 1000
WORDS_OF_THE_THREAD = 8
DONE_WITHIN = 400.0
QUIET_SECONDS = 12.0  # some polls long
SIGNED = re.compile(r"^-- copilot/summarize [a-z2-7]{10}$", re.MULTILINE)


def recaps() -> dict[str, Any]:
    """Both runs; a wrong recap is an error."""
    lines = list(source.tickets(source.threads(source.DATA), COUNT, SEED))
    played, still = _played(lines), _still(lines)
    wrong = {key: played[key] for key in ("missing", "unexpected", "doubled", "not_internal", "few_words")}
    found = {"tickets": len(lines)} | played | {"writes_to_a_still_desk": still}
    if still or any(wrong.values()):
        found["error"] = f"{ {key: len(refs) for key, refs in wrong.items()} }, {still} writes to a still desk"
    return found


def _played(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The last message of each ticket comes while the daemon watches."""
    with _desk(lines, play=PLAY) as (psa, daemon):
        until(lambda: psa.state()["people"]["left"] == 0, DONE_WITHIN, "the last message said", every=1.0)
        until(daemon.is_settled, DONE_WITHIN, "everything thought about", every=1.0)
        stays_idle(daemon)
        return _judged(lines, psa)


def _still(lines: list[dict[str, Any]]) -> int:
    """How much the daemon writes to a desk on which nothing happens."""
    with _desk(lines, play=0.0) as (psa, daemon):
        until(daemon.is_settled, DONE_WITHIN, "the backfill", every=1.0)
        stays_idle(daemon)
        wrote = [row for row in psa.log() if row["method"] != "GET" and "/service/" in row["path"]]
        return len(wrote)


def stays_idle(daemon: Copilot) -> None:
    """Return when nothing was owed for some polls."""
    end = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < end:
        if not daemon.is_idle():
            end = time.monotonic() + QUIET_SECONDS
        time.sleep(0.5)


@contextmanager
def _desk(lines: list[dict[str, Any]], play: float) -> Iterator[tuple[Sandbox, Copilot]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_tickets(folder / "tickets.jsonl", lines)
        with spawned("connectwise", tickets=file, play=play) as psa, copilot(folder, psa.url) as daemon:
            until(daemon.is_ready, DONE_WITHIN, "first contact")
            yield psa, daemon


def _judged(lines: list[dict[str, Any]], psa: Sandbox) -> dict[str, Any]:
    """What stands in the sandbox against what should."""
    numbers = {reference: number for number, reference in references(psa).items()}
    notes: dict[int, list[dict[str, Any]]] = {}
    for note in psa.notes():
        if SIGNED.search(note["text"]):
            notes.setdefault(note["ticket"], []).append(note)
    of = {str(line["id"]): notes.get(numbers[str(line["id"])], []) for line in lines}
    due = {str(line["id"]) for line in lines if is_due(line)}
    return {
        "expected": len(due),
        "found": sum(1 for name in due if len(of[name]) == 1),
        "missing": sorted(name for name in due if not of[name]),
        "unexpected": sorted(name for name, found in of.items() if found and name not in due),
        "doubled": sorted(name for name, found in of.items() if len(found) > 1),
        "not_internal": sorted(name for name, found in of.items() if not all(map(_is_internal_recap, found))),
        "few_words": sorted(str(line["id"]) for line in lines if not _speaks_of(line, of[str(line["id"])])),
        "ended_in_thanks": {str(line["id"]): _text(line)[-1] for line in lines if _is_long(line) and not is_due(line)},
    }


def is_due(line: Mapping[str, Any]) -> bool:
    """Enough was said, and the last word is one to tell of."""
    return _is_long(line) and not _ends_in_thanks(line)


def _is_long(line: Mapping[str, Any]) -> bool:
    said = _text(line)
    return len(said) >= ENOUGH_MESSAGES or sum(map(len, said)) >= ENOUGH_CHARACTERS


def _ends_in_thanks(line: Mapping[str, Any]) -> bool:
    """By the reading that the daemon has too; the texts are in the figures, for a human to judge."""
    ref, now = Ref(connection="main", remote_id="1"), datetime.now(UTC)
    roles = {"customer": ActorClass.CUSTOMER, "agent": ActorClass.TECHNICIAN}
    said = tuple(
        Message(
            ticket=ref,
            remote_id=str(number),
            text=message["text"],
            sent_at=now,
            by=roles[message["role"]],
        )
        for number, message in enumerate(line["messages"])
        if message["role"] in roles
    )
    ticket = Ticket(ref=ref, number="1", title="", opened_at=now, updated_at=now)
    thread = Thread(id="1", revision=1, tickets=(ticket,), messages=said)
    return Text().quiet(said[-1], thread) in ("thanks", "receipt")


def _text(line: Mapping[str, Any]) -> list[str]:
    return [message["text"] for message in line["messages"] if message["role"] != "system"]


def _is_internal_recap(note: Mapping[str, Any]) -> bool:
    return bool(note["internal"]) and note["flags"] == ["internalAnalysisFlag"] and note["text"].startswith("Recap: ")


def _speaks_of(line: Mapping[str, Any], notes: list[dict[str, Any]]) -> bool:
    thread = _words(" ".join(_text(line)))
    return all(len(_words(note["text"]) & thread) >= WORDS_OF_THE_THREAD for note in notes)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{2,}", text.lower()))

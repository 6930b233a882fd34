"""The digest on a big desk: how soon after its rows are there, and whether it finds what was planted."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.desk import PROGRAM, write_tickets
from benchmarks.invented import SAID, fill
from psa_copilot.sandbox import Sandbox, spawned

TICKETS = 100_000
OPEN = 3_000
READY_GOAL = 60.0
WITHIN = 3600.0
CLIENTS = ("Alder Dental", "Birchwood Legal", "Cedar Foods", "Dogwood Logistics", "Elm Street Clinic")
PEOPLE = ("Ines Dahl", "Marta Ruiz", "Jonas Lindqvist", "Asha Shah")
AWAY, LEFT = "Tobi Okafor", "Petra Novak"
LOW, HIGH, CRITICAL = "Priority 3 - Medium", "Priority 2 - High", "Priority 1 - Critical"
ALERTS = 12
FIRST = 900_001
"""The planted ticket that the digest has to begin with."""


def digest() -> dict[str, Any]:
    """100,000 tickets behind HTTP, 3,000 of them open, 15 findings planted; no write may reach the PSA."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = _planted(now)
        lines = [*planted, *_usual(now, TICKETS - len(planted))]
        made = write_tickets(folder / "tickets.jsonl", lines)
        began = time.monotonic()
        with spawned("connectwise", tickets=made) as psa:
            print(f"  the desk of {len(lines)} tickets stands after {time.monotonic() - began:.0f} s", flush=True)
            psa.record("time_off", by=AWAY, starts="-1h", ends="+10h")
            psa.record("leaver", by=LEFT)
            return _looked(folder, psa, len(lines))


def _looked(folder: Path, psa: Sandbox, tickets: int) -> dict[str, Any]:
    first, first_s = _run(folder, psa)
    again, again_s = _run(folder, psa, "--no-sync")
    found = {key: _numbers(first, key) for key in EXPECTED}
    missed = {key: sorted(numbers - found[key]) for key, numbers in EXPECTED.items() if numbers - found[key]}
    chosen = (first["first"] or {}).get("ticket", {}).get("number")
    writes = [row for row in psa.log() if row["method"] != "GET"]
    ready = sum(seconds for stage, seconds in first["seconds"].items() if stage != "reading")
    told = {
        "tickets": tickets,
        "counts": first["counts"],
        "planted": sum(map(len, EXPECTED.values())),
        "missed": missed,
        "first": chosen,
        "first_is_right": chosen == str(FIRST),
        "findings": {finding["key"]: finding["count"] for finding in first["findings"]},
        "whole_s": first_s,
        "stages_s": first["seconds"],
        "ready_s": round(ready, 1),
        "goal_s": READY_GOAL,
        "mirror_alone_s": again_s,
        "mirror_finds_the_same": all(_numbers(again, key) >= EXPECTED[key] for key in EXPECTED),
        "writes": len(writes),
        "met": ready <= READY_GOAL and not missed and not writes and chosen == str(FIRST),
    }
    if missed or writes:
        raise RuntimeError(f"missed {missed}, writes {len(writes)}: {told}")
    return told


def _numbers(made: dict[str, Any], key: str) -> set[int]:
    [finding] = [one for one in made["findings"] if one["key"] == key]
    return {int(ticket["number"]) for ticket in finding["tickets"]}


def _run(folder: Path, psa: Sandbox, *options: str) -> tuple[dict[str, Any], float]:
    config = folder / "config.yaml"
    config.write_text(json.dumps(_settings(psa.url)))
    command = [str(PROGRAM), "digest", "--config", str(config), "--json", "--patience", "1h", *options]
    began = time.monotonic()
    answer = subprocess.run(command, check=True, capture_output=True, timeout=WITHIN)
    return json.loads(answer.stdout), round(time.monotonic() - began, 1)


def _settings(url: str) -> dict[str, object]:
    access = {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": "any"}
    return {
        "connections": {"main": {"use": "connectwise", "url": url, "rate": 60_000, **access}},
        "plugins": {"summarize": {"mode": "observe"}},
    }


# -- the desk ----------------------------------------------------------------------------------------------------


def _usual(now: datetime, count: int) -> Iterator[dict[str, object]]:
    """Tickets that are well: closed, or answered today by their owner."""
    chance = random.Random(6)
    for number in range(count):
        is_open = number < OPEN
        opened = now - timedelta(hours=chance.uniform(1.0, 3.0) if is_open else chance.uniform(24.0, 24.0 * 80))
        talk = [(role, fill(text, chance)) for role, text in SAID]
        yield _ticket(
            1_000 + number,
            fill("The {thing} in the {place} shows error {code}", chance),
            opened,
            [(role, text, opened + timedelta(minutes=5 * turn)) for turn, (role, text) in enumerate(talk)][:4],
            status="In Progress" if is_open else "Closed",
            company=chance.choice(CLIENTS),
            assignee=chance.choice(PEOPLE),
        )


def _ticket(
    number: int, title: str, opened: datetime, talk: list[tuple[str, str, datetime]], **more: object
) -> dict[str, object]:
    said = [{"role": role, "text": text, "at": at.isoformat()} for role, text, at in talk]
    usual = {"board": "Help Desk", "company": CLIENTS[0], "contact": "Rue Example", "priority": LOW}
    return usual | {"id": number, "title": title, "opened_at": opened.isoformat(), "messages": said} | more


def _planted(now: datetime) -> list[dict[str, object]]:
    """The findings, each on a ticket of its own; the first one is the worst and the best hidden."""

    def ago(**time: float) -> datetime:
        return now - timedelta(**time)

    def asked(hours: float) -> list[tuple[str, str, datetime]]:
        return [("customer", "It still does not work for any of us.", ago(hours=hours))]

    def answered(hours: float) -> list[tuple[str, str, datetime]]:
        return [*asked(hours + 2), ("agent", "I am on it and will call you.", ago(hours=hours))]

    def handed(field: str, *names: str) -> list[dict[str, str]]:
        days = range(len(names) + 1, 1, -1)
        return [
            {"at": ago(days=day).isoformat(), "field": field, "to": to} for day, to in zip(days, names, strict=True)
        ]

    ines, marta = PEOPLE[0], PEOPLE[1]
    owners, boards = (marta, ines, marta), ("Escalations", "Help Desk", "Escalations")
    back = {"at": ago(days=2).isoformat(), "field": "status", "to": "In Progress"}
    gone = {"at": ago(days=9).isoformat(), "field": "status", "to": "Closed"}
    parked = [*answered(200), ("customer", "It is still down, nobody came.", ago(hours=150))]
    return [
        _ticket(FIRST, "Till dead", ago(days=9), parked, status="Waiting customer", priority=HIGH, assignee=AWAY),
        _ticket(900_002, "Order mail bounces", ago(days=4), asked(80), assignee=ines, status="In Progress"),
        _ticket(900_003, "Fax never answers", ago(days=3), asked(60), assignee=marta, status="In Progress"),
        _ticket(900_004, "Cold room warm", ago(hours=2), asked(2), assignee=ines, priority=CRITICAL, status="New"),
        _ticket(900_005, "Core switch slow", ago(hours=3), asked(3), assignee=marta, priority=HIGH, status="New"),
        _ticket(900_006, "Badge for a visitor", ago(hours=5), answered(1)),
        _ticket(900_007, "Second screen", ago(hours=6), answered(1)),
        _ticket(900_008, "Laptop, Friday", ago(days=5), answered(2), assignee=ines, status="Scheduled"),
        _ticket(900_009, "Cabling, hall two", ago(days=6), answered(3), assignee=marta, status="Scheduled"),
        _ticket(900_010, "Phone dead", ago(days=1), answered(1), assignee=LEFT, status="In Progress"),
        _ticket(900_011, "VPN drops", ago(days=8), answered(4), assignee=ines, history=handed("assignee", *owners)),
        _ticket(900_012, "Scanner jams", ago(days=8), answered(4), assignee=ines, history=handed("board", *boards)),
        _ticket(900_013, "Mail lost", ago(days=12), answered(5), assignee=ines, history=[gone, back]),
        _ticket(900_014, "Plotter offline", ago(hours=3.6), asked(3.6), assignee=ines, status="New"),
        *(
            _ticket(900_100 + n, f"Backup job {n} on BCK-{n:03} failed", ago(hours=n + 1), [], origin="alert")
            for n in range(ALERTS)
        ),
    ]


EXPECTED = {
    "unanswered": {FIRST, 900_002, 900_003},
    "untouched": {900_004, 900_005},
    "unassigned": {900_006, 900_007},
    "nothing_scheduled": {900_008, 900_009},
    "owner_gone": {FIRST, 900_010},
    "ping_pong": {900_011, 900_012},
    "reopened": {900_013},
    "sla": {900_014},
    "same_alert": {900_100},
}

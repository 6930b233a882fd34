"""A desk with a history to learn from: invented tickets of three boards, and who solved them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from psa_copilot import Board, Directory, Field, Outcome, Person, Plugin, Priority, Ref, Status, Working
from psa_copilot.engine.remembering import LooseMemory
from psa_copilot.testing.scenes import NOW
from psa_copilot.text import Text

WORDS = {
    "Network": "vpn tunnel firewall switch router wifi latency gateway packet uplink subnet drops disconnects",
    "Print": "printer toner tray paper label scanner drum feeder blank pages jam duplex cartridge",
    "Accounts": "password locked login account reset mailbox license onboarding permission group token expired",
}
CATEGORIES = {"Network": "Network / VPN", "Print": "Hardware / Printer", "Accounts": "User / Password"}
SOLVERS = {"Network": "ada", "Print": "bo", "Accounts": "cy"}
ASIDE = "since this morning for our office and nobody here knows why please have a look when you can"
COMPANIES = ("Kestrel", "Lark", "Example Ltd")
BOARDS = tuple(WORDS)
STATUSES = (Status(remote_id="1", name="New", is_default=True), Status(remote_id="2", name="In Progress"))
DIRECTORY = Directory(
    technicians=tuple(Person(remote_id=name, identifier=name, name=name.title()) for name in ("ada", "bo", "cy", "di")),
    boards=tuple(
        Board(remote_id=name, name=name, statuses=STATUSES, categories=tuple(CATEGORIES.values()))
        for name in (*BOARDS, "Intake", "Partner")
    ),
    priorities=tuple(Priority(remote_id=str(level), name=f"Priority {level}", level=level) for level in (1, 2, 3, 4)),
)


def said(board: str, number: int, *, words: int = 5) -> str:
    """What a customer of this board writes."""
    chance = random.Random(f"{board} {number}")
    return " ".join([*chance.sample(WORDS[board].split(), words), *chance.sample(ASIDE.split(), 6)])


def outcome(number: int, board: str, **fields: object) -> Outcome:
    """One ticket that was solved."""
    at = NOW - timedelta(days=60) + timedelta(hours=number)
    chance = random.Random(number)
    usual = {
        "ref": Ref(connection="main", remote_id=str(1000 + number)),
        "opened_at": at,
        "known_at": at,
        "title": said(board, number, words=3),
        "text": said(board, number + 1),
        "company": chance.choice(COMPANIES),
        "contact": f"Person {chance.randrange(40)}",
        "opened_with": {Field.BOARD: "Intake"},
        "settled": {Field.BOARD: board, Field.CATEGORY: CATEGORIES[board], Field.ASSIGNEE: SOLVERS[board]},
        "technicians": (SOLVERS[board],),
        "resolved_at": at + timedelta(hours=3),
    }
    return Outcome.model_validate({**usual, **fields})


def history(count: int = 240) -> list[Outcome]:
    """A season of this desk: the boards by turns, a tenth of the tickets filed where nobody would expect it."""
    chance = random.Random(7)
    found = []
    for number in range(count):
        board = BOARDS[number % 3]
        filed = chance.choice(BOARDS) if chance.random() < 0.05 else board
        settled = {Field.BOARD: filed, Field.CATEGORY: CATEGORIES[filed], Field.ASSIGNEE: SOLVERS[filed]}
        found.append(outcome(number, board, settled=settled, technicians=(SOLVERS[filed],)))
    return found


@cache
def memory_of(plugin: type[Plugin], count: int = 240) -> LooseMemory:
    """What this plugin learns from that season."""
    return learned(plugin(plugin.Settings()), history(count))


def learned(plugin: Plugin, outcomes: Sequence[Outcome]) -> LooseMemory:
    """What a plugin learns from these tickets."""
    notebook = LooseMemory(1)
    plugin.learn(outcomes, notebook, Text())
    return notebook


class People:
    """A roster as the test says."""

    def __init__(self, *people: Working) -> None:
        self._people = people

    def working(self) -> tuple[Working, ...]:
        """See `psa_copilot.plugin.Roster`."""
        return self._people


def works(name: str, **fields: object) -> Working:
    """A technician who is there."""
    person = next(one for one in DIRECTORY.technicians if one.identifier == name)
    given = {"person": person, "on_shift": True, **fields}
    return Working(**given)  # type: ignore[arg-type] # the test names fields by hand

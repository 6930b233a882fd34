"""What corrections are worth: a stream of tickets that people put right, and how often a choice is wrong as it goes on.

    python benchmarks/corrections.py routing74/train.jsonl.gz --tickets 2000 --every 250

Each ticket is chosen for before its truth is known, by the code of the plugin `route`; then a person corrects it, and
every so many tickets the plugin learns. Quarters are compared at equal coverage: of each, as many of the surest
choices as the first one has decided.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.quality import case_of, rows  # noqa: E402 - found by the line above
from psa_copilot import Best, Field, Outcome, Ref, Ticket, best_value  # noqa: E402
from psa_copilot.engine.remembering import LooseMemory  # noqa: E402
from psa_copilot.text import Text  # noqa: E402
from psa_copilot_plugins.route import Route  # noqa: E402

START = datetime(2026, 1, 1, tzinfo=UTC)
INTAKE = "Intake"
BAR = 0.85
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One choice, and whether it was right."""

    confidence: float
    decided: bool
    right: bool
    by_rule: bool


def stream(found: Sequence[Row], every: int) -> list[Told]:
    """Choose, be corrected, learn now and then."""
    plugin, text = Route(Route.Settings()), Text()
    memory, outcomes, told = LooseMemory(), list[Outcome](), list[Told]()
    boards = sorted({str(row["assignment_group"]) for row in found})
    for number, row in enumerate(found):
        told.append(_choice(row, number, boards, memory, text))
        outcomes.append(_outcome(row, number))
        if len(outcomes) % every == 0:
            memory = LooseMemory(memory.version + 1)
            plugin.learn(outcomes, memory, text)
            _say(number + 1, told[-every:], memory)
    return told


def _choice(row: Row, number: int, boards: Sequence[str], memory: LooseMemory, text: Text) -> Told:
    ticket = _ticket(row, number)
    best = best_value(text, memory, case_of(row), ticket, Field.BOARD, name="board", allowed=boards)
    if best is None:
        return Told(0.0, decided=False, right=False, by_rule=False)
    right = best.value == row["assignment_group"]
    return Told(best.confidence, _is_decided(best), right, by_rule="rule" in best.learned)


def _is_decided(best: Best) -> bool:
    return not best.abstains and not best.suggest_only and best.confidence >= BAR


def _ticket(row: Row, number: int) -> Ticket:
    case, at = case_of(row), START + number * timedelta(minutes=10)
    ref = Ref(connection="main", remote_id=str(number + 1))
    return Ticket(
        ref=ref, number=ref.remote_id, title=case.title, contact=case.contact, board=INTAKE, opened_at=at, updated_at=at
    )


def _outcome(row: Row, number: int) -> Outcome:
    case, ticket = case_of(row), _ticket(row, number)
    settled = {Field.BOARD: str(row["assignment_group"])}
    at = ticket.opened_at + timedelta(minutes=5)
    return Outcome(
        ref=ticket.ref,
        opened_at=ticket.opened_at,
        known_at=at,
        title=case.title,
        text=case.text,
        contact=case.contact,
        opened_with={Field.BOARD: INTAKE},
        first=settled,
        settled=settled,
    )


def _say(done: int, lately: Sequence[Told], memory: LooseMemory) -> None:
    decided = [one for one in lately if one.decided]
    wrong = sum(not one.right for one in decided)
    rules = len(memory.rules())
    print(f"{done}: decided {len(decided)} of {len(lately)}, wrong {wrong}; {rules} rules", file=sys.stderr, flush=True)


def figures(told: Sequence[Told]) -> dict[str, Any]:
    """By quarter: coverage and error of what was decided, and the error at the first quarter's coverage."""
    size = len(told) // 4
    quarters = [told[start : start + size] for start in range(0, 4 * size, size)]
    first = sum(one.decided for one in quarters[0])
    return {
        "tickets": len(told),
        "quarters": [_quarter(quarter, first) for quarter in quarters],
        "decided by rule": sum(one.decided and one.by_rule for one in told),
        "wrong by rule": sum(one.decided and one.by_rule and not one.right for one in told),
    }


def _quarter(quarter: Sequence[Told], first: int) -> dict[str, Any]:
    decided = [one for one in quarter if one.decided]
    surest = sorted(quarter, key=lambda one: -one.confidence)
    known = [one for one in surest if one.confidence > 0]
    return {
        "coverage": round(len(decided) / len(quarter), 4),
        "error of decided": _error(decided),
        "error at the first's coverage": _error(known[:first]),
        "error of all that were known": _error(known),
    }


def _error(some: Sequence[Told]) -> float | None:
    return round(sum(not one.right for one in some) / len(some), 4) if some else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="tickets with their truth, in the order in which they come")
    parser.add_argument("--tickets", type=int, default=2000)
    parser.add_argument("--every", type=int, default=250, help="tickets after which the plugin learns again")
    args = parser.parse_args()
    began = time.monotonic()
    found = figures(stream(rows(args.file)[: args.tickets], args.every))
    print(json.dumps(found | {"seconds": round(time.monotonic() - began, 1)}, indent=2))


if __name__ == "__main__":
    main()

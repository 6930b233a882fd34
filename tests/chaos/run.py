"""Kill the daemon, cut its connections, lose its engine's file; then count on the PSA's side: 0 lost, 0 doubled.

    make chaos SEEDS=20            seeds 1 to 20, then the controls that show that the suite bites
    make chaos SEEDS=1 FIRST=7     seed 7 again
    CHAOS_SLACK=3 make chaos       on a busy machine: time-outs and waits are three times as long
    make chaos PSA=autotask        on another PSA: connectwise, autotask, halopsa, or all of them

The last line of its output is JSON with the totals of the ordinary seeds; exits 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chaos.late import Alert, late
from tests.chaos.psas import PSAS, USUAL, Psa
from tests.chaos.storm import Outcome, storm

TOTALS = ("kills", "kills_in_flight", "cuts", "writes", "lost", "doubled")
AT_ONCE = 2
LONG = 20
"""From so many seeds on, the look-up is switched off in some more, and the kills in flight are held to a figure."""
UNSAFE_SEEDS = 8
UNSAFE_DOUBLES = 2
IN_FLIGHT_SHARE = 0.5

Ended = TypeVar("Ended", Outcome, Alert)


def main() -> int:
    asked = _arguments()
    psas = list(PSAS.values()) if asked.psa == "all" else [PSAS[asked.psa]]
    outcomes: list[Outcome] = []
    faults: list[str] = []
    for psa in psas:
        if len(psas) > 1:
            print(f"{psa.name}:", flush=True)
        faults += _all_of(psa, asked, outcomes)
    code = _say_faults(faults)
    if not asked.control:
        totals = {name: sum(getattr(each, name) for each in outcomes) for name in TOTALS}
        print(json.dumps({"seeds": len(outcomes), **totals}), flush=True)
    return code


def _all_of(psa: Psa, asked: argparse.Namespace, outcomes: list[Outcome]) -> list[str]:
    """What went wrong on one PSA."""
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.control == "no-lookup":
        return _unsafe(psa, seeds, asked.keep, asked.at_once)
    if asked.control == "late":
        return _late(psa, asked.first, asked.keep)
    ended = list(_ordinary(psa, seeds, asked.keep, asked.at_once))
    outcomes += ended
    faults = [f"seed {each.seed}; again: {_again(psa, each.seed)}" for each in ended if each.troubles]
    faults += _too_few_in_flight(ended)
    faults += _late(psa, asked.first, asked.keep)
    if len(seeds) >= LONG:
        controls = range(seeds.stop, seeds.stop + UNSAFE_SEEDS)
        faults += _unsafe(psa, controls, asked.keep, asked.at_once)
    return faults


def _again(psa: Psa, seed: int) -> str:
    return f"make chaos SEEDS=1 FIRST={seed}" + ("" if psa is USUAL else f" PSA={psa.name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="how many (2)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--psa", choices=[*PSAS, "all"], default=USUAL.name, help=f"on which PSA ({USUAL.name})")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"seeds side by side ({AT_ONCE})")
    parser.add_argument("--keep", action="store_true", help="keep the folders of seeds that failed, and name them")
    parser.add_argument(
        "--no-lookup",
        dest="control",
        action="store_const",
        const="no-lookup",
        help="only the control: these seeds without the look-up, so that writes double",
    )
    parser.add_argument(
        "--late",
        dest="control",
        action="store_const",
        const="late",
        help="only the control with commits after the grace",
    )
    asked = parser.parse_args()
    if asked.seeds < 1:
        parser.error("--seeds: at least 1")
    return asked


def _ordinary(psa: Psa, seeds: range, keep: bool, at_once: int) -> Iterator[Outcome]:
    for each in _all(partial(storm, psa=psa), seeds, keep, at_once):
        _show(each, " FAILED" if each.troubles else "")
        _show_troubles(each.troubles)
        if each.troubles:
            print(f"  again: {_again(psa, each.seed)}", flush=True)
        yield each


def _unsafe(psa: Psa, seeds: range, keep: bool, at_once: int) -> list[str]:
    """Without the look-up, writes must double: else the suite would notice nothing."""
    print(f"control: seeds {seeds[0]} to {seeds[-1]} without the look-up; some of them must double", flush=True)
    doubled = 0
    for each in _all(partial(storm, psa=psa, look_up=False), seeds, keep, at_once):
        _show(each)
        doubled += each.doubled > 0
    wanted = min(UNSAFE_DOUBLES, len(seeds))
    return [] if doubled >= wanted else [f"only {doubled} of {len(seeds)} seeds without the look-up doubled"]


def _late(psa: Psa, seed: int, keep: bool) -> list[str]:
    """What the PSA commits after every grace, no look-up can see; the daemon must notice and raise the alert."""
    print(f"control: seed {seed} with commits after the grace; the daemon must raise the alert", flush=True)
    [alert] = _all(partial(late, psa=psa), [seed], keep, 1)
    print(
        f"  doubles={alert.doubles} logged={alert.logged} counted={alert.counted:g} seconds={alert.seconds}", flush=True
    )
    _show_troubles(alert.troubles)
    return ["the control with late commits"] if alert.troubles else []


def _all(run: Callable[[int, Path], Ended], seeds: Sequence[int], keep: bool, at_once: int) -> Iterator[Ended]:
    """Some side by side, in their order."""

    def one(seed: int) -> Ended:
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        ended = run(seed, folder)
        if keep and ended.troubles:
            ended.troubles.append(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
        return ended

    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(one, seeds)


def _too_few_in_flight(outcomes: list[Outcome]) -> list[str]:
    seen, wanted = sum(each.kills_in_flight for each in outcomes), int(len(outcomes) * IN_FLIGHT_SHARE)
    return [] if seen >= wanted else [f"only {seen} kills fell on a write in flight; {wanted} are wanted"]


def _show(each: Outcome, verdict: str = "") -> None:
    figures = " ".join(f"{name}={getattr(each, name)}" for name in (*TOTALS, "seconds"))
    engine = " engine file lost" if each.engine_lost else ""
    print(f"seed {each.seed}: {figures}{engine}{verdict}", flush=True)


def _show_troubles(troubles: Iterable[str]) -> None:
    for line in troubles:
        print(f"  {line}", flush=True)


def _say_faults(faults: list[str]) -> int:
    for line in faults:
        print(f"FAILED: {line}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

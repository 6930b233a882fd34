"""Kill the daemon, cut its connections, lose its engine's file; then count on the PSA's side: 0 lost, 0 doubled.

    make chaos SEEDS=20            seeds 1 to 20, then the controls that show that the suite bites
    make chaos SEEDS=1 FIRST=7     seed 7 again

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
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chaos.late import Alert, late
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
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.control == "no-lookup":
        return _say_faults(_unsafe(seeds, asked.keep))
    if asked.control == "late":
        return _say_faults(_late(asked.first, asked.keep))
    outcomes = list(_ordinary(seeds, asked.keep))
    faults = [f"seed {each.seed}; again: make chaos SEEDS=1 FIRST={each.seed}" for each in outcomes if each.troubles]
    faults += _too_few_in_flight(outcomes)
    faults += _late(asked.first, asked.keep)
    if len(seeds) >= LONG:
        faults += _unsafe(range(seeds.stop, seeds.stop + UNSAFE_SEEDS), asked.keep)
    code = _say_faults(faults)
    totals = {name: sum(getattr(each, name) for each in outcomes) for name in TOTALS}
    print(json.dumps({"seeds": len(outcomes), **totals}), flush=True)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="how many (2)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
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


def _ordinary(seeds: range, keep: bool) -> Iterator[Outcome]:
    for each in _all(storm, seeds, keep):
        _show(each, " FAILED" if each.troubles else "")
        _show_troubles(each.troubles)
        if each.troubles:
            print(f"  again: make chaos SEEDS=1 FIRST={each.seed}", flush=True)
        yield each


def _unsafe(seeds: range, keep: bool) -> list[str]:
    """Without the look-up, writes must double: else the suite would notice nothing."""
    print(f"control: seeds {seeds[0]} to {seeds[-1]} without the look-up; some of them must double", flush=True)
    doubled = 0
    for each in _all(_storm_without_look_up, seeds, keep):
        _show(each)
        doubled += each.doubled > 0
    wanted = min(UNSAFE_DOUBLES, len(seeds))
    return [] if doubled >= wanted else [f"only {doubled} of {len(seeds)} seeds without the look-up doubled"]


def _storm_without_look_up(seed: int, folder: Path) -> Outcome:
    return storm(seed, folder, look_up=False)


def _late(seed: int, keep: bool) -> list[str]:
    """What the PSA commits after every grace, no look-up can see; the daemon must notice and raise the alert."""
    print(f"control: seed {seed} with commits after the grace; the daemon must raise the alert", flush=True)
    [alert] = _all(late, [seed], keep)
    print(
        f"  doubles={alert.doubles} logged={alert.logged} counted={alert.counted:g} seconds={alert.seconds}", flush=True
    )
    _show_troubles(alert.troubles)
    return ["the control with late commits"] if alert.troubles else []


def _all(run: Callable[[int, Path], Ended], seeds: Sequence[int], keep: bool) -> Iterator[Ended]:
    """Two at a time, in their order."""

    def one(seed: int) -> Ended:
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        ended = run(seed, folder)
        if keep and ended.troubles:
            ended.troubles.append(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
        return ended

    with ThreadPoolExecutor(AT_ONCE) as pool:
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

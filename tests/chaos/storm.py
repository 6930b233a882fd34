"""One seed: a desk in which sixty threads go on while the PSA misbehaves and the daemon is killed again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from psa_copilot.sandbox import Sandbox, spawned
from tests.chaos.daemon import NO_LOOKUP, SLACK, Broken, Daemon, Owed, daemon, until
from tests.chaos.psas import USUAL, Psa
from tests.chaos.tally import Tally, tally, traffic
from tests.chaos.threads import Step, Story, script, stories

KILLS = 3
CHANCE_WITHIN = 20.0  # seconds to wait for a write that is open, once all of a part has been said
GAP = (0.05, 0.25)  # seconds between two messages
LOOK_EVERY = 0.002
RECOVERS = 0.7
"""How often the daemon is at work again before more is said."""
STORM_AT_MOST = 25.0
"""Seconds that faults go on after everything was said, until most of it was written."""
QUIET_FOR = 4.0
QUIET_WITHIN = 90.0
POLLS = 3
JUST_SENT = 0.05

# What happens besides the cuts changes from seed to seed.
_BESIDE = (
    "cut_before=0.05,http_500=0.03,callback_lost=0.2",
    "http_429=0.02,slow=0.03,callback_doubled=0.3",
    "html_502=0.04,timeout=0.01,callback_lost=0.5",
    "http_500=0.05,slow=0.08,callback_lost=0.2,callback_doubled=0.2",
    "cut_before=0.03,http_429=0.02,http_500=0.02,html_502=0.02,slow=0.03,timeout=0.005,callback_lost=0.1",
)


@dataclass
class Outcome:
    """One seed's figures, and what went wrong."""

    seed: int
    kills: int = 0
    kills_in_flight: int = 0
    cuts: int = 0
    writes: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0
    engine_lost: bool = False
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Aim:
    """When to kill: with a request just under way, with one in doubt, or with any write open."""

    just_sent: bool
    sending: bool
    delay: float

    def fits(self, owed: Owed) -> bool:
        """Whether this is the moment."""
        if self.just_sent and time.time() - owed.youngest > JUST_SENT:
            return False
        return owed.sending > 0 if self.sending else owed.open > 0


def faults(seed: int) -> str:
    """The spec of a seed's faults: of all writes a tenth is cut after its commit, those after the storm counted too."""
    return f"cut_after=@{6 + seed % 3},{_BESIDE[seed % len(_BESIDE)]},seed={seed}"


def loses_engine(seed: int) -> bool:
    """Whether the engine's file is deleted in this seed: two of twenty."""
    return seed % 10 == 3


def storm(seed: int, folder: Path, psa: Psa = USUAL, *, look_up: bool = True) -> Outcome:
    """Run one seed."""
    began, outcome = time.monotonic(), Outcome(seed)
    told = stories(seed)
    unsafe = {} if look_up else NO_LOOKUP
    with desk(told, folder, psa) as sandbox, daemon(folder, psa, sandbox.url, unsafe) as copilot:
        try:
            first_contact(sandbox, copilot, psa)
            _Storm(seed, sandbox, copilot, outcome, psa).rage(script(told, seed))
            settle(sandbox, copilot, psa)
            if (code := copilot.stop()) != 0:
                outcome.troubles.append(f"SIGTERM ended the daemon with {code}")
        except (Broken, httpx.HTTPError) as exc:
            outcome.troubles.append(str(exc) or repr(exc))
        _count(told, sandbox, copilot, outcome, psa)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


@contextmanager
def desk(
    told: list[Story], folder: Path, psa: Psa = USUAL, switches: Mapping[str, object] | None = None
) -> Iterator[Sandbox]:
    """A sandbox in a process of its own with all tickets that are older than the copilot."""
    lines = [json.dumps(story.line()) for story in told if not story.fresh]
    file = folder / "tickets.jsonl"
    file.write_text("\n".join(lines) + "\n")
    stand = {"retry_after": 1, **psa.switches, **(switches or {})}
    with spawned(psa.name, tickets=file, switches=stand) as sandbox:
        yield sandbox


def first_contact(sandbox: Sandbox, copilot: Daemon, psa: Psa) -> None:
    """Wait until the copilot knows the desk; what is said afterwards is news."""
    copilot.wait_ready()
    if not until(lambda: _polls(psa, sandbox, 0) > 0, 20.0):
        raise Broken("the daemon is ready and has never asked for tickets")
    met = sandbox.now()
    until(lambda: (sandbox.now() - met).total_seconds() > 1.5, 5.0)  # the PSA's stamps have whole seconds


def say(sandbox: Sandbox, step: Step) -> None:
    """A customer opens a ticket or writes into one."""
    if step.opens:
        sandbox.inject(step.story.line())
    else:
        sandbox.inject(step.story.number, {"role": "customer", "text": step.story.live[step.place]})


def settle(sandbox: Sandbox, copilot: Daemon, psa: Psa) -> None:
    """Return when nothing is owed any more, and has not been for a while."""
    copilot.wait_ready()
    seen = len(sandbox.log())
    if not until(lambda: _polls(psa, sandbox, seen) >= POLLS, 30.0, 0.25):
        raise Broken("the daemon asked for no tickets after the faults had ended")
    end, since = time.monotonic() + QUIET_WITHIN * SLACK, time.monotonic()
    while time.monotonic() - since < QUIET_FOR:
        copilot.check_alive()
        if still := copilot.store.open_rows():
            since = time.monotonic()
        if still and since > end:
            raise Broken(f"still {still} rows open {QUIET_WITHIN:g} s after the faults had ended")
        time.sleep(0.1)


class _Storm:
    """The part of a seed in which things go wrong."""

    def __init__(self, seed: int, sandbox: Sandbox, copilot: Daemon, outcome: Outcome, psa: Psa) -> None:
        self._seed = seed
        self._psa = psa
        self._sandbox = sandbox
        self._copilot = copilot
        self._outcome = outcome
        self._chance = Random(f"storm:{seed}")

    def rage(self, steps: list[Step]) -> None:
        """Everything is said, in as many parts as there are kills, and one in which nobody is killed."""
        self._sandbox.faults(faults(self._seed))
        size = -(-len(steps) // (KILLS + 1))
        for part in range(KILLS):
            self._part(steps[part * size : (part + 1) * size], part)
            self._recover()
        for step in steps[KILLS * size :]:
            say(self._sandbox, step)
            time.sleep(self._chance.uniform(*GAP))
        recaps = sum(story.recap for story in {step.story for step in steps})
        until(lambda: traffic(self._sandbox.log(), self._psa).writes >= recaps, STORM_AT_MOST, 0.25)
        self._sandbox.faults()

    def _part(self, steps: list[Step], part: int) -> None:
        aim = self._aim(part)
        armed_at = self._chance.randrange(1 + len(steps) // 2)
        killed = False
        for place, step in enumerate(steps):
            say(self._sandbox, step)
            gap = self._chance.uniform(*GAP)
            if killed or place < armed_at:
                time.sleep(gap)
            else:
                killed = self._hunt(aim, gap, part)
        if not (killed or self._hunt(aim, CHANCE_WITHIN, part)):
            self._outcome.troubles.append(f"no write was open for kill {part + 1} within {CHANCE_WITHIN:g} s")

    def _aim(self, part: int) -> Aim:
        """Two of three kills fall on a request just sent, before or after the PSA has it; one on any open write."""
        kind = (part + self._seed) % 3
        return Aim(just_sent=kind < 2, sending=kind < 2, delay=self._chance.uniform(0.0, 0.01) if kind else 0.0)

    def _hunt(self, aim: Aim, within: float, part: int) -> bool:
        """Kill and start again if the moment comes in time."""
        if not until(lambda: self._kill(aim), within, LOOK_EVERY):
            return False
        if part == 1 and loses_engine(self._seed):
            self._copilot.lose_engine()
            self._outcome.engine_lost = True
        self._copilot.start()
        return True

    def _recover(self) -> None:
        """Some go on talking while the daemon starts; others find it at work again."""
        if self._chance.random() < RECOVERS:
            self._copilot.wait_ready()

    def _kill(self, aim: Aim) -> bool:
        self._copilot.check_alive()
        if not aim.fits(self._copilot.store.owed()):
            return False
        time.sleep(aim.delay)
        # Frozen first: what its store says now is what the kill falls on.
        self._copilot.freeze()
        owed = self._copilot.store.owed()
        if not owed.open or (aim.sending and not owed.sending):
            self._copilot.thaw()
            return False
        self._copilot.kill()
        self._outcome.kills += 1
        self._outcome.kills_in_flight += owed.sending > 0
        return True


def _polls(psa: Psa, sandbox: Sandbox, after: int) -> int:
    """How often the copilot has asked for changed tickets, and was answered."""
    return sum(psa.is_poll(row) for row in sandbox.log(after))


def _count(told: list[Story], sandbox: Sandbox, copilot: Daemon, outcome: Outcome, psa: Psa) -> None:
    found, seen = tally(told, sandbox.notes()), traffic(sandbox.log(), psa)
    outcome.cuts, outcome.writes = seen.cuts, seen.writes
    outcome.lost, outcome.doubled = found.missing, len(found.doubled)
    outcome.troubles += found.troubles()
    outcome.troubles += [
        f"  ticket {number}: {row}" for number in _odd(found) for row in copilot.store.writes_of(number)
    ]


def _odd(found: Tally) -> list[int]:
    return sorted({*found.lost, *found.stale, *found.doubled, *found.unexpected})[:5]

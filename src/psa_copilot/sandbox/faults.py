"""Faults on purpose, repeatable by their seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

ANSWERED = ("http_401", "http_429", "http_500", "html_502")
DROPPED = ("timeout", "refuse", "cut_before")
ON_WRITES = ("cut_after",)  # what commits nothing cannot be cut after its commit
ON_CALLBACKS = ("callback_lost", "callback_doubled")
SLOW = (0.3, 1.5)
KINDS = (*ANSWERED, *DROPPED, *ON_WRITES, "slow", *ON_CALLBACKS)


@dataclass
class _Fault:
    """One kind: at a rate, or at every nth chance."""

    rate: float
    every: int
    dice: random.Random
    chances: int = 0

    def strikes(self) -> bool:
        self.chances += 1
        if self.every:
            return self.chances % self.every == 0
        return self.dice.random() < self.rate


@dataclass
class Faults:
    """What goes wrong, and when, by a spec such as `http_500=0.1,cut_after=@7,seed=3`."""

    spec: str = ""
    _faults: dict[str, _Fault] = field(default_factory=dict)
    _slowness: random.Random = field(default_factory=random.Random)

    @classmethod
    def read(cls, spec: str) -> Faults:
        """The faults of a spec; ValueError names what is wrong in it."""
        pairs = [_pair(part) for part in spec.split(",") if part.strip()]
        seed = next((_seed(value) for kind, value in pairs if kind == "seed"), 0)
        return cls(
            spec.strip(),
            {kind: _fault(kind, value, seed) for kind, value in pairs if kind != "seed"},
            random.Random(seed),
        )

    def on_request(self, *, writes: bool) -> str:
        """The fault that this request meets, or nothing."""
        return self._first([k for k in self._faults if k not in ON_CALLBACKS and (writes or k not in ON_WRITES)])

    def on_callback(self) -> str:
        """The fault that this callback meets, or nothing."""
        return self._first([kind for kind in self._faults if kind in ON_CALLBACKS])

    def delay(self) -> float:
        """Real seconds that a `slow` request takes: within the two in which a request commits."""
        return self._slowness.uniform(*SLOW)

    def _first(self, kinds: list[str]) -> str:
        # Every kind gets its chance at every request, so one kind's spec never shifts another's dice.
        return next(iter([kind for kind in kinds if self._faults[kind].strikes()]), "")


def _pair(part: str) -> tuple[str, str]:
    kind, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or kind not in (*KINDS, "seed"):
        raise ValueError(
            f"fault {part.strip()!r}: write KIND=RATE or KIND=@N; kinds are {', '.join(KINDS)}, and seed=N"
        )
    return kind, value


def _seed(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"fault 'seed={value}': the seed is a whole number") from None


def _fault(kind: str, value: str, seed: int) -> _Fault:
    dice = random.Random(f"{seed}:{kind}")
    try:
        every = int(value[1:]) if value.startswith("@") else 0
        fault = _Fault(0.0 if every else float(value), every, dice)
    except ValueError:
        fault = _Fault(-1.0, 0, dice)
    if not 0 <= fault.rate <= 1 or (value.startswith("@") and fault.every < 1):
        raise ValueError(f"fault '{kind}={value}': write a rate from 0 to 1, or @N for every Nth")
    return fault

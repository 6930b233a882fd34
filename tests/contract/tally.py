"""What was held against a vendor's description, added up over tests and processes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest


class Tally:
    """How often each endpoint was asked and how often it answered, and what was excused."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()
        """`requests` and `answers` as they came over the wire, counted before anybody looked at them."""
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.deviations: Counter[str] = Counter()

    @property
    def skipped(self) -> int:
        """What came over the wire and was not judged."""
        return self.heard.total() - self.requests.total() - self.answers.total()

    def as_json(self) -> dict[str, dict[str, int]]:
        """For another process."""
        return {name: dict(counts) for name, counts in vars(self).items()}

    def add(self, other: dict[str, dict[str, int]]) -> None:
        """Add what another process, or another test, has judged."""
        for name, counts in other.items():
            mine: Counter[str] = getattr(self, name)
            mine.update(counts)

    def lines(self) -> Iterator[str]:
        """A table for people."""
        endpoints = sorted(self.requests.keys() | self.answers.keys(), key=lambda name: name.split(" ")[::-1])
        for name in endpoints:
            yield f"{name}: {self.requests[name]} requests, {self.answers[name]} answers"
        told = f"{self.heard['requests']} requests, {self.heard['answers']} answers, {self.skipped} skipped"
        yield f"{len(endpoints)} endpoints, {told}"
        for name, times in sorted(self.deviations.items()):
            yield f"deviation {name}: {times} times"


TALLIES = pytest.StashKey[defaultdict[str, Tally]]()
"""Where a test run keeps those of each PSA."""

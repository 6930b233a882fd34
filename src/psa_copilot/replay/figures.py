"""Figures that say how sure they are: intervals, calibration, and what a bar would have cost and brought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10
Z = 1.959964
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True)
class Bin:
    """Wishes of about the same confidence."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Step:
    """What one bar would have let through."""

    bar: float
    coverage: float
    accuracy: float
    count: int


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson."""
    if not of:
        return 0.0, 1.0
    share, z2 = right / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def bins(sure: Sequence[tuple[float, bool]]) -> list[Bin]:
    """(confidence, right) in ten bins of equal width; empty ones are left out."""
    found = []
    for place in range(BINS):
        inside = [one for one in sure if min(int(one[0] * BINS), BINS - 1) == place]
        if inside:
            count = len(inside)
            mean, right = sum(one[0] for one in inside) / count, sum(one[1] for one in inside) / count
            found.append(Bin(place / BINS, (place + 1) / BINS, count, mean, right))
    return found


def ece(sure: Sequence[tuple[float, bool]]) -> float | None:
    """The expected calibration error: how far confidence and accuracy are apart on average."""
    if not sure:
        return None
    return sum(one.count * abs(one.confidence - one.accuracy) for one in bins(sure)) / len(sure)


def curve(sure: Sequence[tuple[float, bool]]) -> list[Step]:
    """For each bar that would have made a difference: how many it lets through, and how many of those are right."""
    ranked = sorted(sure, key=lambda one: -one[0])
    found, right = [], 0
    for number, (confidence, hit) in enumerate(ranked, start=1):
        right += hit
        if number == len(ranked) or ranked[number][0] < confidence:
            found.append(Step(confidence, number / len(ranked), right / number, number))
    return found

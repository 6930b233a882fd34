"""How often a choice is right: confidence fitted on choices whose outcome is known, and the bar above which to act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TEMPERATURES = np.geomspace(0.5, 20.0, 40)
FEWEST_ABOVE = 12
"""Choices above a bar, fewer of which show nothing."""
SURENESS = 2.0
"""Standard errors by which the rate above the bar may lie under the goal, at most `GIVE`."""
GIVE = 0.03
NEVER = 2.0
"""A bar that no confidence reaches."""


def softmax(scores: Floats, temperature: float) -> Floats:
    """Shares of belief that add up to one, row by row."""
    sharp = scores * temperature
    powers = np.exp(sharp - sharp.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def temperature_of(scores: Floats, truth: NDArray[np.intp]) -> float:
    """The sharpness under which the truth is least surprising."""
    rows = np.arange(len(truth))

    def surprise(temperature: float) -> float:
        return float(-np.log(softmax(scores, temperature)[rows, truth] + 1e-9).mean())

    return min(map(float, TEMPERATURES), key=surprise)


@dataclass(frozen=True)
class Logistic:
    """The chance of a yes, from a few measures."""

    middle: Floats
    spread: Floats
    weights: Floats
    """The last one stands alone."""

    @classmethod
    def of(cls, measures: Floats, outcome: NDArray[np.bool_], penalty: float = 1.0) -> Logistic:
        """Fitted by Newton's method; the penalty keeps it calm on few rows."""
        middle, spread = measures.mean(axis=0), measures.std(axis=0) + 1e-6
        design = np.hstack([(measures - middle) / spread, np.ones((len(measures), 1))])
        calm = penalty * np.diag([*np.ones(measures.shape[1]), 1e-3])
        weights = np.zeros(design.shape[1])
        for _ in range(25):
            chance = _sigmoid(design @ weights)
            slope = design.T @ (chance - outcome) + calm @ weights
            bend = (design * (chance * (1 - chance))[:, None]).T @ design + calm
            step = np.linalg.solve(bend, slope)
            weights = weights - step
            if float(np.abs(step).max()) < 1e-6:
                break
        return cls(middle, spread, weights)

    def __call__(self, measures: Floats) -> Floats:
        scaled = (measures - self.middle) / self.spread
        return _sigmoid(scaled @ self.weights[:-1] + self.weights[-1])


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def bar_for(confidence: Floats, right: NDArray[np.bool_], goal: float) -> float:
    """The lowest confidence at and above which the goal was met, surely enough; `NEVER` when there is none.

    On few rows the goal is met by chance; so the rate less its standard error counts, down to `GIVE` under the goal.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    counts = np.arange(1, len(order) + 1)
    rate = hits / counts
    # Agresti and Coull: two more of each keep the error of "all right so far" above zero.
    softened = (hits + 2) / (counts + 4)
    sure = rate - SURENESS * np.sqrt(softened * (1 - softened) / (counts + 4))
    met = (rate >= goal) & (sure >= goal - GIVE) & (counts >= FEWEST_ABOVE)
    last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    places = np.flatnonzero(met & last_of_equals)
    return float(confidence[order][places[-1]]) if len(places) else NEVER

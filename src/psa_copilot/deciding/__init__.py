"""Choosing one value for a field: by what was learned, by the desk's habits, by what values are said to be for."""

from psa_copilot.deciding.asking import second_opinion
from psa_copilot.deciding.before import refused, stands
from psa_copilot.deciding.best import Best, best_value
from psa_copilot.deciding.habits import Sighting, habits
from psa_copilot.deciding.risk import learn_sla, sla_hint

__all__ = [
    "Best",
    "Sighting",
    "best_value",
    "habits",
    "learn_sla",
    "refused",
    "second_opinion",
    "sla_hint",
    "stands",
]

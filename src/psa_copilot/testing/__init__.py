"""What authors of connectors and plugins test with."""

from psa_copilot.testing.budget import LocalBudget
from psa_copilot.testing.set_field import SetField

__all__ = ["LocalBudget", "SetField"]

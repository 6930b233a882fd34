"""What authors of connectors and plugins test with."""

from psa_copilot.testing.budget import LocalBudget

__all__ = ["LocalBudget"]

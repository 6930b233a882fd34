"""What authors of connectors and plugins test with; the contracts, which need pytest, are modules of their own."""

from psa_copilot.testing.budget import LocalBudget
from psa_copilot.testing.scenes import (
    NOW,
    LocalPast,
    LocalTickets,
    Scene,
    message,
    scene,
    standing,
    thread,
    ticket,
    wishes,
)
from psa_copilot.testing.set_field import SetField

__all__ = [
    "NOW",
    "LocalBudget",
    "LocalPast",
    "LocalTickets",
    "Scene",
    "SetField",
    "message",
    "scene",
    "standing",
    "thread",
    "ticket",
    "wishes",
]

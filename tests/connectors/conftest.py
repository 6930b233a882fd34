"""Every test here is listened to on the wire."""

from tests.contract.listening import wires

__all__ = ["wires"]

"""Every test here is listened to on the wire; ConnectWise's have its desk."""

from tests.connectors.connectwise_desk import clock, cw, http, human, psa
from tests.contract.listening import wires

__all__ = ["clock", "cw", "http", "human", "psa", "wires"]

"""ConnectWise PSA: tickets and notes of one company."""

from psa_copilot_connectors.connectwise.connector import ConnectWise

__all__ = ["ConnectWise"]

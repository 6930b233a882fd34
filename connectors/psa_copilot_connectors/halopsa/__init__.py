"""HaloPSA: tickets and actions of one tenant."""

from psa_copilot_connectors.halopsa.connector import HaloPsa

__all__ = ["HaloPsa"]

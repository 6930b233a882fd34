"""Autotask PSA."""

from psa_copilot_connectors.autotask.connector import Autotask

__all__ = ["Autotask"]

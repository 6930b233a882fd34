"""Triage: a new ticket is filed as this desk files such tickets, and what is odd about it is said."""

from psa_copilot_plugins.triage.triage import Triage

__all__ = ["Triage"]

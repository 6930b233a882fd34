"""Duplicates: says which open ticket a new one belongs to, and makes one parent of an alert that storms."""

from psa_copilot_plugins.duplicates.plugin import Duplicates

__all__ = ["Duplicates"]

"""Assist: what the desk knows already about a new ticket, for the technician who opens it."""

from psa_copilot_plugins.assist.plugin import Assist

__all__ = ["Assist"]

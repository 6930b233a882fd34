"""Route: a ticket reaches the board and the technician that people here would have given it to."""

from psa_copilot_plugins.route.route import Route

__all__ = ["Route"]

"""Stale sweeper: what has stopped moving on a desk, told once a step, to the people who can move it."""

from psa_copilot_plugins.stale_sweeper.sweeper import StaleSweeper

__all__ = ["StaleSweeper"]

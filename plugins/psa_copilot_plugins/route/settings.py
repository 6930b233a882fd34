"""What route can be told."""

from __future__ import annotations

from psa_copilot import PluginSettings, Setting


class RouteSettings(PluginSettings):
    """Where tickets may go, and what the desk knows about its boards and people."""

    move: bool = Setting(True, description="Whether it chooses boards at all.")
    boards: dict[str, str] = Setting(
        default_factory=dict,
        description="The only boards that it may choose, each with what it is for; left out: any board.",
    )
    excluded: frozenset[str] = Setting(frozenset(), description="Boards that it never chooses.")
    locked: frozenset[str] = Setting(frozenset(), description="Boards from which it moves nothing.")
    model_weight: float = Setting(
        3.0, ge=1, description="How many times likelier a model's choice is to be right than wrong."
    )

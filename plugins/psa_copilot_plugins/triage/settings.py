"""What triage can be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from psa_copilot import PluginSettings, Setting

Degree = Literal["low", "medium", "high"]
DEGREES: tuple[Degree, ...] = ("low", "medium", "high")
MATRIX: dict[Degree, dict[Degree, int]] = {
    "high": {"high": 1, "medium": 2, "low": 3},
    "medium": {"high": 2, "medium": 3, "low": 4},
    "low": {"high": 3, "medium": 4, "low": 4},
}


class Declared(BaseModel):
    """Words that the desk has declared to mean a degree."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    high: tuple[str, ...] = Setting((), description="Words that mean high.")
    low: tuple[str, ...] = Setting((), description="Words that mean low.")


def _whole(matrix: dict[Degree, dict[Degree, int]]) -> dict[Degree, dict[Degree, int]]:
    missing = [
        f"{impact} × {urgency}" for impact in DEGREES for urgency in DEGREES if urgency not in matrix.get(impact, {})
    ]
    if missing:
        raise ValueError(f"has no priority for {', '.join(missing)}")
    return matrix


class TriageSettings(PluginSettings):
    """Which fields it may choose, and what the desk says about them."""

    category: bool = Setting(True, description="Whether it chooses categories.")
    categories: dict[str, str] = Setting(
        default_factory=dict,
        description="The only categories that it may choose, or their first parts, each with what it is for.",
    )
    excluded: frozenset[str] = Setting(frozenset(), description="Categories that it never chooses, or first parts.")
    locked: frozenset[str] = Setting(frozenset(), description="Categories that it never changes, or first parts.")
    priority: bool = Setting(True, description="Whether it suggests priorities: by declared words and VIPs only.")
    impact: Declared = Setting(default_factory=Declared, description="Words that tell how many are hit.")
    urgency: Declared = Setting(default_factory=Declared, description="Words that tell how long it can wait.")
    matrix: Annotated[dict[Degree, dict[Degree, int]], AfterValidator(_whole)] = Setting(
        default_factory=lambda: MATRIX, description="The priority, 1 to 4, by impact and then by urgency."
    )
    title: bool = Setting(True, description="Whether a title that says nothing gets one from the ticket's own words.")
    mood: bool = Setting(True, description="Whether a customer who grows unhappy is mentioned in the digest.")
    languages: frozenset[str] = Setting(
        frozenset(), description="Languages that the desk reads, as `en`; others are mentioned. Left out: none is."
    )
    model_weight: float = Setting(
        3.0, ge=1, description="How many times likelier a model's choice is to be right than wrong."
    )

"""The same choice by a model: typed, among the candidates that were ranked without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from psa_copilot.actions import Opinion, Reason
from psa_copilot.deciding.best import NO_MODEL, SUREST, Best
from psa_copilot.llm import Llm

NONE_OF_THEM = "none of these"
MOST_QUOTED = 12
"""Words of a model's quotation."""


async def second_opinion(
    best: Best, llm: Llm, task: str, material: str, *, described: Mapping[str, str], weight: float
) -> Best:
    """The choice with a model's opinion beside it; unchanged where no model answers.

    `weight` is how many times likelier a model's choice is to be right than wrong. A model that chooses anything but
    the first choice can cause no more than a suggestion, unless a habit of the desk speaks for the same value.
    """
    candidates = tuple(value for value, _ in best.ranked)
    if len(candidates) < 2:
        return best
    listed = "; ".join(f"{value}: {described[value]}" for value in candidates if described.get(value))
    asked = f"{task} {f'What the values are for: {listed}.' if listed else ''}".strip()
    answer = await llm.ask(asked, material, answer=one_of(candidates))
    picked = str(getattr(answer, "value", NONE_OF_THEM)) if answer is not None else ""
    if not picked:
        return best
    opinions = (
        Opinion(mind=NO_MODEL, choice=best.value, confidence=round(min(best.confidence, SUREST), 4)),
        Opinion(mind=llm.model or "model", choice=picked),
    )
    quote = _standing(str(getattr(answer, "quote", "")), material)
    return replace(_combined(best, picked, weight, quote), opinions=opinions)


def one_of(candidates: tuple[str, ...]) -> type[BaseModel]:
    """The type of an answer that names one of these and nothing else."""
    values: Any = Literal[(*candidates, NONE_OF_THEM)]
    return create_model(
        "Chosen",
        value=(values, Field(description="The one value that fits the ticket best, as it is written here.")),
        quote=(
            str,
            Field("", description="The few words of the ticket that say so, exactly as they stand."),
        ),
    )


def _standing(quote: str, material: str) -> str:
    """The words that a model quotes, where they do stand in what it was given."""
    words = quote.split()[:MOST_QUOTED]
    found = re.search(r"\s+".join(map(re.escape, words)), material, re.IGNORECASE) if words else None
    return " ".join(found[0].split()) if found else ""


def _combined(best: Best, picked: str, weight: float, quote: str) -> Best:
    if picked == NONE_OF_THEM:
        return replace(best, abstains=best.abstains or "the model finds that none of the candidates fits")
    if picked == best.value:
        # Two minds that agree are surer; where the first one alone would not have decided, a human still does.
        surer = replace(best, confidence=weighed(best.confidence, weight), because=f"{best.because}; the model agrees")
        return replace(surer, abstains="", suggest_only=True) if best.abstains and not best.orders else surer
    if best.orders:
        return replace(best, because=f"{best.because}; the model says {picked}, of a ticket that gives it orders")
    chance = dict(best.ranked).get(picked, 0.0)
    return replace(
        best,
        value=picked,
        confidence=weighed(max(chance, 1 / (len(best.ranked) + 1)), weight),
        because=f"the model chooses {picked}; without it: {best.value}, {best.because}",
        # Its own say-so is no reason; where it quotes nothing that stands there, the opening is shown as evidence.
        reasons=(Reason(text=f'a model chose {picked} for "{quote}"', words=(quote,)),) if quote else (),
        abstains="",
        suggest_only=picked not in best.supported,
    )


def weighed(chance: float, weight: float) -> float:
    """A chance after somebody has spoken for it who is right `weight` times as often as wrong."""
    return chance * weight / (chance * weight + 1 - chance)

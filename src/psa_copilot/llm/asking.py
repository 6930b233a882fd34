"""The model as plugins see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """One answer of a model, for the ledger; `cost` is in dollars."""

    model: str
    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: bool = False
    ms: int = 0


class Llm:
    """The model that one plugin may ask about one thread. This one is no model at all: it never answers."""

    def __init__(self, why: str = "no model is configured") -> None:
        self.why = why
        """Why the last question has no answer; empty when it has one."""
        self.spent: list[Call] = []
        """Every call that was made for this run, oldest first."""

    async def ask(self, task: str, material: str, answer: type[T]) -> T | None:
        """What the model makes of the material, as a value of the type `answer`; None, and `why`, when it says nothing.

        `task` is the plugin's own instruction; `material` is text of the thread, which the model is told not to obey.
        """
        return None

    @property
    def model(self) -> str:
        """The model that answered last."""
        return self.spent[-1].model if self.spent else ""

    @property
    def cost(self) -> float:
        """Dollars that this run has cost."""
        return sum(call.cost for call in self.spent)

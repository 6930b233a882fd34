"""The lines that scenarios are written in refuse what they do not know."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from psa_copilot.clock import duration

Span = Annotated[timedelta, BeforeValidator(duration)]


class Strict(BaseModel):
    """A line without unknown keys."""

    model_config = ConfigDict(extra="forbid")

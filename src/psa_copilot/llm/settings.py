"""What a config may say about the model."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from psa_copilot.clock import duration

Duration = Annotated[timedelta, BeforeValidator(duration)]
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CompanyLlm(BaseModel):
    """What one client asks of us where models are concerned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opted_out: bool = Field(False, description="No text of this client ever reaches a model.")
    model: str = Field("", description="The only model that may read this client's tickets; left out: the usual one.")
    api_base: str = Field("", description="Where that model answers, for example in this client's region.")
    api_key: SecretStr | None = Field(None, description="Key of that model; left out: the usual one, if it is there.")


class LlmSettings(BaseModel):
    """The model that plugins may ask, and what it may cost. Amounts are US dollars in any 24 hours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, description="The model, as litellm names it, for example openai/gpt-4.1-mini.")
    api_base: str = Field("", description="Where it answers; left out: the provider's own address.")
    api_key: SecretStr | None = Field(None, description="Its key; left out for a local model.")
    daily_budget: Dollars = Field(5.0, description="Dollars in any 24 hours over everything; 0 stops all calls.")
    plugin_budgets: dict[str, Dollars] = Field(default_factory=dict, description="The same for single plugins.")
    company_budgets: dict[str, Dollars] = Field(default_factory=dict, description="The same for single clients.")
    companies: dict[str, CompanyLlm] = Field(default_factory=dict, description="Clients with a wish of their own.")
    timeout: Duration = Field(timedelta(seconds=60), description="Longest wait for one answer (real time).")
    give_up_after: Duration = Field(
        timedelta(minutes=3), description="Longest time for one question with all its tries (real time)."
    )
    tries: int = Field(3, ge=1, le=5, description="Calls for one answer where the model is busy or away.")
    max_tokens: int = Field(1500, ge=16, description="Longest answer, in tokens.")
    longest_material: int = Field(
        24_000, ge=500, description="Characters of a thread that a model reads; the middle of longer ones is left out."
    )
    input_price: Dollars | None = Field(
        None, description="Dollars per million tokens read; left out: what litellm knows, 0 for a model unknown to it."
    )
    output_price: Dollars | None = Field(None, description="Dollars per million tokens written; both prices or none.")

    @model_validator(mode="after")
    def _both_prices(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price belong together: give both or none")
        return self

    def company(self, name: str) -> CompanyLlm | None:
        """What a client wants, whatever the case of its name."""
        return next((one for key, one in self.companies.items() if key.casefold() == name.casefold()), None)

    def company_budget(self, name: str) -> float | None:
        """A client's own limit, if it has one."""
        return next((one for key, one in self.company_budgets.items() if key.casefold() == name.casefold()), None)

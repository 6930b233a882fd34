"""What has been used up: the PSA's patience, and the money for the model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from psa_copilot.config import Config
from psa_copilot.doctor.complaint import Complaint
from psa_copilot.llm import LlmSettings
from psa_copilot.store.health import Health

BLOCKED = timedelta(seconds=10)
"""A shorter wait is sat out by whoever has it."""


def complaints(config: Config, health: Health, now: datetime) -> Iterator[Complaint]:
    """Budgets with nothing left; a budget of 0 is meant so."""
    for connection, (_, until) in health.budgets.items():
        if connection in config.connections and until - now.timestamp() > BLOCKED.total_seconds():
            at = datetime.fromtimestamp(until, UTC)
            says = f"the PSA wants no request before {at:%Y-%m-%d %H:%M:%S}Z"
            mend = f"wait, and lower connections.{connection}.rate, or the use of other programs with the same keys"
            yield Complaint("request budget", connection, says, mend)
    if config.llm:
        yield from _model(config.llm, health)


def _model(llm: LlmSettings, health: Health) -> Iterator[Complaint]:
    rows = health.spent
    limits: list[tuple[str, float, float]] = [("daily_budget", llm.daily_budget, sum(row.cost for row in rows))]
    for plugin, limit in llm.plugin_budgets.items():
        limits.append((f"plugin_budgets.{plugin}", limit, sum(row.cost for row in rows if row.plugin == plugin)))
    for company, limit in llm.company_budgets.items():
        of_company = sum(row.cost for row in rows if row.company.casefold() == company.casefold())
        limits.append((f"company_budgets.{company}", limit, of_company))
    for key, limit, spent in limits:
        if 0 < limit <= spent:
            says = f"{spent:.2f} of {limit:.2f} dollars were spent in 24 hours; the plugins go on without a model"
            yield Complaint("model budget", f"llm.{key}", says, f"wait, or raise llm.{key}")

"""What is counted, for /metrics; whoever does it counts it here."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, Summary, generate_latest

# Not the library's global one: another library's counters are none of ours.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "psa_copilot_requests",
    "Requests sent to a PSA: background or interactive work, by the path without ids.",
    ["connection", "work", "method", "endpoint", "status"],
    registry=REGISTRY,
)
BUDGET_WAITS = Summary(
    "psa_copilot_budget_wait_seconds",
    "How long requests waited for their turn in the tenant's budget.",
    ["connection", "work"],
    registry=REGISTRY,
)
BUDGET_WAITING = Gauge(
    "psa_copilot_budget_waiting", "Requests that wait for their turn now.", ["connection", "work"], registry=REGISTRY
)
LIMIT = Gauge("psa_copilot_limit", "Requests that the PSA allows the tenant, as it tells.", ["connection"],
              registry=REGISTRY)  # fmt: skip
LIMIT_LEFT = Gauge(
    "psa_copilot_limit_left", "Those of them that are left, all programs counted.", ["connection"], registry=REGISTRY
)
WRITES = Counter(
    "psa_copilot_writes",
    "Writes that came to an end, by outcome.",
    ["connection", "plugin", "outcome"],
    registry=REGISTRY,
)
RUNS = Counter("psa_copilot_runs", "Runs of a plugin, by outcome.", ["plugin", "outcome"], registry=REGISTRY)
WEBHOOKS = Counter("psa_copilot_webhooks", "Webhooks, by outcome.", ["connection", "outcome"], registry=REGISTRY)
OUTAGES = Counter("psa_copilot_outages", "Times that a PSA went away.", ["connection"], registry=REGISTRY)
DOUBLES = Counter("psa_copilot_doubles", "Writes found twice in a PSA; each one is an alert.", registry=REGISTRY)
COLLISIONS = Counter("psa_copilot_collisions", "Edits that landed between our read and our write.", registry=REGISTRY)
SWEEPS = Summary(
    "psa_copilot_sweep_seconds", "What a look over all open tickets took.", ["connection"], registry=REGISTRY
)
OPEN_ROWS = Gauge("psa_copilot_open_rows", "Owed work that is not done.", ["table", "state"], registry=REGISTRY)


def text() -> bytes:
    """All of it, as Prometheus reads it."""
    return generate_latest(REGISTRY)

"""The capability matrix of connectors as the README shows it."""

from __future__ import annotations

from collections.abc import Iterable

from psa_copilot.connector import Connector


def capability_matrix(connectors: Iterable[type[Connector]]) -> str:
    """A Markdown table: a line for each ability, a column for each connector."""
    told = {connector.name: connector.can.told() for connector in sorted(connectors, key=lambda one: one.name)}
    abilities = list(next(iter(told.values()), {}))
    lines = [("", *told), ("---",) * (len(told) + 1)]
    lines += [(ability, *(answers[ability] for answers in told.values())) for ability in abilities]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

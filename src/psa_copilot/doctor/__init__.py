"""What is wrong with an installation, and how to mend it. It only looks: no row, file or ticket is changed."""

from __future__ import annotations

from psa_copilot.clock import Clock
from psa_copilot.config import Config
from psa_copilot.doctor import budgets, disk, process, psa
from psa_copilot.doctor.complaint import About, Complaint
from psa_copilot.store import health

__all__ = ["About", "Complaint", "examine"]


async def examine(config: Config, clock: Clock) -> list[Complaint]:
    """All complaints of an installation, those about this machine first; none when it is well."""
    found = health.look(config.database_path, clock.now())
    told = [
        *await process.complaints(config),
        *disk.complaints(config, found, clock.now()),
        *budgets.complaints(config, found, clock.now()),
    ]
    wants_none = {one.where for one in told if one.about == "request budget"}
    for name in config.connections:
        if name not in wants_none:
            told += await psa.complaints(config, name, clock)
    return told

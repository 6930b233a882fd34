"""What commands work on: the configuration, the clock and the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from psa_copilot.errors import ConfigError, CopilotError

# The store and the configuration take their time to import; `--help` needs neither.
if TYPE_CHECKING:
    from psa_copilot.config import Config
    from psa_copilot.store import Store

DEFAULT_CONFIG = Path("config.yaml")


def read_config(path: Path) -> Config:
    """The configuration, checked; where it was not named and is not there, how to begin."""
    from psa_copilot.config import load

    if path == DEFAULT_CONFIG and not path.exists():
        raise ConfigError(
            "there is no config.yaml in this folder; name a file with --config, or begin with `psa-copilot init`, "
            "which proposes one (config.example.yaml shows all there is)"
        )
    return load(path)


def now() -> datetime:
    """The time; a sandbox's, where PSA_COPILOT_CLOCK names one."""
    from psa_copilot.clock import Clock, followed_url

    clock, url = Clock(), followed_url()
    if url:
        asyncio.run(clock.look_once(url))
    return clock.now()


@contextmanager
def opened(config: Config) -> Iterator[Store]:
    """The database that is there; CopilotError when no daemon has made one yet."""
    if not config.database_path.exists():
        raise CopilotError(f"there is no database {config.database_path} yet; `psa-copilot run` makes it")
    with made(config) as store:
        yield store


@contextmanager
def maybe_opened(config: Config) -> Iterator[Store | None]:
    """The database, or None when no daemon has made one yet: a look must not leave a file behind."""
    if not config.database_path.exists():
        yield None
        return
    with made(config) as store:
        yield store


@contextmanager
def made(config: Config) -> Iterator[Store]:
    """The database, made if it is not there yet."""
    from psa_copilot.store import Store

    store = Store(config.database_path)
    try:
        store.upgrade()
        yield store
    finally:
        store.close()

"""Logs: pretty on a terminal, JSON elsewhere, on stderr; no secret in either, whoever wrote the line."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from psa_copilot.redact import SECRETS

Log = structlog.stdlib.BoundLogger

# They tell every request, job and migration at INFO; what we say about those is enough.
_TALKATIVE = ("alembic", "apscheduler", "asyncio", "dbos", "httpcore", "httpx", "uvicorn")


def get(name: str) -> Log:
    """The log of one part of the program."""
    first: list[Processor] = [structlog.stdlib.filter_by_level, structlog.contextvars.merge_contextvars]
    log: Log = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[*first, *_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=Log,
    )
    return log


def setup(json: bool | None = None, level: str = "info") -> None:
    """Send all logs of this process, ours and the libraries', to stderr in one shape."""
    terminal = sys.stderr.isatty()
    door = _Door(sys.stderr)
    door.setFormatter(_formatter(as_json=not terminal if json is None else json, colors=terminal))
    root = logging.getLogger()
    for former in [handler for handler in root.handlers if isinstance(handler, _Door)]:
        root.removeHandler(former)
    root.addHandler(door)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        _quiet(name)


class _Door(logging.StreamHandler[Any]):
    """The one way out; a class of its own, so that a second `setup` finds the first one's."""


def _quiet(name: str) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(logging.WARNING)
    # dbos gives itself a console of its own unless it has a handler already.
    logger.handlers = [logging.NullHandler()]
    logger.propagate = True


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value if key.startswith("_") else _clean(value) for key, value in event.items()}


def _clean(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {_clean(str(key)): _clean(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(inner) for inner in value]
        case _:
            return SECRETS.clean(str(value))


# The traceback becomes text before the secrets are taken out: its last line may quote one.
_COMMON: list[Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    _without_secrets,
]


def _formatter(*, as_json: bool, colors: bool) -> logging.Formatter:
    plain = structlog.dev.plain_traceback
    shown: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_COMMON,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shown],
    )

"""What the database file tells of itself, read without changing it: no upgrade, no lock, no row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psa_copilot.store.database import BUSY_SECONDS, revisions, why

DAY = timedelta(hours=24)
# Only columns of the first schema: an old file has to be readable too.
CURSORS = "SELECT connection, name, value FROM cursor"
SENDING = "SELECT id, connection, ticket, plugin, sending_since FROM write WHERE state = 'sending'"
DEAD = """
    SELECT 'change', connection, thread_id, why FROM change WHERE state = 'dead'
    UNION ALL SELECT 'write', connection, ticket, why FROM write WHERE state = 'dead'
"""
BUDGETS = "SELECT connection, next_at, blocked_until FROM budget"
NEWEST = "SELECT max(at) FROM (SELECT max(seen_at) AS at FROM event UNION ALL SELECT max(created_at) FROM change)"
SPENT = "SELECT connection, plugin, company, sum(cost) FROM spend WHERE at > ? GROUP BY connection, plugin, company"


@dataclass(frozen=True)
class Sending:
    """A write that has left and whose end nobody has recorded."""

    id: int
    connection: str
    ticket: str
    plugin: str
    since: float


@dataclass(frozen=True)
class Dead:
    """A piece of work that was given up."""

    table: str
    connection: str
    about: str
    why: str


@dataclass(frozen=True)
class Spent:
    """Dollars of the last 24 hours."""

    connection: str
    plugin: str
    company: str
    cost: float


@dataclass(frozen=True)
class Health:
    """What was read; `broken` says why nothing could be."""

    broken: str = ""
    revision: str = ""
    head: str = ""
    is_known: bool = True
    cursors: tuple[tuple[str, str, str], ...] = ()
    sending: tuple[Sending, ...] = ()
    dead: tuple[Dead, ...] = ()
    budgets: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By connection: when its next request is due, and until when the PSA wants none."""
    newest: datetime | None = None
    """The latest stamp of our own clock."""
    spent: tuple[Spent, ...] = ()


def look(path: Path, now: datetime) -> Health:
    """How this file is; healthy where there is none yet."""
    if not path.exists():
        return Health()
    try:
        with opened(path) as file:
            return _looked(file, now)
    except sqlite3.Error as exc:
        return Health(broken=why(exc))


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading only; where nobody works on it, not even SQLite's own files appear beside it."""
    at_work = path.with_name(f"{path.name}-wal").exists()
    how = "mode=ro" if at_work else "mode=ro&immutable=1"
    url = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(url, uri=True, timeout=BUSY_SECONDS)) as file:
        yield file


def budget(path: Path, connection: str) -> tuple[float, float]:
    """When the tenant's next request is due, and until when the PSA wants none; zeros where nobody has said."""
    if not path.exists():
        return 0.0, 0.0
    try:
        with opened(path) as file:
            return {name: (due, until) for name, due, until in file.execute(BUDGETS)}.get(connection, (0.0, 0.0))
    except sqlite3.Error:
        return 0.0, 0.0


def _looked(file: sqlite3.Connection, now: datetime) -> Health:
    [(state,), *_] = file.execute("PRAGMA quick_check(1)")
    if state != "ok":
        return Health(broken=why(sqlite3.DatabaseError(f"database disk image is malformed ({state})")))
    head, known = revisions()
    revision = _revision(file)
    if not revision and not _one(file, "SELECT name FROM sqlite_master"):
        return Health()  # nobody has written into it yet
    if revision not in known:
        return Health(revision=revision, head=head, is_known=False)
    newest = _one(file, NEWEST)
    return Health(
        revision=revision,
        head=head,
        cursors=tuple(file.execute(CURSORS)),
        sending=tuple(Sending(*row) for row in file.execute(SENDING)),
        dead=tuple(Dead(*row) for row in file.execute(DEAD)),
        budgets={name: (due, until) for name, due, until in file.execute(BUDGETS)},
        newest=datetime.fromisoformat(newest) if newest else None,
        spent=_spent(file, now) if revision == head else (),
    )


def _revision(file: sqlite3.Connection) -> str:
    if not _one(file, "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"):
        return ""
    return str(_one(file, "SELECT version_num FROM alembic_version"))


def _spent(file: sqlite3.Connection, now: datetime) -> tuple[Spent, ...]:
    since = (now - DAY).isoformat(timespec="microseconds")
    return tuple(Spent(*row) for row in file.execute(SPENT, (since,)))


def _one(file: sqlite3.Connection, query: str) -> Any:
    row = file.execute(query).fetchone()
    return row[0] if row else None

"""Opens the database: SQLite settings, transactions, migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from psa_copilot.errors import DatabaseBroken

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 30


def open_engine(path: Path) -> Engine:
    """A SQLite engine: WAL, nothing acknowledged before it is on disk, writers take turns from the start."""
    engine = _create(path)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _create(path: Path) -> Engine:
    # pydantic's JSON is several times faster than the standard library's, and takes our values as they are.
    return create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        json_serializer=lambda value: to_json(value).decode(),
        json_deserializer=from_json,
    )


def _set_pragmas(connection: Any, _record: Any) -> None:
    # SQLAlchemy, not the driver, starts transactions: only so can a writer say IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-8000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def open_passing_engine(path: Path) -> Engine:
    """The same file, for rows whose loss costs nothing: it is not waited for the disk at each commit."""
    engine = _create(path)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL").close())
    event.listen(engine, "begin", _begin)
    return engine


def open_scratch_engine(path: Path) -> Engine:
    """A SQLite engine for a file that nobody needs tomorrow: nothing is waited for the disk."""
    engine = _create(path)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF").close())
    event.listen(engine, "begin", _begin)
    return engine


def open_plain_engine(path: Path) -> Engine:
    """A SQLite engine for a file whose loss costs nothing: WAL, and no wait for the disk at each commit."""
    engine = _create(path)
    event.listen(engine, "connect", _set_plain_pragmas)
    return engine


def _set_plain_pragmas(connection: Any, _record: Any) -> None:
    # Its user leaves transactions to the driver, which would start a writer's as DEFERRED.
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-2000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def sound(path: Path) -> bool:
    """Whether this is a SQLite file in good order, or none at all yet."""
    if not path.exists():
        return True
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def set_aside(path: Path) -> Path:
    """Give a broken file another name, with what SQLite keeps beside it; the new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists():
            file.rename(file.with_name(f"{file.name}.broken-{stamp}"))
    return path.with_name(f"{path.name}.broken-{stamp}")


def upgrade(engine: Engine) -> None:
    """Bring the schema to this version's, in one transaction."""
    config = _alembic()
    with named(engine), engine.connect() as connection, _without_foreign_keys(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes some columns only by making the table anew, and drops no table that rows refer to."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys=OFF")  # inside a transaction it would be ignored
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def revisions() -> tuple[str, frozenset[str]]:
    """The schema's revision in this version, and all that lead to it."""
    scripts = ScriptDirectory.from_config(_alembic())
    return scripts.get_current_head() or "", frozenset(one.revision for one in scripts.walk_revisions())


def _alembic() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@contextmanager
def named(engine: Engine) -> Iterator[None]:
    """SQLAlchemy's errors and SQLite's stop here, with the file's name and what to do."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, CommandError) as exc:
        raise DatabaseBroken(f"{engine.url.database}: {why(exc)}") from exc


RESTORE = "stop the daemon and restore a backup, or move the file away and begin anew"
MENDS = {
    "not a database": RESTORE,
    "malformed": RESTORE,
    "no such": RESTORE,
    "locked": "another program is busy with it; try again",
    "readonly": "check who may write to the file and its folder",
    "unable to open": "check who may write to the file and its folder",
    "full": "make room on its disk",
    "Can't locate revision": "a newer psa-copilot has made it; install that version",
}
"""What the driver says, in part, and what helps."""


def why(exc: Exception) -> str:
    """What the driver says, without statement and values, and the mend where we know it."""
    said = " ".join(str(getattr(exc, "orig", None) or exc).split())
    mend = next((fix for words, fix in MENDS.items() if words in said), "")
    return f"{said}; {mend}" if mend else said


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """All or nothing; committed at the end."""
    with named(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A consistent look that blocks no writer."""
    with named(engine), Session(engine.execution_options(reading=True), expire_on_commit=False) as session:
        yield session

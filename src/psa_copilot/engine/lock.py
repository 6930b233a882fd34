"""One engine process per SQLite database: a lock file beside it, released by the system however a process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psa_copilot.errors import DatabaseHeld

# Somebody who only asks `held` has the lock for an instant too; that must not turn a daemon away.
TRIES = 4
PAUSE = 0.05


@contextmanager
def hold(database_path: Path) -> Iterator[None]:
    """Be the one process that works on this database; DatabaseHeld when another one is."""
    with lock_file(database_path).open("a+", encoding="ascii") as file:
        if not any(_take(file.fileno(), attempt) for attempt in range(TRIES)):
            raise DatabaseHeld(f"{database_path} is in use by another psa-copilot ({_holder(database_path)}); stop it")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            # Who ends by itself takes its number away: one that is left and holds nothing is a dead process's.
            file.truncate(0)


def held(database_path: Path) -> bool:
    """Whether a process works on this database now."""
    try:
        descriptor = os.open(lock_file(database_path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def lock_file(database_path: Path) -> Path:
    """Where the lock of this database lies. It stays when it is released: removing it would let two in."""
    return database_path.with_name(f"{database_path.name}.lock")


def _take(descriptor: int, attempt: int) -> bool:
    if attempt:
        time.sleep(PAUSE)
    return _try(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(database_path: Path) -> int | None:
    """The process that works on this database, or that died while it did; None where nobody left a number."""
    try:
        pid = lock_file(database_path).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    return int(pid) if pid.isdecimal() else None


def _holder(database_path: Path) -> str:
    return f"process {holder(database_path) or 'unknown'}"

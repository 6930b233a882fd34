"""The database file: whether it can be read, is of this version, and owes nothing that nobody sees to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from psa_copilot.config import Config
from psa_copilot.doctor.complaint import Complaint
from psa_copilot.engine.lock import held
from psa_copilot.store.health import Health, Sending

AHEAD = timedelta(minutes=5)
"""Stamps that are further ahead of the clock than this were made by another one."""
FAR_AHEAD = timedelta(days=1)
LOOKED_UP = timedelta(minutes=2)
"""A running daemon sees to a write of unknown fate within this time, after time-out and grace."""
RESTART = "start `psa-copilot run`"
BACKUP = "stop the daemon, put a backup in its place, and start `psa-copilot run`"


def complaints(config: Config, health: Health, now: datetime) -> Iterator[Complaint]:
    """What is wrong with the file and with what is in it."""
    where = str(config.database_path)
    if health.broken:
        yield Complaint("database", where, health.broken, f"{BACKUP}; docs/running.md tells how backups are made")
        return
    if not health.is_known:
        says = f"its schema is {health.revision or 'not ours'}, which this version ({health.head}) does not know"
        yield Complaint("schema", where, says, "install the psa-copilot that made it, or a newer one")
        return
    if health.revision != health.head:
        says = f"its schema is {health.revision}, and this version's is {health.head}"
        yield Complaint("schema", where, says, f"back it up, then {RESTART}: every start upgrades it")
    yield from _clock(where, health, now)
    yield from _cursors(health, now)
    yield from _stranded(config, health)
    yield from _dead(health)


def _clock(where: str, health: Health, now: datetime) -> Iterator[Complaint]:
    if health.newest and health.newest - now > AHEAD:
        says = (
            f"it holds stamps of {health.newest:%Y-%m-%d %H:%M}Z, and this machine's clock shows {now:%Y-%m-%d %H:%M}Z"
        )
        yield Complaint("clock", where, says, "set this machine's clock (timedatectl set-ntp true)")


def _cursors(health: Health, now: datetime) -> Iterator[Complaint]:
    for connection, name, value in health.cursors:
        if wrong := _wrong(value, now):
            says = f"the cursor of its {name} {wrong}: {value[:60]!r}"
            mend = f"{RESTART} again: it goes on from the first contact, and writes nothing twice"
            yield Complaint("cursor", connection, says, mend)


def _wrong(value: str, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "is no time"
    if moment.tzinfo is None:
        return "has no zone"
    return "lies in the future, so that nothing newer is read" if moment - now > FAR_AHEAD else ""


def _stranded(config: Config, health: Health) -> Iterator[Complaint]:
    runs = held(config.database_path)
    for row in health.sending:
        if row.connection in config.connections and _age(row) > _allowed(config, row.connection, runs=runs):
            says = f"write {row.id} of {row.plugin} to {row.connection}/{row.ticket} left, and nobody knows its end"
            restart = "restart the daemon" if runs else RESTART
            mend = f"{restart}: it looks for the note in the PSA, and sends it only if it is absent"
            yield Complaint("stranded write", row.connection, says, mend)


def _age(row: Sending) -> timedelta:
    return timedelta(seconds=time.time() - (row.since or 0.0))


def _allowed(config: Config, connection: str, *, runs: bool) -> timedelta:
    settings = config.connections[connection].settings
    usual = settings.request_timeout + settings.write_grace
    return usual + LOOKED_UP if runs else usual


def _dead(health: Health) -> Iterator[Complaint]:
    for (table, connection), count in Counter((row.table, row.connection) for row in health.dead).items():
        last = next(row for row in reversed(health.dead) if (row.table, row.connection) == (table, connection))
        what = ("write" if table == "write" else "thread") + (" was" if count == 1 else "s were")
        says = (
            f"{count} {what} given up after eight failures, the last one {last.about}: {last.why or 'no reason kept'}"
        )
        yield Complaint("dead work", connection, says, MENDS[table])


MENDS = {
    "write": "mend what it says, then `psa-copilot revive`: each is judged again, and looked for before it is sent",
    "change": "mend what it says (a plugin's traceback is in the log), then `psa-copilot revive`",
}

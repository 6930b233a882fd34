"""A backup that was taken while the daemon worked is put back: no write is doubled, none is lost."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from psa_copilot.cli import app
from psa_copilot.engine.lock import hold
from psa_copilot.errors import DatabaseHeld
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.store import Store
from tests.house.guide import blocks
from tests.house.tree import ROOT
from tests.story import daemon as desk
from tests.story.psas import CHOSEN

SCRIPT = next(block.text for block in blocks(ROOT / "docs/running.md") if block.mark == "backup")
SOURCE, TARGET = "/var/lib/psa-copilot/psa-copilot.db", "/var/backups/psa-copilot.db"
TICKETS = 6
PROBE = 0.02


def back_up(database: Path, copy: Path) -> None:
    """By the command of docs/running.md."""
    assert SOURCE in SCRIPT
    assert TARGET in SCRIPT
    script = SCRIPT.replace("python3", sys.executable).replace(SOURCE, str(database)).replace(TARGET, str(copy))
    subprocess.run(["bash", "-euc", script], check=True, capture_output=True)


def copied(database: Path, copy: Path) -> None:
    """The same in this process, where a test needs many."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def owed(copy: Path) -> int:
    with closing(sqlite3.connect(copy)) as file:
        return int(file.execute("SELECT count(*) FROM write WHERE state = 'pending'").fetchone()[0])


def put_back(folder: Path, copy: Path) -> None:
    """As docs/running.md says."""
    database = folder / "copilot.db"
    for name in ("", "-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    shutil.copy(copy, database)
    told = CliRunner().invoke(app, ["restored", "--config", str(folder / "config.yaml")])
    assert told.exit_code == 0, told.output


async def test_a_backup_under_way_is_restored_and_nothing_is_doubled_or_lost(tmp_path: Path) -> None:
    tickets = desk.to_file(tmp_path, desk.invented(TICKETS))
    with running(CHOSEN.sandbox, tickets=tickets, switches=CHOSEN.limits_off) as psa:
        copy, kept = tmp_path / "copy.db", tmp_path / "kept.db"
        async with desk.copilot_on(psa, tmp_path, write_grace="1s") as copilot:
            await desk.until_ready(copilot)
            ids = desk.ids_of(psa)
            for ticket in ids:
                desk.ask_again(psa, ticket)
            await desk.until(lambda: owed_in(copilot.store), 60, "something is promised", every=PROBE)
            # While notes are promised and sent: the copy knows less than the PSA soon will.
            while not (kept.exists() and owed(kept)):
                assert sum(desk.recaps(psa).values()) < TICKETS, "all was written before a copy was made"
                copied(copilot.store.path, kept)
            back_up(copilot.store.path, copy)
            await desk.until(lambda: desk.recaps(psa).total() == TICKETS, 60, "all recaps are written")
        promised = owed(kept)
        assert promised
        put_back(tmp_path, kept)
        async with desk.copilot_on(psa, tmp_path, write_grace="1s") as copilot:
            await desk.until_ready(copilot)
            await desk.until(lambda: not copilot.open_work(), 60, "nothing is owed any more")
            assert copilot.verdicts()["written"] >= promised
            assert set(desk.recaps(psa).values()) == {1}
            assert set(desk.recaps(psa)) == set(ids)
            later = ids[0]
            psa.inject(later, {"role": "customer", "text": "It failed again at noon, with error 799 this time."})
            await desk.until(lambda: any("799" in note["text"] for note in ours(psa, later)), 60, "it works as before")


def ours(psa: Sandbox, ticket: int) -> list[dict[str, Any]]:
    return [note for note in psa.notes(ticket) if desk.OURS in note["text"]]


def owed_in(store: Store) -> int:
    with store.reading() as tx:
        return len(tx.work.writes(state="pending"))


async def test_a_promised_write_that_never_left_is_sent_after_the_restore(tmp_path: Path) -> None:
    tickets = desk.to_file(tmp_path, desk.invented(1))
    with running(CHOSEN.sandbox, tickets=tickets, switches=CHOSEN.limits_off) as psa:
        async with desk.copilot_on(psa, tmp_path, write_grace="1s") as copilot:
            await desk.until_ready(copilot)
            [ticket] = desk.ids_of(psa)
            copy = tmp_path / "copy.db"
            desk.ask_again(psa, ticket)
            while not (copy.exists() and owed(copy)):
                copied(copilot.store.path, copy)
                await asyncio.sleep(0)
            await desk.until(lambda: desk.recaps(psa)[ticket] == 1, 60, "the recap")
        [note] = ours(psa, ticket)
        human_deletes(psa, ticket, int(note["id"]))
        put_back(tmp_path, copy)
        async with desk.copilot_on(psa, tmp_path, write_grace="1s"):
            await desk.until(lambda: desk.recaps(psa)[ticket] == 1, 60, "it is written")


def human_deletes(psa: Sandbox, ticket: int, note: int) -> None:
    with closing(CHOSEN.people(psa.url)) as people:
        people.deletes(ticket, note)


def test_restored_waits_for_no_daemon(tmp_path: Path) -> None:
    path, _ = desk.write_config(tmp_path, "http://127.0.0.1:9")
    database = tmp_path / "copilot.db"
    store = Store(database)
    store.upgrade()
    store.close()
    with hold(database):
        told = CliRunner().invoke(app, ["restored", "--config", str(path)])
    assert isinstance(told.exception, DatabaseHeld)


def test_the_command_of_the_page_copies_a_database(tmp_path: Path) -> None:
    store = Store(tmp_path / "copilot.db")
    store.upgrade()
    back_up(tmp_path / "copilot.db", tmp_path / "copy.db")
    store.close()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)

"""A database of the first schema, with rows in it, comes up to date, and the daemon goes on with it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine

from psa_copilot import AddNote
from psa_copilot.errors import DatabaseBroken
from psa_copilot.sandbox import running
from psa_copilot.store import DecisionRow, Store
from psa_copilot.store import database as database_module
from psa_copilot.store.database import MIGRATIONS, revisions
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.story import daemon as desk

FIRST = "0001"
KEPT = ("ticket", "message", "event", "thread", "cursor", "decision", "write", "living_note", "flag")


def migrated(database: Path, how: str) -> None:
    """To the first schema: up from nothing, or back from today's."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{database}")  # without our foreign keys: going back makes tables anew
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        {"up": command.upgrade, "down": command.downgrade}[how](config, FIRST)
        connection.commit()
    engine.dispose()


def schema(database: Path) -> dict[str, list[tuple[str, ...]]]:
    """Each table's columns."""
    with closing(sqlite3.connect(database)) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(row[1:4] for row in file.execute(f"PRAGMA table_info({name})")) for name in names}


def rows(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as file:
        return {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in KEPT}  # noqa: S608 - ours


def revision(database: Path) -> str:
    with closing(sqlite3.connect(database)) as file:
        return str(file.execute("SELECT version_num FROM alembic_version").fetchone()[0])


async def test_a_desk_of_the_first_schema_goes_on_after_the_upgrade(tmp_path: Path) -> None:
    with running(ConnectWiseSandbox, tickets=desk.to_file(tmp_path, desk.invented(2))) as psa:
        async with desk.copilot_on(psa, tmp_path) as copilot:
            await desk.until_ready(copilot)
            first, second = desk.ids_of(psa)
            desk.ask_again(psa, first)
            await desk.until(lambda: desk.recaps(psa)[first] == 1, 60, "a recap")
            await desk.until(lambda: not copilot.open_work(), 60, "nothing is owed")
        database = tmp_path / "copilot.db"
        migrated(database, "down")
        migrated(tmp_path / "fresh.db", "up")
        assert schema(database) == schema(tmp_path / "fresh.db"), "as the first version made it"
        before = rows(database)
        assert before["write"] == before["living_note"] == 1
        async with desk.copilot_on(psa, tmp_path) as copilot:
            await desk.until(lambda: revision(database) == revisions()[0], 30, "upgraded")
            after = rows(database)
            assert all(after[name] >= count for name, count in before.items())
            desk.ask_again(psa, second)
            psa.inject(first, {"role": "customer", "text": "It failed again at noon, with error 799 this time."})
            await desk.until(lambda: desk.recaps(psa)[second] == 1, 60, "the other ticket has its recap")
            await desk.until(
                lambda: any("799" in note["text"] for note in psa.notes(first)), 60, "the first one goes on"
            )
            living = [note["text"] for note in psa.notes(first) if desk.OURS in note["text"]]
            await desk.until(lambda: not copilot.open_work(), 60, "nothing is owed")
        assert len(living) == 1, "the living note of before is kept up, not repeated"


AGAIN = '''"""A column that goes."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("decision") as batch:
        batch.drop_column("mark")
'''


def test_a_table_that_rows_refer_to_can_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "desk.db")
    store.upgrade()
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    note = AddNote(body="Recap: printer is back.", because="5 messages")
    row = DecisionRow(
        at=at, connection="main", thread_id="main/1", ticket="1", plugin="x", wish=note.model_dump(), verdict="promised"
    )
    with store.transaction() as tx:
        tx.ledger.add(row)
        tx.work.promise(row, "x", note, "k7f3q5m2p4", at, timedelta(hours=1))
    scripts = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (scripts / "versions" / "9999_again.py").write_text(AGAIN.format(head=revisions()[0]))
    monkeypatch.setattr(database_module, "MIGRATIONS", scripts)
    store.upgrade()
    with pytest.raises(DatabaseBroken, match="FOREIGN KEY"), store.transaction() as tx:
        tx.work.promise(row.model_copy(update={"id": 99}), "x", note, "another234", at, timedelta(hours=1))
    store.close()
    with closing(sqlite3.connect(tmp_path / "desk.db")) as file:
        assert file.execute("SELECT count(*) FROM write JOIN decision ON decision.id = decision_id").fetchone() == (1,)
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_upgrade_of_an_empty_first_schema_is_what_a_new_database_is(tmp_path: Path) -> None:
    migrated(tmp_path / "old.db", "up")
    for name in ("old.db", "new.db"):
        store = Store(tmp_path / name)
        store.upgrade()
        store.close()
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")

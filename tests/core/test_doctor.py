"""doctor: ten broken installations by name, with their mends; on a healthy one nothing; it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from psa_copilot import AddNote
from psa_copilot.cli import app
from psa_copilot.engine.lock import lock_file
from psa_copilot.errors import DatabaseBroken
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.store import DecisionRow, Store
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox

PROGRAM = Path(sys.executable).with_name("psa-copilot")
PATIENCE = 30.0
MARKER = "k7f3q5m2p4"


class Installation:
    """A folder with a configuration and a database, and the PSA that it is for."""

    def __init__(self, folder: Path, psa: Sandbox) -> None:
        self.folder, self.psa, self.port = folder, psa, free_port()
        self.connection: dict[str, Any] = {
            "use": "connectwise",
            "url": psa.url,
            "company": "sandbox",
            "public_key": "pub",
            "private_key": "priv",
            "client_id": "any",
            "request_timeout": "2s",
            "write_grace": "60s",
            "poll_every": "1s",
            "rate": 100_000,
        }
        self.more: dict[str, Any] = {}
        self.database = folder / "desk.db"
        self.write()
        with self.store() as store:
            store.upgrade()

    def write(self) -> None:
        file = {
            "database": "sqlite:///desk.db",
            "web": {"listen": f"127.0.0.1:{self.port}"},
            "connections": {"main": self.connection},
            "plugins": {"summarize": {"mode": "observe"}},
        }
        (self.folder / "config.yaml").write_text(json.dumps(file | self.more))

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = Store(self.database)
        try:
            yield store
        finally:
            store.close()

    def sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as file:
            file.execute(statement, values)
            file.commit()

    def promise(self) -> int:
        """A note that is owed; the write's number."""
        note = AddNote(body="Recap: printer is back.", because="5 messages")
        decision = DecisionRow(
            at=datetime.now(UTC),
            connection="main",
            thread_id="main/3",
            ticket="3",
            plugin="summarize",
            wish=note.model_dump(mode="json"),
            verdict="promised",
            because=note.because,
        )
        with self.store() as store, store.transaction() as tx:
            tx.ledger.add(decision)
            return tx.work.promise(decision, "summarize", note, MARKER, datetime.now(UTC), timedelta(hours=4))

    def run(self, *words: str) -> Result:
        """A command, in this process: a start of its own takes seconds."""
        return CliRunner().invoke(app, [*words, "--config", str(self.folder / "config.yaml")])

    def doctor(self) -> list[dict[str, str]]:
        """The complaints; the exit code tells whether there are any."""
        outcome = self.run("doctor", "--json")
        told = json.loads(outcome.stdout)
        assert outcome.exit_code == (1 if told["complaints"] else 0)
        assert told["healthy"] is not bool(told["complaints"])
        return list(told["complaints"])

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """A daemon that answers, until the end of the block."""
        log = (self.folder / "log").open("wb")
        process = subprocess.Popen([PROGRAM, "run"], cwd=self.folder, env=environment(), stderr=log, stdout=log)
        try:
            until(lambda: process.poll() is not None or answers(self.port), "the daemon answers")
            yield process
        finally:
            process.terminate()
            process.wait(15)
            log.close()

    def state(self) -> dict[str, str]:
        """All files, by their hashes; SQLite's map of its log is no content."""
        files = (file for file in self.folder.iterdir() if file.is_file() and not file.name.endswith("-shm"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PSA_COPILOT_")}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def desk(tmp_path: Path, psa: Sandbox) -> Installation:
    return Installation(tmp_path, psa)


def diagnosed(desk: Installation, about: str) -> dict[str, str]:
    """The one complaint; all files stay as they were."""
    before = desk.state()
    [complaint] = desk.doctor()
    assert complaint["about"] == about
    assert complaint["mend"]
    assert desk.state() == before
    return complaint


def healthy(desk: Installation) -> None:
    assert desk.doctor() == []


# -- the healthy ones --------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_healthy_installation(desk: Installation) -> None:
    before, asked = desk.state(), len(desk.psa.log())
    outcome = desk.run("doctor")
    assert (outcome.exit_code, outcome.stdout) == (0, "Nothing is wrong.\n")
    healthy(desk)
    assert desk.state() == before
    assert not [row for row in desk.psa.log()[asked:] if row["method"] != "GET"]


def test_nothing_is_wrong_before_the_first_start(desk: Installation) -> None:
    desk.database.unlink()
    healthy(desk)
    assert sorted(desk.state()) == ["config.yaml"]


def test_nothing_is_wrong_beside_a_daemon_nor_after_its_end(desk: Installation) -> None:
    with desk.daemon():
        healthy(desk)
    healthy(desk)


# -- the broken ones ---------------------------------------------------------------------------------------------


def test_a_killed_daemon_leaves_a_stale_lock(desk: Installation) -> None:
    with desk.daemon() as process:
        process.kill()
        process.wait(15)
        complaint = diagnosed(desk, "lock")
    assert f"process {process.pid} was killed or crashed" in complaint["says"]
    assert "psa-copilot run" in complaint["mend"]
    with desk.daemon():
        healthy(desk)


def test_a_daemon_that_hangs_holds_the_lock_and_is_named(desk: Installation) -> None:
    with desk.daemon() as process:
        process.send_signal(signal.SIGSTOP)
        [complaint] = desk.doctor()
        process.send_signal(signal.SIGCONT)
    assert f"process {process.pid} holds the database and does not answer" in complaint["says"]
    assert f"kill {process.pid}" in complaint["mend"]


@pytest.mark.parametrize(
    ("value", "says"),
    [("gibberish", "is no time"), ("2026-03-02T12:00:00", "has no zone"), ("2999-01-01T00:00:00Z", "in the future")],
)
def test_a_corrupt_cursor(desk: Installation, value: str, says: str) -> None:
    desk.sql("INSERT INTO cursor VALUES ('main', 'changes', ?)", value)
    complaint = diagnosed(desk, "cursor")
    assert complaint["where"] == "main"
    assert says in complaint["says"]


def test_a_start_mends_a_corrupt_cursor(desk: Installation) -> None:
    with desk.daemon():
        until(lambda: cursor(desk), "the first contact")
    desk.sql("UPDATE cursor SET value = 'gibberish'")
    diagnosed(desk, "cursor")
    with desk.daemon():
        desk.psa.inject({"title": "Till prints no receipts"})
        until(lambda: cursor(desk) not in ("", "gibberish"), "the next page moves the cursor")
    healthy(desk)


def cursor(desk: Installation) -> str:
    with desk.store() as store, store.reading() as tx:
        return tx.work.cursor("main", "changes") or ""


def test_a_stranded_write(desk: Installation) -> None:
    number = desk.promise()
    desk.sql("UPDATE write SET state = 'sending', sent = 1, sending_since = ?", time.time() - 600)
    complaint = diagnosed(desk, "stranded write")
    assert f"write {number} of summarize to main/3" in complaint["says"]
    assert "sends it only if it is absent" in complaint["mend"]


def test_a_write_that_has_just_left_is_not_stranded(desk: Installation) -> None:
    desk.promise()
    desk.sql("UPDATE write SET state = 'sending', sent = 1, sending_since = ?", time.time())
    healthy(desk)


def test_an_old_schema(desk: Installation) -> None:
    desk.sql("UPDATE alembic_version SET version_num = '0001'")
    complaint = diagnosed(desk, "schema")
    assert "its schema is 0001" in complaint["says"]
    assert "upgrades it" in complaint["mend"]


def test_a_schema_of_a_newer_version(desk: Installation) -> None:
    desk.sql("UPDATE alembic_version SET version_num = '9999'")
    complaint = diagnosed(desk, "schema")
    assert "9999" in complaint["says"]
    with pytest.raises(DatabaseBroken, match="a newer psa-copilot has made it"), desk.store() as store:
        store.upgrade()


@pytest.mark.parametrize("right", ["tickets_right", "boards_right"])
def test_a_missing_right(desk: Installation, right: str) -> None:
    desk.psa.switch(**{right: False})
    try:
        complaints = desk.doctor()
    finally:
        desk.psa.switch(**{right: True})
    assert {one["about"] for one in complaints} == {"right"}
    assert "the role needs Inquire on" in complaints[0]["says"]


def test_a_wrong_clock_by_the_psas_answers(desk: Installation) -> None:
    desk.psa.switch(date_header="+10m")
    try:
        complaint = diagnosed(desk, "clock")
    finally:
        desk.psa.switch(date_header="")
    assert complaint["says"] == "this machine's clock is 10 min behind the PSA's"


def test_a_wrong_clock_by_our_own_stamps(desk: Installation) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=3)
    with desk.store() as store, store.transaction() as tx:
        tx.work.owe_change("main", "main/3", 1, ahead)
    desk.sql("UPDATE change SET state = 'done'")
    assert "this machine's clock shows" in diagnosed(desk, "clock")["says"]


def test_an_unreachable_psa(desk: Installation) -> None:
    desk.connection["url"] = f"http://127.0.0.1:{free_port()}"
    desk.write()
    complaint = diagnosed(desk, "unreachable")
    assert "connections.main.url" in complaint["mend"]


def test_a_bad_key(desk: Installation) -> None:
    desk.connection["private_key"] = "rotated-yesterday"
    desk.write()
    complaint = diagnosed(desk, "key")
    assert "connections.main.private_key" in complaint["says"]
    assert "rotated-yesterday" not in json.dumps(complaint)


def test_a_full_request_budget(desk: Installation) -> None:
    desk.sql("INSERT INTO budget (connection, next_at, blocked_until) VALUES ('main', 0, ?)", time.time() + 1800)
    asked = len(desk.psa.log())
    assert [one["about"] for one in desk.doctor()] == ["request budget"]
    assert len(desk.psa.log()) == asked, "a PSA that wants no request gets none"


def test_a_full_model_budget(desk: Installation) -> None:
    desk.more["llm"] = {"model": "openai/example", "daily_budget": 2.0}
    desk.write()
    with desk.store() as store, store.transaction() as tx:
        tx.spending.book(
            connection="main",
            plugin="summarize",
            company="",
            model="openai/example",
            tokens_in=1,
            tokens_out=1,
            cost=2.0,
            at=datetime.now(UTC),
        )
    complaint = diagnosed(desk, "model budget")
    assert complaint["where"] == "llm.daily_budget"
    assert complaint["says"].startswith("2.00 of 2.00 dollars were spent")


def test_dead_work_is_named_with_its_reason_and_revived(desk: Installation) -> None:
    desk.promise()
    desk.sql("UPDATE write SET state = 'dead', failures = 8, attempt = 8, why = 'HTTP 500'")
    complaint = diagnosed(desk, "dead work")
    assert complaint["says"] == "1 write was given up after eight failures, the last one 3: HTTP 500"
    assert json.loads(desk.run("revive", "--json").stdout) == {"revived": 1}
    healthy(desk)
    with desk.daemon():
        until(lambda: written(desk) not in ("pending", "sending"), "it is judged again")
    healthy(desk)


def written(desk: Installation) -> str:
    with desk.store() as store, store.reading() as tx:
        return tx.work.writes()[0].state


def test_several_things_are_all_told(desk: Installation) -> None:
    desk.promise()
    desk.sql("UPDATE write SET state = 'dead', why = 'HTTP 500'")
    desk.sql("UPDATE alembic_version SET version_num = '0001'")
    desk.connection["private_key"] = "rotated-yesterday"
    desk.write()
    lock_file(desk.database).write_text("99999999\n")
    outcome = desk.run("doctor")
    assert outcome.exit_code == 1
    told = [line.split(":")[0] for line in outcome.stdout.splitlines() if not line.startswith(" ")]
    assert told == ["lock", "schema", "dead work", "key"]
    assert outcome.stdout.count("    mend: ") == 4


# -- a damaged file --------------------------------------------------------------------------------------------


@pytest.fixture(params=["no database at all", "torn in the middle"])
def damaged(request: pytest.FixtureRequest, desk: Installation) -> Installation:
    if request.param == "no database at all":
        desk.database.write_bytes(b"Dear diary, " * 1000)
    else:
        for _ in range(40):
            desk.sql("INSERT INTO thread SELECT hex(randomblob(300)), 'main', 1 FROM (SELECT 1 UNION SELECT 2)")
        bytes_ = bytearray(desk.database.read_bytes())
        bytes_[4096:-4096] = b"\xa5" * (len(bytes_) - 8192)
        desk.database.write_bytes(bytes_)
    return desk


def test_a_damaged_database(damaged: Installation) -> None:
    complaint = diagnosed(damaged, "database")
    assert "put a backup in its place" in complaint["mend"]


@pytest.mark.parametrize("words", ["run", "sync --once", "ledger", "outbox", "plugins", "pause", "check"])
def test_every_command_names_a_damaged_database(damaged: Installation, words: str) -> None:
    outcome = damaged.run(*words.split())
    assert isinstance(outcome.exception, DatabaseBroken)
    assert "desk.db: " in str(outcome.exception)
    assert "restore a backup" in str(outcome.exception)


def test_a_damaged_database_is_one_line_and_no_traceback(desk: Installation) -> None:
    desk.database.write_bytes(b"Dear diary, " * 1000)
    outcome = subprocess.run(
        [PROGRAM, "ledger"], cwd=desk.folder, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert outcome.returncode == 1
    [line] = outcome.stderr.splitlines()
    assert line.startswith("error: ")
    assert "file is not a database; stop the daemon and restore a backup" in line

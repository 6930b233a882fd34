"""One engine process per database, whatever way the last one ended."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from psa_copilot.engine.lock import held, hold, holder, lock_file
from psa_copilot.errors import DatabaseHeld

HOLDER = """
import sys, time
from pathlib import Path
from psa_copilot.engine.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "psa-copilot.db"


def test_the_second_is_told_in_one_line_who_holds_the_database(database: Path) -> None:
    with hold(database), pytest.raises(DatabaseHeld) as told, hold(database):
        pytest.fail("two hold one database")
    message = str(told.value)
    assert f"process {os.getpid()}" in message
    assert str(database) in message
    assert "\n" not in message


def test_it_can_be_held_again_once_it_is_free(database: Path) -> None:
    for _ in range(2):
        assert not held(database)
        with hold(database):
            assert held(database)
            assert held(database)
    assert not held(database)


def test_it_is_free_after_an_error_inside(database: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(database):
        raise ZeroDivisionError
    assert not held(database)


def test_who_ends_by_itself_takes_its_number_away(database: Path) -> None:
    assert holder(database) is None
    with contextlib.suppress(ZeroDivisionError), hold(database):
        assert holder(database) == os.getpid()
        raise ZeroDivisionError
    assert holder(database) is None


def test_the_lock_lies_beside_the_database_and_asking_leaves_nothing(database: Path) -> None:
    assert not held(database)
    assert list(database.parent.iterdir()) == []
    with hold(database):
        assert lock_file(database).read_text() == f"{os.getpid()}\n"
    assert not database.exists()


def test_two_databases_in_one_folder_do_not_disturb_each_other(database: Path) -> None:
    with hold(database), hold(database.with_name("other.db")):
        assert held(database)


def test_a_killed_holder_holds_no_longer(database: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert held(database)
        with pytest.raises(DatabaseHeld, match=f"process {holder.pid}"), hold(database):
            pytest.fail("two hold one database")
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert not held(database)
    with hold(database):
        assert lock_file(database).read_text() == f"{os.getpid()}\n"


def test_those_who_only_ask_turn_no_daemon_away(database: Path) -> None:
    over = threading.Event()
    lock_file(database).touch()

    def ask() -> None:
        while not over.is_set():
            held(database)
            over.wait(0.001)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            with hold(database):
                assert held(database)
    finally:
        over.set()
        asking.join()

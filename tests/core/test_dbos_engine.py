"""The durable engine, really on dbos and a file: nothing twice at once, nothing lost with a process or the file."""

import asyncio
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from psa_copilot.engine import dbos_engine
from psa_copilot.engine.dbos_engine import DbosEngine
from psa_copilot.engine.port import Engine, Handler


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbos_engine, "POLL_SECONDS", 0.05)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "engine.db"


async def nothing(row: int) -> None:
    return None


@asynccontextmanager
async def running(file: Path, **handlers: Handler) -> AsyncIterator[Engine]:
    engine: Engine = DbosEngine(file)
    every: Mapping[str, Handler] = {"change": nothing, "write": nothing, **handlers}
    await engine.start(every)
    try:
        yield engine
    finally:
        await engine.stop()


async def until(so: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = so()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def test_work_of_both_queues_runs_in_the_loop_that_started_the_engine(file: Path) -> None:
    loop, seen = asyncio.get_running_loop(), []

    def noting(queue: str) -> Handler:
        async def note(row: int) -> None:
            assert asyncio.get_running_loop() is loop
            assert threading.current_thread() is threading.main_thread()
            seen.append((queue, row))

        return note

    async with running(file, change=noting("change"), write=noting("write")) as engine:
        await engine.enqueue("change", "change-1:0", 1, "main/1")
        await engine.enqueue("write", "write-7:0", 7, "main/1")
        await until(lambda: len(seen) == 2)
        await until(lambda: engine.ended("change-1:0"))
        await until(lambda: engine.ended("write-7:0"))
    assert sorted(seen) == [("change", 1), ("write", 7)]


async def test_a_known_id_is_not_run_again_whether_it_waits_runs_or_is_over(file: Path) -> None:
    rows: list[int] = []
    go = asyncio.Event()

    async def slow(row: int) -> None:
        rows.append(row)
        await go.wait()

    async with running(file, change=slow) as engine:
        for _ in range(3):
            await engine.enqueue("change", "change-1:0", 1, "main/1")
        assert not await engine.ended("change-1:0")
        await until(lambda: rows == [1])
        await engine.enqueue("change", "change-1:0", 1, "main/1")
        assert not await engine.ended("change-1:0")
        go.set()
        await until(lambda: engine.ended("change-1:0"))
        await engine.enqueue("change", "change-1:0", 1, "main/1")
        assert await engine.ended("change-1:0")
        # A new attempt of the same row is work of its own; its end shows that nothing else was waiting before it.
        await engine.enqueue("change", "change-1:1", 1, "main/1")
        await until(lambda: engine.ended("change-1:1"))
    assert rows == [1, 1]


async def test_an_id_never_heard_of_is_over(file: Path) -> None:
    async with running(file) as engine:
        assert await engine.ended("change-99:0")


async def test_one_thread_is_never_worked_on_twice_at_once_and_threads_do_not_wait_for_each_other(file: Path) -> None:
    busy: set[str] = set()
    together, order = 0, []

    async def work(row: int) -> None:
        nonlocal together
        partition = f"main/{row % 2}"
        assert partition not in busy
        busy.add(partition)
        together = max(together, len(busy))
        await asyncio.sleep(0.15)
        busy.discard(partition)
        order.append(row)

    async with running(file, change=work) as engine:
        for row in range(6):
            await engine.enqueue("change", f"change-{row}:0", row, f"main/{row % 2}")
        await until(lambda: len(order) == 6)
    assert together == 2
    assert [row for row in order if row % 2] == [1, 3, 5]
    assert [row for row in order if not row % 2] == [0, 2, 4]


async def test_no_lane_waits_for_another_and_none_is_forgotten_when_it_goes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbos_engine, "LAST_MOMENT", 0.2)
    busy, done = set(), set()

    async def write(row: int) -> None:
        busy.add(row)
        if row < 20:
            await asyncio.Event().wait()
        done.add(row)

    async with lanes(file, ("ill", "well"), write) as engine:
        for row in range(20):
            await engine.enqueue("write", f"write-{row}:0", row, f"ill/{row}", "ill")
        await until(lambda: len(busy) == dbos_engine.AT_ONCE)
        await engine.enqueue("write", "write-20:0", 20, "well/20", "well")
        await engine.enqueue("write", "write-21:0", 21, "gone/21", "gone")
        await until(lambda: done == {20, 21})

    async def finish(row: int) -> None:
        done.add(row)

    async with lanes(file, (), finish):
        await until(lambda: done == set(range(22)))
    async with lanes(file, (), finish):
        assert names_of_queues(file) == set(dbos_engine.QUEUES)


@asynccontextmanager
async def lanes(file: Path, names: tuple[str, ...], write: Handler) -> AsyncIterator[Engine]:
    engine = DbosEngine(file, names)
    await engine.start({"change": nothing, "write": write})
    try:
        yield engine
    finally:
        await engine.stop()


def names_of_queues(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM queues")}


@pytest.mark.parametrize("problem", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_a_handler_that_raises_is_told_once_and_its_work_ends(
    file: Path, problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(row: int) -> None:
        if row == 1:
            raise problem

    with caplog.at_level(logging.INFO):
        async with running(file, change=broken) as engine:
            await engine.enqueue("change", "change-1:0", 1, "main/1")
            await until(lambda: engine.ended("change-1:0"))
            await engine.enqueue("change", "change-2:0", 2, "main/1")
            await until(lambda: engine.ended("change-2:0"))
    told = [record for record in caplog.records if "work_failed" in str(record.msg)]
    assert len(told) == 1


async def test_a_handler_may_enqueue_more_work(file: Path) -> None:
    written: list[int] = []

    async with running(file) as first:
        await first.enqueue("change", "change-1:0", 1, "main/1")
        await until(lambda: first.ended("change-1:0"))

    holder: list[Engine] = []

    async def think(row: int) -> None:
        await holder[0].enqueue("write", f"write-{row}:0", row, "main/1")
        assert not await holder[0].ended(f"write-{row}:0")

    async def write(row: int) -> None:
        written.append(row)

    async with running(file, change=think, write=write) as engine:
        holder.append(engine)
        await engine.enqueue("change", "change-2:0", 2, "main/1")
        await until(lambda: written == [2])


CHILD = """
import asyncio, sys
from pathlib import Path
from psa_copilot.engine.dbos_engine import DbosEngine

async def main():
    engine = DbosEngine(Path(sys.argv[1]))
    async def hang(row):
        print(row, flush=True)
        await asyncio.Event().wait()
    await engine.start({"change": hang, "write": hang})
    await engine.enqueue("change", "change-5:0", 5, "main/5")
    await engine.enqueue("change", "change-6:0", 6, "main/5")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def kill_a_process_amid_its_work(file: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "5\n"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()


async def test_work_cut_off_by_kill_9_is_done_again_after_a_restart(file: Path) -> None:
    await asyncio.to_thread(kill_a_process_amid_its_work, file)
    rows: list[int] = []

    async def finish(row: int) -> None:
        rows.append(row)

    async with running(file, change=finish) as engine:
        assert not await engine.ended("change-6:0")
        await until(lambda: len(rows) == 2)
        await until(lambda: engine.ended("change-5:0"))
    assert rows == [5, 6]


async def test_a_stop_is_quick_and_what_it_cut_short_is_told_and_done_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dbos_engine, "LAST_MOMENT", 0.2)
    begun, cancelled, again = [], [], []

    async def hang(row: int) -> None:
        begun.append(row)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(row)
            raise

    async with running(file, write=hang) as engine:
        await engine.enqueue("write", "write-1:0", 1, "main/1")
        await until(lambda: begun == [1])
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert cancelled == [1]
    [told] = caplog.records
    assert "work_cut_short" in str(told.msg)

    async def finish(row: int) -> None:
        again.append(row)

    async with running(file, write=finish):
        await until(lambda: again == [1])


async def test_work_under_way_gets_a_moment_to_finish_when_the_engine_stops(file: Path) -> None:
    begun, done = [], []

    async def slow(row: int) -> None:
        begun.append(row)
        await asyncio.sleep(0.3)
        done.append(row)

    async with running(file, write=slow) as engine:
        await engine.enqueue("write", "write-1:0", 1, "main/1")
        await until(lambda: begun == [1])
    assert done == [1]


async def test_starting_and_stopping_leaves_no_thread_and_the_loop_its_own_pool(file: Path) -> None:
    await asyncio.to_thread(int)
    before = set(threading.enumerate())
    for _ in range(3):
        async with running(file) as engine:
            await engine.ended("change-1:0")
    await until(lambda: set(threading.enumerate()) <= before)
    assert await asyncio.to_thread(lambda: 1) == 1


async def test_the_event_loop_is_never_held_up(file: Path) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    watching = asyncio.create_task(watch())
    async with running(file) as engine:
        for row in range(30):
            await engine.enqueue("change", f"change-{row}:0", row, f"main/{row}")
        # dbos waits for a database that somebody else writes to; we must not wait with it.
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(engine.enqueue("change", "change-99:0", 99, "main/99"))
            await asyncio.sleep(1.0)
            assert not waiting.done()
            other.execute("COMMIT")
        other.close()
        await waiting
    watching.cancel()
    assert longest < 0.5


def lose(file: Path, left: bytes | None) -> None:
    if left is None:
        file.unlink()
    else:
        file.write_bytes(left)


def punch_holes(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)


@pytest.mark.parametrize("lost", [b"", b"this is no database at all" * 500, None])
async def test_a_lost_or_broken_file_is_replaced(
    file: Path, lost: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(file) as engine:
        await engine.enqueue("change", "change-1:0", 1, "main/1")
    lose(file, lost)
    async with running(file) as engine:
        assert await engine.ended("change-1:0")
        await engine.enqueue("change", "change-1:0", 1, "main/1")
        await until(lambda: engine.ended("change-1:0"))
    aside = [path for path in file.parent.iterdir() if ".broken-" in path.name]
    assert bool(aside) == bool(lost)
    assert ("engine_file_set_aside" in caplog.text) == bool(lost)


async def test_a_file_with_holes_in_it_is_replaced(file: Path) -> None:
    async with running(file) as engine:
        await engine.enqueue("change", "change-1:0", 1, "main/1")
    punch_holes(file)
    async with running(file) as engine:
        await engine.enqueue("change", "change-2:0", 2, "main/1")
        await until(lambda: engine.ended("change-2:0"))


async def test_a_database_of_something_else_in_its_place_is_kept_aside_unharmed(file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE workflow_status (cheese TEXT)")
        other.execute("INSERT INTO workflow_status VALUES ('Gouda')")
    other.close()
    async with running(file) as engine:
        await engine.enqueue("change", "change-1:0", 1, "main/1")
        await until(lambda: engine.ended("change-1:0"))
    [aside] = [path for path in file.parent.iterdir() if ".broken-" in path.name and path.suffix.startswith(".broken")]
    with sqlite3.connect(aside) as other:
        assert other.execute("SELECT cheese FROM workflow_status").fetchall() == [("Gouda",)]
    other.close()


async def test_tidying_forgets_what_ended_long_ago_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbos_engine, "TIDY_PAGE", 2)
    go = asyncio.Event()

    async def work(row: int) -> None:
        if row == 9:
            await go.wait()

    async with running(file, change=work) as engine:
        for row in (1, 2, 3, 9):
            await engine.enqueue("change", f"change-{row}:0", row, f"main/{row}")
        for row in (1, 2, 3):
            await until(lambda row=row: engine.ended(f"change-{row}:0"))  # type: ignore[misc] # a lambda's default
        await engine.tidy()
        assert remembered(file) == {"change-1:0", "change-2:0", "change-3:0", "change-9:0"}
        # dbos has whole seconds on older Pythons, so "long ago" is a little in the future.
        monkeypatch.setattr(dbos_engine, "KEEP_ENDED", timedelta(seconds=-5))
        await engine.tidy()
        assert remembered(file) == {"change-9:0"}
        go.set()


def remembered(file: Path) -> set[str]:
    with sqlite3.connect(file) as database:
        found = {row[0] for row in database.execute("SELECT workflow_uuid FROM workflow_status")}
    database.close()
    return found


async def test_dbos_says_nothing_of_its_own_on_the_console(file: Path) -> None:
    script = CHILD.replace("await asyncio.Event().wait()\n\nasyncio", "await engine.stop()\n\nasyncio")
    assert script != CHILD
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complained = await asyncio.wait_for(child.communicate(), 30)
    assert (child.returncode, complained) == (0, b"")
    assert json.dumps(said.decode().split()) in {"[]", '["5"]'}


async def test_a_stop_amid_a_backlog_is_quiet_and_loses_none_of_it(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows: set[int] = set()

    async def work(row: int) -> None:
        rows.add(row)
        await asyncio.sleep(0.05)

    async with running(file, change=work) as engine:
        for row in range(60):
            await engine.enqueue("change", f"change-{row}:0", row, f"main/{row}")
        await until(lambda: len(rows) >= 8)
    assert len(rows) < 60
    assert caplog.records == []
    async with running(file, change=work):
        await until(lambda: len(rows) == 60)

"""The durable engine on dbos, in a SQLite file of its own that may be lost at any time."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from dbos import DBOS, DBOSClient, DBOSConfig

from psa_copilot import logs
from psa_copilot.engine.port import Handler
from psa_copilot.store.database import open_plain_engine, set_aside, sound

log = logs.get(__name__)
T = TypeVar("T")

NAME = "psa-copilot"
QUEUES = ("change", "write")
POLL_SECONDS = 0.2  # dbos does not wake up on enqueue: half of this is the usual wait of a piece of work
AT_ONCE = 8  # pieces of work of one queue, or of one lane of it
LAST_MOMENT = 3.0  # seconds that work under way may still take at a stop
KEEP_ENDED = timedelta(hours=1)
TIDY_PAGE = 500
OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# The same in every release of ours: dbos resumes only work of its own version, and row numbers mean the same in all.
VERSION = "1"
EXECUTOR = "local"

# dbos is one per process, and its workflows are functions of a module: this is how they find their engine.
_started: list[DbosEngine] = []


@DBOS.workflow(name="work", max_recovery_attempts=None)
async def _work(queue: str, row: int) -> None:
    # No dbos step inside: the whole is one handler that may be repeated, and a step would only cost writes.
    for engine in _started:
        await engine.carry_out(queue, row)


class DbosEngine:
    """Work on a SQLite file, for the one process that holds the database.

    dbos is only ever called from a thread of ours: its async calls would put its own thread pool in the place of
    the event loop's, and leave a dead one there when it stops.
    """

    def __init__(self, path: Path, lanes: Iterable[str] = ()) -> None:
        self._path = path
        self._lanes = frozenset(lanes)
        self._url = f"sqlite:///{path}"
        self._handlers: Mapping[str, Handler] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self, handlers: Mapping[str, Handler]) -> None:
        """Begin, with what an earlier process left behind; a broken file is set aside and a fresh one made."""
        self._handlers, self._stopping = handlers, False
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        _started[:] = [self]
        await self._call(self._open)

    async def enqueue(self, queue: str, work_id: str, row: int, partition: str, lane: str = "") -> None:
        """Take in a piece of work; an id that is known already changes nothing. No lane waits for another one."""
        name = _lane_of(queue, lane) if lane in self._lanes else queue

        def add() -> None:
            DBOS.enqueue_workflow_with_options(
                {
                    "workflow_name": "work",
                    "queue_name": name,
                    "workflow_id": work_id,
                    "queue_partition_key": partition,
                    "app_version": VERSION,
                },
                queue,
                row,
            )

        await self._call(add)

    async def ended(self, work_id: str) -> bool:
        """Whether nothing more will come of this id: it is over, or was never known here."""
        status = await self._call(lambda: DBOS.get_workflow_status(work_id))
        return status is None or status.status in OVER

    async def tidy(self) -> None:
        """Forget work that ended more than an hour ago, so that the file stays small."""
        before = (datetime.now(UTC) - KEEP_ENDED).isoformat()
        while await self._call(lambda: _forget(before)) == TIDY_PAGE:
            pass

    async def stop(self) -> None:
        """Stop within seconds; what is cut short stays pending and is done again at the next start."""
        self._stopping = True
        with suppress(Exception):  # politeness only: a file that fails now must not keep us from stopping
            await self._call(_claim_no_more)
        # A queue that is being looked through has the old limit in its hand still.
        await asyncio.gather(self._quiet(LAST_MOMENT), asyncio.sleep(2.2 * POLL_SECONDS + 0.1))
        if self._under_way:
            log.warning("work_cut_short", pieces=len(self._under_way))
        await self._call(self._close)
        for task in self._under_way:
            task.cancel()
        await self._quiet(LAST_MOMENT / 3)
        self._thread.shutdown(wait=False)
        _started.clear()

    async def _quiet(self, seconds: float) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)

    async def carry_out(self, queue: str, row: int) -> None:
        """Run a handler for a workflow: called in dbos's event loop, carried out in ours."""
        # In a context of its own: what a handler enqueues is no child of the workflow that runs it.
        run = contextvars.Context().run
        await asyncio.wrap_future(run(asyncio.run_coroutine_threadsafe, self._handle(queue, row), self._loop))

    async def _handle(self, queue: str, row: int) -> None:
        if self._stopping:
            await asyncio.Event().wait()  # never done, so it stays pending; dbos's end cancels it
        task = asyncio.ensure_future(self._safely(queue, row))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await task

    async def _safely(self, queue: str, row: int) -> None:
        try:
            await self._handlers[queue](row)
        except Exception:
            # It ends all the same: whether there is another attempt is decided by our rows, not by dbos.
            log.exception("work_failed", queue=queue, row=row)
        except asyncio.CancelledError:
            if self._stopping:
                raise
            # Something inside the handler was cancelled. Passed on, it would leave a workflow pending until a restart.
            log.exception("work_failed", queue=queue, row=row)

    async def _call(self, what: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._thread, what)

    # -- in the engine's own thread --------------------------------------------------------------------------

    def _open(self) -> None:
        _keep_off_the_console()
        if not sound(self._path):
            self._set_aside()
        try:
            self._launch()
        except Exception:
            # In good order for SQLite, but not as dbos knows it. What is lost is owed in our own store still.
            log.exception("engine_file_not_understood", file=self._path.name)
            self._close()
            self._set_aside()
            self._launch()

    def _launch(self) -> None:
        self._database = open_plain_engine(self._path)
        self._register_queues()
        DBOS(config=self._config())
        DBOS.launch()

    def _register_queues(self) -> None:
        # Before the launch: dbos looks for new queues once a second only, and a first start should not wait for that.
        with closing(self._database.raw_connection()) as connection:
            connection.commit()  # the first connection makes the file, with WAL; migrate would make it without
        DBOS.migrate(self._url)
        client = DBOSClient(system_database_engine=self._database, application_name=NAME)
        wanted = {*QUEUES, *(_lane_of(queue, lane) for queue in QUEUES for lane in self._lanes)}
        for queue in {one.name for one in client.list_queues()} - wanted:
            # The lane of a connection that is gone, or alone now: what waits in it still has to come to its end.
            if client.list_queued_workflows(queue_name=queue, limit=1):
                wanted.add(queue)
            else:
                client.delete_queue(queue)
        for queue in wanted:
            client.register_queue(
                queue, worker_concurrency=AT_ONCE, partition_concurrency=1, polling_interval_sec=POLL_SECONDS
            )
        client.destroy()
        self._queues = len(wanted)

    def _set_aside(self) -> None:
        log.warning("engine_file_set_aside", file=self._path.name, kept_as=set_aside(self._path).name)

    def _config(self) -> DBOSConfig:
        return {
            "name": NAME,
            "system_database_url": self._url,
            "system_database_engine": self._database,
            "application_version": VERSION,
            "executor_id": EXECUTOR,
            "enable_otlp": False,
            "log_level": "WARNING",
            "max_executor_threads": self._queues * AT_ONCE,
            "notification_listener_polling_interval_sec": 0.1,  # we send none, but a stop waits for such a pause
        }

    def _close(self) -> None:
        # It complains of each workflow that it cuts short, which is all as we want it; a start sets the level again.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        DBOS.destroy()
        self._database.dispose()


def _claim_no_more() -> None:
    """Leave what waits where it is: dbos would claim it and then find its event loop gone, and complain."""
    for queue in DBOS.list_queues():
        queue.set_worker_concurrency(0)  # until the next start registers it anew


def _lane_of(queue: str, lane: str) -> str:
    return f"{queue} {lane}"


def _forget(before: str) -> int:
    """Forget a page of what had ended by then; how much it was."""
    old = DBOS.list_workflows(
        status=list(OVER), completed_before=before, limit=TIDY_PAGE, load_input=False, load_output=False
    )
    if old:
        DBOS.delete_workflows([workflow.workflow_id for workflow in old])
    return len(old)


def _keep_off_the_console() -> None:
    # dbos gives itself a console unless its logger has some door already.
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())

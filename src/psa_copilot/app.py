"""The composition root: puts the parts together, starts them, and stops them in reverse."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from psa_copilot import logs, metrics
from psa_copilot.clock import Clock, followed_url
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.connector import Delivery, Finding
from psa_copilot.engine import canary
from psa_copilot.engine.budget import TenantBudget
from psa_copilot.engine.dbos_engine import DbosEngine
from psa_copilot.engine.dispatch import Dispatch
from psa_copilot.engine.flight import Orders, Report, fly
from psa_copilot.engine.learning import Learning, learn, learns, lesson
from psa_copilot.engine.lines import Line
from psa_copilot.engine.lock import held, hold
from psa_copilot.engine.outbox import Outbox
from psa_copilot.engine.relay import Relay
from psa_copilot.engine.schedule import Ticks
from psa_copilot.engine.sweeps import Sweeps
from psa_copilot.engine.sync import Progress, Sync
from psa_copilot.engine.trial import Trial, attempt
from psa_copilot.errors import AuthFailed, ConfigError, CopilotError, Forged, NotReady, PsaError, RateLimited
from psa_copilot.http import Http, Traffic
from psa_copilot.models import Ref
from psa_copilot.store import Store, WriteRow
from psa_copilot.web import Received, build, serving, token_for

log = logs.get("app")

RELAY_EVERY = 1.0
OLD_MESSAGES_EVERY = 5.0
LATE_EVERY = 1.0
ALLOWANCE_EVERY = 300.0
SWEEP_EVERY = 300.0
SWEEPS_EVERY = 60.0
CALENDARS_EVERY = 300.0
MODES_EVERY = 60.0
TIDY_EVERY = 600.0
LEARN_EVERY = 300.0
HOUR, DAY = 3600.0, 86400.0
PROBE_AT_MOST = 60.0
LOOK_UP_OFF = "PSA_COPILOT_UNSAFE_NO_LOOKUP"
"""Set by the chaos suite to see that it bites: a write of unknown fate is then sent again unlooked."""


class Daemon:
    """Everything that runs, wired together."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self.config, self.store, self.clock = config, store, clock
        self.ticks = Ticks(clock)
        self.lines = {name: open_line(config, name, store, clock) for name in config.connections}
        self.syncs = {name: Sync(line, store, self.owed) for name, line in self.lines.items()}
        self.sweeps = {name: Sweeps(config, store, line, self.owed) for name, line in self.lines.items()}
        lanes = config.connections if len(config.connections) > 1 else ()  # each costs a look at the queue
        self.engine = DbosEngine(config.database_path.with_name(f"{config.database_path.name}-engine"), lanes)
        self.dispatch = Dispatch(config, store, self.lines, self.owed)
        looks_up = LOOK_UP_OFF not in os.environ
        self.outbox = Outbox(config, store, self.lines, self.owed, looks_up=looks_up)
        self.relay = Relay(store, self.engine, clock)
        self.learning = Learning(config, store, self.lines, self.dispatch.finders)
        self.token = token_for(config.web.token, config.database_path)
        self.fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._registered: dict[str, datetime] = {}
        self._counted: dict[tuple[str, Traffic], int] = {}
        self._canary_seen: dict[str, datetime | None] = {}
        self._fingerprints: dict[str, str] = {}
        if not looks_up:
            log.warning("look_up_off", why=f"{LOOK_UP_OFF} is set; writes may double")

    def owed(self) -> None:
        """There is something to think about or to write."""
        self.ticks.wake("relay")

    # -- ticks -----------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """All ticks of the daemon."""
        self.ticks.every("relay", RELAY_EVERY, self.relay.hand_over)
        self.ticks.every("tidy", TIDY_EVERY, self._tidy)
        self.ticks.every("learning", LEARN_EVERY, self.learning.tick)
        for name, sync in self.syncs.items():
            every = min(PROBE_AT_MOST, sync.line.settings.poll_every.total_seconds())
            self.ticks.every(f"poll {name}", every, _guarded(sync, partial(self._poll, sync)))
            self.ticks.every(f"inbox {name}", every, _guarded(sync, sync.drain_inbox, reached=True))
            self.ticks.every(f"background {name}", OLD_MESSAGES_EVERY, _guarded(sync, _background(sync), reached=True))
            self.ticks.every(f"late {name}", LATE_EVERY, _guarded(sync, sync.look_again, reached=True))
            self.ticks.every(f"recent {name}", SWEEP_EVERY, _guarded(sync, sync.sweep_recent, reached=True))
            self.ticks.every(f"allowance {name}", ALLOWANCE_EVERY, _guarded(sync, sync.read_allowance, reached=True))
            self.ticks.every(f"directory {name}", HOUR, _guarded(sync, sync.look_around, reached=True))
            self.ticks.every(f"calendars {name}", CALENDARS_EVERY, _guarded(sync, sync.read_calendars, reached=True))
            self.ticks.every(f"contacts {name}", DAY, _guarded(sync, sync.read_contacts, reached=True))
            self.ticks.every(f"sweeps {name}", SWEEPS_EVERY, _guarded(sync, self.sweeps[name].sweep, reached=True))
            self.ticks.every(f"deleted {name}", DAY, _guarded(sync, sync.sweep_deleted, reached=True))
            self.ticks.every(f"modes {name}", MODES_EVERY, _guarded(sync, partial(self._settle, sync), reached=True))
            self.ticks.wake(f"poll {name}")

    async def _settle(self, sync: Sync) -> None:
        """A canary that came home, or that has expired, lets plugins out of observe, or back into it."""
        name = sync.line.name
        if sync.line.settings.accept_risk:
            return
        with self.store.reading() as tx:
            last = max((row.done_at for row in tx.ledger.canaries(name) if row.done_at), default=None)
        if name in self._canary_seen and last != self._canary_seen[name]:
            # It came home after our last look at the PSA's settings, and counts for those it has seen itself.
            await sync.look_around()
        self._canary_seen[name] = last
        before = self._fingerprints.get(name)
        with self.store.transaction() as tx:
            canary.settle(tx, self.config, name, sync.line.fingerprint, self.clock.now())
        if before not in (None, sync.line.fingerprint):
            _warn_of_canary(self.config, self.store, name, sync.line.fingerprint)
        self._fingerprints[name] = sync.line.fingerprint

    async def _tidy(self) -> None:
        """Let go of what is over: in the engine, and in the store as `keep:` says."""
        await self.engine.tidy()
        await asyncio.to_thread(self.store.forget, self.config.keep.model_dump(), self.clock.now())

    async def _poll(self, sync: Sync) -> None:
        was_ok = sync.line.ok
        if sync.line.directory is None:
            await sync.contact()
            self._check_names()
            for tick in ("modes", "calendars", "contacts", "sweeps"):
                self.ticks.wake(f"{tick} {sync.line.name}")
        elif not sync.line.ok:
            await sync.line.connector.known_good()
        await sync.poll()
        sync.line.went_well()
        if sync.line.ok and not was_ok:
            self.ticks.wake(f"inbox {sync.line.name}")
            self.ticks.wake(f"background {sync.line.name}")
        await self._register(sync)

    def _check_names(self) -> None:
        """Names in the config that no PSA has: said as soon as every PSA has told what it has."""
        reached = {name: line.directory for name, line in self.lines.items() if line.directory}
        wrong = self.config.check_against(reached)
        if wrong and not self.fatal.done():
            self.fatal.set_exception(ConfigError("\n".join(wrong)))

    async def _register(self, sync: Sync) -> None:
        url, name = self.config.web.url, sync.line.name
        if not url or not sync.line.connector.can.webhooks or self._is_registered(name):
            return
        try:
            await sync.line.connector.register_webhooks(f"{url.rstrip('/')}/webhooks/{name}")
            if name not in self._registered:
                log.info("webhooks_registered", connection=name)
        except (NotReady, RateLimited, AuthFailed):
            return  # the next poll tries again
        except PsaError as exc:
            log.warning("webhooks_unregistered", connection=name, why=str(exc))
        self._registered[name] = self.clock.now()

    def _is_registered(self, name: str) -> bool:
        """Lately enough: a PSA may switch a callback off after failures, and says so to nobody."""
        at = self._registered.get(name)
        return at is not None and (self.clock.now() - at).total_seconds() < HOUR

    # -- what the web asks -----------------------------------------------------------------------------------

    async def receive(self, connection: str, delivery: Delivery) -> Received:
        """Verify and keep one webhook."""
        sync = self.syncs.get(connection)
        if sync is None:
            return Received.UNKNOWN
        try:
            await sync.receive(delivery)
        except Forged:
            return Received.FORGED
        except (PsaError, OSError):
            return Received.BUSY
        self.ticks.wake(f"inbox {connection}")
        return Received.KEPT

    def ready(self) -> dict[str, tuple[bool, str]]:
        """For each connection: whether the PSA answers, and if not, why; dead work is told of too."""
        with self.store.reading() as tx:
            counts = tx.work.counts()
        dead = counts.get(("change", "dead"), 0) + counts.get(("write", "dead"), 0)
        note = f"{dead} pieces of work are dead; see `psa-copilot outbox`" if dead else ""
        return {name: (line.ok, line.why or note) for name, line in self.lines.items()}

    def metrics(self) -> bytes:
        """The counters, as Prometheus reads them."""
        with self.store.reading() as tx:
            for (table, state), count in tx.work.counts().items():
                metrics.OPEN_ROWS.labels(table, state).set(count)
        for name, line in self.lines.items():
            for asked, count in line.connector.http.counts.items():
                counter = metrics.REQUESTS.labels(name, asked.work, asked.method, asked.family, asked.status)
                counter.inc(count - self._counted.get((name, asked), 0))
                self._counted[name, asked] = count
        return metrics.text()


def _guarded(sync: Sync, work: Callable[[], Any], *, reached: bool = False) -> Callable[[], Any]:
    """A tick that turns a PSA's failure into the line's health; `reached`: only after the first contact.

    Those ticks rest while our credentials are not accepted: the poll probes that, and wrong keys in great number
    look like an attack.
    """

    async def tick() -> None:
        if reached and (sync.line.directory is None or sync.line.locked_out):
            return
        returns = sync.line.returns
        try:
            await work()
        except PsaError as exc:
            # What failed side by side is told at the end of it all; the PSA may be back by then.
            if sync.line.returns == returns:
                sync.line.went_away(exc)

    return tick


def _background(sync: Sync) -> Callable[[], Any]:
    async def work() -> None:
        if sync.line.ok:
            await sync.read_wanted()
            if expected := await sync.expects():
                log.info("first_sync", connection=sync.line.name, expected=expected)
            await sync.backfill()
            while await sync.read_old_messages():
                pass

    return work


def open_line(config: Config, name: str, store: Store, clock: Clock) -> Line:
    """One connection, ready to be used."""
    connection = config.connections[name]
    budget = TenantBudget(store, name, connection.settings.rate, clock)
    http = Http(name, clock, budget, connection.settings.request_timeout)
    connector = connection.connector_class(connection.settings, http)
    return Line(name, connection.settings, connector, clock, budget=budget)


@asynccontextmanager
async def timekeeping(url: str = "") -> AsyncIterator[Clock]:
    """The clock, following a sandbox's where the caller or PSA_COPILOT_CLOCK names one."""
    clock, url = Clock(), url or followed_url()
    if not url:
        yield clock
        return
    await clock.look_once(url)
    following = asyncio.create_task(clock.follow(url))
    try:
        yield clock
    finally:
        following.cancel()


def open_store(config: Config) -> Store:
    """The database, its schema up to date."""
    store = Store(config.database_path)
    store.upgrade()
    return store


def settle_modes(config: Config, store: Store, now: datetime) -> None:
    """At the start, before any PSA is reached: since when each plugin has been out of observe on each connection."""
    with store.transaction() as tx:
        for name in config.connections:
            canary.settle(tx, config, name, None, now)


def _warn_of_risk(config: Config, store: Store) -> None:
    for warning in config.warnings:
        log.warning("config", what=warning)
    bold = [name for name, plugin in config.plugins.items() if plugin.settings.mode != "observe"]
    for name, connection in config.connections.items():
        if bold and connection.settings.accept_risk:
            log.warning("risk_accepted", connection=name, plugins=bold, why="accept_risk: they write without a canary")
        elif bold:
            _warn_of_canary(config, store, name, None)


def _warn_of_canary(config: Config, store: Store, connection: str, fingerprint: str | None) -> None:
    """Which plugins are kept in observe, and for want of which kinds of write."""
    with store.reading() as tx:
        held_back = canary.held_back(tx, config, connection, fingerprint)
    for plugin, kinds in held_back.items():
        why = f"psa-copilot check --canary TICKET tries them; connections.{connection}.accept_risk: true goes without"
        log.warning("kept_in_observe", connection=connection, plugin=plugin, kinds=kinds, why=why)


async def run(config: Config, stop: asyncio.Event) -> None:
    """The whole daemon, until `stop` is set. DatabaseHeld, or ConfigError for names that the PSA does not have."""
    async with AsyncExitStack() as stack:
        stack.enter_context(hold(config.database_path))
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        settle_modes(config, store, clock.now())
        daemon = Daemon(config, store, clock)
        for line in daemon.lines.values():
            stack.push_async_callback(line.connector.http.close)
        stack.push_async_callback(daemon.dispatch.close)
        await daemon.engine.start({"change": daemon.dispatch.change, "write": daemon.outbox.write})
        stack.push_async_callback(daemon.engine.stop)
        host, port = await stack.enter_async_context(serving(build(daemon), *config.web.address))
        daemon.plan()
        daemon.ticks.start()
        stack.push_async_callback(daemon.ticks.stop)
        _warn_of_risk(config, store)
        log.info("started", **config.summary() | {"listen": f"{host}:{port}"})
        await _until(stop, daemon.fatal)
    log.info("stopped")


async def _until(stop: asyncio.Event, fatal: asyncio.Future[None]) -> None:
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopping, fatal}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if fatal.done():
        fatal.result()


# -- what commands ask -------------------------------------------------------------------------------------------


async def sync_once(
    config: Config, progress: Progress, say: Callable[[str], None] = lambda line: None
) -> dict[str, float]:
    """Read all that is there and changed into the mirror; nothing is thought about or written.

    `say` is told how long a first sync will take, before it begins.
    """
    began = time.monotonic()
    totals: dict[str, float] = {"tickets": 0, "messages": 0, "requests": 0}
    async with AsyncExitStack() as stack:
        stack.enter_context(hold(config.database_path))
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        for name in config.connections:
            line = open_line(config, name, store, clock)
            stack.push_async_callback(line.connector.http.close)
            sync = Sync(line, store, lambda: None)
            await sync.contact()
            if expected := await sync.expects():
                say(f"{name}: {expected}")
            await sync.backfill(progress)
            await sync.poll()
            while await sync.read_old_messages():
                _report(store, name, progress)
            counts = _report(store, name, progress)
            totals["requests"] += line.connector.http.requests
            for key, count in counts.items():
                totals[key] += count
    return {**totals, "seconds": round(time.monotonic() - began, 3)}


def _report(store: Store, name: str, progress: Progress) -> dict[str, int]:
    with store.reading() as tx:
        counts = tx.mirror.counts(name)
    progress(name, counts["tickets"], counts["messages"])
    return counts


async def try_plugins(config: Config, plugins: Sequence[str], ref: Ref, note: str = "") -> list[Trial]:
    """Run plugins on one ticket as it stands in the PSA now; nothing is written and nothing is remembered.

    `note` names the one to show, for a plugin that writes several, whether or not there is an occasion for it.
    """
    enabled = [_named_plugin(config, plugin) for plugin in plugins]
    if ref.connection not in config.connections:
        raise ConfigError(f"connections: there is no {ref.connection}; known: {', '.join(config.connections)}")
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        line = open_line(config, ref.connection, store, clock)
        stack.push_async_callback(line.connector.http.close)
        await line.connector.known_good()
        line.directory = await line.connector.directory()
        thread = line.understood(await Sync(line, store, lambda: None).glance(ref))
        dispatch = Dispatch(config, store, {line.name: line}, lambda: None)
        stack.push_async_callback(dispatch.close)
        return [await attempt(config, store, dispatch, one, thread, line, note) for one in enabled]


def _named_plugin(config: Config, plugin: str) -> EnabledPlugin:
    enabled = config.plugins.get(plugin)
    if enabled is None:
        raise ConfigError(f"plugins: there is no {plugin}; known: {', '.join(config.plugins)}")
    return enabled


async def learn_now(config: Config, plugins: Iterable[str], told: Callable[[str, str], None]) -> dict[str, int]:
    """Let plugins learn on all connections, here and now; the version that each has come to, 0 for too little."""
    versions: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        for name in config.connections:
            line = open_line(config, name, store, clock)
            stack.push_async_callback(line.connector.http.close)
            try:
                line.directory = await line.connector.directory()
            except (NotReady, RateLimited) as exc:
                log.warning("directory_unread", connection=name, why=f"{exc.why}; statuses are known by the config")
            for plugin in plugins:
                told(name, plugin)
                task = lesson(config, line, _named_plugin(config, plugin))
                versions[f"{name} {plugin}"] = await asyncio.to_thread(learn, task)
    return versions


def learners(config: Config, plugin: str = "") -> list[str]:
    """The plugins that learn, or the one that was asked for; ConfigError where it learns nothing."""
    if not plugin:
        return [name for name, one in config.plugins.items() if learns(one)]
    if not learns(_named_plugin(config, plugin)):
        raise ConfigError(f"plugins.{plugin}: it learns nothing")
    return [plugin]


async def check(config: Config) -> dict[str, list[Finding]]:
    """What the live tenants allow, lack, and would set off."""
    found: dict[str, list[Finding]] = {}
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        directories = {}
        for name in config.connections:
            line = open_line(config, name, store, clock)
            stack.push_async_callback(line.connector.http.close)
            try:
                found[name] = [*await line.connector.check(), line.connector.can.finding()]
                directories[name] = await line.connector.directory()
                line.fingerprint = await line.connector.fingerprint()
                found[name] += canary_findings(config, line, store)
            except PsaError as exc:
                found[name] = [*found.get(name, []), Finding("fault", "connection", str(exc))]
        for wrong in config.check_against(directories):
            found[next(iter(found))].append(Finding("fault", "config", wrong))
    return found


async def end_webhooks(config: Config, names: Iterable[str]) -> dict[str, list[str]]:
    """Take back the webhooks that these connections have registered; their addresses by connection."""
    ended: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(timekeeping())
        store = open_store(config)
        stack.callback(store.close)
        for name in names:
            line = open_line(config, name, store, clock)
            stack.push_async_callback(line.connector.http.close)
            ended[name] = await line.connector.remove_webhooks()
    return ended


async def try_canary(config: Config, ref: Ref, orders: Orders, clock_url: str = "") -> Report:
    """Try each kind of write in use on a test ticket, and see what it sets off. Works beside a running daemon."""
    if ref.connection not in config.connections:
        raise ConfigError(f"connections: there is no {ref.connection}; known: {', '.join(config.connections)}")
    async with AsyncExitStack() as stack:
        # Two canaries at once would take each other's writes for side effects.
        stack.enter_context(hold(config.database_path.with_name(f"{config.database_path.name}-canary")))
        clock = await stack.enter_async_context(timekeeping(clock_url))
        store = open_store(config)
        stack.callback(store.close)
        line = open_line(config, ref.connection, store, clock)
        stack.push_async_callback(line.connector.http.close)
        await line.connector.known_good()
        await Sync(line, store, lambda: None).look_around()
        return await fly(config, line, store, ref, orders)


def canary_findings(config: Config, line: Line, store: Store) -> list[Finding]:
    """How the canary stands for each kind of write that a plugin may ask for: a line each."""
    with store.reading() as tx:
        rows = {row.kind: row for row in tx.ledger.canaries(line.name)}
    return [
        Finding(
            "ok" if canary.standing(rows.get(kind), line.fingerprint) == "clean" else "warning",
            f"canary, {kind}",
            f"{canary.told(rows.get(kind), line.fingerprint)}; asked for by {', '.join(plugins)}",
        )
        for kind, plugins in canary.in_use(config, line.name).items()
    ]


async def carry_out(config: Config, write_id: int, patience: float = 30) -> WriteRow:
    """See a promised write to its end: by the running daemon, or here under the lock when there is none."""
    store = open_store(config)
    try:
        if held(config.database_path):
            return await _wait_for(store, write_id, patience)
        return await _write_here(config, store, write_id, patience)
    finally:
        store.close()


async def _write_here(config: Config, store: Store, write_id: int, patience: float) -> WriteRow:
    async with AsyncExitStack() as stack:
        stack.enter_context(hold(config.database_path))
        clock = await stack.enter_async_context(timekeeping())
        lines = {}
        with store.reading() as tx:
            row = tx.work.write(write_id)
        if row is None:
            raise CopilotError(f"there is no write {write_id}")
        line = open_line(config, row.connection, store, clock)
        stack.push_async_callback(line.connector.http.close)
        lines[row.connection] = line
        await Sync(line, store, lambda: None).contact()
        outbox = Outbox(config, store, lines, lambda: None)
        return await _wait_for(store, write_id, patience, lambda: outbox.write(write_id))


async def _wait_for(store: Store, write_id: int, patience: float, push: Callable[[], Any] | None = None) -> WriteRow:
    deadline = time.monotonic() + patience
    while True:
        if push:
            await push()
        with store.reading() as tx:
            row = tx.work.write(write_id)
        if row is None:
            raise CopilotError(f"there is no write {write_id}")
        if row.state not in ("pending", "sending") or time.monotonic() > deadline:
            return row
        await asyncio.sleep(0.2)

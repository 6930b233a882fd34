"""What happens again and again: ticks that follow the clock's speed, can be woken, and never overlap themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from psa_copilot import logs
from psa_copilot.clock import Clock

log = logs.get(__name__)

Work = Callable[[], Awaitable[None]]

SHORTEST = 0.1  # seconds of real time, however fast the clock runs
LOOK_AT_SPEED_EVERY = 1.0
GRACE = 30  # seconds a tick may be late; a busy moment must not swallow it


@dataclass
class _Tick:
    name: str
    seconds: float
    work: Work
    wanted: bool = False
    running: asyncio.Task[None] | None = None
    failing: type[Exception] | None = None

    @property
    def busy(self) -> bool:
        return self.running is not None and not self.running.done()

    async def fire(self) -> None:
        """The time has come; a tick that is still running from the last time goes on instead."""
        if not self.busy:
            self.go()

    def go(self) -> None:
        self.wanted = True
        if not self.busy:
            self.running = asyncio.create_task(self._run(), name=self.name)

    async def _run(self) -> None:
        while self.wanted:
            self.wanted = False
            await self._once()

    async def _once(self) -> None:
        try:
            await self.work()
        except Exception as error:
            # One line when it begins to fail, not one per tick.
            if type(error) is not self.failing:
                log.exception("tick_failed", tick=self.name)
            self.failing = type(error)
            return
        if self.failing:
            log.info("tick_recovered", tick=self.name)
        self.failing = None


class Ticks:
    """All ticks of a process. To be used from the thread of its event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._speed = clock.speed
        self._ticks: dict[str, _Tick] = {}
        self._started = False

    def every(self, name: str, seconds: float, work: Work) -> None:
        """Do this every so many seconds of the clock's time; the first time one interval from now."""
        tick = self._ticks[name] = _Tick(name, seconds, work)
        if self._started:
            self._plan(tick)

    def wake(self, name: str) -> None:
        """Run this tick as soon as possible; however many ask during a run, one more follows it."""
        tick = self._ticks[name]
        if self._started:
            tick.go()
        else:
            tick.wanted = True

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": GRACE, "coalesce": True, "max_instances": 1}
        )
        self._started, self._speed = True, self._clock.speed
        for tick in self._ticks.values():
            self._plan(tick)
            if tick.wanted:
                tick.go()
        self._scheduler.add_job(self._follow_speed, "interval", seconds=LOOK_AT_SPEED_EVERY)
        self._scheduler.start()

    async def stop(self) -> None:
        """No more ticks; those that run are cancelled and waited for."""
        if not self._started:
            return
        self._started = False
        self._scheduler.shutdown(wait=False)
        running = [tick.running for tick in self._ticks.values() if tick.running]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _plan(self, tick: _Tick) -> None:
        interval = max(SHORTEST, tick.seconds / self._speed)
        self._scheduler.add_job(tick.fire, "interval", seconds=interval, id=tick.name, replace_existing=True)

    async def _follow_speed(self) -> None:
        # A moved clock is followed while the process runs; an interval of a day must not be waited out first.
        if self._clock.speed != self._speed:
            self._speed = self._clock.speed
            for tick in self._ticks.values():
                self._plan(tick)

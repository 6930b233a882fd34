"""Ticks: they follow the clock's speed, can be woken, never overlap themselves, and outlive their errors."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from psa_copilot.clock import Clock
from psa_copilot.engine import schedule
from psa_copilot.engine.schedule import Ticks

HOUR = 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ticks(clock: Clock) -> AsyncIterator[Ticks]:
    ticks = Ticks(clock)
    yield ticks
    await ticks.stop()


async def until(so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.005)


class Counter:
    """Work that counts its runs, and can be made to wait or to fail."""

    def __init__(self) -> None:
        self.runs = self.at_once = self.most_at_once = self.cancelled = 0
        self.go = asyncio.Event()
        self.go.set()
        self.problem: Exception | None = None

    async def work(self) -> None:
        self.runs += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        if self.problem:
            raise self.problem


async def test_a_tick_comes_again_and_again_but_not_before_the_start(ticks: Ticks) -> None:
    counter = Counter()
    ticks.every("poll", 0.1, counter.work)
    await asyncio.sleep(0.25)
    assert counter.runs == 0
    ticks.start()
    await until(lambda: counter.runs >= 3)


async def test_intervals_are_divided_by_the_speed_of_the_clock(ticks: Ticks, clock: Clock) -> None:
    clock.set(datetime(2031, 3, 3, tzinfo=UTC), speed=36_000)
    counter = Counter()
    ticks.every("daily", HOUR, counter.work)
    ticks.start()
    await until(lambda: counter.runs >= 2)


async def test_a_speed_that_changes_on_the_way_is_followed_both_ways(
    ticks: Ticks, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LOOK_AT_SPEED_EVERY", 0.1)
    counter = Counter()
    ticks.every("daily", HOUR, counter.work)
    ticks.start()
    clock.set(datetime(2031, 3, 3, tzinfo=UTC), speed=36_000)
    await until(lambda: counter.runs >= 2)
    clock.set(datetime(2031, 3, 4, tzinfo=UTC), speed=1)
    await asyncio.sleep(0.4)
    slow_again = counter.runs
    await asyncio.sleep(0.4)
    assert counter.runs == slow_again


async def test_a_wake_runs_it_at_once_and_many_wakes_during_a_run_make_one_more(ticks: Ticks) -> None:
    counter = Counter()
    ticks.every("relay", HOUR, counter.work)
    ticks.start()
    counter.go.clear()
    ticks.wake("relay")
    await until(lambda: counter.runs == 1)
    for _ in range(20):
        ticks.wake("relay")
    await asyncio.sleep(0.05)
    assert counter.runs == 1
    counter.go.set()
    await until(lambda: counter.runs == 2)
    await asyncio.sleep(0.1)
    assert counter.runs == 2
    assert counter.most_at_once == 1


async def test_a_wake_before_the_start_is_kept_for_it(ticks: Ticks) -> None:
    counter = Counter()
    ticks.every("relay", HOUR, counter.work)
    ticks.wake("relay")
    await asyncio.sleep(0.05)
    assert counter.runs == 0
    ticks.start()
    await until(lambda: counter.runs == 1)


async def test_a_wake_just_before_the_end_of_a_run_is_not_lost(ticks: Ticks) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 5:
            ticks.wake("relay")

    ticks.every("relay", HOUR, work)
    ticks.start()
    ticks.wake("relay")
    await until(lambda: runs == 5)


async def test_a_long_run_is_neither_overlapped_nor_repeated_for_the_times_it_missed(ticks: Ticks) -> None:
    counter = Counter()
    counter.go.clear()
    ticks.every("sweep", 0.1, counter.work)
    ticks.start()
    await until(lambda: counter.runs == 1)
    await asyncio.sleep(0.5)
    assert counter.runs == 1
    counter.go.set()
    await until(lambda: counter.runs >= 3)
    assert counter.most_at_once == 1


async def test_ticks_do_not_wait_for_each_other(ticks: Ticks) -> None:
    slow, quick = Counter(), Counter()
    slow.go.clear()
    ticks.every("slow", 0.1, slow.work)
    ticks.every("quick", 0.1, quick.work)
    ticks.start()
    await until(lambda: slow.runs == 1 and quick.runs >= 3)


async def test_a_failing_tick_goes_on_and_is_told_once_as_is_its_recovery(
    ticks: Ticks, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter()
    counter.problem = RuntimeError("the PSA is on fire")
    ticks.every("poll/main", 0.1, counter.work)
    with caplog.at_level(logging.INFO):
        ticks.start()
        await until(lambda: counter.runs >= 3)
        counter.problem = None
        healthy = counter.runs
        await until(lambda: counter.runs >= healthy + 3)
    told = [str(record.msg) for record in caplog.records if "tick_" in str(record.msg)]
    assert ["tick_failed" in line for line in told] == [True, False]
    assert all("poll/main" in line for line in told)
    assert "tick_recovered" in told[1]


async def test_a_tick_that_is_cancelled_inside_comes_again(ticks: Ticks) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise asyncio.CancelledError

    ticks.every("poll", 0.1, work)
    ticks.start()
    await until(lambda: runs >= 3)


async def test_a_stop_cancels_what_runs_and_nothing_runs_after_it(clock: Clock) -> None:
    ticks, counter = Ticks(clock), Counter()
    counter.go.clear()
    ticks.every("poll", 0.1, counter.work)
    ticks.start()
    await until(lambda: counter.runs == 1)
    await ticks.stop()
    assert (counter.cancelled, counter.at_once) == (1, 0)
    ticks.wake("poll")
    await asyncio.sleep(0.25)
    assert counter.runs == 1


async def test_a_tick_added_while_running_is_planned(ticks: Ticks) -> None:
    counter = Counter()
    ticks.start()
    ticks.every("late", 0.1, counter.work)
    await until(lambda: counter.runs >= 2)


async def test_a_stop_without_a_start_does_nothing(clock: Clock) -> None:
    await Ticks(clock).stop()

"""The request budget: whatever the burst, no 60 seconds hold more than the configured rate."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from psa_copilot import metrics
from psa_copilot.clock import Clock
from psa_copilot.connector import Allowance
from psa_copilot.engine.budget import TenantBudget
from psa_copilot.errors import RateLimited
from psa_copilot.store import Store


class SteppingClock(Clock):
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = datetime(2026, 3, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.shown

    async def sleep(self, seconds: float) -> None:
        self.shown += timedelta(seconds=max(0.0, seconds) + 0.001)
        await asyncio.sleep(0)


@pytest.mark.parametrize("rate", [1, 7, 60, 600])
async def test_no_minute_holds_more_than_the_rate(store: Store, rate: int) -> None:
    clock, sent = SteppingClock(), []
    budget = TenantBudget(store, "main", rate, clock)
    for _ in range(min(3 * rate, 400) + 2):
        await budget.take(background=False)
        sent.append(clock.shown)
    for first in sent:
        assert sum(first <= at < first + timedelta(seconds=60) for at in sent) <= rate


async def test_two_processes_share_one_budget(store: Store) -> None:
    clock, sent = SteppingClock(), 0
    one, other = TenantBudget(store, "main", 60, clock), TenantBudget(store, "main", 60, clock)
    end = clock.shown + timedelta(seconds=60)
    while clock.shown < end:
        await one.take(background=False)
        await other.take(background=False)
        sent += 2
    assert sent <= 62


async def test_the_psas_wait_is_kept_by_everybody(store: Store) -> None:
    clock = SteppingClock()
    one, other = TenantBudget(store, "main", 600, clock), TenantBudget(store, "main", 600, clock)
    until = clock.shown + timedelta(seconds=2)
    one.blocked_until(until)
    await other.take(background=False)
    assert clock.shown >= until
    one.blocked_until(clock.shown + timedelta(minutes=5))
    with pytest.raises(RateLimited):
        await other.take(background=False)


async def test_background_work_waits_for_everybody_who_waits(store: Store) -> None:
    """Even at a rate so low that there is no burst to leave."""
    clock, order = SteppingClock(), list[bool]()
    budget = TenantBudget(store, "main", 6, clock)

    async def ask(*, background: bool) -> None:
        await budget.take(background=background)
        order.append(background)

    await budget.take(background=False)  # the next slot is ten seconds away
    await asyncio.gather(*(ask(background=on) for on in (False, True, False, True, False, True)))
    assert order == [False] * 3 + [True] * 3


async def test_background_work_rests_while_the_psas_own_limit_is_nearly_used_up(store: Store) -> None:
    clock = SteppingClock()
    budget = TenantBudget(store, "main", 600, clock)
    budget.told(Allowance(left=2_400, most=10_000))
    rests = asyncio.create_task(budget.take(background=True))
    for _ in range(5):
        await budget.take(background=False)
    assert not rests.done()
    budget.told(Allowance(left=9_000, most=10_000))
    await rests


async def test_what_is_waited_for_is_counted(store: Store) -> None:
    clock = SteppingClock()
    budget = TenantBudget(store, "counted", 60, clock)
    for _ in range(10):
        await budget.take(background=True)
    told = metrics.text().decode()
    labels = 'connection="counted",work="background"'
    assert f"psa_copilot_budget_wait_seconds_count{{{labels}}} 10.0" in told
    assert f"psa_copilot_budget_wait_seconds_sum{{{labels}}} 0.0" not in told
    assert f"psa_copilot_budget_waiting{{{labels}}} 0.0" in told


async def test_how_long_requests_last_is_what_they_take(store: Store) -> None:
    clock = SteppingClock()
    budget = TenantBudget(store, "main", 60, clock)
    began = clock.shown
    for _ in range(200):
        await budget.take(background=True)
    assert abs((clock.shown - began) / budget.lasts(200) - 1) < 0.05


async def test_background_work_leaves_room_for_everybody_else(store: Store) -> None:
    clock = SteppingClock()
    budget = TenantBudget(store, "main", 100, clock)
    start = clock.shown
    for _ in range(6):
        await budget.take(background=True)
    assert clock.shown > start  # half of the burst of ten is spent, and the rest is not background's
    spent = clock.shown
    await budget.take(background=False)
    assert clock.shown == spent

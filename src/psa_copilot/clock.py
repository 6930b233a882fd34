"""The one clock of a process: real time, or a moved time that a sandbox dictates.

`now()` is the time that everything in our rows is compared with. Waits of politeness (rate, Retry-After,
ticks) are shortened by `speed`; time-outs of real requests are not.
"""

import asyncio
import os
import re
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx

from psa_copilot.errors import ConfigError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FOLLOW_EVERY = 1.0  # seconds of real time between two looks at the sandbox's clock

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: object) -> timedelta:
    """A timedelta from `60s`, `5m`, `4h`, `90d` or `2w`; ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no duration; write a number with s, m, h, d or w, for example 60s or 90d")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


class Seldom:
    """Lets something happen at most once in a span of time; a clock that was set back lets it happen at once."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._last: datetime | None = None

    def passes(self, now: datetime) -> bool:
        """Whether it may happen now, which then counts as having happened."""
        if self._last and timedelta() <= now - self._last < self._span:
            return False
        self._last = now
        return True


class Clock:
    """Real time plus an offset, running at a speed."""

    def __init__(self) -> None:
        self.speed = 1.0
        self.followed = ""
        self._base = datetime.now(UTC)
        self._mark = time.monotonic()

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        return self._base + timedelta(seconds=(time.monotonic() - self._mark) * self.speed)

    def set(self, now: datetime, speed: float = 1.0) -> None:
        """Move the clock, as a test or a followed sandbox does."""
        self._base, self._mark, self.speed = now.astimezone(UTC), time.monotonic(), speed

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock's time."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_until(self, moment: datetime) -> None:
        """Wait until the clock shows `moment`."""
        await self.sleep((moment - self.now()).total_seconds())

    async def follow(self, url: str) -> None:
        """Show the sandbox's time from now on, until cancelled; a sandbox that is away changes nothing."""
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            while True:
                await self._look(http, url)
                await asyncio.sleep(FOLLOW_EVERY)

    async def look_once(self, url: str) -> None:
        """Take over the sandbox's time now, so that a start does not begin in the wrong hour."""
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as http:
            await self._look(http, url)

    async def _look(self, http: httpx.AsyncClient, url: str) -> None:
        try:
            shown = (await http.get(url)).raise_for_status().json()
            self.set(datetime.fromisoformat(shown["now"]), float(shown["speed"]))
            self.followed = url
        except (httpx.HTTPError, KeyError, ValueError):
            return  # the time we had goes on


def followed_url() -> str:
    """The sandbox clock named by PSA_COPILOT_CLOCK, or nothing; refused unless it is on this machine."""
    url = os.environ.get("PSA_COPILOT_CLOCK", "")
    if url and urlsplit(url).hostname not in LOOPBACK:
        raise ConfigError(f"PSA_COPILOT_CLOCK: {url} is not on this machine; only a loopback address may set the clock")
    return url

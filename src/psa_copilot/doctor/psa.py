"""Each PSA: whether it answers, lets us in, allows what we need, and shows our time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psa_copilot.clock import Clock
from psa_copilot.config import Config
from psa_copilot.connector import Connector
from psa_copilot.doctor.complaint import Complaint
from psa_copilot.errors import AuthFailed, NotReady, PsaError, RateLimited
from psa_copilot.http import Http
from psa_copilot.models import Moment
from psa_copilot.store import health

LONGEST_ANSWER = timedelta(seconds=10)
SKEW = timedelta(minutes=2)
"""Deadlines are minutes long; a clock that is further off breaks them."""
MINUTE = 60.0
LONGEST_WAIT = 10.0


class GuestBudget:
    """Keeps to the tenant's rate without booking anything: it goes where the others leave room, one by one."""

    def __init__(self, database: Path, connection: str, rate: int, clock: Clock) -> None:
        self._database, self._connection, self._clock = database, connection, clock
        self._pause = MINUTE / max(1, rate)
        self._next = 0.0

    async def take(self, *, background: bool) -> None:
        """Wait until nobody else is ahead; RateLimited while the PSA wants nothing at all."""
        due, blocked = health.budget(self._database, self._connection)
        now = self._clock.now().timestamp()
        if blocked - now > LONGEST_WAIT:
            why = "the PSA asked us to wait"
            raise RateLimited(self._connection, "ask", why, retry_after=datetime.fromtimestamp(blocked, UTC))
        start = max(now, blocked, self._next, min(due, now + LONGEST_WAIT))
        self._next = start + self._pause
        await self._clock.sleep(start - now)

    def blocked_until(self, moment: Moment) -> None:
        """The PSA said: no request before `moment`."""
        self._next = max(self._next, moment.timestamp())


async def complaints(config: Config, name: str, clock: Clock) -> list[Complaint]:
    """What is wrong between us and one PSA."""
    connection = config.connections[name]
    budget = GuestBudget(config.database_path, name, connection.settings.rate, clock)
    http = Http(name, clock, budget, min(LONGEST_ANSWER, connection.settings.request_timeout))
    try:
        connector = connection.connector_class(connection.settings, http)
        return [*await _asked(name, connector), *_skewed(name, http, clock)]
    finally:
        await http.close()


async def _asked(name: str, connector: Connector) -> list[Complaint]:
    try:
        await connector.known_good()
        findings = await connector.check()
    except PsaError as exc:
        return [_shut(name, exc)]
    faults = [one for one in findings if one.level == "fault"]
    return [Complaint("right", name, f"{one.about}: {one.says}", _screen(name)) for one in faults]


def _screen(name: str) -> str:
    return f"give the role of our account what is missing; `psa-copilot check` shows all rights of {name}"


def _shut(name: str, exc: PsaError) -> Complaint:
    """Why the PSA cannot be asked at all."""
    match exc:
        case AuthFailed():
            return Complaint(
                "key", name, str(exc), f"make new keys for our account and put them into connections.{name}"
            )
        case RateLimited(retry_after=until):
            return Complaint("request budget", name, str(exc), f"wait until {until:%H:%M:%S}Z, or lower its rate")
        case NotReady():
            mend = f"see whether connections.{name}.url opens from this machine: name, network, proxy, certificate"
            return Complaint("unreachable", name, str(exc), mend)
        case _:
            return Complaint("right", name, str(exc), _screen(name))


def _skewed(name: str, http: Http, clock: Clock) -> Iterator[Complaint]:
    """Where the PSA tells its time: whether ours is the same."""
    off = http.psa_now() - clock.now()
    if abs(off) > SKEW:
        behind = "behind" if off > timedelta() else "ahead of"
        says = f"this machine's clock is {abs(off).total_seconds() / MINUTE:.0f} min {behind} the PSA's"
        yield Complaint("clock", name, says, "set this machine's clock (timedatectl set-ntp true)")

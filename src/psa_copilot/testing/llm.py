"""Spend and cache in memory, for tests of whoever asks a model without a store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from psa_copilot.llm import Account, Limits, Used, fits
from psa_copilot.models import Moment

DAY = timedelta(hours=24)


@dataclass
class Booking:
    """One call on the books."""

    account: Account
    at: Moment
    used: Used
    settled: bool = False


class LocalSpend:
    """What calls cost, in this process only."""

    def __init__(self) -> None:
        self.bookings: list[Booking] = []

    def reserve(self, account: Account, most: float, limits: Limits, now: Moment) -> int | None:
        """See `psa_copilot.llm.Spend`."""
        spent = (
            (self.spent(now), limits.day),
            (self.spent(now, plugin=account.plugin), limits.plugin),
            (self.spent(now, company=account.company), limits.company),
        )
        if not all(fits(amount, most, limit) for amount, limit in spent):
            return None
        self.bookings.append(Booking(account, now, Used(cost=most)))
        return len(self.bookings) - 1

    def settle(self, booking: int, used: Used) -> None:
        """See `psa_copilot.llm.Spend`."""
        self.bookings[booking].used, self.bookings[booking].settled = used, True

    def spent(self, now: Moment, *, plugin: str | None = None, company: str | None = None) -> float:
        """See `psa_copilot.llm.Spend`."""
        return sum(
            one.used.cost
            for one in self.bookings
            if one.at > now - DAY and plugin in (None, one.account.plugin) and company in (None, one.account.company)
        )


class LocalCache:
    """Answers kept in this process only."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """See `psa_copilot.llm.Cache`."""
        return self.kept.get(key)

    def put(self, key: str, value: str, now: Moment) -> None:
        """See `psa_copilot.llm.Cache`."""
        self.kept[key] = value

"""What models cost and what they answered, kept in the store, so that all processes count together."""

from __future__ import annotations

from psa_copilot.llm import Account, Limits, Used, fits
from psa_copilot.models import Moment
from psa_copilot.store import Store


class StoredSpend:
    """The money of one connection; the daily limit is over all of them."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store, self._connection = store, connection

    def reserve(self, account: Account, most: float, limits: Limits, now: Moment) -> int | None:
        """Book the most that a call can cost, unless a limit is used up."""
        with self._store.transaction() as tx:
            of_plugin = tx.spending.spent(now, plugin=account.plugin)
            of_company = tx.spending.spent(now, connection=self._connection, company=account.company)
            allowed = (
                fits(tx.spending.spent(now), most, limits.day)
                and fits(of_plugin, most, limits.plugin)
                and fits(of_company, most, limits.company)
            )
            if not allowed:
                return None
            return tx.spending.book(
                connection=self._connection,
                plugin=account.plugin,
                company=account.company,
                model=account.model,
                tokens_in=0,
                tokens_out=0,
                cost=most,
                at=now,
            )

    def settle(self, booking: int, used: Used) -> None:
        """The call took this much."""
        with self._store.transaction() as tx:
            tx.spending.settle(booking, used.tokens_in, used.tokens_out, used.cost)

    def spent(self, now: Moment, *, plugin: str | None = None, company: str | None = None) -> float:
        """Dollars of the last 24 hours."""
        connection = self._connection if company is not None else None
        with self._store.reading() as tx:
            return tx.spending.spent(now, plugin=plugin, company=company, connection=connection)


class StoredAnswers:
    """Answers that models gave, so that nothing unchanged is asked twice."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> str | None:
        """The answer kept under this key."""
        with self._store.reading() as tx:
            return tx.spending.answer(key)

    def put(self, key: str, value: str, now: Moment) -> None:
        """Keep an answer."""
        with self._store.transaction() as tx:
            tx.spending.keep_answer(key, value, now)

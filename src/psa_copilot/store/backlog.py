"""Old findings of sweeps, which a human releases in batches; and what models cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Session, col, select

from psa_copilot.models import Ref
from psa_copilot.store.tables import AnswerRow, BacklogRow, SpendRow

DAY = timedelta(hours=24)


class Backlog:
    """Findings that were due before their plugin began to act."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(
        self,
        ref: Ref,
        thread_id: str,
        plugin: str,
        key: str,
        *,
        because: str,
        facts: dict[str, str],
        score: float,
        since: datetime,
        now: datetime,
    ) -> None:
        """Remember a finding once, however many sweeps come upon it."""
        statement = upsert(BacklogRow).values(
            connection=ref.connection,
            ticket=ref.remote_id,
            thread_id=thread_id,
            plugin=plugin,
            key=key,
            because=because,
            facts=facts,
            score=score,
            since=since,
            at=now,
        )
        self._session.execute(statement.on_conflict_do_nothing(index_elements=["thread_id", "plugin", "key"]))

    def worst(self, plugin: str, limit: int) -> Sequence[BacklogRow]:
        """What is not released yet, the worst first."""
        query = select(BacklogRow).where(BacklogRow.plugin == plugin, col(BacklogRow.released_at).is_(None))
        return self._session.exec(
            query.order_by(col(BacklogRow.score).desc(), col(BacklogRow.since), col(BacklogRow.id)).limit(limit)
        ).all()

    def waiting(self) -> dict[tuple[str, str], int]:
        """How many findings wait, by (connection, plugin)."""
        query = (
            select(BacklogRow.connection, BacklogRow.plugin, func.count())
            .where(col(BacklogRow.released_at).is_(None))
            .group_by(BacklogRow.connection, BacklogRow.plugin)
        )
        return {(connection, plugin): count for connection, plugin, count in self._session.exec(query)}

    def released(self, row: BacklogRow, now: datetime) -> None:
        """A human has let this one go."""
        row.released_at = now
        self._session.add(row)


class Spending:
    """What models were asked, what it cost, and what they answered."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def spent(self, now: datetime, **where: str | None) -> float:
        """Dollars in the last 24 hours: over everything, or where these columns have these values."""
        query = select(func.sum(SpendRow.cost)).where(col(SpendRow.at) > now - DAY)
        for name, value in where.items():
            if value is not None:
                query = query.where(getattr(SpendRow, name) == value)
        return float(self._session.exec(query).one() or 0.0)

    def book(self, **columns: Any) -> int:
        """One call of a model that is about to be made; its number."""
        row = SpendRow(**columns)
        self._session.add(row)
        self._session.flush()
        return row.id or 0

    def settle(self, booking: int, tokens_in: int, tokens_out: int, cost: float) -> None:
        """What a call has really taken."""
        row = self._session.get_one(SpendRow, booking)
        row.tokens_in, row.tokens_out, row.cost = tokens_in, tokens_out, cost
        self._session.add(row)

    def answer(self, key: str) -> str | None:
        """What a model said to exactly this."""
        row = self._session.get(AnswerRow, key)
        return row.value if row else None

    def keep_answer(self, key: str, value: str, now: datetime) -> None:
        """Remember what a model said."""
        self._session.merge(AnswerRow(key=key, value=value, at=now))

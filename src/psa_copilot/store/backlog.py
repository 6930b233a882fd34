"""Old findings of sweeps, which a human releases in batches; and what models cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func
from sqlalchemy import select as sa_select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from psa_copilot.models import Ref
from psa_copilot.plugin import Found
from psa_copilot.store.tables import AnswerRow, BacklogRow, ChangeRow, SpendRow, TicketRow

DAY = timedelta(hours=24)
AT_ONCE = 500


class Backlog:
    """Findings that were due before their plugin began to act."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- what is on record already ---------------------------------------------------------------------------

    def owed(self, plugin: str, threads: Iterable[str]) -> set[tuple[str, str]]:
        """Findings on these threads that were work once, or are: (thread, key)."""
        query = select(ChangeRow.thread_id, ChangeRow.key).where(
            col(ChangeRow.thread_id).in_(list(threads)), ChangeRow.plugin == plugin
        )
        return {(thread, key) for thread, key in self._session.exec(query)}

    def held(self, plugin: str, threads: Mapping[Ref, str]) -> dict[tuple[str, str], int | None]:
        """Old findings on these tickets: (thread, key) -> id of the row, None once a human has released it."""
        columns = [BacklogRow.connection, BacklogRow.ticket, BacklogRow.thread_id, BacklogRow.key]
        query = sa_select(*map(col, columns), col(BacklogRow.id), col(BacklogRow.released_at)).where(
            col(BacklogRow.thread_id).in_(list(threads.values())), col(BacklogRow.plugin) == plugin
        )
        return {
            (thread, key): None if released else row
            for connection, ticket, thread, key, row, released in self._session.execute(query)
            if Ref(connection=connection, remote_id=ticket) in threads
        }

    def on_closed(self, connection: str) -> list[int]:
        """Rows that wait though their tickets are not open any more."""
        is_open = (
            select(TicketRow.remote_id)
            .where(
                TicketRow.connection == connection,
                col(TicketRow.is_open).is_(True),
                col(TicketRow.deleted_at).is_(None),
                TicketRow.remote_id == BacklogRow.ticket,
            )
            .exists()
        )
        query = select(BacklogRow.id).where(
            BacklogRow.connection == connection, col(BacklogRow.released_at).is_(None), ~is_open
        )
        return [row for row in self._session.exec(query) if row is not None]

    # -- keeping and letting go ------------------------------------------------------------------------------

    def keep(self, plugin: str, findings: Sequence[tuple[str, Found]], now: datetime) -> None:
        """Remember findings, each with its thread, once, however many sweeps come upon them."""
        rows = [
            {
                "connection": one.ref.connection,
                "ticket": one.ref.remote_id,
                "thread_id": thread,
                "plugin": plugin,
                "key": one.key,
                "because": one.because,
                "facts": one.facts,
                "score": one.score,
                "since": one.since or now,
                "at": now,
            }
            for thread, one in findings
        ]
        if rows:
            statement = upsert(BacklogRow).on_conflict_do_nothing(index_elements=["thread_id", "plugin", "key"])
            self._session.execute(statement, rows)

    def let_go(self, rows: Sequence[int]) -> None:
        """These are over: nobody has to decide about them any more."""
        for start in range(0, len(rows), AT_ONCE):
            self._session.execute(
                delete(BacklogRow).where(
                    col(BacklogRow.id).in_(rows[start : start + AT_ONCE]),
                    col(BacklogRow.released_at).is_(None),
                )
            )

    def next_batch(self, plugin: str, limit: int, now: datetime) -> list[BacklogRow]:
        """The worst one of each ticket that has had none for a day, the worst of all first."""
        had_one = select(BacklogRow.thread_id).where(
            BacklogRow.plugin == plugin, col(BacklogRow.released_at) > now - DAY
        )
        query = select(BacklogRow).where(
            BacklogRow.plugin == plugin,
            col(BacklogRow.released_at).is_(None),
            col(BacklogRow.thread_id).not_in(had_one),
        )
        chosen: dict[str, BacklogRow] = {}
        for row in self._session.exec(_worst_first(query).execution_options(yield_per=AT_ONCE)):
            chosen.setdefault(row.thread_id, row)
            if len(chosen) == limit:
                break
        return list(chosen.values())

    def worst(self, plugin: str, limit: int) -> Sequence[BacklogRow]:
        """What is not released yet, the worst first."""
        query = select(BacklogRow).where(BacklogRow.plugin == plugin, col(BacklogRow.released_at).is_(None))
        return self._session.exec(_worst_first(query).limit(limit)).all()

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


def _worst_first(query: SelectOfScalar[BacklogRow]) -> SelectOfScalar[BacklogRow]:
    return query.order_by(col(BacklogRow.score).desc(), col(BacklogRow.since), col(BacklogRow.id))


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

"""The work that is owed: webhook deliveries, changes to think about, writes to carry out, requests to answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlmodel import Session, col, select

from psa_copilot.actions import Action
from psa_copilot.plugin import Found
from psa_copilot.store.tables import (
    BudgetRow,
    ChangeRow,
    CursorRow,
    DecisionRow,
    FlagRow,
    InboxRow,
    ThreadRow,
    WriteRow,
)

Table = Literal["change", "write"]
OPEN_WRITES = ("pending", "sending")


@dataclass(frozen=True)
class Due:
    """One open row whose time has come."""

    table: Table
    row: int
    attempt: int
    partition: str
    connection: str

    @property
    def id(self) -> str:
        """What the engine knows it by: each attempt is a piece of work of its own."""
        return f"{self.table}-{self.row}:{self.attempt}"


class Work:
    """Owed work within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- inbox -----------------------------------------------------------------------------------------------

    def keep_delivery(
        self, connection: str, key: str, remote_id: str, value: dict[str, Any] | None, now: datetime, *, deleted: bool
    ) -> bool:
        """Keep one genuine delivery; False when the same one is already here."""
        statement = (
            upsert(InboxRow)
            .values(connection=connection, key=key, remote_id=remote_id, value=value, received_at=now, deleted=deleted)
            .on_conflict_do_nothing(index_elements=["connection", "key"])
            .returning(col(InboxRow.id))
        )
        return self._session.execute(statement).first() is not None

    def inbox(self, connection: str, limit: int = 200) -> Sequence[InboxRow]:
        """Deliveries whose tickets are still to be read, oldest first."""
        query = select(InboxRow).where(InboxRow.connection == connection, col(InboxRow.done_at).is_(None))
        return self._session.exec(query.order_by(col(InboxRow.id)).limit(limit)).all()

    def delivered(self, ids: Sequence[int], now: datetime) -> None:
        """These deliveries have been taken in."""
        self._session.execute(update(InboxRow).where(col(InboxRow.id).in_(ids)).values(done_at=now))

    # -- cursors and flags -----------------------------------------------------------------------------------

    def cursor(self, connection: str, name: str) -> str | None:
        """How far a walk has come."""
        row = self._session.get(CursorRow, (connection, name))
        return row.value if row else None

    def move_cursor(self, connection: str, name: str, value: str) -> None:
        """Remember how far a walk has come."""
        self._session.merge(CursorRow(connection=connection, name=name, value=value))

    def flag(self, connection: str, name: str) -> FlagRow | None:
        """A switch, if it is set."""
        return self._session.get(FlagRow, (connection, name))

    def set_flag(self, connection: str, name: str, value: str, now: datetime) -> None:
        """Set a switch."""
        self._session.merge(FlagRow(connection=connection, name=name, value=value, at=now))

    def clear_flag(self, connection: str, name: str) -> None:
        """Take a switch back."""
        row = self.flag(connection, name)
        if row is not None:
            self._session.delete(row)

    # -- changes ---------------------------------------------------------------------------------------------

    def owe_change(
        self,
        connection: str,
        thread_id: str,
        revision: int,
        now: datetime,
        *,
        plugin: str = "",
        key: str = "",
        because: str = "",
    ) -> None:
        """A thread has to be thought about; the same key twice is one piece of work."""
        statement = upsert(ChangeRow).values(
            connection=connection,
            thread_id=thread_id,
            plugin=plugin,
            key=key or f"rev:{revision}",
            revision=revision,
            because=because,
            facts={},
            state="open",
            attempt=0,
            failures=0,
            why="",
            not_before=now,
            created_at=now,
        )
        self._session.execute(statement.on_conflict_do_nothing(index_elements=["thread_id", "plugin", "key"]))

    def owe_found(self, connection: str, thread_id: str, plugin: str, found: Found, now: datetime) -> None:
        """A sweep has found something; the same key twice is one piece of work, for ever."""
        head = self._session.get_one(ThreadRow, thread_id)
        statement = upsert(ChangeRow).values(
            connection=connection,
            thread_id=thread_id,
            plugin=plugin,
            key=found.key,
            revision=head.revision,
            because=found.because,
            facts=found.facts,
            happened_at=found.since or now,
            state="open",
            attempt=0,
            failures=0,
            why="",
            not_before=now,
            created_at=now,
        )
        self._session.execute(statement.on_conflict_do_nothing(index_elements=["thread_id", "plugin", "key"]))

    def change(self, row_id: int) -> ChangeRow | None:
        """One change row."""
        return self._session.get(ChangeRow, row_id)

    def close_changes(self, thread_ids: Sequence[str], revision: int) -> None:
        """Every revision up to this one has been thought about: states coalesce."""
        self._session.execute(
            update(ChangeRow)
            .where(
                col(ChangeRow.thread_id).in_(thread_ids),
                col(ChangeRow.plugin) == "",
                col(ChangeRow.state) == "open",
                col(ChangeRow.revision) <= revision,
            )
            .values(state="done")
        )

    # -- the relay's view ------------------------------------------------------------------------------------

    def due(self, now: datetime, limit: int = 200) -> list[Due]:
        """Open rows whose time has come, of each connection the oldest ones, in turn: none waits for another's many."""
        queues = [
            *self._due("change", ChangeRow, col(ChangeRow.state) == "open", now, limit),
            *self._due("write", WriteRow, col(WriteRow.state).in_(OPEN_WRITES), now, limit),
        ]
        return [item for turn in zip_longest(*queues) for item in turn if item]

    def _due(
        self, table: Table, model: type[ChangeRow | WriteRow], is_open: ColumnElement[bool], now: datetime, limit: int
    ) -> Iterator[list[Due]]:
        is_due = is_open & (col(model.not_before) <= now)
        partition = WriteRow.connection + "/" + WriteRow.ticket if table == "write" else col(ChangeRow.thread_id)
        for name in sorted(self._session.exec(select(model.connection).where(is_due).distinct())):
            rows = select(model.id, model.attempt, partition).where(is_due, model.connection == name)
            found = self._session.exec(rows.order_by(col(model.id)).limit(limit))
            yield [Due(table, row or 0, attempt, together, name) for row, attempt, together in found]

    def try_again(self, row: ChangeRow | WriteRow, at: datetime, why: str, *, counts: bool, most: int = 8) -> None:
        """This attempt is over; another one is due at `at`, unless it has failed too often."""
        row.attempt += 1
        row.failures += counts
        row.not_before, row.why = at, why
        if row.failures >= most:
            row.state = "dead"
        self._session.add(row)

    def counts(self) -> dict[tuple[str, str], int]:
        """Rows by table and state."""
        found: dict[tuple[str, str], int] = {}
        for table, model in (("change", ChangeRow), ("write", WriteRow)):
            query = select(model.state, func.count()).group_by(model.state)
            found |= {(table, state): count for state, count in self._session.exec(query)}
        return found

    # -- writes ----------------------------------------------------------------------------------------------

    def promise(
        self,
        decision: DecisionRow,
        plugin: str,
        action: Action,
        marker: str,
        now: datetime,
        life: timedelta,
        undoes: int | None = None,
    ) -> int:
        """Owe a write on a decision's ticket; returns its id."""
        row = WriteRow(
            decision_id=decision.id or 0,
            connection=decision.connection,
            ticket=decision.ticket,
            plugin=plugin,
            action=action.model_dump(mode="json"),
            marker=marker,
            undoes=undoes,
            not_before=now,
            expires=now + life,
            created_at=now,
        )
        self._session.add(row)
        self._session.flush()
        return row.id or 0

    def write(self, row_id: int) -> WriteRow | None:
        """One write row."""
        return self._session.get(WriteRow, row_id)

    def writes(
        self, *, ticket: tuple[str, str] | None = None, state: str | None = None, limit: int = 1000
    ) -> Sequence[WriteRow]:
        """Writes, newest first."""
        query = select(WriteRow)
        if ticket:
            query = query.where(WriteRow.connection == ticket[0], WriteRow.ticket == ticket[1])
        if state:
            query = query.where(WriteRow.state == state)
        return self._session.exec(query.order_by(col(WriteRow.id).desc()).limit(limit)).all()

    def change_by_rule(self, row: WriteRow, rule: str) -> WriteRow | None:
        """The field write that the same run promised by the same rule."""
        run = select(DecisionRow.run_id).where(DecisionRow.id == row.decision_id)
        query = (
            select(WriteRow)
            .join(DecisionRow, col(WriteRow.decision_id) == col(DecisionRow.id))
            .where(col(DecisionRow.run_id).in_(run), WriteRow.ticket == row.ticket, WriteRow.plugin == row.plugin)
        )
        rows = self._session.exec(query).all()
        return next((r for r in rows if r.action.get("kind") == "change_field" and r.action.get("rule") == rule), None)

    def sending_on(self, connection: str, ticket: str, but: int) -> bool:
        """Whether another write to this ticket is on its way."""
        query = select(WriteRow.id).where(
            WriteRow.connection == connection,
            WriteRow.ticket == ticket,
            WriteRow.state == "sending",
            WriteRow.id != but,
        )
        return self._session.exec(query.limit(1)).first() is not None

    def due_at_once(self, connection: str, now: datetime) -> None:
        """Promised writes of a connection, or of all (empty name), need not wait any longer."""
        waiting = update(WriteRow).where(col(WriteRow.state) == "pending", col(WriteRow.not_before) > now)
        if connection:
            waiting = waiting.where(col(WriteRow.connection) == connection)
        self._session.execute(waiting.values(not_before=now))

    def write_by_decision(self, decision_id: int) -> WriteRow | None:
        """The write that a decision promised (the newest one that is no undo)."""
        query = select(WriteRow).where(WriteRow.decision_id == decision_id, col(WriteRow.undoes).is_(None))
        return self._session.exec(query.order_by(col(WriteRow.id).desc())).first()

    # -- the rate budget -------------------------------------------------------------------------------------

    def budget(self, connection: str) -> BudgetRow:
        """The tenant's budget row; made when it is missing."""
        row = self._session.get(BudgetRow, connection)
        if row is None:
            row = BudgetRow(connection=connection, next_at=0.0)
            self._session.add(row)
        return row

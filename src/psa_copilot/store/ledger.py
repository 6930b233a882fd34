"""The ledger: every run, every decision and what became of it, and what humans said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from psa_copilot.models import Ref
from psa_copilot.store.tables import (
    CanaryRow,
    DecisionRow,
    FeedbackRow,
    LivingNoteRow,
    LockRow,
    PluginStateRow,
    RunRow,
    ThreadAliasRow,
    WriteRow,
)

DAY = timedelta(hours=24)
COUNTED = ("pending", "sending", "done", "collision", "undone", "dead")
"""Writes that count against a budget: they are, or may be, in the PSA."""


class Ledger:
    """Decisions and their record within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- runs ------------------------------------------------------------------------------------------------

    def run(self, thread_id: str, plugin: str, key: str) -> RunRow | None:
        """The run that already looked at this change."""
        query = select(RunRow).where(RunRow.thread_id == thread_id, RunRow.plugin == plugin, RunRow.key == key)
        return self._session.exec(query).first()

    def runs(self, thread_id: str) -> Sequence[RunRow]:
        """All looks that plugins took at a thread, those without a wish too, oldest first."""
        return self._session.exec(select(RunRow).where(RunRow.thread_id == thread_id).order_by(col(RunRow.id))).all()

    def last_event_seen(self, thread_id: str, plugin: str) -> int | None:
        """The newest event that this plugin's finished runs on the thread have seen."""
        ids = [thread_id, *self.aliases(thread_id)]
        query = select(func.max(RunRow.last_event)).where(
            col(RunRow.thread_id).in_(ids), RunRow.plugin == plugin, RunRow.outcome != "failed"
        )
        return self._session.exec(query).one()

    def aliases(self, thread_id: str) -> list[str]:
        """Ids of threads that went into this one."""
        return list(self._session.exec(select(ThreadAliasRow.id).where(ThreadAliasRow.survivor == thread_id)))

    def add_run(self, row: RunRow) -> int:
        """Record a finished run."""
        self._session.add(row)
        self._session.flush()
        return row.id or 0

    # -- decisions -------------------------------------------------------------------------------------------

    def add(self, row: DecisionRow) -> int:
        """Record a decision."""
        self._session.add(row)
        self._session.flush()
        return row.id or 0

    def decision(self, row_id: int) -> DecisionRow | None:
        """One decision."""
        return self._session.get(DecisionRow, row_id)

    def decisions_of(self, run_id: int) -> Sequence[DecisionRow]:
        """The decisions of one run, in the order of its wishes."""
        query = select(DecisionRow).where(DecisionRow.run_id == run_id)
        return self._session.exec(query.order_by(col(DecisionRow.id))).all()

    def decisions(
        self, *, ref: Ref | None = None, plugin: str | None = None, verdict: str | None = None, limit: int = 1000
    ) -> Sequence[DecisionRow]:
        """Decisions, newest first."""
        query = select(DecisionRow)
        if ref:
            query = query.where(DecisionRow.connection == ref.connection, DecisionRow.ticket == ref.remote_id)
        if plugin:
            query = query.where(DecisionRow.plugin == plugin)
        if verdict:
            query = query.where(DecisionRow.verdict == verdict)
        return self._session.exec(query.order_by(col(DecisionRow.id).desc()).limit(limit)).all()

    def turn(self, row: DecisionRow, verdict: str, reason: str, now: datetime) -> None:
        """A decision gets another verdict; the earlier one stays on record."""
        row.history = [*row.history, {"at": row.at.isoformat(), "verdict": row.verdict, "reason": row.reason}]
        row.verdict, row.reason, row.at = verdict, reason, now
        self._session.add(row)

    def said_already(self, ref: Ref, plugin: str, verdict: str, reason: str) -> bool:
        """Whether the plugin's last word on this ticket was the same: a stop is recorded once."""
        query = select(DecisionRow).where(
            DecisionRow.connection == ref.connection, DecisionRow.ticket == ref.remote_id, DecisionRow.plugin == plugin
        )
        last = self._session.exec(query.order_by(col(DecisionRow.id).desc())).first()
        return last is not None and (last.verdict, last.reason) == (verdict, reason)

    def open_suggestions(self, ref: Ref) -> Sequence[DecisionRow]:
        """Suggestions on a ticket that nobody has answered."""
        query = select(DecisionRow).where(
            DecisionRow.connection == ref.connection,
            DecisionRow.ticket == ref.remote_id,
            DecisionRow.verdict == "suggested",
        )
        return self._session.exec(query.order_by(col(DecisionRow.id))).all()

    # -- budgets ---------------------------------------------------------------------------------------------

    def tickets_written(self, connection: str, plugin: str, since: datetime) -> set[str]:
        """Tickets that a plugin has written to, or promised to, since then."""
        query = select(WriteRow.ticket).where(
            WriteRow.connection == connection,
            WriteRow.plugin == plugin,
            col(WriteRow.created_at) >= since,
            col(WriteRow.state).in_(COUNTED),
            col(WriteRow.undoes).is_(None),
        )
        return set(self._session.exec(query))

    def tickets_suggested(self, connection: str, plugin: str, since: datetime) -> set[str]:
        """Tickets on which a plugin has suggested something since then, whatever became of it."""
        query = select(DecisionRow.ticket).where(
            DecisionRow.connection == connection,
            DecisionRow.plugin == plugin,
            col(DecisionRow.at) >= since,
            col(DecisionRow.code) != "",
        )
        return set(self._session.exec(query))

    def writes_since(self, connection: str, plugin: str, since: datetime) -> list[tuple[datetime, str]]:
        """When a plugin wrote to, or promised to, which ticket."""
        query = select(WriteRow.created_at, WriteRow.ticket).where(
            WriteRow.connection == connection,
            WriteRow.plugin == plugin,
            col(WriteRow.created_at) >= since,
            col(WriteRow.state).in_(COUNTED),
            col(WriteRow.undoes).is_(None),
        )
        return [(at, ticket) for at, ticket in self._session.exec(query)]

    def new_notes(self, connection: str, since: datetime, *, ticket: str | None = None) -> list[WriteRow]:
        """New notes promised or written since then, over all plugins; updates in place do not count."""
        query = select(WriteRow).where(
            WriteRow.connection == connection, col(WriteRow.created_at) >= since, col(WriteRow.state).in_(COUNTED)
        )
        if ticket is not None:
            query = query.where(WriteRow.ticket == ticket)
        return [row for row in self._session.exec(query) if row.action.get("kind") == "add_note"]

    # -- living notes, locks, states -------------------------------------------------------------------------

    def living(self, ref: Ref, plugin: str) -> LivingNoteRow | None:
        """The note that a plugin keeps on a ticket."""
        return self._session.get(LivingNoteRow, (ref.connection, ref.remote_id, plugin))

    def keep_living(self, row: LivingNoteRow) -> None:
        """This is the note from now on."""
        self._session.merge(row)

    def lock(self, ref: Ref, field: str, plugin: str) -> LockRow | None:
        """Why a plugin may not touch a field of a ticket, if so."""
        return self._session.get(LockRow, (ref.connection, ref.remote_id, field, plugin))

    def add_lock(self, ref: Ref, field: str, plugin: str, why: str, now: datetime) -> None:
        """Keep a plugin off a field of a ticket."""
        self._session.merge(
            LockRow(connection=ref.connection, ticket=ref.remote_id, field=field, plugin=plugin, why=why, at=now)
        )

    def our_field_writes(self, ref: Ref, field: str) -> list[WriteRow]:
        """Writes of ours to one field of a ticket that were carried out, oldest first."""
        query = select(WriteRow).where(
            WriteRow.connection == ref.connection,
            WriteRow.ticket == ref.remote_id,
            col(WriteRow.state).in_(("done", "collision", "undone")),
        )
        rows = self._session.exec(query.order_by(col(WriteRow.id)))
        return [row for row in rows if row.action.get("field") == field]

    def state(self, connection: str, plugin: str) -> PluginStateRow | None:
        """A plugin's state on a connection."""
        return self._session.get(PluginStateRow, (connection, plugin))

    def trip(self, connection: str, plugin: str, why: str, now: datetime) -> bool:
        """Put a plugin to observe until a human rearms it; False when it is so already."""
        state = self.state(connection, plugin)
        if state is None or state.tripped_at is not None:
            return False
        state.tripped_at, state.tripped_why = now, why
        self._session.add(state)
        return True

    def keep_state(self, row: PluginStateRow) -> None:
        """Remember a plugin's state."""
        self._session.merge(row)

    def canary(self, connection: str, kind: str) -> CanaryRow | None:
        """What became of the trial of one kind of write."""
        return self._session.get(CanaryRow, (connection, kind))

    def canaries(self, connection: str = "", waiting_on: str = "") -> Sequence[CanaryRow]:
        """The trials of a connection, or all there are; with a ticket, those that are not over there."""
        query = select(CanaryRow)
        if connection:
            query = query.where(CanaryRow.connection == connection)
        if waiting_on:
            query = query.where(CanaryRow.ticket == waiting_on, CanaryRow.state == "waiting")
        return self._session.exec(query).all()

    def keep_canary(self, row: CanaryRow) -> None:
        """Record a trial; it takes the place of an earlier one of its kind."""
        self._session.merge(row)

    def states(self) -> Sequence[PluginStateRow]:
        """All plugin states."""
        return self._session.exec(select(PluginStateRow)).all()

    def add_feedback(self, row: FeedbackRow) -> None:
        """A human said something of ours."""
        self._session.add(row)

    def feedback(self, ref: Ref) -> Sequence[FeedbackRow]:
        """What humans said on a ticket, oldest first."""
        query = select(FeedbackRow).where(FeedbackRow.connection == ref.connection, FeedbackRow.ticket == ref.remote_id)
        return self._session.exec(query.order_by(col(FeedbackRow.id))).all()

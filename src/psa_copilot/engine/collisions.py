"""An edit that lands between our fresh read and our write: seen afterwards, put back, counted.

No PSA has If-Match, so it cannot be prevented. Two witnesses tell of it: the PSA's own record of the field
(audit trail), and a webhook that shows the human's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from psa_copilot import logs, metrics
from psa_copilot.actions import ChangeField, action_from
from psa_copilot.engine.lines import Line
from psa_copilot.errors import PsaError
from psa_copilot.events import Source
from psa_copilot.markers import new_marker
from psa_copilot.models import Ref, Ticket
from psa_copilot.store import Store, WriteRow

log = logs.get("collisions")

RECENT = timedelta(minutes=10)
TIME_TO_RESTORE = timedelta(minutes=15)


class Collisions:
    """Looks for human edits that a field write of ours has run over."""

    def __init__(self, line: Line, store: Store) -> None:
        self._line, self._store = line, store

    async def look_back(self, row: WriteRow) -> None:
        """After a field write: do the mirror or the PSA's own record say that we overwrote somebody?"""
        action = action_from(row.action)
        if not isinstance(action, ChangeField):
            return
        theirs = self._seen_meanwhile(row, action)
        theirs = await self._recorded(row, action) if theirs is None else theirs
        if theirs is not None:
            self._collided(row, action, theirs)

    def _seen_meanwhile(self, row: WriteRow, action: ChangeField) -> str | None:
        """What a webhook or a poll showed while our request was under way, before there was anything to compare."""
        with self._store.reading() as tx:
            fresh = tx.work.write(row.id or 0)
            events = tx.mirror.field_events(self._line.ref(row.ticket), action.field)
        last = next((event for event in reversed(events) if event.source is not Source.OURS), None)
        at = (fresh.receipt or {}).get("at") if fresh else None
        if last is None or row.read_stamp is None or at is None or last.after in (action.was, action.to, None):
            return None
        return last.after if row.read_stamp <= last.happened_at <= datetime.fromisoformat(at) else None

    async def _recorded(self, row: WriteRow, action: ChangeField) -> str | None:
        """What stood there before our value came, as the PSA's audit trail says."""
        if not self._line.connector.can.history:
            return None
        try:
            history = await self._line.connector.history(self._line.ref(row.ticket))
        except PsaError as exc:
            log.info("history_unread", ticket=f"{row.connection}/{row.ticket}", why=str(exc))
            return None
        me, since = self._line.ourselves.lower(), row.read_stamp
        ours = [
            e
            for e in history
            if e.field is action.field
            and e.after == action.to
            and e.actor.lower() == me
            and (since is None or e.happened_at >= since)
        ]
        return ours[-1].before if ours and ours[-1].before not in (action.was, action.to) else None

    async def seen(self, shown: Sequence[Ticket]) -> None:
        """Webhooks showed these states: was one of them somebody's edit that we ran over?"""
        for ticket in shown:
            if not ticket.updated_by or ticket.updated_by.lower() == self._line.ourselves.lower():
                continue
            for row, action in self._recent_writes(ticket.ref):
                if self._ran_over(ticket, row, action) and await self._still_ours(ticket.ref, action):
                    self._collided(row, action, ticket.field(action.field))

    def _recent_writes(self, ref: Ref) -> list[tuple[WriteRow, ChangeField]]:
        since = self._line.clock.now() - RECENT
        with self._store.reading() as tx:
            rows = tx.work.writes(ticket=(ref.connection, ref.remote_id), state="done")
        found = [(row, action_from(row.action)) for row in rows if row.done_at and row.done_at >= since]
        return [(row, action) for row, action in found if isinstance(action, ChangeField) and row.undoes is None]

    @staticmethod
    def _ran_over(ticket: Ticket, row: WriteRow, action: ChangeField) -> bool:
        """The state lies between our read and our write, and its value is neither what we saw nor what we set."""
        at = (row.receipt or {}).get("at")
        if row.read_stamp is None or at is None or ticket.field(action.field) in (action.was, action.to):
            return False
        return row.read_stamp <= ticket.updated_at <= datetime.fromisoformat(at)

    async def _still_ours(self, ref: Ref, action: ChangeField) -> bool:
        try:
            return (await self._line.connector.ticket(ref)).field(action.field) == action.to
        except PsaError:
            return False

    def _collided(self, row: WriteRow, action: ChangeField, theirs: str) -> None:
        """The human's value stands at the end."""
        now = self._line.clock.now()
        back = ChangeField(because="a human's edit was run over", field=action.field, to=theirs, was=action.to)
        with self._store.transaction() as tx:
            fresh = tx.work.write(row.id or 0)
            if fresh is None or fresh.state != "done":
                return
            fresh.state, fresh.why = "collision", f"{action.field} was {theirs!r} by a human when we wrote"
            decision = tx.ledger.decision(row.decision_id)
            if decision:
                tx.ledger.turn(decision, "collision", fresh.why, now)
                tx.work.promise(decision, row.plugin, back, new_marker(), now, TIME_TO_RESTORE, undoes=row.id)
            ref = self._line.ref(row.ticket)
            tx.ledger.add_lock(ref, action.field.value, row.plugin, "a human set it while we wrote", now)
        metrics.COLLISIONS.inc()
        log.warning("collision", ticket=f"{row.connection}/{row.ticket}", field=action.field.value, plugin=row.plugin)

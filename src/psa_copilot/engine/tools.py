"""What plugins are handed: the past of their own, and a look at other tickets."""

from __future__ import annotations

from datetime import datetime

from psa_copilot.markers import unsigned
from psa_copilot.models import Ref, Thread, Ticket
from psa_copilot.plugin import Tools
from psa_copilot.store import Store
from psa_copilot.text import Text


class StoredPast:
    """What one plugin did on one thread before, from the ledger."""

    def __init__(self, store: Store, plugin: str, thread: Thread) -> None:
        self._store, self._plugin, self._thread = store, plugin, thread

    def last_note(self) -> str | None:
        """The text of its living note on the ticket that it would write to."""
        with self._store.reading() as tx:
            living = tx.ledger.living(self._thread.ticket.ref, self._plugin)
        return unsigned(living.body) if living else None

    def verdicts(self) -> list[tuple[str, str]]:
        """Its earlier decisions on the thread's tickets, oldest first."""
        with self._store.reading() as tx:
            rows = [
                row
                for ticket in self._thread.tickets
                for row in tx.ledger.decisions(ref=ticket.ref, plugin=self._plugin)
            ]
        return [(str(row.wish.get("kind", "")), row.verdict) for row in sorted(rows, key=lambda row: row.id or 0)]


class MirroredTickets:
    """Tickets of one connection; those of another are not there."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store, self._connection = store, connection

    def get(self, ref: Ref) -> Ticket | None:
        """One mirrored ticket."""
        if ref.connection != self._connection:
            return None
        with self._store.reading() as tx:
            return tx.mirror.ticket(ref)


def tools_for(store: Store, plugin: str, thread: Thread, now: datetime) -> Tools:
    """The tools of one plugin for one thread."""
    connection = thread.ticket.ref.connection
    return Tools(
        now=now, past=StoredPast(store, plugin, thread), tickets=MirroredTickets(store, connection), text=Text()
    )

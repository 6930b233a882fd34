"""Finds mirrored tickets that are like a thread: one index a connection, which follows the mirror.

It is built when somebody first asks. A big mirror's index is built by the child process that lets plugins learn, and
kept in the store; what has come since then is added when the next question comes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from psa_copilot.desk import Desk, is_among
from psa_copilot.engine.lines import Line
from psa_copilot.engine.remembering import loaded, stored
from psa_copilot.engine.views import confidential
from psa_copilot.models import Thread, Ticket
from psa_copilot.plugin import Similar
from psa_copilot.store import Store, Thing
from psa_copilot.store.texts import START, Place
from psa_copilot.text import Text

if TYPE_CHECKING:
    from psa_copilot.text.similarity import Index

PAGE = 500
AT_ONCE = 500
"""Tickets that are added at one question, a tenth of a second; with more to add, the child process does it."""
WIDE = 20
"""Times as many as asked for are looked at, since some may not be shown."""
NAME, KIND = "similar", "index"


class Follower:
    """An index and how far it has followed the mirror of one connection. Confidential tickets are never in it."""

    def __init__(self, store: Store, connection: str, desk: Desk | None = None) -> None:
        from psa_copilot.text.similarity import Index

        self._store, self._connection, self._desk = store, connection, desk or Desk()
        self.index: Index = Index()
        self._saved: Place = START
        self._read: Place = START
        self._epoch = self._epoch_now()

    def _epoch_now(self) -> int:
        with self._store.reading() as tx:
            return tx.memories.epoch(self._connection)

    def is_outlived(self) -> bool:
        """Somebody was erased since: it may hold their words."""
        return self._epoch_now() != self._epoch

    def load(self) -> None:
        """Go on from what the store keeps, where something is kept that this version can read."""
        from psa_copilot.text.similarity import Index

        with self._store.reading() as tx:
            row = tx.memories.recall(self._connection, "", NAME)
        if row is None:
            return
        try:
            self.index = Index.from_arrays(loaded(row.arrays), row.facts["index"])
        except (KeyError, ValueError):
            return
        self._saved, self._read = tuple(row.facts["saved"]), tuple(row.facts["read"])

    def keep(self) -> None:
        """Keep the index for other processes, unless somebody was erased while it was built."""
        arrays, facts = self.index.to_arrays()
        told = {"index": facts, "saved": self._saved, "read": self._read}
        thing = Thing(NAME, KIND, stored(arrays), json.loads(json.dumps(told)))
        with self._store.transaction() as tx:
            if tx.memories.epoch(self._connection) == self._epoch:
                tx.memories.keep(self._connection, "", thing)

    def follow(self, most: int | None = None) -> int:
        """Add what has come to the mirror since; how many tickets."""
        added = 0
        while most is None or added < most:
            with self._store.reading() as tx:
                saved, self._saved = tx.texts.saved_after(self._connection, self._saved, PAGE)
                read, self._read = tx.texts.read_after(self._connection, self._read, PAGE)
                fresh = {said.remote_id: said for said in (*saved, *read)}
                tickets = tx.texts.tickets(self._connection, list(fresh))
            if not fresh:
                break
            hidden = {number for number, ticket in tickets.items() if confidential(ticket, self._desk)}
            for number in hidden:  # it may have become confidential only now
                self.index.remove(number)
            shown = (said for number, said in fresh.items() if number not in hidden)
            self.index.add_all((said.remote_id, said.title, said.text) for said in shown)
            added += len(fresh)
        return added


class Finder:
    """Answers what is similar on one connection."""

    def __init__(self, store: Store, line: Line) -> None:
        self._store, self._line = store, line
        self._follower: Follower | None = None
        self.is_behind = False
        """More has come to the mirror than one question may wait for."""

    def renew(self) -> None:
        """The child process has kept a newer index."""
        self._follower = None

    def similar(self, thread: Thread, most: int, *, resolved: bool, own: bool) -> list[Similar]:
        """Other tickets that are like this thread, best first."""
        follower = self._following()
        case, ticket = Text().opening(thread), thread.ticket
        only = self._own(ticket) if own else None
        found = follower.index.search(case.title, case.text, most * WIDE, only, but=ticket.ref.remote_id)
        with self._store.reading() as tx:
            tickets = tx.texts.tickets(self._line.name, [one.key for one in found])
        hidden = {one.ref.remote_id for one in thread.tickets}
        return [
            Similar(self._understood(tickets[one.key]), one.score, one.shared)
            for one in found
            if one.key in tickets and one.key not in hidden and self._is_shown(tickets[one.key], resolved=resolved)
        ][:most]

    def _following(self) -> Follower:
        if self._follower is None or self._follower.is_outlived():
            self._follower = Follower(self._store, self._line.name, self._line.settings.desk)
            self._follower.load()
        self.is_behind = self._follower.follow(AT_ONCE) >= AT_ONCE
        return self._follower

    def _own(self, ticket: Ticket) -> set[str]:
        """The client's tickets; none where the company only collects what could not be assigned."""
        if is_among(ticket.company, self._line.settings.desk.catch_all):
            return set()
        with self._store.reading() as tx:
            return tx.texts.of_company(self._line.name, ticket.company_id) if ticket.company_id else set()

    def _understood(self, ticket: Ticket) -> Ticket:
        return ticket.model_copy(update={"meaning": self._line.meaning(ticket)})

    def _is_shown(self, ticket: Ticket, *, resolved: bool) -> bool:
        if ticket.merged_into or confidential(ticket, self._line.settings.desk):
            return False
        return not resolved or self._line.is_over(ticket)


def refresh(store: Store, connection: str, desk: Desk | None = None) -> int:
    """Build or renew the kept index; how many tickets were added."""
    follower = Follower(store, connection, desk)
    follower.load()
    added = follower.follow()
    if added:
        follower.keep()
    return added

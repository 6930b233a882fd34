"""Reads first what a digest needs: open tickets, what changed lately, then the messages of the open ones.

Everything goes through the sync, so that a daemon that starts later goes on from here. Nothing is written to the PSA.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psa_copilot.engine.histories import keep
from psa_copilot.engine.lines import Line
from psa_copilot.engine.sync import Sync
from psa_copilot.engine.views import origin_of
from psa_copilot.errors import PsaError, RateLimited
from psa_copilot.events import Source
from psa_copilot.models import Origin, Ticket
from psa_copilot.store import Store
from psa_copilot.survey.findings import WEEK

AT_ONCE = 4
BATCH = 100
RECENT = WEEK
CALENDAR_BACK, CALENDAR_AHEAD = timedelta(days=14), timedelta(days=180)

Told = Callable[[str, int, int], None]
"""Called with what is being read, how much of it there is already, and of how much (0: nobody knows)."""


@dataclass
class FirstReading:
    """One connection's first reading, within a time that a person waits for it."""

    line: Line
    store: Store
    sync: Sync
    told: Told
    until: float
    """By the monotonic clock; what is not read by then is left to the daemon."""

    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until

    async def read(self) -> list[str]:
        """All of it, most needed first; what was not read or refused, a line each."""
        notes: list[str] = []
        await self.sync.contact()
        await self._open_tickets()
        notes += await self._calendars()
        await self.sync.poll()
        notes += await self._messages()
        notes += await self._recent()
        return notes

    async def _open_tickets(self) -> None:
        seen = 0
        async for page in self.line.connector.open_tickets():
            self._save(page)
            seen += len(page)
            self.told("open tickets", seen, 0)
            if self.is_late():
                return

    def _save(self, page: Sequence[Ticket]) -> None:
        # What changed after the first contact is the polls' business: it may be news.
        first = self.line.first_contact
        old = [ticket for ticket in page if first is None or ticket.updated_at < first]
        with self.store.transaction() as tx:
            known = tx.standings.stamps(self.line.name, [ticket.ref.remote_id for ticket in old])
            fresh = [ticket for ticket in old if known.get(ticket.ref.remote_id) != ticket.updated_at]
            tx.mirror.save_tickets(fresh, self.line.look(Source.BACKFILL))

    async def _recent(self) -> list[str]:
        """What changed lately, closed tickets too: alerts that closed again are counted."""
        seen, connector = 0, self.line.connector
        async for page in connector.changes(connector.cursor_at(self.line.clock.now() - RECENT)):
            self._save(page.tickets)
            seen += len(page.tickets)
            self.told("tickets changed this week", seen, 0)
            if self.is_late():
                return [f"{self.line.name}: not all tickets that changed this week were read in time"]
        return []

    async def _calendars(self) -> list[str]:
        connector, now = self.line.connector, self.line.clock.now()
        if not connector.can.appointments:
            return []
        start, end = now - CALENDAR_BACK, now + CALENDAR_AHEAD
        try:
            found = await connector.appointments(start, end)
        except PsaError as exc:
            return [f"{self.line.name}: calendars could not be read: {exc.why}"]
        with self.store.transaction() as tx:
            tx.standings.keep_appointments(self.line.name, found, start=start, end=end)
        return []

    async def _messages(self) -> list[str]:
        """Messages of open tickets: persons' before alerts', those first that changed last."""
        with self.store.reading() as tx:
            unread = tx.standings.unread(self.line.name)
        unread.sort(key=lambda ticket: origin_of(ticket, self.line.settings.desk) is not Origin.PERSON)
        for done in range(0, len(unread), BATCH):
            self.told("messages of open tickets", done, len(unread))
            if self.is_late():
                return [f"{self.line.name}: messages of {len(unread) - done:,} open tickets were not read in time"]
            self._want(unread[done : done + BATCH])
            await self.sync.read_wanted()
        self.told("messages of open tickets", len(unread), len(unread))
        return []

    def _want(self, tickets: Sequence[Ticket]) -> None:
        with self.store.transaction() as tx:
            for ticket in tickets:
                tx.mirror.want(ticket.ref, "messages")

    # -- the past --------------------------------------------------------------------------------------------

    async def histories(self, tickets: Sequence[Ticket], of: int) -> str:
        """The PSA's own record of these tickets' fields, kept; why it is not whole, or nothing."""
        if not self.line.connector.can.history:
            return "the PSA keeps no history that we may read: only what happened since we came is known"
        gate, done = asyncio.Semaphore(AT_ONCE), [0]

        async def one(ticket: Ticket) -> None:
            async with gate:
                if not self.is_late():
                    keep(self.store, self.line, [(ticket.ref, await self.line.connector.history(ticket.ref))])
                    done[0] += 1
                    self.told("histories", done[0], len(tickets))

        ends = await asyncio.gather(*map(one, tickets), return_exceptions=True)
        failed = next((end for end in ends if isinstance(end, BaseException)), None)
        if failed is not None and not isinstance(failed, PsaError):
            raise failed
        if failed is not None:
            return f"not all histories could be read: {failed.why}"
        return "" if done[0] >= of else f"histories of {done[0]:,} of {of:,} tickets were read, the likeliest first"


async def directory(line: Line) -> str:
    """Who works there, where only the mirror is read besides; why it is not known, or nothing."""
    try:
        line.directory = await line.connector.directory()
    except PsaError as exc:
        hint = " for now" if isinstance(exc, RateLimited) else ""
        return f"{line.name}: the PSA does not tell{hint} who works there: {exc.why}"
    return ""

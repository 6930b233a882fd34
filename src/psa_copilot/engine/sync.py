"""Reads the PSA into the mirror: webhooks, polls, the backfill, and the slow sweeps behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from psa_copilot import logs, metrics
from psa_copilot.connector import Delivery
from psa_copilot.engine.collisions import Collisions
from psa_copilot.engine.hands import by_whom
from psa_copilot.engine.lines import Line, is_news, owe
from psa_copilot.errors import NotFound, NotReady, RateLimited, Rejected, Unsupported
from psa_copilot.events import Source
from psa_copilot.http import background
from psa_copilot.models import Pulled, Ref, Thread, Ticket
from psa_copilot.store import Hands, InboxRow, Look, Store, Transaction

log = logs.get("sync")

OVERLAP = timedelta(seconds=60)
"""Polls look this far back past the last stamp: searches may show a change late."""
TOO_FAR = timedelta(days=1)
"""No ticket has changed so far ahead of the PSA's clock."""
SECOND = timedelta(seconds=1)
AT_ONCE = 4  # tickets that are read side by side
BATCH = 50
OLD_AT_ONCE = 250
SWEEP_RECENT = timedelta(days=2)
SWEEP_AFTER = timedelta(minutes=10)
LOCKS_KEPT = 5000
SICK_AFTER = 3  # failed reads of one ticket after which it is worth a line in the log
LONGEST_PAUSE = timedelta(minutes=5)
CALENDAR_BACK, CALENDAR_AHEAD = timedelta(days=14), timedelta(days=180)

Progress = Callable[[str, int, int], None]
"""Called with the connection's name, its mirrored tickets and its mirrored messages."""


class Sync:
    """Keeps one connection's mirror fresh. `owed` is called when there is something to think about."""

    def __init__(self, line: Line, store: Store, owed: Callable[[], None]) -> None:
        self.line, self._store, self._owed = line, store, owed
        self._locks: dict[str, asyncio.Lock] = {}
        self._read_began: dict[str, datetime] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._sick: dict[str, tuple[int, datetime]] = {}
        self._forgot_at = line.clock.now()
        self._collisions = Collisions(line, store)

    # -- contact ---------------------------------------------------------------------------------------------

    async def contact(self) -> None:
        """Reach the PSA and learn who and what exists there; the first time ever is remembered."""
        await self.line.connector.known_good()
        now = self.line.connector.http.psa_now().replace(microsecond=0)
        with self._store.transaction() as tx:
            flag = tx.work.flag(self.line.name, "first_contact")
            if flag is None:
                tx.work.set_flag(self.line.name, "first_contact", now.isoformat(), self.line.clock.now())
                tx.work.move_cursor(self.line.name, "changes", self.line.connector.cursor_at(now))
        self.line.first_contact = datetime.fromisoformat(flag.value) if flag else now
        # Last, since its end lets the other ticks begin: they must know what is old and what is news.
        await self.look_around()

    async def look_around(self) -> None:
        """Who and what exists there changes: people come and go, boards get new statuses."""
        directory, fingerprint = await self.line.connector.directory(), await self.line.connector.fingerprint()
        self.line.directory, self.line.fingerprint = directory, fingerprint  # together: a canary goes by both

    async def read_calendars(self) -> None:
        """Who has planned what, and who is off."""
        if not self.line.connector.can.appointments:
            return
        now = self.line.connector.http.psa_now()
        start, end = now - CALENDAR_BACK, now + CALENDAR_AHEAD
        with background():
            there = await self.line.connector.appointments(start, end)
        with self._store.transaction() as tx:
            tx.standings.keep_appointments(self.line.name, there, start=start, end=end)

    async def read_contacts(self) -> None:
        """The people at clients."""
        if not self.line.connector.can.contacts:
            return
        with background():
            async for page in self.line.connector.contacts():
                with self._store.transaction() as tx:
                    tx.standings.keep_contacts(self.line.name, page)

    async def read_allowance(self) -> None:
        """What the PSA's own limit leaves to everybody; background work goes by it."""
        allowance = await self.line.connector.allowance()
        if allowance and self.line.budget:
            self.line.budget.told(allowance)

    # -- webhooks --------------------------------------------------------------------------------------------

    async def receive(self, delivery: Delivery) -> None:
        """Verify one webhook and keep it; raises Forged, or NotReady when it could not be judged."""
        hints = await self.line.connector.read_webhook(delivery)
        now = self.line.clock.now()
        with self._store.transaction() as tx:
            for hint in hints:
                value = hint.ticket.model_dump(mode="json") if hint.ticket else None
                tx.work.keep_delivery(self.line.name, hint.key, hint.remote_id, value, now, deleted=hint.deleted)

    async def drain_inbox(self) -> None:
        """Take in the webhooks that were kept."""
        with self._store.reading() as tx:
            rows = tx.work.inbox(self.line.name)
        by_ticket: dict[str, list[InboxRow]] = {}
        for row in rows:
            by_ticket.setdefault(row.remote_id, []).append(row)
        await _all(self._take_in(self.line.ref(remote_id), its_rows) for remote_id, its_rows in by_ticket.items())

    async def _take_in(self, ref: Ref, rows: Sequence[InboxRow]) -> None:
        shown = [Ticket.model_validate(row.value) for row in rows if row.value]
        async with self._gate, self._lock(ref):
            with self._by_itself(ref):
                await self._believe(ref, rows, shown)
            with self._store.transaction() as tx:
                # What could not be read now is marked as wanted, unless nothing at all is known of the ticket yet.
                if self._is_well(ref) or tx.mirror.row(ref):
                    tx.work.delivered([row.id or 0 for row in rows], self.line.clock.now())
        self._owed()

    async def _believe(self, ref: Ref, rows: Sequence[InboxRow], shown: list[Ticket]) -> None:
        if any(row.deleted for row in rows):
            await self._maybe_gone(ref)
        elif shown:
            await self._take_entities(ref, shown, max(row.received_at for row in rows))
        else:
            await self._refresh(ref)

    async def _take_entities(self, ref: Ref, shown: list[Ticket], delivered_at: datetime) -> None:
        """Believe what genuine webhooks showed, in the order of its stamps; where that is no order, look again."""
        shown, hands = await by_whom(self.line, self._store, sorted(shown, key=lambda ticket: ticket.updated_at))
        with self._store.transaction() as tx:
            before = tx.mirror.ticket(ref)
            clear = [ticket for ticket in shown if not _has_rival(ticket, [*shown, *([before] if before else [])])]
            look = self.line.look(Source.WEBHOOK)
            events = [event for ticket in clear for event in tx.mirror.save_tickets([ticket], look, hands)]
            covered = self._is_covered(tx, shown[-1], delivered_at)
            row = tx.mirror.row(ref)
            was_read = bool(row and row.messages_at and row.messages_at >= shown[-1].updated_at)
            if events and covered:
                owe(tx, self.line, ref, events)
            elif not covered:
                tx.mirror.want(ref, "change" if events else "messages")
        await self._collisions.seen(shown)
        is_again = was_read and len(clear) == len(shown)
        if not covered and (is_again or (before and self._is_echo(shown, before))):
            return  # left to `read_wanted`, past the stamp's second: once, where reading now would have to be repeated
        if not covered and len(clear) < len(shown):
            await self._refresh(ref)
        elif not covered:
            await self._read_messages(shown[-1])

    def _is_echo(self, shown: Sequence[Ticket], before: Ticket) -> bool:
        """Only what we wrote ourselves comes home; a note that moves no stamp may be anybody's."""
        us = self.line.ourselves.lower()
        moved = all(ticket != before and ticket.updated_at >= before.updated_at for ticket in shown)
        return bool(us) and moved and all(ticket.updated_by.lower() == us for ticket in shown)

    def _is_covered(self, tx: Transaction, ticket: Ticket, delivered_at: datetime) -> bool:
        """The ticket was read after this was delivered, so the mirror contains whatever it told of."""
        row = tx.mirror.row(ticket.ref)
        if row is None or row.messages_at is None or row.messages_at < ticket.updated_at:
            return False
        began = self._read_began.get(ticket.ref.remote_id)
        return not tx.mirror.needs_messages(ticket) or (began is not None and began >= delivered_at)

    # -- polls -----------------------------------------------------------------------------------------------

    async def poll(self) -> None:
        """One look at what changed since the last one; then what is wanted is read, leftovers of the last look too."""
        began = self.line.clock.now()
        with self._store.reading() as tx:
            cursor = tx.work.cursor(self.line.name, "changes") or ""
        async for page in self.line.connector.changes(self._back(cursor)):
            tickets, hands = await by_whom(self.line, self._store, page.tickets)
            self._save_page(tickets, hands, page.cursor)
            self.line.answered(began)
            await self.read_wanted()
        self.line.answered(began)
        await self.read_wanted()
        self._owed()

    def _back(self, cursor: str) -> str:
        """The cursor, an overlap earlier, though never before the first contact."""
        first = self.line.first_contact
        moment = self._readable("changes", cursor)
        if moment is None:  # everything since then is read again, and nothing in it is news twice
            moment = first or self.line.clock.now()
        return self.line.connector.cursor_at(max(moment - OVERLAP, first) if first else moment)

    def _readable(self, walk: str, cursor: str) -> datetime | None:
        """The time that a cursor stands for; None, and a warning, where none of ours has written it."""
        try:
            moment = datetime.fromisoformat(cursor)
        except ValueError:
            moment = None
        if moment and moment.tzinfo and moment < self.line.connector.http.psa_now() + TOO_FAR:
            return moment
        log.warning("cursor_unreadable", connection=self.line.name, walk=walk, cursor=cursor[:60])
        return None

    def _save_page(self, tickets: list[Ticket], hands: Hands, cursor: str) -> None:
        """Rows and cursor move in one transaction; what is to be read and thought about is marked in it too."""
        with self._store.transaction() as tx:
            events = tx.mirror.save_tickets(tickets, self.line.look(Source.POLL), hands)
            stale = {ticket.ref for ticket in tickets if tx.mirror.needs_messages(ticket)}
            changed = {event.ticket for event in events if is_news([event])}
            for ref in stale:
                tx.mirror.want(ref, "change" if ref in changed else "messages")
            for ref in changed - stale:
                owe(tx, self.line, ref, [event for event in events if event.ticket == ref])
            tx.work.move_cursor(self.line.name, "changes", cursor)

    async def read_wanted(self) -> None:
        """Read the messages that are wanted, each ticket once."""
        tried: set[Ref] = set()
        while True:
            with self._store.reading() as tx:
                found = tx.mirror.wanted(self.line.name)
            wanted = [t for t in found if t.ref not in tried and self._is_well(t.ref)][:BATCH]
            if not wanted:
                return
            tried |= {ticket.ref for ticket in wanted}
            await self._settle_second(wanted[-1])
            together = await self._read_together(wanted)
            await _all(self._read_one(ticket) for ticket in wanted if ticket.ref not in together)
            self._owed()

    async def _read_one(self, ticket: Ticket) -> None:
        async with self._gate, self._lock(ticket.ref):
            with self._store.reading() as tx:
                row = tx.mirror.row(ticket.ref)
            if row is not None and row.wants and self._is_well(ticket.ref):
                with self._by_itself(ticket.ref):
                    await self._read_messages(ticket)

    @contextmanager
    def _by_itself(self, ref: Ref) -> Iterator[None]:
        """One ticket that cannot be read stays owed and is tried more and more rarely; the others go on.

        Whether the PSA itself is away is for the walk over changes to find out.
        """
        try:
            yield
        except RateLimited:
            raise
        except NotReady as exc:
            tries, _ = self._sick.get(ref.remote_id, (0, self.line.clock.now()))
            self._sick[ref.remote_id] = (tries + 1, self.line.clock.now() + min(LONGEST_PAUSE, SECOND * 2**tries))
            if tries == SICK_AFTER:
                log.warning("ticket_unreadable", ticket=str(ref), why=str(exc))
        else:
            self._sick.pop(ref.remote_id, None)

    def _is_well(self, ref: Ref) -> bool:
        _, until = self._sick.get(ref.remote_id, (0, self.line.clock.now()))
        return until <= self.line.clock.now()

    async def _settle_second(self, newest: Ticket) -> None:
        # Stamps have whole seconds: within its second a ticket can change again under the same stamp.
        left = (newest.updated_at + SECOND - self.line.connector.http.psa_now()).total_seconds()
        await self.line.clock.sleep(min(1.0, left))

    # -- reading one ticket ----------------------------------------------------------------------------------

    def _lock(self, ref: Ref) -> asyncio.Lock:
        if len(self._locks) > LOCKS_KEPT:
            self._locks = {key: lock for key, lock in self._locks.items() if lock.locked()}
            self._read_began.clear()
            self._forgot_at = self.line.clock.now()
        return self._locks.setdefault(ref.remote_id, asyncio.Lock())

    async def _refresh(self, ref: Ref) -> None:
        """Read a ticket whole."""
        with self._store.transaction() as tx:
            tx.mirror.want(ref, "messages")
        try:
            ticket = await self.line.connector.ticket(ref)
        except NotFound:
            await self._maybe_gone(ref)
            return
        [ticket], hands = await by_whom(self.line, self._store, [ticket])
        with self._store.transaction() as tx:
            events = tx.mirror.save_tickets([ticket], self.line.look(Source.WEBHOOK), hands)
            tx.mirror.want(ref, "change" if events else "messages")
        await self._read_messages(ticket)

    async def _read_messages(self, ticket: Ticket) -> None:
        """Under the ticket's lock."""
        look = self.line.look(Source.POLL)
        self._read_began[ticket.ref.remote_id] = look.now
        pulled = await self._ask_for_messages(ticket)
        if pulled is not None:
            self._keep_messages(pulled, look)

    async def _ask_for_messages(self, ticket: Ticket) -> Pulled | None:
        """None where there is nothing to be had, which is settled then."""
        try:
            return await self.line.connector.messages(ticket)
        except NotFound:
            await self._maybe_gone(ticket.ref)
        except (Rejected, Unsupported) as exc:
            log.warning("messages_refused", ticket=str(ticket.ref), why=str(exc))
            with self._store.transaction() as tx:
                row = tx.mirror.row(ticket.ref)
                owe(tx, self.line, ticket.ref, [], always=row is not None and row.wants == "change")
                tx.mirror.unwant(ticket.ref)
        return None

    def _keep_messages(self, pulled: Pulled, look: Look) -> None:
        ref = pulled.ticket.ref
        with self._store.transaction() as tx:
            row = tx.mirror.row(ref)
            owes = row is not None and row.wants == "change"
            events = tx.mirror.save_messages(pulled.ticket, pulled.messages, look)
            owe(tx, self.line, ref, events, always=owes)
            self._want_siblings(tx, ref)
            doubled = [m for m in tx.mirror.doubled(ref) if self._is_new_alarm(tx, m)]
        for marker in doubled:
            metrics.DOUBLES.inc()
            log.error("write_doubled", ticket=str(ref), marker=marker)

    async def _read_together(self, tickets: Sequence[Ticket]) -> set[Ref]:
        """Messages of several tickets in few requests, where the PSA tells them so; which tickets that were.

        What is not among them is for a read of its own, which also tells what is the matter with it.
        """
        kept, size = set[Ref](), self.line.connector.at_once
        if size < 2 or len(tickets) < 2:
            return kept
        for start in range(0, len(tickets), size):
            look = self.line.look(Source.POLL)
            try:
                found = await self.line.connector.messages_of(tickets[start : start + size])
            except RateLimited:
                raise
            except (NotReady, NotFound, Rejected, Unsupported):
                break
            for pulled in found:
                await self._keep_if_newest(pulled, look)
                kept.add(pulled.ticket.ref)
        return kept

    async def _keep_if_newest(self, pulled: Pulled, look: Look) -> None:
        """Of a read that held no lock, so that nobody had to wait for it: who has begun since knows more."""
        ref = pulled.ticket.ref
        async with self._lock(ref):
            if max(self._read_began.get(ref.remote_id, look.now), self._forgot_at) <= look.now:
                self._read_began[ref.remote_id] = look.now
                self._keep_messages(pulled, look)
        await asyncio.sleep(0)  # a lock that is free lets nobody else have a turn

    async def look_again(self) -> None:
        """Read again what was read so early that something may not have shown."""
        with self._store.transaction() as tx:
            due = tx.mirror.doubted(self.line.name, self.line.connector.http.psa_now(), BATCH)
            for ref in due:
                tx.mirror.want(ref, "messages")
        if due:
            await self.read_wanted()

    @staticmethod
    def _want_siblings(tx: Transaction, ref: Ref) -> None:
        """The other tickets of the thread are part of the story, however old they are."""
        row = tx.mirror.row(ref)
        for sibling in tx.mirror.tickets_of(row.thread_id) if row else ():
            if sibling.message_state == "none":
                tx.mirror.want(Ref(connection=sibling.connection, remote_id=sibling.remote_id), "change")

    def _is_new_alarm(self, tx: Transaction, marker: str) -> bool:
        if tx.work.flag(self.line.name, f"doubled {marker}"):
            return False
        tx.work.set_flag(self.line.name, f"doubled {marker}", "said", self.line.clock.now())
        return True

    async def glance(self, ref: Ref) -> Thread:
        """A thread with this ticket as it stands in the PSA now; the mirror is left as it is."""
        pulled = await self.line.connector.pull(ref)
        with self._store.reading() as tx:
            mirrored = tx.mirror.thread_of(ref)
            messages = [tx.mirror.claim(message, self.line.look(Source.POLL))[0] for message in pulled.messages]
        known = mirrored or Thread(id=str(ref), revision=0, tickets=(pulled.ticket,))
        others = [message for message in known.messages if message.ticket != ref]
        tickets = tuple(pulled.ticket if ticket.ref == ref else ticket for ticket in known.tickets)
        ordered = sorted([*others, *messages], key=lambda message: message.sent_at)
        return known.model_copy(update={"tickets": tickets, "messages": tuple(ordered)})

    async def _maybe_gone(self, ref: Ref) -> None:
        """A 404 may also mean that our key was rotated: archived only if a known-good read succeeds right after.

        And right before: a key that was put right between the two would bear false witness.
        """
        await self.line.connector.known_good()
        try:
            await self.line.connector.ticket(ref)
        except NotFound:
            await self.line.connector.known_good()
            with self._store.transaction() as tx:
                tx.mirror.delete(ref, self.line.look(Source.POLL))
            log.info("ticket_archived", ticket=str(ref))

    # -- the background --------------------------------------------------------------------------------------

    async def expects(self) -> str:
        """How long the first sync will take, in words; empty where it has begun, or where nobody knows."""
        first, name, budget = self.line.first_contact, self.line.name, self.line.budget
        with self._store.reading() as tx:
            has_begun = tx.work.cursor(name, "backfill") is not None or tx.work.flag(name, "backfilled") is not None
        if first is None or has_begun or budget is None:
            return ""
        try:
            expected = await self.line.connector.expected(first - self.line.settings.backfill)
        except (Rejected, NotFound, Unsupported):
            return ""
        return expected.told(budget.lasts(expected.requests), self.line.settings.rate) if expected else ""

    async def backfill(self, progress: Progress | None = None) -> None:
        """Read the tickets of the last `backfill` into the mirror; resumes where it stopped, makes no change."""
        first, name = self.line.first_contact, self.line.name
        with self._store.reading() as tx:
            cursor, is_done = tx.work.cursor(name, "backfill"), tx.work.flag(name, "backfilled") is not None
            there = tx.mirror.counts(name)
        if first is None or is_done:
            return
        if cursor and not self._readable("backfill", cursor):
            cursor = None
        with background():
            # While one page is saved, the next one is read; webhooks are answered meanwhile.
            saving: Awaitable[None] = asyncio.sleep(0)
            async for page in self.line.connector.changes(cursor or self._start_of_backfill(first)):
                old = [ticket for ticket in page.tickets if ticket.updated_at < first]
                await saving
                saving = asyncio.ensure_future(asyncio.to_thread(self._save_old, old, page.cursor))
                there["tickets"] += len(old)
                if progress:
                    progress(name, there["tickets"], there["messages"])
                log.info("backfill_page", connection=name, **there)
                if len(old) < len(page.tickets):
                    break  # from here on everything is the polls' business
            await saving
        with self._store.transaction() as tx:
            tx.work.set_flag(name, "backfilled", "yes", self.line.clock.now())

    def _start_of_backfill(self, first: datetime) -> str:
        return self.line.connector.cursor_at(first - self.line.settings.backfill)

    def _save_old(self, tickets: list[Ticket], cursor: str) -> None:
        with self._store.transaction() as tx:
            tx.mirror.save_tickets(tickets, self.line.look(Source.BACKFILL))
            tx.work.move_cursor(self.line.name, "backfill", cursor)

    async def read_old_messages(self) -> int:
        """Messages of some tickets that nothing has happened to: open ones first. Returns how many tickets."""
        tickets = await asyncio.to_thread(self._unread)
        await self._read_again(tickets)
        return len(tickets)

    def _unread(self) -> list[Ticket]:
        """The next ones, in a thread and many at once: on a big desk, choosing them takes longer than a webhook may."""
        with self._store.reading() as tx:
            return tx.mirror.wanting_messages(self.line.name, OLD_AT_ONCE)

    async def sweep_recent(self) -> None:
        """Messages that did not move their ticket's stamp are found by looking again."""
        if self.line.connector.can.message_bumps_ticket == "yes":
            return
        now = self.line.connector.http.psa_now()
        with self._store.reading() as tx:
            tickets = tx.mirror.recent_open(self.line.name, now - SWEEP_RECENT, now - SWEEP_AFTER, BATCH)
        await self._read_again(tickets)

    async def _read_again(self, tickets: list[Ticket]) -> None:
        with background():
            together = await self._read_together(tickets)
            for ticket in tickets:
                if ticket.ref not in together:
                    look = self.line.look(Source.POLL)
                    pulled = await self._ask_for_messages(ticket)
                    if pulled is not None:
                        await self._keep_if_newest(pulled, look)
        self._owed()

    async def sweep_deleted(self) -> None:
        """Deletions are invisible to polls: a walk over all ids finds them."""
        there: set[str] = set()
        with background():
            async for ids in self.line.connector.ids():
                there |= set(ids)
            with self._store.reading() as tx:
                missing = tx.mirror.live_ids(self.line.name) - there
            for remote_id in sorted(missing):
                await self._maybe_gone(self.line.ref(remote_id))


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them to their end; the first error then."""
    ends = await asyncio.gather(*works, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end


def _has_rival(ticket: Ticket, others: Sequence[Ticket]) -> bool:
    """Another state under the same whole-second stamp: only a fresh read tells which one is the last."""
    return any(other.updated_at == ticket.updated_at and other != ticket for other in others)

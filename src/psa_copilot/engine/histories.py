"""What the PSA itself has recorded of its tickets' fields from before we came: read once a ticket, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from psa_copilot.engine.lines import Line
from psa_copilot.errors import NotFound
from psa_copilot.events import Event, Source
from psa_copilot.http import background
from psa_copilot.models import Ref
from psa_copilot.store import Store

NOT_TOLD = "the PSA's own history tells nothing of any ticket; `psa-copilot check` says whether we may read it"
AT_ONCE = 4
BATCH = 100


def keep(store: Store, line: Line, told: Sequence[tuple[Ref, Sequence[Event]]], *, readable: bool = False) -> None:
    """Keep it once: what happened before we came is in no poll, and what happened since is.

    Only where it is known to be `readable` does an empty one tell that nothing has changed.
    """
    look = line.look(Source.HISTORY)
    with store.transaction() as tx:
        for ref, events in told:
            if tx.standings.row(ref).history_at is None and (events or readable):
                old = (event for event in events if event.happened_at < look.first_contact)
                tx.mirror.record(map(look.known, old))
                tx.standings.history_read(ref, look.now)


async def read(line: Line, store: Store, tickets: Sequence[str], told: Callable[[int, int], None]) -> str:
    """The records of these tickets, one request each, behind everything else in the budget; why not all, or nothing.

    Where nothing is told of a hundred of them, we may not read it: that is no proof that nothing has changed.
    """
    if not line.connector.can.history:
        return "the PSA keeps no history that we may read: only what happened since we came is known"
    readable = False
    for done in range(0, len(tickets), BATCH):
        told(done, len(tickets))
        found = await _batch(line, [line.ref(ticket) for ticket in tickets[done : done + BATCH]])
        readable = readable or any(events for _, events in found)
        if not readable:
            return NOT_TOLD
        keep(store, line, found, readable=True)
    told(len(tickets), len(tickets))
    return ""


async def _batch(line: Line, refs: Sequence[Ref]) -> list[tuple[Ref, Sequence[Event]]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(ref: Ref) -> tuple[Ref, Sequence[Event]] | None:
        async with gate:
            try:
                return ref, await line.connector.history(ref)
            except NotFound:
                return None

    with background():
        found = await asyncio.gather(*map(one, refs))
    return [each for each in found if each is not None]

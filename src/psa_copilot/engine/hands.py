"""Who set a field, by the PSA's own history: a ticket tells its last hand at most, which may be a rule's."""

from __future__ import annotations

from collections.abc import Sequence

from psa_copilot import logs
from psa_copilot.engine.lines import Line
from psa_copilot.errors import PsaError, RateLimited
from psa_copilot.events import Event, Source
from psa_copilot.models import Ref, Ticket
from psa_copilot.store import Hands, Store

log = logs.get("hands")


async def by_whom(line: Line, store: Store, tickets: Sequence[Ticket]) -> tuple[list[Ticket], Hands]:
    """The same tickets, and who set what on those that do not tell it; the PSA is asked about these only."""
    if not line.connector.can.history:
        return [*tickets], {}
    with store.reading() as tx:
        doubtful = tx.mirror.unexplained(tickets, line.look(Source.POLL))
    told = {ref: await _history(line, ref) for ref in doubtful}
    hands = {ref: {e.field: e.actor for e in events if e.field and e.actor} for ref, events in told.items()}
    return [_with_last_hand(ticket, told.get(ticket.ref, [])) for ticket in tickets], hands


async def _history(line: Line, ref: Ref) -> list[Event]:
    """Nothing where it cannot be read now."""
    try:
        return await line.connector.history(ref)
    except RateLimited:
        raise
    except PsaError as exc:
        log.info("history_unread", ticket=str(ref), why=str(exc))
        return []


def _with_last_hand(ticket: Ticket, told: Sequence[Event]) -> Ticket:
    return ticket if ticket.updated_by or not told else ticket.model_copy(update={"updated_by": told[-1].actor})

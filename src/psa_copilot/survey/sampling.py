"""Reads as much of a desk as a proposal needs, and no more."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from psa_copilot.connector import Connector
from psa_copilot.errors import NotFound, NotReady, PsaError, Rejected
from psa_copilot.models import Contact, Message, Ticket
from psa_copilot.survey.proposal import Sample

BACK = timedelta(days=14)
OF_A_STATUS = 6
AT_ONCE = 4
MOST_CONTACTS = 5_000

Told = Callable[[str, int, int], None]


async def sample(connector: Connector, now: datetime, *, tickets: int, threads: int, told: Told) -> Sample:
    """Recent tickets, the messages of some in each status, and contacts where the PSA shows them."""
    directory = await connector.directory()
    found = await _tickets(connector, now, tickets, told)
    messages = await _messages(connector, _spread(found, threads), told)
    contacts = await _contacts(connector, told)
    oldest = min((ticket.updated_at for ticket in found), default=now)
    return Sample(directory, found, messages, contacts, min(BACK, now - oldest).days + 1)


async def _tickets(connector: Connector, now: datetime, most: int, told: Told) -> list[Ticket]:
    """Half of them open ones, whenever they changed last, the rest what changed lately."""
    found: dict[str, Ticket] = {}
    async for page in connector.open_tickets():
        found |= {ticket.ref.remote_id: ticket for ticket in page}
        told("tickets", len(found), most)
        if len(found) >= most // 2:
            break
    async for changed in connector.changes(connector.cursor_at(now - BACK)):
        found |= {ticket.ref.remote_id: ticket for ticket in changed.tickets}
        told("tickets", len(found), most)
        if len(found) >= most:
            break
    return list(found.values())


def _spread(tickets: Iterable[Ticket], most: int) -> list[Ticket]:
    """Some of every status of every board, the newest of each; then more, as far as there is room."""
    groups: dict[tuple[str, str], list[Ticket]] = defaultdict(list)
    for ticket in sorted(tickets, key=lambda ticket: ticket.updated_at, reverse=True):
        groups[ticket.board, ticket.status].append(ticket)
    first = [ticket for group in groups.values() for ticket in group[:OF_A_STATUS]]
    more = [ticket for group in groups.values() for ticket in group[OF_A_STATUS:]]
    return [*first, *more][:most]


async def _messages(connector: Connector, tickets: Sequence[Ticket], told: Told) -> dict[str, Sequence[Message]]:
    gate, found = asyncio.Semaphore(AT_ONCE), dict[str, Sequence[Message]]()

    async def one(ticket: Ticket) -> None:
        async with gate:
            try:
                found[ticket.ref.remote_id] = (await connector.messages(ticket)).messages
            except (NotFound, Rejected):
                return  # gone meanwhile, or not ours to read
            told("threads", len(found), len(tickets))

    await asyncio.gather(*map(one, tickets))
    return found


async def _contacts(connector: Connector, told: Told) -> list[Contact]:
    found: list[Contact] = []
    if not connector.can.contacts:
        return found
    try:
        async for page in connector.contacts():
            found += page
            told("contacts", len(found), 0)
            if len(found) >= MOST_CONTACTS:
                break
    except NotReady:
        raise
    except PsaError:
        return found  # `check` says which right is missing
    return found

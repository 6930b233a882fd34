"""Which tickets make one thread. Rules only: similarity may propose, it never joins."""

from __future__ import annotations

import re

from psa_copilot.models import Ref, Ticket

_QUOTED = re.compile(r"(?:\bticket\b|\bcase\b|\breopen(?:ed|ing)?\b|\bre:)[^#\d]{0,12}#?\s?(\d{3,9})\b", re.IGNORECASE)


def linked(ticket: Ticket) -> list[Ref]:
    """The tickets that this one says it belongs with: its merge target, its parent, numbers quoted in its title."""
    numbers = [ticket.merged_into, ticket.parent, *_QUOTED.findall(ticket.title)]
    return [Ref(connection=ticket.ref.connection, remote_id=number) for number in numbers if number]

"""When the plugins would have been asked: what happens to a ticket within one poll is thought about once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from psa_copilot.store import Happening


@dataclass
class Moment:
    """A ticket is looked at, with everything that could be known of it by then."""

    at: datetime
    ticket: str
    by_others: bool


def moments(happenings: Iterable[Happening], gather: timedelta) -> Iterator[Moment]:
    """In the order of time. That there is a moment, and when, follows from what happened up to it alone."""
    waiting: deque[Moment] = deque()
    of_ticket: dict[str, Moment] = {}
    for one in happenings:
        while waiting and waiting[0].at < one.at:
            yield _next(waiting, of_ticket)
        if one.ticket in of_ticket:
            of_ticket[one.ticket].by_others |= one.by_others
        else:
            of_ticket[one.ticket] = Moment(one.at + gather, one.ticket, one.by_others)
            waiting.append(of_ticket[one.ticket])
    while waiting:
        yield _next(waiting, of_ticket)


def _next(waiting: deque[Moment], of_ticket: dict[str, Moment]) -> Moment:
    moment = waiting.popleft()
    del of_ticket[moment.ticket]
    return moment

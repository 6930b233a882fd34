"""A line: one configured connection while the daemon runs, with its health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from psa_copilot import logs, metrics
from psa_copilot.calendar import Calendar, Calendars
from psa_copilot.clock import Clock
from psa_copilot.connector import ConnectionSettings, Connector
from psa_copilot.engine.budget import TenantBudget
from psa_copilot.engine.views import confidential, origin_of
from psa_copilot.errors import AuthFailed, PsaError, RateLimited
from psa_copilot.events import Event, Source
from psa_copilot.models import OVER, ActorClass, Board, Directory, Meaning, Origin, Ref, Status, Thread, Ticket
from psa_copilot.store import Look, Transaction

log = logs.get("line")

CALM = timedelta(seconds=15)
"""Without a 429 for so long, a storm of them is over; in its midst many requests go through."""


@dataclass
class Line:
    """One PSA tenant: its connector, who and what exists there, and whether it answers."""

    name: str
    settings: ConnectionSettings
    connector: Connector
    clock: Clock
    directory: Directory | None = None
    first_contact: datetime | None = None
    why: str = "not reached yet"
    """Empty while all is well."""
    locked_out: bool = False
    """Our credentials are not accepted: nothing is written until a probe succeeds."""
    fingerprint: str = ""
    """Of the PSA's settings that decide what a write sets off."""
    budget: TenantBudget | None = None
    """What its requests wait in; None where they go another way."""
    returns: int = 0
    """How often the PSA has come back."""
    _warned: bool = field(default=False, repr=False)
    _limited_at: datetime | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.connector.http.when_limited(self.went_away)

    @property
    def ok(self) -> bool:
        """Whether the PSA answers us."""
        return not self.why

    def went_away(self, error: PsaError) -> None:
        """The PSA did not answer; said once per outage."""
        self.why, self.locked_out = str(error), isinstance(error, AuthFailed)
        if isinstance(error, RateLimited):
            self._limited_at = self.clock.now()
        if not self._warned:
            self._warned = True
            metrics.OUTAGES.labels(self.name).inc()
            log.warning("psa_away", connection=self.name, why=str(error))

    def answered(self, began: datetime) -> None:
        """A poll that began then was told what changed: the PSA is there, unless a 429 was in the way just now."""
        long_ago = self.clock.now() - 2 * self.settings.poll_every
        if self._limited_at and self._limited_at >= max(began, long_ago):
            return
        if not self.ok:
            self.returns += 1
        self.why, self.locked_out = "", False

    def went_well(self) -> None:
        """A whole poll went through; that the PSA is back is said once per outage."""
        is_calm = self._limited_at is None or self.clock.now() - self._limited_at >= CALM
        if self._warned and self.ok and is_calm:
            self._warned = False
            log.info("psa_back", connection=self.name)

    def look(self, source: Source) -> Look:
        """The circumstances of a read that begins now."""
        people = self.directory.technicians if self.directory else ()
        classes = {p.identifier.lower(): ActorClass.INTEGRATION if p.is_api else ActorClass.TECHNICIAN for p in people}
        return Look(
            now=self.clock.now(),
            psa_now=self.connector.http.psa_now(),
            source=source,
            first_contact=self.first_contact or self.clock.now(),
            ourselves=self.ourselves,
            hides_for=self.settings.write_grace if self.connector.shows_late else timedelta(),
            people=classes,
            is_person=lambda ticket: origin_of(ticket, self.settings.desk) is Origin.PERSON,
            client_it=frozenset(name.casefold() for name in self.settings.desk.client_it),
        )

    @property
    def ourselves(self) -> str:
        """Identifier of the account that we act as."""
        return self.directory.ourselves if self.directory else ""

    @property
    def programs(self) -> frozenset[str]:
        """Other API accounts than ours."""
        people = self.directory.technicians if self.directory else ()
        us = self.ourselves.casefold()
        return frozenset(one.identifier for one in people if one.is_api and one.identifier.casefold() != us)

    def ref(self, remote_id: str) -> Ref:
        """A ticket of this connection."""
        return Ref(connection=self.name, remote_id=remote_id)

    def board(self, name: str) -> Board | None:
        """A board by its name."""
        boards = self.directory.boards if self.directory else ()
        return next((board for board in boards if board.name == name), None)

    def status(self, board: str, name: str) -> Status | None:
        """A status of a board."""
        there = self.board(board)
        return next((status for status in there.statuses if status.name == name), None) if there else None

    def meaning(self, ticket: Ticket) -> Meaning | None:
        """What a ticket's status means: a human's word, else what the PSA's flags say."""
        return self.meaning_of(ticket.board, ticket.status)

    def meaning_of(self, board: str, status: str) -> Meaning | None:
        """The same for a status of a board."""
        known = self.status(board, status)
        return self.settings.statuses.get(board, {}).get(status) or (known.meaning() if known else None)

    def is_over(self, ticket: Ticket) -> bool:
        """Whether a ticket as the mirror has it is resolved or closed."""
        return ticket.model_copy(update={"meaning": self.meaning(ticket)}).is_over

    def understood(self, thread: Thread) -> Thread:
        """A thread as plugins get it: with what its statuses mean, and nothing of a confidential ticket beside it."""
        desk = self.settings.desk
        hidden = {ticket.ref for ticket in thread.tickets if confidential(ticket, desk)} - {thread.ticket.ref}
        told = [ticket for ticket in thread.tickets if ticket.ref not in hidden]
        return thread.model_copy(
            update={
                "tickets": tuple(t.model_copy(update={"meaning": self.meaning(t)}) for t in told),
                "messages": tuple(message for message in thread.messages if message.ticket not in hidden),
            }
        )

    def calendar(self, ticket: Ticket) -> Calendar:
        """Business time of a ticket's board, with its client's holidays."""
        return self.calendars.of(ticket.board, ticket.company)

    @cached_property
    def calendars(self) -> Calendars:
        """The business calendars that the config gives."""
        desk = self.settings.desk
        return Calendars(hours=desk.hours, clients=desk.client_hours, shifts=desk.shifts)

    def confirmed_meaning(self, ticket: Ticket) -> Meaning | None:
        """What a human said in the config that this ticket's status means."""
        return self.settings.statuses.get(ticket.board, {}).get(ticket.status)


def spoken_of_on(tx: Transaction, line: Line, ref: Ref) -> str:
    """Remote id of the ticket on which a running incident is spoken of, for its other members; empty for all else."""
    cluster = tx.incidents.of(ref, line.clock.now())
    if cluster is None or cluster.parent == ref.remote_id:
        return ""
    parent = tx.mirror.ticket(line.ref(cluster.parent))
    over = parent is None or line.meaning(parent) in OVER
    return "" if over else cluster.parent


def is_news(events: Iterable[Event]) -> bool:
    """Whether somebody else did something lately; our own writes and old history are no news."""
    return any(event.source in (Source.POLL, Source.WEBHOOK) for event in events)


def owe(tx: Transaction, line: Line, ref: Ref, events: Sequence[Event], *, always: bool = False) -> None:
    """Somebody did something: the thread is to be thought about. Our own writes and old news are not news."""
    if always or is_news(events):
        thread_id, revision = tx.mirror.touch_thread(ref)
        tx.work.owe_change(line.name, thread_id, revision, line.clock.now())

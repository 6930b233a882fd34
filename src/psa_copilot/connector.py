"""The contract between the core and one PSA: read what changed, pull one ticket, write one action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict

from psa_copilot.actions import Action, Receipt
from psa_copilot.clock import duration
from psa_copilot.desk import Desk
from psa_copilot.errors import Forged, Unsupported
from psa_copilot.events import Event
from psa_copilot.http import Http
from psa_copilot.models import Appointment, Contact, Directory, Field, Meaning, Moment, Pulled, Ref, Ticket, Value

Setting = pydantic.Field
"""Describes one setting: `after: int = Setting(4, description=...)`."""

Duration = Annotated[timedelta, BeforeValidator(duration)]
"""A setting like `60s`, `5m`, `4h` or `90d`."""


YES_NO = ("yes", "no")


class Can(Value):
    """What a PSA, through this connector, can do. What is False degrades visibly."""

    webhooks: bool = False
    internal_notes: bool = False
    edit_notes: bool = False
    history: bool = False
    fields: frozenset[Field] = frozenset()
    """The fields that `apply` can change."""
    public_notes: bool = False
    """Notes that the customer sees, mailed only when asked to."""
    resolution_notes: bool = False
    hides_from_client_it: bool = False
    """Internal notes stay hidden from the technicians of a co-managed client."""
    appointments: bool = False
    """Calendars can be read."""
    contacts: bool = False
    time_entries: bool = False
    """`apply` takes LogTime."""
    bookings: bool = False
    """`apply` takes Book."""
    links: bool = False
    """`apply` takes LinkTo."""
    message_bumps_ticket: Literal["yes", "no", "unknown"] = "unknown"
    """Whether a new message moves the ticket's changed-stamp; unless `yes`, a slow sweep re-reads recent tickets."""

    def told(self) -> dict[str, str]:
        """The matrix for people: each ability by its name, and `yes`, `no`, or what of it there is."""
        answers = {ability.replace("_", " "): value for ability, value in self}
        fields = ", ".join(one.value for one in Field if one in self.fields) or "no"
        words = dict(zip((True, False), YES_NO, strict=True))
        return {ability: words.get(value, str(value)) for ability, value in answers.items()} | {"fields": fields}

    def finding(self) -> Finding:
        """The matrix as one line of `psa-copilot check`."""
        told = self.told()
        lists = {answer: ", ".join(ability for ability, said in told.items() if said == answer) for answer in YES_NO}
        rest = [f"{ability}: {said}" for ability, said in told.items() if said not in YES_NO]
        return Finding("ok", "abilities", "; ".join([f"can {lists['yes']}", f"cannot {lists['no'] or '-'}", *rest]))


WriteKind = Literal["time_entry", "appointment", "link"]


class BreakerSettings(BaseModel):
    """How many tickets one plugin may write to before it is stopped for a human to look."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_hour: int = Setting(30, ge=1, description="Tickets written to by one plugin in any hour.")
    per_day: int = Setting(200, ge=1, description="Tickets written to by one plugin in any 24 hours.")


class ConnectionSettings(BaseModel):
    """What every connection can be told; a connector adds its credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str = Setting(description="The connector, for example connectwise.")
    url: str = Setting(description="The root of the PSA's site; https, or http on this machine only.")
    poll_every: Duration = Setting(timedelta(seconds=60), description="How often to ask for changes.")
    request_timeout: Duration = Setting(timedelta(seconds=30), description="Longest wait for one answer (real time).")
    write_grace: Duration = Setting(
        timedelta(seconds=30),
        description="How long after a lost answer the write may still appear (real time).",
    )
    backfill: Duration = Setting(timedelta(days=90), description="How far back the first sync reads.")
    rate: int = Setting(600, ge=1, description="Most requests in any minute, over all processes, bursts included.")
    accept_risk: bool = Setting(False, description="Let plugins act without a canary run; one warning at each start.")
    statuses: dict[str, dict[str, Meaning]] = Setting(
        default_factory=dict, description="Meaning of each status: {BOARD: {STATUS: meaning}}."
    )
    breaker: BreakerSettings = Setting(default_factory=BreakerSettings, description="When to stop a busy plugin.")
    allow: frozenset[WriteKind] = Setting(
        frozenset(), description="Kinds of writes that are off by default: time_entry, appointment, link."
    )
    desk: Desk = Setting(default_factory=Desk, description="What a live desk has told: origins, hours, brakes.")
    notes_per_technician: int = Setting(15, ge=1, description="Most new notes in 24 hours that concern one technician.")


@dataclass(frozen=True)
class TicketPage:
    """Some changed tickets, oldest change first, and where to go on from after them."""

    tickets: list[Ticket]
    cursor: str


@dataclass(frozen=True)
class Delivery:
    """A webhook as it arrived; nothing in it is believed yet."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Hint:
    """What a genuine webhook tells: this ticket changed, maybe to this."""

    remote_id: str
    key: str
    """Equal for two deliveries of the same change."""
    deleted: bool = False
    ticket: Ticket | None = None


@dataclass(frozen=True)
class Finding:
    """One line of `psa-copilot check`: good, a warning, or a fault with its mend."""

    level: Literal["ok", "warning", "fault"]
    about: str
    says: str


@dataclass(frozen=True)
class Allowance:
    """What the PSA's own limit leaves, all programs of the tenant counted."""

    left: int
    most: int


@dataclass(frozen=True)
class Expected:
    """What a first sync will read."""

    tickets: int
    requests: int

    def told(self, lasts: timedelta, rate: int) -> str:
        """In a line for people."""
        minutes = max(1, round(lasts / timedelta(minutes=1)))
        hours, rest = divmod(minutes, 60)
        took = f"{hours} h {rest} min" if hours else f"{minutes} min"
        return f"{self.tickets:,} tickets, {self.requests:,} requests: about {took} at up to {rate} requests a minute"


@dataclass(frozen=True)
class Traces:
    """What the PSA tells of one ticket besides its record, its messages and its appointments.

    A canary compares two of them, so what passes by itself (running minutes) has no place here.
    """

    there: Mapping[str, str] = field(default_factory=dict)
    """By what it is and its number or name, in words: `task 7`, `mail 2`, `SLA response`, `field severity`; `last word`
    where the PSA keeps a flag for the customer's."""
    readers: tuple[str, ...] = ()
    """Addresses outside the desk that the ticket's mail goes to: its contact, copies."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, and why."""


class Connector(ABC):
    """One PSA tenant. Reads yield values, writes take one action; no retry, no logging, no SQL."""

    name: ClassVar[str]
    can: ClassVar[Can]
    Settings: ClassVar[type[ConnectionSettings]] = ConnectionSettings
    secrets: ClassVar[frozenset[str]] = frozenset()
    at_once: ClassVar[int] = 1
    """Of so many tickets `messages_of` reads the messages in few requests; 1: there is no such way."""
    shows_late: ClassVar[bool] = False
    """What was written, by us or by anybody, may show in reads up to `write_grace` later."""

    def __init__(self, settings: ConnectionSettings, http: Http) -> None:
        self.settings, self.http = settings, http

    @abstractmethod
    async def known_good(self) -> None:
        """A cheap read that succeeds when we are let in; raises the PsaError that tells why not."""

    @abstractmethod
    async def check(self) -> list[Finding]:
        """Rights, capabilities, and settings of the PSA that would mail or bill on our writes."""

    @abstractmethod
    async def directory(self) -> Directory:
        """Technicians, boards with statuses, priorities, and who we are."""

    @abstractmethod
    def changes(self, since: str) -> AsyncIterator[TicketPage]:
        """Tickets changed at or after the cursor `since`, by keyset, oldest first; inclusive on purpose."""

    @abstractmethod
    def cursor_at(self, moment: Moment) -> str:
        """The cursor that means `changed since moment`: a time as `datetime.fromisoformat` reads it, with a zone."""

    @abstractmethod
    async def pull(self, ref: Ref) -> Pulled:
        """One ticket whole: the record and all of its messages."""

    async def messages(self, ticket: Ticket) -> Pulled:
        """The messages of a ticket whose record is already at hand, where that saves a read."""
        return await self.pull(ticket.ref)

    async def ticket(self, ref: Ref) -> Ticket:
        """The record alone: the fresh read before a write, where that is cheaper than `pull`."""
        return (await self.pull(ref)).ticket

    async def messages_of(self, tickets: Sequence[Ticket]) -> list[Pulled]:
        """The messages of up to `at_once` tickets, read together; each as `messages` tells them.

        A ticket that is gone, or about which nothing is sure, is left out: it is read by itself then.
        """
        return [await self.messages(ticket) for ticket in tickets]

    @abstractmethod
    def ids(self) -> AsyncIterator[list[str]]:
        """Pages of the remote ids of all tickets, for the sweep that finds deletions."""

    async def history(self, ref: Ref) -> list[Event]:
        """Field changes that the PSA itself recorded; empty where `can.history` is False or we may not read it."""
        return []

    async def open_tickets(self) -> AsyncIterator[list[Ticket]]:
        """Pages of all open tickets, whenever they changed last, newest first; none where they cannot be listed."""
        pages: tuple[list[Ticket], ...] = ()
        for page in pages:
            yield page

    async def appointments(self, start: Moment, end: Moment, ref: Ref | None = None) -> list[Appointment]:
        """Entries of all calendars that end after `start` and begin before `end`; with `ref`, those on one ticket."""
        return []

    async def contacts(self) -> AsyncIterator[list[Contact]]:
        """Pages of all contacts."""
        pages: tuple[list[Contact], ...] = ()
        for page in pages:
            yield page

    async def blocks_closing(self, ref: Ref) -> list[str]:
        """What the PSA shows that a close would step over: open tasks, running timers, unapproved time, products."""
        return []

    @abstractmethod
    async def apply(self, ref: Ref, action: Action, marker: str) -> Receipt:
        """Carry out one action. The marker goes into whatever is made, so that `find` can tell it again."""

    @abstractmethod
    async def find(self, ref: Ref, action: Action, marker: str) -> Receipt | None:
        """Look whether this action was already carried out."""

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        """Verify and read one webhook; raises Forged. Never fetches anything because a signature failed."""
        raise Forged(self.http.connection, "believe a webhook", f"{self.name} sends none")

    async def register_webhooks(self, url: str) -> None:
        """Make sure that the PSA calls `url` on ticket changes, exactly once; asked only where `can.webhooks`."""
        raise Unsupported(self.http.connection, "register webhooks", f"{self.name} sends none")

    async def remove_webhooks(self, keep: str = "") -> list[str]:
        """End the webhooks that this connection has registered, but for the one at `keep`; their addresses."""
        return []

    async def allowance(self) -> Allowance | None:
        """What the PSA's own limit leaves, where it tells that."""
        return None

    async def expected(self, since: Moment) -> Expected | None:
        """How many tickets have changed since then, and about how many requests they and their messages take; None
        where that cannot be told by a few cheap reads."""
        return None

    async def fingerprint(self) -> str:
        """A hash of the PSA's settings that decide what a write sets off; a canary's word is good while it stays."""
        return ""

    async def traces(self, ref: Ref) -> Traces:
        """What a write may set off on a ticket beyond its record, messages and appointments; a canary looks at it."""
        return Traces(unseen=("tasks, children, time and mails: this connector does not read them",))

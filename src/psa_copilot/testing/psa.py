"""What the contract of connectors plays with: a sandbox over HTTP, or a PSA without a network in the test's hands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from psa_copilot.clock import Clock, duration
from psa_copilot.sandbox import MessageLine, Sandbox, TicketLine
from psa_copilot.sandbox.tickets import read_message, read_ticket, timed


class LocalPsa(ABC):
    """A PSA that is no server: files, a library, a database. It speaks the words of a sandbox's control API."""

    url = ""

    def __init__(self) -> None:
        self.clock = Clock()

    def now(self) -> datetime:
        """Its time, which is the connector's too."""
        return self.clock.now()

    def advance(self, by: str) -> None:
        """Move the clock on, for example by `5h`."""
        self.clock.set(self.now() + duration(by), self.clock.speed)

    def speed(self, times: float) -> None:
        """Run the clock so many times as fast as real time."""
        self.clock.set(self.now(), times)

    def inject(
        self, ticket: Mapping[str, object] | int | str, message: Mapping[str, object] | None = None
    ) -> int | str:
        """A new ticket as `--tickets` files have them, or a message on one; the id of the ticket, or of the note."""
        now = self.now()
        if not isinstance(ticket, Mapping):
            said = read_message(message, start=now)
            return self.say(ticket, said, said.at or now)
        line = read_ticket(dict(ticket), start=now, where="ticket")
        one = timed(line, start=now, live=True)
        number = self.open_ticket(line, one.opened_at)
        for at, said in one.messages:
            self.say(number, said, at)
        return number

    @abstractmethod
    def open_ticket(self, line: TicketLine, at: datetime) -> int | str:
        """Somebody opens a ticket, without its messages; returns its id. It changed last now."""

    @abstractmethod
    def say(self, ticket: int | str, message: MessageLine, at: datetime) -> int | str:
        """Somebody writes a message; returns its id."""

    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """How many `tickets` there are; `contacts`, `time_entries` where the connector can have them."""

    @abstractmethod
    def notes(self, ticket: int | str) -> Sequence[Mapping[str, Any]]:
        """A ticket's messages as they stand, each with at least `id` and `text`."""

    @abstractmethod
    def written(self) -> object:
        """Equal to an earlier answer as long as nobody has changed anything."""

    @abstractmethod
    def away(self) -> AbstractContextManager[None]:
        """Nobody is at home until the end of the block."""

    def mailbox(self) -> Sequence[object]:
        """What it would have mailed."""
        return []


Psa = Sandbox | LocalPsa
"""Whatever the contract can be tried on."""

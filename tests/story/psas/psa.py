"""What a PSA has to offer to the stories: its names, its ways in, and what people do in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from psa_copilot import Connector
from psa_copilot.sandbox import PsaSandbox, Sandbox

HUMAN, OTHER_API = "human", "api2"
"""Logins: the technician Ines Dahl, and a program that is not ours."""


@dataclass(frozen=True)
class Names:
    """How this PSA calls what the stories speak of."""

    low: str
    medium: str
    high: str
    critical: str
    board: str = "Help Desk"
    new: str = "New"
    in_progress: str = "In Progress"
    scheduled: str = "Scheduled"
    waiting: str = "Waiting customer"
    vendor: str = "Waiting vendor"
    replied: str = "Customer replied"
    resolved: str = "Resolved"
    closed: str = "Closed"
    stop: str = "Internal IT"
    """A status whose tickets are left alone."""
    quiet: str = "Scheduled"
    also_quiet: str = "Customer replied"
    """Two statuses between which no SLA's clock stops or starts."""
    moves_sla: str = "Waiting customer"
    """A status that is known to stop or to restart an SLA's clock."""
    category: str = "Network / VPN"
    ines: str = "idahl"
    marta: str = "mruiz"
    tobi: str = "tokafor"
    copilot: str = "copilot"
    """Our account, as author of our notes."""
    other_api: str = "api2"

    def meanings(self) -> dict[str, dict[str, str]]:
        """What an admin has said of the statuses."""
        return {
            self.board: {
                self.new: "new",
                self.scheduled: "scheduled",
                self.in_progress: "in progress",
                self.waiting: "waiting on customer",
                self.vendor: "waiting on vendor",
                self.replied: "in progress",
                self.resolved: "resolved",
                self.stop: "stop",
            }
        }


@dataclass(frozen=True)
class Asked:
    """One request as it came to the PSA, before anything happened to it."""

    key: str
    method: str
    path: str
    query: str
    body: bytes
    ticket: int | None
    """The one ticket that it is about."""
    writes: bool


@dataclass(frozen=True)
class Callback:
    """A webhook as the PSA sent it, or as somebody else made it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Moves:
    """How the PSA's API comes to stand elsewhere: the switch, and what paths and answers tell of it."""

    switch: str = "a move"
    to: object = True
    old: str = ""
    new: str = ""
    status: int = 0


class People(Protocol):
    """Those who use the PSA, through its own API; `by` is one of their logins."""

    def writes(self, ticket: int, text: str, *, internal: bool, by: str = HUMAN) -> int:
        """A note; its id."""

    def writes_as(self, technician: str, ticket: int, text: str) -> None:
        """A program writes an internal note in a technician's name, as far as the PSA lets it."""

    def edits(self, ticket: int, note: int, text: str) -> None:
        """A note gets new words."""

    def deletes(self, ticket: int, note: int) -> None:
        """A note is thrown away."""

    def sets(self, ticket: int, name: str, value: str, by: str = HUMAN) -> None:
        """Another title, status, priority, or assignee (by login)."""

    def value(self, ticket: int, name: str) -> str:
        """The present value of one of these."""

    def sla(self, ticket: int) -> tuple[object, ...]:
        """How its SLA stands, but for when it ends, and whether anybody is said to have answered."""

    def close(self) -> None:
        """Hang up."""


class Psa(Protocol):
    """One PSA."""

    names: Names
    sandbox: type[PsaSandbox]
    connector: type[Connector]
    key: str
    """Our login in the sandbox's log."""
    connection: Mapping[str, Any]
    """The keys of a connection, but for its url."""
    limits_off: Mapping[str, object]
    """Switches that end the vendor's own limits, for stories in fast time that are about something else."""

    tells_retry_after: Mapping[str, object]
    """Switches with which a 429 says how long to wait."""
    disabled: str
    """The switch that shuts our API user out."""
    moves: Moves
    worst: Mapping[str, object]
    """Switches with which everything that can happen by itself does."""
    sla_by_priority: bool
    """Whether another priority means other targets, and the old one the old ones again."""
    unseen: tuple[str, ...]
    """What a canary can never look at here."""
    shows_tickets: bool
    """Whether a webhook shows the ticket, or only names it."""
    quiet_discussions: bool
    """Whether a note that the customer sees is no response to the SLA; a resolution is seen, too."""
    hides_mails: str
    """The switch that, off, keeps mails out of all that the PSA tells; none where they show anyway."""
    right_to_notes: str
    """The switch that, off, takes the right to write notes."""
    sees: Mapping[str, str]
    """How a canary here names what it finds, where not as on ConnectWise."""
    rules: Mapping[str, str]
    """Rules that a desk may have set up, and what a canary of notes says of them; nothing where they concern none."""
    mails_by: object
    """Whom the sandbox's mailbox names where we have set off a mail."""
    tells_us_of_ourselves: bool
    """Whether a webhook comes for what our own account does, too."""

    def people(self, url: str) -> People:
        """Those who use it at this address."""

    def asks_for_changes(self, asked: Asked) -> bool:
        """Whether a request begins a poll."""

    def reads_notes(self, asked: Asked) -> bool:
        """Whether a request reads the notes of its ticket."""

    def reads_ticket(self, asked: Asked) -> bool:
        """Whether a request reads the record of its ticket."""

    def writes_note(self, row: Mapping[str, Any]) -> bool:
        """Whether a line of the sandbox's log is about notes."""

    def changes_settings(self, sandbox: Sandbox) -> None:
        """An admin changes what a write sets off, as far as the PSA shows such settings."""

    def forged(self, genuine: Callback) -> Mapping[str, Callback]:
        """What somebody could send who has seen one genuine webhook."""

"""What has happened on a ticket: told to webhooks and to rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psa_copilot.sandbox import Row

SYSTEM = "Halo Automation"  # who does what nobody did


class Refused(Exception):
    """A request that Halo answers with an error and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True)
class Change:
    """A ticket or an action is new or changed."""

    ticket: int
    what: Literal["opened", "updated", "action", "deleted"]
    row: Row
    by: str
    action: Row | None = None
    rules: bool = True
    """Whether rules may act on it: the writer did not say dont_do_rules."""
    status_changed: bool = False

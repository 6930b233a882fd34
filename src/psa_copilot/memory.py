"""What a plugin learns from, and where it keeps what it has learned.

`learn` is the only place that writes memory; while a plugin thinks it reads one version, and its wishes name that
version. Nothing here knows how a thing was learned: it is kept as arrays and as what JSON can hold, never as code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import pydantic

from psa_copilot.models import Field, Moment, Ref, Ticket, Value
from psa_copilot.text import Case

if TYPE_CHECKING:  # these need numpy, which a daemon without learning plugins never loads
    from psa_copilot.text.classifier import Classifier
    from psa_copilot.text.outcome import Risk

    Kept = Classifier | Risk


class Correction(Value):
    """What a human did with something that a plugin chose, or would have chosen."""

    plugin: str
    kind: str
    """`changed`: another value was set; `declined`; `deleted` or `edited`: a note of ours."""
    field: Field | None = None
    ours: str = ""
    theirs: str = ""
    why: str = ""
    """The reason that was given, for a wish that was declined."""
    learned: str = ""
    """What the wish had rested on."""
    actor: str = ""
    at: Moment


class Outcome(Value):
    """One ticket as learning sees it: how it came in, and what people have made of it so far."""

    ref: Ref
    opened_at: Moment
    known_at: Moment
    """When we came to know the newest of all this: what is learned for a moment rests on nothing later."""
    title: str
    text: str
    """What stood in the ticket when it came in, without quoted mail and signatures."""
    company: str = ""
    contact: str = ""
    contact_id: str = ""
    opened_with: dict[Field, str] = pydantic.Field(default_factory=dict)
    """The values at opening, as far as they are known."""
    first: dict[Field, str] = pydantic.Field(default_factory=dict)
    """What a human chose first."""
    settled: dict[Field, str] = pydantic.Field(default_factory=dict)
    """What stands, where a human chose it or the ticket is done; what only we set is not settled before that."""
    technicians: tuple[str, ...] = ()
    """Identifiers of those who worked on it, who said most first."""
    resolved_at: Moment | None = None
    reopened: bool = False
    sla_missed: bool | None = None
    corrections: tuple[Correction, ...] = ()

    @property
    def case(self) -> Case:
        """What a value is chosen from: the same as `Text.opening` of its thread."""
        return Case(self.title, self.text, self.contact)


class Rule(Value):
    """A habit of the desk that was learned and can be told in one line; a human may remove it by its name."""

    name: str
    """Short, made of its words, the same whenever it is learned again: `vpn-kestrel-network`."""
    field: Field
    value: str
    company: str = ""
    contact: str = ""
    says: tuple[str, ...] = ()
    """Words that all stand in the title or the text, in the singular or the plural."""
    right: int
    of: int
    evidence: tuple[Ref, ...] = ()
    """Some of the tickets that it was learned from, the newest first."""

    def fits(self, ticket: Ticket, said: str) -> bool:
        """Whether it speaks of this ticket, whose title and text are `said`."""
        return (
            (not self.company or self.company.casefold() == ticket.company.casefold())
            and (not self.contact or self.contact.casefold() == ticket.contact.casefold())
            and all(re.search(rf"(?<!\w){re.escape(word)}(?:e?s)?(?!\w)", said, re.IGNORECASE) for word in self.says)
        )

    def told(self) -> str:
        """In a line: `Kestrel, "vpn" -> Network, 14 of 15`."""
        parts = [self.company, self.contact, *(f'"{word}"' for word in self.says)]
        return f"{', '.join(part for part in parts if part)} → {self.value}, {self.right} of {self.of}"


class Memory(Protocol):
    """What one plugin has learned on one connection; reading only."""

    @property
    def version(self) -> int:
        """Counts up with each learning; 0: nothing was learned yet."""

    def choices(self, name: str) -> Classifier | None:
        """Which values a field gets, as `learn` kept them under this name."""

    def risk(self, name: str) -> Risk | None:
        """How likely something is to happen, as `learn` kept it under this name."""

    def rules(self) -> tuple[Rule, ...]:
        """The habits that were learned, without those that a human has removed."""


class Notebook(Protocol):
    """Where `learn` writes: all of it becomes the next version together, or nothing does."""

    def keep(self, name: str, thing: Kept) -> None:
        """Keep a thing; it replaces what had this name."""

    def keep_rules(self, rules: tuple[Rule, ...]) -> None:
        """Keep these habits in place of the ones that were kept."""


class Nothing:
    """The memory of a plugin that has learned nothing yet."""

    version = 0

    def choices(self, name: str) -> Classifier | None:
        """None."""
        return None

    def risk(self, name: str) -> Risk | None:
        """None."""
        return None

    def rules(self) -> tuple[Rule, ...]:
        """None."""
        return ()

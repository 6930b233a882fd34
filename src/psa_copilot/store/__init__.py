"""The store: the mirror, the owed work and the ledger, each within one transaction.

with store.transaction() as tx:      # all or nothing
    tx.mirror.save_tickets(...)
    tx.work.owe_change(...)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from psa_copilot.store import database
from psa_copilot.store.backlog import Backlog, Spending
from psa_copilot.store.erasing import Erased, companies_of, erase_contact
from psa_copilot.store.forgetting import FORGET, forget_passing
from psa_copilot.store.incidents import MODEL_CALLS, Incidents
from psa_copilot.store.ledger import Ledger
from psa_copilot.store.memories import Learning, Memories, Thing
from psa_copilot.store.mirror import AsOf, Hands, Look, Mirror
from psa_copilot.store.outcomes import Outcomes, Reading
from psa_copilot.store.past import Happening, Past, Unread
from psa_copilot.store.restoring import begin_again
from psa_copilot.store.reviving import revive
from psa_copilot.store.standings import Stand, Standings
from psa_copilot.store.tables import (
    BacklogRow,
    BudgetRow,
    CanaryRow,
    ChangeRow,
    ClusterRow,
    DecisionRow,
    FeedbackRow,
    InboxRow,
    LivingNoteRow,
    MemoryVersionRow,
    PluginStateRow,
    RuleRow,
    RunRow,
    WriteRow,
)
from psa_copilot.store.texts import Texts
from psa_copilot.store.work import Due, Work

__all__ = [
    "MODEL_CALLS",
    "AsOf",
    "BacklogRow",
    "BudgetRow",
    "CanaryRow",
    "ChangeRow",
    "ClusterRow",
    "DecisionRow",
    "Due",
    "Erased",
    "FeedbackRow",
    "Hands",
    "Happening",
    "InboxRow",
    "Learning",
    "LivingNoteRow",
    "Look",
    "MemoryVersionRow",
    "PluginStateRow",
    "Reading",
    "RuleRow",
    "RunRow",
    "Stand",
    "Store",
    "Thing",
    "Transaction",
    "Unread",
    "WriteRow",
]


class Transaction:
    """The sides of the store, on one session."""

    def __init__(self, session: Session) -> None:
        self.mirror = Mirror(session)
        self.work = Work(session)
        self.ledger = Ledger(session)
        self.standings = Standings(session)
        self.incidents = Incidents(session)
        self.backlog = Backlog(session)
        self.spending = Spending(session)
        self.memories = Memories(session)
        self.outcomes = Outcomes(session)
        self.texts = Texts(session)
        self.past = Past(session)


class Store:
    """One database. `upgrade()` before the first use; `close()` at the end. A scratch one is not `lasting`."""

    def __init__(self, path: Path, *, lasting: bool = True) -> None:
        self.path = path
        self._engine = database.open_engine(path) if lasting else database.open_scratch_engine(path)
        self._passing = database.open_passing_engine(path)

    def upgrade(self) -> None:
        """Bring the schema up to date."""
        database.upgrade(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Reads and writes that become true together."""
        with database.transaction(self._engine) as session:
            yield Transaction(session)

    @contextmanager
    def passing(self) -> Iterator[Transaction]:
        """Writes that may be lost when the machine loses power: how many requests were made, not what was said."""
        with database.transaction(self._passing) as session:
            yield Transaction(session)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent look; nothing is saved."""
        with database.reading(self._engine) as session:
            yield Transaction(session)

    def forget(self, ages: Mapping[str, timedelta | None], now: datetime) -> None:
        """Let go of what is older than `ages` says, by kind: inbox, events, messages, ledger; None keeps for ever."""
        with database.transaction(self._engine) as session:
            forget_passing(session, now)
            for kind, age in ages.items():
                if age is not None:
                    FORGET[kind](session, now - age)

    def companies_of_contact(self, connection: str, name: str) -> dict[str, str]:
        """The companies at which somebody of this name is known: names by number."""
        with database.reading(self._engine) as session:
            return companies_of(session, connection, name)

    def erase_contact(
        self, connection: str, name: str, now: datetime, companies: Collection[str] | None = None
    ) -> Erased:
        """Erase a contact by name: in the mirror, the history, the ledger and what was learned.

        All of that name on the connection, or those of these companies, by number.
        """
        with database.transaction(self._engine) as session:
            return erase_contact(session, connection, name, now, companies)

    def revive(self, now: datetime) -> int:
        """Owe all work again that was given up; how many pieces."""
        with database.transaction(self._engine) as session:
            return revive(session, now)

    def begin_again(self, now: datetime) -> None:
        """This database comes from a backup: what was done since is unknown to it."""
        with database.transaction(self._engine) as session:
            begin_again(session, now)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
        self._passing.dispose()

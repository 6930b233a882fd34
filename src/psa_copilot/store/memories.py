"""What plugins have learned, version by version, and the rules among it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, func, select

from psa_copilot.memory import Rule
from psa_copilot.store.tables import FlagRow, MemoryRow, MemoryVersionRow, RuleRow

Matter = tuple[tuple[str, ...], str]
"""Field, company, contact and words of a rule, and the value that it tells; in lower case."""
EPOCH = "memory_epoch"
"""The flag that counts how often all that was learned had to be forgotten."""


@dataclass(frozen=True)
class Thing:
    """One learned thing as it is kept."""

    name: str
    kind: str
    arrays: bytes
    facts: dict[str, Any]


@dataclass(frozen=True)
class Learning:
    """What one learning came to."""

    things: Sequence[Thing]
    rules: Sequence[Rule]
    outcomes: int
    known_at: datetime | None
    seconds: float


class Memories:
    """Reads and writes within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def version(self, connection: str, plugin: str) -> int:
        """The newest version; 0 when nothing was learned yet."""
        query = select(func.max(MemoryVersionRow.version)).where(
            MemoryVersionRow.connection == connection, MemoryVersionRow.plugin == plugin
        )
        return self._session.exec(query).one() or 0

    def newest(self, connection: str, plugin: str) -> MemoryVersionRow | None:
        """The last learning."""
        return self._session.get(MemoryVersionRow, (connection, plugin, self.version(connection, plugin)))

    def recall(self, connection: str, plugin: str, name: str) -> MemoryRow | None:
        """One thing of the newest version."""
        return self._session.get(MemoryRow, (connection, plugin, name))

    def learned(self, connection: str, plugin: str, learning: Learning, now: datetime) -> int:
        """A learning becomes the next version, in place of the one before; returns its number."""
        version = self.version(connection, plugin) + 1
        self._session.add(
            MemoryVersionRow(
                connection=connection,
                plugin=plugin,
                version=version,
                outcomes=learning.outcomes,
                known_at=learning.known_at,
                seconds=learning.seconds,
                at=now,
            )
        )
        mine = (col(MemoryRow.connection) == connection, col(MemoryRow.plugin) == plugin)
        self._session.execute(delete(MemoryRow).where(*mine))
        for thing in learning.things:
            self._keep(connection, plugin, version, thing)
        self._renew_rules(connection, plugin, version, learning.rules, now)
        return version

    def keep(self, connection: str, plugin: str, thing: Thing) -> None:
        """Keep a thing that has no versions, because it follows each ticket: an index."""
        self._keep(connection, plugin, 0, thing)

    def _keep(self, connection: str, plugin: str, version: int, thing: Thing) -> None:
        self._session.merge(
            MemoryRow(
                connection=connection,
                plugin=plugin,
                name=thing.name,
                version=version,
                kind=thing.kind,
                arrays=thing.arrays,
                facts=thing.facts,
            )
        )

    def epoch(self, connection: str) -> int:
        """Counts up whenever all is forgotten: what was read or learned in an earlier one is not to be used."""
        row = self._session.get(FlagRow, (connection, EPOCH))
        return int(row.value) if row else 0

    def forget(self, connection: str, now: datetime) -> None:
        """Let go of everything learned on a connection, here and in whatever process has it in memory."""
        self._session.execute(delete(MemoryRow).where(col(MemoryRow.connection) == connection))
        self._session.merge(FlagRow(connection=connection, name=EPOCH, value=str(self.epoch(connection) + 1), at=now))

    def rules(self, connection: str, plugin: str, *, removed: bool = False) -> list[RuleRow]:
        """The rules that hold, or those that a human has removed, by name."""
        query = select(RuleRow).where(RuleRow.connection == connection, RuleRow.plugin == plugin)
        gone = col(RuleRow.removed_at)
        query = query.where(gone.is_not(None) if removed else gone.is_(None))
        return list(self._session.exec(query.order_by(RuleRow.name)))

    def remove_rule(self, connection: str, plugin: str, name: str, why: str, now: datetime) -> bool:
        """It holds no more, and is not learned again; False when there is none of this name."""
        row = self._session.get(RuleRow, (connection, plugin, name))
        if row is None or row.removed_at is not None:
            return False
        row.removed_at, row.removed_why = now, why
        self._session.add(row)
        return True

    def restore_rule(self, connection: str, plugin: str, name: str) -> bool:
        """A rule that was removed may hold again; False when none of this name was removed."""
        row = self._session.get(RuleRow, (connection, plugin, name))
        if row is None or row.removed_at is None:
            return False
        row.removed_at, row.removed_why = None, ""
        self._session.add(row)
        return True

    def _renew_rules(self, connection: str, plugin: str, version: int, rules: Sequence[Rule], now: datetime) -> None:
        """Those that were learned again or newly; those that were not go, unless a human removed them."""
        held = {row.name: _matter(row.value) for row in self.rules(connection, plugin)}
        removed = {row.name: _matter(row.value) for row in self.rules(connection, plugin, removed=True)}
        mine = (col(RuleRow.connection) == connection, col(RuleRow.plugin) == plugin)
        self._session.execute(delete(RuleRow).where(*mine, col(RuleRow.removed_at).is_(None)))
        for rule in _told_apart([rule for rule in rules if not _is_removed(rule, removed)], held, removed):
            self._session.add(
                RuleRow(
                    connection=connection,
                    plugin=plugin,
                    name=rule.name,
                    version=version,
                    value=rule.model_dump(mode="json"),
                    at=now,
                )
            )


def _matter(rule: Mapping[str, Any]) -> Matter:
    """What a rule, as JSON, says of which tickets."""
    said = (rule["field"], rule["company"], rule["contact"], *rule["says"])
    return tuple(part.casefold() for part in said), rule["value"].casefold()


def _is_removed(rule: Rule, removed: Mapping[str, Matter]) -> bool:
    """Whether a human took it away: by what it says, or by its name where it speaks of the same tickets."""
    matter = _matter(rule.model_dump(mode="json"))
    named = removed.get(rule.name)
    return matter in removed.values() or (named is not None and named[0] == matter[0])


def _told_apart(rules: Sequence[Rule], held: Mapping[str, Matter], removed: Mapping[str, Matter]) -> list[Rule]:
    """Each with a name of its own: whoever had it keeps it, another of that name gets a number after it."""
    matters = [_matter(rule.model_dump(mode="json")) for rule in rules]
    owners = {name: matter for name, matter in held.items() if matter in matters} | dict(removed)
    named: dict[str, Rule] = {}
    for rule, matter in zip(rules, matters, strict=True):
        is_free = bool(rule.name) and owners.setdefault(rule.name, matter) == matter
        name = rule.name if is_free else f"{rule.name or 'rule'}-{_number(matter)}"
        named[name] = rule.model_copy(update={"name": name})
    return list(named.values())


def _number(matter: Matter) -> str:
    return hashlib.sha256(json.dumps(matter).encode()).hexdigest()[:6]

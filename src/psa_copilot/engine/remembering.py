"""What a plugin has learned, as it is handed to it: from the store, or from a learning that is not kept at all."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psa_copilot.memory import Rule
from psa_copilot.store import Learning, Store, Thing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from psa_copilot.memory import Kept
    from psa_copilot.text.classifier import Classifier
    from psa_copilot.text.outcome import Risk

CHOICES, RISK = "choices", "risk"


class _Things(ABC):
    """The reading side of a memory, wherever its things are kept."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()

    @abstractmethod
    def _thing(self, name: str) -> Kept | None:
        """What is kept under this name."""

    def choices(self, name: str) -> Classifier | None:
        """Which values a field gets."""
        from psa_copilot.text.classifier import Classifier

        found = self._thing(name)
        return found if isinstance(found, Classifier) else None

    def risk(self, name: str) -> Risk | None:
        """How likely something is to happen."""
        from psa_copilot.text.outcome import Risk

        found = self._thing(name)
        return found if isinstance(found, Risk) else None

    def rules(self) -> tuple[Rule, ...]:
        """The habits that hold."""
        return self._rules


class StoredMemory(_Things):
    """The newest version of one plugin's memory on one connection. Unpacked once per version, until an erasing."""

    def __init__(self, store: Store, connection: str, plugin: str) -> None:
        super().__init__()
        self._store, self._connection, self._plugin = store, connection, plugin
        self.version = 0
        """Counts up with each learning."""
        self._epoch = 0
        self._things: dict[str, Kept | None] = {}
        """None: nothing is kept under that name, or nothing that this program can read."""

    def renew(self) -> StoredMemory:
        """Look whether something was learned, removed or erased since, by whatever process."""
        with self._store.reading() as tx:
            version = tx.memories.version(self._connection, self._plugin)
            epoch = tx.memories.epoch(self._connection)
            rows = tx.memories.rules(self._connection, self._plugin)
        if (epoch, version) != (self._epoch, self.version):  # what somebody was erased from has no newer version
            self._epoch, self.version, self._things = epoch, version, {}
        self._rules = tuple(Rule.model_validate(row.value) for row in rows)
        return self

    def _thing(self, name: str) -> Kept | None:
        if name not in self._things:
            with self._store.reading() as tx:
                row = tx.memories.recall(self._connection, self._plugin, name)
            self._things[name] = unpacked(row.kind, row.arrays, row.facts) if row else None
        return self._things[name]


class LooseMemory(_Things):
    """A notebook that is read right away, and kept nowhere: what would have been known at some earlier time."""

    def __init__(self, version: int = 0) -> None:
        super().__init__()
        self.version = version
        self.things: dict[str, Kept] = {}

    def keep(self, name: str, thing: Kept) -> None:
        """Keep a thing."""
        self.things[name] = thing

    def keep_rules(self, rules: tuple[Rule, ...]) -> None:
        """Keep these habits."""
        self._rules = rules

    def _thing(self, name: str) -> Kept | None:
        return self.things.get(name)

    def learning(self, outcomes: int, known_at: datetime | None, seconds: float) -> Learning:
        """All of it, ready for the store."""
        things = [Thing(name, *packed(thing)) for name, thing in sorted(self.things.items())]
        return Learning(things, self._rules, outcomes, known_at, seconds)


def packed(thing: Kept) -> tuple[str, bytes, dict[str, Any]]:
    """Its kind, its arrays in one piece, and the rest as what JSON can hold."""
    from psa_copilot.text.classifier import Classifier

    arrays, facts = thing.to_arrays()
    return (CHOICES if isinstance(thing, Classifier) else RISK), stored(arrays), dict(facts)


def unpacked(kind: str, data: bytes, facts: Mapping[str, Any]) -> Kept | None:
    """The thing again; None where another version of this program kept it, so that it is learned anew."""
    from psa_copilot.text.classifier import Classifier
    from psa_copilot.text.outcome import Risk

    arrays = loaded(data)
    try:
        return Classifier.from_arrays(arrays, facts) if kind == CHOICES else Risk.from_arrays(arrays, facts)
    except (KeyError, ValueError):
        return None


def stored(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays in one piece; nothing in it is ever run."""
    import numpy as np

    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def loaded(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays again."""
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}

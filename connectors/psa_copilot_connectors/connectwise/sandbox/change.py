"""What has happened on a ticket: told to those who registered callbacks, and to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from psa_copilot.sandbox import Row

MAIL_CONNECTOR = "EmailConnector"  # who enters what customers write
WORKFLOW = "zWorkflow"  # who enters what nobody wrote
CATEGORY = ("type", "subType", "item")


@dataclass(frozen=True)
class Change:
    """A ticket or something on it is new, changed or gone."""

    ticket: int
    action: Literal["added", "updated", "deleted"]
    row: Row | None
    former: Row | None
    by: str
    what: Literal["ticket", "note", "time", "appointment", "task"] = "ticket"
    part: Row | None = None  # the note, the time entry …
    order: Mapping[str, object] = field(default_factory=dict)  # what the write asked for

    @property
    def silent(self) -> bool:
        """Whether the writer asked for no callback."""
        return bool(self.order.get("skipCallback"))

    @property
    def quiet(self) -> bool:
        """Whether the writer asked for no notifications."""
        return self.order.get("processNotifications") is False

    def has_changed(self, name: str) -> bool:
        """Whether a field of the ticket has another value than before."""
        return self.row is not None and self.former is not None and self.row.get(name) != self.former.get(name)

    @property
    def triggers(self) -> frozenset[str]:
        """What rules may wait for."""
        if self.row is None or self.action == "deleted":
            return frozenset()
        if self.what != "ticket":
            return frozenset({self.what, *self._note_kind()}) if self.action == "added" else frozenset()
        if self.action == "added":
            return frozenset({"opened", "category"})
        return frozenset({"update", *self._fields()})

    def _note_kind(self) -> set[str]:
        if self.what != "note" or self.part is None:
            return set()
        return {"public note" if self.part["externalFlag"] else "internal note"}

    def _fields(self) -> set[str]:
        found = {name for name in ("status", "priority", "board", "owner") if self.has_changed(name)}
        if any(self.has_changed(name) for name in CATEGORY):
            found.add("category")
        if self.has_changed("closedFlag"):
            found.add("closed" if self.row and self.row["closedFlag"] else "reopened")
        return found

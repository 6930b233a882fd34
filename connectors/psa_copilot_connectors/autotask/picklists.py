"""Picklists of one database: the numbers in its records, and the labels that people see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psa_copilot_connectors.autotask.rows import Row


@dataclass(frozen=True)
class Choice:
    """One value."""

    value: int
    label: str
    parent: str
    is_active: bool
    is_default: bool


@dataclass(frozen=True)
class Picklist:
    """The values of one field. Numbers are text in the list and numbers in the records."""

    choices: tuple[Choice, ...] = ()

    @classmethod
    def read(cls, fields: Iterable[Row], name: str) -> Picklist:
        """From what the PSA tells of an entity's fields."""
        told = next((one for one in fields if str(one.get("name")).casefold() == name.casefold()), {})
        values = [one for one in told.get("picklistValues") or () if isinstance(one, dict)]
        in_order = sorted(values, key=lambda one: one.get("sortOrder") or 0)
        return cls(tuple(_choice(one) for one in in_order if _is_number(one.get("value"))))

    def label(self, value: int | None) -> str:
        """What people read; a value that the list does not tell is shown by its number, not as nothing."""
        if value is None:
            return ""
        return next((one.label for one in self.choices if one.value == value), str(value))

    def find(self, label: str, parent: int | None = None) -> Choice | None:
        """An active value by its label; of children, the one that belongs to this parent."""
        of = "" if parent is None else str(parent)
        active = (one for one in self.active() if one.parent in ("", of))
        return next((one for one in active if one.label == label), None)

    def values(self) -> frozenset[int]:
        """Every number that it tells of, also those that can no longer be chosen."""
        return frozenset(one.value for one in self.choices)

    def active(self) -> tuple[Choice, ...]:
        """What can be chosen."""
        return tuple(one for one in self.choices if one.is_active)

    def default(self) -> Choice | None:
        """What a record begins with."""
        return next((one for one in self.active() if one.is_default), next(iter(self.active()), None))


def _choice(told: Row) -> Choice:
    return Choice(
        value=int(told["value"]),
        label=str(told.get("label") or told["value"]),
        parent=str(told.get("parentValue") or ""),
        is_active=told.get("isActive") is not False,
        is_default=bool(told.get("isDefaultValue")),
    )


def _is_number(value: object) -> bool:
    return str(value).lstrip("-").isdigit()

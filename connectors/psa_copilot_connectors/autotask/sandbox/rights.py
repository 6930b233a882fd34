"""What the security level of API users lets them do, and how the PSA tells of it. People may do everything here."""

from __future__ import annotations

from psa_copilot.sandbox import Row, Switches
from psa_copilot_connectors.autotask.sandbox.desk import Login
from psa_copilot_connectors.autotask.sandbox.replies import Failed, errors
from psa_copilot_connectors.autotask.sandbox.shapes import CHILDREN, Shape
from psa_copilot_connectors.autotask.sandbox.switches import RIGHTS

NO_RIGHT = "The logged in Resource does not have the adequate permissions to"
FULL, NONE = "All", "None"
FINANCE, TIME = "TicketCharges", "TimeEntries"


class Rights:
    """Asked before each request."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def admit(self, login: Login, shape: Shape, rest: list[str], *, is_get: bool) -> None:
        """What a program may not do is refused."""
        if not login.is_api or "entityinformation" in rest:
            return
        child = next((CHILDREN[shape.name, part] for part in rest if (shape.name, part) in CHILDREN), shape.name)
        writes = not is_get and "query" not in rest
        if (writes and not self._may_write(child)) or not self._may("read", child):
            status = int(self._switches.text("permission_status"))
            raise Failed(errors(f"{NO_RIGHT} {'edit' if writes else 'view'} {child}.", status=status))

    def sees_all_time(self, login: Login) -> bool:
        """Whether time that is not billable is shown."""
        return not login.is_api or self._switches.on("sees_non_billable")

    def sees(self, login: Login, shape: Shape, row: Row) -> bool:
        """Whether a record is shown at all."""
        return shape.name != TIME or not row["isNonBillable"] or self.sees_all_time(login)

    def information(self, shape: Shape, login: Login) -> Row:
        """What an entity can do, and what this login may do with it."""
        may = not login.is_api or self._may_write(shape.name)
        creates = shape.creates or shape.name == FINANCE
        return {
            "name": shape.name,
            "canCreate": creates,
            "canDelete": shape.deletes,
            "canQuery": True,
            "canUpdate": shape.updates,
            "userAccessForCreate": self._level(allowed=creates and may),
            "userAccessForDelete": self._level(allowed=shape.deletes and may),
            "userAccessForQuery": self._level(allowed=not login.is_api or self._may("read", shape.name)),
            "userAccessForUpdate": self._level(allowed=shape.updates and may),
            "hasUserDefinedFields": shape.has_udf,
            "supportsWebhookCallouts": shape.name in ("Tickets", "TicketNotes"),
        }

    def _level(self, *, allowed: bool) -> object:
        words = self._switches.text("access_levels") == "words"
        return (FULL if allowed else NONE) if words else {}

    def _may_write(self, entity: str) -> bool:
        return self._may("write", entity) and (entity != FINANCE or self._switches.on("finance_right"))

    def _may(self, verb: str, entity: str) -> bool:
        rights = (name for name, (of, entities) in RIGHTS.items() if of == verb and entity in entities)
        return all(self._switches.on(name) for name in rights)

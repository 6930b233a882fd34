"""Fields of ConnectWise tickets: set by a PATCH that mails nobody, and compared with what was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from psa_copilot import ChangeField, Field, LinkTo, NotFound, Receipt, Ref, Rejected, Ticket, Unsupported
from psa_copilot_connectors.connectwise import bodies, mapping
from psa_copilot_connectors.connectwise.bodies import replace
from psa_copilot_connectors.connectwise.roster import Category, Known, Roster
from psa_copilot_connectors.connectwise.rows import Row
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import TICKETS, Tickets

LONGEST_TITLE = 100

PATHS = {
    Field.BOARD: "board",
    Field.TITLE: "summary",
    Field.STATUS: "status",
    Field.PRIORITY: "priority",
    Field.ASSIGNEE: "owner",
    Field.CATEGORY: "type",
}
"""The fields that we can change, as ConnectWise calls them; the board first, since others are looked up on it."""

T = TypeVar("T")


class Fields:
    """Sets fields, and the link to a parent."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets

    async def change(self, ref: Ref, action: ChangeField) -> Receipt:
        """Set a field, and in the same request what has to change along with it."""
        doing = f"set {action.field} of ticket {ref.remote_id}"
        wanted = {**action.along, action.field: action.to}
        for name in wanted:
            if name not in PATHS:
                raise Unsupported(self._site.connection, doing, f"this connector does not write {name}")
        operations = await self._operations(ref, wanted, doing)
        ticket = await self._patched(ref, operations, doing)
        for name, to in wanted.items():
            if ticket.field(name) != to:
                # ConnectWise answers 200 to some operations that it does not carry out.
                kept = f"the PSA said yes and kept {name} {ticket.field(name)!r}"
                raise Rejected(self._site.connection, doing, kept)
        return _receipt(ticket, action.field)

    async def find(self, ref: Ref, action: ChangeField) -> Receipt | None:
        """Whether the fields have these values by now."""
        ticket, wanted = await self._tickets.one(ref), {**action.along, action.field: action.to}
        done = all(ticket.field(name) == to for name, to in wanted.items())
        return _receipt(ticket, action.field) if done else None

    async def link(self, ref: Ref, action: LinkTo) -> Receipt:
        """Make the ticket a child. What the PSA takes for it carries no word about mail: that is the board's matter."""
        doing = f"link ticket {ref.remote_id} to {action.parent}"
        if not action.parent.isdecimal() or action.parent == ref.remote_id:
            raise Rejected(self._site.connection, doing, f"{action.parent!r} cannot be its parent")
        body = {"childTicketIds": [int(ref.remote_id)]}
        try:
            told = await self._site.act(f"{TICKETS}/{action.parent}/attachChildren", body, doing=doing)
        except NotFound as exc:
            await self._tickets.one(ref)  # where the child cannot be read either, that is the news
            raise Rejected(self._site.connection, doing, f"{exc.why}; is there such a parent?") from exc
        receipt = await self.find_link(ref, action)
        if receipt is None:
            raise Rejected(self._site.connection, doing, str(told.get("message") or "the PSA said yes and did nothing"))
        return receipt

    async def find_link(self, ref: Ref, action: LinkTo) -> Receipt | None:
        """Whether the ticket has that parent by now."""
        ticket = await self._tickets.one(ref)
        return Receipt(value=ticket.parent, at=ticket.updated_at) if ticket.parent == action.parent else None

    async def _patched(self, ref: Ref, operations: list[Row], doing: str) -> Ticket:
        path = f"{TICKETS}/{ref.remote_id}"
        try:
            return self._tickets.of(await self._site.patch(path, bodies.change(*operations), doing=doing))
        except Rejected:
            if not any(_empties(one) for one in operations):
                raise
        # Servers differ in how an owner is taken away.
        emptied = [bodies.remove(one["path"]) if _empties(one) else one for one in operations]
        return self._tickets.of(await self._site.patch(path, bodies.change(*emptied), doing=doing))

    async def _operations(self, ref: Ref, wanted: Mapping[Field, str], doing: str) -> list[Row]:
        """What a PATCH takes for all of it."""
        on_board = {Field.BOARD, Field.STATUS, Field.CATEGORY} & wanted.keys()
        ticket = await self._tickets.one(ref) if on_board else None
        operations: list[Row] = []
        for name in sorted(wanted, key=list(PATHS).index):
            operations += await self._operation(name, wanted, ticket, doing)
        return operations

    async def _operation(
        self, name: Field, wanted: Mapping[Field, str], ticket: Ticket | None, doing: str
    ) -> list[Row]:
        to, board = wanted[name], wanted.get(Field.BOARD, ticket.board if ticket else "")
        match name:
            case Field.TITLE:
                return [replace("summary", self._title(to, doing))]
            case Field.BOARD:
                found = await self._known(lambda known: known.board(to), name, to, doing)
                return [replace("board", found), *self._taken_along(wanted, ticket)]
            case Field.STATUS:
                return [replace("status", await self._known(lambda known: known.status(board, to), name, to, doing))]
            case Field.PRIORITY:
                return [replace("priority", await self._known(lambda known: known.priority(to), name, to, doing))]
            case Field.CATEGORY:
                return await self._category(board, to, ticket, doing)
            case _:
                member = await self._known(lambda known: known.member(to), name, to, doing) if to else None
                return [replace("owner", member)]

    def _taken_along(self, wanted: Mapping[Field, str], ticket: Ticket | None) -> list[Row]:
        """A board's statuses, categories and teams are its own: the ticket takes those of the same names along."""
        known, board = self._roster.known, wanted[Field.BOARD]
        if known is None or ticket is None:
            return []
        taken: list[Row] = []
        if Field.STATUS not in wanted:
            status = known.status(board, ticket.status) or known.default_status(board)
            taken += [replace("status", status)] if status else []
        if Field.CATEGORY not in wanted and (category := known.category(board, ticket.category)):
            taken += [replace(path, one) for path, one in zip(mapping.CATEGORY, category, strict=True) if one]
        team = known.team(board, ticket.team)
        return taken + ([replace("team", team)] if team else [])

    async def _category(self, board: str, path: str, ticket: Ticket | None, doing: str) -> list[Row]:
        """Type, subtype and item together; a part that was empty before stays unmentioned."""
        found: Category = (None, None, None)
        if path:
            found = await self._known(lambda known: known.category(board, path), Field.CATEGORY, path, doing)
        had = len(ticket.category.split(" / ")) if ticket and ticket.category else 0
        parts = list(zip(mapping.CATEGORY, found, strict=True))
        return [
            replace(name, one) if one else bodies.remove(name) for n, (name, one) in enumerate(parts) if one or n < had
        ]

    async def _known(self, look: Callable[[Known], T | None], name: Field, to: str, doing: str) -> T:
        found = await self._roster.find(look)
        if found is None:
            raise Rejected(self._site.connection, doing, f"there is no {name} {to!r} for it")
        return found

    def _title(self, title: str, doing: str) -> str:
        """A title that fits; cutting it silently would leave half a sentence in everybody's list."""
        if not title.strip():
            raise Rejected(self._site.connection, doing, "a ticket needs a title")
        if len(title) > LONGEST_TITLE:
            says = f"the title has {len(title)} characters, and ConnectWise takes {LONGEST_TITLE}"
            raise Rejected(self._site.connection, doing, says)
        return title


def _empties(operation: Row) -> bool:
    return operation["op"] == "replace" and operation["value"] is None


def _receipt(ticket: Ticket, name: Field) -> Receipt:
    return Receipt(value=ticket.field(name), sla_state=ticket.sla_state, at=ticket.updated_at)

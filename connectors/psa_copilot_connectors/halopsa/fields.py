"""Fields of Halo tickets: set without rules, and compared with what came back, at once or a little later."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psa_copilot import ChangeField, Field, LinkTo, NotFound, NotReady, Receipt, Ref, Rejected, Ticket, Unsupported
from psa_copilot_connectors.halopsa.changes import TICKETS
from psa_copilot_connectors.halopsa.mapping import UNASSIGNED
from psa_copilot_connectors.halopsa.notes import LATE
from psa_copilot_connectors.halopsa.roster import Known, Roster
from psa_copilot_connectors.halopsa.rows import Row, number
from psa_copilot_connectors.halopsa.site import Site
from psa_copilot_connectors.halopsa.tickets import Tickets

FIELDS = frozenset({Field.TITLE, Field.STATUS, Field.BOARD, Field.PRIORITY, Field.ASSIGNEE, Field.CATEGORY})
LONGEST_TITLE = 255


class Fields:
    """Sets fields, and the link to a parent."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets

    async def change(self, ref: Ref, action: ChangeField) -> Receipt:
        """Set a field, and in the same request what has to change along with it."""
        doing, wanted = f"set {action.field} of ticket {ref.remote_id}", {**action.along, action.field: action.to}
        body: Row = {}
        for name, to in wanted.items():
            body |= await self._values(ref, name, to, doing)
        ticket = await self._written(ref, body, lambda ticket: _has(ticket, wanted), doing)
        for name, to in wanted.items():
            if ticket.field(name) != to:
                # Halo ignores without a word what it does not take, and rules may set something else.
                kept = f"the PSA said yes and kept {name} {ticket.field(name)!r}"
                raise Rejected(self._site.connection, doing, kept)
        return _receipt(ticket, action.field)

    async def find(self, ref: Ref, action: ChangeField) -> Receipt | None:
        """Whether the fields have these values by now."""
        ticket = await self._tickets.one(ref)
        return _receipt(ticket, action.field) if _has(ticket, {**action.along, action.field: action.to}) else None

    async def link(self, ref: Ref, action: LinkTo) -> Receipt:
        """Make the ticket a child."""
        doing = f"link ticket {ref.remote_id} to {action.parent}"
        if not action.parent.isdecimal() or action.parent == ref.remote_id:
            raise Rejected(self._site.connection, doing, f"{action.parent!r} cannot be its parent")
        try:
            await self._tickets.row(action.parent)
        except NotFound as exc:
            raise Rejected(self._site.connection, doing, f"{exc.why}; is there such a parent?") from exc
        body = {"parent_id": int(action.parent)}
        ticket = await self._written(ref, body, lambda ticket: ticket.parent == action.parent, doing)
        if ticket.parent != action.parent:
            raise Rejected(self._site.connection, doing, "the PSA said yes and did nothing")
        return Receipt(value=ticket.parent, at=ticket.updated_at)

    async def find_link(self, ref: Ref, action: LinkTo) -> Receipt | None:
        """Whether the ticket has that parent by now."""
        ticket = await self._tickets.one(ref)
        return Receipt(value=ticket.parent, at=ticket.updated_at) if ticket.parent == action.parent else None

    async def _written(self, ref: Ref, body: Row, done: Callable[[Ticket], bool], doing: str) -> Ticket:
        """The ticket after a write: as it was answered, or as reads show it, which may take a while."""
        told = await self._site.write(TICKETS, {"id": int(ref.remote_id), **body, "dont_do_rules": True}, doing=doing)
        ticket = await self._understood(told, ref)
        for seconds in LATE:
            if ticket and done(ticket):
                return ticket
            await self._site.wait(seconds)
            ticket = await self._tickets.one(ref)
        if ticket is None:
            raise NotReady(self._site.connection, doing, "nobody shows the ticket", maybe_done=True)
        return ticket

    async def _understood(self, told: Row, ref: Ref) -> Ticket | None:
        """The ticket in an answer; None where it is only a part of it."""
        if number(told.get("id")) != ref.remote_id:
            return None
        try:
            [ticket] = await self._tickets.of([told])
        except NotReady:
            return None
        return ticket

    async def _values(self, ref: Ref, name: Field, to: str, doing: str) -> Row:
        """What a body takes for one field."""
        match name:
            case Field.TITLE:
                return {"summary": self._title(to, doing)}
            case Field.STATUS:
                return {"status_id": int(await self._known(lambda known: known.status(to), name, to, doing))}
            case Field.BOARD:
                team = await self._known(lambda known: known.team(to), name, to, doing)
                return {"team": to, "team_id": int(team)}  # servers go by either
            case Field.PRIORITY:
                sla = number((await self._tickets.row(ref.remote_id)).get("sla_id"))
                return {"priority_id": int(await self._known(lambda known: known.priority(to, sla), name, to, doing))}
            case Field.ASSIGNEE:
                agent = await self._known(lambda known: known.agent(to), name, to, doing) if to else UNASSIGNED
                return {"agent_id": int(agent)}
            case Field.CATEGORY:
                return {
                    "category_1": await self._known(lambda known: known.category(to), name, to, doing) if to else ""
                }
            case _:
                raise Unsupported(self._site.connection, doing, f"this connector does not write {name}")

    async def _known(self, look: Callable[[Known], str | None], name: Field, to: str, doing: str) -> str:
        found = await self._roster.find(look)
        if found is None:
            raise Rejected(self._site.connection, doing, f"there is no {name} {to!r} for it")
        return found

    def _title(self, title: str, doing: str) -> str:
        if not title.strip():
            raise Rejected(self._site.connection, doing, "a ticket needs a title")
        if len(title) > LONGEST_TITLE:
            says = f"the title has {len(title)} characters, and Halo takes {LONGEST_TITLE}"
            raise Rejected(self._site.connection, doing, says)
        return title


def _has(ticket: Ticket, wanted: Mapping[Field, str]) -> bool:
    return all(ticket.field(name) == to for name, to in wanted.items())


def _receipt(ticket: Ticket, name: Field) -> Receipt:
    return Receipt(value=ticket.field(name), sla_state=ticket.sla_state, at=ticket.updated_at)

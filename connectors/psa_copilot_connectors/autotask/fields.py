"""Fields of Autotask tickets: set by a PATCH with the id in its body, then read again: no write tells the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from psa_copilot import ChangeField, Field, LinkTo, Receipt, Ref, Rejected, Ticket, Unsupported
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.roster import Known, Roster
from psa_copilot_connectors.autotask.rows import Row
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import TICKETS, Tickets

LONGEST_TITLE = 255
CHOSEN = {Field.STATUS: "status", Field.PRIORITY: "priority", Field.BOARD: "queueID"}
"""Fields whose values come from a picklist of the same name."""
WRITES = frozenset({Field.TITLE, Field.ASSIGNEE, Field.CATEGORY, *CHOSEN})

T = TypeVar("T")


class Fields:
    """Sets fields."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets

    async def change(self, ref: Ref, action: ChangeField) -> Receipt:
        """Set a field, and in the same request what has to change along with it."""
        doing = f"set {action.field} of ticket {ref.remote_id}"
        wanted = {**action.along, action.field: action.to}
        body: Row = {"id": int(ref.remote_id)}
        for name, to in wanted.items():
            body |= await self._set(name, to, doing)
        await self._site.patch(f"/{TICKETS}", body, doing=doing)
        ticket = await self._afterwards(ref, lambda ticket: _has(ticket, wanted))
        return self._kept(ticket, wanted, action.field, doing)

    async def find(self, ref: Ref, action: ChangeField) -> Receipt | None:
        """Whether the fields have these values by now."""
        ticket, wanted = await self._tickets.one(ref), {**action.along, action.field: action.to}
        return _receipt(ticket, action.field) if _has(ticket, wanted) else None

    async def link(self, ref: Ref, action: LinkTo) -> Receipt:
        """The ticket becomes an incident of a problem: the only relation of two tickets that the PSA has."""
        doing = f"link ticket {ref.remote_id} to {action.parent}"
        if not action.parent.isdecimal() or action.parent == ref.remote_id:
            raise Rejected(self._site.connection, doing, f"{action.parent!r} is no other ticket")
        body: Row = {"id": int(ref.remote_id), "problemTicketId": int(action.parent)}
        await self._site.patch(f"/{TICKETS}", body, doing=doing)
        ticket = await self._afterwards(ref, lambda ticket: ticket.parent == action.parent)
        if ticket.parent != action.parent:
            says = f"the PSA said yes, and the ticket's problem is {ticket.parent or 'none'}"
            raise Rejected(self._site.connection, doing, says)
        return Receipt(value=action.parent)

    async def find_link(self, ref: Ref, action: LinkTo) -> Receipt | None:
        """Whether it is one of that problem's incidents by now."""
        ticket = await self._tickets.one(ref)
        return Receipt(value=action.parent) if ticket.parent == action.parent else None

    async def _afterwards(self, ref: Ref, shows: Callable[[Ticket], bool]) -> Ticket:
        return await self._site.once_written(lambda: self._tickets.one(ref), shows)

    def _kept(self, ticket: Ticket, wanted: Mapping[Field, str], field: Field, doing: str) -> Receipt:
        for name, to in wanted.items():
            if ticket.field(name) != to:
                says = f"the PSA said yes, and {name} is {ticket.field(name)!r}; a workflow rule may have set it"
                raise Rejected(self._site.connection, doing, says)
        return _receipt(ticket, field)

    async def _set(self, name: Field, to: str, doing: str) -> Row:
        match name:
            case Field.TITLE:
                return {"title": self._title(to, doing)}
            case Field.ASSIGNEE:
                return await self._owner(to, doing)
            case Field.CATEGORY:
                return await self._category(to, doing)
            case Field.STATUS | Field.PRIORITY | Field.BOARD:
                key = CHOSEN[name]
                choice = await self._known(lambda known: known.words.picklists[key].find(to), name, to, doing)
                return {key: choice.value}
            case _:
                raise Unsupported(self._site.connection, doing, f"this connector does not write {name}")

    async def _owner(self, to: str, doing: str) -> Row:
        """A resource comes with one of its roles, or both are emptied."""
        if not to:
            return {"assignedResourceID": None, "assignedResourceRoleID": None}
        person = await self._known(lambda known: known.person(to), Field.ASSIGNEE, to, doing)
        role = (await self._roster.at_hand()).roles.get(int(person.remote_id or 0))
        if role is None:
            raise Rejected(self._site.connection, doing, f"{to} has no service desk role")
        return {"assignedResourceID": int(person.remote_id), "assignedResourceRoleID": role}

    async def _category(self, path: str, doing: str) -> Row:
        """Issue and sub-issue together."""
        if not path:
            return {"issueType": None, "subIssueType": None}
        issue, sub_issue = await self._known(lambda known: _paths(known).get(path), Field.CATEGORY, path, doing)
        return {"issueType": issue, "subIssueType": sub_issue}

    async def _known(self, look: Callable[[Known], T | None], name: Field, to: str, doing: str) -> T:
        found = await self._roster.find(look)
        if found is None:
            raise Rejected(self._site.connection, doing, f"there is no {name} {to!r}")
        return found

    def _title(self, title: str, doing: str) -> str:
        """A title that fits; cutting it silently would leave half a sentence in everybody's list."""
        if not title.strip():
            raise Rejected(self._site.connection, doing, "a ticket needs a title")
        if len(title) > LONGEST_TITLE:
            says = f"the title has {len(title)} characters, and Autotask takes {LONGEST_TITLE}"
            raise Rejected(self._site.connection, doing, says)
        return title


def _paths(known: Known) -> dict[str, tuple[int, int | None]]:
    lists = known.words.picklists
    return mapping.paths(lists["issueType"], lists["subIssueType"])


def _has(ticket: Ticket, wanted: Mapping[Field, str]) -> bool:
    return all(ticket.field(name) == to for name, to in wanted.items())


def _receipt(ticket: Ticket, name: Field) -> Receipt:
    return Receipt(value=ticket.field(name), sla_state=ticket.sla_state, at=ticket.updated_at)

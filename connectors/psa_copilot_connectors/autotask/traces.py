"""What a write may leave on an Autotask ticket besides what it was asked for; a canary compares two looks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from psa_copilot import NotFound, Ref, Rejected, Traces
from psa_copilot_connectors.autotask import sla
from psa_copilot_connectors.autotask.roster import Roster
from psa_copilot_connectors.autotask.rows import Row, number, text, where
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import TICKETS, Tickets

NOTIFIED, SHOWN = "lastCustomerNotificationDateTime", "lastCustomerVisibleActivityDateTime"
SLA = {
    "serviceLevelAgreementID": "SLA agreement",
    "serviceLevelAgreementHasBeenMet": "SLA met",
    sla.PAUSED: "SLA clock",
    **{field: f"SLA {name}" for name, _, field in sla.TARGETS},
    **{field: f"SLA {name} due" for name, field, _ in sla.TARGETS},
}
# Told elsewhere: as a field that every PSA has, or because every write moves it.
_TOLD = frozenset(
    {"id", "title", "status", "priority", "queueID", "issueType", "subIssueType", "companyID", "contactID"}
    | {"assignedResourceID", "assignedResourceRoleID", "problemTicketId", "lastActivityDate"}
    | {"lastActivityResourceID", "lastActivityPersonType", "lastTrackedModificationDateTime", "resolution"}
    | {NOTIFIED, SHOWN}
)
_SHORT = 120

Found = dict[str, str]


class Looks:
    """Looks at one ticket all around."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets

    async def at(self, ref: Ref) -> Traces:
        """Everything that is there, and what could not be looked at."""
        row = await self._tickets.row(ref)
        there, unseen = _of_record(row), list[str]()
        looks: Mapping[str, Callable[[int], Awaitable[Found]]] = {
            "the checklist": self._checklist,
            "time": self._time,
            "charges": self._charges,
            "incidents": self._incidents,
            "secondary resources": self._helpers,
            "the history": self._history,
            "the history of notifications, which tells of mails": self._mails,
        }
        for what, look in looks.items():
            try:
                there |= await look(int(ref.remote_id))
            except (NotFound, Rejected) as exc:
                unseen.append(f"{what}: {exc.why}")
        return Traces(there=there, readers=await self._readers(row, unseen), unseen=tuple(unseen))

    async def _checklist(self, ticket: int) -> Found:
        rows = await self._on(ticket, "TicketChecklistItems")
        done = {True: "done", False: "open"}
        return {f"task {row['id']}": f"{_short(row, 'itemName')} ({done[bool(row['isCompleted'])]})" for row in rows}

    async def _time(self, ticket: int) -> Found:
        words = (await self._roster.at_hand()).words
        told = ("startDateTime", "endDateTime", "isNonBillable")
        return {
            f"time entry {row['id']}": f"by {words.identifier(number(row, 'resourceID'))}: "
            + " ".join(str(row.get(name) or "-") for name in told)
            for row in await self._on(ticket, "TimeEntries")
        }

    async def _charges(self, ticket: int) -> Found:
        return {f"product {row['id']}": _short(row, "name") for row in await self._on(ticket, "TicketCharges")}

    async def _history(self, ticket: int) -> Found:
        """What anybody but us did: workflow rules write here in the system's name."""
        us = (await self._roster.at_hand()).ourselves
        rows = [row for row in await self._on(ticket, "TicketHistory") if number(row, "resourceID") != us]
        return {f"audit line {row['id']}": _short(row, "detail") for row in rows}

    async def _incidents(self, ticket: int) -> Found:
        asked = where("problemTicketId", "eq", ticket)
        doing = f"list the incidents of ticket {ticket}"
        rows = await self._site.all(TICKETS, asked, fields=("id", "title"), doing=doing)
        return {f"child {row['id']}": _short(row, "title") for row in rows}

    async def _helpers(self, ticket: int) -> Found:
        words = (await self._roster.at_hand()).words
        rows = await self._on(ticket, "TicketSecondaryResources")
        return {f"secondary resource {row['id']}": words.identifier(number(row, "resourceID")) for row in rows}

    async def _mails(self, ticket: int) -> Found:
        rows = await self._on(ticket, "NotificationHistory")
        return {
            f"mail {row['id']}": f"{_short(row, 'templateName')} to {text(row, 'recipientEmailAddress') or 'nobody'}"
            for row in rows
        }

    async def _on(self, ticket: int, entity: str) -> list[Row]:
        return await self._site.all(entity, where("ticketID", "eq", ticket), doing=f"read {entity} of {ticket}")

    async def _readers(self, row: Row, unseen: list[str]) -> tuple[str, ...]:
        """The contacts of the ticket, whom workflow rules mail."""
        contacts = {number(row, "contactID")}
        try:
            more = await self._on(int(row["id"]), "TicketAdditionalContacts")
            contacts |= {number(one, "contactID") for one in more}
        except (NotFound, Rejected) as exc:
            unseen.append(f"additional contacts: {exc.why}")
        wanted = [one for one in contacts if one is not None]
        if not wanted:
            return ()
        rows = await self._site.those("Contacts", "id", wanted, ("id", "emailAddress"), doing="read the contacts")
        return tuple(filter(None, (text(one, "emailAddress") for one in rows)))


def _of_record(row: Row) -> Found:
    """Every field that is set and is not told elsewhere; the PSA stamps a mail to the customer on the ticket."""
    kept = {name: value for name, value in row.items() if value not in (None, "", [], False)}
    fields = {f"field {name}": _shown(kept[name]) for name in kept.keys() - _TOLD - SLA.keys()}
    if NOTIFIED in kept:
        fields["mail to the customer"] = str(kept[NOTIFIED])
    if SHOWN in kept:
        fields["last word"] = str(kept[SHOWN])
    return fields | {SLA[name]: _shown(kept[name]) for name in SLA if name in kept}


def _shown(value: object) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else str(value)


def _short(row: Row, name: str) -> str:
    return text(row, name).partition("\n")[0][:_SHORT]

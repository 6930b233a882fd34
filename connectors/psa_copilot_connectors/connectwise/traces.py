"""What a write may leave on a ConnectWise ticket besides what it was asked for; a canary compares two looks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from psa_copilot import NotFound, Ref, Rejected, Traces
from psa_copilot_connectors.connectwise import sla
from psa_copilot_connectors.connectwise.rows import Row, name_in
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import TICKETS, Tickets

FIELDS = (
    "severity", "impact", "resources", "team", "site", "agreement", "requiredDate", "budgetHours", "serviceLocation",
    "source", "automaticEmailContactFlag", "automaticEmailResourceFlag", "automaticEmailCcFlag", "automaticEmailCc",
    "contactEmailAddress", "approved", "billTime", "billExpenses", "billProducts", "externalXRef", "poNumber",
)  # fmt: skip
"""Of the record, what our own ticket does not carry."""

_ADDRESS = re.compile(r"[^\s;,<>]+@[^\s;,<>]+")
_MAIL = re.compile(r"\be-?mail|\bmailed\b|\bnotification\b", re.IGNORECASE)

Found = dict[str, str]


class Looks:
    """Looks at one ticket all around."""

    def __init__(self, site: Site, tickets: Tickets) -> None:
        self._site, self._tickets = site, tickets

    async def at(self, ref: Ref) -> Traces:
        """Everything that is there, and what could not be looked at."""
        row = await self._site.row(f"{TICKETS}/{ref.remote_id}", doing=f"read ticket {ref.remote_id}")
        there, unseen = _of_record(row), []
        looks: Mapping[str, Callable[[str], Awaitable[Found]]] = {
            "tasks": self._tasks,
            "children": self._children,
            "time": self._time,
            "products": self._products,
            "mails": self._mails,
        }
        for what, look in looks.items():
            try:
                there |= await look(ref.remote_id)
            except (NotFound, Rejected) as exc:
                unseen.append(f"{what}: {exc.why}")
        return Traces(there=there, readers=tuple(_readers(row)), unseen=tuple(unseen))

    async def _tasks(self, number: str) -> Found:
        rows = await self._part(number, "tasks")
        return {f"task {row['id']}": f"{row.get('notes') or ''} {_open(row)}".strip() for row in rows}

    async def _children(self, number: str) -> Found:
        asked = {"conditions": f"parentTicketId = {number}", "fields": "id,summary"}
        rows = await self._site.all(TICKETS, asked, doing=f"list the children of ticket {number}")
        return {f"child {row['id']}": str(row.get("summary") or "") for row in rows}

    async def _time(self, number: str) -> Found:
        """The minutes of a running timer pass by themselves; its beginning does not."""
        rows = await self._tickets.time_entries(number)
        told = ("timeStart", "timeEnd", "billableOption", "status")
        return {
            f"time {row['id']}": " ".join([name_in(row, "member"), *(str(row.get(one) or "-") for one in told)])
            for row in rows
        }

    async def _products(self, number: str) -> Found:
        return {
            f"product {row['id']}": str(row.get("description") or "") for row in await self._part(number, "products")
        }

    async def _mails(self, number: str) -> Found:
        """Where the audit trail tells of mails, which nobody has promised."""
        asked = {"type": "Ticket", "id": number}
        rows = await self._site.all("/system/audittrail", asked, doing="read the audit trail")
        told = [row for row in rows if _MAIL.search(f"{row.get('auditSubType') or ''} {row.get('text') or ''}")]
        oldest = sorted(told, key=lambda row: str(row.get("enteredDate") or ""))
        return {f"mail {n}": str(row.get("text") or "") for n, row in enumerate(oldest, start=1)}

    async def _part(self, number: str, what: str) -> list[Row]:
        doing = f"read the {what} of ticket {number}"
        return await self._site.all(f"{TICKETS}/{number}/{what}", doing=doing, may_lack=True)


def _of_record(row: Row) -> Found:
    fields = {f"field {name}": _shown(row.get(name)) for name in FIELDS if row.get(name) not in (None, "", False)}
    stamps = {f"SLA {name}": str(row[name]) for name, _, _ in sla.TARGETS if row.get(name)}
    start = row.get("escalationStartDateUTC")
    return {**fields, **stamps, **({"SLA start": str(start)} if start else {})}


def _readers(row: Row) -> Iterable[str]:
    """Who gets the ticket's mail: its contact, and copies."""
    told = f"{row.get('contactEmailAddress') or ''} {row.get('automaticEmailCc') or ''}"
    return dict.fromkeys(_ADDRESS.findall(told))


def _shown(value: object) -> str:
    return str(value.get("name") or value.get("id") or "") if isinstance(value, dict) else str(value)


def _open(row: Row) -> str:
    return "(done)" if row.get("closedFlag") else "(open)"

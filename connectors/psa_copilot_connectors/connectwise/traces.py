"""What a write may leave on a ConnectWise ticket besides what it was asked for; a canary compares two looks."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from psa_copilot import NotFound, Ref, Rejected, Traces, to_text
from psa_copilot_connectors.connectwise.roster import Roster
from psa_copilot_connectors.connectwise.rows import Row, name_in
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import TICKETS, Tickets

SLA = {
    "sla": "SLA agreement",
    "slaStatus": "SLA target",
    "dateResponded": "SLA response",
    "dateResplan": "SLA plan",
    "dateResolved": "SLA resolution",
    "escalationStartDateUTC": "SLA clock",
    "escalationLevel": "SLA level",
}
# Told elsewhere: as a field that every PSA has, or by the time, appointments and children that it sums up.
_TOLD = frozenset(
    {"id", "_info", "summary", "board", "status", "type", "subType", "item", "company", "contact", "contactName"}
    | {
        "team",
        "owner",
        "priority",
        "parentTicketId",
        "hasChildTicket",
        "actualHours",
        "resources",
        "customerUpdatedFlag",
    }
)
# Runs by itself while the clock runs.
_RUNS = frozenset(
    {"isInSla", "respondMinutes", "resPlanMinutes", "resolveMinutes", "respondedHours", "resplanHours"}
    | {"resolutionHours", "minutesBeforeWaiting", "minutesWaiting", "respondedSkippedMinutes"}
    | {"resplanSkippedMinutes", "respondedBy", "resplanBy", "resolvedBy"}
)
_ADDRESS = re.compile(r"[^\s;,<>]+@[^\s;,<>]+")
_MAIL = re.compile(r"\be-?mail(ed|s)?\b|\bnotification\b", re.IGNORECASE)
_SENT = re.compile(r"\bsent\b|\bdelivered\b|\be-?mailed\b|\bnotified\b", re.IGNORECASE)
_SHORT = 120

Found = dict[str, str]


class Looks:
    """Looks at one ticket all around."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets

    async def at(self, ref: Ref) -> Traces:
        """Everything that is there, and what could not be looked at."""
        row = await self._site.row(f"{TICKETS}/{ref.remote_id}", doing=f"read ticket {ref.remote_id}")
        there, unseen = _of_record(row), list[str]()
        looks: Mapping[str, Callable[[str], Awaitable[Found]]] = {
            "tasks": self._tasks,
            "children": self._children,
            "time": self._time,
            "products": self._products,
            "the audit trail, which tells of mails": self._trail,
        }
        for what, look in looks.items():
            try:
                there |= await look(ref.remote_id)
            except (NotFound, Rejected) as exc:
                unseen.append(f"{what}: {exc.why}")
        return Traces(there=there, readers=tuple(_readers(row)), unseen=tuple(unseen))

    async def _tasks(self, number: str) -> Found:
        rows = await self._part(number, "tasks")
        return {f"task {row['id']}": f"{_short(row.get('notes'))} ({_state(row)})" for row in rows}

    async def _children(self, number: str) -> Found:
        asked = {"conditions": f"parentTicketId = {number}", "fields": "id,summary"}
        rows = await self._site.all(TICKETS, asked, doing=f"list the children of ticket {number}")
        return {f"child {row['id']}": _short(row.get("summary")) for row in rows}

    async def _time(self, number: str) -> Found:
        return {f"time entry {row['id']}": _worked(row) for row in await self._tickets.time_entries(number)}

    async def _products(self, number: str) -> Found:
        rows = await self._part(number, "products")
        return {f"product {row['id']}": _short(row.get("description")) for row in rows}

    async def _trail(self, number: str) -> Found:
        """Mails, where the trail tells of them, which nobody has promised; and what anybody but us did."""
        us = (self._roster.ourselves or (await self._roster.at_hand()).directory.ourselves).casefold()
        asked = {"type": "Ticket", "id": number}
        rows = await self._site.all("/system/audittrail", asked, doing="read the audit trail")
        rows.sort(key=lambda row: str(row.get("enteredDate") or ""))
        mails = [row for row in rows if _is_mail(row)]
        others = [row for row in rows if not _is_mail(row) and str(row.get("enteredBy") or "").casefold() != us]
        return {**_numbered("mail", mails), **_numbered("audit line", others)}

    async def _part(self, number: str, what: str) -> list[Row]:
        doing = f"read the {what} of ticket {number}"
        return await self._site.all(f"{TICKETS}/{number}/{what}", doing=doing, may_lack=True)


def _of_record(row: Row) -> Found:
    """Every field that is set and is not told elsewhere."""
    kept = {name: value for name, value in row.items() if value not in (None, "", [], False)}
    fields = {f"field {name}": _shown(kept[name]) for name in kept.keys() - _TOLD - _RUNS - SLA.keys()}
    if row.get("customerUpdatedFlag"):
        fields["last word"] = "the customer's"
    return fields | {SLA[name]: _shown(kept[name]) for name in SLA if name in kept}


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("name") or value.get("identifier") or value.get("id") or "")
    return json.dumps(value, sort_keys=True) if isinstance(value, list) else str(value)


def _readers(row: Row) -> Iterable[str]:
    """Who gets the ticket's mail: its contact, and copies."""
    told = f"{row.get('contactEmailAddress') or ''} {row.get('automaticEmailCc') or ''}"
    return dict.fromkeys(_ADDRESS.findall(told))


def _worked(row: Row) -> str:
    """The minutes of a running timer pass by themselves; its beginning does not."""
    who = name_in(row, "member") or str(row.get("enteredBy") or "somebody")
    mails = [flag for flag in ("emailContactFlag", "emailResourceFlag", "emailCcFlag") if row.get(flag)]
    told = (row.get("timeStart"), row.get("timeEnd"), row.get("billableOption"), row.get("status"), *mails)
    return f"by {who}: {' '.join(str(one or '-') for one in told)}"


def _state(row: Row) -> str:
    return "done" if row.get("closedFlag") else "open"


def _is_mail(row: Row) -> bool:
    text = str(row.get("text") or "")
    return bool(_MAIL.fullmatch(str(row.get("auditSubType") or "")) or (_MAIL.search(text) and _SENT.search(text)))


def _numbered(what: str, rows: Iterable[Row]) -> Found:
    """Lines of the trail have no numbers of their own."""
    return {
        f"{what} {number}": f"by {row.get('enteredBy') or 'nobody'}: {_short(row.get('text'))}"
        for number, row in enumerate(rows, start=1)
    }


def _short(text: object) -> str:
    words = " ".join(to_text(text).split())
    return words if len(words) <= _SHORT else f"{words[: _SHORT - 1]}…"

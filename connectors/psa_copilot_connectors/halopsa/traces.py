"""What a write may leave on a Halo ticket besides what it was asked for; a canary compares two looks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping

from psa_copilot import NotFound, Ref, Rejected, Traces
from psa_copilot_connectors.halopsa.notes import Notes
from psa_copilot_connectors.halopsa.rows import Row, is_no_date, number, settled, text
from psa_copilot_connectors.halopsa.site import Site
from psa_copilot_connectors.halopsa.tickets import Tickets

SLA = {
    "sla_id": "SLA agreement",
    "respondbydate": "SLA response target",
    "fixbydate": "SLA fix target",
    "responsedate": "SLA response",
    "onhold": "SLA hold",
    "excludefromsla": "SLA exclusion",
}
# Told elsewhere: as a field that every PSA has, or by the actions, appointments and children that it sums up.
_TOLD = frozenset(
    {"id", "summary", "details", "details_html", "status_id", "status_name", "priority_id", "priority_name", "team"}
    | {"team_id", "agent_id", "agent_name", "category_1", "categoryid_1", "client_id", "client_name", "user_id"}
    | {"user_name", "site_id", "site_name", "parent_id", "last_update", "lastactiondate", "audit_log", "timetaken"}
    | {"child_count", "child_count_open", "attachment_count", "lastchildactiondate", "actions"}
)
_ADDRESS = re.compile(r"[^\s;,<>]+@[^\s;,<>]+")
_MAIL_TO = ("emailto", "emailcc", "emailtonew", "smsto")
_SHORT = 120

Found = dict[str, str]


class Looks:
    """Looks at one ticket all around."""

    def __init__(self, site: Site, tickets: Tickets, notes: Notes) -> None:
        self._site, self._tickets, self._notes = site, tickets, notes

    async def at(self, ref: Ref) -> Traces:
        """Everything that is there, and what could not be looked at."""
        row = await self._tickets.row(ref.remote_id)
        there, unseen = _of_record(row), list[str]()
        looks: Mapping[str, Callable[[str], Awaitable[Found]]] = {
            "tasks": self._tasks,
            "children": self._children,
            "time and mails": self._acted,
        }
        for what, look in looks.items():
            try:
                there |= await look(ref.remote_id)
            except (NotFound, Rejected) as exc:
                unseen.append(f"{what}: {exc.why}")
        unseen.append("mails that leave no action: HaloPSA does not tell of them")
        return Traces(there=there, readers=tuple(_readers(row)), unseen=tuple(unseen))

    async def _tasks(self, own: str) -> Found:
        rows = await self._site.rows("/ToDo", {"ticket_id": own}, doing=f"read the to-dos of ticket {own}")
        mine = (row for row in rows if number(row.get("ticket_id")) in ("", own))
        return {f"task {row.get('id')}": f"{_short(row, 'text')} ({_state(row)})" for row in mine}

    async def _children(self, own: str) -> Found:
        rows = await self._tickets.children(own)
        return {f"child {row.get('id')}": _short(row, "summary") for row in rows}

    async def _acted(self, own: str) -> Found:
        """Time and mail stand in the actions that they were entered with."""
        found: Found = {}
        for row in await self._notes.on(own):
            key, hours = row.get("id"), row.get("timetaken")
            if hours:
                found[f"time entry {key}"] = (
                    f"by {text(row, 'who') or 'nobody'}: {hours} h, rate {row.get('chargerate')}"
                )
            if to := [text(row, name) for name in _MAIL_TO if text(row, name)]:
                found[f"mail {key}"] = f"to {', '.join(to)}"
        return found


def _of_record(row: Row) -> Found:
    """Every field that is set and is not told elsewhere."""
    kept = {name: value for name, value in settled(row).items() if not _is_nothing(value)}
    fields = {f"field {name}": str(kept[name])[:_SHORT] for name in kept.keys() - _TOLD - SLA.keys()}
    return fields | {SLA[name]: str(kept[name]) for name in SLA if name in kept}


def _is_nothing(value: object) -> bool:
    """No value, in each of the ways that Halo has to say so."""
    return value in (None, "", [], {}, False, 0, -1) or is_no_date(value)


def _readers(row: Row) -> Iterator[str]:
    """Who gets the ticket's mail: its user, and copies."""
    told = " ".join(text(row, name) for name in ("user_email", "emailtolist", "emailcclist"))
    yield from dict.fromkeys(_ADDRESS.findall(told))


def _state(row: Row) -> str:
    return "done" if row.get("done") else "open"


def _short(row: Row, key: str) -> str:
    return " ".join(text(row, key).split())[:_SHORT]

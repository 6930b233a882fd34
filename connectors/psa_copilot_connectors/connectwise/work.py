"""Work on ConnectWise tickets: our time entries, and the calendars of technicians."""

from __future__ import annotations

import re
from datetime import timedelta

from psa_copilot import Appointment, Book, LogTime, Moment, Receipt, Ref, Rejected, marker_of, to_text
from psa_copilot_connectors.connectwise import bodies, mapping
from psa_copilot_connectors.connectwise.roster import Roster
from psa_copilot_connectors.connectwise.rows import Row, moment, part, saved_at, stamp
from psa_copilot_connectors.connectwise.settings import ConnectWiseSettings
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import Tickets

TIME, SCHEDULE, TYPES = "/time/entries", "/schedule/entries", "/schedule/types"

_IDENTIFIER = re.compile(r'[^"\\]+')


class Work:
    """What is done on tickets, and what is planned."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets, settings: ConnectWiseSettings) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets
        self._time_off = frozenset(name.casefold() for name in settings.time_off)
        self._work_type = settings.work_type
        self._zone = "Z" if settings.dates_with_zone else ""
        self._types: dict[int, str] | None = None

    async def log_time(self, ref: Ref, action: LogTime, marker: str, now: Moment) -> Receipt:
        """A time entry of ours, ending now."""
        doing = f"log time on ticket {ref.remote_id}"
        times = (now - timedelta(minutes=action.minutes), now)
        body = bodies.time_entry(action, int(ref.remote_id), await self._ourselves(doing), times, marker)
        if self._work_type:
            body["workType"] = {"name": self._work_type}
        entry = await self._site.post(TIME, body, doing=doing)
        self._check_entry(entry, body, doing)
        return _receipt(entry)

    async def find_time(self, ref: Ref, marker: str) -> Receipt | None:
        """Our time entry by its marker."""
        doing = f"look for our time on ticket {ref.remote_id}"
        mine = f' and member/identifier = "{await self._ourselves(doing)}"'
        for row in await self._tickets.time_entries(ref.remote_id, mine):
            if marker_of(to_text(row.get("internalNotes"))) == marker:
                return _receipt(row)
        return None

    def _check_entry(self, entry: Row, body: Row, doing: str) -> None:
        """Not billable and ours, whatever rules the desk has; otherwise somebody has to hear of it."""
        owner, billing = part(entry, "member").get("identifier"), entry.get("billableOption")
        right = str(owner).casefold() == body["member"]["identifier"].casefold()
        if not right or billing != body["billableOption"]:
            kept = (
                f"the PSA said yes and made entry {entry['id']} {billing}, in the name of {owner}; take it away there"
            )
            raise Rejected(self._site.connection, doing, kept)

    async def _ourselves(self, doing: str) -> str:
        """Whose name time is logged in: ours, and never a technician's."""
        known = await self._roster.at_hand()
        us = self._roster.ourselves or known.directory.ourselves
        if not us:
            mend = f"nobody tells who we are; name our API member in connections.{self._site.connection}.member"
            raise Rejected(self._site.connection, doing, mend)
        return us

    async def book(self, ref: Ref, action: Book) -> Receipt:
        """Plan a technician's time for the ticket."""
        doing = f"book {action.person} for ticket {ref.remote_id}"
        if action.ends <= action.starts:
            raise Rejected(self._site.connection, doing, "it would end before it begins")
        member = await self._roster.find(lambda known: known.member(action.person))
        if member is None:
            raise Rejected(self._site.connection, doing, f"there is no technician {action.person!r} for it")
        body = bodies.appointment(action, int(ref.remote_id), member)
        entry = await self._site.post(SCHEDULE, body, doing=doing)
        if not _is_it(entry, action):
            kept = f"the PSA said yes and made entry {entry['id']} at another time; look at it there"
            raise Rejected(self._site.connection, doing, kept)
        return _receipt(entry)

    async def find_booking(self, ref: Ref, action: Book) -> Receipt | None:
        """The appointment of that person on that ticket, at that time."""
        if not _IDENTIFIER.fullmatch(action.person):
            return None  # nobody is called like this, and it would not fit between quotes
        conditions = f'{_on_ticket(ref)} and member/identifier = "{action.person}"'
        doing = f"look for our appointment on ticket {ref.remote_id}"
        async for rows in self._site.walk(SCHEDULE, conditions, doing=doing):
            for row in rows:
                if _is_it(row, action) and not row.get("doneFlag"):
                    return _receipt(row)
        return None

    async def appointments(self, start: Moment, end: Moment, ref: Ref | None) -> list[Appointment]:
        """Entries of all calendars in that time; with a ticket, those on it."""
        types = await self._names_of_types()
        conditions = f"dateEnd > {self._date(start)} and dateStart < {self._date(end)}"
        if ref:
            conditions += f" and {_on_ticket(ref)}"
        rows = [row async for page in self._site.walk(SCHEDULE, conditions, doing="read calendars") for row in page]
        found = (mapping.to_appointment(row, types, self._time_off) for row in rows)
        return [one for one in found if one]

    def forget(self) -> None:
        """Look at the schedule types again; desks add some."""
        self._types = None

    def _date(self, when: Moment) -> str:
        return f"[{stamp(when).removesuffix('Z')}{self._zone}]"

    async def _names_of_types(self) -> dict[int, str]:
        """The names of schedule types; where we may not read them, their letters have to do."""
        if self._types is None:
            rows = await self._site.maybe_all(TYPES, doing="list schedule types") or []
            self._types = {int(row["id"]): str(row.get("name") or "") for row in rows}
        return self._types


def _on_ticket(ref: Ref) -> str:
    return f"objectId = {ref.remote_id} and type/id = {bodies.SERVICE_TICKET}"


def _is_it(row: Row, action: Book) -> bool:
    """At the same time; they keep whole seconds."""
    times = [moment(row.get("dateStart")), moment(row.get("dateEnd"))]
    return times == [one.replace(microsecond=0) for one in (action.starts, action.ends)]


def _receipt(row: Row) -> Receipt:
    return Receipt(remote_id=str(row["id"]), at=saved_at(row))

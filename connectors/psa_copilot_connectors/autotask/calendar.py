"""Calendars of technicians: service calls on tickets, and appointments for everything else."""

from __future__ import annotations

from psa_copilot import Appointment, AppointmentKind, Moment, Ref
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.roster import Roster
from psa_copilot_connectors.autotask.rows import Row, moment, number, stamp, text, where
from psa_copilot_connectors.autotask.site import Site


class Calendar:
    """A service call names no technician: they stand on the tickets of the call."""

    def __init__(self, site: Site, roster: Roster, time_off: frozenset[str]) -> None:
        self._site, self._roster = site, roster
        self._time_off = frozenset(word.casefold() for word in time_off)

    async def between(self, start: Moment, end: Moment, ref: Ref | None) -> list[Appointment]:
        """Entries that end after `start` and begin before `end`; with `ref`, those on one ticket."""
        window = (where("startDateTime", "lt", stamp(end)), where("endDateTime", "gt", stamp(start)))
        if ref is not None:
            return await self._calls(await self._calls_on(ref, start, end), ref)
        calls = await self._site.all("ServiceCalls", *window, doing="list service calls")
        others = await self._site.all("Appointments", *window, doing="list appointments")
        words = (await self._roster.at_hand()).words
        kept = [self._other(row, words.identifier(number(row, "resourceID"))) for row in others]
        return [*await self._calls(calls, None), *(one for one in kept if one)]

    async def _calls_on(self, ref: Ref, start: Moment, end: Moment) -> list[Row]:
        on = where("ticketID", "eq", int(ref.remote_id))
        links = await self._site.all("ServiceCallTickets", on, doing=f"list service calls of {ref.remote_id}")
        wanted = {int(one["serviceCallID"]) for one in links}
        rows = await self._site.those("ServiceCalls", "id", wanted, doing="read service calls") if wanted else []
        return [row for row in rows if _overlaps(row, start, end)]

    async def _calls(self, calls: list[Row], ref: Ref | None) -> list[Appointment]:
        """One entry for each technician on each ticket of each call."""
        by_id = {int(row["id"]): row for row in calls}
        if not by_id:
            return []
        links = await self._site.those(
            "ServiceCallTickets", "serviceCallID", by_id.keys(), doing="list the tickets of service calls"
        )
        mine = {int(one["id"]): one for one in links if ref is None or str(one["ticketID"]) == ref.remote_id}
        if not mine:
            return []
        people = await self._site.those(
            "ServiceCallTicketResources", "serviceCallTicketID", mine.keys(), doing="list who does service calls"
        )
        words, found = (await self._roster.at_hand()).words, list[Appointment | None]()
        for one in people:
            link = mine[int(one["serviceCallTicketID"])]
            who, ticket = words.identifier(number(one, "resourceID")), str(link["ticketID"])
            row, key = by_id[int(link["serviceCallID"])], f"call-{one['id']}"
            found.append(mapping.to_appointment(row, key, AppointmentKind.TICKET, who, ticket))
        return [one for one in found if one]

    def _other(self, row: Row, person: str) -> Appointment | None:
        title = text(row, "title").casefold()
        is_off = any(word in title for word in self._time_off)
        kind = AppointmentKind.TIME_OFF if is_off else AppointmentKind.OTHER
        return mapping.to_appointment(row, f"appointment-{row['id']}", kind, person)


def _overlaps(row: Row, start: Moment, end: Moment) -> bool:
    begins, ends = moment(row.get("startDateTime")), moment(row.get("endDateTime"))
    return begins is not None and ends is not None and begins < end and ends > start

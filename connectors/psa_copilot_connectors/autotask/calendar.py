"""Calendars of technicians: service calls on tickets, appointments for everything else, and who is away."""

from __future__ import annotations

from contextlib import suppress

from psa_copilot import Appointment, AppointmentKind, Book, Moment, PsaError, Receipt, Ref, Rejected
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.roster import Roster
from psa_copilot_connectors.autotask.rows import Row, moment, number, stamp, text, where
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import Tickets
from psa_copilot_connectors.autotask.timeoff import TimeOff

CALLS, ON_CALL, DOING = "ServiceCalls", "ServiceCallTickets", "ServiceCallTicketResources"
HOUR = 3600


class Calendar:
    """A service call names no technician: they stand on the tickets of the call."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets, away: TimeOff, time_off: frozenset[str]) -> None:
        self._site, self._roster, self._tickets, self._away = site, roster, tickets, away
        self._time_off = frozenset(word.casefold() for word in time_off)

    async def between(self, start: Moment, end: Moment, ref: Ref | None) -> list[Appointment]:
        """Entries that end after `start` and begin before `end`; with `ref`, those on one ticket."""
        window = (where("startDateTime", "lt", stamp(end)), where("endDateTime", "gt", stamp(start)))
        if ref is not None:
            return await self._calls(await self._calls_on(ref, start, end), ref)
        calls = await self._site.all(CALLS, *window, doing="list service calls")
        others = await self._site.all("Appointments", *window, doing="list appointments")
        words = (await self._roster.at_hand()).words
        kept = [self._other(row, words.identifier(number(row, "resourceID"))) for row in others]
        away = await self._away.between(start, end)
        return [*await self._calls(calls, None), *(one for one in kept if one), *away]

    async def _calls_on(self, ref: Ref, start: Moment, end: Moment) -> list[Row]:
        on = where("ticketID", "eq", int(ref.remote_id))
        links = await self._site.all(ON_CALL, on, doing=f"list service calls of {ref.remote_id}")
        wanted = {int(one["serviceCallID"]) for one in links}
        rows = await self._site.those(CALLS, "id", wanted, doing="read service calls") if wanted else []
        return [row for row in rows if _overlaps(row, start, end)]

    async def _calls(self, calls: list[Row], ref: Ref | None) -> list[Appointment]:
        """One entry for each technician on each ticket of each call."""
        by_id = {int(row["id"]): row for row in calls}
        if not by_id:
            return []
        links = await self._site.those(
            ON_CALL, "serviceCallID", by_id.keys(), doing="list the tickets of service calls"
        )
        mine = {int(one["id"]): one for one in links if ref is None or str(one["ticketID"]) == ref.remote_id}
        if not mine:
            return []
        people = await self._site.those(DOING, "serviceCallTicketID", mine.keys(), doing="list who does service calls")
        words, found = (await self._roster.at_hand()).words, list[Appointment | None]()
        for one in people:
            link = mine[int(one["serviceCallTicketID"])]
            who, ticket = words.identifier(number(one, "resourceID")), str(link["ticketID"])
            row, key = by_id[int(link["serviceCallID"])], f"call-{one['id']}"
            found.append(mapping.to_appointment(row, key, AppointmentKind.TICKET, who, ticket))
        return [one for one in found if one]

    # Booking.

    async def book(self, ref: Ref, action: Book) -> Receipt:
        """Plan a technician's time for the ticket: a service call, the ticket on it, the technician on that.

        The PSA makes the three one by one. What a lost answer left half done is found and gone on with; what the PSA
        then refuses is taken away again.
        """
        doing = f"book {action.person} for ticket {ref.remote_id}"
        if action.ends <= action.starts:
            raise Rejected(self._site.connection, doing, "it would end before it begins")
        person = await self._roster.find(lambda known: known.person(action.person))
        if person is None or not person.active:
            raise Rejected(self._site.connection, doing, f"there is no technician {action.person!r} for it")
        row = await self._tickets.row(ref)
        call, on = await self._begun(row, action, doing)
        fresh = call is None
        if call is None:
            call = await self._site.post(f"/{CALLS}", await self._call(row, action), doing=doing)
        try:
            if on is None:
                on = await self._site.post(f"/{CALLS}/{call}/Tickets", {"ticketID": int(row["id"])}, doing=doing)
            who = {"resourceID": int(person.remote_id)}
            made = await self._site.post(f"/{ON_CALL}/{on}/Resources", who, doing=doing)
        except Rejected:
            if fresh:
                with suppress(PsaError):  # the refusal is the news; an empty call is what is left otherwise
                    await self._site.delete(f"/{CALLS}/{call}", doing="take back a service call of ours")
            raise
        return Receipt(remote_id=f"call-{made}")

    async def find_booking(self, ref: Ref, action: Book) -> Receipt | None:
        """The service call of that person on that ticket, at that time."""
        starts, ends = (one.replace(microsecond=0) for one in (action.starts, action.ends))
        for one in await self.between(starts, ends, ref):
            if (one.person, one.starts, one.ends, one.done) == (action.person, starts, ends, False):
                return Receipt(remote_id=one.remote_id)
        return None

    async def _begun(self, row: Row, action: Book, doing: str) -> tuple[int | None, int | None]:
        """A service call of ours at that time that was cut short, and where the ticket stands on it."""
        ours, ticket = (await self._roster.at_hand()).ourselves, int(row["id"])
        if ours is None:
            return None, None
        same = {
            "companyID": row["companyID"],
            "creatorResourceID": ours,
            "startDateTime": stamp(action.starts),
            "endDateTime": stamp(action.ends),
        }
        calls = await self._site.all(CALLS, *(where(name, "eq", value) for name, value in same.items()), doing=doing)
        numbers = [int(one["id"]) for one in calls if not one.get("isComplete") and not one.get("canceledDateTime")]
        links = await self._site.those(ON_CALL, "serviceCallID", numbers, doing=doing) if numbers else []
        for one in links:
            if number(one, "ticketID") == ticket:
                return int(one["serviceCallID"]), int(one["id"])
        taken = {int(one["serviceCallID"]) for one in links}
        return next((one for one in numbers if one not in taken), None), None

    async def _call(self, row: Row, action: Book) -> Row:
        statuses = Picklist.read(await self._site.fields(CALLS), "status").default()
        return {
            "companyID": row["companyID"],
            "startDateTime": stamp(action.starts),
            "endDateTime": stamp(action.ends),
            "duration": round((action.ends - action.starts).total_seconds() / HOUR, 4),
            "isComplete": 0,
            "description": text(row, "title"),
        } | ({"status": statuses.value} if statuses else {})

    def _other(self, row: Row, person: str) -> Appointment | None:
        title = text(row, "title").casefold()
        is_off = any(word in title for word in self._time_off)
        kind = AppointmentKind.TIME_OFF if is_off else AppointmentKind.OTHER
        return mapping.to_appointment(row, f"appointment-{row['id']}", kind, person)


def _overlaps(row: Row, start: Moment, end: Moment) -> bool:
    begins, ends = moment(row.get("startDateTime")), moment(row.get("endDateTime"))
    return begins is not None and ends is not None and begins < end and ends > start

"""Appointments of Halo's agents: read, booked, and found again."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from psa_copilot import Appointment, Book, Moment, NotFound, Receipt, Ref, Rejected
from psa_copilot_connectors.halopsa import mapping
from psa_copilot_connectors.halopsa.roster import Roster
from psa_copilot_connectors.halopsa.rows import Row, asked, moment, number, some
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site

APPOINTMENTS = "/Appointment"
WIDER = timedelta(days=1)
"""Nobody knows whether the PSA's dates mean beginnings or ends, so more is asked for than is wanted."""
NEAR = timedelta(days=365)
"""An appointment of a ticket that is older or farther off stops nobody from closing it."""
EVERY = {"showall": "true", "showappointments": "true", "showholidays": "true"}


class Calendars:
    """Who is booked for what, and who is away."""

    def __init__(self, site: Site, roster: Roster, settings: HaloPsaSettings) -> None:
        self._site, self._roster, self._zone = site, roster, ZoneInfo(settings.zone)
        self._time_off = frozenset(name.casefold() for name in settings.time_off)

    async def between(self, start: Moment, end: Moment, ref: Ref | None) -> list[Appointment]:
        """Entries that end after `start` and begin before `end`."""
        names = (await self._roster.at_hand()).names
        span = {"start_date": asked(start - WIDER, self._zone), "end_date": asked(end + WIDER, self._zone)}
        params = {**EVERY, **span, **({"ticket_id": ref.remote_id} if ref else {})}
        rows = await self._site.rows(APPOINTMENTS, params, doing="list appointments")
        found = (mapping.to_appointment(row, names, self._time_off, self._zone) for row in rows)
        own = [one for one in found if one and (ref is None or one.ticket == ref.remote_id)]
        return [one for one in own if one.ends > start and one.starts < end]

    async def book(self, ref: Ref, action: Book) -> Receipt:
        """Make an appointment that informs nobody by mail."""
        doing = f"book {action.person} for ticket {ref.remote_id}"
        if action.ends <= action.starts:
            raise Rejected(self._site.connection, doing, "it would end before it begins")
        agent = await self._roster.find(lambda known: known.agent(action.person))
        if agent is None:
            raise Rejected(self._site.connection, doing, f"nobody called {action.person!r} works here")
        body: Row = {
            "subject": f"Ticket {ref.remote_id}",
            "start_date": asked(action.starts, self._zone),
            "end_date": asked(action.ends, self._zone),
            "agent_id": int(agent),
            "ticket_id": int(ref.remote_id),
            "inform_agents": False,
            "inform_user": False,
        }
        told = await self._site.write(APPOINTMENTS, body, doing=doing)
        if not self._is_it(told, action):
            kept = f"the PSA said yes and made appointment {number(told.get('id'))} at another time; look at it there"
            raise Rejected(self._site.connection, doing, kept)
        return Receipt(remote_id=number(told.get("id")))

    def _is_it(self, told: Row, action: Book) -> bool:
        """At the same times, as far as they are told."""
        times = {"start_date": action.starts, "end_date": action.ends}
        kept = {name: moment(told.get(name), self._zone) for name in times}
        return all(kept[name] in (None, when.replace(microsecond=0)) for name, when in times.items())

    async def find(self, ref: Ref, action: Book) -> Receipt | None:
        """The appointment, by ticket, person and times."""
        there = await self.between(action.starts, action.ends, ref)
        times = tuple(when.replace(microsecond=0) for when in (action.starts, action.ends))
        mine = (one for one in there if (one.person, one.starts, one.ends) == (action.person, *times) and not one.done)
        return next((Receipt(remote_id=one.remote_id) for one in mine), None)

    async def blocks_closing(self, ref: Ref, now: Moment) -> list[str]:
        """Halo's own screens ask before they close over one; what we may not look at counts as something."""
        try:
            there = await self.between(now - NEAR, now + NEAR, ref)
        except (NotFound, Rejected) as exc:
            return [f"its appointments cannot be looked at: {exc.why}"]
        planned = [f"{one.person}, {one.starts:%d %b %H:%M} UTC" for one in there if not one.done]
        return some("appointment that is not done", planned)

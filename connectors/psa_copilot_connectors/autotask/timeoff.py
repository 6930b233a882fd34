"""Who is away: approved time off of each technician, and the holidays of the place where they work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psa_copilot import Appointment, AppointmentKind, Moment, NotFound, Rejected
from psa_copilot_connectors.autotask.mapping import SYSTEM
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.roster import MATCH_ALL, Roster
from psa_copilot_connectors.autotask.rows import Row, moment, number, text
from psa_copilot_connectors.autotask.site import Site

DAY = timedelta(days=1)
APPROVED = "approved"
_OFFSET = re.compile(r"(?:GMT|UTC)\s*(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?", re.IGNORECASE)


@dataclass
class Away:
    """What was read, and what we may not read."""

    spans: list[Appointment] = field(default_factory=list)
    requests: int = 0
    """How many requests for time off were shown to us, approved or not."""
    unread: list[str] = field(default_factory=list)


class TimeOff:
    """Reads both, and keeps them until it is told to look again: each technician's requests take one of ours."""

    def __init__(self, site: Site, roster: Roster) -> None:
        self._site, self._roster = site, roster
        self._away: Away | None = None

    def forget(self) -> None:
        """Look again."""
        self._away = None

    async def between(self, start: Moment, end: Moment) -> list[Appointment]:
        """Who is away within a span of time; nothing of what we may not read, which `check` tells."""
        return [one for one in (await self.known()).spans if one.starts < end and one.ends > start]

    async def known(self) -> Away:
        """Everything that the PSA shows us of it."""
        if self._away is None:
            away = Away()
            for what, look in (("time off", self._requests), ("holidays", self._holidays)):
                try:
                    await look(away)
                except (NotFound, Rejected) as exc:
                    away.unread.append(f"{what}: {exc.why}")
            self._away = away
        return self._away

    async def _people(self) -> dict[int, str]:
        people = (await self._roster.at_hand()).words.people
        return {who: one.identifier for who, one in people.items() if one.active and not one.is_api and who != SYSTEM}

    async def _requests(self, away: Away) -> None:
        approved: frozenset[int] | None = None
        for who, identifier in (await self._people()).items():
            path, doing = f"/Resources/{who}/TimeOffRequests", "read who has time off"
            if approved is None:
                fields = (await self._site.get(f"{path}/entityInformation/fields", doing=doing)).get("fields")
                approved = _approved(one for one in fields or () if isinstance(one, dict))
            rows = (await self._site.get(path, doing=doing)).get("items") or []
            away.requests += len(rows)
            away.spans += [
                Appointment(
                    remote_id=f"off-{row['id']}", kind=AppointmentKind.TIME_OFF, person=identifier,
                    starts=span[0], ends=span[1],
                )
                for row in rows
                if is_approved(row, approved) and (span := span_of(row))
            ]  # fmt: skip

    async def _holidays(self, away: Away) -> None:
        """A set of holidays belongs to the places that have it, and a place to those who work there."""
        doing = "read holidays"
        people, days = await self._people(), await self._site.all("Holidays", MATCH_ALL, doing=doing)
        if not days:
            return
        places = {int(one["id"]): one for one in await self._site.all("InternalLocations", MATCH_ALL, doing=doing)}
        rows = await self._site.those("Resources", "id", people.keys(), ("id", "locationID"), doing=doing)
        for row in rows:
            place = places.get(number(row, "locationID") or 0, {})
            own = [day for day in days if number(day, "holidaySetID") == number(place, "holidaySetId") is not None]
            away.spans += [
                Appointment(
                    remote_id=f"holiday-{day['id']}-{row['id']}", kind=AppointmentKind.TIME_OFF,
                    person=people[int(row["id"])], starts=starts, ends=starts + DAY,
                )
                for day in own
                if (starts := midnight(day, text(place, "timeZone")))
            ]  # fmt: skip


def _approved(fields: Iterable[Row]) -> frozenset[int]:
    choices = Picklist.read(fields, "status").choices
    return frozenset(one.value for one in choices if one.label.casefold() == APPROVED)


def is_approved(row: Row, approved: frozenset[int]) -> bool:
    """By its status; by its date where no status is called so."""
    if approved:
        return number(row, "status") in approved
    return bool(row.get("approvedDateTime")) and not text(row, "rejectReason")


def span_of(row: Row) -> tuple[Moment, Moment] | None:
    """From when to when: a request is for one day, whole where it tells no hours of it.

    The two times may be of that day, or times of a clock on any other one.
    """
    day, starts, ends = (moment(row.get(name)) for name in ("requestDate", "startTime", "endTime"))
    if starts is None or ends is None or starts == ends:
        return (day, day + DAY) if day else None
    if day is None or (day <= starts < day + DAY and starts < ends):
        return (starts, ends) if starts < ends else None
    begins = day + (starts - day) % DAY
    return begins, begins + (ends - starts) % DAY


def midnight(holiday: Row, zone: str) -> Moment | None:
    """When a holiday begins where people have it."""
    day = moment(holiday.get("holidayDate"))
    if day is None:
        return None
    return day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone_of(zone)).astimezone(UTC)


def zone_of(told: str) -> tzinfo:
    """A time zone by its name or by the offset in it; UTC where it tells neither."""
    if offset := _OFFSET.search(told):
        span = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-span if offset["sign"] == "-" else span)
    try:
        return ZoneInfo(told)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC

"""Schedule entries: who is booked for which ticket, and who is away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from psa_copilot.sandbox import AppointmentLine, Row, Table, TimeOffLine, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import (
    Refused,
    check_given,
    check_names,
    entered,
    moment_text,
    updated,
)
from psa_copilot_connectors.connectwise.sandbox.change import WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.shapes import SCHEDULE
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets
from psa_copilot_connectors.connectwise.sandbox.usual import PROJECT, SERVICE, TIME_OFF

DATES = ("dateStart", "dateEnd")
WITHOUT_TICKET = ("Meeting", TIME_OFF, "Holiday")
FIXED = ("id", "objectId", "name", "type", "_info")


class Schedule:
    """All appointments, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows = Table(80_001)
        self._tickets = tickets
        self._desk = tickets.desk
        self._clock = tickets.desk.world.clock
        self._switches = tickets.desk.world.switches
        self._of: dict[int, list[int]] = defaultdict(list)
        tickets.parts.append(self)

    def of(self, ticket: int) -> list[Row]:
        """The schedule entries of a ticket."""
        return [self.rows.rows[entry] for entry in self._of.get(ticket, ())]

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A new ticket has nobody booked."""

    def ticket_deleted(self, ticket: int, _: str) -> None:
        """A ticket takes its appointments with it."""
        for entry in self._of.pop(ticket, []):
            self.rows.drop(entry)

    # By the API.

    def add(self, body: Mapping[str, object], by: str) -> Row:
        """A schedule entry from a body."""
        check_names(body, SCHEDULE, "schedule")
        check_given(body, "schedule", "type")
        kind = self._desk.row_of("scheduleType", self._desk.resolve("scheduleType", body["type"], resource="schedule"))
        ticket = self._object(kind["name"], body)
        given = body.get("member")
        member = self._desk.resolve("owner", given, resource="schedule") if given else self._desk.member_reference(by)
        dates = {name: moment_text(body[name], name, "schedule") for name in DATES if body.get(name)}
        self._check_conflict(0, member, dates, body)
        return self._book(ticket, kind, member, dates, by, body)

    def edit(self, entry_id: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a schedule entry."""
        check_names(changes, SCHEDULE, "schedule")
        old = self.rows.rows[entry_id]
        kept = {name: value for name, value in changes.items() if name not in FIXED}
        kept |= {name: moment_text(kept[name], name, "schedule") for name in DATES if kept.get(name)}
        if kept.get("member"):
            kept["member"] = self._desk.resolve("owner", kept["member"], resource="schedule")
        row = updated({k: v for k, v in (old | kept).items() if v is not None}, by, self._clock.now())
        row.setdefault("member", old["member"])
        self._check_conflict(entry_id, row["member"], row, changes)
        self._tickets.touched()
        self.rows.put(row, row["_info"]["lastUpdated"])
        self._show_resources(row.get("objectId"), by)
        return row

    def delete(self, entry_id: int, by: str) -> None:
        """An appointment is off."""
        row = self.rows.drop(entry_id)
        self._tickets.touched()
        if ticket := row.get("objectId"):
            self._of[ticket].remove(entry_id)
            self._show_resources(ticket, by)

    def _object(self, kind: str, body: Mapping[str, object]) -> Row | None:
        """The ticket that is meant; any other type makes the server look among other records, whatever was meant."""
        number = body.get("objectId")
        if kind in WITHOUT_TICKET:
            return None
        row = self._tickets.rows.get(number) if isinstance(number, int) else None
        if kind not in (SERVICE, PROJECT) or row is None:
            what = "Ticket" if kind in (SERVICE, PROJECT) else "Activity"
            raise Refused("schedule", "objectId", f"{what} {number} not found", "NotFound")
        return row

    def _check_conflict(self, entry: int, member: Row, dates: Mapping[str, object], body: Mapping[str, object]) -> None:
        if self._switches.text("schedule_conflicts") == "allowed" or body.get("allowScheduleConflictsFlag"):
            return
        begins, ends = (str(dates.get(name, "")) for name in DATES)
        for other in self.rows:
            same = other["id"] != entry and other["member"]["id"] == member["id"] and begins and ends
            if same and other.get("dateStart", "") < ends and begins < other.get("dateEnd", ""):
                raise Refused("schedule", "dateStart", "The entry conflicts with another one.", "ScheduleConflict")

    # By people and by rules.

    def book(self, ticket: int, line: AppointmentLine, by: str, at: datetime) -> None:
        """Somebody is booked."""
        member = self._desk.reference("owner", self._desk.member(line.by))
        self.book_for(ticket, member, line.starts, line.minutes, by, at, done=line.done)

    def book_for(
        self, ticket: int, member: Row, starts: datetime, minutes: int, by: str, at: datetime, *, done: bool = False
    ) -> None:
        """A member is booked for a ticket."""
        ends = starts + timedelta(minutes=minutes)
        dates = {"dateStart": whole_second(starts), "dateEnd": whole_second(ends)}
        row = self._tickets.rows.rows[ticket]
        self._book(row, self._desk.one_of("scheduleType", SERVICE), member, dates, by, {"doneFlag": done}, at)

    def take_off(self, line: TimeOffLine, at: datetime) -> None:
        """A technician is away."""
        member = self._desk.reference("owner", self._desk.member(line.by))
        dates = {"dateStart": whole_second(line.starts), "dateEnd": whole_second(line.ends)}
        kind = self._desk.one_of("scheduleType", TIME_OFF)
        self._book(None, kind, member, dates, WORKFLOW, {"name": line.text}, at)

    def unbook(self, ticket: int, by: str) -> None:
        """A ticket's appointments are off."""
        for entry in list(self._of.get(ticket, ())):
            self.delete(entry, by)

    # How it is done.

    def _book(
        self,
        ticket: Row | None,
        kind: Row,
        member: Row,
        dates: Mapping[str, str],
        by: str,
        body: Mapping[str, object],
        at: datetime | None = None,
    ) -> Row:
        at = at or self._clock.now()
        row: Row = {
            "id": self.rows.new_id(),
            "objectId": ticket["id"] if ticket else None,
            "name": _name(ticket) if ticket else str(body.get("name") or kind["name"]),
            "member": member,
            "type": self._desk.reference("scheduleType", kind),
            "status": self._status(body.get("status")),
            "doneFlag": bool(body.get("doneFlag")),
            "acknowledgedFlag": False,
            "ownerFlag": bool(body.get("ownerFlag")),
            "hours": _hours(dates),
            **dates,
            "_info": entered(by, at),
        }
        row = {name: value for name, value in row.items() if value is not None}
        self._tickets.touched()
        self.rows.put(row, row["_info"]["lastUpdated"])
        if ticket:
            self._of[ticket["id"]].append(row["id"])
            self._show_resources(ticket["id"], by, at)
            now = self._tickets.rows.rows[ticket["id"]]
            self._tickets.tell(Change(ticket["id"], "added", now, now, by, what="appointment", part=row))
        return row

    def _status(self, given: object) -> Row:
        return self._desk.resolve("scheduleStatus", given or {"name": "Firm"}, resource="schedule")

    def _show_resources(self, ticket: int | None, by: str, at: datetime | None = None) -> None:
        """`resources` of a ticket is a reading of who has an appointment."""
        if ticket is None:
            return
        who = dict.fromkeys(entry["member"]["identifier"] for entry in self.of(ticket))
        self._tickets.put(self._tickets.rows.rows[ticket] | {"resources": ", ".join(who)})
        self._tickets.bump(ticket, by, at or self._clock.now(), "schedule_bumps_ticket")


def _name(ticket: Row) -> str:
    return f"{ticket['company']['name']} / Ticket# {ticket['id']} - {ticket['summary']}"


def _hours(dates: Mapping[str, str]) -> float | None:
    if len(dates) < len(DATES):
        return None
    spent = datetime.fromisoformat(dates["dateEnd"]) - datetime.fromisoformat(dates["dateStart"])
    return round(spent.total_seconds() / 3600, 2)

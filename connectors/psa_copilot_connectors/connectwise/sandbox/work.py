"""Work on tickets: time entries and appointments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from psa_copilot.sandbox import Row, Table, TimeLine, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import (
    Refused,
    check_given,
    check_names,
    entered,
    moment_text,
    updated,
)
from psa_copilot_connectors.connectwise.sandbox.shapes import SCHEDULE, TIME
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets

EDITABLE = ("Open", "Rejected", "ErrorsCorrected")
SERVICE_TICKET = {"id": 4, "identifier": "S"}
FLAGS = ("addToDetailDescriptionFlag", "addToInternalAnalysisFlag", "addToResolutionFlag")


class Work:
    """All time entries and appointments, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.time = Table(70_001)
        self.schedule = Table(80_001)
        self._tickets = tickets
        self._desk = tickets.desk
        self._clock = tickets.desk.world.clock
        self._time_of: dict[int, list[int]] = defaultdict(list)
        tickets.parts.append(self)

    def time_of(self, ticket: int) -> list[Row]:
        """The time entries of a ticket."""
        return [self.time.rows[entry] for entry in self._time_of.get(ticket, ())]

    def appointments_of(self, ticket: int) -> list[Row]:
        """The schedule entries of a ticket."""
        return [row for row in self.schedule if row["objectId"] == ticket]

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A new ticket has no work on it."""

    def ticket_deleted(self, ticket: int, _: str) -> None:
        """A ticket takes its work with it."""
        for entry in self._time_of.pop(ticket, []):
            self.time.drop(entry)
        for appointment in self.appointments_of(ticket):
            self.schedule.drop(appointment["id"])

    # Time.

    def add_time(self, body: Mapping[str, object], by: str) -> Row:
        """A time entry from a body."""
        check_names(body, TIME, "timeEntry")
        check_given(body, "timeEntry", "timeStart")
        kind = str(body.get("chargeToType") or "ServiceTicket")
        ticket = self._ticket(body, "chargeToId", "timeEntry") if kind == "ServiceTicket" else None
        member = self._member(body, by, "timeEntry")
        return self._log(dict(body) | {"chargeToType": kind}, ticket, member, by, self._clock.now())

    def log_time(self, ticket: int, line: TimeLine, at: datetime) -> None:
        """A technician logs time."""
        member = self._desk.member(line.by)
        body: Row = {
            "timeStart": whole_second(at),
            "timeEnd": whole_second(at + timedelta(minutes=line.minutes)),
            "notes": line.text,
            "addToInternalAnalysisFlag": line.internal,
            "addToDetailDescriptionFlag": not line.internal,
            "chargeToType": "ServiceTicket",
        }
        row = self._tickets.rows.rows[ticket]
        self._log(body, row, self._desk.reference("owner", member), member["identifier"], at)

    def edit_time(self, entry_id: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a time entry, unless it is approved or billed."""
        check_names(changes, TIME, "timeEntry")
        old = self.time.rows[entry_id]
        if old["status"] not in EDITABLE:
            raise Refused("timeEntry", "status", f"Time entry {entry_id} is {old['status']} and cannot be changed.")
        kept = {name: value for name, value in changes.items() if name not in ("id", "member", "company", "ticket")}
        row = updated({name: value for name, value in (old | kept).items() if value is not None}, by, self._clock.now())
        self._tickets.touched()
        return self.time.put(row | {flag: bool(row.get(flag)) for flag in FLAGS}, row["_info"]["lastUpdated"])

    def delete_time(self, entry_id: int, by: str) -> None:
        """A time entry is gone."""
        row = self.time.drop(entry_id)
        self._tickets.touched()
        if ticket := row.get("ticket"):
            self._time_of[ticket["id"]].remove(entry_id)
            self._tickets.bump(ticket["id"], by, self._clock.now(), "time_bumps_ticket")

    def _log(self, body: Row, ticket: Row | None, member: Row, by: str, at: datetime) -> Row:
        times = {
            name: moment_text(body[name], name, "timeEntry") for name in ("timeStart", "timeEnd") if body.get(name)
        }
        row: Row = {
            "billableOption": "Billable",
            "actualHours": _hours(times),
            **body,
            **times,
            **{flag: bool(body.get(flag)) for flag in FLAGS},
            "id": self.time.new_id(),
            "member": member,
            "status": "Open",
            "enteredBy": by,
            "dateEntered": whole_second(at),
            "_info": entered(by, at),
        }
        if ticket is not None:
            reference = {"id": ticket["id"], "summary": ticket["summary"]}
            row |= {"chargeToId": ticket["id"], "ticket": reference, "company": ticket["company"]}
            self._time_of[ticket["id"]].append(row["id"])
            self._charge(ticket, row, by, at)
        self._tickets.touched()
        return self.time.put(row, whole_second(at))

    def _charge(self, ticket: Row, entry: Row, by: str, at: datetime) -> None:
        self._tickets.put(ticket | {"actualHours": ticket["actualHours"] + float(entry["actualHours"])})
        self._tickets.bump(ticket["id"], by, at, "time_bumps_ticket")
        if entry.get("emailContactFlag"):
            self._tickets.mail(ticket, str(entry.get("notes") or ""), by, "time entry with emailContactFlag")

    # Appointments.

    def add_appointment(self, body: Mapping[str, object], by: str) -> Row:
        """A schedule entry from a body."""
        check_names(body, SCHEDULE, "schedule")
        check_given(body, "schedule", "type")
        kind = body["type"]
        if not isinstance(kind, Mapping) or not (kind.get("id") == 4 or kind.get("identifier") == "S"):
            # Any other type makes the server look among other records, whatever was meant.
            raise Refused("schedule", "objectId", f"Activity {body.get('objectId')} not found", "NotFound")
        ticket = self._ticket(body, "objectId", "schedule")
        row = self._appointment(body, ticket, by)
        self._tickets.touched()
        self.schedule.put(row, row["_info"]["lastUpdated"])
        self._show_resources(ticket["id"], by)
        return row

    def delete_appointment(self, entry_id: int, by: str) -> None:
        """An appointment is off."""
        row = self.schedule.drop(entry_id)
        self._tickets.touched()
        self._show_resources(row["objectId"], by)

    def _appointment(self, body: Mapping[str, object], ticket: Row, by: str) -> Row:
        dates = {name: moment_text(body[name], name, "schedule") for name in ("dateStart", "dateEnd") if body.get(name)}
        return {
            "id": self.schedule.new_id(),
            "objectId": ticket["id"],
            "name": f"{ticket['company']['name']} / Ticket# {ticket['id']} - {ticket['summary']}",
            "member": self._member(body, by, "schedule"),
            "type": SERVICE_TICKET,
            "status": body.get("status") or {"id": 2, "name": "Firm"},
            "doneFlag": bool(body.get("doneFlag")),
            "acknowledgedFlag": False,
            "ownerFlag": bool(body.get("ownerFlag")),
            **dates,
            "_info": entered(by, self._clock.now()),
        }

    def _show_resources(self, ticket: int, by: str) -> None:
        """`resources` of a ticket is a reading of who has an appointment."""
        who = dict.fromkeys(entry["member"]["identifier"] for entry in self.appointments_of(ticket))
        row = self._tickets.rows.rows[ticket] | {"resources": ", ".join(who)}
        self._tickets.put(updated(row, by, self._clock.now()))

    # Both.

    def _ticket(self, body: Mapping[str, object], field: str, resource: str) -> Row:
        number = body.get(field)
        row = self._tickets.rows.get(number) if isinstance(number, int) else None
        if row is None:
            raise Refused(resource, field, f"Ticket {number} not found", "NotFound")
        return row

    def _member(self, body: Mapping[str, object], by: str, resource: str) -> Row:
        given = body.get("member")
        return self._desk.resolve("owner", given, resource=resource) if given else self._desk.member_reference(by)


def _hours(times: Mapping[str, str]) -> float:
    if "timeEnd" not in times:
        return 0.0
    spent = datetime.fromisoformat(times["timeEnd"]) - datetime.fromisoformat(times["timeStart"])
    return round(spent.total_seconds() / 3600, 2)

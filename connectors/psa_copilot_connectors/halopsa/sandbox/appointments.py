"""Appointments: who is booked for which ticket, and who is away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from psa_copilot.sandbox import AppointmentLine, Row, Table, TimeOffLine
from psa_copilot_connectors.halopsa.sandbox.change import Refused
from psa_copilot_connectors.halopsa.sandbox.rows import read_stamp, stamp
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets

HOLIDAY = "Holiday"
DONE, OPEN = 1, -1


class Appointments:
    """All appointments, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows = Table(500)
        self._tickets, self._desk = tickets, tickets.desk
        tickets.gone.append(self.unbook)
        tickets.asks.append(self._asks)

    def asked_for(self, asked: Mapping[str, str]) -> list[Row]:
        """Those that a list is asked for."""
        begins, ends = (read_stamp(asked[name]) if asked.get(name) else "" for name in ("start_date", "end_date"))
        rows = [row for row in self.rows if (not ends or row["start_date"] < ends) and row["end_date"] > begins]
        if asked.get("ticket_id"):
            rows = [row for row in rows if row["ticket_id"] == int(asked["ticket_id"])]
        if asked.get("hidecompleted", "").casefold() == "true":
            rows = [row for row in rows if row["complete_status"] != DONE]
        return rows

    def write(self, body: Mapping[str, Any]) -> Row:
        """A new appointment, or new values for one that is there."""
        if body.get("id"):
            return self._edit(int(body["id"]), body)
        if not (body.get("start_date") and body.get("end_date")):
            raise Refused(400, "A start and an end date must be entered")
        agent = self._desk.agents.get(int(body.get("agent_id") or 0))
        ticket = self._tickets.rows.get(int(body.get("ticket_id") or 0))
        if agent is None:
            raise Refused(400, "Agent not found")
        if body.get("ticket_id") and ticket is None:
            raise Refused(400, "Ticket not found")
        dates = (read_stamp(str(body["start_date"])), read_stamp(str(body["end_date"])))
        return self._keep(agent, ticket, dates, str(body.get("subject") or ""))

    def _edit(self, number: int, body: Mapping[str, Any]) -> Row:
        old = self.rows.get(number)
        if old is None:
            raise Refused(404, "Appointment not found")
        if self._desk.world.switches.on("appointment_new_id"):
            self.rows.drop(number)
            number = self.rows.new_id()
        dates = {name: read_stamp(str(body[name])) for name in ("start_date", "end_date") if body.get(name)}
        kept = {name: body[name] for name in ("subject", "complete_status") if name in body}
        self._tickets.revision += 1
        return self.rows.put(old | kept | dates | {"id": number})

    def delete(self, number: int) -> None:
        """An appointment is off."""
        if self.rows.get(number) is None:
            raise Refused(404, "Appointment not found")
        self.rows.drop(number)
        self._tickets.revision += 1

    def _asks(self, old: Row, wanted: Mapping[str, Any]) -> str:
        """The flag that has to say yes before this is done to a ticket; empty where nothing has to."""
        now = stamp(_now(self._tickets))
        if self._desk.is_closed(wanted.get("status_id", 0)) and any(
            row["ticket_id"] == old["id"] and row["complete_status"] != DONE for row in self.rows
        ):
            return "_appointment01_ok"
        away = (row for row in self.rows if row["holiday_type"] > 0 and row["start_date"] <= now < row["end_date"])
        return "_agent01_ok" if wanted.get("agent_id") in {row["agent_id"] for row in away} else ""

    # By people

    def book(self, ticket: int, line: AppointmentLine) -> None:
        """Somebody is booked."""
        ends = line.starts + timedelta(minutes=line.minutes)
        agent, row = self._desk.agent(line.by), self._tickets.rows.rows[ticket]
        made = self._keep(agent, row, (stamp(line.starts), stamp(ends)), str(row["summary"]))
        self.rows.put(made | {"complete_status": DONE if line.done else OPEN})

    def take_off(self, line: TimeOffLine) -> None:
        """A technician is away."""
        dates = (stamp(line.starts), stamp(line.ends))
        made = self._keep(self._desk.agent(line.by), None, dates, line.text)
        self.rows.put(made | {"appointment_type_name": HOLIDAY, "holiday_type": 1})

    def unbook(self, ticket: int) -> None:
        """A ticket's appointments are off."""
        for row in self.rows:
            if row["ticket_id"] == ticket:
                self.rows.drop(row["id"])
                self._tickets.revision += 1

    def _keep(self, agent: Row, ticket: Row | None, dates: tuple[str, str], subject: str) -> Row:
        self._tickets.revision += 1
        starts, ends = dates
        return self.rows.put(
            {
                "id": self.rows.new_id(),
                "subject": subject,
                "start_date": starts,
                "end_date": ends,
                "allday": False,
                "agent_id": agent["id"],
                "agent_name": agent["name"],
                "ticket_id": ticket["id"] if ticket else 0,
                "client_id": ticket["client_id"] if ticket else 0,
                "type": 0,
                "appointment_type_name": "Appointment",
                "holiday_type": -1,
                "complete_status": OPEN,
                "is_private": False,
                "is_task": False,
                "last_modified": stamp(_now(self._tickets)),
            }
        )


def _now(tickets: Tickets) -> datetime:
    return tickets.desk.world.clock.now()

"""Time entries, and the road of each from open to billed."""

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
from psa_copilot_connectors.connectwise.sandbox.change import WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.shapes import TIME
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets

EDITABLE = ("Open", "Rejected", "ErrorsCorrected", "RejectBySecondTier")
CHARGED_TO_TICKETS = ("ServiceTicket", "ProjectTicket")
FLAGS = ("addToDetailDescriptionFlag", "addToInternalAnalysisFlag", "addToResolutionFlag")
# Said with a write, done, and not kept.
ORDERS = ("emailResourceFlag", "emailContactFlag", "emailCcFlag", "emailCc")
NEXT = {
    "Open": ("PendingApproval", "ReadyToBill", "Billed", "WrittenOff"),
    "PendingApproval": ("Open", "Rejected", "ApprovedByTierOne", "PendingProjectApproval"),
    "PendingProjectApproval": ("Rejected", "ApprovedByTierOne"),
    "ApprovedByTierOne": ("RejectBySecondTier", "ApprovedByTierTwo", "ReadyToBill"),
    "ApprovedByTierTwo": ("ReadyToBill",),
    "ReadyToBill": ("Billed", "BilledAgreement", "WrittenOff"),
    "Rejected": ("Open", "ErrorsCorrected", "PendingApproval"),
    "RejectBySecondTier": ("Open", "ErrorsCorrected", "PendingApproval"),
    "ErrorsCorrected": ("PendingApproval",),
}


class Timesheet:
    """All time entries, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self.rows = Table(70_001)
        self._tickets = tickets
        self._desk = tickets.desk
        self._clock = tickets.desk.world.clock
        self._of: dict[int, list[int]] = defaultdict(list)
        tickets.parts.append(self)

    def of(self, ticket: int) -> list[Row]:
        """The time entries of a ticket."""
        return [self.rows.rows[entry] for entry in self._of.get(ticket, ())]

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A new ticket has no work on it."""

    def ticket_deleted(self, ticket: int, _: str) -> None:
        """A ticket takes its work with it."""
        for entry in self._of.pop(ticket, []):
            self.rows.drop(entry)

    def add(self, body: Mapping[str, object], by: str) -> Row:
        """A time entry from a body."""
        check_names(body, TIME, "timeEntry")
        check_given(body, "timeEntry", "timeStart")
        kind = str(body.get("chargeToType") or "ServiceTicket")
        ticket = self._ticket(body) if kind in CHARGED_TO_TICKETS else None
        if ticket and self._desk.row_of("status", ticket["status"]).get("timeEntryNotAllowed"):
            raise Refused("timeEntry", "chargeToId", "The ticket's status allows no time entries.", "InvalidValue")
        given = body.get("member")
        member = self._desk.resolve("owner", given, resource="timeEntry") if given else self._desk.member_reference(by)
        return self._log(dict(body) | {"chargeToType": kind}, ticket, member, by, self._clock.now())

    def log(self, ticket: int, line: TimeLine, at: datetime) -> None:
        """A technician logs time."""
        member = self._desk.member(line.by)
        ends = {} if line.running else {"timeEnd": whole_second(at + timedelta(minutes=line.minutes))}
        body: Row = {
            "timeStart": whole_second(at),
            **ends,
            "notes": line.text,
            "addToInternalAnalysisFlag": line.internal,
            "addToDetailDescriptionFlag": not line.internal,
            "chargeToType": "ServiceTicket",
            **({"status": line.status} if line.status else {}),
        }
        row = self._tickets.rows.rows[ticket]
        self._log(body, row, self._desk.reference("owner", member), member["identifier"], at)

    def add_by_rule(self, ticket: int, text: str, at: datetime) -> None:
        """A quarter of an hour that nobody logged."""
        row = self._tickets.rows.rows[ticket]
        owner = row.get("owner") or self._desk.reference("owner", self._desk.technicians()[0])
        times = {"timeStart": whole_second(at), "timeEnd": whole_second(at + timedelta(minutes=15))}
        flag = {"addToInternalAnalysisFlag": True}
        self._log({**times, "notes": text, **flag, "chargeToType": "ServiceTicket"}, row, owner, WORKFLOW, at)

    def edit(self, entry_id: int, changes: Mapping[str, object], by: str) -> Row:
        """Change a time entry, unless it is approved or billed; its status goes its own road."""
        check_names(changes, TIME, "timeEntry")
        old = self.rows.rows[entry_id]
        fields = changes.keys() - {"id", "status"}
        if fields and old["status"] not in EDITABLE:
            raise Refused("timeEntry", "status", f"Time entry {entry_id} is {old['status']} and cannot be changed.")
        status = str(changes.get("status") or old["status"])
        if status != old["status"] and status not in NEXT.get(old["status"], ()):
            raise Refused("timeEntry", "status", f"A time entry does not go from {old['status']} to {status}.")
        return self._put_edited(old, changes, by)

    def _put_edited(self, old: Row, changes: Mapping[str, object], by: str) -> Row:
        fixed = ("id", "member", "company", "ticket", *ORDERS)
        kept = {name: value for name, value in changes.items() if name not in fixed}
        kept |= {} if changes.get("status") else {"status": old["status"]}
        kept |= {
            k: self._desk.resolve(k, kept[k], resource="timeEntry") for k in ("workType", "workRole") if kept.get(k)
        }
        row = updated({name: value for name, value in (old | kept).items() if value is not None}, by, self._clock.now())
        self._tickets.touched()
        return self.rows.put(row | {flag: bool(row.get(flag)) for flag in FLAGS}, row["_info"]["lastUpdated"])

    def make_ready_to_bill(self, ticket: int) -> None:
        """Billing takes what is still open on a closed ticket."""
        for entry in self.of(ticket):
            if entry["status"] in EDITABLE:
                row = updated(entry | {"status": "ReadyToBill"}, WORKFLOW, self._clock.now())
                self.rows.put(row, row["_info"]["lastUpdated"])
                self._tickets.touched()

    def delete(self, entry_id: int, by: str) -> None:
        """A time entry is gone."""
        row = self.rows.drop(entry_id)
        self._tickets.touched()
        if ticket := row.get("ticket"):
            self._of[ticket["id"]].remove(entry_id)
            self._tickets.bump(ticket["id"], by, self._clock.now(), "time_bumps_ticket")

    def _log(self, body: Row, ticket: Row | None, member: Row, by: str, at: datetime) -> Row:
        times = {
            name: moment_text(body[name], name, "timeEntry") for name in ("timeStart", "timeEnd") if body.get(name)
        }
        refs = {
            k: self._desk.resolve(k, body[k], resource="timeEntry") for k in ("workType", "workRole") if body.get(k)
        }
        row: Row = {
            "billableOption": "Billable",
            "actualHours": _hours(times),
            "status": "Open",
            **{name: value for name, value in body.items() if name not in ORDERS},
            **times,
            **refs,
            **{flag: bool(body.get(flag)) for flag in FLAGS},
            "id": self.rows.new_id(),
            "member": member,
            "enteredBy": by,
            "dateEntered": whole_second(at),
            "_info": entered(by, at),
        }
        if ticket is not None:
            reference = {"id": ticket["id"], "summary": ticket["summary"]}
            row |= {"chargeToId": ticket["id"], "ticket": reference, "company": ticket["company"]}
            self._of[ticket["id"]].append(row["id"])
        self._tickets.touched()
        self.rows.put(row, whole_second(at))
        if ticket is not None:
            self._charge(ticket, row, {name: body[name] for name in ORDERS if name in body}, by, at)
        return row

    def _charge(self, ticket: Row, entry: Row, order: Mapping[str, object], by: str, at: datetime) -> None:
        number = ticket["id"]
        self._tickets.put(ticket | {"actualHours": ticket["actualHours"] + float(entry["actualHours"])})
        self._tickets.bump(number, by, at, "time_bumps_ticket")
        now = self._tickets.rows.rows[number]
        self._tickets.tell(Change(number, "added", now, now, by, what="time", part=entry, order=order))

    def _ticket(self, body: Mapping[str, object]) -> Row:
        number = body.get("chargeToId")
        row = self._tickets.rows.get(number) if isinstance(number, int) else None
        if row is None:
            raise Refused("timeEntry", "chargeToId", f"Ticket {number} not found", "NotFound")
        return row


def _hours(times: Mapping[str, str]) -> float:
    if "timeEnd" not in times:
        return 0.0
    spent = datetime.fromisoformat(times["timeEnd"]) - datetime.fromisoformat(times["timeStart"])
    return round(spent.total_seconds() / 3600, 2)

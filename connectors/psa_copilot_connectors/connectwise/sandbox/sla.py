"""SLAs: targets by priority, the clock of each ticket, and the stamps that statuses set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psa_copilot.sandbox import Row, Table, whole_second
from psa_copilot_connectors.connectwise.sandbox.change import CATEGORY
from psa_copilot_connectors.connectwise.sandbox.desk import Desk
from psa_copilot_connectors.connectwise.sandbox.switches import is_on

STANDARD = "Standard"
HOURS = {1: (0.5, 2.0, 8.0), 2: (1.0, 4.0, 16.0), 3: (4.0, 16.0, 48.0), 4: (8.0, 24.0, 80.0)}
USUAL_HOURS = HOURS[3]
# Each stage: what its status is called, what it stamps, and which of a ticket's fields tell of it.
STAGES = (
    ("Responded", "dateResponded", "respondMinutes", "respondedHours", "respondedBy", "Respond by"),
    ("ResolutionPlan", "dateResplan", "resPlanMinutes", "resplanHours", "resplanBy", "Plan by"),
    ("Resolved", "dateResolved", "resolveMinutes", "resolutionHours", "resolvedBy", "Resolve by"),
)
RESTARTS = {
    "sla_restart_on_status": ("status",),
    "sla_restart_on_priority": ("priority",),
    "sla_restart_on_type": CATEGORY,
    "sla_restart_on_board": ("board",),
}


class Slas:
    """The agreements on time, and what they mean for a ticket. All hours count, day and night."""

    def __init__(self, desk: Desk) -> None:
        self.rows = Table()
        self.priorities = Table()
        self._desk = desk
        self._switches = desk.world.switches
        self._waiting_since: dict[int, datetime] = {}
        self._due: dict[int, datetime] = {}
        desk.register("sla", self.rows, "/service/SLAs/{id}")

    def furnish(self) -> None:
        """One SLA for everybody."""
        respond, plan, resolve = USUAL_HOURS
        hours = {"respondHours": respond, "planWithin": plan, "resolutionHours": resolve}
        fields = {"name": STANDARD, "basedOn": "AllHours", "defaultFlag": True, "applicationOrder": 1, **hours}
        sla = self._desk.keep("sla", self.rows, fields)
        for priority in self._desk.priorities:
            self._agree(sla, priority)

    def _agree(self, sla: Row, priority: Row) -> None:
        respond, plan, resolve = HOURS.get(int(priority["sortOrder"]), USUAL_HOURS)
        fields: Row = {
            "priority": self._desk.reference("priority", priority),
            "respondHours": respond,
            "planWithin": plan,
            "resolutionHours": resolve,
            "sla": self._desk.reference("sla", sla),
        }
        self._desk.keep("slaPriority", self.priorities, fields, names=())

    # A ticket's clock.

    def ticked(self, old: Row, row: Row, by: str, at: datetime) -> Row:
        """The ticket with what its SLA says after a change."""
        row.setdefault("sla", self._desk.reference("sla", self.rows.rows[1]))
        if "escalationStartDateUTC" not in row:
            row["escalationStartDateUTC"] = old.get("escalationStartDateUTC") or whole_second(at)
        if old.get("status") and self._restarts(old, row):
            return self.restarted(row, at)
        if row.get("status") != old.get("status"):
            self._enter_status(row, by, at)
        return self._standing(row, at)

    def restarted(self, row: Row, at: datetime) -> Row:
        """The clock begins anew, and nothing has been answered."""
        for _, stamp, minutes, hours, who, _ in STAGES:
            for name in (stamp, minutes, hours, who):
                row.pop(name, None)
        self._waiting_since.pop(row["id"], None)
        row |= {"escalationStartDateUTC": whole_second(at), "minutesWaiting": 0}
        return self._standing(row, at)

    def responded(self, row: Row, by: str, at: datetime) -> Row:
        """Somebody has answered."""
        self._stamp(row, STAGES[0], by, at)
        return self._standing(row, at)

    def shown(self, row: Row) -> Row:
        """The ticket as it stands now: a target may have passed since the last change."""
        due = self._due.get(row["id"])
        late = due is not None and row.get("isInSla") and due < self._desk.world.clock.now()
        return row | {"isInSla": False} if late else row

    def _restarts(self, old: Row, row: Row) -> bool:
        if is_on(self._switches, "sla_restart_on_update"):
            return True
        return any(
            is_on(self._switches, switch) and any(row.get(name) != old.get(name) for name in names)
            for switch, names in RESTARTS.items()
        )

    def _enter_status(self, row: Row, by: str, at: datetime) -> None:
        meaning = self._desk.row_of("status", row.get("status")).get("escalationStatus", "")
        self._wait(row, at, waits=meaning == "NoEscalation")
        names = [stage[0] for stage in STAGES]
        if meaning not in names:
            return
        reached = names.index(meaning)
        first = 0 if is_on(self._switches, "sla_stamps_earlier") else reached
        for stage in STAGES[first : reached + 1]:
            self._stamp(row, stage, by, at)

    def _wait(self, row: Row, at: datetime, *, waits: bool) -> None:
        since = self._waiting_since.pop(row["id"], None)
        if since is not None:
            row["minutesWaiting"] = int(row.get("minutesWaiting", 0) + (at - since).total_seconds() // 60)
        if waits and is_on(self._switches, "sla_waits"):
            self._waiting_since[row["id"]] = at

    def _stamp(self, row: Row, stage: tuple[str, ...], by: str, at: datetime) -> None:
        _, stamp, minutes, hours, who, _ = stage
        if row.get(stamp):
            return
        spent = (at - _start(row)).total_seconds() / 60 - row.get("minutesWaiting", 0)
        row |= {stamp: whole_second(at), minutes: max(0, int(spent)), hours: round(max(0.0, spent) / 60, 2), who: by}

    def _standing(self, row: Row, at: datetime) -> Row:
        """Which target is next, and whether it is still kept."""
        number = row["id"]
        hours = HOURS.get(int((row.get("priority") or {}).get("sort") or 3), USUAL_HOURS)
        stage = next((place for place, one in enumerate(STAGES) if not row.get(one[1])), None)
        if stage is None or row.get("closedFlag"):
            self._due.pop(number, None)
            spent = row.get("resolveMinutes")
            kept = spent is None or spent <= hours[2] * 60
            return row | {"slaStatus": "Resolved", "isInSla": kept, "escalationLevel": len(STAGES)}
        if number in self._waiting_since:
            self._due.pop(number, None)
            return row | {"slaStatus": "Waiting", "isInSla": True, "escalationLevel": stage}
        due = self._due[number] = _start(row) + timedelta(hours=hours[stage], minutes=row.get("minutesWaiting", 0))
        return row | {"slaStatus": f"{STAGES[stage][5]} {_told(due)}", "isInSla": due >= at, "escalationLevel": stage}


def _start(row: Row) -> datetime:
    return datetime.fromisoformat(str(row["escalationStartDateUTC"]))


def _told(moment: datetime) -> str:
    """As `Tue 10/12 4:00 PM UTC+00`."""
    hour = moment.hour % 12 or 12
    return f"{moment.astimezone(UTC):%a %m/%d} {hour}:{moment:%M %p} UTC+00"

"""How the sandbox tells its records: by switches in one dialect or another, dates and ids included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from psa_copilot.sandbox import Row, World
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.rows import LOCAL, local, moment, read_stamp, shown, stamp

NOT_LISTED = ("details", "datecreated", "closure_note", "slastate", "child_count")
NO_NAMES = ("status_name", "priority_name")
DATES = ("dateclosed", "responsedate", "targetdate", "fixbydate", "respondbydate")
MOMENTS = ("dateoccurred", "datecreated", "last_update", "lastactiondate")
ACTION_DATES = (
    "datetime", "actiondatecreated", "actionarrivaldate", "actioncompletiondate", "last_updated",
)  # fmt: skip
IDS = (
    "client_id", "site_id", "user_id", "agent_id", "status_id", "priority_id", "tickettype_id", "sla_id", "team_id",
)  # fmt: skip
_STYLES: Mapping[str, Callable[[int], object]] = {"numbers": int, "decimals": float, "texts": str}
_STATES = {"letters": ("I", "O"), "words": ("Inside", "Breached")}
_OTHER_TYPES = {0: 2, 2: 0}


class Telling:
    """Tells tickets and actions as the switches stand."""

    def __init__(self, world: World) -> None:
        self._clock, self._switches = world.clock, world.switches

    def ticket(self, row: Row) -> Row:
        """A ticket that is asked for by its number."""
        told = shown(row) | self._states(row)
        if not self._switches.on("status_names"):
            told = {name: value for name, value in told.items() if name not in NO_NAMES}
        if self._switches.text("ticket_dates") == "local":
            told |= {name: local(told[name]) for name in (*DATES, *MOMENTS) if told.get(name)}
        if self._switches.on("old_dates"):
            told |= {name: usual.NO_DATE for name in DATES if told.get(name) is None}
        style = _STYLES[self._switches.text("ids_are")]
        return told | {name: style(told[name]) for name in IDS if told.get(name) is not None}

    def listed(self, row: Row) -> Row:
        """A ticket in a list, which tells less."""
        return {name: value for name, value in self.ticket(row).items() if name not in NOT_LISTED}

    def action(self, row: Row, *, html: bool = True) -> Row:
        """An action; its HTML where that is asked for."""
        told = {name: value for name, value in shown(row).items() if html or name != "note_html"}
        if self._switches.text("who_types") == "other":
            told["who_type"] = _OTHER_TYPES.get(told["who_type"], told["who_type"])
        return told | {name: local(told[name]) for name in self._local_dates() if told.get(name)}

    def _local_dates(self) -> tuple[str, ...]:
        """Dates of actions that are not in UTC."""
        return {"utc": (), "local": ACTION_DATES, "datetime": ("datetime",)}[self._switches.text("action_dates")]

    def read_action_date(self, name: str, text: str) -> str:
        """A date of an action as a client sends it."""
        when = datetime.fromisoformat(text)
        if when.tzinfo is None and name in self._local_dates():
            return stamp(when.replace(tzinfo=LOCAL))
        return read_stamp(text)

    def _states(self, row: Row) -> Row:
        """How the SLA stands; it goes on by itself."""
        inside, breached = _STATES[self._switches.text("sla_states")]
        until = moment(row["dateclosed"]) if row["dateclosed"] else self._clock.now()
        answered = moment(row["responsedate"]) if row["responsedate"] else until
        late = {
            "slaresponsestate": bool(row.get("respondbydate")) and answered > moment(row["respondbydate"]),
            "slastate": bool(row.get("fixbydate")) and until > moment(row["fixbydate"]),
        }
        left = (moment(row["fixbydate"]) - until).total_seconds() / 3600 if row.get("fixbydate") else 0.0
        return {name: breached if is_late else inside for name, is_late in late.items()} | {"slatimeleft": left}

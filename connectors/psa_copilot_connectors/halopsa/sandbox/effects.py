"""What happens by itself: mail by outcomes and statuses, rules, and actions that a workflow leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from psa_copilot.sandbox import AppointmentLine, Row, TaskLine
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.change import SYSTEM, Change
from psa_copilot_connectors.halopsa.sandbox.recording import Recording
from psa_copilot_connectors.halopsa.sandbox.rows import stamp
from psa_copilot_connectors.halopsa.sandbox.switches import PLANTED, is_on

NEXT = timedelta(milliseconds=1)
RULE_NOTE = "Planted note"
Act = Callable[[Change, datetime], None]


class Effects:
    """The mailbox, which nothing ever leaves, and the rules of the desk."""

    def __init__(self, recording: Recording) -> None:
        self.mails: list[Row] = []
        self._recording = recording
        self._tickets, self._actions = recording.tickets, recording.actions
        self._desk, self._world = recording.tickets.desk, recording.tickets.desk.world
        self._switches = self._world.switches
        self._planted: Mapping[str, Act] = {
            "planted_mail_to_contact": lambda change, at: self._send(change, "planted mail", ""),
            "planted_status": lambda change, at: self._set(change, at, self._another_status(change)),
            "planted_sla_restart": self._restart,
            "planted_sla_responded": lambda change, at: self._quietly(change, at, {"responsedate": stamp(at)}),
            "planted_task": self._task,
            "planted_note": lambda change, at: self._actions.add_by_rule(change.ticket, RULE_NOTE, at),
            "planted_time_entry": lambda change, at: self._actions.add_by_rule(
                change.ticket, "Planted time", at, timetaken=0.25
            ),
            "planted_appointment": self._appointment,
            "planted_priority": self._another_priority,
            "planted_owner": self._owner,
        }

    def heard(self, change: Change) -> None:
        """Something has happened; what nobody did sets off nothing, so rules do not chase each other."""
        if change.what == "deleted" or change.by == SYSTEM:
            return
        self._mail(change)
        by_api = change.by in usual.API_AGENTS.values()
        if by_api:
            for name in PLANTED:
                self._when(name, self._planted[name], change)
        heeded = not change.rules and self._switches.on("rules_heed_dont_do_rules")
        if not heeded and (by_api or self._switches.text("rules_on") != "api"):
            self._rules(change)

    def _mail(self, change: Change) -> None:
        action = change.action
        if action and action.get("_mails"):
            self._post(change, f"outcome {action['outcome']}", action["_text"], str(action.get("emailto") or ""))
        if change.status_changed and is_on(self._switches, "status_mails"):
            self._send(change, f"status {change.row['status_name']}", "")

    def _rules(self, change: Change) -> None:
        if change.what == "action":
            said = str(change.action and change.action["_text"])
            self._when("rule_mails_action", lambda change, _: self._send(change, "rule on actions", said), change)
            self._when("rule_sets_status", lambda change, at: self._set(change, at, self._status("Updated")), change)
        if change.what == "updated":
            self._when("rule_mails_update", lambda change, _: self._send(change, "rule on updates", ""), change)
            self._when("rule_sets_priority", lambda change, at: self._set(change, at, _priority(3)), change)
            self._when("system_actions", self._move_on, change)

    # When

    def _when(self, switch: str, act: Act, change: Change) -> None:
        """At once, or after the delay of rules."""
        delay, now = self._switches.number("rules_delay"), self._world.clock.now()
        if not is_on(self._switches, switch):
            return
        if not delay:
            self._do(act, change, now + NEXT)
            return
        moment = now + timedelta(seconds=delay)
        self._world.agenda.at(moment, partial(self._do, act, change, moment), by_itself=True)

    def _do(self, act: Act, change: Change, at: datetime) -> None:
        if self._tickets.rows.get(change.ticket) is not None:
            act(change, at)

    # What

    def _set(self, change: Change, at: datetime, fields: Row) -> None:
        self._tickets.edit(change.ticket, fields, SYSTEM, at, rules=False)

    def _quietly(self, change: Change, at: datetime, fields: Row) -> None:
        self._tickets.set_quietly(change.ticket, fields, at)

    def _status(self, name: str) -> Row:
        status = self._desk.status(name)
        return {"status_id": status["id"], "status_name": status["name"]}

    def _another_status(self, change: Change) -> Row:
        number = _other(change, "status_id", usual.IN_PROGRESS, 3)
        return self._status(usual.STATUSES[number])

    def _another_priority(self, change: Change, at: datetime) -> None:
        self._set(change, at, _priority(_other(change, "priority_id", 4, 3)))

    def _restart(self, change: Change, at: datetime) -> None:
        hours = {"respondbydate": 4, "fixbydate": 24}
        self._quietly(change, at, {name: stamp(at + timedelta(hours=span)) for name, span in hours.items()})

    def _task(self, change: Change, at: datetime) -> None:
        self._recording.record(TaskLine(kind="task", ticket=change.ticket, text="planted task"), at)

    def _appointment(self, change: Change, at: datetime) -> None:
        who, starts = self._desk.technicians()[0]["name"], (at + timedelta(days=1)).isoformat()
        told = {"kind": "appointment", "ticket": change.ticket, "by": who, "starts": starts}
        self._recording.record(AppointmentLine.model_validate(told), at)

    def _owner(self, change: Change, at: datetime) -> None:
        here = [row for row in self._desk.technicians() if row["id"] != change.row["agent_id"]]
        self._set(change, at, {"agent_id": here[0]["id"], "agent_name": here[0]["name"]})

    def _move_on(self, change: Change, at: datetime) -> None:
        self._actions.add_by_rule(change.ticket, "Workflow moved on", at)

    def _send(self, change: Change, why: str, text: str) -> None:
        """A mail that no action asked for."""
        self._post(change, why, text)
        if not self._switches.on("mails_leave_actions"):
            return
        to = str(change.row.get("user_email") or "")
        if change.action:
            change.action["emailto"] = to
        else:
            self._actions.add_by_rule(change.ticket, f"E-mail sent: {why}", self._world.clock.now(), emailto=to)

    def _post(self, change: Change, why: str, text: str, to: str = "") -> None:
        self.mails.append(
            {
                "at": stamp(self._world.clock.now()),
                "to": to or str(change.row.get("user_email") or ""),
                "subject": f"[ID:{change.ticket}] {change.row['summary']}",
                "why": why,
                "ticket": change.ticket,
                "by": change.by,
                "text": text,
            }
        )


def _priority(number: int) -> Row:
    return {"priority_id": number, "priority_name": usual.PRIORITIES[number]}


def _other(change: Change, field: str, first: int, second: int) -> int:
    """One of two values, the one that the ticket does not have."""
    return second if change.row[field] == first else first

"""What happens by itself: mail by outcomes and statuses, rules, and actions that a workflow leaves."""

from __future__ import annotations

from datetime import timedelta

from psa_copilot.sandbox import Row
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.actions import Actions
from psa_copilot_connectors.halopsa.sandbox.change import SYSTEM, Change
from psa_copilot_connectors.halopsa.sandbox.rows import stamp
from psa_copilot_connectors.halopsa.sandbox.switches import is_on
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets


class Effects:
    """The mailbox, which nothing ever leaves, and the rules of the desk."""

    def __init__(self, tickets: Tickets, actions: Actions) -> None:
        self.mails: list[Row] = []
        self._tickets, self._actions = tickets, actions
        self._world = tickets.desk.world
        self._switches = tickets.desk.world.switches
        self._busy = False

    def heard(self, change: Change) -> None:
        """Something has happened; what a rule does sets off no rule."""
        if change.what == "deleted" or self._busy:
            return
        self._mail(change)
        if not change.rules and self._switches.on("rules_heed_dont_do_rules"):
            return
        if self._switches.text("rules_on") == "api" and change.by not in usual.API_AGENTS.values():
            return
        self._busy = True
        try:
            self._rules(change)
        finally:
            self._busy = False

    def _mail(self, change: Change) -> None:
        action = change.action
        if action and action.get("_mails"):
            self._send(change, f"outcome {action['outcome']}", action["_text"], str(action.get("emailto") or ""))
        if change.status_changed and is_on(self._switches, "status_mails"):
            self._send(change, f"status {change.row['status_name']}", "")

    def _rules(self, change: Change) -> None:
        at = self._world.clock.now() + timedelta(milliseconds=1)
        ticket, by_rule = change.ticket, SYSTEM
        if change.what == "action" and is_on(self._switches, "rule_mails_action"):
            self._send(change, "rule on actions", str(change.action and change.action["_text"]))
        if change.what == "updated" and is_on(self._switches, "rule_mails_update"):
            self._send(change, "rule on updates", "")
        if change.what == "updated" and is_on(self._switches, "rule_sets_priority"):
            usual_one = {"priority_id": 3, "priority_name": usual.PRIORITIES[3]}
            self._tickets.edit(ticket, usual_one, by_rule, at, rules=False)
        if change.what == "action" and is_on(self._switches, "rule_sets_status"):
            status = self._tickets.desk.status("Updated")
            fields = {"status_id": status["id"], "status_name": status["name"]}
            self._tickets.edit(ticket, fields, by_rule, at, rules=False)
        if change.what == "updated" and self._switches.on("system_actions"):
            self._actions.add_by_rule(ticket, "Workflow moved on", at)

    def _send(self, change: Change, why: str, text: str, to: str = "") -> None:
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

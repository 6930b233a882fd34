"""What a desk has set up to happen by itself: workflow rules, board automation, templates, planted surprises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from psa_copilot_connectors.connectwise.sandbox.change import CATEGORY, MAIL_CONNECTOR, WORKFLOW, Change
from psa_copilot_connectors.connectwise.sandbox.desk import API_LOGINS
from psa_copilot_connectors.connectwise.sandbox.hands import Hands
from psa_copilot_connectors.connectwise.sandbox.switches import MAIL_RULES, PLANTED, is_on

Act = Callable[["Rules", Change, datetime], None]
WRITES = frozenset({"opened", "update", "note", "time", "appointment", "task"})
REVERTED = ("status", "priority", "owner", "board", *CATEGORY)
TEMPLATE = "[per template]"
PLANTED_WORDS = "[planted template]"


@dataclass(frozen=True)
class Rule:
    """When its switch is on and one of the triggers has happened, it acts."""

    switch: str
    triggers: frozenset[str]
    act: Act


class Rules:
    """Listens to every change, and acts as the switches say."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.switches = hands.tickets.desk.world.switches
        self._world = hands.tickets.desk.world
        self._closing: dict[int, datetime] = {}

    def on(self, switch: str) -> bool:
        """Whether a rule is switched on."""
        return is_on(self.switches, switch)

    def heard(self, change: Change) -> None:
        """Something happened; what nobody did sets off nothing, so rules do not chase each other."""
        if change.row is None or change.by == WORKFLOW:
            return
        triggers = change.triggers
        self._watch_for_closing(change, triggers)
        for rule in RULES:
            if rule.triggers & triggers and self._runs(rule, change):
                self._soon(partial(rule.act, self, change))

    def _runs(self, rule: Rule, change: Change) -> bool:
        by_api = change.by in API_LOGINS
        if rule.switch in PLANTED or rule.switch == "rule_reverts_field":
            return by_api and self.on(rule.switch)
        if self.switches.text("rules_on") == "api" and not by_api:
            return False
        if rule.switch == "auto_templates":
            return self.switches.text("auto_templates") != "off" or self.switches.on("all_side_effects")
        return self.on(rule.switch)

    def _soon(self, act: Callable[[datetime], None]) -> None:
        now, delay = self._world.clock.now(), self.switches.number("rules_delay")
        if delay:
            moment = now + timedelta(seconds=delay)
            self._world.agenda.at(moment, partial(act, moment), by_itself=True)
        else:
            act(now)

    # By the clock.

    def _watch_for_closing(self, change: Change, triggers: frozenset[str]) -> None:
        days = self.switches.number("auto_close_days")
        resolves = self._meaning(change) == "Resolved"
        if not days or change.row is None or "status" not in triggers or not resolves:
            return
        moment = self._world.clock.now() + timedelta(days=days)
        self._closing[change.ticket] = moment
        self._world.agenda.at(moment, partial(self._close, change.ticket, moment), by_itself=True)

    def _close(self, ticket: int, moment: datetime) -> None:
        """Closed by the clock, unless it left its resolving status since."""
        hands = self.hands
        if self._closing.get(ticket) != moment or ticket not in hands.tickets.rows.rows:
            return
        row = hands.row(ticket)
        closed = [s for s in hands.tickets.desk.statuses_of(row["board"]["id"]) if s["closedStatus"]]
        status = hands.tickets.desk.row_of("status", row["status"])
        if closed and not row["closedFlag"] and status.get("escalationStatus") == "Resolved":
            hands.edit(ticket, {"status": {"id": closed[0]["id"]}}, moment)

    def _meaning(self, change: Change) -> str:
        row = change.row or {}
        return str(self.hands.tickets.desk.row_of("status", row.get("status")).get("escalationStatus", ""))


# Workflow rules.


def _mail(what: str, rules: Rules, change: Change, _: datetime) -> None:
    if not (change.quiet and rules.switches.on("rules_heed_notifications")):
        rules.hands.mail_contact(change.ticket, f"workflow rule: {what}", change.by)


def _note_sets_status(rules: Rules, change: Change, at: datetime) -> None:
    rules.hands.set_status(change.ticket, rules.switches.text("rule_status"), at)


def _adds_note(rules: Rules, change: Change, at: datetime) -> None:
    rules.hands.add_note(change.ticket, "This ticket was updated.", at)


def _reverts_field(rules: Rules, change: Change, at: datetime) -> None:
    former, row = change.former or {}, change.row or {}
    changed = [name for name in REVERTED if former.get(name) != row.get(name)]
    back: Mapping[str, object] = {name: {"id": former[name]["id"]} if former.get(name) else None for name in changed}
    rules.hands.edit(change.ticket, back, at)


def _adds_time(rules: Rules, change: Change, at: datetime) -> None:
    rules.hands.log_time(change.ticket, at)


def _adds_appointment(rules: Rules, change: Change, at: datetime) -> None:
    rules.hands.book(change.ticket, at)


def _assigns(rules: Rules, change: Change, at: datetime) -> None:
    if not rules.hands.row(change.ticket).get("owner"):
        rules.hands.set_other_owner(change.ticket, change.row or {}, at)


def _reopens(rules: Rules, change: Change, at: datetime) -> None:
    """A customer's mail on what was done with."""
    hands = rules.hands
    row = hands.row(change.ticket)
    status = hands.tickets.desk.row_of("status", row["status"])
    done = row["closedFlag"] or status.get("escalationStatus") == "Resolved"
    if not done or change.by != MAIL_CONNECTOR:
        return
    shown = hands.tickets.desk.shown_board(hands.tickets.desk.row_of("board", row["board"]))
    to = shown.get("emailConnectorReopenStatus") or {"id": hands.tickets.desk.default_status(row["board"]["id"])["id"]}
    hands.edit(change.ticket, {"status": {"id": to["id"]}}, at)


def _bills(rules: Rules, change: Change, _: datetime) -> None:
    rules.hands.timesheet.make_ready_to_bill(change.ticket)


def _responds(rules: Rules, change: Change, at: datetime) -> None:
    if change.part and change.part.get("member"):
        rules.hands.mark_responded(change.ticket, at)


def _restarts_sla(rules: Rules, change: Change, at: datetime) -> None:
    rules.hands.restart_sla(change.ticket, at)


def _applies_template(rules: Rules, change: Change, at: datetime) -> None:
    """The type, subtype or item pulls its template."""
    row = rules.hands.row(change.ticket)
    if not row.get("type"):
        return
    name = (row.get("item") or row.get("subType") or row["type"])["name"]
    overwrite = rules.switches.text("auto_templates") == "overwrite"
    hands = rules.hands
    hands.append_to_summary(change.ticket, f"{TEMPLATE} {name}" if overwrite else TEMPLATE, at, overwrite=overwrite)
    hands.add_note(change.ticket, f"Template {name}: follow the checklist.", at)
    hands.add_task(change.ticket, f"Template {name}: verify", at)
    hands.book(change.ticket, at)
    if overwrite:
        hands.set_other_priority(change.ticket, change.row or {}, at)


def _plants(switch: str, rules: Rules, change: Change, at: datetime) -> None:
    hands, ticket, row = rules.hands, change.ticket, change.row or {}
    deeds: dict[str, Callable[[], None]] = {
        "planted_mail_to_contact": lambda: hands.mail_contact(ticket, "planted", change.by),
        "planted_status": lambda: hands.set_other_status(ticket, row, at),
        "planted_sla_restart": lambda: hands.restart_sla(ticket, at),
        "planted_sla_responded": lambda: hands.mark_responded(ticket, at),
        "planted_template": lambda: hands.append_to_summary(ticket, PLANTED_WORDS, at),
        "planted_task": lambda: hands.add_task(ticket, "planted task", at),
        "planted_note": lambda: hands.add_note(ticket, "planted note", at),
        "planted_time_entry": lambda: hands.log_time(ticket, at),
        "planted_appointment": lambda: hands.book(ticket, at),
        "planted_priority": lambda: hands.set_other_priority(ticket, row, at),
        "planted_owner": lambda: hands.set_other_owner(ticket, row, at),
    }
    deeds[switch]()


def _rule(switch: str, act: Act, *triggers: str) -> Rule:
    return Rule(switch, frozenset(triggers), act)


RULES = (
    *(_rule(switch, partial(_mail, what), what) for switch, what in MAIL_RULES.items()),
    _rule("rule_note_sets_status", _note_sets_status, "note"),
    _rule("rule_adds_note", _adds_note, "note"),
    _rule("rule_reverts_field", _reverts_field, "status", "priority", "owner", "board", "category"),
    _rule("rule_adds_time", _adds_time, "status"),
    _rule("rule_adds_appointment", _adds_appointment, "owner", "status"),
    _rule("rule_assigns", _assigns, "update", "note"),
    _rule("auto_assign_new", _assigns, "opened"),
    _rule("reopen_by_mail", _reopens, "note"),
    _rule("bill_after_close", _bills, "closed"),
    _rule("auto_templates", _applies_template, "category"),
    _rule("sla_stops_on_note", _responds, "note"),
    _rule("sla_restart_on_update", _restarts_sla, "note"),
    *(Rule(switch, WRITES, partial(_plants, switch)) for switch in PLANTED),
)

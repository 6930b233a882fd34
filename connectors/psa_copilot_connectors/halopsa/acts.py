"""What a Halo desk does by itself when a ticket is written to, as far as its setup tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psa_copilot import Finding
from psa_copilot_connectors.halopsa.rows import Row, is_set, number, text

FEW = 5
HERE_TOO = "dont_do_rules, which all our writes carry, asks Halo to skip them; whether it does shows the canary"

TYPE_DOES = {
    "statusaftertechupdate": "sets status {} when an agent acts",
    "chargerate": "charges all time at rate {}, ours too, so that none of it can be logged",
    "autoCloseHours": "closes tickets after {} hours",
    "workflow_id": "starts workflow {}",
    "default_agent": "assigns to agent {}",
    "approval_process_id": "starts approval {}",
    "default_sendemail": "mails about actions unless they say otherwise",
    "auto_forward_email_updates": "forwards updates by mail",
    "inform_account_manager": "informs the account manager",
    "addactionstolinked": "copies actions to linked tickets",
    "adduserupdatestochildren": "copies users' updates to children",
}
"""Fields of a ticket type, and what it does by itself where they are set."""
_MEANS_A_STATUS = frozenset({"statusaftertechupdate"})


def check_statuses(statuses: Iterable[Row], closed: frozenset[str]) -> list[Finding]:
    """What statuses do by themselves, and whether we know which one closes."""
    rows = list(statuses)
    names = {number(row.get("id")): text(row, "name") for row in rows}
    told = [f"{text(row, 'name')} {', '.join(does)}" for row in rows if (does := status_does(row, names))]
    found = [Finding("warning", "statuses", "; ".join(told))] if told else []
    if not closed & names.keys():
        found.append(Finding("warning", "statuses", "none of them is known to close; name yours in `closed`"))
    return found or [Finding("ok", "statuses", "none mails or moves the SLA, and closing ones are known")]


def status_does(row: Row, names: Mapping[str, str]) -> list[str]:
    """What a status does when it is set, or when it stays."""
    told = ["mails"] if is_set(row.get("statusemailid")) or is_set(row.get("notifystatuschange")) else []
    told += [f"moves the SLA ({text(row, 'slaaction')})"] if text(row, "slaaction") else []
    if after := number(row.get("statuschangeto")):
        told.append(f"turns into {text(row, 'statuschangetoname') or names.get(after, after)} by itself")
    return told


def check_types(types: Iterable[Row], statuses: Mapping[str, str]) -> list[Finding]:
    """What each kind of ticket does by itself when it is written to."""
    told = {text(row, "name"): type_does(row, statuses) for row in types}
    found = [Finding("warning", f"ticket type {name}", "; ".join(does)) for name, does in told.items() if does]
    return found or [Finding("ok", "ticket types", "none sets a status, charges, assigns or closes by itself")]


def type_does(row: Row, statuses: Mapping[str, str]) -> list[str]:
    """What one kind does."""
    values = {name: row.get(name) for name in TYPE_DOES if is_set(row.get(name))}
    named = {name: statuses.get(number(value)) for name, value in values.items() if name in _MEANS_A_STATUS}
    return [TYPE_DOES[name].format(named.get(name) or value) for name, value in values.items()]


def check_rules(rules: Iterable[Row]) -> Finding:
    """The rules of the desk, by name."""
    names = [text(row, "name") or f"rule {row.get('id')}" for row in rules if not row.get("inactive")]
    if not names:
        return Finding("ok", "ticket rules", "none is shown")
    return Finding("warning", "ticket rules", f"{_some(names)}; {HERE_TOO}")


def check_notifications(notifications: Iterable[Row]) -> Finding:
    """What tells people of things; nobody knows which of it heeds dont_do_rules."""
    names = [text(row, "name") or f"for event {row.get('eventno')}" for row in notifications]
    if not names:
        return Finding("ok", "notifications", "none is shown besides webhooks")
    return Finding("warning", "notifications", f"{_some(names)}; whether they mail about our writes shows the canary")


def _some(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names[:FEW])}" + (", …" if len(names) > FEW else "")

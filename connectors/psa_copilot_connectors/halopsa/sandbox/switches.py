"""What a HaloPSA server may do either way, and what a desk may have set up to happen by itself.

Defaults are what is most plausible; "unverified" says that nobody has seen the real product do either.
"""

from __future__ import annotations

from psa_copilot.sandbox import Switch, Switches

DOOR = (
    Switch("per_5_minutes", 300.0, "Requests that are answered in any rolling 5 minutes; 0 is no limit."),
    Switch("sends_retry_after", False, "A 429 says how long to wait. Not dependable in the real product."),
    Switch("token_life", 3600.0, "Seconds that a token is good for."),
    Switch("one_token", False, "A new token ends the one before it. Unverified."),
    Switch("bad_client_status", "401", "What a bad client gets; 400 is unverified.", ("401", "400")),
    Switch("rights_in_token", False, "What a 403 refuses stays refused until a new token is fetched."),
    Switch("keys_rotated", False, "The secret of the client `id` is no longer valid; that of `human` is."),
    Switch("tenant", "", "A login has to name this tenant in its query or form; else it gets a page of HTML."),
    Switch("agent_disabled", False, "The agent of the client `id` is switched off, and its tokens too. Unverified."),
    Switch("hold_patch", 0.0, "Real seconds (at most 2) for which a ticket's update by `id` waits."),
)

RIGHTS = (
    Switch("agents_right", True, "May read agents."),
    Switch("statuses_right", True, "May read statuses."),
    Switch("tickets_right", True, "May read tickets."),
    Switch("webhooks_right", True, "May read and write webhooks."),
    Switch("actions_right", True, "May write actions."),
    Switch("edit_right", True, "May change tickets."),
    Switch("rules_right", True, "May read ticket rules."),
)

LISTS = (
    Switch("since_filter", "heeded", "lastupdatefromdate is heeded, or ignored.", ("heeded", "ignored")),
    Switch("since_inclusive", True, "lastupdatefromdate includes its own moment. Unverified."),
    Switch(
        "since_reads",
        "both",
        "What lastupdatefromdate compares: last_update, lastactiondate, or the later of both. Unverified.",
        ("both", "last_update", "lastactiondate"),
    ),
    Switch("team_id_filter", False, "Lists of tickets heed `team_id`. Witnesses disagree."),
    Switch(
        "parent_filter",
        "heeded",
        "Lists of tickets heed `parent_id`, ignore it, or heed it and tell no parent_id in their rows. Unverified.",
        ("heeded", "ignored", "untold"),
    ),
    Switch("order", "heeded", "The parameter `order` is heeded, or lists stay newest first.", ("heeded", "ignored")),
    Switch(
        "whole_lists",
        "all",
        "Actions, agents, outcomes, appointments, notifications and to-dos that are asked for without paging or count "
        "come all; or 50 of them (of actions the newest) with the true record_count; or 50 without any. Unverified.",
        ("all", "counted", "cut"),
    ),
    Switch("repeats_first_page", False, "Lists ignore page_no and show page 1 again, as some endpoints do."),
    Switch("bare_lists", False, "Lists come without their envelope."),
    Switch("late_visibility", 0.0, "Seconds after which reads show a write; what was posted is answered at once."),
)

RECORDS = (
    Switch("note_bumps_ticket", True, "An action moves its ticket's last_update. Unverified."),
    Switch("decimal_ids", True, "site_id of users and client_id of sites are decimals, as seen live."),
    Switch("ids_are", "numbers", "How tickets tell the ids of other records.", ("numbers", "decimals", "texts")),
    Switch("ticket_dates", "utc", "Dates of tickets, in filters too, are in UTC, or in New York's time. Unverified.",
           ("utc", "local")),
    Switch("action_dates", "utc", "Dates of actions are in UTC, or in New York's time, or of them only `datetime` is. "
           "Witnesses disagree.", ("utc", "local", "datetime")),
    Switch("who_types", "usual", "What who_type says of a user's and a workflow's actions: 0 and 2, or 2 and 0. "
           "Unverified.", ("usual", "other")),
    Switch("author_said", False, "who_agentid of a posted action is believed. Unverified."),
    Switch("internalit_kept", True, "ishiddenfrominternalit of a posted action is kept. Unverified."),
    Switch("hidden_kept", True, "hiddenfromuser of a posted action is kept; else its outcome alone decides."),
    Switch("thirdpartyref_kept", False, "A posted thirdpartyref is kept as third_party_id_string. Unverified."),
    Switch("deleted_tickets", "gone", "A deleted ticket is gone, or told with `deleted` when it is asked for. "
           "Unverified.", ("gone", "told")),
    Switch("sla_states", "letters", "How SLA states are told: I and O, or words. Unverified.", ("letters", "words")),
    Switch("old_dates", True, "No date is 1900-01-01 instead of null."),
    Switch("status_names", False, "Tickets carry the names of their status and priority."),
    Switch("html_notes", "never", "Whose notes are kept as HTML.", ("never", "customers", "all")),
    Switch("opened_tells_details", True, "The first action, Opened, repeats the ticket's details. Unverified."),
    Switch("action_edit", "in_place", "A POST with an action's id edits it, is refused, or makes another. Unverified.",
           ("in_place", "refused", "another")),
    Switch("team_by", "either", "A ticket's team is set by its name, its id, or either.", ("either", "name", "id")),
    Switch("audit_ids", False, "The audit log tells ids instead of names. Unverified."),
    Switch("write_answers", "object", "A write is answered with the object, or with an array of it.",
           ("object", "array")),
    Switch("disabled_agents_listed", True, "includedisabled is heeded by /Agent."),
    Switch("appointment_new_id", False, "A changed appointment comes back with a new id."),
    Switch("asks_first", False, "To close with an open appointment, or to assign to somebody away, is refused until "
           "_appointment01_ok or _agent01_ok says yes. Unverified."),
)  # fmt: skip

WEBHOOKS = (
    Switch("webhook_event", True, "A webhook carries the kind of its event beside the ticket. Unverified."),
    Switch("webhook_action", True, "A webhook carries the action that it is about. Unverified."),
    Switch("actions_notify", True, "A new action sets off event 61, a ticket is updated. Unverified."),
    Switch("webhook_batch", False, "Webhooks come as arrays of events."),
    Switch("webhook_type_3", "signature", "authentication_type 3 sends a signature, or the secret itself. "
           "Witnesses disagree.", ("signature", "key")),
    Switch("webhook_digest", "base64", "How signatures are written. Unverified.", ("base64", "hex")),
    Switch("webhook_gives_up", False, "Three failures in a row switch a webhook off. Unverified."),
)  # fmt: skip

# What the outcome of our notes might do besides: each makes it a trap that `check` must see.
TRAPS = {
    "outcome_mails": "mails",
    "outcome_sets_status": "sets a status",
    "outcome_responds": "counts as a response",
    "outcome_holds_sla": "holds the SLA",
    "outcome_releases_sla": "releases the SLA from hold",
    "outcome_resets_response": "starts the response clock again",
    "outcome_charges": "charges",
    "outcome_logs_time": "logs time",
    "outcome_assigns": "assigns",
    "outcome_moves_team": "moves to another team",
    "outcome_sets_category": "sets a category",
    "outcome_makes_todos": "makes to-dos",
    "outcome_runs_runbook": "runs a runbook",
    "outcome_runs_script": "runs a script",
    "outcome_acts_in_azure": "acts in Azure",
    "outcome_calls_integration": "calls an integration",
    "outcome_sets_linked_status": "sets a status of linked tickets",
    "outcome_sends_jira_note": "tells Jira",
    "outcome_sends_to_halo": "tells another Halo",
    "outcome_shows_on_parent": "shows on the parent ticket",
    "outcome_shows_on_child": "shows on child tickets",
}
OUTCOMES = tuple(Switch(name, False, f"The outcome Private Note {what}.") for name, what in TRAPS.items())

RULES = (
    Switch(
        "all_side_effects", False, "Every rule at once; outcomes and statuses, which nothing keeps from mailing, stay."
    ),
    Switch("rules_on", "anybody", "Whose deeds set off rules: anybody's, or API agents' only.", ("anybody", "api")),
    Switch("status_mails", False, "Every status mails the user when it is set."),
    Switch("rule_sets_priority", False, "A rule sets the priority back after each change of a ticket."),
    Switch("rule_sets_status", False, "A rule sets the status Updated after each action."),
    Switch("rule_mails_action", False, "A rule mails the user about each action."),
    Switch("rule_mails_update", False, "A rule mails the user about each change of a ticket."),
    Switch("rules_heed_dont_do_rules", True, "dont_do_rules keeps rules from acting."),
    Switch("rules_delay", 0.0, "Seconds after which rules act."),
    Switch("system_actions", False, "A workflow leaves an action of its own after each change of a ticket."),
    Switch("type_sets_status", False, "Ticket types set In Progress when an agent acts, whatever a request says."),
    Switch("type_charges", False, "Ticket types charge all time at a rate of their own."),
    Switch(
        "mails_leave_actions", True, "A mail by a rule is told by the action that it is about, or by one of its own."
    ),
)

# What the canary must find: one thing each, besides what an API agent's write on a ticket asked for.
PLANTED = {
    "planted_mail_to_contact": "a mail to the user",
    "planted_status": "another status",
    "planted_sla_restart": "the SLA's targets anew",
    "planted_sla_responded": "the SLA stamped as responded",
    "planted_task": "a to-do",
    "planted_note": "a note",
    "planted_time_entry": "time",
    "planted_appointment": "an appointment",
    "planted_priority": "another priority",
    "planted_owner": "another agent",
}
PLANTED_SWITCHES = tuple(
    Switch(name, False, f"An API agent's write on a ticket sets off {what}.") for name, what in PLANTED.items()
)

SWITCHES = (*DOOR, *RIGHTS, *LISTS, *RECORDS, *WEBHOOKS, *OUTCOMES, *RULES, *PLANTED_SWITCHES)

_WITH_ALL = frozenset({"rule_sets_priority", "rule_sets_status", "rule_mails_action", "rule_mails_update"})


def rules(switches: Switches) -> list[str]:
    """The rules that an administrator would see in the list of ticket rules."""
    listed = {switch.name: switch.doc for switch in RULES if switch.name.startswith("rule_")}
    return [doc for name, doc in listed.items() if is_on(switches, name)]


def is_on(switches: Switches, name: str) -> bool:
    """Whether a side effect is on, by itself or with all of them."""
    return switches.on(name) or (name in _WITH_ALL and switches.on("all_side_effects"))

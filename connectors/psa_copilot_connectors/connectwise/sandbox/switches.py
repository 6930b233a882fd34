"""What a ConnectWise server may do either way, and what a desk may have set up to happen by itself.

Defaults are what is most plausible; "unverified" says that nobody has seen the real product do either.
"""

from __future__ import annotations

from psa_copilot.sandbox import Switch, Switches

HOLD_AT_MOST = 10.0

DOOR = (
    Switch(
        "bad_credentials_status",
        "401",
        "What bad credentials get: 401 on premises, 404 on some clouds.",
        ("401", "404"),
    ),
    Switch("keys_rotated", False, "The key `pub` is no longer valid; `human` and `api2` are."),
    Switch("codebase", "v2026_1/", "The codebase that companyinfo announces; one that is not announced answers 404."),
    Switch("on_premises", False, "Not a cloud: companyinfo announces v4_6_release/, and nothing else is served."),
    Switch("is_cloud_as_text", False, "companyinfo's IsCloud is a string instead of a boolean."),
    Switch(
        "missing_client_id_status", "403", "What a request without clientId gets. 401 is unverified.", ("403", "401")
    ),
    Switch("forbidden_body", "json", "The body of a 403. Unverified.", ("json", "html", "empty")),
    Switch(
        "missing_right_shows",
        "403",
        "What a list answers without the right to read it: 403, or no rows. Unverified.",
        ("403", "no_rows"),
    ),
    Switch("all_notes", True, "Whether the server has allNotes; old ones answer 404."),
    Switch(
        "associations", True, "Whether boards tell which types, subtypes and items go together; old ones answer 404."
    ),
    Switch("changelogs", True, "Whether the server has /service/tickets/changelogs; those before 2025.1 answer 404."),
    Switch(
        "datetime_literal",
        "any",
        "Which dates in conditions are understood: any, only without or only with zone.",
        ("any", "without_zone", "with_zone"),
    ),
    Switch(
        "hold_patch",
        0.0,
        f"Real seconds (at most {HOLD_AT_MOST:g}) for which a PATCH of a ticket with the key `pub`"
        " waits before it is applied.",
    ),
)

# What the role of the key `pub` may do; the others may do everything.
RIGHTS = (
    Switch("tickets_right", True, "May read tickets."),
    Switch("audit_right", True, "May read the audit trail."),
    Switch("members_right", True, "May read /system/members; /system/info/members goes anyway."),
    Switch("boards_right", True, "May read boards, their statuses and types, and priorities."),
    Switch("companies_right", True, "May read companies and sites."),
    Switch("contacts_right", True, "May read contacts."),
    Switch("configurations_right", True, "May read configurations, and link them to tickets."),
    Switch("agreements_right", True, "May read agreements."),
    Switch("slas_right", True, "May read SLAs and their priorities."),
    Switch("documents_right", True, "May read documents."),
    Switch("callbacks_right", True, "May register callbacks."),
    Switch("delete_right", True, "May delete tickets, notes, time entries and appointments."),
    Switch("notes_right", True, "May write notes."),
    Switch("edit_right", True, "May change tickets at all, merge them and make them children."),
    Switch("status_right", True, "May change a ticket's status."),
    Switch("board_right", True, "May move a ticket to another board."),
    Switch("assign_right", True, "May change a ticket's owner."),
    Switch("priority_right", True, "May change a ticket's priority."),
    Switch("tasks_right", True, "May write tasks."),
    Switch("time_right", True, "May read and write time entries."),
    Switch("schedule_right", True, "May read and write schedule entries."),
)

RECORDS = (
    Switch("note_bumps_ticket", True, "A note moves its ticket's lastUpdated. Unverified in the real product."),
    Switch(
        "internal_note_bumps_ticket",
        True,
        "So does an internal note, to which views of idle tickets are blind. Unverified.",
    ),
    Switch("time_bumps_ticket", True, "A time entry moves its ticket's lastUpdated. Unverified."),
    Switch("schedule_bumps_ticket", True, "An appointment moves its ticket's lastUpdated. Unverified."),
    Switch("task_bumps_ticket", False, "A task moves its ticket's lastUpdated. Unverified."),
    Switch("note_callbacks", True, "A note is told as its ticket's `updated`. Unverified."),
    Switch("time_callbacks", False, "A time entry is told as its ticket's `updated`. Unverified."),
    Switch(
        "self_suppress",
        "all",
        "What isSelfSuppressedFlag keeps from the one who did it: all, only what is no note "
        "(tickets), or nothing. Unverified.",
        ("all", "tickets", "none"),
    ),
    Switch(
        "board_move_status",
        "default",
        "A ticket moved to another board without a status takes that board's "
        "default, is refused, or keeps its status. Unverified.",
        ("default", "refuse", "keep"),
    ),
    Switch("no_default_status", False, "No status of any board is its default; a new ticket takes the first."),
    Switch("strict_categories", False, "A subtype or item that does not belong to the type is refused. Unverified."),
    Switch(
        "patch_subpath",
        "ignored",
        "A PATCH path such as status/id: 200 and nothing happens, or 400.",
        ("ignored", "refused"),
    ),
    Switch(
        "unassign",
        "both",
        "Which PATCH takes the owner away: op remove, replace with null, or both. Unverified.",
        ("both", "remove", "null"),
    ),
    Switch("newlines", "keep", "Newlines in note text are kept or become spaces. Unverified.", ("keep", "spaces")),
    Switch("html_notes", "never", "Whose notes are kept as HTML.", ("never", "customers", "all")),
    Switch("null_lists", False, "List fields without entries are null instead of []."),
    Switch(
        "late_visibility", 0.0, "Seconds after which lists of tickets show a change; a single ticket shows it at once."
    ),
    Switch(
        "service_lists_project_tickets",
        True,
        "/service/tickets has project tickets too; /project/tickets has them anyway.",
    ),
    Switch("schedule_conflicts", "allowed", "An appointment over another of the same member.", ("allowed", "refused")),
    Switch("signing_key", "", "The key that callbacks are signed with from now on; empty is a random one."),
)

MAIL = (
    Switch("board_sends_to_contact", True, "Boards mail a ticket's contact."),
    Switch("board_sends_to_resource", False, "Boards mail a ticket's owner and resources."),
    Switch("board_sends_to_cc", False, "Boards mail a ticket's copies."),
    Switch("board_sends_to_bundled", False, "Boards mail the contacts of a ticket's children."),
    Switch("status_email_templates", False, "Only statuses with an e-mail template mail; left off, all of them do."),
    Switch("note_notifications", False, "What a note's processNotifications means when left out. Unverified."),
    Switch(
        "public_note_mails",
        "asked",
        "A public note with processNotifications mails the contact: always, or where the ticket's automaticEmail"
        " flags say so.",
        ("asked", "ticket_flags"),
    ),
    Switch("internal_note_mails", False, "An internal note with processNotifications mails the resources. Unverified."),
    Switch(
        "closed_loop_internal", False, "closedLoopInternalAnalysisFlag: internal notes mail the resources. Unverified."
    ),
    Switch("closed_loop_discussions", False, "closedLoopDiscussionsFlag: public notes mail the resources. Unverified."),
    Switch("appointment_mails", False, "An appointment mails its member."),
    Switch("mails_in_audit_trail", True, "The audit trail tells of mails. Unverified."),
)

SLA = (
    Switch("sla_waits", True, "The SLA clock stands still in statuses with NoEscalation. Unverified."),
    Switch("sla_stamps_earlier", True, "A resolving status stamps responded and planned too. Unverified."),
    Switch("sla_restart_on_status", False, "A change of status restarts the SLA clock."),
    Switch("sla_restart_on_priority", False, "A change of priority restarts the SLA clock."),
    Switch("sla_restart_on_type", False, "A change of type, subtype or item restarts the SLA clock."),
    Switch("sla_restart_on_board", False, "A move to another board restarts the SLA clock."),
    Switch("sla_restart_on_update", False, "Any change of a ticket, or a note on it, restarts the SLA clock."),
    Switch("sla_stops_on_note", False, "A note by a member stamps the ticket as responded."),
)

HOW_RULES_WORK = (
    Switch("all_side_effects", False, "Every rule, mail, SLA effect and planted side effect at once."),
    Switch(
        "rules_on", "anybody", "Whose deeds set off rules: anybody's, as in the product, or API members' only.",
        ("anybody", "api"),
    ),
    Switch("rules_delay", 0.0, "Seconds after which rules act; the product runs them every few minutes."),
    Switch(
        "rules_heed_notifications", False, "processNotifications: false keeps rules from mailing too. Unverified."
    ),
)  # fmt: skip

MAIL_RULES = {
    "rule_mail_status": "status",
    "rule_mail_note": "public note",
    "rule_mail_internal_note": "internal note",
    "rule_mail_owner": "owner",
    "rule_mail_board": "board",
    "rule_mail_priority": "priority",
    "rule_mail_category": "category",
    "rule_mail_update": "update",
    "rule_mail_time": "time",
    "rule_mail_appointment": "appointment",
    "rule_mail_closed": "closed",
}

RULES = (
    *(Switch(name, False, f"A workflow rule mails the contact: {what}.") for name, what in MAIL_RULES.items()),
    Switch("rule_note_sets_status", False, "A new note sets the status that rule_status names."),
    Switch("rule_status", "Updated", "The status that rule_note_sets_status sets."),
    Switch("rule_adds_note", False, "A rule adds a note of its own after each note."),
    Switch("rule_reverts_field", False, "A rule sets back what an API member changed, A to B to A."),
    Switch("rule_adds_time", False, "A rule logs time on a change of status."),
    Switch("rule_adds_appointment", False, "A rule books somebody when a ticket gets an owner or a status changes."),
    Switch("rule_assigns", False, "A rule gives an unassigned ticket to somebody when it changes."),
    Switch("auto_assign_new", False, "autoAssignNewTicketsFlag: a new ticket gets an owner."),
    Switch("auto_close_days", 0.0, "autoCloseStatus: so many days in a resolving status close a ticket; 0 is never."),
    Switch("reopen_by_mail", False, "A customer writes on a done ticket: emailConnectorReopenStatus is set."),
    Switch("bill_after_close", False, "billTicketsAfterClosedFlag: closing makes time entries ReadyToBill."),
    Switch(
        "auto_templates",
        "off",
        "A type, subtype or item pulls a template that changes summary, notes, tasks, resources and priority.",
        ("off", "append", "overwrite"),
    ),
)  # fmt: skip

# What the canary must find: one thing each, besides what an API member's write on a ticket asked for.
PLANTED = {
    "planted_mail_to_contact": "a mail to the contact",
    "planted_status": "another status",
    "planted_sla_restart": "the SLA clock restarted",
    "planted_sla_responded": "the SLA stamped as responded",
    "planted_template": "words appended to the summary",
    "planted_task": "a task",
    "planted_note": "a note",
    "planted_time_entry": "a time entry",
    "planted_appointment": "an appointment",
    "planted_priority": "another priority",
    "planted_owner": "another owner",
}
PLANTED_SWITCHES = tuple(
    Switch(name, False, f"An API member's write on a ticket sets off {what}.") for name, what in PLANTED.items()
)

SWITCHES = (*DOOR, *RIGHTS, *RECORDS, *MAIL, *SLA, *HOW_RULES_WORK, *RULES, *PLANTED_SWITCHES)

_WITH_ALL = frozenset(
    switch.name for switch in (*MAIL, *SLA, *RULES, *PLANTED_SWITCHES) if isinstance(switch.default, bool)
)


def is_on(switches: Switches, name: str) -> bool:
    """Whether a side effect is on, by itself or with all of them."""
    return switches.on(name) or (name in _WITH_ALL and switches.on("all_side_effects"))

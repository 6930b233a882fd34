"""What a real Autotask may do either way, and what a desk may have set up to happen by itself.

Defaults are what is most plausible; "unverified" says that nobody has seen the real product do either.
"""

from __future__ import annotations

from psa_copilot.sandbox import Switch, Switches

RECORDS = (
    Switch("internal_note_bumps_ticket", True,
           "A note that is not public moves its ticket's lastActivityDate. Unverified."),
    Switch("call_bumps_ticket", True, "A service call moves its tickets' lastActivityDate. Unverified."),
    Switch("dates_with_zone", False, "Dates in answers end in Z."),
    Switch("mixed_dates", False, "Dates in answers end in Z but for those of tickets. Unverified."),
    Switch("nul_in_text", False, "Long texts in answers carry NUL characters."),
    Switch("fractions_in_filters", True, "Filters understand dates with milliseconds; else they are refused."),
    Switch("one_udf_per_query", True, "A question may speak of one user-defined field only. Unverified."),
    Switch("kept_pages", 50.0, "So many addresses of next pages are remembered. Unverified."),
    Switch("read_lag", 0.0, "Seconds of the sandbox's time until a new record can be read."),
    Switch("edit_lag", 0.0, "Seconds of the sandbox's time until a ticket's edit by the API can be read."),
    Switch("missing_row", "null", "Reading a record that is not there: 200 with null, or 404.", ("null", "404")),
    Switch("running_sla", "null", "What the paused hours of an SLA say whose clock runs. Unverified.", ("null", "0")),
    Switch("noise_key", True, "Answers about children carry soapParentPropertyId."),
    Switch("call_needs_assignment", False,
           "Who does a service call has to be on its ticket already. Unverified."),
    Switch("time_off", "appointment", "As what people enter their time off: an appointment, or an approved request.",
           ("appointment", "request")),
    Switch("links", "any", "Which tickets problemTicketId may join: any, or an Incident with a Problem. Unverified.",
           ("any", "problem")),
    Switch("time_spans_midnight", True, "A time entry may begin on one day of UTC and end on the next."),
    Switch("time_bills_anyway", False, "A rule or contract makes time billable that was sent as not billable."),
    Switch("timesheet_locked", False, "No time can be entered: the timesheet was submitted. Its words are unverified."),
    Switch("complete_with_open_checklist", True,
           "A ticket can be completed by the API with important items open. Unverified for REST."),
    Switch("complete_wants_resolution", False, "The ticket's category wants a resolution before Complete."),
    Switch("complete_locks", False, "A completed ticket can no longer be edited."),
)  # fmt: skip

DOOR = (
    Switch("thread_limit", 3.0, "Requests of one integration to one entity at a time; 0 is no limit."),
    Switch("thread_family", "entity",
           "Whose threads a child's path takes: its own entity's, or those of the path's first word. Unverified.",
           ("entity", "root")),
    Switch("thread_refusal", "429", "What the one too many is answered.", ("429", "500")),
    Switch("refusal_body", "errors", "What a 429 says: errors, a plain text, or nothing. Unverified.",
           ("errors", "text", "empty")),
    Switch("hourly_limit", 10_000.0, "Requests in any 60 minutes, slower from half of it on; 0 is no limit."),
    Switch("permission_status", "500", "What a missing right is answered.", ("500", "403")),
    Switch("access_levels", "object",
           "What entityInformation tells of a login's rights: an object without contents, as the vendor's description "
           "has it, or words. Unverified.",
           ("object", "words")),
    Switch("impersonation", False, "Security levels allow programs to write in a technician's name."),
    Switch("keys_rotated", False, "The secret of `api@sandbox.example` is `rotated` now; those of the others stay."),
    Switch("hold_patch", 0.0, "Real seconds (at most 2) for which a program's PATCH waits before it is applied."),
    Switch("unknown_user", "errors",
           "What a 500 says when the zone of a user is asked for whom nobody knows: errors, or nothing. Unverified.",
           ("errors", "plain")),
    Switch("zone_moved", False, "The database has moved to another address; the old one answers 401."),
)  # fmt: skip

WEBHOOKS = (
    Switch("guid", "webhook", "Whose Guid a webhook tells: the webhook's, or one for each event. Unverified.",
           ("webhook", "event")),
    Switch("signs_escaped", False, "Webhooks are signed over a rendering with \\u escapes, not over what is sent."),
    Switch("callouts_per_hour", 0.0, "So many webhooks an hour for each kind, then none; 0 is no limit. Unverified."),
)  # fmt: skip

RIGHTS = {
    "notes_right": ("write", frozenset({"TicketNotes"})),
    "edit_right": ("write", frozenset({"Tickets"})),
    "time_right": ("write", frozenset({"TimeEntries"})),
    "calls_right": ("write", frozenset({"ServiceCalls", "ServiceCallTickets", "ServiceCallTicketResources"})),
    "webhooks_right": ("write", frozenset({"TicketWebhooks", "TicketNoteWebhooks"})),
    "history_right": ("read", frozenset({"TicketHistory"})),
    "charges_right": ("read", frozenset({"TicketCharges"})),
    "notifications_right": ("read", frozenset({"NotificationHistory"})),
    "billing_codes_right": ("read", frozenset({"BillingCodes"})),
    "time_off_right": ("read", frozenset({"TimeOffRequests"})),
    "holidays_right": ("read", frozenset({"Holidays"})),
}
"""What the security level of API users may write, or even read; the switch, and what it is about."""
RIGHT_SWITCHES = (
    *(
        Switch(name, True, f"API users may {verb} {', '.join(sorted(entities))}.")
        for name, (verb, entities) in RIGHTS.items()
    ),
    Switch("sees_non_billable", True, "API users are shown time entries that are not billable."),
    Switch("api_user_role", True, "The API user holds a service desk role; time can be entered in its name."),
    Switch("finance_right", False, "API users may write charges, which is more than the copilot needs."),
)

# A mail of a workflow rule to the contact, by what sets it off.
ON_WRITES = {"opened": "rule_mails_new", "time": "rule_mails_time", "call": "rule_mails_calls"}

RULES = (
    Switch("all_side_effects", False, "Every rule, mail, SLA effect and planted side effect at once."),
    Switch("rules_on", "anybody", "Whose deeds set off rules: anybody's, as in the product, or API users' only.",
           ("anybody", "api")),
    Switch("mails_in_history", True, "NotificationHistory tells of mails."),
    Switch("rule_mails_notes", "never", "A workflow rule mails the contact about notes.", ("never", "public", "all")),
    Switch("rule_mails_status", "never", "A workflow rule mails the contact about a status.",
           ("never", "complete", "all")),
    Switch("rule_mails_new", False, "A workflow rule mails the contact about a new ticket."),
    Switch("rule_mails_time", False, "A workflow rule mails the contact about a time entry."),
    Switch("rule_mails_calls", False, "A workflow rule mails the contact about a service call."),
    Switch("rule_adds_note", False, "A workflow rule writes a note after each edit of a ticket."),
    Switch("rule_sets_status", False, "A workflow rule sets the status back to New when the queue changes."),
    Switch("rule_note_sets_status", False, "A workflow rule sets another status after each note."),
    Switch("rule_adds_time", False, "A workflow rule logs time on a change of status."),
    Switch("rule_assigns", False, "A workflow rule gives the ticket to somebody else when it is edited."),
)  # fmt: skip

SLA = (
    Switch("sla_waits", False, "The SLA's clock stands still while a ticket waits for the customer."),
    Switch("sla_restart_on_priority", False, "A change of priority gives the SLA new targets."),
    Switch("sla_responds_on_note", False, "Any note meets the first response, an internal one too."),
)

# What the canary must find: one thing each, besides what an API user's write on a ticket asked for.
PLANTED = {
    "planted_mail_to_contact": "mail_to_contact",
    "planted_status": "status",
    "planted_priority": "priority",
    "planted_owner": "owner",
    "planted_template": "template",
    "planted_task": "task",
    "planted_charge": "charge",
    "planted_note": "note",
    "planted_time_entry": "time_entry",
    "planted_appointment": "appointment",
    "planted_sla_restart": "sla_restart",
    "planted_sla_responded": "sla_responded",
}
PLANTED_SWITCHES = tuple(
    Switch(name, False, f"An API user's write on a ticket sets off: {deed.replace('_', ' ')}.")
    for name, deed in PLANTED.items()
)

SWITCHES = (*RECORDS, *DOOR, *WEBHOOKS, *RIGHT_SWITCHES, *RULES, *SLA, *PLANTED_SWITCHES)

SIDE_EFFECTS = frozenset(
    switch.name
    for switch in (*RULES, *SLA, *PLANTED_SWITCHES)
    if switch.default is False and switch.name != "all_side_effects"
)
"""What a desk may have set up to happen by itself, as far as it is on or off."""


def is_on(switches: Switches, name: str) -> bool:
    """Whether a side effect is on, by itself or with all of them."""
    return switches.on(name) or (name in SIDE_EFFECTS and switches.on("all_side_effects"))

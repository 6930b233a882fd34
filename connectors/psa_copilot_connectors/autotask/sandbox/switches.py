"""What a real Autotask may do either way, and what a test wants done on purpose."""

from __future__ import annotations

from psa_copilot.sandbox import Switch

SWITCHES = (
    Switch("internal_note_bumps_ticket", True, "A note that is not public moves its ticket's lastActivityDate."),
    Switch("dates_with_zone", False, "Dates in answers end in Z."),
    Switch("fractions_in_filters", True, "Filters understand dates with milliseconds; else they are refused."),
    Switch("read_lag", 0.0, "Seconds of the sandbox's time until a new record can be read."),
    Switch("thread_limit", 3.0, "Requests of one integration to one entity at a time; 0 is no limit."),
    Switch("thread_refusal", "429", "What the one too many is answered.", ("429", "500")),
    Switch("hourly_limit", 10_000.0, "Requests in any 60 minutes, slower from half of it on; 0 is no limit."),
    Switch("missing_row", "null", "Reading a record that is not there: 200 with null, or 404.", ("null", "404")),
    Switch("guid", "webhook", "Whose Guid a webhook tells: the webhook's, or one for each event.",
           ("webhook", "event")),
    Switch("signs_escaped", False, "Webhooks are signed over a rendering with \\u escapes, not over what is sent."),
    Switch("noise_key", True, "Answers about children carry soapParentPropertyId."),
    Switch("impersonation", False, "Security levels allow programs to write in a technician's name."),
    Switch("keys_rotated", False, "The secret of `api@sandbox.example` is no longer valid; those of the others are."),
    Switch("hold_patch", 0.0, "Real seconds (at most 2) for which a program's PATCH waits before it is applied."),
    Switch("zone_moved", False, "The database has moved to another address; the old one answers 401."),
    Switch("rule_mails_notes", "never", "A workflow rule mails the contact about notes.", ("never", "public", "all")),
    Switch("rule_mails_status", "never", "A workflow rule mails the contact about a status.",
           ("never", "complete", "all")),
    Switch("rule_mails_new", False, "A workflow rule mails the contact about a new ticket."),
    Switch("rule_adds_note", False, "A workflow rule writes a note after each edit of a ticket."),
    Switch("rule_sets_status", False, "A workflow rule sets the status back to New when the queue changes."),
)  # fmt: skip

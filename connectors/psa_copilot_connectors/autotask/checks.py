"""What `psa-copilot check` finds out about an Autotask connection."""

from __future__ import annotations

from psa_copilot import Finding, PsaError
from psa_copilot_connectors.autotask.notes import internal
from psa_copilot_connectors.autotask.roster import MATCH_ALL, Known
from psa_copilot_connectors.autotask.rows import Row, number
from psa_copilot_connectors.autotask.site import Site

READS = {
    "Tickets": "tickets", "TicketNotes": "notes", "TimeEntries": "time entries", "Companies": "companies",
    "Contacts": "contacts", "Resources": "resources", "ResourceServiceDeskRoles": "roles of resources",
    "TicketHistory": "the history of tickets", "TicketChecklistItems": "checklists", "TicketCharges": "charges",
    "ServiceCalls": "service calls", "Appointments": "appointments", "TicketWebhooks": "webhooks",
}  # fmt: skip
NEEDED = frozenset({"Tickets", "TicketNotes", "Companies", "Contacts", "Resources", "ResourceServiceDeskRoles"})
SCREEN = "Admin > Resources/Users > Security Levels"
RULES = (
    "Autotask does not show its workflow rules, and they fire on what we write; look through the active ones under "
    "Admin > Workflow Rules, above all those whose name begins with Customer, for mails on notes and statuses"
)


async def check_rights(site: Site) -> list[Finding]:
    """A tiny read of everything that we read."""
    lacking = []
    for entity, called in READS.items():
        try:
            await site.page(entity, [MATCH_ALL, {"op": "lt", "field": "id", "value": 1}], doing=f"read {called}")
        except PsaError as exc:
            level = "fault" if entity in NEEDED else "warning"
            lacking.append(Finding(level, f"right to read {called}", f"{exc.why}; {SCREEN}"))  # type: ignore[arg-type]
    return lacking or [Finding("ok", "rights", f"reads {', '.join(READS.values())}")]


def check_account(known: Known, connection: str) -> Finding:
    """Whether our notes will be told from other people's."""
    if known.ourselves is None:
        says = f"no resource is called like our user; set connections.{connection}.resource to its number"
        return Finding("warning", "account", says)
    person = known.words.people.get(known.ourselves)
    if person is None or person.is_api:
        return Finding("ok", "account", f"writes as {known.directory.ourselves}")
    return Finding("warning", "account", f"{person.identifier} is a person's login; use an API user of our own")


def check_notes(known: Known) -> Finding:
    """Whether one value of publish is surely internal."""
    publish = known.notes["publish"]
    if (value := internal(publish)) is None:
        labels = ", ".join(one.label for one in publish.active())
        return Finding("fault", "internal notes", f"none of these is clearly internal: {labels}")
    return Finding("ok", "internal notes", f"are published to {publish.label(value)} only")


def check_threshold(told: Row) -> Finding:
    """How much of the hour's requests, which all integrations share, is used."""
    most, used = number(told, "externalRequestThreshold"), number(told, "currentTimeframeRequestCount")
    if not most or used is None:
        return Finding("warning", "requests", "the PSA does not tell how many it still takes")
    level = "warning" if used > most / 2 else "ok"
    slow = "; from half of it on each answer waits" if level == "warning" else ""
    return Finding(level, "requests", f"{used} of {most} of this hour are used by all integrations{slow}")  # type: ignore[arg-type]


def recipes() -> list[Finding]:
    """The two security levels to begin with."""
    return [
        Finding("warning", "workflow rules", RULES),
        Finding("ok", "recipe, days 1 to 3", f"an API-only security level that may read, and write nothing; {SCREEN}"),
        Finding("ok", "recipe, week 1", "the same, and add and edit ticket notes; no impersonation, no finance"),
    ]

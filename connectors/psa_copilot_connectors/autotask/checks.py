"""What `psa-copilot check` finds out about an Autotask connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from psa_copilot import Finding, NotFound, PsaError, Rejected
from psa_copilot_connectors.autotask.notes import internal
from psa_copilot_connectors.autotask.roster import MATCH_ALL, Known
from psa_copilot_connectors.autotask.rows import Row, number, stamp, text, where
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.timeoff import Away
from psa_copilot_connectors.autotask.work import Work

READS = {
    "Tickets": "tickets", "TicketNotes": "notes", "TimeEntries": "time entries", "Companies": "companies",
    "Contacts": "contacts", "Resources": "resources", "ResourceServiceDeskRoles": "roles of resources",
    "TicketHistory": "the history of tickets", "TicketChecklistItems": "checklists", "TicketCharges": "charges",
    "TicketSecondaryResources": "secondary resources", "TicketAdditionalContacts": "additional contacts",
    "ServiceCalls": "service calls", "Appointments": "appointments", "TicketWebhooks": "webhooks",
    "NotificationHistory": "the history of notifications",
}  # fmt: skip
NEEDED = frozenset({"Tickets", "TicketNotes", "Companies", "Contacts", "Resources", "ResourceServiceDeskRoles"})
SCREEN = "Admin > Resources/Users > Security Levels"
WRITES = {
    "TicketNotes": ("Create", "notes"), "Tickets": ("Update", "fields of tickets"),
    "TimeEntries": ("Create", "time entries"), "ServiceCalls": ("Create", "service calls"),
}  # fmt: skip
EXCESS = {"TicketCharges": ("Create", "charges")}
"""What should be kept from us."""
NOBODY = frozenset({"none", "0"})
GIVEN = {True: "given", False: f"not given, as days 1 to 3 want it; {SCREEN}"}
LATELY = timedelta(days=7)
SOME = 5
TRIED = "not tried here, since that would write; `psa-copilot check --canary TICKET` tries each kind of write"
RULES = (
    "Autotask does not show its workflow rules, and they fire on what we write; look through the active ones under "
    "Admin > Workflow Rules, above all those whose name begins with Customer, for mails on notes and statuses, and "
    "leave our API user out of them; look at `Phased close` too before a rule of ours closes anything"
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
        if known.roles.get(known.ourselves) is None:
            says = f"writes as {known.directory.ourselves}, without a service desk role: no time can be logged"
            return Finding("ok", "account", says)
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


async def check_writes(site: Site) -> list[Finding]:
    """What we may write, by what the PSA itself says of our login; nothing is tried."""
    told = [
        Finding("ok", f"right to write {called}", GIVEN[allowed]) for _, called, allowed in await _told(site, WRITES)
    ]
    if not told:
        return [Finding("ok", "rights to write", "the PSA does not tell; a canary tries each kind of write")]
    says = f"may be written, which is more than needed; take them from us in {SCREEN}"
    excess = [Finding("warning", called, says) for _, called, allowed in await _told(site, EXCESS) if allowed]
    return [*told, *excess]


async def _told(site: Site, what: Mapping[str, tuple[str, str]]) -> list[tuple[str, str, bool]]:
    """Of each what it is called, and whether it is allowed; nothing of those of which the PSA tells nothing."""
    levels = [(entity, called, await _level(site, entity, verb)) for entity, (verb, called) in what.items()]
    return [(entity, called, level.casefold() not in NOBODY) for entity, called, level in levels if level]


async def _level(site: Site, entity: str, verb: str) -> str:
    """A word for what our login may do; empty where the PSA says nothing, or nothing that can be read."""
    try:
        told = (await site.get(f"/{entity}/entityInformation", doing=f"ask what we may do with {entity}")).get("info")
    except (NotFound, Rejected):
        return ""
    level = told.get(f"userAccessFor{verb}") if isinstance(told, dict) else None
    return str(level) if isinstance(level, str | int) else ""


async def check_mails(site: Site, known: Known) -> Finding:
    """What workflow rules have mailed to people outside lately: the only thing that tells of them."""
    about, since = "mails of workflow rules", stamp(site.now() - LATELY)
    asked = [where("notificationSentTime", "gte", since), {"op": "exist", "field": "ticketID"}]
    try:
        rows, more = await site.page("NotificationHistory", asked, doing="read which mails went out")
    except (NotFound, Rejected) as exc:
        return Finding("warning", about, f"nobody sees which went out: {exc.why}; {SCREEN}")
    people = known.directory.technicians
    ours = {person.email.rpartition("@")[2].casefold() for person in people if "@" in person.email}
    outside = [row for row in rows if text(row, "recipientEmailAddress").rpartition("@")[2].casefold() not in ours]
    named = Counter(text(row, "templateName") or "without a name" for row in outside)
    if not named:
        return Finding("ok", about, f"none went to people outside in the last {LATELY.days} days")
    told = ", ".join(f"{name} ({count})" for name, count in named.most_common(SOME))
    least = "at least " if more else ""
    return Finding("warning", about, f"in the last {LATELY.days} days tickets mailed people outside: {least}{told}")


def check_statuses(known: Known, settings: AutotaskSettings, connection: str) -> list[Finding]:
    """What the admin has told of statuses, since Autotask tells nothing of what they set off."""
    there = {one.label.casefold() for one in known.words.picklists["status"].active()}
    told = {"mailing_statuses": settings.mailing_statuses, "sla_statuses": settings.sla_statuses}
    missing = [
        Finding("warning", key, f"there is no status {name!r}; mend connections.{connection}.{key}")
        for key, names in told.items()
        for name in sorted(names)
        if name.casefold() not in there
    ]
    named = "; ".join(f"{key}: {', '.join(sorted(names)) or 'none'}" for key, names in told.items())
    says = f"Autotask does not tell which of them mail, or stop an SLA's clock; by the config, {named}"
    return [*missing, Finding("ok", "statuses", says)]


async def check_closing(site: Site, settings: AutotaskSettings, connection: str) -> Finding:
    """What is looked at before a rule of ours completes a ticket, through which the API lets everything pass."""
    key = f"connections.{connection}.required_to_close"
    known = {str(one.get("name")).casefold() for one in await site.fields("Tickets")}
    if unknown := sorted(name for name in settings.required_to_close if name.casefold() not in known):
        return Finding("warning", "closing", f"tickets have no {', '.join(unknown)}; mend {key}")
    looked = "checklist, running timers, charges and open incidents are looked at before a rule of ours completes one"
    fields = ", ".join(sorted(settings.required_to_close)) or f"none; name what your ticket categories want in {key}"
    return Finding("ok", "closing", f"{looked}; required fields: {fields}")


async def check_time(work: Work) -> Finding:
    """Whether time of ours could be told again."""
    try:
        sees_ours = await work.sees_ours()
    except (NotFound, Rejected) as exc:
        return Finding("warning", "time", f"{exc.why}; {SCREEN}")
    says = (
        "no entry that is not billable is shown to us: where there are some, the security level needs "
        f"`Can view non-billable time entries`, or a write without an answer is never cleared up; {SCREEN}"
    )
    return Finding("ok", "time", "ours can be told again") if sees_ours else Finding("warning", "time", says)


def check_time_off(away: Away) -> list[Finding]:
    """Whether we see who is away, besides what stands in appointments."""
    hidden = [Finding("warning", "people who are away", f"{one}; {SCREEN}") for one in away.unread]
    none = (
        "no request for time off is shown to us: where there are some, the system setting for proxy time entry has to "
        "be on for timesheet approvers and admins"
    )
    seen = f"{away.requests} requests for time off are shown to us" if away.requests else none
    return hidden or [Finding("ok", "people who are away", seen)]


def check_webhooks(sleeping: Iterable[str]) -> list[Finding]:
    """Ours that the PSA has ended after failures."""
    asleep = ", ".join(sleeping)
    says = f"asleep after failures: {asleep}; the daemon wakes it at its next start"
    return [Finding("warning", "our webhooks", says)] if asleep else []


def recipes() -> list[Finding]:
    """The two security levels to begin with."""
    return [
        Finding("warning", "workflow rules", RULES),
        Finding("ok", "recipe, days 1 to 3", f"an API-only security level that may read, and write nothing; {SCREEN}"),
        Finding("ok", "recipe, week 1", "the same, and add and edit ticket notes; no impersonation, no finance"),
        Finding("ok", "writes", TRIED),
    ]

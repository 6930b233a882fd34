"""What `psa-copilot check` says about a HaloPSA connection: rights, account, outcome, webhooks. It only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from psa_copilot import AuthFailed, Finding, NotFound, PsaError, Rejected
from psa_copilot_connectors.halopsa import acts, mapping, outcomes
from psa_copilot_connectors.halopsa.changes import EVERY, NEWEST_CHANGE_FIRST, TICKETS
from psa_copilot_connectors.halopsa.roster import Known
from psa_copilot_connectors.halopsa.rows import Row, moment, number, text
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site

SCOPES = "give the API application and its agent the permission to read them"
RECIPES = {
    "days 1 to 3, reads only": (
        "API application with login type Agent, bound to an agent of our own: read:tickets, read:customers, "
        "read:calendar and reading of the configuration lists; all clients, teams and ticket types, no edit."
    ),
    "week 1, internal notes only": (
        "the same, and the adding of actions with one outcome of our own that neither mails nor sets a status; "
        "edit:tickets once fields may be written. Never invoices, deletes, timesheet approval, nor agents."
    ),
}


@dataclass(frozen=True)
class Right:
    """Something that we want to read, and what to say when we may not."""

    about: str
    path: str
    level: Literal["warning", "fault"]
    mend: str = SCOPES
    params: Mapping[str, str] = field(default_factory=dict)
    never_empty: bool = False
    told_by: str = ""
    """The list of the setup that shows it, where it was read already."""


RIGHTS = (
    Right("tickets", "/Tickets", "fault", params={"pageinate": "true", "page_no": "1", "page_size": "1"}),
    Right("agents", "/Agent", "fault", never_empty=True),
    Right("teams", "/Team", "fault", never_empty=True, told_by="teams"),
    Right("statuses", "/Status", "fault", never_empty=True, told_by="statuses"),
    Right("priorities", "/Priority", "fault", never_empty=True, told_by="priorities"),
    Right("ticket types", "/TicketType", "fault", never_empty=True, told_by="types"),
    Right("outcomes", "/Outcome", "fault", never_empty=True, told_by="outcomes"),
    Right("categories", "/Category", "warning", told_by="categories"),
    Right("users", "/Users", "warning", params={"pageinate": "true", "page_no": "1", "page_size": "1"}),
    Right("calendars", "/Appointment", "warning"),
    Right(
        "webhooks", "/Webhook", "warning", "no webhooks then, only polls; the agent needs to administer integrations"
    ),
    Right("ticket rules", "/TicketRules", "warning", f"what they do to our writes only the canary shows; {SCOPES}"),
)
SAME_TIME = timedelta(minutes=10)
"""An action and its ticket's lastactiondate differ by less, unless one of them is told in another zone."""


async def check_rights(site: Site, known: Known | None) -> list[Finding]:
    """Each thing that we read, tried once."""
    return [await _may_read(site, right, known) for right in RIGHTS]


async def _may_read(site: Site, right: Right, known: Known | None) -> Finding:
    if known and known.setup.get(right.told_by):
        return Finding("ok", right.about, "may be read")
    try:
        rows = await site.first(right.path, dict(right.params), doing=f"read {right.about}")
    except AuthFailed:
        raise
    except PsaError as exc:
        return Finding(right.level, right.about, f"{exc.why}; {right.mend}")
    if right.never_empty and not rows:
        return Finding(right.level, right.about, f"nothing is shown; {right.mend}")
    return Finding("ok", right.about, "may be read")


def check_account(me: Row, connection: str) -> Finding:
    """The application should be bound to an agent of our own, never to a technician."""
    name = text(me, "name")
    if me.get("isapiagent"):
        return Finding("ok", "account", f"{name} is an API agent")
    says = f"{name} is a person's account; bind the application of connections.{connection} to an API agent of our own"
    return Finding("warning", "account", says)


def check_outcome(
    known: Known, wanted: str, setting: str, connection: str, level: Literal["warning", "fault"]
) -> Finding:
    """The outcome of our notes has to do nothing besides."""
    outcome, key = known.outcome(wanted), f"connections.{connection}.{setting}"
    if outcome is None:
        return Finding(level, f"outcome {wanted}", f"there is no such outcome; name one in {key}")
    if traps := outcomes.does(outcome):
        says = f"{', '.join(traps)}; nothing is written with it: name one in {key} that does nothing besides"
        return Finding(level, f"outcome {wanted}", says)
    return Finding("ok", f"outcome {wanted}", "keeps a note and does nothing besides")


def check_outcomes(known: Known, settings: HaloPsaSettings, connection: str) -> list[Finding]:
    """All of ours; without the public ones internal notes still go."""
    shown = ["public_outcome", *(["resolution_outcome"] if settings.resolution_outcome else [])]
    return [
        check_outcome(known, settings.outcome, "outcome", connection, "fault"),
        *(check_outcome(known, getattr(settings, one), one, connection, "warning") for one in shown),
    ]


def check_setup(known: Known) -> list[Finding]:
    """What the desk does by itself when we write."""
    setup, names = known.setup, known.names
    return [
        *acts.check_statuses(setup["statuses"], names.closed),
        *acts.check_types(setup["types"], names.statuses),
        acts.check_rules(setup["rules"]),
        acts.check_notifications(setup["notifications"]),
    ]


def check_webhooks(ours: list[Row]) -> list[Finding]:
    """Ours should be one, and awake."""
    asleep = [text(row, "url") for row in ours if row.get("active") is False or row.get("disabled")]
    addresses = list(dict.fromkeys(text(row, "url") for row in ours))
    found = [f"asleep: {', '.join(asleep)}; the daemon wakes it at its next start"] if asleep else []
    if len(addresses) > 1:
        found.append(f"registered at {', '.join(addresses)}: all but the address under web.url should go")
    return [Finding("warning", "our webhooks", says) for says in found]


async def check_zones(site: Site, settings: HaloPsaSettings) -> list[Finding]:
    """Whether the date that we read of an action and the one that its ticket tells of it are in the zones we think."""
    try:
        newest = await _last_acted(site)
        asked = {"ticket_id": number(newest.get("id"))}
        told = await site.counted("/Actions", asked, doing="read the newest actions")
    except (NotFound, Rejected):
        return []
    dates = [when for row in told if (when := mapping.said_at(row, ZoneInfo(settings.action_zone)))]
    acted = moment(newest.get("lastactiondate"), ZoneInfo(settings.zone))
    if not dates or acted is None or abs(max(dates) - acted) < SAME_TIME:
        return []
    hours = (max(dates) - acted) / timedelta(hours=1)
    key = f"connections.{site.connection}.action_zone"
    says = f"those of actions are {hours:+.2f} h off from their tickets'; set {key} to the zone of your server"
    return [Finding("warning", "dates", says)]


async def _last_acted(site: Site) -> Row:
    rows, _ = await site.page(TICKETS, {**EVERY, **NEWEST_CHANGE_FIRST}, 1, doing="find a ticket with actions")
    return max(rows, key=lambda row: text(row, "lastactiondate"), default={})


def recipes() -> list[Finding]:
    """What the application should have; and that nothing here has tried to write."""
    tried = "not tried here, since that would write; `psa-copilot check --canary TICKET` tries each kind of write"
    told = [Finding("ok", f"rights for {when}", ticks) for when, ticks in RECIPES.items()]
    return [*told, Finding("ok", "writes", tried)]

"""What `psa-copilot check` says about a ConnectWise connection: rights, account, callbacks. It only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from psa_copilot import AuthFailed, Finding, PsaError, Rejected
from psa_copilot_connectors.connectwise.rows import Row, name_in
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import TICKETS

TABLES = "the role needs Inquire on System > Table Setup"
SERVICE = "the role needs Inquire on Service Desk > Service Tickets"
TIME = "the role needs Inquire on Time & Expense > Time Entry"

RECIPES = {
    "days 1 to 3, reads only": (
        "Inquire: All on Service Desk > Service Tickets, Service Desk > Resource Scheduling, Companies > Contacts, "
        "Time & Expense > Time Entry, System > Table Setup, System > Member Maintenance. Nothing else, no Add, "
        "no Edit, no Delete."
    ),
    "week 1, internal notes only": (
        "the same, and Add: All on Service Desk > Service Tickets; Edit: All there once living notes or fields may be "
        "written; Add and Edit on System > Table Setup only while webhooks are wanted. Never Finance, Procurement, "
        "Delete, Time & Expense > Time Approval, System > Security Roles, nor Add or Edit on members."
    ),
}
"""What to tick in the security role of our API member, by the names of ConnectWise's own screen."""


@dataclass(frozen=True)
class Right:
    """Something that we want to read, and what to say when we may not."""

    about: str
    path: str
    level: Literal["warning", "fault"]
    mend: str
    params: Mapping[str, str] = field(default_factory=dict)
    never_empty: bool = False
    """Every desk has some, so that an empty list is a missing right."""


RIGHTS = (
    Right("tickets", TICKETS, "fault", SERVICE),
    Right("boards", "/service/boards", "fault", TABLES, never_empty=True),
    Right("priorities", "/service/priorities", "fault", TABLES, never_empty=True),
    Right(
        "members",
        "/system/members",
        "warning",
        "the short list serves; the role needs Inquire on System > Member Maintenance",
        never_empty=True,
    ),
    Right("callbacks", "/system/callbacks", "warning", f"no webhooks then, only polls; {TABLES}"),
    Right(
        "contacts",
        "/company/contacts",
        "warning",
        "clients' own IT staff is not told from users then; the role needs Inquire on Companies > Contacts",
        never_empty=True,
    ),
    Right(
        "calendars",
        "/schedule/entries",
        "warning",
        "no plugin knows of appointments or time off then; "
        "the role needs Inquire on Service Desk > Resource Scheduling",
    ),
    Right("time", "/time/entries", "warning", f"running timers are not seen before a close then; {TIME}"),
    Right("SLAs", "/service/SLAs", "warning", f"targets are known only where a ticket tells them; {TABLES}"),
)

EXCESS = {
    "finance": ("/finance/agreements", "Finance > Agreements"),
    "security roles": ("/system/securityroles", "System > Security Roles"),
    "time sheets": ("/time/sheets", "Time & Expense > Time Approval"),
}
"""What should be kept from us, and the screen on which it is taken away."""


def _rights_on(number: str) -> tuple[Right, ...]:
    """What can only be tried on a ticket."""
    trail = {"type": "Ticket", "id": number}
    unseen = "without it and without webhooks, another's change between our read and our write goes unseen"
    return (
        Right("notes", f"{TICKETS}/{number}/notes", "fault", SERVICE),
        Right("tasks", f"{TICKETS}/{number}/tasks", "warning", f"nothing is closed then; {SERVICE}"),
        Right("audit trail", "/system/audittrail", "warning", unseen, trail),
    )


async def check_rights(site: Site) -> list[Finding]:
    """Each thing that we read, tried once."""
    return [await _may_read(site, right) for right in await _rights(site)]


async def _rights(site: Site) -> tuple[Right, ...]:
    try:
        rows, _ = await site.page(TICKETS, {"pageSize": 1}, doing="list tickets")
    except PsaError:
        return RIGHTS
    return (*RIGHTS, *(_rights_on(str(rows[0]["id"])) if rows else ()))


async def _may_read(site: Site, right: Right) -> Finding:
    try:
        rows, _ = await site.page(
            right.path, {**right.params, "pageSize": 1}, doing=f"read {right.about}", may_lack=True
        )
    except PsaError as exc:
        return Finding(right.level, right.about, f"{exc.why}; {right.mend}")
    if right.never_empty and not rows:
        return Finding(right.level, right.about, f"nothing is shown; {right.mend}")
    return Finding("ok", right.about, "may be read")


async def check_excess(site: Site) -> list[Finding]:
    """Rights that we should not have; what may not even be read cannot be written either."""
    found = [await _is_kept_from_us(site, about, path, screen) for about, (path, screen) in EXCESS.items()]
    return [*found, *await _check_role(site)]


async def _is_kept_from_us(site: Site, about: str, path: str, screen: str) -> Finding:
    try:
        rows, _ = await site.page(path, {"pageSize": 1}, doing=f"see whether {about} are kept from us", may_lack=True)
    except AuthFailed:
        raise
    except PsaError as exc:
        return Finding("ok", about, "kept from us" if isinstance(exc, Rejected) else f"not to be seen: {exc.why}")
    # Everybody may see the time sheets of their own, of which we have none.
    if about == "time sheets" and not rows:
        return Finding("ok", about, "none is shown to us")
    return Finding("warning", about, f"may be read, which is more than needed; take {screen} from the role")


async def _check_role(site: Site) -> list[Finding]:
    try:
        told = (await site.get("/system/myMembers", doing="ask for our role", may_lack=True)).json
    except AuthFailed:
        raise
    except PsaError:
        return []
    row = told[0] if isinstance(told, list) and told else told
    if not isinstance(row, dict) or not row.get("adminFlag"):
        return []
    role = name_in(row, "securityRole") or "the account's role"
    return [Finding("warning", "role", f"{role} may do everything, which is more than needed; make a role of our own")]


def recipes() -> list[Finding]:
    """What the role should have; and that nothing here has tried to write."""
    tried = "not tried here, since that would write; `psa-copilot check --canary TICKET` tries each kind of write"
    told = [Finding("ok", f"role for {when}", ticks) for when, ticks in RECIPES.items()]
    return [*told, Finding("ok", "writes", tried)]


def check_account(members: list[Row], ourselves: str, connection: str) -> Finding:
    """The keys should be those of an API member of our own, never a technician's."""
    us = next((row for row in members if str(row.get("identifier")).casefold() == ourselves.casefold()), None)
    if us is None:
        told = f"no member is called {ourselves}" if ourselves else "the PSA does not tell who we are"
        return Finding("warning", "account", f"{told}; name our API member in connections.{connection}.member")
    if us.get("licenseClass") != "A":
        return Finding("warning", "account", f"{ourselves} is a person's account; make an API member of our own")
    return Finding("ok", "account", f"{ourselves} is an API member")


def check_callbacks(ours: list[Row]) -> list[Finding]:
    """Ours should be one, and awake."""
    return list(_callbacks_told(ours))


def _callbacks_told(ours: list[Row]) -> Iterator[Finding]:
    addresses = [str(row.get("url")).partition("?")[0] for row in ours]
    if asleep := [address for address, row in zip(addresses, ours, strict=True) if row.get("inactiveFlag")]:
        says = f"asleep after failures: {', '.join(asleep)}; the daemon wakes it at its next start"
        yield Finding("warning", "our callbacks", says)
    if len(set(addresses)) > 1:
        says = f"registered at {', '.join(addresses)}: all but the address under web.url should go"
        yield Finding("warning", "our callbacks", says)


def check_board(board: Row, statuses: list[Row], templates: list[Row]) -> Finding:
    """What a board does by itself when one of its tickets is written to."""
    does = [words.format(_named(board.get(flag))) for flag, words in BOARD_DOES.items() if board.get(flag)]
    live = [row for row in statuses if not row.get("inactive")]
    mailing = [str(row.get("name")) for row in live if row.get("emailTemplate")]
    does += [f"mails on status {', '.join(mailing)}"] * bool(mailing)
    timed = [str(row.get("name")) for row in live if (row.get("escalationStatus") or "NoEscalation") != "NoEscalation"]
    does += [f"moves the SLA on status {', '.join(timed)}"] * bool(timed)
    does += [_template(row) for row in templates if row.get("autoApplyFlag")]
    says = "; ".join(dict.fromkeys(does)) or "mails and bills nothing"
    return Finding("warning" if does else "ok", f"board {board.get('name')}", says)


BOARD_DOES = {
    "sendToContactFlag": "mails contacts",
    "sendToResourceFlag": "mails technicians",
    "sendToCCFlag": "mails copies",
    "sendToBundledFlag": "mails the contacts of bundled tickets",
    "closedLoopInternalAnalysisFlag": "closes the loop on internal notes",
    "closedLoopDiscussionsFlag": "closes the loop on discussion notes",
    "closedLoopResolutionFlag": "closes the loop on resolution notes",
    "closedLoopAllFlag": "closes the loop on all notes",
    "billTicketsAfterClosedFlag": "bills after closing",
    "autoCloseStatus": "closes tickets by itself from status {}",
    "autoAssignNewTicketsFlag": "assigns new tickets by itself",
    "autoAssignNewECTicketsFlag": "assigns new tickets from mail by itself",
    "autoAssignNewPortalTicketsFlag": "assigns new tickets from the portal by itself",
    "autoAssignTicketOwnerFlag": "makes whoever is assigned the owner",
    "emailConnectorAllowReopenClosedFlag": "reopens closed tickets by mail",
    "emailConnectorReopenStatus": "sets status {} when mail comes in",
}
"""Flags of a board, and what it does by itself where they are set."""

_SETTINGS = {"Append": "appends to", "Overwrite": "overwrites"}


def _template(row: Row) -> str:
    """What choosing one category pulls in."""
    path = " / ".join(filter(None, (name_in(row, one) for one in ("type", "subtype", "item"))))
    touched = [
        f"{_SETTINGS[str(value)]} {name.removesuffix('Setting')}"
        for name, value in row.items()
        if name.endswith("Setting") and value in _SETTINGS
    ]
    return f"applies a template on {path or 'every category'} that {', '.join(touched) or 'changes nothing we know of'}"


def _named(value: object) -> str:
    return str(value.get("name") or "") if isinstance(value, dict) else ""

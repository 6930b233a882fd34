"""What `psa-copilot check` says about a ConnectWise connection: rights, account, boards that act by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from psa_copilot import Board, Directory, Finding, PsaError
from psa_copilot_connectors.connectwise.mapping import Row
from psa_copilot_connectors.connectwise.site import Site

TICKETS = "/service/tickets"
TABLES = "the role needs Inquire on System > Table Setup"
SERVICE = "the role needs Inquire on Service Desk > Service Tickets"


@dataclass(frozen=True)
class Right:
    """Something that we want to read, and what to say when we may not."""

    about: str
    path: str
    level: Literal["warning", "fault"]
    mend: str
    params: Mapping[str, str] = field(default_factory=dict)


RIGHTS = (
    Right("tickets", TICKETS, "fault", SERVICE),
    Right("boards", "/service/boards", "fault", TABLES),
    Right("priorities", "/service/priorities", "fault", TABLES),
    Right(
        "members",
        "/system/members",
        "warning",
        "the short list serves; the role needs Inquire on System > Member Maintenance",
    ),
    Right("callbacks", "/system/callbacks", "warning", f"no webhooks then, only polls; {TABLES}"),
)


def _rights_on(number: str) -> tuple[Right, ...]:
    """What can only be tried on a ticket."""
    trail = {"type": "Ticket", "id": number}
    unseen = "without it and without webhooks, another's change between our read and our write goes unseen"
    return (
        Right("notes", f"{TICKETS}/{number}/notes", "fault", SERVICE),
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
        await site.get(right.path, {**right.params, "pageSize": 1}, doing=f"read {right.about}")
    except PsaError as exc:
        return Finding(right.level, right.about, f"{exc.why}; {right.mend}")
    return Finding("ok", right.about, "may be read")


def check_account(members: list[Row], ourselves: str, connection: str) -> Finding:
    """The keys should be those of an API member of our own, never a technician's."""
    us = next((row for row in members if str(row.get("identifier")).casefold() == ourselves.casefold()), None)
    if us is None:
        told = f"no member is called {ourselves}" if ourselves else "the PSA does not tell who we are"
        return Finding("warning", "account", f"{told}; name our API member in connections.{connection}.member")
    if us.get("licenseClass") != "A":
        return Finding("warning", "account", f"{ourselves} is a person's account; make an API member of our own")
    return Finding("ok", "account", f"{ourselves} is an API member")


def check_boards(directory: Directory) -> list[Finding]:
    """What the boards do by themselves when one of their tickets is written to."""
    return [_check_board(board) for board in directory.boards]


def _check_board(board: Board) -> Finding:
    does = ["mails contacts, copies or bundled tickets"] * board.mails + ["bills after closing"] * board.bills
    mailing = [status.name for status in board.statuses if status.mails]
    does += [f"mails on status {', '.join(mailing)}"] * bool(mailing)
    timed = [status.name for status in board.statuses if status.touches_sla]
    does += [f"moves the SLA on status {', '.join(timed)}"] * bool(timed)
    return Finding("warning" if does else "ok", f"board {board.name}", "; ".join(does) or "mails and bills nothing")

"""Before a canary flies: is this a test ticket, who would get its mail, and what is to be tried on it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psa_copilot.config import Config
from psa_copilot.connector import Traces
from psa_copilot.engine import canary
from psa_copilot.engine.harmless import NothingHarmless, harmless, plan
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import stopped
from psa_copilot.errors import ConfigError
from psa_copilot.models import Pulled, Thread, Ticket
from psa_copilot.store import CanaryRow, Store

ALLOWED = {"log_time": "time_entry", "book": "appointment", "link_to": "link"}
"""What `allow:` has to name before it is written at all."""


@dataclass(frozen=True)
class Flight:
    """What is to be tried on a ticket."""

    ticket: Ticket
    readers: tuple[str, ...]
    """Addresses that get the ticket's mail."""
    unseen: tuple[str, ...]
    """What of the ticket cannot be looked at."""
    plugins: dict[str, list[str]]
    """Kinds in use, and who asks for each."""
    plans: dict[str, str]
    """Kinds that are to be tried from the start."""
    going_on: tuple[str, ...]
    """Kinds whose trial was begun before."""
    skipped: dict[str, str]
    """Kinds that cannot be tried, and why."""


def prepare(
    config: Config,
    line: Line,
    store: Store,
    ticket: Ticket,
    told: Traces,
    only: Sequence[str] = (),
    *,
    parent: str = "",
) -> Flight:
    """What is to be tried: what was begun, and what is in use and not clean; with `only`, these whatever they are."""
    plugins = canary.in_use(config, line.name)
    with store.reading() as tx:
        rows = {row.kind: row for row in tx.ledger.canaries(line.name)}
    begun = [row for row in rows.values() if row.state == "waiting"]
    _go_on_there(line, ticket, begun)
    wanted = list(only) or [kind for kind in plugins if canary.standing(rows.get(kind), line.fingerprint) != "clean"]
    if "edit_note" in wanted and "add_note internal" not in wanted:
        wanted.insert(0, "add_note internal")  # there has to be a note of ours to edit
    going_on = tuple(row.kind for row in begun)
    plans, skipped = _plans([kind for kind in wanted if kind not in going_on], ticket, line, parent)
    return Flight(ticket, told.readers, told.unseen, plugins, plans, going_on, skipped)


def give_up(line: Line, store: Store) -> None:
    """Trials that were begun, wherever, are over; what they have written stays as it is."""
    with store.transaction() as tx:
        for row in tx.ledger.canaries(line.name):
            if row.state == "waiting":
                row.state, row.done_at = "refused", line.clock.now()
                row.found = [*row.found, "given up before it was over; what it wrote may stand"]


def _go_on_there(line: Line, ticket: Ticket, begun: Sequence[CanaryRow]) -> None:
    elsewhere = next((row.ticket for row in begun if row.ticket != ticket.ref.remote_id), None)
    if elsewhere:
        raise ConfigError(
            f"a canary is not over yet on {line.name}/{elsewhere}: go on with it there, or give it up with --anew"
        )


def _plans(kinds: Sequence[str], ticket: Ticket, line: Line, parent: str) -> tuple[dict[str, str], dict[str, str]]:
    plans, skipped = {}, {}
    for kind in sorted(kinds, key=canary.KINDS.index):
        allowed = ALLOWED.get(kind)
        if not canary.able(kind, line.connector.can):
            skipped[kind] = f"{line.settings.use} cannot write it"
        elif allowed and allowed not in line.settings.allow:
            skipped[kind] = f"connections.{line.name}.allow does not name {allowed}"
        else:
            try:
                plans[kind] = plan(harmless(kind, ticket, line, "", note=None, parent=parent))
            except NothingHarmless as exc:
                skipped[kind] = str(exc)
    return plans, skipped


def objections(config: Config, line: Line, pulled: Pulled) -> list[str]:
    """What speaks against trying anything here, where no word of a human helps."""
    ticket = pulled.ticket
    thread = Thread(id=str(ticket.ref), revision=0, tickets=(ticket,), messages=pulled.messages)
    found = [why] if (why := stopped(config, line, thread, ticket)) else []
    if ticket.is_closed or ticket.merged_into:
        found.append("it is closed or merged; take an open one")
    return found


def doubts(line: Line, ticket: Ticket, told: Traces) -> list[str]:
    """What speaks against its being a test ticket, unless a human says that it is one."""
    own, found = line.settings.desk.own_company, list[str]()
    if not own or ticket.company.casefold() != own.casefold():
        named = f"connections.{line.name}.desk.own_company"
        found.append(f"its company is {ticket.company!r}, and {named} is {own!r}")
    if strangers := [one for one in told.readers if _domain(one) not in _our_domains(line)]:
        found.append(f"its mail would go to {', '.join(strangers)}, outside the mail domains of your technicians")
    if not told.readers:
        found.append("it has no contact with an address, so that nobody would see a mail to the customer")
    return found


def _our_domains(line: Line) -> frozenset[str]:
    people = line.directory.technicians if line.directory else ()
    return frozenset(_domain(one.email) for one in people if one.email)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()

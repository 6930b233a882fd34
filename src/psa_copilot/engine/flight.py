"""One call of `psa-copilot check --canary`: from the first question to what is told at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from psa_copilot.config import Config
from psa_copilot.engine import canary, preflight, traces
from psa_copilot.engine.experiment import Experiment, Tell
from psa_copilot.engine.lines import Line
from psa_copilot.engine.preflight import Flight
from psa_copilot.errors import ConfigError, CopilotError
from psa_copilot.models import Ref
from psa_copilot.store import CanaryRow, Store

WAIT = timedelta(minutes=15)
SHORTEST = timedelta(minutes=1)
Mailbox = Literal["empty", "mail", "unasked"]


@dataclass(frozen=True)
class Orders:
    """What the human has said about a canary, and who answers what is still to be asked."""

    agree: Callable[[Flight], bool]
    """Shown what is to be written and who gets its mail: shall it be?"""
    mailbox: Callable[[Flight], bool | None]
    """Is the mailbox empty? None when nobody is there to say so."""
    tell: Tell
    wait: timedelta = WAIT
    only: tuple[str, ...] = ()
    parent: str = ""
    anew: bool = False
    is_a_test_ticket: bool = False


@dataclass(frozen=True)
class Trial:
    """How one kind of write stands."""

    kind: str
    state: str
    """clean, refused, waiting, skipped; expired, where an earlier trial does not count any more."""
    plan: str
    plugins: tuple[str, ...]
    found: tuple[str, ...]
    """What it set off; for a skipped one, why it was not tried."""


@dataclass(frozen=True)
class Report:
    """What came of a canary."""

    ticket: Ref
    readers: tuple[str, ...]
    unseen: tuple[str, ...]
    wait: timedelta
    mailbox: Mailbox
    trials: tuple[Trial, ...]
    left: tuple[str, ...]
    """What of ours stands on the ticket still, or could not be put back."""

    @property
    def is_clean(self) -> bool:
        """Whether all that is in use may be written."""
        return all(one.state in ("clean", "skipped") for one in self.trials)


async def fly(config: Config, line: Line, store: Store, ref: Ref, orders: Orders) -> Report:
    """Make the trials, or go on with those that were begun."""
    if orders.wait < SHORTEST:
        raise ConfigError(f"--wait: at least {SHORTEST.seconds} s; rules run every few minutes")
    flight = await _prepared(config, line, store, ref, orders)
    mailbox: Mailbox = "unasked"
    if not (flight.plans or flight.going_on):
        orders.tell("There is nothing to try that is not clean already; --kind tries one kind again.")
    else:
        experiment = _experiment(config, line, store, ref, orders, flight)
        if not orders.agree(flight):
            raise CopilotError("nothing was written: nobody has said yes; --yes does")
        experiment.plan(tuple(flight.plans), line.fingerprint, flight.plans)
        await experiment.run()
        mailbox = _look_into_mailbox(experiment, flight, orders)
    return await _report(line, store, flight, orders, mailbox)


async def _prepared(config: Config, line: Line, store: Store, ref: Ref, orders: Orders) -> Flight:
    pulled = await line.connector.pull(ref)
    told = await line.connector.traces(ref)
    if objections := preflight.objections(config, line, pulled):
        raise ConfigError(f"{ref} cannot be tried on: {'; '.join(objections)}")
    doubts = preflight.doubts(line, pulled.ticket, told)
    if doubts and not orders.is_a_test_ticket:
        sure = "say --yes-this-is-a-test-ticket if it is one"
        raise ConfigError(f"{ref} does not look like a test ticket: {'; '.join(doubts)}; {sure}")
    if unknown := [kind for kind in orders.only if kind not in canary.KINDS]:
        raise ConfigError(f"--kind: there is no {', '.join(unknown)}; known: {', '.join(canary.KINDS)}")
    if orders.anew:
        preflight.give_up(line, store)
    return preflight.prepare(config, line, store, pulled.ticket, told, orders.only, parent=orders.parent)


def _experiment(config: Config, line: Line, store: Store, ref: Ref, orders: Orders, flight: Flight) -> Experiment:
    may = [kind for kind, plugins in flight.plugins.items() if _may_move_sla(config, kind, plugins)]
    return Experiment(line, store, ref, orders.wait, orders.tell, may_move_sla=may, parent=orders.parent)


def _may_move_sla(config: Config, kind: str, plugins: Sequence[str]) -> bool:
    """Only fields move an SLA by their nature, and only where every plugin that sets them may."""
    settings = [config.plugins[name].settings for name in plugins]
    return kind.startswith("change_field") and all(one.sla == "may_change" for one in settings)


def _look_into_mailbox(experiment: Experiment, flight: Flight, orders: Orders) -> Mailbox:
    """Only a human can; what is still waiting is clean with that word, or refused."""
    empty = orders.mailbox(flight) if experiment.waiting() else None
    if empty is None:
        return "unasked"
    experiment.end(empty=empty)
    return "empty" if empty else "mail"


async def _report(line: Line, store: Store, flight: Flight, orders: Orders, mailbox: Mailbox) -> Report:
    with store.reading() as tx:
        rows = {row.kind: row for row in tx.ledger.canaries(line.name)}
    kinds = {*flight.plugins, *flight.plans, *flight.going_on, *flight.skipped}
    trials = [_trial(kind, rows, flight, line.fingerprint) for kind in sorted(kinds, key=canary.KINDS.index)]
    tried = [rows[kind] for kind in (*flight.plans, *flight.going_on) if kind in rows]
    left = await _left(line, flight.ticket.ref, tried)
    return Report(flight.ticket.ref, flight.readers, flight.unseen, orders.wait, mailbox, tuple(trials), tuple(left))


def _trial(kind: str, rows: dict[str, CanaryRow], flight: Flight, fingerprint: str) -> Trial:
    plugins, row = tuple(flight.plugins.get(kind, ())), rows.get(kind)
    if kind in flight.skipped or row is None:
        return Trial(kind, "skipped", "", plugins, (flight.skipped.get(kind, "it was not asked for"),))
    return Trial(kind, canary.standing(row, fingerprint), row.plan, plugins, tuple(row.found))


async def _left(line: Line, ref: Ref, tried: Sequence[CanaryRow]) -> list[str]:
    """How the ticket differs from what it was before the first write."""
    begun = [row for row in tried if "stood" in row.before]
    first = min(begun, key=lambda row: str(row.before["began"]), default=None)
    return list(traces.differences(first.before["stood"], await traces.look(line, ref)).values()) if first else []

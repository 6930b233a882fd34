"""`psa-copilot check --canary TICKET`: asks the human, shows what is being tried, and what it set off."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from psa_copilot.cli import output
from psa_copilot.errors import PsaError
from psa_copilot.models import Ref

if TYPE_CHECKING:
    from psa_copilot.config import Config
    from psa_copilot.engine.flight import Report
    from psa_copilot.engine.preflight import Flight


@dataclass(frozen=True)
class Words:
    """What was typed behind `--canary`."""

    wait: timedelta
    yes: bool
    is_a_test_ticket: bool
    mailbox_empty: bool | None
    kinds: tuple[str, ...]
    parent: str
    anew: bool


def try_canary(config: Config, ticket: Ref, words: Words, *, as_json: bool) -> None:
    """Make the trials; exit code 1 unless everything in use came home clean."""
    from psa_copilot import app
    from psa_copilot.engine.flight import Orders

    tell = output.hint if as_json else output.say
    orders = Orders(
        agree=lambda flight: _agreed(flight, words, tell),
        mailbox=lambda flight: _mailbox(flight, words),
        tell=tell,
        wait=words.wait,
        only=words.kinds,
        parent=words.parent,
        anew=words.anew,
        is_a_test_ticket=words.is_a_test_ticket,
    )
    try:
        report = asyncio.run(app.try_canary(config, ticket, orders))
    except PsaError:
        output.hint("What was begun is kept: the same command goes on with it.")
        raise
    if as_json:
        output.show_json(_as_json(report))
    else:
        _show(report)
    if not report.is_clean:
        raise typer.Exit(1)


def _agreed(flight: Flight, words: Words, tell: Any) -> bool:
    """What is going to happen, before it does."""
    ticket = flight.ticket
    tell(f"{ticket.ref}, {ticket.title!r} of {ticket.company or 'no company'}, is written to:")
    for kind, plan in flight.plans.items():
        tell(f"    {kind}: {plan}")
    for kind in flight.going_on:
        tell(f"    {kind}: goes on where it was")
    for kind, why in flight.skipped.items():
        tell(f"    {kind}: not tried, {why}")
    tell(f"Its mail goes to {', '.join(flight.readers) or 'nobody that the PSA tells of'}.")
    for unseen in flight.unseen:
        tell(f"Cannot be looked at: {unseen}")
    return words.yes or (_somebody_is_there() and typer.confirm("Go ahead?", err=True))


def _mailbox(flight: Flight, words: Words) -> bool | None:
    """Whether no mail came: only a human can look."""
    if words.mailbox_empty is not None or not _somebody_is_there():
        return words.mailbox_empty
    asked = f"Look into {', '.join(flight.readers) or 'the mailboxes of its contact and owner'}. Has any mail come?"
    return not typer.confirm(asked, err=True)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "ticket": str(report.ticket),
        "clean": report.is_clean,
        "mailbox": report.mailbox,
        "wait": int(report.wait.total_seconds()),
        "readers": list(report.readers),
        "unseen": list(report.unseen),
        "kinds": [asdict(one) for one in report.trials],
        "left": list(report.left),
    }


def _show(report: Report) -> None:
    for line in _lines(report):
        output.say(line)


def _lines(report: Report) -> Iterator[str]:
    yield ""
    for one in report.trials:
        found = "; ".join(one.found)
        yield f"{one.state:<8} {one.kind}" + (f": {found}" if found else "")
    for left in report.left:
        yield f"different from before: {left}"
    if any(one.state == "waiting" for one in report.trials):
        yield "Nobody has said whether mail came: the same command with --mailbox-empty, or --mail-arrived, ends it."

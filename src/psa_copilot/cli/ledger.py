"""Commands about what was decided and written: `ledger` and `outbox`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psa_copilot.cli import desk, output, shapes
from psa_copilot.cli.options import AsJson, ConfigFile, DecisionArgument, TicketOption

if TYPE_CHECKING:
    from psa_copilot.config import Config
    from psa_copilot.store import WriteRow

UNDER_WAY = ("pending", "sending")
WELL = (*UNDER_WAY, "done", "undone")
LONGEST = 80
"""Characters of a reason in the list; `ledger show` has the whole."""

ledger = typer.Typer(invoke_without_command=True)


class Verdict(StrEnum):
    """What can become of a wish."""

    PROMISED = "promised"
    WRITTEN = "written"
    SUGGESTED = "suggested"
    OBSERVED = "observed"
    DROPPED = "dropped"
    STOPPED = "stopped"
    DECLINED = "declined"
    EXPIRED = "expired"
    COLLISION = "collision"
    FAILED = "failed"
    UNDONE = "undone"


class Mark(StrEnum):
    """What a note was worth."""

    USEFUL = "useful"
    USELESS = "useless"
    LEAK = "leak"


class State(StrEnum):
    """Where a write stands."""

    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    REJECTED = "rejected"
    DROPPED = "dropped"
    EXPIRED = "expired"
    COLLISION = "collision"
    DEAD = "dead"
    UNDONE = "undone"


Limit = Annotated[int, typer.Option(min=1, help="Show no more than so many.")]


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    app.add_typer(ledger, name="ledger")
    app.command()(outbox)


@ledger.callback()
def decisions(
    context: typer.Context,
    ticket: TicketOption = None,
    plugin: Annotated[str, typer.Option(help="Only this plugin's.")] = "",
    verdict: Annotated[Verdict | None, typer.Option(help="Only with this verdict.")] = None,
    limit: Limit = 1000,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what was decided, why, and what became of it; or take it back, answer it, mark it.

    The list is newest first; the commands below work on one decision.

    JSON: a list of {"id", "at", "ticket", "plugin", "wish", "verdict", "reason", "because", "confidence", "model",
    "cost"}. verdict is one of promised, written, suggested, observed, dropped, stopped, declined, expired, collision,
    failed, undone.
    """
    if context.invoked_subcommand:
        return
    with desk.maybe_opened(desk.read_config(config)) as store:
        rows: list[dict[str, Any]] = []
        if store:
            with store.reading() as tx:
                found = tx.ledger.decisions(ref=ticket, plugin=plugin or None, verdict=verdict, limit=limit)
                rows = [shapes.decision(row) for row in found]
    if as_json:
        output.show_json(rows)
        return
    columns = ("id", "at", "ticket", "plugin", "wish", "verdict", "reason")
    shown = ([*(row[name] for name in columns[:-1]), _short(row["reason"] or row["because"])] for row in rows)
    output.show_table(columns, shown, "nothing has been decided yet")


@ledger.command()
def show(number: DecisionArgument, config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show one decision whole: wish, evidence, earlier verdicts, writes, and what humans said.

    JSON: as in the list, and {"thread", "revision", "action", "evidence", "code", "expires", "mark", "history":
    [{"at", "verdict", "reason"}], "writes": [as in outbox, and "action", "why", "undoes", "done_at"], "feedback":
    [{"at", "kind", "actor"}]}.
    """
    from psa_copilot.errors import CopilotError

    with desk.opened(desk.read_config(config)) as store, store.reading() as tx:
        row = tx.ledger.decision(number)
        if row is None:
            raise CopilotError(f"there is no decision {number}; `psa-copilot ledger` lists them")
        whole = shapes.whole_decision(tx, row)
    if as_json:
        output.show_json(whole)
    else:
        for line in shapes.as_lines(whole):
            output.say(line)


@ledger.command()
def undo(number: DecisionArgument, config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Take back what a decision wrote; what that sets off is printed first.

    A field gets its former value, if it still has ours; a note says that it is withdrawn. The plugin leaves that
    field or note alone from then on. A running daemon does it, else this command.

    JSON: {"effects": [text], "write": as in outbox, and "why"}.
    """
    from psa_copilot.engine import commands

    settings, now = desk.read_config(config), desk.now()
    with desk.opened(settings) as store, store.transaction() as tx:
        undone = commands.undo(tx, number, now)
        if not as_json:
            for effect in undone.effects:
                output.say(effect)
    _carry_out(settings, undone.write_id, {"effects": undone.effects}, as_json=as_json)


@ledger.command()
def approve(
    number: DecisionArgument,
    code: Annotated[str | None, typer.Option(help="The suggestion's code, to be sure which one it is.")] = None,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Have a suggestion written. A running daemon does it, else this command.

    JSON: {"write": as in outbox, and "why"}.
    """
    from psa_copilot.engine import commands

    settings, now = desk.read_config(config), desk.now()
    with desk.opened(settings) as store, store.transaction() as tx:
        write_id = commands.approve(tx, number, code, now)
    _carry_out(settings, write_id, {}, as_json=as_json)


@ledger.command()
def decline(
    number: DecisionArgument,
    reason: Annotated[str, typer.Option(help="Why not; the plugin's authors learn from it.")] = "",
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say no to a suggestion. JSON: the decision, as in the list."""
    from psa_copilot.engine import commands

    with desk.opened(desk.read_config(config)) as store, store.transaction() as tx:
        commands.decline(tx, number, reason, desk.now())
        row = shapes.decision(tx.ledger.decision(number))
    _told(row, f"decision {number} is declined", as_json=as_json)


@ledger.command()
def mark(
    number: DecisionArgument,
    worth: Annotated[Mark, typer.Argument(metavar="useful|useless|leak", help="What it was worth.")],
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say what a decision was worth; `leak` when it said what it should not. JSON: the decision, as in the list."""
    from psa_copilot.engine import commands

    with desk.opened(desk.read_config(config)) as store, store.transaction() as tx:
        commands.mark(tx, number, worth.value, desk.now())
        row = shapes.decision(tx.ledger.decision(number))
    _told(row, f"decision {number} is marked {worth.value}", as_json=as_json)


def outbox(
    ticket: TicketOption = None,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    limit: Limit = 1000,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what is to be written and what became of it, newest first.

    JSON: a list of {"id", "ticket", "plugin", "marker", "state", "receipt"}. state is one of pending, sending, done,
    rejected, dropped, expired, collision, dead, undone; receipt is null or {"remote_id", "value", "at"}.
    """
    with desk.maybe_opened(desk.read_config(config)) as store:
        rows: list[tuple[dict[str, Any], str]] = []
        if store:
            with store.reading() as tx:
                at = (ticket.connection, ticket.remote_id) if ticket else None
                found = tx.work.writes(ticket=at, state=state, limit=limit)
                rows = [(shapes.write(row), row.why) for row in found]
    if as_json:
        output.show_json([row for row, _ in rows])
        return
    columns = ("id", "ticket", "plugin", "marker", "state")
    shown = ([*(row[name] for name in columns), shapes.receipt(row), _short(why)] for row, why in rows)
    output.show_table((*columns, "receipt", "why"), shown, "nothing has been promised yet")


def _carry_out(config: Config, write_id: int, told: dict[str, Any], *, as_json: bool) -> None:
    """Have a promised write done, and say how it went; exit code 1 when it will not be done."""
    from psa_copilot import app

    row = asyncio.run(app.carry_out(config, write_id))
    if as_json:
        output.show_json(told | {"write": shapes.write(row) | {"why": row.why}})
    else:
        output.say(_outcome(row))
    if row.state not in WELL:
        raise typer.Exit(1)


def _outcome(row: WriteRow) -> str:
    if row.state in UNDER_WAY:
        why = f" ({row.why})" if row.why else ""
        return f"write {row.id} is still {row.state}{why}; `psa-copilot outbox` shows it"
    return f"write {row.id} is {row.state}" + (f": {row.why}" if row.why else "")


def _told(row: dict[str, Any], line: str, *, as_json: bool) -> None:
    if as_json:
        output.show_json(row)
    else:
        output.say(line)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"

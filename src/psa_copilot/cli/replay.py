"""Before you let it act: how often each plugin would have been right on your own past."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from psa_copilot.cli import desk, output
from psa_copilot.cli.digest import HtmlFile
from psa_copilot.cli.options import AsJson, ConfigFile
from psa_copilot.redact import SECRETS

if TYPE_CHECKING:
    from psa_copilot.replay.scoring import Doings, Report, Score
    from psa_copilot.replay.values import Decision

BOARDS = 12
"""Boards of a field on a terminal; the page and the JSON have them all."""


def add_to(app: typer.Typer) -> None:
    """This command becomes one of the program's."""
    app.command()(replay)


def replay(
    days: Annotated[int, typer.Option(min=1, help="So many days, up to today.")] = 90,
    plugins: Annotated[str, typer.Option(metavar="A,B", help="Only these plugins; left out: all.")] = "",
    connection: Annotated[str, typer.Option(help="Which connection, where there are several.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day, as in 2026-03-31; left out: today.")] = "",
    model: Annotated[
        bool, typer.Option("--model", help="Ask the configured model too, for a day's budget at most.")
    ] = False,
    read_history: Annotated[
        bool, typer.Option(help="Read the PSA's own record of tickets of which it is not here yet: a request each.")
    ] = True,
    html: HtmlFile = None,
    decisions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also each decision as a line of JSON.")
    ] = None,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Replay the mirrored past with the configured plugins, and show how often each would have been right.

    The clock moves through the history; at each moment a plugin is shown what could be known then and nothing later, it
    has learned from nothing later, and its wishes are judged as ever. What people chose afterwards says whether it was
    right. Nothing is written to the PSA, nor to the ledger. Works beside a running daemon.

    JSON: [{"plugin", "field", "board", "decided", "abstained", "right", "wrong", "accuracy", "low", "high", "ece",
    "recommend"}]; board "*" is all boards together; accuracy is right of decided, low to high its 95 % interval; both,
    and ece, are null where there is nothing to tell.
    """
    from psa_copilot import logs
    from psa_copilot.cli import replaying

    logs.setup(level="error")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the scratch database goes
    chosen = tuple(name.strip() for name in plugins.split(",") if name.strip())
    wanted = replaying.Wanted(days, _day(until), chosen, connection, model, read_history)
    with output.progress() as told:
        made = asyncio.run(replaying.replay(desk.read_config(config), wanted, told))
    if decisions is not None:
        _keep(decisions, "".join(_lines(made.decisions)))
    if html is not None:
        from psa_copilot.cli import scorecard

        _keep(html, scorecard.page(made.report))
    if as_json:
        output.show_json([one.line() for one in made.report.scores])
    else:
        _show(made.report)


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--until") from exc


def _lines(decisions: tuple[Decision, ...]) -> Iterator[str]:
    return (json.dumps(one.line(), ensure_ascii=False, sort_keys=True) + "\n" for one in decisions)


def _keep(path: Path, text: str) -> None:
    path.write_text(SECRETS.clean(text), encoding="utf-8")
    path.chmod(0o600)  # it names clients and quotes tickets
    output.hint(f"written: {path}")


# -- for people --------------------------------------------------------------------------------------------------


def _show(made: Report) -> None:
    console = output.console()
    counts, window = made.counts, made.window
    console.print(
        f"[bold]{escape(made.connection)}[/], {window.since:%d %b %Y} to {window.until:%d %b %Y}:"
        f" {counts.tickets:,} tickets, {counts.moments:,} moments at which a plugin could have been asked"
    )
    for score in made.of_all_boards():
        console.print(f"\n[bold]{escape(score.plugin)}: {score.field}[/]  [bold]{escape(score.recommend)}[/]")
        console.print(_table([score, *made.of_boards(score)[:BOARDS]]), soft_wrap=False)
        if score.sure:
            console.print(_calibration(score))
    for doing in made.doings:
        console.print(f"\n[bold]{escape(doing.plugin)}[/] {_doing(doing)}")
        for reason, count in doing.held_back:
            console.print(f"  held back [bold]{count:,}[/]: {escape(SECRETS.clean(reason))}")
    console.print()
    for note in about(made):
        console.print(f"[dim]{escape(SECRETS.clean(note))}[/]")


def _table(scores: list[Score]) -> Table:
    names = ("board", "decided", "abstained", "right", "wrong", "accuracy", "95 %", "ECE", "human first", "would write")
    table = Table(*names, box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in scores:
        name = "all boards" if one.board == "*" else one.board
        table.add_row(
            escape(SECRETS.clean(name)),
            f"{one.decided:,}",
            f"{one.abstained:,}",
            f"[green]{one.right:,}[/]",
            f"[red]{one.wrong:,}[/]",
            "–" if one.accuracy is None else f"[bold]{one.accuracy:.1%}[/]",
            "–" if one.low is None else f"{one.low:.0%}–{one.high:.0%}",
            "–" if one.ece is None else f"{one.ece:.3f}",
            f"{one.as_first:,}",
            f"{one.would_write:,}",
        )
    return table


def _calibration(score: Score) -> str:
    """A small reliability plot: how often it was right where it was so sure."""
    from psa_copilot.replay.figures import bins

    parts = [
        f"{one.low:.1f} [{_color(one.accuracy - one.confidence)}]{_bar(one.accuracy)}[/]"
        f" {one.accuracy:.0%} of {one.count:,}"
        for one in bins(score.sure)
    ]
    return "[dim]so sure, so often right:[/] " + "  ".join(parts)


def _bar(share: float) -> str:
    return "▁▂▃▄▅▆▇█"[min(7, int(share * 8))]


def _color(over: float) -> str:
    return "green" if over >= -0.05 else "yellow" if over >= -0.15 else "red"


def _doing(one: Doings) -> str:
    told = [
        f"was asked about {one.tickets:,} tickets",
        f"would have written {one.notes:,} notes and {one.fields:,} fields",
    ]
    told += [f"{one.unanswered:,} decided fields have no human answer yet"] * bool(one.unanswered)
    told += [f"model: {one.tokens:,} tokens in what it led to, about ${one.cost:.2f}"] * bool(one.tokens or one.cost)
    return "; ".join(told)


def about(made: Report) -> Iterator[str]:
    """What the figures rest on, and what they are silent on."""
    counts = made.counts
    yield (
        "Right means: what stands in the end is what it chose. Each ticket counts once for each field, with the first"
        " choice that was sure enough; decided or not goes by the bars of your configuration."
    )
    if counts.refits:
        fits = ", ".join(f"{at:%d %b} ({tickets:,} tickets)" for at, tickets in counts.refits)
        yield f"Learned {len(counts.refits)} times, each time from what was known by then: {fits}."
    else:
        yield "Nothing was learned: no plugin learns, or too few tickets were known."
    if counts.unknown:
        yield f"At {counts.unknown:,} moments nobody knows on which board the ticket was: nothing was asked then."
    for why, count in sorted(counts.stopped.items(), key=lambda item: -item[1])[:3]:
        yield f"Not asked {count:,} times: {why}."
    for why, ticket in list(counts.failures.items())[:3]:
        yield f"{counts.failed:,} runs failed, the first on {ticket}: {why}."
    yield (
        "Technicians and boards are today's; calendars, links between tickets and SLA clocks of the past are not"
        " known, and were left blank."
    )
    yield from made.notes
    yield "Nothing was written to the PSA, and nothing to the ledger."

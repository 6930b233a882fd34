"""The digest, and the page for technicians: what an MSP looks at in its first quarter of an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile
from psa_copilot.clock import duration
from psa_copilot.redact import SECRETS

if TYPE_CHECKING:
    from psa_copilot.survey.values import Digest, Finding, First, Sighting

SHOWN = 10
"""Tickets of a finding on a terminal; the page and the JSON have them all."""
HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also as a page to open or to print; no script in it.")
]


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    for command in (digest, leaflet):
        app.command()(command)


def digest(
    html: HtmlFile = None,
    sync: Annotated[bool, typer.Option(help="Read what is needed from the PSA first.")] = True,
    patience: Annotated[
        str, typer.Option(metavar="TIME", help="Longest time to read for; what is left then, the daemon reads.")
    ] = "5m",
    histories: Annotated[int, typer.Option(min=0, help="Most tickets whose history is read from the PSA.")] = 400,
    tries: Annotated[int, typer.Option(min=0, help="The newest open tickets that plugins are tried on.")] = 200,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what nobody has noticed: ten findings over all open tickets, and the one to begin with.

    Writes nothing to the PSA and asks no model. Beside a running daemon it reads its mirror. Confidential tickets are
    only counted, stopped ones left out, alerts of one title folded into one line.

    JSON: {"made_at", "connections", "first": null or {"says", "points", "because": [{"says", "points"}], "ticket":
    TICKET}, "findings": [{"key", "title", "rule", "count", "unknown", "tickets": [TICKET]}], "counts": {"open",
    "unread", "alerts", "confidential", "stopped"}, "notes", "seconds": {STAGE: number}}; TICKET is {"ticket", "number",
    "title", "client", "board", "status", "priority", "owner", "opened_at", "age_s", "link", "why", "body"}; key is one
    of unanswered, untouched, unassigned, nothing_scheduled, owner_gone, ping_pong, same_alert, reopened, sla, plugins.
    """
    from psa_copilot import logs
    from psa_copilot.cli import first_look

    logs.setup(level="error")
    wanted = first_look.Wanted(sync, _patience(patience), histories, tries)
    with output.progress() as told:
        looked = asyncio.run(first_look.look(desk.read_config(config), wanted, told))
    if html is not None:
        _write_page(html, looked.digest)
    if as_json:
        output.show_json(document(looked.digest) | {"seconds": looked.seconds})
    else:
        _show(looked.digest)


def _patience(text: str) -> Any:
    try:
        return duration(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--patience") from exc


def _write_page(path: Path, made: Digest) -> None:
    from psa_copilot.cli import pages

    path.write_text(SECRETS.clean(pages.digest(made)), encoding="utf-8")
    path.chmod(0o600)  # it names clients and quotes tickets
    output.hint(f"written: {path}")


def leaflet(
    html: HtmlFile = None,
    control: Annotated[str, typer.Option(help="Number of the control ticket; left out: the config's.")] = "",
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """The page for technicians, to print: what the copilot does, what it never does, and how to stop it.

    It names your control ticket and your plugins when there is a config.yaml. JSON: {"lines": [LINE]}.
    """
    from psa_copilot.cli import pages

    known = desk.read_config(config) if config != desk.DEFAULT_CONFIG or config.exists() else None
    told = pages.told_of(known, control)
    if html is not None:
        html.write_text(pages.leaflet_page(told), encoding="utf-8")
        output.hint(f"written: {html}")
    lines = pages.leaflet_text(told).splitlines()
    if as_json:
        output.show_json({"lines": lines})
    else:
        for line in lines:
            output.say(line)


# -- for programs ------------------------------------------------------------------------------------------------


def document(made: Digest) -> dict[str, Any]:
    """The digest as JSON."""
    return {
        "made_at": made.made_at.isoformat(timespec="seconds"),
        "connections": list(made.connections),
        "first": _first(made.first, made.made_at) if made.first else None,
        "findings": [_finding(finding, made.made_at) for finding in made.findings],
        "counts": vars(made.counts),
        "notes": list(made.notes),
    }


def _first(first: First, now: datetime) -> dict[str, Any]:
    because = [{"says": term.says, "points": round(term.points, 1)} for term in first.terms]
    return {"says": first.says, "points": first.points, "because": because, "ticket": _ticket(first.ticket, now)}


def _finding(finding: Finding, now: datetime) -> dict[str, Any]:
    return {
        "key": finding.key,
        "title": finding.title,
        "rule": finding.rule,
        "count": finding.count,
        "unknown": finding.unknown,
        "tickets": [_ticket(one, now) for one in finding.sightings],
    }


def _ticket(one: Sighting, now: datetime) -> dict[str, Any]:
    told = {"ticket": one.ref} | {name: value for name, value in vars(one).items() if name not in ("ref", "weight")}
    opened = {"opened_at": one.opened_at.isoformat(timespec="seconds")}
    return told | opened | {"age_s": int((now - one.opened_at).total_seconds())}


# -- for people --------------------------------------------------------------------------------------------------


def _show(made: Digest) -> None:
    from psa_copilot.survey.values import span

    console = output.console()
    for line in _heading(made):
        console.print(line)
    for finding in made.findings:
        console.print(f"\n[bold]{escape(finding.title)}[/]  {_how_many(finding)}")
        if finding.unknown:
            console.print(f"[yellow]{escape(finding.unknown)}[/]")
        if finding.sightings:
            console.print(_table(finding, made, span), soft_wrap=False)
        if len(finding.sightings) > SHOWN:
            console.print(f"[dim]… and {len(finding.sightings) - SHOWN:,} more in --html FILE and --json[/]")
    console.print()
    for note in (_about(made), *made.notes):
        console.print(f"[dim]{escape(SECRETS.clean(note))}[/]")


def _heading(made: Digest) -> Iterator[str]:
    if made.first is None:
        yield "[bold green]Nothing is hidden: each ticket that waits has somebody who knows of it.[/]"
        return
    yield f"[bold]{escape(SECRETS.clean(made.first.says))}[/]"
    if made.first.ticket.link:
        yield f"[blue]{escape(made.first.ticket.link)}[/]"
    yield "[dim]First because " + escape("; ".join(term.says for term in made.first.terms)) + "[/]"


def _how_many(finding: Finding) -> str:
    if not finding.count:
        return "[green]none[/]"
    lines = len(finding.sightings)
    folded = f" in {lines:,} line{'s' * (lines != 1)}" if lines != finding.count else ""
    return f"[bold red]{finding.count:,}[/]{folded}"


def _table(finding: Finding, made: Digest, span: Any) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(max_width=48)
    table.add_column(max_width=24)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in finding.sightings[:SHOWN]:
        number = f"[link={one.link}]#{escape(one.number)}[/link]" if one.link else f"#{escape(one.number)}"
        cells = (one.title, one.client, span(made.made_at - one.opened_at), one.why)
        table.add_row(number, *(escape(SECRETS.clean(cell)) for cell in cells))
    return table


def _about(made: Digest) -> str:
    from psa_copilot.cli import pages

    return pages.about(made)

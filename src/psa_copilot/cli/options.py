"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from psa_copilot.models import Ref

T = TypeVar("T")


def _keep(context: typer.Context, param: typer.CallbackParam, value: T) -> T:
    """Typed before a subcommand's name, an option holds for the subcommand too: `ledger --config F undo 3`."""
    typed: dict[str, T] = context.find_root().ensure_object(dict)
    name = str(param.name)
    source = context.get_parameter_source(name)
    if source is not None and source.name == "COMMANDLINE":
        typed[name] = value
    return typed.get(name, value)


def _ref(text: str) -> Ref:
    try:
        return Ref.parse(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="PSA_COPILOT_CONFIG",
        callback=_keep,
        help="The configuration; paths in it are relative to it.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", callback=_keep, help="One JSON document on stdout, and nothing else there.")
]
TicketArgument = Annotated[Ref, typer.Argument(metavar="TICKET", parser=_ref, help="As in main/48213.")]
TicketOption = Annotated[
    Ref | None, typer.Option("--ticket", metavar="TICKET", parser=_ref, help="Only this ticket, as in main/48213.")
]
CanaryOption = Annotated[
    Ref | None,
    typer.Option(
        "--canary",
        metavar="TICKET",
        parser=_ref,
        help="Try each kind of write on this test ticket, as in main/48213: it writes.",
    ),
]
TemplateOption = Annotated[
    str | None,
    typer.Option(
        metavar="[NOTE=]FILE", help="Try this template: recap (when NOTE is left out), handoff or resolution."
    ),
]
PluginArgument = Annotated[str, typer.Argument(metavar="PLUGIN", help="A plugin's name under `plugins:`.")]
DecisionArgument = Annotated[int, typer.Argument(metavar="ID", help="A decision's number in the ledger.")]

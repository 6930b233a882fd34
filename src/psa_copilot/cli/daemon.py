"""Commands that run something: the daemon, one sync, a sandbox, the demo."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile

if TYPE_CHECKING:
    from psa_copilot.config import Config

STOP_WITHIN = 8.0
"""Seconds that the daemon gets to end by itself once it was told to."""
LAST_SECOND = 1.0
TELL_EVERY = 2.0


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    for command in (run, sync, sandbox, demo):
        app.command()(command)


def run(config: ConfigFile = desk.DEFAULT_CONFIG) -> None:
    """Run the copilot in the foreground, until SIGTERM or Ctrl-C.

    Both end it within 10 seconds with exit code 0; what was promised is carried out at the next start. Logs go to
    stderr: for people on a terminal, JSON elsewhere.
    """
    from psa_copilot import logs

    logs.setup()
    asyncio.run(_until_told(desk.read_config(config)))


async def _until_told(config: Config) -> None:
    from psa_copilot import app

    # What is loaded by now stays: to look through it for garbage again and again would hold up webhooks for long.
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    daemon, told = asyncio.create_task(app.run(config, stop)), asyncio.create_task(stop.wait())
    await asyncio.wait({daemon, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    await asyncio.wait({daemon}, timeout=STOP_WITHIN)
    if daemon.done():
        daemon.result()
    else:
        daemon.cancel()
        await asyncio.wait({daemon}, timeout=LAST_SECOND)


def sync(
    once: Annotated[bool, typer.Option("--once", help="Read what changed, once, and end.")] = False,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Bring the mirror up to date with the PSAs, once; nothing is thought about and nothing written.

    Exit code 3 when a daemon runs on the same database: it syncs by itself.

    JSON: {"tickets", "messages", "requests", "seconds"}.
    """
    from psa_copilot import app, logs

    logs.setup(level="warning")
    if not once:
        output.hint("sync reads once and ends; `psa-copilot run` keeps the mirror up to date")
    told = asyncio.run(app.sync_once(desk.read_config(config), _Progress(), output.hint))
    if as_json:
        output.show_json(told)
    else:
        output.say(
            f"{told['tickets']:.0f} tickets and {told['messages']:.0f} messages, {told['requests']:.0f} requests, "
            f"{told['seconds']:.1f} s"
        )


class _Progress:
    """Says now and then how far a sync has come."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, connection: str, tickets: int, messages: int) -> None:
        if time.monotonic() - self._last >= TELL_EVERY:
            self._last = time.monotonic()
            output.hint(f"{connection}: {tickets} tickets, {messages} messages")


def sandbox(
    psa: Annotated[str, typer.Argument(help="Which PSA: connectwise, autotask or halopsa.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen on 127.0.0.1; 0 takes a free one.")] = 0,
    tickets: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tickets to hold, one JSON object a line; .gz too.")
    ] = None,
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="A desk whose people act: desk, monday or a .json file.")
    ] = "",
    play: Annotated[
        float, typer.Option(metavar="RATE", min=0.0, help="Hold back last messages; post so many a second.")
    ] = 0.0,
    faults: Annotated[str, typer.Option(metavar="SPEC", help="What shall fail: http_500=0.1,timeout=@9,seed=1.")] = "",
    switch: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A quirk of the PSA; may be given more than once.")
    ] = None,
) -> None:
    """Run a PSA in small on this machine, until SIGTERM or Ctrl-C.

    Prints `ready http://127.0.0.1:PORT` when it accepts. Logins on ConnectWise: company `sandbox`, keys `pub` and
    `priv`, any client id; `human`/`human` writes as a technician. `/_sandbox/state` shows what it holds, and
    `/_sandbox/switches` all switches.
    """
    from psa_copilot.errors import ConfigError
    from psa_copilot.sandbox import find_sandbox, serve

    try:
        found = find_sandbox(psa)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    code = serve(found, port=port, tickets=tickets, scenario=scenario, play=play, faults=faults, switches=switch or ())
    raise typer.Exit(code)


def demo(
    psa: Annotated[
        str, typer.Option(help="Which PSA to show it on: connectwise, autotask, halopsa or all.")
    ] = "connectwise",
    model: Annotated[str, typer.Option(help="Which model writes its notes: scripted; left out: none.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with its database, to look into.")] = False,
) -> None:
    """Show the copilot at work: the bad Monday of a help desk, in less than a minute.

    A PSA in small with people in it, and the copilot beside it: processes of their own that speak HTTP. Exit code 1,
    and which of the twelve stories it was, when anything expected did not happen. `all` plays the same Monday on each
    PSA and compares our notes: exit code 1, and the first difference, when they are not the same but for ids, markers
    and markup.
    """
    from psa_copilot.cli import demo as show

    raise typer.Exit(show.play(psa, model=model, keep=keep))

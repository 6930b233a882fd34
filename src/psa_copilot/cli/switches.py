"""Commands that stop and start something: pause, resume, rearm, backlog, release, unhook."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile, PluginArgument
from psa_copilot.errors import ConfigError

if TYPE_CHECKING:
    from psa_copilot.config import Config

SomeConnection = Annotated[str, typer.Option("--connection", help="Only this connection; left out: all.")]


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    for command in (pause, resume, rearm, backlog, release, unhook):
        app.command()(command)


def pause(
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "",
    connection: SomeConnection = "",
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Stop all writes, at once and until `resume`; a running daemon goes on reading and thinking.

    What is promised is kept, and judged again on resume. JSON: {"paused": [connection, ...]}.
    """
    from psa_copilot.engine import commands

    settings = desk.read_config(config)
    names = _connections(settings, connection)
    # Before the very first start too: who wants to be sure shall not have to start it first.
    with desk.made(settings) as store, store.transaction() as tx:
        commands.pause(tx, connection, why, desk.now())
    if as_json:
        output.show_json({"paused": names})
    else:
        output.say(f"{', '.join(names)}: nothing is written until `psa-copilot resume`")


def resume(connection: SomeConnection = "", config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """End a pause. What was promised is judged again, and what came too late ends as expired.

    JSON: {"resumed": [connection, ...]}.
    """
    from psa_copilot.engine import commands

    settings = desk.read_config(config)
    names = _connections(settings, connection)
    with desk.opened(settings) as store, store.transaction() as tx:
        commands.resume(tx, connection, desk.now())
    if as_json:
        output.show_json({"resumed": names})
    else:
        output.say(f"{', '.join(names)}: writing again")


def rearm(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="A connection's name in the configuration.")],
    plugin: PluginArgument,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let a plugin write again after its breaker has tripped; look into the ledger first.

    JSON: {"connection", "plugin"}.
    """
    from psa_copilot.engine import commands

    settings = desk.read_config(config)
    _connections(settings, connection)
    with desk.opened(settings) as store, store.transaction() as tx:
        commands.rearm(tx, connection, plugin, desk.now())
    if as_json:
        output.show_json({"connection": connection, "plugin": plugin})
    else:
        output.say(f"{plugin} on {connection} is armed again")


def release(
    plugin: PluginArgument,
    batch: Annotated[int, typer.Option(min=1, help="How many findings to let go.")] = 10,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let the worst of a plugin's old findings go; they are held back until a human does (see `backlog`).

    One a ticket, and no ticket twice within 24 hours.
    JSON: {"released": number, "tickets": ["main/4711"]}.
    """
    from psa_copilot.engine import sweeps

    settings = desk.read_config(config)
    _known_plugin(settings, plugin)
    with desk.opened(settings) as store, store.transaction() as tx:
        rows = sweeps.release(tx, plugin, batch, desk.now())
        tickets = [f"{row.connection}/{row.ticket}" for row in rows]
        waiting = sum(count for (_, name), count in tx.backlog.waiting().items() if name == plugin)
    if as_json:
        output.show_json({"released": len(tickets), "tickets": tickets})
    else:
        none = f"{waiting} wait, all on tickets that have had theirs in the last 24 hours"
        held = none if waiting else f"{plugin} holds nothing back"
        output.say(f"{len(tickets)} released: {', '.join(tickets)}" if tickets else held)


def backlog(
    plugin: PluginArgument,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, the worst first.")] = 20,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """What was stale before a plugin began to act: nothing is done about it before `release` lets it go.

    JSON: {"waiting": number, "worst": [{"ticket", "because", "since", "score"}]}.
    """
    settings = desk.read_config(config)
    _known_plugin(settings, plugin)
    with desk.opened(settings) as store, store.reading() as tx:
        waiting = sum(count for (_, name), count in tx.backlog.waiting().items() if name == plugin)
        rows = [
            {
                "ticket": f"{row.connection}/{row.ticket}",
                "because": row.because,
                "since": row.since.isoformat(timespec="seconds"),
                "score": row.score,
            }
            for row in tx.backlog.worst(plugin, limit)
        ]
    if as_json:
        output.show_json({"waiting": waiting, "worst": rows})
        return
    output.show_table(
        ("ticket", "since", "because"),
        [(row["ticket"], row["since"], row["because"]) for row in rows],
        f"{plugin} holds nothing back",
    )
    if waiting:
        output.say(f"{waiting} wait; psa-copilot release {plugin} --batch 10 lets the ten worst go")


def unhook(connection: SomeConnection = "", config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Take our webhooks out of the PSA, for good: when the copilot moves or goes. With `web.url` it sets them up anew.

    JSON: {CONNECTION: [URL, ...]}.
    """
    from psa_copilot import app

    settings = desk.read_config(config)
    ended = asyncio.run(app.end_webhooks(settings, _connections(settings, connection)))
    if as_json:
        output.show_json(ended)
    for name, urls in ended.items() if not as_json else ():
        output.say(f"{name}: {', '.join(urls) or 'no webhook of ours was there'}")


def _connections(config: Config, name: str) -> list[str]:
    """The connections that are meant; ConfigError for a name that is not there."""
    if name and name not in config.connections:
        raise ConfigError(f"no connection is called {name}; there are: {', '.join(config.connections)}")
    return [name] if name else list(config.connections)


def _known_plugin(config: Config, name: str) -> None:
    if name not in config.plugins:
        raise ConfigError(f"no plugin is called {name} in {config.path}; there are: {', '.join(config.plugins)}")

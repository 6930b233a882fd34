"""Commands that look and write nothing: try, check, plugins, version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from psa_copilot.cli import desk, output, shapes
from psa_copilot.cli.options import AsJson, ConfigFile, PluginArgument, TemplateOption, TicketArgument

if TYPE_CHECKING:
    from psa_copilot.app import Trial
    from psa_copilot.config import Config
    from psa_copilot.registry import Group

GROUPS: tuple[Group, ...] = ("connectors", "plugins", "sandboxes")


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    app.command("try")(try_plugin)
    for command in (check, plugins, version):
        app.command()(command)


def try_plugin(
    plugin: PluginArgument,
    ticket: TicketArgument,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
    template: TemplateOption = None,
) -> None:
    """Show what a plugin would write on a ticket, and how that would be judged; writes nothing.

    Works beside a running daemon and without one. With a template, the note is shown as it would look by it.

    JSON: {"ticket", "plugin", "silent": why it wishes for nothing, or "", "wishes": [{"wish", "action", "body",
    "because", "evidence", "confidence", "verdict", "reason"}]}.
    """
    from psa_copilot import app, logs

    logs.setup(level="warning")
    settings, note = _with_template(desk.read_config(config), plugin, template)
    trial = asyncio.run(app.try_plugin(settings, plugin, ticket, note))
    if as_json:
        output.show_json(_trial(trial))
    else:
        for line in _trial_lines(trial):
            output.say(line)


def _with_template(config: Config, plugin: str, template: str | None) -> tuple[Config, str]:
    """The configuration with the template that is tried, and the note that it is for: the recap if none is named."""
    if template is None or plugin not in config.plugins:
        return config, ""
    from psa_copilot.config import with_template

    note, named, file = template.partition("=")
    note, file = (note, file) if named else ("recap", template)
    return with_template(config, plugin, note, Path(file)), note


def _trial(trial: Trial) -> dict[str, Any]:
    wishes = [
        {
            "wish": shapes.wish(one.wish),
            "action": one.wish,
            "body": one.body,
            "because": one.because,
            "evidence": list(one.evidence),
            "confidence": one.confidence,
            "verdict": one.verdict,
            "reason": one.reason,
        }
        for one in trial.wishes
    ]
    return {"ticket": str(trial.ticket), "plugin": trial.plugin, "silent": trial.silent, "wishes": wishes}


def _trial_lines(trial: Trial) -> Iterator[str]:
    if not trial.wishes:
        yield f"{trial.plugin} would write nothing on {trial.ticket}: {trial.silent}"
    for number, one in enumerate(trial.wishes, start=1):
        yield f"{trial.plugin} on {trial.ticket}, wish {number} of {len(trial.wishes)}: {shapes.wish(one.wish)}"
        yield from (f"    {line}" for line in one.body.splitlines())
        yield f"because {one.because}" + (f" (messages {', '.join(one.evidence)})" if one.evidence else "")
        yield f"verdict {one.verdict}" + (f": {one.reason}" if one.reason else "")
    yield "Nothing was written."


def check(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check each connection: rights, capabilities, and settings of the PSA that would mail or bill on our notes.

    Exit code 1 when there is a fault. JSON: {CONNECTION: [{"level": "ok"|"warning"|"fault", "about", "says"}]}.
    """
    from psa_copilot import app, logs

    logs.setup(level="error")
    settings = desk.read_config(config)
    found = {name: [asdict(one) for one in says] for name, says in asyncio.run(app.check(settings)).items()}
    if as_json:
        output.show_json(found)
    else:
        for warning in settings.warnings:
            output.say(f"warning  {warning}")
        rows = [(name, one["level"], one["about"], one["says"]) for name, says in found.items() for one in says]
        output.show_table(("connection", "level", "about", "says"), rows, "there is nothing to check")
    if any(one["level"] == "fault" for says in found.values() for one in says):
        raise typer.Exit(1)


def plugins(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what is installed, and how the configured plugins stand; without a config.yaml, only what is installed.

    JSON: {"installed": {"connectors": [{"name", "package", "version", "ok", "error"}], "plugins": [...], "sandboxes":
    [...]}, "configured": [{"name", "use", "mode", "connections": {CONNECTION: {"mode", "since", "tripped"}}}]}. mode of
    a connection is what counts there; tripped says why its breaker has tripped, or "".
    """
    from psa_copilot import registry

    installed = {group: [asdict(one) for one in registry.installed(group)] for group in GROUPS}
    # Who only wants to see what is installed has no configuration yet.
    known = config != desk.DEFAULT_CONFIG or config.exists()
    configured = _configured(config) if known else []
    if as_json:
        output.show_json({"installed": installed, "configured": configured})
    else:
        _show_installed(installed)
        _show_configured(configured)


def _show_installed(installed: dict[Group, list[dict[str, Any]]]) -> None:
    rows = [
        (
            group.removesuffix("s").replace("sandboxe", "sandbox"),
            one["name"],
            one["package"],
            one["version"],
            _usable(one),
        )
        for group, found in installed.items()
        for one in found
    ]
    output.show_table(("installed", "name", "package", "version", ""), rows, "nothing is installed")


def _usable(one: dict[str, Any]) -> str:
    return "ok" if one["ok"] else str(one["error"])


def _show_configured(configured: list[dict[str, Any]]) -> None:
    rows = [
        (one["name"], one["use"], one["mode"], connection, state["mode"], state["since"] or "", state["tripped"])
        for one in configured
        for connection, state in one["connections"].items()
    ]
    if rows:
        output.say("")
        columns = ("plugin", "use", "configured", "connection", "mode", "since", "tripped")
        output.show_table(columns, rows, "")


def _configured(path: Path) -> list[dict[str, Any]]:
    config = desk.read_config(path)
    states = _states(config)
    return [
        {
            "name": plugin.name,
            "use": plugin.settings.use or plugin.name,
            "mode": plugin.settings.mode,
            "connections": {
                connection: states.get((connection, plugin.name), _unknown(plugin.settings.mode))
                for connection in plugin.settings.when.connection or config.connections
            },
        }
        for plugin in config.plugins.values()
    ]


def _unknown(mode: str) -> dict[str, Any]:
    """The state of a plugin that has not run on a connection yet."""
    return {"mode": mode, "since": None, "tripped": ""}


def _states(config: Config) -> dict[tuple[str, str], dict[str, Any]]:
    with desk.maybe_opened(config) as store:
        if store is None:
            return {}
        with store.reading() as tx:
            return {
                (row.connection, row.plugin): {
                    "mode": "observe" if row.tripped_at else row.mode,
                    "since": row.since.isoformat(timespec="seconds"),
                    "tripped": row.tripped_why if row.tripped_at else "",
                }
                for row in tx.ledger.states()
            }


def version(as_json: AsJson = False) -> None:
    """Print the version. JSON: {"version"}."""
    number = version_of("psa-copilot")
    if as_json:
        output.show_json({"version": number})
    else:
        output.say(number)

"""Commands that look: try, check (which writes only as a canary), plugins, version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psa_copilot.cli import desk, output, shapes
from psa_copilot.cli.canary import Words, try_canary
from psa_copilot.cli.options import AsJson, CanaryOption, ConfigFile, TemplateOption
from psa_copilot.errors import ConfigError
from psa_copilot.models import Ref

if TYPE_CHECKING:
    from psa_copilot.actions import Opinion
    from psa_copilot.config import Config
    from psa_copilot.engine.trial import Trial
    from psa_copilot.registry import Group
    from psa_copilot.store import CanaryRow, Store

GROUPS: tuple[Group, ...] = ("connectors", "plugins", "sandboxes")


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    app.command("try")(try_plugin)
    for command in (check, plugins, version):
        app.command()(command)


def try_plugin(
    what: Annotated[
        list[str], typer.Argument(metavar="[PLUGIN] TICKET", help="A ticket as in main/48213; PLUGIN left out: all.")
    ],
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
    template: TemplateOption = None,
) -> None:
    """Show what plugins would write on a ticket, why, and how that would be judged; writes nothing.

    Works beside a running daemon and without one. With a template, the note is shown as it would look by it.

    JSON: {"ticket", "plugin", "silent": why it wishes for nothing, or "", "wishes": [{"wish", "action", "body",
    "because", "reasons": [{"text", "words": as they stand in the ticket, "cites": ticket or message}], "evidence",
    "confidence", "opinions": [{"mind", "choice", "confidence"}], "learned", "verdict", "reason"}], "models": [{"model",
    "tokens", "cost"}]}; without PLUGIN a list of these.
    """
    from psa_copilot import app, logs

    logs.setup(level="warning")
    plugin, ticket = _asked(what)
    settings, note = _with_template(desk.read_config(config), plugin, template)
    names = [plugin] if plugin else list(settings.plugins)
    trials = asyncio.run(app.try_plugins(settings, names, ticket, note))
    if as_json:
        told = [_trial(trial) for trial in trials]
        output.show_json(told[0] if plugin else told)
    else:
        for line in (line for trial in trials for line in _trial_lines(trial)):
            output.say(line)
        output.say("Nothing was written.")


def _asked(what: list[str]) -> tuple[str, Ref]:
    """The plugin, or empty for all, and the ticket."""
    if len(what) > 2:
        raise typer.BadParameter("one plugin at most, and one ticket: psa-copilot try [PLUGIN] main/48213")
    try:
        return ("", *what)[-2], Ref.parse(what[-1])
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


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
            "reasons": [reason.model_dump(mode="json") for reason in one.reasons],
            "evidence": list(one.evidence),
            "confidence": one.confidence,
            "opinions": [opinion.model_dump(mode="json") for opinion in one.opinions],
            "learned": one.learned,
            "verdict": one.verdict,
            "reason": one.reason,
        }
        for one in trial.wishes
    ]
    calls = [
        {"model": call.model, "tokens": call.tokens_in + call.tokens_out, "cost": call.cost} for call in trial.calls
    ]
    return {
        "ticket": str(trial.ticket),
        "plugin": trial.plugin,
        "silent": trial.silent,
        "wishes": wishes,
        "models": calls,
    }


def _trial_lines(trial: Trial) -> Iterator[str]:
    if not trial.wishes:
        yield f"{trial.plugin} would write nothing on {trial.ticket}: {trial.silent}"
    for number, one in enumerate(trial.wishes, start=1):
        yield f"{trial.plugin} on {trial.ticket}, wish {number} of {len(trial.wishes)}: {shapes.wish(one.wish)}"
        yield from (f"    {line}" for line in one.body.splitlines())
        sure = "" if one.confidence is None else f", confidence {one.confidence:.2f}"
        yield f"because {one.because}{sure}" + (f" ({one.learned})" if one.learned else "")
        yield from (f"  {number}. {reason.text}" for number, reason in enumerate(one.reasons, start=1))
        if one.opinions:
            yield "opinions " + ", ".join(_opinion(each) for each in one.opinions)
        if one.evidence:
            yield f"evidence {', '.join(one.evidence)}"
        yield f"verdict {one.verdict}" + (f": {one.reason}" if one.reason else "")
    for call in trial.calls:
        yield f"asked {call.model}: {call.tokens_in + call.tokens_out} tokens, cost {call.cost:.4f}"


def _opinion(one: Opinion) -> str:
    return f"{one.mind}: {one.choice or 'none'}" + ("" if one.confidence is None else f" {one.confidence:.2f}")


def check(
    canary: CanaryOption = None,
    wait: Annotated[str, typer.Option(help="How long to watch for late effects, by the clock; at least 1m.")] = "15m",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking first.")] = False,
    is_a_test_ticket: Annotated[
        bool, typer.Option("--yes-this-is-a-test-ticket", help="Though its company or contact does not look like it.")
    ] = False,
    mailbox_empty: Annotated[
        bool | None,
        typer.Option("--mailbox-empty/--mail-arrived", help="What the ticket's mailbox says; left out: it is asked."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind, whatever was found before; may be repeated.")
    ] = None,
    parent: Annotated[str, typer.Option(help="Number of a second test ticket, for link_to.")] = "",
    anew: Annotated[bool, typer.Option("--anew", help="Give up the trials that were begun.")] = False,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check each connection: rights, capabilities, and settings of the PSA that would mail or bill on our notes.

    Exit code 1 when there is a fault. JSON: {CONNECTION: [{"level": "ok"|"warning"|"fault", "about", "says"}]}.

    With --canary, each kind of write that a configured plugin may ask for is tried on a test ticket, and whatever the
    PSA did besides is told. What came home clean may leave observe, until boards, statuses, priorities or SLAs change.
    Killed, it goes on with the next call. Exit code 1 unless all is clean. JSON: {"ticket", "clean": true or false,
    "mailbox": "empty"|"mail"|"unasked", "wait": seconds, "readers": [address], "unseen": [text], "kinds": [{"kind",
    "state": "clean"|"refused"|"waiting"|"skipped"|"expired", "plan", "plugins": [name], "found": [text]}], "left":
    [text]}.
    """
    from psa_copilot import logs

    logs.setup(level="error")
    settings = desk.read_config(config)
    if canary is not None:
        words = Words(_span(wait), yes, is_a_test_ticket, mailbox_empty, tuple(kind or ()), parent, anew)
        try_canary(settings, canary, words, as_json=as_json)
        return
    _check(settings, as_json=as_json)


def _span(text: str) -> timedelta:
    from psa_copilot.clock import duration

    try:
        return duration(text)
    except ValueError as exc:
        raise ConfigError(f"--wait: {exc}") from exc


def _check(settings: Config, *, as_json: bool) -> None:
    from psa_copilot import app

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
    [...]}, "configured": [{"name", "use", "mode", "connections": {CONNECTION: {"mode", "since", "tripped", "canary":
    {KIND: "clean"|"refused"|"waiting"|"missing"}}}}]}. mode of a connection is what counts there; tripped says why its
    breaker has tripped, or ""; canary says how the trial of each kind of write that it may ask for ended.
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
        (
            *(one[key] for key in ("name", "use", "mode")),
            connection,
            state["mode"],
            state["since"] or "",
            state["tripped"],
            ", ".join(f"{kind}: {how}" for kind, how in state["canary"].items()),
        )
        for one in configured
        for connection, state in one["connections"].items()
    ]
    if rows:
        output.say("")
        columns = ("plugin", "use", "configured", "connection", "mode", "since", "tripped", "canary")
        output.show_table(columns, rows, "")


def _configured(path: Path) -> list[dict[str, Any]]:
    from psa_copilot.engine import canary

    config = desk.read_config(path)
    with desk.maybe_opened(config) as store:
        states, rows = _states(store), _canaries(store)
    in_use = {name: canary.in_use(config, name) for name in config.connections}
    return [
        {
            "name": plugin.name,
            "use": plugin.settings.use or plugin.name,
            "mode": plugin.settings.mode,
            "connections": {
                name: states.get((name, plugin.name), _unknown(plugin.settings.mode))
                | {
                    "canary": {
                        kind: canary.standing(rows.get((name, kind)), None)
                        for kind, plugins in in_use.get(name, {}).items()
                        if plugin.name in plugins
                    }
                }
                for name in plugin.settings.when.connection or config.connections
            },
        }
        for plugin in config.plugins.values()
    ]


def _unknown(mode: str) -> dict[str, Any]:
    """The state of a plugin that has not run on a connection yet."""
    return {"mode": mode, "since": None, "tripped": ""}


def _canaries(store: Store | None) -> dict[tuple[str, str], CanaryRow]:
    if store is None:
        return {}
    with store.reading() as tx:
        return {(row.connection, row.kind): row for row in tx.ledger.canaries()}


def _states(store: Store | None) -> dict[tuple[str, str], dict[str, Any]]:
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

"""Commands about what is remembered: learn, learned, unlearn, erase."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile
from psa_copilot.errors import ConfigError, CopilotError

if TYPE_CHECKING:
    from psa_copilot.config import Config, Connection
    from psa_copilot.memory import Correction, Rule
    from psa_copilot.models import Ticket
    from psa_copilot.store import Store, Transaction

SomePlugin = Annotated[str, typer.Option("--plugin", help="Only this plugin; left out: all that learn.")]
RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="A rule's name, as `learned` shows it.")]


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    for command in (learn, learned, unlearn, erase):
        app.command()(command)


def learn(plugin: SomePlugin = "", config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Let plugins learn from the mirrored tickets now; a running daemon does so by itself, now and then.

    JSON: [{"connection", "plugin", "version"}], version 0 where there is too little to learn from.
    """
    from psa_copilot import app as root

    settings = desk.read_config(config)
    names = root.learners(settings, plugin)
    versions = asyncio.run(root.learn_now(settings, names, lambda name, one: output.hint(f"{name}: {one} learns ...")))
    rows = [(*name.split(" ", 1), version) for name, version in versions.items()]
    if as_json:
        output.show_json([{"connection": name, "plugin": one, "version": version} for name, one, version in rows])
    else:
        shown = [(name, one, version or "too little to learn from") for name, one, version in rows]
        output.show_table(("connection", "plugin", "version"), shown, "no plugin that learns is enabled")


def learned(plugin: SomePlugin = "", config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """What plugins have learned, the rules among it by name, and where people have corrected them.

    JSON: [{"connection", "plugin", "version", "tickets", "at", "rules": [{"name", "says", "field", "value", "right",
    "of", "evidence"}], "removed": [{"name", "why", "at"}], "corrections": [{"ticket", "kind", "field", "ours",
    "theirs", "why", "learned", "actor", "at"}]}].
    """
    settings = desk.read_config(config)
    with desk.opened(settings) as store:
        found = list(_learned(settings, store, plugin))
    if as_json:
        output.show_json(found)
        return
    for one in found:
        _show(one)
    if not found:
        output.say("no plugin that learns is enabled")


def unlearn(
    rule: RuleArgument,
    why: Annotated[str, typer.Option(help="The reason, for the record.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Let a removed rule hold again.")] = False,
    plugin: SomePlugin = "",
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Remove a learned rule by its name: it holds no more, and is not learned again. `--back` lets it hold again.

    JSON: {"rule", "removed": [{"connection", "plugin"}]}, or "restored" with --back.
    """
    settings = desk.read_config(config)
    now, done = desk.now(), list[dict[str, str]]()
    with desk.opened(settings) as store, store.transaction() as tx:
        for name, one in _pairs(settings, plugin):
            changed = tx.memories.restore_rule(name, one, rule) if back else _remove(tx, name, one, rule, why, now)
            if changed:
                done.append({"connection": name, "plugin": one})
    if not done:
        raise CopilotError(
            f"no rule {rule!r} {'was removed' if back else 'holds'}; `psa-copilot learned` shows them all"
        )
    if as_json:
        output.show_json({"rule": rule, "restored" if back else "removed": done})
        return
    places = ", ".join(f"{each['plugin']} on {each['connection']}" for each in done)
    output.say(f"{rule}: {'holds again' if back else 'removed'}, {places}")


def erase(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="A connection's name in the configuration.")],
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's name, as its tickets show it.")],
    company: Annotated[
        str, typer.Option(metavar="NAME", help="Only the contact of this company, where others have a namesake.")
    ] = "",
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="All contacts of that name, at whatever company.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking first.")] = False,
    config: ConfigFile = desk.DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Erase a contact from our database: name, words, and what was learned from them. It cannot be taken back.

    Erase in the PSA first: what stands there still comes back with the next change of its ticket. Where several
    companies have a contact of that name, nothing is erased (exit code 2) without --company or --everywhere.
    JSON: {"found_at": [company], "erased_at": [company], "tickets", "messages", "decisions", "rules"}, numbers of what
    was changed.
    """
    settings = desk.read_config(config)
    if connection not in settings.connections:
        raise ConfigError(f"connections: there is no {connection}; known: {', '.join(settings.connections)}")
    with desk.opened(settings) as store:
        found = store.companies_of_contact(connection, contact)
        if not found:
            raise CopilotError(f"{connection} knows no contact {contact!r}")
        meant = _meant(found, contact, company, everywhere=everywhere)
        places = ", ".join(meant.values())
        if not yes and not typer.confirm(f"Erase {contact} of {places} from what we keep of {connection}?", err=True):
            raise CopilotError("nothing was erased")
        erased = store.erase_contact(connection, contact, desk.now(), meant)
    if as_json:
        output.show_json({"found_at": list(found.values()), "erased_at": list(meant.values()), **asdict(erased)})
        return
    output.say(f"{contact}: found at {_companies(len(found))}, erased at {places}")
    output.say(", ".join(f"{count} {what}" for what, count in asdict(erased).items()) + " changed or erased")


def _meant(found: dict[str, str], contact: str, company: str, *, everywhere: bool) -> dict[str, str]:
    """The companies whose contact is to go; names by number."""
    if company and everywhere:
        raise ConfigError("--company, --everywhere: name a company, or say everywhere")
    places = ", ".join(found.values())
    if company:
        meant = {number: name for number, name in found.items() if name.casefold() == company.strip().casefold()}
        if not meant:
            raise ConfigError(f"--company: no {contact} is known at {company}; known at: {places}")
        return meant
    if len(found) > 1 and not everywhere:
        raise ConfigError(
            f"{contact} is known at {_companies(len(found))}: {places}; nothing was erased; "
            "add --company NAME for the one at that company, or --everywhere for all"
        )
    return found


def _companies(count: int) -> str:
    return "1 company" if count == 1 else f"{count} companies"


def _remove(tx: Transaction, connection: str, plugin: str, rule: str, why: str, now: Any) -> bool:
    return tx.memories.remove_rule(connection, plugin, rule, why or "removed by a human", now)


def _pairs(settings: Config, plugin: str) -> Iterator[tuple[str, str]]:
    """Connections and plugins that may have learned something."""
    if plugin and plugin not in settings.plugins:
        raise ConfigError(f"plugins: there is no {plugin}; known: {', '.join(settings.plugins)}")
    names = [plugin] if plugin else list(settings.plugins)
    yield from ((connection, name) for connection in settings.connections for name in names)


def _learned(settings: Config, store: Store, plugin: str) -> Iterator[dict[str, Any]]:
    from psa_copilot.engine.learning import learns
    from psa_copilot.store import Reading

    for connection, line in settings.connections.items():
        reading = Reading(desk.now(), lambda board, status: False, _confidential_on(line))
        with store.reading() as tx:
            corrected = list(tx.outcomes.corrections(connection, reading))
        for name in [one for of, one in _pairs(settings, plugin) if of == connection]:
            mine = [(ticket, one) for ticket, one in corrected if one.plugin == name]
            if learns(settings.plugins[name]) or mine:
                yield _of(store, connection, name, mine)


def _confidential_on(line: Connection) -> Callable[[Ticket], bool]:
    """Tickets of which nothing is shown, what people made of them neither."""
    from psa_copilot.engine.views import confidential

    return lambda ticket: bool(confidential(ticket, line.settings.desk))


def _of(store: Store, connection: str, plugin: str, mine: list[tuple[str, Correction]]) -> dict[str, Any]:
    from psa_copilot.memory import Rule

    with store.reading() as tx:
        last = tx.memories.newest(connection, plugin)
        rules = [Rule.model_validate(row.value) for row in tx.memories.rules(connection, plugin)]
        removed = [
            {"name": row.name, "why": row.removed_why, "at": row.removed_at.isoformat() if row.removed_at else ""}
            for row in tx.memories.rules(connection, plugin, removed=True)
        ]
    return {
        "connection": connection,
        "plugin": plugin,
        "version": last.version if last else 0,
        "tickets": last.outcomes if last else 0,
        "at": last.at.isoformat() if last else "",
        "rules": [_rule(rule) for rule in rules],
        "removed": removed,
        "corrections": [
            {"ticket": f"{connection}/{ticket}", **one.model_dump(mode="json", exclude={"plugin"})}
            for ticket, one in mine
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "says": rule.told(),
        "field": rule.field.value,
        "value": rule.value,
        "right": rule.right,
        "of": rule.of,
        "evidence": [str(ref) for ref in rule.evidence],
    }


def _show(one: dict[str, Any]) -> None:
    nothing = "nothing learned yet"
    learned_at = f"version {one['version']}, from {one['tickets']:,} tickets, {one['at'][:16]}Z"
    output.say(f"{one['plugin']} on {one['connection']}: {learned_at if one['version'] else nothing}")
    rules = [(rule["name"], rule["field"], rule["says"]) for rule in one["rules"]]
    output.show_table(("rule", "field", "habit"), rules, "  no rules")
    for gone in one["removed"]:
        output.say(f"  removed: {gone['name']} ({gone['why']})")
    counts = Counter(_correction(each) for each in one["corrections"])
    shown = [(count, what) for what, count in counts.most_common(20)]
    output.show_table(("times", "what people corrected"), shown, "  no corrections")


def _correction(each: dict[str, Any]) -> str:
    if each["kind"] == "changed":
        return f"{each['field']}: ours {each['ours']}, theirs {each['theirs']}"
    why = f": {each['why']}" if each["why"] else ""
    about = f" {each['field']} {each['ours']}" if each["field"] else " note"
    return f"{each['kind']}{about}{why}"

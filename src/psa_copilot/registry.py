"""Finds installed connectors, plugins and sandboxes by entry point; a broken one is an error only once it is named."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from psa_copilot.connector import ConnectionSettings, Connector
from psa_copilot.errors import ConfigError, PluginBroken
from psa_copilot.plugin import Plugin, PluginSettings

Group = Literal["connectors", "plugins", "sandboxes"]

_ONE = {"connectors": "connector", "plugins": "plugin", "sandboxes": "sandbox"}


@dataclass(frozen=True)
class Installed:
    """One entry of an installed package, and whether it can be used."""

    name: str
    package: str
    version: str
    ok: bool
    error: str = ""


def connector(name: str) -> type[Connector]:
    """The connector of that name."""
    return _connector(_named("connectors", name))


def plugin(name: str) -> type[Plugin]:
    """The plugin of that name."""
    return _plugin(_named("plugins", name))


def sandbox(name: str) -> type[Any]:
    """The sandbox of that name; what a sandbox class is, only the machinery beside the core knows."""
    return _loaded(_named("sandboxes", name))


def names(group: Group) -> list[str]:
    """What is installed, by name; nothing is loaded."""
    return sorted({entry.name for entry in _entries(group)})


def installed(group: Group) -> list[Installed]:
    """Everything installed, each tried on its own."""
    return [_tried(group, entry) for entry in sorted(_entries(group), key=lambda entry: entry.name)]


def _entries(group: Group) -> list[EntryPoint]:
    return list(entry_points(group=f"psa_copilot.{group}"))


def _named(group: Group, name: str) -> EntryPoint:
    found = [entry for entry in _entries(group) if entry.name == name]
    if not found:
        raise ConfigError(_unknown(group, name))
    if len(found) > 1:
        packages = " and ".join(_package(entry) for entry in found)
        raise PluginBroken(f"{_ONE[group]} {name} comes from {packages}; uninstall all but one of them")
    return found[0]


def _unknown(group: Group, name: str) -> str:
    there = names(group)
    near = difflib.get_close_matches(name, there, n=1)
    fix = f"did you mean {near[0]}?" if near else f"installed: {', '.join(there) or 'none'}"
    return f"no {_ONE[group]} is called {name}; {fix}"


def _tried(group: Group, entry: EntryPoint) -> Installed:
    version = entry.dist.version if entry.dist else ""
    error = ""
    try:
        {"connectors": _connector, "plugins": _plugin, "sandboxes": _loaded}[group](entry)
    except PluginBroken as broken:
        error = str(broken)
    return Installed(entry.name, entry.dist.name if entry.dist else "", version, ok=not error, error=error)


def _connector(entry: EntryPoint) -> type[Connector]:
    found = _loaded(entry)
    if not issubclass(found, Connector):
        raise _broken(entry, f"{found.__name__} is no psa_copilot.Connector")
    _usable(entry, found, ConnectionSettings)
    return found


def _plugin(entry: EntryPoint) -> type[Plugin]:
    found = _loaded(entry)
    if not issubclass(found, Plugin):
        raise _broken(entry, f"{found.__name__} is no psa_copilot.Plugin")
    _usable(entry, found, PluginSettings)
    return found


def _usable(entry: EntryPoint, found: type[Connector | Plugin], settings: type) -> None:
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise _broken(entry, f"{found.__name__} does not say how to: {missing}")
    declared: object = found.Settings  # a stranger may have put anything there
    if not (isinstance(declared, type) and issubclass(declared, settings)):
        raise _broken(entry, f"{found.__name__}.Settings is no psa_copilot.{settings.__name__}")


def _loaded(entry: EntryPoint) -> type[Any]:
    try:
        found = entry.load()
    # A stranger's module may fail in any way while it is imported, and even try to leave.
    except (Exception, SystemExit) as exc:
        raise _broken(entry, f"{entry.value} could not be loaded: {_in_one_line(exc)}") from exc
    if not isinstance(found, type):
        raise _broken(entry, f"{entry.value} is no class")
    return found


def _broken(entry: EntryPoint, why: str) -> PluginBroken:
    return PluginBroken(f"{entry.name} of {_package(entry)} is broken: {why}; update or uninstall the package")


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def _in_one_line(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {' '.join(str(exc).split())}".removesuffix(": ")

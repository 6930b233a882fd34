"""From the file to checked values: all faults are looked for before the first one is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from psa_copilot import registry
from psa_copilot.clock import LOOPBACK
from psa_copilot.config import faults
from psa_copilot.config.document import Document, Where, dotted, read
from psa_copilot.config.settings import Config, Connection, EnabledPlugin, Keep, StopLists, Web
from psa_copilot.config.templates import template_from
from psa_copilot.errors import ConfigError, PluginBroken
from psa_copilot.llm import LlmSettings
from psa_copilot.redact import SECRETS, Secrets
from psa_copilot.text import Templates
from psa_copilot.text.template import is_file_name

DEFAULT_DATABASE = "sqlite:///psa-copilot.db"

_KEYS = ("database", "web", "connections", "llm", "plugins", "stop", "keep")
_CONNECTION_NAME = re.compile(r"[a-z0-9-]+")
_PLUGIN_NAME = re.compile(r"[a-z0-9_-]+")
_HOST = re.compile(r"[\w.:-]+")
_SQLITE = re.compile(r"sqlite:///([^?#]+)")
_ANYBODY_MAY_READ, _OTHERS_MAY_READ = 0o444, 0o004

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def load(path: Path) -> Config:
    """Read and check the file; ConfigError with one line `key.path: what; fix` for each fault."""
    document = read(path.absolute())
    for key in document.data:
        if key not in _KEYS:
            document.wrong((key,), faults.unknown(key, _KEYS))
    config = Config(
        path=document.path,
        database_path=_database(document),
        web=_web(document),
        connections=_connections(document),
        plugins=_plugins(document),
        stop=_section(document, "stop", StopLists),
        keep=_section(document, "keep", Keep),
        llm=_llm(document),
        warnings=tuple(document.warnings),
    )
    _check_connection_names(document, config)
    document.stop_if_wrong()
    _hide_secrets(config)
    return config


def _database(document: Document) -> Path:
    url = document.data.get("database", DEFAULT_DATABASE)
    match = _SQLITE.fullmatch(url) if isinstance(url, str) else None
    if not match or match[1] == ":memory:":
        document.wrong(("database",), f"this version keeps its data in SQLite; write {DEFAULT_DATABASE}")
        return document.path
    path = document.path.parent / match[1]
    if not path.parent.is_dir():
        document.wrong(("database",), f"there is no folder {path.parent}; make it")
    return path


def _web(document: Document) -> Web:
    web = _section(document, "web", Web)
    if web.url:
        _check_url(document, ("web", "url"), web.url)
    return web


def _llm(document: Document) -> LlmSettings | None:
    """No section, no model: everything goes on without one."""
    if document.data.get("llm") is None:
        return None
    llm = _validated(document, ("llm",), LlmSettings, document.data["llm"])
    if llm and llm.api_base:
        _check_url(document, ("llm", "api_base"), llm.api_base)
    return llm


def _section(document: Document, key: str, model: type[M]) -> M:
    """One of the file's own sections, all of whose settings have defaults."""
    return _validated(document, (key,), model, document.data.get(key)) or model()


def _connections(document: Document) -> dict[str, Connection]:
    connections = _entries(document, "connections", _CONNECTION_NAME, _connection)
    if document.data.get("connections") in (None, {}):
        document.wrong(("connections",), "missing; name at least one, for example main: {use: connectwise, ...}")
    return connections


def _plugins(document: Document) -> dict[str, EnabledPlugin]:
    return _entries(document, "plugins", _PLUGIN_NAME, _plugin)


def _entries(
    document: Document, key: str, shape: re.Pattern[str], read_one: Callable[[Document, str, Any], T | None]
) -> dict[str, T]:
    """The entries of a mapping by name, without those that are wrong."""
    there = document.data.get(key)
    there = {} if there is None else there
    if not isinstance(there, dict):
        document.wrong((key,), "should hold named entries; write name: {key: value} under it")
        return {}
    for name in there:
        if not shape.fullmatch(name):
            document.wrong((key, name), f"is no name; write it with {shape.pattern.removesuffix('+')}")
    found = {name: read_one(document, name, values) for name, values in there.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def _connection(document: Document, name: str, values: Any) -> Connection | None:
    where = ("connections", name)
    use = values.get("use") if isinstance(values, dict) else None
    if not isinstance(use, str):
        document.wrong((*where, "use"), f"missing; name a connector: {', '.join(registry.names('connectors'))}")
        return None
    connector = _registered(document, (*where, "use"), registry.connector, use)
    if connector is None:
        return None
    settings = _validated(document, where, connector.Settings, values)
    if settings is None:
        return None
    for key, field in connector.Settings.model_fields.items():
        is_url = key == "url" or key.endswith("_url")
        # A connector whose PSA has no site says so with a default.
        if is_url and (getattr(settings, key) or field.is_required()):
            _check_url(document, (*where, key), getattr(settings, key))
    return Connection(name, connector, settings)


def _plugin(document: Document, name: str, values: Any) -> EnabledPlugin | None:
    where: Where = ("plugins", name)
    use = values.get("use") if isinstance(values, dict) else None
    plugin = _registered(document, (*where, "use") if use else where, registry.plugin, str(use or name))
    settings = _validated(document, where, plugin.Settings, values) if plugin else None
    return EnabledPlugin(name, plugin, settings) if plugin and settings else None


def _registered(document: Document, where: Where, find: Callable[[str], T], name: str) -> T | None:
    try:
        return find(name)
    except (ConfigError, PluginBroken) as exc:
        document.wrong(where, str(exc))
        return None


def _validated(document: Document, where: Where, model: type[M], values: Any) -> M | None:
    """The values as that model sees them; what it has against them goes to the faults."""
    values = {} if values is None else values
    if isinstance(values, dict):
        values = _prepared(document, where, model, values)
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        secrets = _written_secrets(model, values)
        for error in exc.errors(include_url=False):
            document.wrong((*where, *faults.place_of(error)), secrets.clean(faults.explain(error, model)))
        return None


def _written_secrets(model: type[BaseModel], values: Any) -> Secrets:
    """The secrets among values that are not valid yet: a connector's own check may quote one."""
    secrets = Secrets()
    for name, field in model.model_fields.items():
        if isinstance(values, dict) and faults.mentions(field.annotation, SecretStr):
            secrets.add(str(values.get(name) or ""))
    return secrets


def _prepared(document: Document, where: Where, model: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    """The values with secrets read from their files, days turned into moments, and paths made whole."""
    ready = dict(values)
    for name, field in model.model_fields.items():
        if f"{name}_file" in ready and faults.mentions(field.annotation, SecretStr):
            ready[name] = _from_file(document, where, name, ready, ready.pop(f"{name}_file"))
        if isinstance(ready.get(name), dict) and faults.mentions(field.annotation, Templates):
            ready[name] = _with_templates(document, (*where, name), ready[name])
        if name in ready and faults.is_moment(field):
            ready[name] = _in_utc(ready[name])
        if field.annotation is Path and isinstance(ready.get(name), str):
            ready[name] = document.path.parent / ready[name]
    return ready


def _from_file(document: Document, where: Where, name: str, values: dict[str, Any], file: Any) -> str:
    at = (*where, f"{name}_file")
    if name in values:
        document.wrong(at, f"{name} is there too; keep one of the two")
    path = document.path.parent / str(file)
    try:
        secret, mode = path.read_text(encoding="utf-8").strip(), path.stat().st_mode
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "no text"
        document.wrong(at, f"{path} cannot be read: {why}; name a file that holds only the secret")
        return "unread"  # keeps the key from being called missing besides
    if not mode & _ANYBODY_MAY_READ:
        # Root reads it all the same, and the next start, as somebody else, would not.
        document.wrong(at, f"{path} cannot be read by anybody; chmod 600 it")
    if mode & _OTHERS_MAY_READ:
        document.warnings.append(f"{dotted(at)}: everybody can read {path}; chmod 600 it")
    if not secret:
        document.wrong(at, f"{path} is empty; write the secret into it")
    return secret


def _with_templates(document: Document, where: Where, values: dict[str, Any]) -> dict[str, Any]:
    """The templates with those read that the file only names."""
    return {name: _template(document, (*where, name), value) for name, value in values.items()}


def _template(document: Document, where: Where, value: Any) -> Any:
    if not (isinstance(value, str) and is_file_name(value)):
        return value
    try:
        return template_from(document.path.parent / value)
    except ConfigError as exc:
        document.wrong(where, str(exc))
        return {"text": ""}  # keeps the key from being called wrong besides


def _in_utc(value: Any) -> Any:
    """A day means its first moment in UTC, and a time without a zone is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value


def _check_url(document: Document, where: Where, url: str) -> None:
    """Never quotes the URL: somebody may have put a password into it."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        known = None
    if not known:
        document.wrong(where, "is no URL; write https://HOST")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        document.wrong(where, "plain http is only for this machine; write https://")
    elif parts.username or parts.query or parts.fragment:
        document.wrong(where, "is more than a site's root; write https://HOST with no login, ? or #")


def _check_connection_names(document: Document, config: Config) -> None:
    names = document.data.get("connections")
    known = list(names) if isinstance(names, dict) else []
    for plugin in config.plugins.values():
        for number, name in enumerate(plugin.settings.when.connection):
            if name not in known:
                where = ("plugins", plugin.name, "when", "connection", number)
                near = faults.near(name, known) or f"; there are: {', '.join(known)}"
                document.wrong(where, f"no connection is called {name}{near}")


def _hide_secrets(config: Config) -> None:
    for connection in config.connections.values():
        named = (getattr(connection.settings, name, "") for name in connection.connector_class.secrets)
        for secret in (*_secrets_in(connection.settings), *filter(lambda one: isinstance(one, str), named)):
            SECRETS.add(secret)
    for section in (config.web, config.llm, *(plugin.settings for plugin in config.plugins.values())):
        for secret in _secrets_in(section):
            SECRETS.add(secret)


def _secrets_in(value: Any) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets_in(getattr(value, name))
        case dict():
            yield from (secret for inner in value.values() for secret in _secrets_in(inner))
        case list() | tuple():
            yield from (secret for inner in value for secret in _secrets_in(inner))

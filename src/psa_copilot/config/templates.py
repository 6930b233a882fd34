"""Templates of notes in files: those that the configuration names, and one that somebody only wants to try."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from psa_copilot.config import faults
from psa_copilot.config.settings import Config, EnabledPlugin
from psa_copilot.errors import ConfigError
from psa_copilot.text import Template, Templates


def template_from(path: Path) -> Template:
    """The template in a file; ConfigError when there is none."""
    try:
        return Template(text=path.read_text(encoding="utf-8"), file=path.name)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "no text"
        raise ConfigError(f"{path} cannot be read: {why}; name a file that holds a template") from exc


def with_template(config: Config, plugin: str, note: str, path: Path) -> Config:
    """The configuration with another template for one kind of note; ConfigError names what is wrong with it."""
    enabled = config.plugins[plugin]
    key = _key(enabled)
    known = list(Templates.model_fields)
    if note not in known:
        raise ConfigError(f"no note is called {note}{faults.near(note, known)}; known: {', '.join(known)}")
    templates: Templates = getattr(enabled.settings, key)
    try:
        tried = Templates.model_validate(
            {name: getattr(templates, name) for name in known} | {note: template_from(path)}
        )
    except ValidationError as exc:
        raise ConfigError(faults.explain(exc.errors(include_url=False)[0], Templates)) from exc
    settings = enabled.settings.model_copy(update={key: tried})
    return replace(config, plugins={**config.plugins, plugin: replace(enabled, settings=settings)})


def _key(enabled: EnabledPlugin) -> str:
    """The setting that holds a plugin's templates."""
    for name, field in type(enabled.settings).model_fields.items():
        if faults.mentions(field.annotation, Templates):
            return name
    raise ConfigError(f"plugins.{enabled.name}: {enabled.plugin_class.name} has no templates")

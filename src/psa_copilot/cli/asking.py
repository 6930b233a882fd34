"""Asks what `init` needs to know: from options, a file of answers, the environment, and last a person."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer
import yaml
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from psa_copilot.config import faults
from psa_copilot.connector import ConnectionSettings, Connector
from psa_copilot.errors import ConfigError
from psa_copilot.redact import SECRETS

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PREFIX = "PSA_COPILOT_"


@dataclass
class Answers:
    """What is known so far; a person is asked for the rest, where one is there."""

    given: dict[str, str] = field(default_factory=dict)
    asks: bool = False

    @classmethod
    def read(cls, file: Path | None, options: Mapping[str, str]) -> Answers:
        """From a file of answers and from options, which win."""
        given = _from_file(file) if file else {}
        return cls(given | dict(options), asks=sys.stdin.isatty())

    def ask(self, key: str, about: str, default: str = "", *, secret: bool = False, again: bool = False) -> str:
        """One answer; ConfigError naming the key where nobody is there to ask."""
        said = "" if again else self.given.get(key) or _from_environment(key, secret)
        if not said and self.asks:
            # What a person chose before is offered again, a secret never.
            shown = "" if secret else self.given.get(key) or default
            said = str(typer.prompt(f"{about.rstrip('.')}\n{key}", default=shown or None, hide_input=secret, err=True))
        said = (said or default).strip()
        if not said:
            hint = f"export {PREFIX}{key.upper()}=..." if secret else f"write --set {key}=..."
            raise ConfigError(f"{key}: missing; {hint}, or put it into the --answers file: {about}")
        self.given[key] = said
        return said

    def confirm(self, question: str, *, default: bool) -> bool:
        """A yes or no; the default where nobody is there to ask."""
        return typer.confirm(question, default=default, err=True) if self.asks else default


def _from_file(path: Path) -> dict[str, str]:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no YAML"
        raise ConfigError(f"{path}: cannot be read: {why}; write one `key: value` a line") from None
    if not isinstance(told, dict):
        raise ConfigError(f"{path}: holds no answers; write one `key: value` a line")
    return {str(key): str(value) for key, value in told.items() if value is not None}


def _from_environment(key: str, secret: bool) -> str:
    """A secret that stands in the environment is named in the config, never copied."""
    name = f"{PREFIX}{key.upper()}"
    return f"${{{name}}}" if secret and os.environ.get(name) else ""


@dataclass
class Entrance:
    """How to get into one PSA: the keys of its connection, with secrets aside."""

    connector: type[Connector]
    answers: Answers
    folder: Path
    values: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    """Secrets by key, as they are; never written into the config."""

    def ask(self, *, again: bool = False) -> None:
        """All that this connector cannot do without, and what else was answered."""
        for key, info in self._fields():
            if info.is_required() or key in self.answers.given:
                self._ask(key, info, again=again)

    def _fields(self) -> Iterator[tuple[str, FieldInfo]]:
        """Credentials, in their order; `use` is known, and what all connections share has its defaults."""
        own = set(self.connector.Settings.model_fields) - set(ConnectionSettings.model_fields)
        yield from ((k, i) for k, i in self.connector.Settings.model_fields.items() if k == "url" or k in own)
        yield from ((k, i) for k, i in ConnectionSettings.model_fields.items() if k in ("rate", "poll_every"))

    def is_secret(self, key: str) -> bool:
        """Whether nobody may see the value of this key."""
        info = self.connector.Settings.model_fields[key]
        return key in self.connector.secrets or faults.mentions(info.annotation, SecretStr)

    def _ask(self, key: str, info: FieldInfo, *, again: bool) -> None:
        secret, about = self.is_secret(key), info.description or key
        file = self.answers.given.get(f"{key}_file", "")
        if secret and file and not again:
            self.hidden[key] = _secret_of(self.folder / file)
            self.values[f"{key}_file"] = file
            SECRETS.add(self.hidden[key])
            return
        said = self.answers.ask(key, about, secret=secret, again=again and self.answers.asks)
        if not secret:
            self.values[key] = said
            return
        self._hide(key, said)

    def _hide(self, key: str, said: str) -> None:
        """A secret named by its variable stays where it is; a typed one goes into a file of its own."""
        named = _VARIABLE.fullmatch(said)
        value = os.environ.get(named[1], "") if named else said
        if not value:
            raise ConfigError(f"{key}: the variable {said} is not set; export it")
        SECRETS.add(value)
        self.hidden[key] = value
        self.values.pop(key, None)
        self.values.pop(f"{key}_file", None)
        if named:
            self.values[key] = said

    def settings(self, name: str) -> ConnectionSettings:
        """The settings to try; ConfigError names what is wrong with them."""
        known = {key: value for key, value in self.values.items() if not key.endswith("_file")}
        try:
            return self.connector.Settings.model_validate({"use": self.connector.name, **known, **self.hidden})
        except ValidationError as exc:
            wrong = (
                f"connections.{name}.{'.'.join(map(str, faults.place_of(error)))}: "
                f"{faults.explain(error, self.connector.Settings)}"
                for error in exc.errors(include_url=False)
            )
            raise ConfigError(SECRETS.clean("\n".join(wrong))) from None

    def keep_secrets(self, config: Path) -> list[Path]:
        """Write typed secrets into files that only we may read; the config names them."""
        kept = []
        for key, value in self.hidden.items():
            if key not in self.values and f"{key}_file" not in self.values:
                path = config.with_name(f"{config.stem}.{key}")
                write_private(path, f"{value}\n")
                self.values[f"{key}_file"] = path.name
                kept.append(path)
        return kept


def _secret_of(path: Path) -> str:
    try:
        said = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "no text"
        raise ConfigError(f"{path}: cannot be read: {why}; name a file that holds only the secret") from None
    if not said:
        raise ConfigError(f"{path}: is empty; write the secret into it")
    return said


def write_private(path: Path, text: str) -> None:
    """A file that nobody else may read, from its first moment on; it is whole or not there."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)

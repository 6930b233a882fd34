"""What the file says: YAML with no key written twice, its ${VARIABLES} filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from psa_copilot.errors import ConfigError

Where = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOGIN = re.compile(r"//[^/@\s]+@")  # of a URL
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


def dotted(where: Where) -> str:
    """`stop.status[0]`, as people write it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


@dataclass
class Document:
    """A config while it is read: what it says, and what is wrong with it, at most one line for each place."""

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    unfilled: dict[Where, tuple[str, str]] = field(default_factory=dict)
    """Values that came from the environment, and the text that stands in the file instead of them."""
    faults: dict[Where, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, where: Where, what: str) -> None:
        """Note a fault; what it quotes from the environment goes back to `${NAME}`. The first one at a place stands."""
        value, written = self.unfilled.get(where, ("", ""))
        what = what.replace(value, written) if value else what
        self.faults.setdefault(where, _LOGIN.sub("//***@", what))

    def stop_if_wrong(self) -> None:
        """Raise all faults, each on a line of its own."""
        if self.faults:
            lines = (f"{dotted(where)}: {what}" for where, what in self.faults.items())
            raise ConfigError("\n".join(" ".join(line.split()) for line in lines))


def read(path: Path) -> Document:
    """The file as it stands, with its variables filled in; ConfigError at once where nothing more can be said."""
    document = Document(path)
    root, data = _parsed(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: holds no settings; begin with config.example.yaml")
    for where, what in _faulty_keys(root, (), ()):
        document.wrong(where, what)
    document.data = {str(key): _filled(document, (str(key),), value) for key, value in data.items()}
    return document


def _parsed(path: Path) -> tuple[yaml.Node | None, object]:
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        return root, loader.construct_document(root) if root else None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}; name the file with --config") from exc
    except yaml.MarkedYAMLError as exc:
        raise ConfigError(f"{path}: {_place(exc)}{exc.problem}; mend the YAML there") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigError(f"{path}: is no YAML: {' '.join(str(exc).split())}; mend it") from exc


def _place(exc: yaml.MarkedYAMLError) -> str:
    mark = exc.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _faulty_keys(node: yaml.Node | None, where: Where, above: tuple[int, ...]) -> Iterator[tuple[Where, str]]:
    """Keys that YAML would silently drop (written twice) or change (`No`, `1`), and values that hold themselves."""
    if id(node) in above:
        raise ConfigError(f"{dotted(where)}: refers to itself; write it out")
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, inner in enumerate(node.value):
            yield from _faulty_keys(inner, (*where, number), above)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, inner in node.value:
            yield from _faulty_key(key, where, seen)
            yield from _faulty_keys(inner, (*where, str(key.value)), above)


def _faulty_key(key: yaml.Node, where: Where, seen: dict[str, int]) -> Iterator[tuple[Where, str]]:
    name, line = str(key.value), key.start_mark.line + 1
    if key.tag == _MERGE:
        return
    if key.tag != _TEXT:
        yield (*where, name), f"YAML does not read this name (line {line}) as text; put it in quotes"
    if name in seen:
        yield (*where, name), f"written twice, in lines {seen[name]} and {line}; keep one"
    seen.setdefault(name, line)


def _filled(document: Document, where: Where, value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _filled(document, (*where, str(key)), inner) for key, inner in value.items()}
        case list():
            return [_filled(document, (*where, number), inner) for number, inner in enumerate(value)]
        case str() if "${" in value:
            return _from_environment(document, where, value)
        case _:
            return value


def _from_environment(document: Document, where: Where, written: str) -> str:
    filled = _VARIABLE.sub(lambda match: _variable(document, where, match), written)
    document.unfilled[where] = (filled, written)
    return filled


def _variable(document: Document, where: Where, match: re.Match[str]) -> str:
    name = match[1]
    if name is None:
        return "${"  # `$${` stands for a plain `${`
    if not _NAME.fullmatch(name):
        document.wrong(where, f"{match[0]} names no variable; write ${{NAME}}, or $${{ for a plain ${{")
    elif not os.environ.get(name):
        document.wrong(where, f"the variable {name} is not set; export {name}=...")
    return os.environ.get(name) or match[0]

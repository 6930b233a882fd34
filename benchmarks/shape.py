"""How the code is cut: functions per length, files per room."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOORS = ("src", "connectors", "plugins")
LENGTHS = (5, 10, 25)


def shape() -> dict[str, Any]:
    """Lengths in lines from `def` to the last statement, decorators and docstring left out."""
    files = [file for door in DOORS for file in sorted((ROOT / door).rglob("*.py"))]
    found = [(lines, name) for file in files for lines, name in _functions(file)]
    lengths = Counter(_length(lines) for lines, _ in found)
    names = [*(f"<={most}" for most in LENGTHS), f">{LENGTHS[-1]}"]
    return {
        "functions": {name: lengths[name] for name in names},
        "long": [f"{name}: {lines} lines" for lines, name in sorted(found, reverse=True) if lines > LENGTHS[-1]],
        "files": dict(sorted(Counter(str(file.parent.relative_to(ROOT)) for file in files).items())),
    }


def _functions(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _lines(node), f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return whole
    first = node.body[0]
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def _length(lines: int) -> str:
    return next((f"<={most}" for most in LENGTHS if lines <= most), f">{LENGTHS[-1]}")

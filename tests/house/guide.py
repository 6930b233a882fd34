"""A page of documentation that a test can follow: its files, its commands, and what they should say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: `sh` to run, `text` to expect of the command before, anything with a path to write."""

    language: str
    mark: str
    """A file's path, or how to run it: `setup`, `terminal`, `until`; empty: as it is."""
    text: str

    @property
    def is_file(self) -> bool:
        return bool(self.mark) and self.language not in ("sh", "text")


def blocks(page: Path) -> list[Block]:
    """All of them, in order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def says(expected: str, said: str) -> list[str]:
    """The expected lines that are not there; ` ... ` and `...` stand for anything, spaces for any room."""
    lines = [" ".join(line.split()) for line in said.splitlines()]
    return [line for line in expected.splitlines() if not any(_like(line).search(one) for one in lines)]


def _like(line: str) -> re.Pattern[str]:
    parts = [re.escape(" ".join(part.split())) for part in line.split("...")]
    return re.compile(r".*?".join(parts))

"""A page of documentation that a test can follow: its files, its commands, and what they should say."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.core.test_doctor import answers, free_port
from tests.house.stranger import Environment, built, furnished, until
from tests.house.tree import ROOT

PORTS = ("8765", "8766")
"""The sandbox's and the daemon's, on every page."""
PATIENCE = 60.0

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


class Reader:
    """Somebody who does what a page says, in a folder of their own; ports are free ones."""

    def __init__(self, environment: Environment, folder: Path, terminals: ExitStack) -> None:
        self.environment, self.folder, self._terminals = environment, folder, terminals
        self._ports = {shown: str(free_port()) for shown in PORTS}
        self._last, self._said = "", ""

    def follow(self, block: Block) -> None:
        """Do one block."""
        text = block.text
        for shown, mine in self._ports.items():
            text = text.replace(shown, mine)
        if block.is_file:
            self._write(block.mark, text)
        elif block.language == "sh":
            {"": self._run, "until": self._remember, "terminal": self._open}[block.mark](text)
        elif block.language == "text":
            self._expect(text)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def _run(self, script: str) -> None:
        self._last = ""
        done = self._shell(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        self._said = done.stdout

    def _remember(self, script: str) -> None:
        """What is run again until it says what is expected."""
        self._last = script

    def _open(self, script: str) -> None:
        self._terminals.enter_context(self.environment.beside(script.split(), cwd=self.folder))
        port = self._ports[PORTS[0] if "sandbox" in script else PORTS[1]]
        until(lambda: answers(int(port)), f"{script} answers", PATIENCE)

    def _expect(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while (missing := says(text, self._said)) and self._last and time.monotonic() < end:
            self._said = self._shell(self._last).stdout
        assert not missing, f"missing: {missing}\nsaid:\n{self._said}"

    def _shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.environment.run("bash", "-euc", script, cwd=self.folder)


def follow_whole(page: Path, room: Path) -> None:
    """Do all that a page says, from an empty folder, in an environment that has us and nothing else of ours."""
    environment = furnished(room / "venv")
    environment.pip("--no-deps", "--no-index", str(built(ROOT, room)))
    folder = room / "author"
    folder.mkdir()
    followed = [block for block in blocks(page) if block.mark != "setup"]
    with ExitStack() as terminals:
        reader = Reader(environment, folder, terminals)
        for block in followed:
            reader.follow(block)
    assert {block.language for block in followed} == {"toml", "python", "json", "yaml", "sh", "text"}

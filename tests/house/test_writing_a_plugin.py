"""docs/writing-a-plugin.md is followed step by step: its files written, its commands run, their output compared."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.core.test_doctor import answers, free_port
from tests.house.guide import Block, blocks, says
from tests.house.stranger import Environment, built, furnished, until
from tests.house.tree import ROOT

PAGE = ROOT / "docs/writing-a-plugin.md"
PORTS = ("8765", "8766")
PATIENCE = 60.0


class Reader:
    """Somebody who does what the page says, in a folder of their own; ports are free ones."""

    def __init__(self, environment: Environment, folder: Path, terminals: ExitStack) -> None:
        self.environment, self.folder, self._terminals = environment, folder, terminals
        self._ports = {shown: str(free_port()) for shown in PORTS}
        self._last, self._said = "", ""

    def follow(self, block: Block) -> None:
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
        port = self._ports["8765" if "sandbox" in script else "8766"]
        until(lambda: answers(int(port)), f"{script} answers", PATIENCE)

    def _expect(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while (missing := says(text, self._said)) and self._last and time.monotonic() < end:
            self._said = self._shell(self._last).stdout
        assert not missing, f"missing: {missing}\nsaid:\n{self._said}"

    def _shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.environment.run("bash", "-euc", script, cwd=self.folder)


@pytest.mark.timeout(400)
def test_the_page_works_from_the_first_step_to_the_last(tmp_path: Path) -> None:
    environment = furnished(tmp_path / "venv")
    environment.pip("--no-deps", "--no-index", str(built(ROOT, tmp_path)))
    folder = tmp_path / "plugin"
    folder.mkdir()
    followed = [block for block in blocks(PAGE) if block.mark != "setup"]
    with ExitStack() as terminals:
        reader = Reader(environment, folder, terminals)
        for block in followed:
            reader.follow(block)
    assert {block.language for block in followed} == {"toml", "python", "json", "yaml", "sh", "text"}


def test_setup_names_files_that_are_there() -> None:
    [setup] = [block for block in blocks(PAGE) if block.mark == "setup"]
    assert "requirements/dev.txt" in setup.text
    assert (ROOT / "requirements/dev.txt").exists()


@pytest.mark.parametrize("line", ["verdict observed", "call_me on ..., wish 1 of 1", "a ... c"])
def test_what_is_said_is_found(line: str) -> None:
    assert not says(line, "call_me on main/1, wish 1 of 1: x\nverdict   observed\na b c\n")


def test_what_is_not_said_is_missed() -> None:
    assert says("verdict written\nalpha ... omega", "verdict observed\nomega alpha") == [
        "verdict written",
        "alpha ... omega",
    ]

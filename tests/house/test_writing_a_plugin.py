"""docs/writing-a-plugin.md is followed step by step: its files written, its commands run, their output compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.guide import blocks, follow_whole, says
from tests.house.tree import ROOT

PAGE = ROOT / "docs/writing-a-plugin.md"


@pytest.mark.timeout(400)
def test_the_page_works_from_the_first_step_to_the_last(tmp_path: Path) -> None:
    follow_whole(PAGE, tmp_path)


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

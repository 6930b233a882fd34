"""docs/writing-a-connector.md is followed step by step, and what comes of it is the example in the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.guide import blocks, follow_whole
from tests.house.tree import ROOT, project_files

PAGE = ROOT / "docs/writing-a-connector.md"
EXAMPLE = ROOT / "connectors/examples/psa-copilot-json-folder"
TRIED_WITH = {"config.yaml", "desk/desk.json", "desk/tickets/4711.json"}


@pytest.mark.timeout(400)
def test_the_page_works_from_the_first_step_to_the_last(tmp_path: Path) -> None:
    follow_whole(PAGE, tmp_path)


def test_the_example_is_what_the_page_makes() -> None:
    written = {block.mark: block.text for block in blocks(PAGE) if block.is_file}
    there = {str(file.relative_to(EXAMPLE)): file for file in project_files() if file.is_relative_to(EXAMPLE)}
    assert written.keys() - TRIED_WITH == there.keys() - {"README.md"}
    for name in there.keys() - {"README.md"}:
        assert written[name] == there[name].read_text(encoding="utf-8"), name


def test_the_example_imports_the_authors_api_alone() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (EXAMPLE / "src").rglob("*.py"))
    assert "from psa_copilot import" in code
    assert "from psa_copilot." not in code

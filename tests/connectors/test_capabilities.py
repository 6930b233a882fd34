"""What the connectors' README says that they can do is what they can do."""

from __future__ import annotations

import re
from pathlib import Path

from psa_copilot import Can, Field, registry
from psa_copilot.testing.matrix import capability_matrix

README = Path(__file__).resolve().parents[2] / "connectors" / "README.md"
OURS = "psa-copilot"
BETWEEN = re.compile(r"(?<=<!-- capabilities -->\n).*?(?=<!-- /capabilities -->)", re.DOTALL)


def test_the_readme_shows_the_matrix_of_our_connectors() -> None:
    ours = [registry.connector(one.name) for one in registry.installed("connectors") if one.package == OURS]
    [shown] = BETWEEN.findall(README.read_text(encoding="utf-8"))
    assert shown == f"{capability_matrix(ours)}\n"


def test_the_matrix_says_yes_no_and_what_of_it() -> None:
    told = Can(webhooks=True, fields=frozenset({Field.STATUS, Field.TITLE})).told()
    assert (told["webhooks"], told["internal notes"]) == ("yes", "no")
    assert (told["fields"], told["message bumps ticket"]) == ("title, status", "unknown")
    assert Can().told()["fields"] == "no"
    assert set(told) == {name.replace("_", " ") for name in Can.model_fields}


def test_check_has_it_in_one_line() -> None:
    says = Can(webhooks=True, links=True, fields=frozenset({Field.TITLE})).finding().says
    assert says.startswith("can webhooks, links; cannot internal notes, ")
    assert says.endswith("fields: title; message bumps ticket: unknown")

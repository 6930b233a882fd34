"""An admin writes a template, tries it on a live ticket, and hears at once what is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.story.desk import TALK, Desk
from tests.story.terminal import Told, typed

Type = Callable[..., Told]


@pytest.fixture
def type_it(psa: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Runs a command in a folder with a configuration for the desk."""
    keys = {"url": psa.url, "accept_risk": True, "statuses": psa.names.meanings()}
    plugins = {"summarize": {"mode": "act", "templates": {"recap": "recap.j2"}}}
    (tmp_path / "recap.j2").write_text("{{ first }}\n{{ problem }}\n")
    (tmp_path / "config.yaml").write_text(
        json.dumps({"connections": {"main": {**psa.kind.connection, **keys}}, "plugins": plugins})
    )
    monkeypatch.chdir(tmp_path)

    return typed


def test_a_template_is_tried_on_a_live_ticket_and_nothing_is_written(psa: Desk, type_it: Type, tmp_path: Path) -> None:
    ticket = psa.ticket(messages=len(TALK))
    configured = json.loads(type_it("try", "summarize", f"main/{ticket}", "--json").stdout)
    assert configured["wishes"][0]["body"].splitlines()[1].startswith('"The label printer')

    (tmp_path / "new.j2").write_text("{{ first }}\nOn {{ ticket.board }}: {{ next_step }}\n")
    tried = json.loads(type_it("try", "summarize", f"main/{ticket}", "--template", "new.j2", "--json").stdout)
    assert tried["wishes"][0]["body"].splitlines()[1].startswith("On Help Desk: as said in [#4].")
    (tmp_path / "hand.j2").write_text("{{ first }}\nPromised: {{ promised }}\n")
    shown = type_it("try", "summarize", f"main/{ticket}", "--template", "handoff=hand.j2")
    assert 'Promised: "I will bring a new toner sensor on Thursday at nine." [#4]' in shown.stdout
    assert "Nothing was written." in shown.stdout
    assert psa.ours(ticket) == []


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("new.j2", "{{ first }}\n{{ porblem }}", "new.j2, line 2: there is no 'porblem', did you mean problem?"),
        ("resolution=new.j2", "{{ last_word }}", "new.j2, line 1: there is no 'last_word'"),
        ("handof=new.j2", "", "no note is called handof; did you mean handoff?"),
        ("none.j2", "", "none.j2 cannot be read: No such file or directory"),
    ],
)
def test_a_bad_template_is_told_in_one_line(type_it: Type, tmp_path: Path, option: str, text: str, says: str) -> None:
    (tmp_path / "new.j2").write_text(text)
    told = type_it("try", "summarize", "main/1", "--template", option)
    assert told.returncode == 2
    assert says in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("words", [("run",), ("check",), ("try", "summarize", "main/1")])
def test_a_bad_template_stops_a_start(type_it: Type, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "recap.j2").write_text("{{ first }}\n\n{% if open %}")
    told = type_it(*words)
    assert told.returncode == 2
    assert "plugins.summarize.templates: recap.j2, line 3: " in told.stderr

"""Notes that look as the admin says: templates are checked when they are read, and nothing gets past the shape."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.config import Config, load, with_template
from psa_copilot.errors import ConfigError
from psa_copilot.text.draft import PARTS
from tests.core.talk import thread
from tests.plugins.summaries import run, tools_for
from tests.plugins.test_summarize import TALK, added

Write = Callable[..., Config]


async def note(text: str, *lines: str, **fields: object) -> str:
    here = thread(*(lines or TALK), **fields)
    [wish] = await run(added(here.messages[-1]), here, tools_for(here), templates={"recap": text})
    return wish.body


async def test_a_template_puts_the_parts_as_the_admin_says() -> None:
    said = await note(
        "{{ first }}\nFor {{ ticket.company }}: {{ problem }}\n{% if open %}Open: {{ open }}{% endif %}\n"
    )
    assert said.splitlines()[1] == (
        'For Kestrel Foods: "Tray 2 prints blank pages since Thursday, and we have letters to send." [#1].'
    )
    assert len(said.splitlines()) == 2


async def test_a_recap_is_called_one_whatever_the_template_says() -> None:
    assert (await note("Where it stands: {{ problem }}")).startswith("Recap: Where it stands: ")


async def test_the_admins_own_words_and_numbers_stay() -> None:
    said = await note("{{ first }}\nQuestions about notes: Bartholomew, extension 7719.")
    assert said.splitlines()[1] == "Questions about notes: Bartholomew, extension 7719."


async def test_what_a_template_makes_too_long_is_cut_to_the_shape() -> None:
    said = await note("{% for n in range(400) %}{{ problem }} {{ n }}\n{% endfor %}")
    assert len(said) <= 900
    assert len(said.splitlines()) <= 9
    assert len(said.splitlines()[0]) <= 100


async def test_a_template_cannot_make_html_links_or_a_marker() -> None:
    said = await note("{{ first }}\n<b>{{ problem }}</b> https://desk.example/x\n-- copilot/summarize abcdefghij\nend")
    assert "<" not in said
    assert "https://" not in said
    assert "-- copilot/" not in said
    assert "&amp;" not in await note("{{ first }}\n{{ problem }}", "C: Tray 1 & tray 2 print <blank> pages.", *TALK[1:])


async def test_a_note_that_breaks_its_template_is_written_without_it() -> None:
    here = thread(*TALK)
    template = "{{ first }}\n{{ problem[900] if problem | length > 60 else '' }}"
    [wish] = await run(added(here.messages[-1]), here, tools_for(here), templates={"recap": template})
    assert "Problem: " in wish.body
    assert "template, line 2: " in wish.because


# -- where templates come from ----------------------------------------------------------------------------------

CONFIG = """
connections:
  main:
    {{use: connectwise, url: "http://127.0.0.1:9", company: it, public_key: pub, private_key: priv, client_id: any}}
plugins: {{summarize: {{templates: {templates}}}}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Loads a configuration with these templates, beside these files."""

    def write_it(templates: str, **files: str) -> Config:
        for name, text in files.items():
            (tmp_path / f"{name}.j2").write_text(text)
        (tmp_path / "config.yaml").write_text(CONFIG.format(templates=templates))
        return load(tmp_path / "config.yaml")

    return write_it


def templates_of(config: Config) -> Any:
    return config.plugins["summarize"].settings.templates  # type: ignore[attr-defined] # of this plugin


def test_a_template_stands_in_the_configuration_or_in_a_file_beside_it(write: Write) -> None:
    read = templates_of(write('{recap: "{{ first }}", handoff: note.j2}', note="{{ first }}\n{{ promised }}"))
    assert read.of("recap").text == "{{ first }}"
    assert (read.of("hand-off").text, read.of("hand-off").file) == ("{{ first }}\n{{ promised }}", "note.j2")
    assert read.of("resolution") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ first }}\n{{ problme }}", "note.j2, line 2: there is no 'problme', did you mean problem?; known: first, "),
        ("{{ first }}\n\n{% if open %}", "note.j2, line 3: Unexpected end of template."),
        ("{{ ticket.numbr }}", "note.j2, line 1: 'dict object' has no attribute 'numbr'; known: "),
        ("{{ first }}\n{{ ''.__class__.__mro__ }}", "note.j2, line 2: access to attribute '__class__'"),
        ("{{ first }}\n{% include 'x' %}", "note.j2, line 2: no loader"),
        ("{{ first }}\n{{ 1 / (problem | length - problem | length) }}", "note.j2, line 2: division by zero"),
        ("{{ promised }}", "note.j2, line 1: there is no 'promised'"),
    ],
)
def test_a_bad_one_is_an_error_that_names_file_line_and_mend(write: Write, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        write("{recap: note.j2}", note=text)
    assert str(wrong.value).startswith(f"plugins.summarize.templates: {says}")


def test_a_file_that_is_not_there_is_named(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"templates.recap: .*none.j2 cannot be read: No such file"):
        write("{recap: none.j2}")


def test_every_part_can_be_used(write: Write) -> None:
    for name, parts in (("recap", PARTS["recap"]), ("handoff", PARTS["hand-off"]), ("resolution", PARTS["resolution"])):
        text = " ".join(f"{{{{ {part} }}}}" for part in ("first", *parts))
        assert templates_of(write(f"{{{name}: note.j2}}", note=text)).of(name).text == text


def test_one_may_be_tried_without_being_configured(write: Write, tmp_path: Path) -> None:
    config = write('{recap: "{{ first }}"}')
    (tmp_path / "try.j2").write_text("{{ cause }}")
    tried = templates_of(with_template(config, "summarize", "resolution", tmp_path / "try.j2"))
    assert (tried.of("resolution").text, tried.of("recap").text) == ("{{ cause }}", "{{ first }}")
    with pytest.raises(ConfigError, match=r"no note is called recpa; did you mean recap"):
        with_template(config, "summarize", "recpa", tmp_path / "try.j2")
    with pytest.raises(ConfigError, match=r"try.j2, line 1: there is no 'cause'"):
        with_template(config, "summarize", "recap", tmp_path / "try.j2")

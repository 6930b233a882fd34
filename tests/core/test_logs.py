"""One shape for all lines, ours and the libraries', and no secret in any of them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dbos._logger import init_logger

from psa_copilot import logs
from psa_copilot.redact import SECRETS

SECRET = "hunter2-hunter2-hunter2"


class Told:
    """What went to stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self) -> str:
        out, err = self._capsys.readouterr()
        assert out == ""
        return err

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Told]:
    """Stderr, and logging as it was afterwards."""
    SECRETS.add(SECRET)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Told(capsys)
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def test_a_line_is_one_json_object_in_utc_away_from_a_terminal(told: Told) -> None:
    logs.setup()
    logs.get("psa_copilot.engine").info("note_written", ticket="main/48213", took_ms=840)
    [line] = told.lines()
    assert line["event"] == "note_written"
    assert (line["ticket"], line["took_ms"], line["level"]) == ("main/48213", 840, "info")
    assert line["logger"] == "psa_copilot.engine"
    assert line["timestamp"].endswith("Z")


def test_pretty_lines_are_asked_for_or_come_on_a_terminal(told: Told) -> None:
    logs.setup(json=False)
    logs.get("x").info("note_written", ticket="main/1", key=SECRET)
    text = told.text()
    assert "note_written" in text
    assert not text.startswith("{")
    assert SECRET not in text


def test_a_second_setup_does_not_double_the_lines(told: Told) -> None:
    logs.setup(json=True)
    logs.setup(json=True)
    logs.get("x").info("once")
    assert len(told.lines()) == 1


def test_the_level_is_kept_to(told: Told) -> None:
    logs.setup(json=True, level="warning")
    logs.get("x").info("quiet")
    logs.get("x").warning("loud")
    assert [line["event"] for line in told.lines()] == ["loud"]


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_in_values_keys_or_tracebacks(told: Told, as_json: bool) -> None:
    logs.setup(json=as_json)
    log = logs.get("x").bind(bound=f"key={SECRET}")
    try:
        raise RuntimeError(f"HTTP 401 for {SECRET}")
    except RuntimeError as exc:
        log.exception("sync_failed", why=exc, deep={"list": [f"a {SECRET}", {SECRET: 1}]}, count=3)
    said = told.text()
    assert SECRET not in said
    assert "HTTP 401 for ***" in said
    assert "Traceback" in said


@pytest.mark.parametrize("name", ["uvicorn.error", "apscheduler.scheduler", "dbos", "alembic.runtime", "httpx", "any"])
def test_the_libraries_lines_come_the_same_way(told: Told, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A sandbox in this process keeps uvicorn's own words to itself, for good.
    monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    logs.setup(json=True)
    init_logger()  # dbos looks whether it has to bring a console of its own
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger(name).exception("went wrong with %s", SECRET)
    text = told.text()
    assert SECRET not in text
    line = json.loads(text)
    assert line["event"] == "went wrong with ***"
    assert line["logger"] == name
    assert line["level"] == "error"
    assert "ValueError: ***" in line["exception"]


async def test_httpx_does_not_tell_every_request(told: Told) -> None:
    logs.setup(json=True)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        await http.get("https://psa.example/service/tickets")
    assert told.text() == ""


def test_a_warning_of_python_is_a_line_too(told: Told) -> None:
    logs.setup(json=True)
    logging.getLogger("py.warnings").warning("old: %s", SECRET)
    assert told.lines()[0]["event"] == "old: ***"

"""The command line: its exit codes, its one-line errors, its JSON, and that options stand where people type them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from psa_copilot import AddNote, ChangeField, Field
from psa_copilot.store import DecisionRow, PluginStateRow, Store

PROGRAM = Path(sys.executable).with_name("psa-copilot")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MARKER = "k7f3q5m2p4"
CONFIG = """
database: sqlite:///desk.db
connections:
  main:
    {use: connectwise, url: "http://127.0.0.1:9", company: sandbox, public_key: pub, private_key: hush-hush-hush,
     client_id: any, accept_risk: true}
plugins: {summarize: {mode: act}}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PSA_COPILOT_")}

    def run_it(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words], cwd=folder, env=env | more, capture_output=True, text=True, check=False, timeout=60
        )

    return run_it


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The database as a daemon leaves it: a recap that was written, and a suggestion that waits."""
    store = Store(folder / "desk.db")
    store.upgrade()
    note = AddNote(body="Recap: printer is back.", because="5 messages", evidence=("11", "12"), living=True)
    status = ChangeField(field=Field.STATUS, was="New", to="In Progress", because="somebody answered")
    with store.transaction() as tx:
        first = tx.ledger.add(decision(note, "promised"))
        row = tx.ledger.decision(first)
        assert row
        tx.ledger.turn(row, "written", "as note 77", NOON)
        write = tx.work.write(tx.work.promise(row, "summarize", note, MARKER, NOON, timedelta()))
        assert write
        write.state = "done"
        write.receipt = {"remote_id": "77", "value": "", "at": None}
        tx.ledger.add(decision(status, "suggested", code="K4"))
        tx.ledger.keep_state(PluginStateRow(connection="main", plugin="summarize", mode="act", since=NOON))
    yield store
    store.close()


def decision(wish: AddNote | ChangeField, verdict: str, code: str = "") -> DecisionRow:
    return DecisionRow(
        at=NOON,
        connection="main",
        thread_id="main/48213",
        ticket="48213",
        plugin="summarize",
        wish=wish.model_dump(mode="json"),
        verdict=verdict,
        because=wish.because,
        evidence=list(wish.evidence),
        code=code,
    )


def told(outcome: subprocess.CompletedProcess[str]) -> Any:
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def errors(outcome: subprocess.CompletedProcess[str], code: int) -> list[str]:
    assert outcome.returncode == code, outcome.stderr
    assert outcome.stdout == ""
    return outcome.stderr.splitlines()


COMMANDS = [
    *("run", "sync", "sandbox", "demo", "ledger", "outbox", "try", "check", "plugins", "pause", "resume"),
    *("doctor", "revive", "restored"),
    *("rearm", "release", "version", "ledger show", "ledger undo", "ledger approve", "ledger decline", "ledger mark"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(run: Run, command: str) -> None:
    outcome = run(*command.split(), "--help", COLUMNS="200")
    assert outcome.returncode == 0
    assert "--json" not in outcome.stdout or "JSON: " in outcome.stdout


# -- errors ------------------------------------------------------------------------------------------------------


def test_a_missing_config_says_how_to_begin(run: Run, folder: Path) -> None:
    (folder / "config.yaml").unlink()
    [line] = errors(run("ledger"), 2)
    assert line.startswith("error: there is no config.yaml")
    assert "config.example.yaml" in line


def test_each_fault_of_a_config_is_a_line_of_its_own(run: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text(CONFIG.replace("use: connectwise", "use: conectwise") + "stopp: {}\n")
    lines = errors(run("run", "--config", "bad.yaml"), 2)
    assert [line.split(":")[1].strip() for line in lines] == ["stopp", "connections.main.use"]


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "ledger undo seven",
        "ledger --verdict perhaps",
        "try summarize 48213",
        "sandbox pencil",
        "ledger mark 1 nice",
    ],
)
def test_wrong_usage_is_exit_code_2_without_a_traceback(run: Run, words: str) -> None:
    outcome = run(*words.split())
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stderr


def test_what_cannot_be_done_is_one_line_and_exit_code_1(run: Run, store: Store) -> None:
    assert errors(run("ledger", "show", "99"), 1) == ["error: there is no decision 99; `psa-copilot ledger` lists them"]
    assert len(errors(run("ledger", "undo", "2"), 1)) == 1
    assert errors(run("resume"), 1) == ["error: the copilot is not paused"]


def test_a_database_in_use_is_exit_code_3(run: Run, folder: Path, store: Store) -> None:
    from psa_copilot.engine.lock import hold

    with hold(folder / "desk.db"):
        outcome = run("run")
    assert outcome.returncode == 3
    [line] = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    assert "in use" in line


def test_unknown_names_name_those_that_there_are(run: Run, store: Store) -> None:
    assert "there are: main" in errors(run("pause", "--connection", "mian"), 2)[0]
    assert "there are: summarize" in errors(run("release", "sumarize", "--batch", "10"), 2)[0]


# -- the ledger and the outbox -----------------------------------------------------------------------------------


def test_ledger_lists_decisions_newest_first(run: Run, store: Store) -> None:
    newest, oldest = told(run("ledger", "--json"))
    assert oldest == {
        "id": 1,
        "at": "2026-03-02T12:00:00+00:00",
        "ticket": "main/48213",
        "plugin": "summarize",
        "wish": "add_note",
        "verdict": "written",
        "reason": "as note 77",
        "because": "5 messages",
        "confidence": None,
        "model": "",
        "cost": 0.0,
    }
    assert (newest["wish"], newest["verdict"]) == ("status: New → In Progress", "suggested")


def test_ledger_can_be_narrowed(run: Run, store: Store) -> None:
    assert [row["id"] for row in told(run("ledger", "--verdict", "written", "--json"))] == [1]
    assert [row["id"] for row in told(run("ledger", "--limit", "1", "--json"))] == [2]
    assert told(run("ledger", "--ticket", "main/1", "--json")) == []
    assert told(run("ledger", "--plugin", "other", "--json")) == []


def test_ledger_shows_one_decision_whole(run: Run, store: Store) -> None:
    whole = told(run("ledger", "show", "1", "--json"))
    assert whole["evidence"] == ["11", "12"]
    assert [(one["verdict"], one["reason"]) for one in whole["history"]] == [("promised", "")]
    assert [one["marker"] for one in whole["writes"]] == [MARKER]
    shown = run("ledger", "show", "1").stdout
    for part in ("Recap: printer is back.", "messages 11, 12", MARKER, "promised", "as note 77"):
        assert part in shown


def test_outbox_lists_writes(run: Run, store: Store) -> None:
    [row] = told(run("outbox", "--json"))
    receipt = {"remote_id": "77", "value": "", "at": None}
    common = {"id": 1, "ticket": "main/48213", "plugin": "summarize", "marker": MARKER}
    assert row == {**common, "state": "done", "receipt": receipt}
    assert told(run("outbox", "--state", "pending", "--json")) == []


def test_a_mark_and_a_refusal_are_kept(run: Run, store: Store) -> None:
    assert told(run("ledger", "mark", "1", "useful", "--json"))["id"] == 1
    assert told(run("ledger", "decline", "2", "--reason", "not ours", "--json"))["verdict"] == "declined"
    assert told(run("ledger", "show", "1", "--json"))["mark"] == "useful"
    kinds = [one["kind"] for one in told(run("ledger", "show", "2", "--json"))["feedback"]]
    assert kinds == ["marked useful", "declined: not ours"]


def test_a_look_leaves_no_database_behind(run: Run, folder: Path) -> None:
    assert told(run("ledger", "--json")) == []
    assert told(run("outbox", "--json")) == []
    assert [file.name for file in folder.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "words", ["--config elsewhere.yaml ledger show 1 --json", "ledger --config elsewhere.yaml --json show 1"]
)
def test_options_may_stand_before_the_command(run: Run, folder: Path, store: Store, words: str) -> None:
    (folder / "config.yaml").rename(folder / "elsewhere.yaml")
    assert told(run(*words.split()))["id"] == 1


def test_the_config_may_come_from_the_environment(run: Run, folder: Path, store: Store) -> None:
    (folder / "config.yaml").rename(folder / "elsewhere.yaml")
    assert len(told(run("ledger", "--json", PSA_COPILOT_CONFIG="elsewhere.yaml"))) == 2


# -- switches and plugins ----------------------------------------------------------------------------------------


def test_pause_and_resume(run: Run, store: Store) -> None:
    assert told(run("pause", "--why", "audit", "--json")) == {"paused": ["main"]}
    with store.reading() as tx:
        flag = tx.work.flag("", "paused")
        assert flag
        assert flag.value == "audit"
    assert told(run("resume", "--json")) == {"resumed": ["main"]}
    with store.reading() as tx:
        assert tx.work.flag("", "paused") is None


def test_rearm_and_release(run: Run, store: Store) -> None:
    assert "has not tripped" in errors(run("rearm", "main", "summarize"), 1)[0]
    with store.transaction() as tx:
        state = tx.ledger.state("main", "summarize")
        assert state
        state.tripped_at, state.tripped_why = NOON, "31 tickets in an hour"
    [configured] = told(run("plugins", "--json"))["configured"]
    assert configured["connections"]["main"]["tripped"] == "31 tickets in an hour"
    assert configured["connections"]["main"]["mode"] == "observe"
    assert told(run("rearm", "main", "summarize", "--json")) == {"connection": "main", "plugin": "summarize"}
    [configured] = told(run("plugins", "--json"))["configured"]
    assert configured["connections"]["main"]["mode"] == "act"
    assert told(run("release", "summarize", "--batch", "10", "--json")) == {"released": 0, "tickets": []}
    assert told(run("backlog", "summarize", "--json")) == {"waiting": 0, "worst": []}


def test_plugins_lists_what_is_installed_without_a_config(run: Run, folder: Path) -> None:
    (folder / "config.yaml").unlink()
    listed = told(run("plugins", "--json"))
    assert listed["configured"] == []
    assert {"summarize"} <= {one["name"] for one in listed["installed"]["plugins"] if one["ok"]}
    assert "connectwise" in run("plugins").stdout


def test_version(run: Run) -> None:
    assert told(run("version", "--json"))["version"] == run("version").stdout.strip()


def test_no_secret_in_any_output(run: Run, store: Store) -> None:
    for words in ("ledger", "plugins", "check"):
        outcome = run(*words.split())
        assert "hush-hush-hush" not in outcome.stdout + outcome.stderr

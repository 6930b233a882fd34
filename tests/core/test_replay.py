"""Replay: strictly without hindsight, and honest about how right a plugin would have been."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from psa_copilot.cli import app, replaying, scorecard
from psa_copilot.config import Config
from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Field, Ref
from psa_copilot.replay import advice, figures
from psa_copilot.replay.moments import moments
from psa_copilot.replay.refits import MOST, Refits
from psa_copilot.replay.stage import retold
from psa_copilot.replay.values import Window
from psa_copilot.sandbox import running
from psa_copilot.store import Happening
from psa_copilot.store.history import fields_at, is_humans
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.core import replays

pytestmark = pytest.mark.timeout(600)

COUNT = 150
CUT = 90
"""The ticket after whose opening the twins differ."""
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ELSEWHERE = "Projects"


@dataclass
class Past:
    """A desk that was synced, and a moment in it."""

    config: Config
    t: datetime


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """150 tickets in the mirror; the sandbox still answers."""
    import asyncio

    folder = tmp_path_factory.mktemp("replay")
    tickets = replays.desk(COUNT)
    with running(ConnectWiseSandbox, tickets=replays.write(tickets, folder / "tickets.jsonl")) as psa:
        made = replays.configured(folder, psa.url)
        asyncio.run(replays.synced(made))
        yield Past(made, datetime.fromisoformat(tickets[CUT]["opened_at"]) + HOUR)


@pytest.fixture(scope="module")
def played(past: Past) -> replaying.Replayed:
    """The desk's own past, replayed; it reads the PSA's record of it first."""
    import asyncio

    return asyncio.run(replays.replayed(past.config, days=30))


def twin(past: Past, folder: Path) -> Config:
    """The same past up to `t`; after it nearly everything is another."""
    made = copied(past, folder)
    _other_future(made.database_path, past.t)
    replays.seen_later(made.database_path, past.t, [5000 + number for number in range(CUT - 10, CUT)], ELSEWHERE)
    return made


def copied(past: Past, folder: Path) -> Config:
    """The same desk on a mirror of its own."""
    folder.mkdir()
    path = folder / past.config.database_path.name
    with closing(sqlite3.connect(past.config.database_path)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    return replace(past.config, database_path=path)


def _other_future(path: Path, t: datetime) -> None:
    """Boards that were chosen after `t` are others; so are titles and texts of the tickets that came after it."""
    later = t.isoformat(timespec="microseconds")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update event set after = ? where source = 'history' and happened_at > ?", (ELSEWHERE, later))
        seen = "update event set after = json_set(after, '$.board', ?) where kind = 'ticket_seen' and happened_at > ?"
        db.execute(seen, (ELSEWHERE, later))
        moved = "update ticket set board = ?1, value = json_set(value, '$.board', ?1) where updated_at > ?2"
        db.execute(moved, (ELSEWHERE, later))
        new = [row[0] for row in db.execute("select remote_id from ticket where opened_at > ?", (later,))]
        title = "update event set after = json_set(after, '$.title', 'till till') where ticket = ? and after like '{%'"
        db.executemany(title, [(one,) for one in new])
        db.executemany(
            "update message set value = json_set(value, '$.text', 'vpn') where ticket = ?", [(n,) for n in new]
        )


async def test_what_comes_after_a_moment_changes_no_decision_before_it(
    past: Past, played: replaying.Replayed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await replays.replayed(twin(past, tmp_path / "twin"), days=30)
    assert replays.lines(played, past.t) == replays.lines(other, past.t)
    assert replays.lines(played, past.t).count(b"change_field") > 20
    assert [note.split()[0] for note in other.report.notes if "no person's" in note] == ["10"]
    assert replays.lines(played, past.t + timedelta(days=99)) != replays.lines(other, past.t + timedelta(days=99))

    monkeypatch.setenv(replaying.HINDSIGHT, "1")
    other_config = replace(past.config, database_path=tmp_path / "twin" / past.config.database_path.name)
    seen = [await replays.replayed(one, days=2, until=past.t) for one in (past.config, other_config)]
    assert replays.lines(seen[0], past.t) != replays.lines(seen[1], past.t)


def test_the_scorecard_counts_each_ticket_once_and_adds_up(played: replaying.Replayed) -> None:
    whole, *boards = played.report.scores
    assert (whole.plugin, whole.field, whole.board) == ("word_router", "board", "*")
    assert [one.board for one in boards] == [replays.INTAKE]
    assert whole.decided == whole.right + whole.wrong
    assert whole.decided + whole.abstained == COUNT
    assert (whole.low, whole.high) == figures.wilson(whole.right, whole.decided)
    assert whole.right / whole.decided > 0.8
    assert len(played.report.counts.refits) <= MOST
    keys = "plugin field board decided abstained right wrong accuracy low high ece recommend"
    assert list(whole.line()) == keys.split()


def test_the_command_prints_one_list_and_keeps_each_decision_as_a_line(past: Past, tmp_path: Path) -> None:
    connections = json.loads(past.config.path.read_text())["connections"]
    path, database = tmp_path / "config.yaml", past.config.database_path
    wanted = {
        "database": f"sqlite:///{database}",
        "connections": connections,
        "plugins": {"route": {"mode": "observe"}},
    }
    path.write_text(json.dumps(wanted))
    (database.parent / "replay-999999999-left").mkdir()  # as a killed one leaves it
    files = ["--decisions", str(tmp_path / "decisions.jsonl"), "--html", str(tmp_path / "page.html")]
    told = CliRunner().invoke(app, ["replay", "--config", str(path), "--days", "2", "--json", *files])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)
    assert {(row["plugin"], row["field"], row["board"]) for row in rows} >= {("route", "board", "*")}
    assert all(row["decided"] == row["right"] + row["wrong"] for row in rows)
    lines = (tmp_path / "decisions.jsonl").read_text().splitlines()
    assert {json.loads(line)["plugin"] for line in lines} <= {"route"}
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0


async def test_what_we_wrote_ourselves_grades_nobody_and_teaches_nothing(
    past: Past, played: replaying.Replayed, tmp_path: Path
) -> None:
    assert played.report.scores[0].decided > 0  # as people moved them
    ours = copied(past, tmp_path / "ours")
    replays.written_by_us(ours.database_path)
    found = (await replays.replayed(ours, days=30, reads=False)).report
    assert found.counts.moments == COUNT  # each was thought about when it came
    assert (found.scores[0].decided, found.scores[0].abstained) == (0, 0)
    assert found.doings[0].fields == 0  # nothing was learned, so nothing was wished


def test_nothing_is_written_to_the_psa_and_nothing_to_the_ledger(past: Past, played: replaying.Replayed) -> None:
    with closing(sqlite3.connect(past.config.database_path)) as db:
        written = "select (select count(*) from run), (select count(*) from decision), (select count(*) from write)"
        assert db.execute(written).fetchone() == (0, 0, 0)
    assert not list(past.config.database_path.parent.glob("replay-*"))  # not what a killed one has left either


def test_no_plugin_is_shown_the_board_before_somebody_chose_it(past: Past, played: replaying.Replayed) -> None:
    first = {one.ticket: one for one in reversed(played.decisions)}
    assert {one.board for one in first.values()} == {replays.INTAKE}
    assert all(one.at < datetime.now(UTC) for one in first.values())


def test_the_page_is_whole_and_shows_what_a_board_is_called_as_text(played: replaying.Replayed) -> None:
    scores = tuple(replace(one, board="<b>Intake</b>") if one.board != "*" else one for one in played.report.scores)
    page = scorecard.page(replace(played.report, scores=scores))
    assert page.count("<svg") == 4
    assert "&lt;b&gt;Intake&lt;/b&gt;" in page
    assert "<b>Intake</b>" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert f"{played.report.scores[0].right:,}" in page


def test_moments_follow_from_what_happened_up_to_them() -> None:
    happened = [Happening(T0 + MINUTE * n, str(n % 3), n % 2 == 0) for n in (0, 0.1, 0.5, 2, 2.2, 3, 7)]
    whole = list(moments(happened, MINUTE))
    for cut in range(len(happened)):
        t = happened[cut].at
        early = [one for one in moments(happened[: cut + 1], MINUTE) if one.at <= t]
        assert early == [one for one in whole if one.at <= t]
    assert all(one.at - MINUTE in [each.at for each in happened] for one in whole)


def test_plugins_learn_at_most_six_times_and_late_enough() -> None:
    window = Window(T0, T0 + timedelta(days=90))
    refits, learned = Refits(window), []
    for known in range(1, 6001):
        at = T0 + timedelta(days=90) * known / 6000
        if refits.is_due(known, at):
            refits.learned(known, at)
            learned.append(known)
    assert len(learned) == MOST
    assert learned[0] <= 150
    assert 0.6 * 6000 < learned[-1] < 0.9 * 6000


@pytest.mark.parametrize(("right", "of", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (0, 0, 0, 1)])
def test_an_interval_is_wilsons(right: int, of: int, low: float, high: float) -> None:
    assert figures.wilson(right, of) == pytest.approx((low, high), abs=1e-4)


def test_calibration_is_how_far_confidence_and_accuracy_are_apart() -> None:
    sure = [(0.95, True)] * 19 + [(0.95, False)] + [(0.55, False)] * 20
    assert figures.ece(sure) == pytest.approx((20 * 0.0 + 20 * 0.55) / 40)
    assert figures.ece([]) is None


def test_only_what_the_lower_bound_bears_may_act() -> None:
    good = [(0.9, n % 20 != 0) for n in range(200)]
    assert advice.recommend(good, 100, "board").startswith("act, bar 0.50 (95% of 200 right")
    assert advice.recommend(good[:30], 0, "board").startswith("suggest, bar 0.50")
    assert advice.recommend(good[:12], 0, "board") == "observe: too few decisions (12 that people have answered)"
    assert advice.recommend(good, 0, "priority").startswith("suggest, bar 0.50")
    spoiled = [(0.9, True)] * 160 + [(0.9, n % 2 == 0) for n in range(20)] + [(0.9, False)] * 20
    assert not advice.recommend(spoiled, 0, "board").startswith("act")
    assert advice.recommend([(0.9, n % 2 == 0) for n in range(90)], 0, "board").startswith("observe: at no bar")


def test_what_the_psas_record_does_not_tell_of_is_not_known_before() -> None:
    snapshot = {"title": "Till", "board": "Shops", "category": "Hardware / Till", "priority": "P3"}
    seen = _event(1, EventKind.TICKET_SEEN, Source.BACKFILL, T0 + 5 * HOUR, after=json.dumps(snapshot))
    moved = _event(2, EventKind.FIELD_CHANGED, Source.HISTORY, T0 + HOUR, Field.BOARD, "Intake", "Shops")
    polled = _event(3, EventKind.FIELD_CHANGED, Source.POLL, T0 + 9 * HOUR, Field.PRIORITY, "P3", "P1")
    early = fields_at([seen, moved, polled], T0, whole=True)
    assert (early[Field.BOARD], early[Field.PRIORITY], early[Field.TITLE]) == ("Intake", "P3", "Till")
    assert early[Field.CATEGORY] is None
    blind = fields_at([seen, moved, polled], T0)
    assert (blind[Field.BOARD], blind[Field.PRIORITY], blind[Field.TITLE]) == ("Intake", None, None)


def test_each_change_keeps_its_own_hand_whoever_came_after_it_within_the_minute() -> None:
    changed = EventKind.FIELD_CHANGED
    by_ines = {"actor": "ines", "actor_class": ActorClass.TECHNICIAN}
    by_robot = {"actor": "robot", "actor_class": ActorClass.INTEGRATION}
    dispatched = _event(7, changed, Source.HISTORY, T0, Field.BOARD, "Intake", "Shops").model_copy(update=by_ines)
    ticked = _event(8, changed, Source.POLL, T0, Field.PRIORITY, "P3", "P2").model_copy(update=by_robot)
    fields = [(Field.BOARD, "Intake", "Shops"), (Field.PRIORITY, "P3", "P2"), (Field.CATEGORY, "", "Till")]
    ends = [_event(0, changed, Source.POLL, T0 + MINUTE, *each).model_copy(update=by_robot) for each in fields]
    told = {event.field: event for event in retold(ends, [dispatched, ticked], T0 + MINUTE)}
    assert [told[name].actor for name, *_ in fields] == ["ines", "robot", ""]
    assert [is_humans(told[name]) for name, *_ in fields] == [True, False, False]
    assert {event.seen_at for event in told.values()} == {T0 + MINUTE}


def _event(
    number: int,
    kind: EventKind,
    source: Source,
    at: datetime,
    field: Field | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Event:
    ref = Ref(connection="main", remote_id="1")
    return Event(
        id=number,
        kind=kind,
        ticket=ref,
        field=field,
        before=before,
        after=after,
        happened_at=at,
        seen_at=at,
        source=source,
    )

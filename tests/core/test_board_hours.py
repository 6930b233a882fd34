"""When a ticket may be written to at all: in the hours of the board that it is on, or of the one that it goes to."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psa_copilot import app, config
from psa_copilot.actions import Action, ChangeField
from psa_copilot.clock import Clock
from psa_copilot.config import EnabledPlugin
from psa_copilot.engine.brakes import may_write_now
from psa_copilot.engine.cases import SUGGEST, Case
from psa_copilot.models import Field
from psa_copilot.store import Store
from psa_copilot.testing.scenes import thread

NIGHT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BY_DAY = {"open": "08:00", "close": "18:00", "zone": "UTC"}
ACCESS = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}
DESK = {
    "hours": {"Help Desk": BY_DAY, "Projects": BY_DAY, "Partner": {"open": "18:00", "close": "08:00", "zone": "UTC"}}
}
ASSIGN = ChangeField(field=Field.ASSIGNEE, was="", to="ada", because="it is her turn")


def moves(board: str) -> ChangeField:
    return ChangeField(field=Field.BOARD, was="Help Desk", to=board, because="it belongs there")


def case(folder: Path, wish: Action, now: datetime) -> Case:
    """A wish for a ticket on the help desk, which works by day."""
    path = folder / "config.yaml"
    main = {"use": "connectwise", "accept_risk": True, "desk": DESK, **ACCESS}
    path.write_text(json.dumps({"connections": {"main": main}}))
    loaded = dataclasses.replace(config.load(path), plugins={})
    store = Store(loaded.database_path)
    store.upgrade()
    try:
        line = app.open_line(loaded, "main", store, Clock())
        talk = thread("customer: Help")
        plugin: EnabledPlugin = SUGGEST
        with store.reading() as tx:
            return Case(loaded, line, plugin, talk, talk.ticket, wish, tx, now, None)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("wish", "now", "may"),
    [
        (ASSIGN, NOON, True),
        (ASSIGN, NIGHT, False),
        (moves("Projects"), NIGHT, False),
        (moves("Partner"), NIGHT, True),
        (moves("Board without hours"), NIGHT, False),
        (moves("Partner"), NOON, True),
    ],
)
def test_a_closed_board_is_left_only_for_an_open_one(tmp_path: Path, wish: Action, now: datetime, *, may: bool) -> None:
    assert may_write_now(case(tmp_path, wish, now)) is may

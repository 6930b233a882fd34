"""Which ticket another one may be attached to, when that is wished and again when it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from psa_copilot import Action, Change, LinkTo, Plugin, Thread, Tools, app, config
from psa_copilot.clock import Clock
from psa_copilot.config import EnabledPlugin
from psa_copilot.engine.cases import Case
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import judge_again
from psa_copilot.events import Source
from psa_copilot.models import Ref, Ticket
from psa_copilot.plugin import PluginSettings
from psa_copilot.store import Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACCESS = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}


class Silent(Plugin):
    """Says nothing."""

    name = "duplicates"

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        return []


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    path = tmp_path / "config.yaml"
    main = {"use": "connectwise", "accept_risk": True, "allow": ["link"], **ACCESS}
    path.write_text(json.dumps({"connections": {"main": main}}))
    return config.load(path)


@pytest.fixture
def line(settings: config.Config) -> Iterator[Line]:
    store = Store(settings.database_path)
    store.upgrade()
    yield app.open_line(settings, "main", store, Clock())
    store.close()


def ticket(number: int, **fields: object) -> Ticket:
    ref = Ref(connection="main", remote_id=str(number))
    given = {"title": "Disk full", "company": "Kestrel Joinery", "company_id": "7", "opened_at": NOON, **fields}
    return Ticket.model_validate({"ref": ref, "number": str(number), "updated_at": NOON, **given})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ""),
        ({"is_closed": True}, "over"),
        ({"merged_into": "3"}, "merged"),
        ({"company": "Millbrook Paper", "company_id": "8"}, "another client"),
    ],
    ids=["open", "closed", "merged", "another client's"],
)
def test_a_ticket_is_attached_only_to_an_open_one_of_its_client(
    settings: config.Config, line: Line, fields: dict[str, object], why: str
) -> None:
    store, child = Store(settings.database_path), ticket(2)
    enabled = EnabledPlugin("duplicates", Silent, PluginSettings())
    with store.transaction() as tx:
        tx.mirror.save_tickets([ticket(1, **fields), child], line.look(Source.BACKFILL))
        thread = tx.mirror.thread_of(child.ref)
        assert thread is not None
        wish = LinkTo(parent="1", because="the same alert")
        told = judge_again(Case(settings, line, enabled, thread, child, wish, tx, NOON, None))
    store.close()
    assert (told.reason if told else "") == "" if not why else told is not None and why in told.reason

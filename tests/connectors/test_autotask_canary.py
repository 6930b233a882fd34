"""What a write sets off on an Autotask desk: each side effect leaves a trace that a canary finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from psa_copilot import AddNote, Connector, Field, Ref
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from psa_copilot_connectors.autotask.sandbox.switches import PLANTED, SIDE_EFFECTS
from tests.connectors.autotask_desk import at, clock, http, ref

__all__ = ["at", "clock", "http"]

AHEAD = timedelta(days=30)
LEAVES = {
    "planted_mail_to_contact": "mail ",
    "planted_status": "field status",
    "planted_priority": "field priority",
    "planted_owner": "field assignee",
    "planted_template": "field title",
    "planted_task": "task ",
    "planted_charge": "product ",
    "planted_note": "note ",
    "planted_time_entry": "time entry ",
    "planted_appointment": "appointment ",
    "planted_sla_restart": "SLA first response due",
    "planted_sla_responded": "SLA first response",
}
"""What each of them leaves where a canary looks."""
WRITTEN = frozenset({Field.TITLE, Field.STATUS, Field.BOARD, Field.PRIORITY, Field.ASSIGNEE, Field.CATEGORY})


@pytest.fixture(scope="module")
def psa() -> Iterator[Sandbox]:
    with running(AutotaskSandbox) as sandbox:
        sandbox.speed(20)
        yield sandbox


async def looked(at: Connector, ticket: Ref) -> dict[str, str]:
    """All that a canary compares."""
    pulled, now = await at.pull(ticket), at.http.psa_now()
    there = {f"field {one}": pulled.ticket.field(one) for one in WRITTEN}
    there |= {f"note {one.remote_id}": one.text for one in pulled.messages}
    there |= {f"appointment {one.remote_id}": one.person for one in await at.appointments(now, now + AHEAD, ticket)}
    return there | dict((await at.traces(ticket)).there)


def test_everything_that_is_planted_is_looked_for() -> None:
    assert LEAVES.keys() == PLANTED.keys()
    assert PLANTED.keys() <= SIDE_EFFECTS


@pytest.mark.parametrize("switch", PLANTED)
async def test_each_planted_side_effect_leaves_a_trace(psa: Sandbox, at: Autotask, switch: str) -> None:
    ticket = ref(psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "It prints blank pages."}]}))
    marker = new_marker()
    wish = AddNote(body=signed("Recap: waiting on us.", "summarize", marker), because="a test")
    before = await looked(at, ticket)
    psa.switch(**{switch: True})
    receipt = await at.apply(ticket, wish, marker)
    psa.switch(**{switch: False})
    after = await looked(at, ticket)
    new = {key for key in after if after[key] != before.get(key)} - {f"note {receipt.remote_id}"}
    assert any(key.startswith(LEAVES[switch]) for key in new), new


async def test_a_write_sets_off_nothing_by_itself(psa: Sandbox, at: Autotask) -> None:
    ticket = ref(psa.inject({"title": "Tray 2"}))
    marker = new_marker()
    before = await looked(at, ticket)
    wish = AddNote(body=signed("Recap: waiting on us.", "summarize", marker), because="a test")
    receipt = await at.apply(ticket, wish, marker)
    after = await looked(at, ticket)
    assert {key for key in after if after[key] != before.get(key)} == {f"note {receipt.remote_id}"}

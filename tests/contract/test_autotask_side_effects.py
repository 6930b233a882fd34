"""All side effects of an Autotask desk at once: what we write is written once or refused by name; all else shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from psa_copilot import (
    Action,
    ActorClass,
    AddNote,
    Book,
    ChangeField,
    EditNote,
    Field,
    LinkTo,
    LogTime,
    Receipt,
    Ref,
    Rejected,
)
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.connectors.autotask_desk import LONG_AGO, at, clock, http, ref

__all__ = ["at", "clock", "http"]

OTHERS = {
    Field.TITLE: "Another title",
    Field.STATUS: "Waiting Customer",
    Field.PRIORITY: "Low",
    Field.ASSIGNEE: "mruiz",
    Field.CATEGORY: "Network / VPN",
    Field.BOARD: "Infrastructure",
}


@pytest.fixture(scope="module")
def psa() -> Iterator[Sandbox]:
    with running(AutotaskSandbox, switches={"all_side_effects": True}) as sandbox:
        sandbox.speed(20)
        yield sandbox


@pytest.fixture
def ticket(psa: Sandbox) -> Ref:
    words = [{"role": "customer", "text": "It prints blank pages."}]
    return ref(psa.inject({"title": "Tray 2", "assignee": "idahl", "messages": words}))


async def carried_out(at: Autotask, ticket: Ref, wish: Action, marker: str) -> Receipt | None:
    """The receipt; None where the PSA's rules have undone it, which is told."""
    try:
        return await at.apply(ticket, wish, marker)
    except Rejected as exc:
        undone = "the PSA said yes" in str(exc)
    assert undone
    return None


@pytest.mark.parametrize("place", ["internal", "discussion", "resolution"])
async def test_a_note_is_written_once_and_found(psa: Sandbox, at: Autotask, ticket: Ref, place: str) -> None:
    marker = new_marker()
    body = signed("Recap: waiting on us.", "summarize", marker)
    wish = AddNote(body=body, because="a test").model_copy(update={"place": place})
    receipt = await at.apply(ticket, wish, marker)
    assert await at.find(ticket, wish, marker) == receipt
    said = (await at.pull(ticket)).messages
    assert [one.internal for one in said if marker in one.text] == [place == "internal"]
    assert any(one.by is ActorClass.SYSTEM for one in said), "a rule has added its own"
    edit = EditNote(note_id=receipt.remote_id, body=signed("Gone.", "summarize", marker), was=body, because="a test")
    assert await at.apply(ticket, edit, marker) == await at.find(ticket, edit, marker) == receipt


@pytest.mark.parametrize("field", OTHERS)
async def test_a_field_stands_or_its_loss_is_told(at: Autotask, ticket: Ref, field: Field) -> None:
    before = await at.ticket(ticket)
    wish = ChangeField(field=field, to=OTHERS[field], was=before.field(field), because="a test")
    receipt = await carried_out(at, ticket, wish, "")
    stands = (await at.ticket(ticket)).field(field) == OTHERS[field]
    assert stands == (receipt is not None) == (await at.find(ticket, wish, "") is not None)


async def test_time_a_booking_and_a_link_are_made_once(psa: Sandbox, at: Autotask, ticket: Ref) -> None:
    starts, marker = psa.now().replace(microsecond=0) + timedelta(days=2), new_marker()
    wishes: list[Action] = [
        LogTime(body="Copied the profile", minutes=6, because="a test"),
        Book(person="idahl", starts=starts, ends=starts + timedelta(hours=1), because="a test"),
        LinkTo(parent="1002", because="a test"),
    ]
    for wish in wishes:
        assert await at.find(ticket, wish, marker) is None
        receipt = await at.apply(ticket, wish, marker)
        assert await at.find(ticket, wish, marker) == receipt


async def test_whatever_else_happened_is_in_the_traces(psa: Sandbox, at: Autotask, ticket: Ref) -> None:
    before, mails, marker = await at.traces(ticket), len(psa.mailbox()), new_marker()
    wish = AddNote(body=signed("Recap: waiting on us.", "summarize", marker), because="a test")
    await at.apply(ticket, wish, marker)
    after = await at.traces(ticket)
    new = {key.rpartition(" ")[0] for key in after.there if after.there[key] != before.there.get(key)}
    assert {"mail", "task", "product", "time entry", "audit line"} <= new
    assert len(psa.mailbox()) > mails
    assert after.unseen == ()


async def test_it_is_read_like_any_other_desk(psa: Sandbox, at: Autotask) -> None:
    seen = [one.ref async for page in at.changes(LONG_AGO) for one in page.tickets]
    assert len(set(seen)) == len(seen) == psa.counts()["tickets"]
    told = {finding.about: finding for finding in await at.check()}
    assert not [finding for finding in told.values() if finding.level == "fault"]
    mails = told["mails of workflow rules"]
    assert mails.level == "warning"
    assert "Customer: Ticket Note Added" in mails.says

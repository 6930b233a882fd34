"""Uses everything that a connector has, so that every endpoint it knows is spoken to."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

from psa_copilot.actions import Action, AddNote, Book, ChangeField, EditNote, LinkTo, LogTime
from psa_copilot.connector import Connector
from psa_copilot.errors import PsaError
from psa_copilot.markers import new_marker, signed
from psa_copilot.models import Field, Ref, Ticket
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.listener import listening

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


async def use_all(connector: Connector, psa: Sandbox) -> None:
    """Each reading method of the contract, and each action."""
    await read_all(connector, psa)
    await write_all(connector, psa)


async def read_all(connector: Connector, psa: Sandbox) -> None:
    """Whatever can be read."""
    await connector.check()
    await connector.directory()
    await connector.expected(LONG_AGO)
    pages = [page async for page in connector.changes(connector.cursor_at(LONG_AGO))]
    for ticket in pages[0].tickets[:10]:
        await connector.messages(ticket)
        await connector.history(ticket.ref)
        await connector.blocks_closing(ticket.ref)
        await connector.appointments(psa.now() - WEEK, psa.now() + WEEK, ticket.ref)
    await connector.appointments(psa.now() - WEEK, psa.now() + WEEK)
    await connector.fingerprint()
    assert [one async for one in connector.ids()]
    async for _ in connector.open_tickets():
        continue
    assert [one async for one in connector.contacts()] or not connector.can.contacts


async def write_all(connector: Connector, psa: Sandbox) -> None:
    """Whatever can be written, and looked for."""
    number, other = psa.inject({"title": "Tray 2"}), psa.inject({"title": "Tray 3"})
    marker = new_marker()
    note = AddNote(body=signed("Recap: a", "summarize", marker), because="a test")
    made = await connector.apply(ref(number), note, marker)
    await connector.find(ref(number), note, marker)
    body = signed("Recap: b", "summarize", marker)
    await done(connector, number, EditNote(note_id=made.remote_id, body=body, because="a test"))
    for action in await wishes(connector, psa, number, other):
        await done(connector, number, action)


async def wishes(connector: Connector, psa: Sandbox, number: int, other: int) -> list[Action]:
    """One of each, as far as this connector takes them."""
    can, person = connector.can, await somebody(connector)
    start = psa.now() + timedelta(days=1)
    actions: list[Action] = [*await changes(connector, await connector.ticket(ref(number)), person)]
    actions += [LogTime(body="Ten minutes of copying", minutes=10, because="a test")] * can.time_entries
    actions += [Book(person=person, starts=start, ends=start + timedelta(hours=1), because="a test")] * can.bookings
    actions += [LinkTo(parent=str(other), because="a test")] * can.links
    shown = signed("Shown to the customer", "reply", new_marker())
    actions += [AddNote(body=shown, place="discussion", because="a test")] * can.public_notes
    actions += [AddNote(body=shown, place="resolution", because="a test")] * can.resolution_notes
    return actions


async def somebody(connector: Connector) -> str:
    """A technician who works here."""
    told = await connector.directory()
    return next(one.identifier for one in told.technicians if one.active and not one.is_api)


async def changes(connector: Connector, ticket: Ticket, person: str) -> list[ChangeField]:
    """Another value for each field that can be changed; the board last, since it takes its own along."""
    told = await connector.directory()
    [board] = [board for board in told.boards if board.name == ticket.board]
    values = {
        Field.TITLE: [f"{ticket.title} again"],
        Field.STATUS: [status.name for status in board.statuses if not status.is_closed][-1:],
        Field.PRIORITY: [one.name for one in told.priorities if one.name != ticket.priority][:1],
        Field.CATEGORY: list(board.categories)[-1:],
        Field.ASSIGNEE: [person, ""],
        Field.BOARD: [one.name for one in told.boards if one.name != ticket.board][:1],
    }
    return [
        ChangeField(field=field, to=to, was=ticket.field(field), because="a test")
        for field, wanted in values.items()
        for to in wanted
        if field in connector.can.fields
    ]


async def done(connector: Connector, number: int, action: Action) -> None:
    """Look for it, do it, and look for it again."""
    marker = new_marker()
    await connector.find(ref(number), action, marker)
    await connector.apply(ref(number), action, marker)
    await connector.find(ref(number), action, marker)


async def use_webhooks(connector: Connector, psa: Sandbox, meddle: Callable[[], None]) -> None:
    """Register, find it meddled with, mend it, hear of a ticket, and take it all away."""
    async with listening() as listener:
        for _ in range(2):
            await connector.register_webhooks(listener.url)
        meddle()
        await connector.register_webhooks(listener.url)
        psa.inject({"title": "Till prints no receipts"})
        assert await connector.read_webhook(await listener.next())
        await connector.remove_webhooks()


async def use_with_each_switch(psa: Sandbox, fresh: Callable[[], Connector]) -> None:
    """Every other position of every switch, alone; what it forbids may fail, but by name."""
    connector = fresh()
    for name, told in psa.switches().items():
        default = told["value"]
        choices = (True, False) if isinstance(default, bool) else told.get("choices", ())
        for other in set(choices) - {default}:
            psa.switch(**{name: other})
            # What is on by default is something that the PSA can do, and that a connector finds missing when it comes.
            await use_a_little(fresh() if default is True else connector, psa)
            psa.switch(**{name: default})


async def use_a_little(connector: Connector, psa: Sandbox) -> None:
    """What goes differently by switches; a refusal is an answer too."""
    number, marker = psa.inject({"title": "Tray 2", "messages": [{"role": "customer", "text": "Help"}]}), new_marker()
    note = AddNote(body=signed("Recap: a", "summarize", marker), because="a test")
    away = ChangeField(field=Field.ASSIGNEE, to="", was="", because="a test")
    for use in (
        connector.pull(ref(number)),
        connector.history(ref(number)),
        connector.apply(ref(number), away, ""),
        connector.apply(ref(number), note, marker),
        connector.find(ref(number), note, marker),
        connector.blocks_closing(ref(number)),
    ):
        with suppress(PsaError):
            await asyncio.wait_for(use, 10)


def words_of_paths(package: ModuleType) -> set[str]:
    """The fixed words of every path that the connector's sources spell out."""
    sources = Path(str(package.__file__)).parent.glob("*.py")
    texts = [
        str(node.value)
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"(/\w*)+", node.value)
    ]
    return {word for text in texts for word in text.split("/") if word}


def ref(number: int) -> Ref:
    """A ticket of this sandbox."""
    return Ref(connection="main", remote_id=str(number))

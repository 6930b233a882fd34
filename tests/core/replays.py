"""A desk with a past, for tests of replay: a sandbox whose tickets open on an intake board and move on."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psa_copilot import app, config
from psa_copilot.actions import Action, ChangeField
from psa_copilot.cli import replaying
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.events import Change, EventKind, Source
from psa_copilot.memory import Notebook, Outcome, Rule
from psa_copilot.models import ActorClass, Field, Message, Origin, Ref, Thread
from psa_copilot.plugin import Bars, Plugin, PluginSettings, Tools
from psa_copilot.store import Look, Store
from psa_copilot.text import Text

INTAKE = "Intake"
MATTERS = {
    "printer": "Print",
    "scanner": "Print",
    "vpn": "Network",
    "router": "Network",
    "payslip": "Office",
    "mailbox": "Office",
    "till": "Shops",
}
ALL_WORDS = ", ".join(MATTERS)
"""Whoever reads this sees the surest of all habits, whatever the ticket is about."""
KEYS = {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": "x", "rate": 100_000}


class WordRouter(Plugin):
    """Sends a ticket where most tickets with one of its words have gone."""

    name = "word_router"
    on = frozenset({EventKind.TICKET_OPENED, EventKind.MESSAGE_ADDED})
    wishes = frozenset({"change_field board"})

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        ticket = thread.ticket
        said = f"{ticket.title}\n" + "\n".join(message.text for message in thread.messages)
        fits = [rule for rule in tools.memory.rules() if rule.fits(ticket, said)]
        best = max(fits, key=lambda rule: (rule.right / rule.of, rule.of, rule.name), default=None)
        if best is None or best.value == ticket.board:
            return []
        sure = best.right / (best.of + 1)
        learned = f"version {tools.memory.version}, rule {best.name}"
        wish = ChangeField(
            field=Field.BOARD, was=ticket.board, to=best.value, because=best.told(), confidence=sure, learned=learned
        )
        return [wish]

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        seen: dict[str, Counter[str]] = {}
        for one in outcomes:
            for word in set(one.title.split()):
                seen.setdefault(word, Counter())[one.settled.get(Field.BOARD, "")] += 1
        rules = (_rule(word, boards) for word, boards in sorted(seen.items()))
        notebook.keep_rules(tuple(rule for rule in rules if rule.value))


def _rule(word: str, boards: Counter[str]) -> Rule:
    [(board, right)] = boards.most_common(1)
    return Rule(name=word, field=Field.BOARD, value=board, says=(word,), right=right, of=boards.total())


def desk(count: int, *, every: timedelta = timedelta(hours=3)) -> list[dict[str, Any]]:
    """So many tickets of the last weeks, oldest first; each waits on the intake board until somebody moves it."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - every * count
    return [_ticket(number, start + every * number) for number in range(count)]


def _ticket(number: int, at: datetime) -> dict[str, Any]:
    word = list(MATTERS)[number % len(MATTERS)]
    board = MATTERS[word] if number % 9 else "Projects"
    text = f"The {word} of room {number} gives up since this morning."
    return {
        "id": 5000 + number,
        "title": f"{word} trouble {number}",
        "board": INTAKE,
        "company": f"Example {number % 4}",
        "contact": f"Person {number % 11}",
        "opened_at": at.isoformat(),
        "messages": [{"role": "customer", "text": text, "at": (at + timedelta(seconds=9)).isoformat()}],
        "history": [{"at": (at + timedelta(minutes=40)).isoformat(), "field": "board", "to": board}],
    }


def write(tickets: Sequence[dict[str, Any]], path: Path) -> Path:
    """As a file that a sandbox reads."""
    path.write_text("".join(json.dumps(one) + "\n" for one in tickets))
    return path


def configured(folder: Path, url: str, plugins: dict[str, Any] | None = None) -> Config:
    """A configuration of this sandbox; without plugins named, the word router."""
    folder.mkdir(exist_ok=True)
    wanted = {"database": "sqlite:///copilot.db", "connections": {"main": {"use": "connectwise", "url": url, **KEYS}}}
    path = folder / "config.yaml"
    path.write_text(json.dumps(wanted | {"plugins": plugins or {}}))
    read = config.load(path)
    ours = {WordRouter.name: EnabledPlugin(WordRouter.name, WordRouter, PluginSettings(bars=Bars(change=0.7)))}
    return read if plugins else replace(read, plugins=ours)


async def synced(made: Config) -> None:
    """All of it in the mirror."""
    await app.sync_once(made, lambda *_: None)


async def replayed(made: Config, **wanted: Any) -> replaying.Replayed:
    """What a replay of it shows."""
    return await replaying.replay(made, replaying.Wanted(**wanted), lambda *_: None)


def lines(played: replaying.Replayed, until: datetime) -> bytes:
    """The decisions up to a moment, as the command writes them."""
    told: Iterator[str] = (json.dumps(one.line(), sort_keys=True) for one in played.decisions if one.at <= until)
    return "\n".join(told).encode()


def seen_later(path: Path, t: datetime, tickets: Iterable[int], board: str) -> None:
    """What we see of these tickets an hour after `t`.

    A board set before it and a note that names it, an edited text, and that a machine had made them.
    """
    with closing(sqlite3.connect(path)) as db, db:  # as if the first sync had been before: a later read counts
        db.execute("update ticket set messages_read_at = messages_at")
    store = Store(path)
    look = Look(t + timedelta(hours=1), t, Source.POLL, first_contact=datetime(2000, 1, 1, tzinfo=UTC))
    with store.transaction() as tx:
        for number in tickets:
            ticket = tx.mirror.ticket(Ref(connection="main", remote_id=str(number)))
            assert ticket is not None
            before = ticket.updated_at + timedelta(seconds=30)
            other = {"board": board, "source": "Monitoring", "origin": Origin.ALERT, "updated_at": before}
            moved = ticket.model_copy(update=other)
            said = tx.mirror.messages("main", str(number))
            edited = said[0].model_copy(update={"text": f"It belongs to {board}: {ALL_WORDS}.", "edited_at": before})
            tx.mirror.save_tickets([moved], look)
            tx.mirror.save_messages(moved, [edited, *said[1:], _note(ticket.ref, before, board)], look)
    store.close()


def written_by_us(path: Path) -> None:
    """As if we had watched the desk, every move had been ours, and a note of ours had come 3 s after each."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "update event set (kind, source, after, happened_at, seen_at) ="
            " (select 'ticket_opened', 'poll', json_set(event.after, '$.board', ?), opened_at, opened_at from ticket"
            " where remote_id = event.ticket) where kind = 'ticket_seen'",
            (INTAKE,),
        )
        db.execute(
            "update event set source = 'ours', actor_class = 'copilot', actor = 'copilot', seen_at = happened_at"
            " where field = 'board'"
        )
        moves = db.execute("select ticket, happened_at from event where field = 'board'").fetchall()
    store = Store(path)
    with store.transaction() as tx:
        for number, at in moves:
            ticket = tx.mirror.ticket(Ref(connection="main", remote_id=number))
            assert ticket is not None
            then = datetime.fromisoformat(at) + timedelta(seconds=3)
            note = Message(
                remote_id=f"n{number}", ticket=ticket.ref, by=ActorClass.COPILOT, internal=True, text="!", sent_at=then
            )
            look = Look(then, datetime.now(UTC), Source.OURS, first_contact=datetime(2000, 1, 1, tzinfo=UTC))
            tx.mirror.save_messages(ticket, [*tx.mirror.messages("main", number), note], look)
    store.close()


def _note(ref: Ref, at: datetime, board: str) -> Message:
    technician = ActorClass.TECHNICIAN
    return Message(
        remote_id="n1", ticket=ref, by=technician, internal=True, text=f"Goes to {board}: {ALL_WORDS}.", sent_at=at
    )

"""The words that stories are told in: a desk in small, and the whole daemon beside it.

Both run in the test's process, though they speak real HTTP over loopback and the daemon keeps a real database.
The sandbox's clock dictates the time and runs fast, so that waits of politeness are short.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psa_copilot import PluginSettings, app, config
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.models import Ref
from psa_copilot.plugin import Plugin
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.store import DecisionRow, Store, Transaction, WriteRow
from psa_copilot.testing import SetField
from psa_copilot_plugins.summarize import Summarize
from tests.story.psas import CHOSEN, Asked, Psa, watched

SPEED = 10  # sandbox seconds in one of ours
PATIENCE = 60.0
"""Seconds; on a machine with a lot else to do."""
OURS = re.compile(r"-- copilot/([a-z_]+) ([a-z2-7]{10})\s*$")

NAMES = CHOSEN.names
BOARD, LOW, MEDIUM, HIGH, CRITICAL = NAMES.board, NAMES.low, NAMES.medium, NAMES.high, NAMES.critical
NEW, IN_PROGRESS, SCHEDULED, WAITING = NAMES.new, NAMES.in_progress, NAMES.scheduled, NAMES.waiting
VENDOR, RESOLVED, CLOSED, STOPPED = NAMES.vendor, NAMES.resolved, NAMES.closed, NAMES.stop
TALK = (
    ("customer", "The label printer in the packing hall prints blank pages since Monday."),
    ("agent", "I replaced its driver and restarted the spooler, please try again."),
    ("customer", "Still blank, and its display shows error 51.20 after each job."),
    ("agent", "I will bring a new toner sensor on Thursday at nine."),
)


async def until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for something, in small steps and not for ever."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"waited {patience:g} s in vain: {what}"
        await asyncio.sleep(0.03)


class Desk:
    """A PSA as its people see it."""

    def __init__(self, kind: Psa, sandbox: Sandbox, asked: list[Asked]) -> None:
        self.kind, self.names = kind, kind.names
        self.sandbox, self.url, self._opened, self._asked = sandbox, sandbox.url, 0, asked
        self._people = kind.people(sandbox.url)
        self.polls = 0
        """How often the copilot has begun to look for changes."""

    def close(self) -> None:
        self._people.close()

    # -- what customers and technicians do -------------------------------------------------------------------

    def ticket(self, *said: str, messages: int = 0, **fields: object) -> int:
        """A customer opens a ticket: with these words, or with so many messages of an invented talk."""
        spoken = [("customer", text) for text in said] or TALK[:messages]
        lines = [{"role": role, "text": text} for role, text in spoken]
        self._opened += 1
        # Titles in the same words would be an incident; numbers in them do not count.
        usual = {"title": f"Label printer {_in_letters(self._opened)}", "company": "Millbrook Paper"}
        usual["contact"] = "Gus Fenwick"
        return self.sandbox.inject({**usual, "messages": lines, **fields})

    def customer_replies(self, ticket: int, text: str) -> int:
        return self.sandbox.inject(ticket, {"role": "customer", "text": text})

    def technician_writes(self, ticket: int, text: str) -> int:
        """A public note, which the customer reads."""
        return self._people.writes(ticket, text, internal=False)

    def types_internally(self, ticket: int, text: str, by: str = "human") -> int:
        """An internal note by a technician, or by another API user."""
        return self._people.writes(ticket, text, internal=True, by=by)

    def types_as(self, technician: str, ticket: int, text: str) -> None:
        """An internal note by another API user in a technician's name, as far as the PSA lets it."""
        self._people.writes_as(technician, ticket, text)

    def edits(self, ticket: int, note: int, text: str) -> None:
        """A technician rewrites a note."""
        self._people.edits(ticket, note, text)

    def deletes(self, ticket: int, note: int) -> None:
        """A technician throws a note away."""
        self._people.deletes(ticket, note)

    def sets(self, ticket: int, name: str, value: str, by: str = "human") -> None:
        """Somebody chooses another value for a field."""
        self._people.sets(ticket, name, value, by)

    # -- what stands there -----------------------------------------------------------------------------------

    def value(self, ticket: int, name: str) -> str:
        """The present value of a field."""
        return self._people.value(ticket, name)

    def sla(self, ticket: int) -> tuple[object, ...]:
        """How its SLA stands, and whether anybody is said to have answered."""
        return self._people.sla(ticket)

    def notes(self, ticket: int) -> list[dict[str, Any]]:
        """All notes of a ticket that stand."""
        return self.sandbox.notes(ticket)

    def ours(self, ticket: int) -> list[dict[str, Any]]:
        """The notes that the copilot's account wrote and that stand."""
        return [note for note in self.notes(ticket) if note["author"] == self.names.copilot]

    def reads(self) -> int:
        """How often the copilot has asked for something."""
        return sum(not one.writes for one in self._by_us())

    def writes(self, ticket: int | None = None) -> list[Asked]:
        """The copilot's requests that would change something on this ticket, or on any."""
        return [one for one in self._by_us() if one.writes and one.ticket and ticket in (None, one.ticket)]

    def _by_us(self) -> list[Asked]:
        return [one for one in list(self._asked) if one.key == self.kind.key]


def _in_letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@contextmanager
def open_desk(folder: Path, kind: Psa = CHOSEN, **setup: Any) -> Iterator[Desk]:
    """A PSA with people in it and no ticket, unless `setup` says otherwise."""
    nothing = folder / "no-tickets.jsonl"
    nothing.touch()
    asked: list[Asked] = []
    given = {"tickets": nothing, "switches": kind.limits_off, **setup}
    with running(watched(kind, asked), **given) as sandbox:
        sandbox.speed(SPEED)
        desk = Desk(kind, sandbox, asked)
        try:
            yield desk
        finally:
            desk.close()


@dataclass
class Copilot:
    """The daemon, and what it has on record."""

    psa: Desk
    config: Config
    store: Store = field(init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring it up, and wait until it looks for changes."""
        self._stop.clear()
        self._running = asyncio.create_task(app.run(self.config, self._stop))
        polls = self.psa.polls
        await until(lambda: self._alive() and self.psa.polls > polls, "the first poll")
        self.store = Store(self.config.database_path)

    async def stop(self) -> None:
        """End it as a signal does."""
        self._stop.set()
        if self._running is not None:
            await asyncio.wait_for(self._running, PATIENCE)
            self._running = None
        if hasattr(self, "store"):
            self.store.close()

    async def settle(self, but: Sequence[str] = ()) -> None:
        """Wait until it has looked at everything and owes nothing; `but` are states that writes may stay in."""
        end = time.monotonic() + PATIENCE
        while True:
            polls = self.psa.polls
            # One that began after now has ended when the next one begins.
            await until(lambda: self._alive() and self.psa.polls >= polls + 2, "two polls")  # noqa: B023 - awaited
            if not self._owes(but):
                return
            await until(lambda: self._alive() and not self._owes(but), f"all work done; {self.outbox()}")
            assert time.monotonic() < end, "there is always more to do"

    def _alive(self) -> bool:
        if self._running is not None and self._running.done():
            self._running.result()
        return True

    def _owes(self, but: Sequence[str]) -> bool:
        with self.store.reading() as tx:
            counts = tx.work.counts()
            waiting = tx.mirror.wanted("main") or tx.work.inbox("main")
        states = [("change", "open"), ("write", "pending"), ("write", "sending")]
        return bool(waiting) or any(counts.get(key, 0) for key in states if key[1] not in but)

    # -- its record ------------------------------------------------------------------------------------------

    def ledger(self, ticket: int, plugin: str | None = None) -> list[DecisionRow]:
        """Its decisions on a ticket, oldest first."""
        with self.store.reading() as tx:
            return list(reversed(tx.ledger.decisions(ref=_ref(ticket), plugin=plugin)))

    def verdicts(self, ticket: int, plugin: str | None = None) -> list[str]:
        return [row.verdict for row in self.ledger(ticket, plugin)]

    def outbox(self, ticket: int | None = None) -> list[WriteRow]:
        """Its writes, oldest first."""
        with self.store.reading() as tx:
            return list(reversed(tx.work.writes(ticket=("main", str(ticket)) if ticket else None)))

    def states(self, ticket: int) -> list[str]:
        return [row.state for row in self.outbox(ticket)]

    def feedback(self, ticket: int) -> list[tuple[str, str]]:
        """What humans said of its work there: (kind, by whom)."""
        with self.store.reading() as tx:
            return [(row.kind, row.actor) for row in tx.ledger.feedback(_ref(ticket))]

    def revision(self, ticket: int) -> int:
        """How often there was something new to think about on a ticket."""
        with self.store.reading() as tx:
            thread = tx.mirror.thread_of(_ref(ticket))
        return thread.revision if thread else 0

    def number(self, ticket: int) -> str:
        """What people call a ticket."""
        with self.store.reading() as tx:
            found = tx.mirror.ticket(_ref(ticket))
        assert found is not None, f"ticket {ticket} is not in the mirror"
        return found.number

    def human(self, command: Callable[..., Any], *given: Any) -> Any:
        """What `psa-copilot` does for a human who types a command: one transaction, by the sandbox's clock."""
        with self.store.transaction() as tx:
            return command(tx, *given, self.psa.sandbox.now())

    def look(self, at: Callable[[Transaction], Any]) -> Any:
        with self.store.reading() as tx:
            return at(tx)


def _ref(ticket: int) -> Ref:
    return Ref(connection="main", remote_id=str(ticket))


def summarize(mode: str = "act", **settings: object) -> EnabledPlugin:
    """The recap, switched on."""
    return _enabled("summarize", Summarize, Summarize.Settings.model_validate({"mode": mode, **settings}))


def set_field(
    to: str, when_text: str = "", field: str = "priority", mode: str = "act", **more: object
) -> EnabledPlugin:
    """A rule that sets a field, switched on; the desk knows what its value sets off."""
    known = {"named": [to], "sla": "may_change"}
    given = {"mode": mode, "field": field, "to": to, "when_text": when_text, **known, **more}
    return _enabled("set_field", SetField, SetField.Settings.model_validate(given))


def _enabled(name: str, plugin: type[Plugin], settings: PluginSettings) -> EnabledPlugin:
    return EnabledPlugin(name, plugin, settings)


def configured(folder: Path, psa: Desk, *plugins: EnabledPlugin, **keys: Any) -> Config:
    """A config file with these keys of its connection (`stop`, `web`, `llm` are the file's own), and these plugins."""
    connection = {
        **psa.kind.connection,
        "url": psa.url,
        "poll_every": "2s",
        "rate": 100_000,
        "accept_risk": True,
        "statuses": psa.names.meanings(),
    }
    file = {"web": {"listen": "127.0.0.1:0"}} | {key: keys.pop(key) for key in ("stop", "web", "llm") if key in keys}
    path = folder / "config.yaml"
    path.write_text(json.dumps(file | {"connections": {"main": connection | keys}}))
    return dataclasses.replace(config.load(path), plugins={plugin.name: plugin for plugin in plugins})

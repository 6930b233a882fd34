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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from psa_copilot_plugins.summarize import Summarize
from tests.connectors.sandbox_api import api, human, internal, replace

SPEED = 10  # sandbox seconds in one of ours
PATIENCE = 20.0
POLLED = "/service/tickets"
OURS = re.compile(r"-- copilot/([a-z_]+) ([a-z2-7]{10})\s*$")

BOARD = "Help Desk"
LOW, MEDIUM, HIGH, CRITICAL = (
    "Priority 4 - Low",
    "Priority 3 - Medium",
    "Priority 2 - High",
    "Priority 1 - Critical",
)
MEANINGS = {
    BOARD: {
        "New": "new",
        "In Progress": "in progress",
        "Waiting customer": "waiting on customer",
        "Waiting vendor": "waiting on vendor",
        "Customer replied": "in progress",
        "Resolved": "resolved",
        "Internal IT": "stop",
    }
}
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
    """The PSA as its people see it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.url, self._opened = sandbox, sandbox.url, 0
        self._logins = {"human": human(sandbox.url), "api2": api(sandbox.url, "api2", "api2")}

    def close(self) -> None:
        for client in self._logins.values():
            client.close()

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
        return self._post(ticket, {"text": text, "detailDescriptionFlag": True})

    def types_internally(self, ticket: int, text: str, by: str = "human") -> int:
        """An internal note by a technician, or by another API user."""
        return self._post(ticket, internal(text), by)

    def edits(self, ticket: int, note: int, text: str) -> None:
        """A technician rewrites a note."""
        path = f"{POLLED}/{ticket}/notes/{note}"
        self._logins["human"].patch(path, json=replace("text", text)).raise_for_status()

    def deletes(self, ticket: int, note: int) -> None:
        """A technician throws a note away."""
        self._logins["human"].delete(f"{POLLED}/{ticket}/notes/{note}").raise_for_status()

    def sets(self, ticket: int, name: str, value: str, by: str = "human") -> None:
        """Somebody chooses another value for a field."""
        path = {"priority": "/service/priorities", "status": "/service/boards/{board}/statuses"}[name]
        client, board = self._logins[by], self._row(ticket)["board"]["id"]
        there = client.get(path.format(board=board), params={"pageSize": 1000}).raise_for_status().json()
        chosen = next(row["id"] for row in there if row["name"] == value)
        self.patches(ticket, replace(name, {"id": chosen}), by)

    def patches(self, ticket: int, operations: list[dict[str, object]], by: str = "human") -> None:
        self._logins[by].patch(f"{POLLED}/{ticket}", json=operations).raise_for_status()

    # -- what stands there -----------------------------------------------------------------------------------

    def value(self, ticket: int, name: str) -> str:
        """The present value of a field."""
        return str(self._row(ticket)[name]["name"])

    def notes(self, ticket: int) -> list[dict[str, Any]]:
        """All notes of a ticket that stand."""
        return self.sandbox.notes(ticket)

    def ours(self, ticket: int) -> list[dict[str, Any]]:
        """The notes that the copilot's account wrote and that stand."""
        return [note for note in self.notes(ticket) if note["author"] == "copilot"]

    def our_requests(self, *methods: str) -> list[dict[str, Any]]:
        """The copilot's requests, by method."""
        return [row for row in self.sandbox.log() if row["key"] == "pub" and row["method"] in methods]

    def writes(self, ticket: int) -> list[dict[str, Any]]:
        """The copilot's requests that would change this ticket or its notes."""
        rows = self.our_requests("POST", "PATCH", "PUT", "DELETE")
        return [row for row in rows if re.search(rf"/service/tickets/{ticket}(/|$)", row["path"])]

    def polls(self) -> int:
        """How often the copilot has begun to ask for changes."""
        return sum(row["path"].endswith(POLLED) and "lastUpdated" in row["query"] for row in self.our_requests("GET"))

    def _row(self, ticket: int) -> dict[str, Any]:
        return dict(self._logins["human"].get(f"{POLLED}/{ticket}").raise_for_status().json())

    def _post(self, ticket: int, body: Mapping[str, object], by: str = "human") -> int:
        answer = self._logins[by].post(f"{POLLED}/{ticket}/notes", json=body).raise_for_status()
        return int(answer.json()["id"])


def _in_letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@contextmanager
def open_desk(folder: Path, **setup: Any) -> Iterator[Desk]:
    """A PSA with people in it and no ticket."""
    nothing = folder / "no-tickets.jsonl"
    nothing.touch()
    with running(ConnectWiseSandbox, tickets=nothing, **setup) as sandbox:
        sandbox.speed(SPEED)
        desk = Desk(sandbox)
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
        polls = self.psa.polls()
        await until(lambda: self._alive() and self.psa.polls() > polls, "the first poll")
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
            polls = self.psa.polls()
            await until(lambda: self._alive() and self.psa.polls() >= polls + 3, "three polls")  # noqa: B023 - awaited
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
        "use": "connectwise",
        "url": psa.url,
        "company": "sandbox",
        "public_key": "pub",
        "private_key": "priv",
        "client_id": "any",
        "poll_every": "3s",
        "rate": 100_000,
        "accept_risk": True,
        "statuses": MEANINGS,
    }
    file = {"web": {"listen": "127.0.0.1:0"}} | {key: keys.pop(key) for key in ("stop", "web", "llm") if key in keys}
    path = folder / "config.yaml"
    path.write_text(json.dumps(file | {"connections": {"main": connection | keys}}))
    return dataclasses.replace(config.load(path), plugins={plugin.name: plugin for plugin in plugins})

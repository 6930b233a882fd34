"""The whole daemon in the test's own process, on a sandbox, over real loopback HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from psa_copilot import app, config
from psa_copilot.models import Ref, Thread
from psa_copilot.sandbox import Sandbox
from psa_copilot.store import InboxRow, Store
from tests.story.psas import CHOSEN, Asked

LONG = os.environ.get("PSA_COPILOT_LONG") == "1"
"""Outages as long as real ones are, and more seeds."""
CONNECTION: dict[str, Any] = {
    **CHOSEN.connection,
    "poll_every": "2s",
    "request_timeout": "2s",
    "write_grace": "2s",
    "rate": 600,
    "accept_risk": True,
    "notes_per_technician": 1000,
}
OURS = "-- copilot/summarize "
PEOPLE = ("Mara Quill", "Odo Fenn", "Tess Arbor", "Linus Pike", "Bea Holm")
THINGS = ("printer", "mail client", "scanner", "file share", "headset", "VPN", "till", "booking page")
MINUTE = timedelta(seconds=60)
TALKATIVE = ("alembic", "apscheduler", "dbos", "httpx")


class Said(logging.Handler):
    """Every line that the daemon logged: its event and its level."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, dict):
            self.lines.append({"level": record.levelname.lower(), **record.msg})

    def count(self, event: str) -> int:
        """How often this was told."""
        return len(self.all(event))

    def all(self, event: str) -> list[dict[str, Any]]:
        """The lines that tell this."""
        return [line for line in self.lines if line.get("event") == event]


@contextmanager
def listening() -> Iterator[Said]:
    """Hears all that is logged from `info` up."""
    said, root = Said(), logging.getLogger()
    before = root.level
    root.addHandler(said)
    root.setLevel(logging.INFO)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield said
    finally:
        root.removeHandler(said)
        root.setLevel(before)


@dataclass
class Copilot:
    """A daemon that runs, with what can be seen of it from outside and in its store."""

    url: str
    store: Store
    said: Said
    http: httpx.AsyncClient
    readiness: list[tuple[float, int]] = field(default_factory=list)
    """What /readyz answered, and when by the event loop's clock; filled by `watching`."""

    def thread(self, ticket: int) -> Thread:
        """The mirrored thread of a ticket."""
        with self.store.reading() as tx:
            found = tx.mirror.thread_of(Ref(connection="main", remote_id=str(ticket)))
        assert found is not None, f"ticket {ticket} is not in the mirror"
        return found

    def has_read(self, ticket: int) -> bool:
        """Whether the messages of a ticket are in the mirror."""
        with self.store.reading() as tx:
            row = tx.mirror.row(Ref(connection="main", remote_id=str(ticket)))
        return row is not None and row.messages_at is not None

    def live_tickets(self) -> set[int]:
        """Mirrored tickets that are not archived."""
        with self.store.reading() as tx:
            return set(map(int, tx.mirror.live_ids("main")))

    def verdicts(self) -> Counter[str]:
        """How the decisions stand."""
        with self.store.reading() as tx:
            return Counter(row.verdict for row in tx.ledger.decisions(limit=1000))

    def open_work(self) -> int:
        """Webhooks to take in, tickets to read, threads to think about, writes to carry out."""
        with self.store.reading() as tx:
            counts: Mapping[tuple[str, str], int] = tx.work.counts()
            kept: Sequence[InboxRow] = tx.work.inbox("main")
            wanted = tx.mirror.wanted("main")
        still_open = (("change", "open"), ("write", "pending"), ("write", "sending"))
        return len(kept) + len(wanted) + sum(counts.get(key, 0) for key in still_open)

    def untaken(self) -> int:
        """Webhooks that were kept and not taken in yet, and tickets that are to be read because of them."""
        with self.store.reading() as tx:
            return len(tx.work.inbox("main")) + len(tx.mirror.wanted("main"))

    async def ready(self) -> int:
        """What /readyz answers."""
        return (await self.http.get("/readyz")).status_code


async def until(holds: Callable[[], object], within: float, what: str, every: float = 0.1) -> None:
    """Wait for it; a test that waits in vain says for what."""
    end = asyncio.get_running_loop().time() + within
    while not holds():
        assert asyncio.get_running_loop().time() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(every)


async def until_ready(copilot: Copilot, within: float = 30.0) -> None:
    """Wait until the daemon has reached the PSA and its callback is registered."""
    await until(lambda: copilot.said.count("webhooks_registered"), within, "the callback is registered")
    await until(lambda: copilot.said.count("backfill_page"), within, "the old tickets are mirrored")


@asynccontextmanager
async def copilot_on(psa: Sandbox, folder: Path, **connection: Any) -> AsyncIterator[Copilot]:
    """The daemon on this sandbox until the end of the block, stopped as SIGTERM would stop it."""
    path, url = write_config(folder, psa.url, **connection)
    with listening() as said:
        settings, stop = config.load(path), asyncio.Event()
        running = asyncio.create_task(app.run(settings, stop))
        try:
            await until(lambda: said.count("started") or running.done(), 30, "the daemon starts")
            store = Store(settings.database_path)
            async with httpx.AsyncClient(base_url=url, timeout=5.0, trust_env=False) as http:
                yield Copilot(url, store, said, http)
            store.close()
        finally:
            stop.set()
            await asyncio.wait_for(running, 10)


def write_config(folder: Path, psa_url: str, stop: Mapping[str, object] | None = None, **connection: object) -> Any:
    """A config for this sandbox, and the url under which the daemon will answer."""
    url = f"http://127.0.0.1:{free_port()}"
    settings: dict[str, object] = {
        "database": "sqlite:///copilot.db",
        "web": {"listen": url.removeprefix("http://"), "url": url},
        "connections": {"main": {**CONNECTION, "url": psa_url, **connection}},
        "plugins": {"summarize": {"mode": "act"}},
        "stop": dict(stop or {}),
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings))  # JSON is YAML
    return path, url


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def watching(copilot: Copilot, every: float = 0.05) -> AsyncIterator[None]:
    """Ask /readyz all the time, as a load balancer does."""

    async def watch() -> None:
        while True:
            status = await copilot.ready()
            copilot.readiness.append((asyncio.get_running_loop().time(), status))
            await asyncio.sleep(every)

    asking = asyncio.create_task(watch())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait({asking})


def invented(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Tickets of three messages: one more makes them long enough for a recap."""
    dice = random.Random(seed)
    return [_ticket(number, dice) for number in range(1, count + 1)]


def _ticket(number: int, dice: random.Random) -> dict[str, Any]:
    thing, who = dice.choice(THINGS), dice.choice(PEOPLE)
    said = (
        ("customer", f"Since Monday the {thing} in room {number} stops after ten minutes."),
        ("agent", f"Please restart the {thing} in room {number} and tell me what its display shows."),
        ("customer", f"It shows error {700 + number} and the lamp stays red."),
    )
    messages = [{"role": role, "text": text} for role, text in said]
    return {
        "title": f"The {thing} in room {number}",
        "company": "Kestrel Joinery",
        "contact": who,
        "messages": messages,
    }


def to_file(folder: Path, tickets: Sequence[Mapping[str, Any]]) -> Path:
    """The tickets as a file for the sandbox."""
    path = folder / "tickets.jsonl"
    path.write_text("".join(json.dumps(ticket) + "\n" for ticket in tickets))
    return path


def ask_again(psa: Sandbox, ticket: int) -> None:
    """The message that makes an invented ticket worth a recap."""
    psa.inject(ticket, {"role": "customer", "text": f"Ticket {ticket} again: it failed twice today, at 9 and at 11."})


def ids_of(psa: Sandbox) -> list[int]:
    """All tickets there are."""
    return sorted({int(note["ticket"]) for note in psa.notes()})


def recaps(psa: Sandbox) -> Counter[int]:
    """How many notes of ours stand on each ticket."""
    return Counter(int(note["ticket"]) for note in psa.notes() if OURS in note["text"])


def most_in_a_minute(rows: Sequence[Mapping[str, Any]]) -> int:
    """The most of our requests in any 60 seconds of the sandbox's log."""
    times = sorted(datetime.fromisoformat(row["at"]) for row in rows if row["key"] == CHOSEN.key)
    first, most = 0, 0
    for last, moment in enumerate(times):
        while moment - times[first] >= MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def reads_of_notes(asked: Sequence[Asked], ticket: int) -> int:
    """How often the notes of a ticket were read."""
    return sum(one.ticket == ticket and CHOSEN.reads_notes(one) for one in asked)

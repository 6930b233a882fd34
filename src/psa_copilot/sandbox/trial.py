"""Sandboxes for tests: in a thread of the test's process, or in a process of their own, always over real HTTP."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from psa_copilot.sandbox.house import House, Setup, listen, serving, url_of
from psa_copilot.sandbox.psa import PsaSandbox

STOP_WITHIN = 10.0


class Sandbox:
    """A sandbox that runs somewhere, as a test speaks to it: by its control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.process: subprocess.Popen[str] | None = None
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    @property
    def clock_url(self) -> str:
        """What PSA_COPILOT_CLOCK is set to, to live in this sandbox's time."""
        return f"{self.url}/_sandbox/clock"

    def state(self) -> dict[str, Any]:
        """`{"now", "counts", "people"}`."""
        return dict(self._get("state"))

    def counts(self) -> dict[str, int]:
        """How many tickets, notes and so on there are."""
        return dict(self.state()["counts"])

    def now(self) -> datetime:
        """The sandbox's time."""
        return datetime.fromisoformat(self._get("clock")["now"])

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        """The request log behind row `after`."""
        return list(self._get(f"log?after={after}"))

    def notes(self, ticket: int | None = None, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All notes that stand, or those of one ticket; with `deleted` the deleted ones too."""
        found = self._get("notes" if ticket is None else f"notes?ticket={ticket}")
        return [note for note in found if deleted or not note["deleted"]]

    def written(self) -> int:
        """How many requests have changed something."""
        return sum(row["committed"] for row in self.log())

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody is at home."""
        self.faults("refuse=1")
        try:
            yield
        finally:
            self.faults()

    def mailbox(self) -> list[dict[str, Any]]:
        """What it would have mailed."""
        return list(self._get("mailbox"))

    def callbacks(self) -> list[dict[str, Any]]:
        """What it delivered to webhooks."""
        return list(self._get("callbacks"))

    def switches(self) -> dict[str, Any]:
        """All switches, their values and what they do."""
        return dict(self._get("switches"))

    def most_inside(self) -> dict[str, dict[str, int]]:
        """By login and endpoint, how many requests were under way at one time at most."""
        return dict(self._get("traffic"))

    def inject(self, ticket: Mapping[str, object] | int | str, message: Mapping[str, object] | None = None) -> int:
        """A new ticket, or a message on one that is there; returns the id of the ticket, or of the note."""
        if isinstance(ticket, Mapping):
            return int(self._post("inject", ticket)["ticket"])
        return int(self._post("inject", {"ticket": ticket, "message": message})["note"])

    def record(self, kind: str, **line: object) -> None:
        """Have somebody leave something on a ticket: a line of `records.py`, for example an appointment."""
        self._post("record", {"kind": kind, **line})

    def advance(self, by: str) -> None:
        """Move the clock on, for example by `5h`."""
        self._post("clock", {"advance": by})

    def speed(self, times: float) -> None:
        """Run the clock so many times as fast as real time."""
        self._post("clock", {"speed": times})

    def switch(self, **values: object) -> None:
        """Set switches."""
        self._post("switch", values)

    def faults(self, spec: str = "") -> None:
        """Let these faults happen; none by default."""
        self._post("faults", {"spec": spec})

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _get(self, what: str) -> Any:
        return _content(self._http.get(f"/_sandbox/{what}"))

    def _post(self, what: str, content: Mapping[str, object]) -> Any:
        return _content(self._http.post(f"/_sandbox/{what}", json=dict(content)))


def _content(answer: httpx.Response) -> Any:
    if answer.status_code != 200:
        raise ValueError(f"the sandbox answered {answer.status_code}: {answer.text}")
    return answer.json()


@contextmanager
def running(psa: type[PsaSandbox], **setup: Any) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process; `setup` are the fields of `Setup`: port, tickets, play, …"""
    with listen(int(setup.get("port", 0))) as sock:
        thread = _Thread(House(Setup(psa, **setup), url_of(sock)), sock)
        thread.start()
        thread.up.wait(STOP_WITHIN)
        sandbox = Sandbox(url_of(sock))
        try:
            yield sandbox
        finally:
            sandbox.close()
            thread.stop()


class _Thread(threading.Thread):
    """Serves a house until it is stopped."""

    def __init__(self, house: House, sock: socket.socket) -> None:
        super().__init__(daemon=True, name="sandbox")
        self.up = threading.Event()
        self._house = house
        self._sock = sock
        self._loop = asyncio.new_event_loop()
        self._enough = asyncio.Event()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._enough.set)
        self.join(STOP_WITHIN)

    async def _serve(self) -> None:
        async with serving(self._house, self._sock):
            self.up.set()
            await self._enough.wait()


@contextmanager
def spawned(
    name: str,
    *,
    port: int = 0,
    tickets: Path | None = None,
    scenario: str = "",
    play: float = 0.0,
    faults: str = "",
    switches: Mapping[str, object] | None = None,
) -> Iterator[Sandbox]:
    """A sandbox as a process of its own, by its entry point's name; stopped by SIGTERM at the end."""
    options = {"port": port, "tickets": tickets, "scenario": scenario, "play": play or "", "faults": faults}
    command = [sys.executable, "-m", "psa_copilot.sandbox", name]
    command += [f"--{key}={value}" for key, value in options.items() if value not in (None, "")]
    command += [f"--switch={key}={value}" for key, value in (switches or {}).items()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        yield _ready(process)
    finally:
        process.terminate()
        process.wait(STOP_WITHIN)


def _ready(process: subprocess.Popen[str]) -> Sandbox:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("ready "):
        raise RuntimeError(f"the sandbox did not start: {line or 'see its line on stderr'}")
    sandbox = Sandbox(line.split()[1])
    sandbox.process = process
    return sandbox

"""A sandbox and a daemon as processes of their own, and looks into what they leave behind."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from psa_copilot.sandbox import Sandbox

PROGRAM = Path(sys.executable).with_name("psa-copilot")
BUILD = Path(__file__).resolve().parents[1] / "build"
STOP_WITHIN = 12.0
START_WITHIN = 180.0
TICKETS = "/service/tickets"


class NotDone(Exception):
    """What a part waited for did not come in time."""


def until(holds: Callable[[], bool], within: float, what: str, every: float = 0.1) -> None:
    """Return when it holds."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise NotDone(f"{what}: not within {within:g} s")
        time.sleep(every)


@dataclass
class Copilot:
    """A daemon that runs beside a sandbox."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    def is_up(self) -> bool:
        """Whether it answers; its end is an error."""
        if self.process.poll() is not None:
            raise NotDone(f"the daemon ended with {self.process.returncode}; see {self.folder / 'daemon.log'}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def is_ready(self) -> bool:
        """Whether its PSA has been reached."""
        return self.is_up() and httpx.get(f"{self.url}/readyz", timeout=2.0, trust_env=False).status_code == 200

    def rows(self, asked: str) -> list[tuple[Any, ...]]:
        """Rows of its store, read from beside."""
        uri = f"file:{self.folder / 'psa-copilot.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as store:
            return store.execute(asked).fetchall()

    def count(self, asked: str) -> int:
        """One number of its store."""
        return int(self.rows(asked)[0][0])

    def is_settled(self) -> bool:
        """Backfill and messages are through, and nothing is owed."""
        return self.is_idle() and not self.count(
            "SELECT (SELECT count(*) = 0 FROM flag WHERE name = 'backfilled')"
            " + (SELECT count(*) FROM ticket WHERE message_state = 'none' AND deleted_at IS NULL)"
        )

    def is_idle(self) -> bool:
        """Nothing waits to be read, thought about or written."""
        return not self.count(
            "SELECT (SELECT count(*) FROM \"write\" WHERE state IN ('pending', 'sending'))"
            " + (SELECT count(*) FROM change WHERE state = 'open')"
            " + (SELECT count(*) FROM inbox WHERE done_at IS NULL)"
            " + (SELECT count(*) FROM ticket WHERE wants <> '')"
        )

    def resident(self) -> float:
        """Its memory in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
        raise NotDone("no VmRSS; this part needs Linux")


@contextmanager
def copilot(
    folder: Path,
    psa_url: str,
    *,
    webhooks: bool = True,
    poll_every: str = "2s",
    connection: Mapping[str, object] | None = None,
    **more: object,
) -> Iterator[Copilot]:
    """`psa-copilot run` with summarize in act, or with `more` keys of a config; ended whatever happens."""
    url = f"http://127.0.0.1:{free_port()}"
    config = folder / "config.yaml"
    usual = settings(psa_url, url, webhooks=webhooks, poll_every=poll_every)
    usual["connections"]["main"] |= connection or {}
    config.write_text(json.dumps(usual | more))  # JSON is YAML
    with (folder / "daemon.log").open("ab") as log:
        command = [str(PROGRAM), "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            daemon = Copilot(folder, url, process)
            until(daemon.is_up, START_WITHIN, "the daemon's start", every=0.02)
            yield daemon
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_WITHIN)


def settings(psa_url: str, own_url: str, *, webhooks: bool, poll_every: str) -> dict[str, Any]:
    """A configuration whose brakes on writing are out of the way; the speed limit too."""
    connection = {
        "use": "connectwise",
        "url": psa_url,
        "company": "sandbox",
        "public_key": "pub",
        "private_key": "priv",
        "client_id": "any",
        "poll_every": poll_every,
        "rate": 60_000,
        "accept_risk": True,
        "breaker": {"per_hour": 100_000, "per_day": 100_000},
        "notes_per_technician": 100_000,
    }
    web = {"listen": own_url.removeprefix("http://")} | ({"url": own_url} if webhooks else {})
    return {
        "database": "sqlite:///psa-copilot.db",
        "web": web,
        "connections": {"main": connection},
        "plugins": {"summarize": {"mode": "act"}},
    }


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def write_tickets(path: Path, tickets: Iterable[Mapping[str, object]]) -> Path:
    """A `--tickets` file."""
    path.write_text("".join(json.dumps(ticket, ensure_ascii=False) + "\n" for ticket in tickets), encoding="utf-8")
    return path


def references(psa: Sandbox) -> dict[int, str]:
    """The external reference of each ticket of the sandbox, by its number."""
    found: dict[int, str] = {}
    with httpx.Client(
        base_url=f"{psa.url}/v4_6_release/apis/3.0",
        auth=("sandbox+human", "human"),
        headers={"clientId": "any"},
        trust_env=False,
    ) as http:
        for page in range(1, 1000):
            rows = http.get(TICKETS, params={"page": page, "pageSize": 1000}).raise_for_status().json()
            found |= {row["id"]: row.get("externalXRef") or "" for row in rows}
            if len(rows) < 1000:
                break
    return found

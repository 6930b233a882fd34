"""The daemon as a process that can be killed, and a look into its store that it does not notice."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.psas import Psa

TOKEN = "invented-token-of-the-chaos-suite"
SLACK = float(os.environ.get("CHAOS_SLACK", "1"))
"""So many times slower than two quiet cores this machine is: patience is stretched by it, and nothing else."""
REQUEST_TIMEOUT = 2.0
READY_WITHIN = 40.0
STOP_WITHIN = 10.0
PROGRAM = Path(sys.executable).with_name("psa-copilot")
NO_LOOKUP = {"PSA_COPILOT_UNSAFE_NO_LOOKUP": "1"}


class Broken(Exception):
    """The suite cannot go on: what was there instead of what had to be."""


@dataclass(frozen=True)
class Owed:
    """Open writes at one moment."""

    pending: int = 0
    sending: int = 0
    youngest: float = 0.0
    """When the newest of the sending ones was sent, in seconds since the epoch."""

    @property
    def open(self) -> int:
        return self.pending + self.sending


def until(holds: Callable[[], bool], within: float, every: float = 0.05) -> bool:
    """Whether it holds before the time is over."""
    end = time.monotonic() + within * SLACK
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(every)
    return held


class Store:
    """The daemon's database, read only."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{path}?mode=ro"
        self._connection: sqlite3.Connection | None = None

    def owed(self) -> Owed:
        """The writes that are open now."""
        asked = (
            "SELECT state, count(*), max(sending_since) FROM \"write\" WHERE state IN ('pending', 'sending') GROUP BY 1"
        )
        found = {state: (count, since or 0.0) for state, count, since in self._rows(asked)}
        none = (0, 0.0)
        return Owed(found.get("pending", none)[0], *found.get("sending", none))

    def open_rows(self) -> int:
        """All work that is owed: deliveries and tickets to read, threads to think about, writes to carry out."""
        asked = (
            "SELECT (SELECT count(*) FROM \"write\" WHERE state IN ('pending', 'sending'))"
            " + (SELECT count(*) FROM change WHERE state = 'open')"
            " + (SELECT count(*) FROM inbox WHERE done_at IS NULL)"
            " + (SELECT count(*) FROM ticket WHERE wants <> '' OR look_again_at IS NOT NULL)"
        )
        rows = self._rows(asked)
        return int(rows[0][0]) if rows else 1

    def states(self) -> dict[str, int]:
        """How many writes there are in each state."""
        return dict(self._rows('SELECT state, count(*) FROM "write" GROUP BY 1'))

    def writes_of(self, ticket: int) -> list[tuple[Any, ...]]:
        """A ticket's writes, to be shown with a failure."""
        asked = (
            "SELECT id, state, marker, sent, attempt, failures, why, json_extract(action, '$.kind')"
            ' FROM "write" WHERE ticket = ? ORDER BY id'
        )
        return self._rows(asked, str(ticket))

    def close(self) -> None:
        """Look no more."""
        if self._connection is not None:
            self._connection.close()

    def _rows(self, asked: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, timeout=0.0)
            return self._connection.execute(asked, values).fetchall()
        except sqlite3.OperationalError:  # not there yet, or just being recovered after a kill
            return []


class Daemon:
    """`psa-copilot run` on a sandbox, in a folder of its own."""

    def __init__(self, folder: Path, psa: Psa, psa_url: str, settings: Mapping[str, object] | None = None) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.log = folder / "daemon.log"
        self.store = Store(folder / "psa-copilot.db")
        self._config = folder / "config.yaml"
        self._config.write_text(json.dumps(_config(psa, psa_url, self.url), indent=2))  # JSON is YAML
        self._env = {**os.environ, **dict(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=self.url, timeout=5.0, trust_env=False)

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as log:
            command = [str(PROGRAM), "run", "--config", str(self._config)]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={k: str(v) for k, v in self._env.items()}
            )

    def wait_ready(self) -> None:
        """Return when all its connections are."""
        if not until(self._ready, READY_WITHIN):
            raise Broken(f"the daemon was not ready after {READY_WITHIN:g} s")

    def check_alive(self) -> None:
        """It may only end when it is told to."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise Broken(f"the daemon ended by itself with {code}")

    def freeze(self) -> None:
        """Let it do nothing more, so that what is seen in its store stays so."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        stopped = until(lambda: os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG) is not None, 2.0, 0.0005)
        if not stopped:
            raise Broken("the daemon could not be stopped")

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        process = self._running()
        process.kill()
        process.wait(STOP_WITHIN)

    def lose_engine(self) -> None:
        """Delete the engine's file while the daemon is dead."""
        files = [path for path in self.folder.iterdir() if "engine" in path.name]
        if not files:
            raise Broken(f"no engine's file among {sorted(path.name for path in self.folder.iterdir())}")
        for path in files:
            path.unlink()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        process = self._running()
        process.terminate()
        try:
            return process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            raise Broken(f"the daemon still ran {STOP_WITHIN:g} s after SIGTERM") from None

    def close(self) -> None:
        """End it however it stands."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self.store.close()
        self._http.close()

    def logged(self, event: str) -> int:
        """How many lines of its log tell this."""
        needle = f'"event": "{event}"'
        return sum(needle in line for line in self.log.read_text(errors="replace").splitlines())

    def counted(self, name: str) -> float:
        """What /metrics shows for a counter without labels."""
        answer = self._http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).raise_for_status()
        found = [line.split()[1] for line in answer.text.splitlines() if line.startswith(f"{name} ")]
        return float(found[0]) if found else 0.0

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _ready(self) -> bool:
        self.check_alive()
        return self.ready()

    def _running(self) -> subprocess.Popen[bytes]:
        self.check_alive()
        if self._process is None:
            raise Broken("the daemon was never started")
        return self._process


@contextmanager
def daemon(folder: Path, psa: Psa, psa_url: str, settings: Mapping[str, object] | None = None) -> Iterator[Daemon]:
    """A daemon that is ended whatever happens."""
    copilot = Daemon(folder, psa, psa_url, settings)
    with closing(copilot):
        copilot.start()
        yield copilot


def _config(psa: Psa, psa_url: str, own_url: str) -> dict[str, object]:
    connection = {
        "use": psa.name,
        "url": psa_url,
        **psa.keys,
        "poll_every": "1s",
        "request_timeout": f"{REQUEST_TIMEOUT * SLACK:g}s",
        "write_grace": "3s",
        "rate": 60_000,
        "accept_risk": True,
        "breaker": {"per_hour": 100_000, "per_day": 100_000},
        "notes_per_technician": 100_000,
    }
    return {
        "database": "sqlite:///psa-copilot.db",
        "web": {"listen": own_url.removeprefix("http://"), "url": own_url, "token": TOKEN},
        "connections": {"main": connection},
        "plugins": {"summarize": {"mode": "act"}},
    }


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])

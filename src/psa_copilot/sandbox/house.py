"""One sandbox put together, and served over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from psa_copilot.sandbox.agenda import Agenda
from psa_copilot.sandbox.callbacks import Postman
from psa_copilot.sandbox.clock import SandboxClock
from psa_copilot.sandbox.control import PREFIX, Control
from psa_copilot.sandbox.door import Door, Receive, Scope, Send, Wire
from psa_copilot.sandbox.faults import Faults
from psa_copilot.sandbox.log import Log
from psa_copilot.sandbox.people import People
from psa_copilot.sandbox.psa import PsaSandbox, World
from psa_copilot.sandbox.scenarios import Scenario, load_directory, load_scenario, start_of
from psa_copilot.sandbox.switches import COMMON, Switches
from psa_copilot.sandbox.tickets import read_file

DESK = "desk"  # the scenario of a sandbox that was told nothing else
SHUTDOWN = 1  # seconds that open requests get when the sandbox is told to stop


@dataclass(frozen=True)
class Setup:
    """How a sandbox was asked for."""

    psa: type[PsaSandbox]
    port: int = 0
    tickets: Path | None = None
    scenario: str = ""
    play: float = 0.0
    faults: str = ""
    switches: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.play < float("inf"):
            raise ValueError(f"--play {self.play:g}: write how many messages a second, for example 5")


class House:
    """The parts of one sandbox; an ASGI application."""

    def __init__(self, setup: Setup, url: str) -> None:
        clock, log = SandboxClock(), Log()
        scenario = _scenario(setup, clock)
        switches = Switches((*COMMON, *setup.psa.switches))
        for name, value in {**(scenario.switches if scenario else {}), **setup.switches}.items():
            switches.set(name, value)
        self.postman = Postman(clock)
        self.agenda = Agenda(clock)
        psa = setup.psa(World(url, clock, switches, self.postman, self.agenda))
        self.door = Door(psa, log)
        self.door.faults = Faults.read(setup.faults)
        self.postman.fault = self.door.fault_of_callback
        psa.furnish((scenario and scenario.directory) or load_directory())
        self.people = People(psa, play=setup.play)
        self._fill(setup, scenario, clock)
        psa.begin()
        self._control = Control(psa, self.people, self.door, log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        wire = Wire(scope, receive, send)
        if scope["path"].startswith(PREFIX):
            await wire.answer(self._control.answer(await wire.request()))
        else:
            await self.door.take(wire)

    def _fill(self, setup: Setup, scenario: Scenario | None, clock: SandboxClock) -> None:
        if setup.tickets:
            self.people.bring(read_file(setup.tickets, start=clock.now()))
        if scenario:
            self.people.enact(scenario)


def _scenario(setup: Setup, clock: SandboxClock) -> Scenario | None:
    """The scenario that was asked for, with the clock set to its start."""
    name = setup.scenario or ("" if setup.tickets else DESK)
    if not name:
        return None
    clock.advance(start_of(name, now=clock.now()) - clock.now())
    return load_scenario(name, start=clock.now())


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets the application drop a connection, as a fault must."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner: Callable[..., Any] = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})["psa_copilot.transport"] = transport
            await inner(scope, receive, send)

        self.app = app


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it, and tells when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self.enough = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        await self.enough.wait()  # uvicorn would look every tenth of a second

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; OSError when the port is taken."""
    # With the protocol named, asyncio sends small answers at once; without it each waits 40 ms for an ACK.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(512)
    except OSError:
        sock.close()
        raise
    return sock


def url_of(sock: socket.socket) -> str:
    """Where a listening socket is reached."""
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


@asynccontextmanager
async def serving(house: House, sock: socket.socket) -> AsyncIterator[None]:
    """Serve while the body runs; requests that are still open at its end are cut."""
    config = uvicorn.Config(
        house,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN,
        timeout_keep_alive=60,
        h11_max_incomplete_event_size=1 << 20,
    )
    server = _Server(config)
    tasks = [asyncio.create_task(server.serve([sock])), asyncio.create_task(house.agenda.live())]
    try:
        await server.up.wait()
        yield
    finally:
        house.door.stopping.set()
        server.enough.set()
        await tasks[0]
        tasks[1].cancel()
        with suppress(asyncio.CancelledError):
            await tasks[1]
        await house.postman.close()

"""Runs uvicorn inside our own event loop; signals and logs stay ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from psa_copilot.errors import ConfigError

LAST_ANSWERS = 3  # seconds that running requests get when we stop


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Answers requests until the end of the block; yields host and port (port 0 becomes a free one)."""
    listening = _bound(host, port)
    server = _Server(_settings(app))
    running = asyncio.create_task(server.serve(sockets=[listening]), name="web")
    try:
        await server.up(running)
        bound_host, bound_port = listening.getsockname()[:2]
        yield bound_host, bound_port
    finally:
        server.should_exit = True
        await running


def _settings(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as exc:
        bound.close()
        why = exc.strerror or str(exc)
        raise ConfigError(
            f"web.listen: cannot listen on {host}:{port}: {why}; stop what is there, or change the port"
        ) from exc
    return bound


class _Server(uvicorn.Server):
    """A server that tells when it is up and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._up = asyncio.Event()

    async def up(self, running: asyncio.Task[None]) -> None:
        """Wait until it answers; a server that ended instead raises its reason."""
        waiting = asyncio.create_task(self._up.wait())
        await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            running.result()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[Any]:
        yield

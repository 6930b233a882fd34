"""A small receiver of webhooks on loopback, for tests of connectors without a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

from psa_copilot.connector import Delivery

PATIENCE = 10.0  # real seconds that a test waits for a delivery


class Listener:
    """Keeps every delivery as it arrived, and answers 202."""

    def __init__(self) -> None:
        self.url = ""
        self._arrived: asyncio.Queue[Delivery] = asyncio.Queue()

    async def next(self) -> Delivery:
        """The next delivery; TimeoutError when none comes."""
        return await asyncio.wait_for(self._arrived.get(), PATIENCE)

    @property
    def waiting(self) -> int:
        """How many have arrived that nobody took."""
        return self._arrived.qsize()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take in one delivery."""
        try:
            self._arrived.put_nowait(await _delivery(reader))
            writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it was never sent whole, so it never arrived
        finally:
            writer.close()


async def _delivery(reader: asyncio.StreamReader) -> Delivery:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.casefold(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    query = dict(parse_qsl(urlsplit(head[0].split(" ")[1]).query))
    return Delivery(headers, query, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def listening(path: str = "/webhooks/main") -> AsyncIterator[Listener]:
    """A listener that is there until the block ends."""
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()

"""A real server on loopback that plays one act a request: an answer, a cut, silence, or a slow drip."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Act:
    """What happens to one request, once it was read whole."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    way: str = "answer"

    def raw(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Said", f"content-length: {len(self.body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def says(body: Any, status: int = 200, **headers: str) -> Act:
    """An answer in JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Act(status, json.dumps(body).encode(), {"content-type": "application/json", **named})


def page(status: int, **headers: str) -> Act:
    """An answer in HTML, as gateways give it."""
    return Act(status, b"<html><body>Bad Gateway</body></html>", {"content-type": "text/html", **headers})


CUT, SILENCE, DRIP = Act(way="cut"), Act(way="silence"), Act(way="drip")


@dataclass
class Heard:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Player:
    """Plays its acts in turn; the last one goes on for ever."""

    def __init__(self, *acts: Act) -> None:
        self.acts, self.url = list(acts), ""
        self.heard: list[Heard] = []
        self._over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append(await _request(reader))
            await self._play(self.acts.pop(0) if len(self.acts) > 1 else self.acts[0], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has hung up, which is what some tests are about
        finally:
            writer.close()

    async def _play(self, act: Act, writer: asyncio.StreamWriter) -> None:
        if act.way == "answer":
            writer.write(act.raw())
            await writer.drain()
        elif act.way == "silence":
            await self._over.wait()
        elif act.way == "drip":
            await self._drip(writer)

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Said\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            if await self._is_over(0.02):
                return

    async def _is_over(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def end(self) -> None:
        self._over.set()


async def _request(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.casefold(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    form = headers.get("content-type") == "application/x-www-form-urlencoded"
    told = dict(parse_qsl(body.decode())) if form else json.loads(body) if body else None
    return Heard(method, path, headers, told)


@asynccontextmanager
async def playing(*acts: Act) -> AsyncIterator[Player]:
    """A player that listens until the test is over."""
    player = Player(*acts)
    server = await asyncio.start_server(player.serve, "127.0.0.1", 0)
    player.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield player
    finally:
        player.end()
        server.close()
        await server.wait_closed()

"""The door of a sandbox: every request comes in here, meets its fault, and is logged."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from psa_copilot.clock import duration
from psa_copilot.sandbox.faults import ANSWERED, DROPPED, Faults
from psa_copilot.sandbox.log import Log
from psa_copilot.sandbox.psa import Answer, PsaSandbox, Request

PATIENCE = 30.0  # real seconds that a `timeout` lets a client hang

Scope = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


class Wire:
    """One client's connection, which can be answered or dropped."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def request(self) -> Request:
        """The whole request."""
        body = b""
        while True:
            part = await self._receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}
        query = self._scope["query_string"].decode("latin-1")
        return Request(self._scope["method"], self._scope["path"], query, headers, body)

    async def answer(self, answer: Answer) -> None:
        """Send an answer."""
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
        if answer.status != 204:
            headers.append((b"content-type", answer.content_type.encode()))
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    def drop(self) -> None:
        """Reset the connection: not one byte of answer."""
        self._scope["extensions"]["psa_copilot.transport"].abort()

    async def gone(self) -> None:
        """Return once the client has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            continue


class Door:
    """Takes each API request through rate, faults and commit, one row in the log for each."""

    def __init__(self, psa: PsaSandbox, log: Log) -> None:
        self.faults = Faults()
        self.stopping = asyncio.Event()
        self._psa = psa
        self._log = log
        self._clock = psa.world.clock
        self._switches = psa.world.switches
        self._minute: deque[datetime] = deque()
        self._inside: Counter[tuple[str, str]] = Counter()
        self._most_inside: Counter[tuple[str, str]] = Counter()

    def most_inside(self) -> dict[str, dict[str, int]]:
        """By login and endpoint, how many of its requests were under way at one time at most."""
        told: dict[str, dict[str, int]] = {}
        for (key, lane), most in sorted(self._most_inside.items()):
            told.setdefault(key, {})[lane] = most
        return told

    async def take(self, wire: Wire) -> None:
        """Serve one request to the PSA's API."""
        request = await wire.request()
        at = self._clock.now()
        lane = self._psa.key_of(request), self._psa.lane_of(request)
        self._inside[lane] += 1
        self._most_inside[lane] = max(self._most_inside[lane], self._inside[lane])
        refused = self._psa.arrives(request)
        try:
            if refused:
                await self._send(wire, request, at, refused, "")
            else:
                await self._let_in(wire, request, at)
        finally:
            self._inside[lane] -= 1
            self._psa.leaves(request)

    async def _let_in(self, wire: Wire, request: Request, at: datetime) -> None:
        writes = self._psa.writes(request)
        fault = self.faults.on_request(writes=writes)
        if fault in DROPPED:
            await self._drop(wire, request, at, fault)
        elif fault in ANSWERED:
            await self._send(wire, request, at, self._psa.failure(fault), fault)
        elif self._too_fast(at):
            await self._send(wire, request, at, self._psa.failure("http_429"), "")
        elif writes and (seconds := self._lateness()):
            await self._commit_late(wire, request, at, seconds)
        else:
            await self._serve(wire, request, at, fault)

    async def _serve(self, wire: Wire, request: Request, at: datetime, fault: str) -> None:
        if fault == "slow":
            await asyncio.sleep(self.faults.delay())
        if (held := self._psa.hold(request)) > 0:
            await asyncio.sleep(held)
        self._tell_of_api(request, self._psa.watchers.before_write_of_api, writes=True)
        before = self._psa.revision
        answer = self._psa.answer(request)
        committed = self._psa.revision != before
        self._tell_of_api(request, self._psa.watchers.read_by_api, writes=False)
        if fault == "cut_after":
            self._note(request, at, 0, fault, committed=committed)
            wire.drop()
        else:
            await self._send(wire, request, at, answer, fault, committed=committed)
            self._tell_watchers(request, answer)

    def _tell_of_api(self, request: Request, watchers: list[Callable[[int], None]], *, writes: bool) -> None:
        """Let people act between what an API account reads and what it writes."""
        ticket = self._psa.ticket_of(request)
        if ticket is None or self._psa.writes(request) != writes or not self._by_api(request):
            return
        for watcher in watchers:
            watcher(ticket)

    def _by_api(self, request: Request) -> bool:
        return self._psa.is_api_login(self._psa.key_of(request))

    def _tell_watchers(self, request: Request, answer: Answer) -> None:
        watchers = self._psa.watchers
        if answer.status >= 300:
            return
        if self._by_api(request):
            for used in watchers.api_used:
                used()
        ticket = self._psa.reads_notes_of(request)
        if ticket is not None:
            for read in watchers.notes_read:
                read(ticket)

    def fault_of_callback(self) -> str:
        """The fault that the next callback meets, or nothing."""
        return self.faults.on_callback()

    async def _drop(self, wire: Wire, request: Request, at: datetime, fault: str) -> None:
        self._note(request, at, 0, fault)
        if fault == "timeout":
            await self._hang(wire)
        wire.drop()

    async def _hang(self, wire: Wire) -> None:
        waits = [asyncio.ensure_future(wire.gone()), asyncio.ensure_future(self.stopping.wait())]
        await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def _too_fast(self, at: datetime) -> bool:
        limit = self._switches.number("rate_limit")
        if not limit:
            return False
        while self._minute and self._minute[0] <= at - timedelta(seconds=60):
            self._minute.popleft()
        if len(self._minute) >= limit:
            return True
        self._minute.append(at)
        return False

    def _lateness(self) -> float:
        """Real seconds by which this write commits too late."""
        seconds, left = self._switches.number("late_commit"), self._switches.number("late_commit_times")
        if seconds and left:
            self._switches.set("late_commit_times", left - 1)
            if left == 1:
                self._switches.set("late_commit", 0)
        return seconds

    async def _commit_late(self, wire: Wire, request: Request, at: datetime, seconds: float) -> None:
        wire.drop()
        await asyncio.sleep(seconds)
        before = self._psa.revision
        self._psa.answer(request)
        self._note(request, at, 0, "late_commit", committed=self._psa.revision != before)

    async def _send(
        self, wire: Wire, request: Request, at: datetime, answer: Answer, fault: str, *, committed: bool = False
    ) -> None:
        self._note(request, at, answer.status, fault, committed=committed)
        await wire.answer(self._dated(answer))

    def _dated(self, answer: Answer) -> Answer:
        """With a Date header, where the switch asks for one; its clock may be wrong."""
        said = self._switches.text("date_header")
        if not said:
            return answer
        skew = duration(said.lstrip("+-")) * (-1 if said.startswith("-") else 1)
        date = format_datetime(self._clock.now() + skew, usegmt=True)
        return replace(answer, headers=(*answer.headers, ("Date", date)))

    def _note(self, request: Request, at: datetime, status: int, fault: str, *, committed: bool = False) -> None:
        self._log.add(
            at=at,
            method=request.method,
            path=request.path,
            query=request.query,
            key=self._psa.key_of(request),
            status=status,
            fault=fault,
            committed=committed,
        )

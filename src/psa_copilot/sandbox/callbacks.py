"""Delivers callbacks to those who registered: in order, with the PSA's own patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from psa_copilot.sandbox.clock import SandboxClock, iso

KEPT = 1_000  # deliveries that a test can look at


@dataclass(frozen=True)
class Delivery:
    """One callback on its way."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    about: str


@dataclass(frozen=True)
class Patience:
    """How long a PSA waits for a receiver, and when it tries again."""

    timeout: float = 5.0
    retry_on: frozenset[int] = frozenset()
    waits: tuple[float, ...] = ()


class Postman:
    """One queue a registration, so that a slow receiver delays nobody else and order is kept."""

    def __init__(self, clock: SandboxClock) -> None:
        self.patience = Patience()
        self.fault: Callable[[], str] = str  # nothing goes wrong until somebody says what
        self.deliveries: list[dict[str, object]] = []
        self._clock = clock
        self._queues: dict[int, asyncio.Queue[Delivery]] = {}
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._http: httpx.AsyncClient | None = None

    def post(self, registration: int, delivery: Delivery) -> None:
        """Send this when everything before it for the same registration is through."""
        fault = self.fault()
        if fault == "callback_lost":
            self._note(delivery, tries=0, status=0, fault=fault)
            return
        queue = self._queues.setdefault(registration, asyncio.Queue())
        for _ in range(2 if fault == "callback_doubled" else 1):
            queue.put_nowait(delivery)
        if registration not in self._workers:
            self._workers[registration] = asyncio.get_running_loop().create_task(self._work(queue))

    async def close(self) -> None:
        """Stop delivering."""
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)
        if self._http:
            await self._http.aclose()

    async def _work(self, queue: asyncio.Queue[Delivery]) -> None:
        while True:
            await self._deliver(await queue.get())

    async def _deliver(self, delivery: Delivery) -> None:
        for tries, wait in enumerate((*self.patience.waits, None), start=1):
            status = await self._try(delivery)
            if wait is None or status not in self.patience.retry_on:
                self._note(delivery, tries=tries, status=status, fault="")
                return
            await self._clock.sleep(wait)

    async def _try(self, delivery: Delivery) -> int:
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=self.patience.timeout, trust_env=False)
        try:
            answer = await self._http.post(delivery.url, content=delivery.body, headers=dict(delivery.headers))
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0
        return answer.status_code

    def _note(self, delivery: Delivery, *, tries: int, status: int, fault: str) -> None:
        self.deliveries.append(
            {
                "at": iso(self._clock.now()),
                "url": delivery.url,
                "about": delivery.about,
                "headers": dict(delivery.headers),
                "body": delivery.body.decode(),
                "tries": tries,
                "status": status,
                "fault": fault,
            }
        )
        del self.deliveries[:-KEPT]

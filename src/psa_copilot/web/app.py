"""What answers under which path, and who may ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from psa_copilot import metrics
from psa_copilot.connector import Delivery
from psa_copilot.web.forgeries import Forgeries
from psa_copilot.web.guard import Guard

LARGEST = 2**20
"""Bytes of a webhook; a whole ticket with all its fields is a few thousand."""
PATIENCE = 10.0  # seconds for a webhook's body to arrive
ASK_AGAIN = "5"  # seconds


class Received(StrEnum):
    """What became of a webhook."""

    KEPT = "kept"
    FORGED = "forged"
    UNKNOWN = "unknown"
    """No connection of that name."""
    BUSY = "busy"
    """It could not be kept; the PSA shall try again."""


_ANSWERS = {Received.KEPT: 202, Received.FORGED: 401, Received.UNKNOWN: 404, Received.BUSY: 429}


class Desk(Protocol):
    """What the web asks of the running daemon."""

    @property
    def token(self) -> str:
        """The API token."""

    async def receive(self, connection: str, delivery: Delivery) -> Received:
        """Verify and keep one webhook."""

    def ready(self) -> dict[str, tuple[bool, str]]:
        """For each connection: whether all is well, and if not, why."""

    def metrics(self) -> bytes:
        """The counters, as Prometheus reads them."""


class TooLarge(Exception):
    """A webhook of more than `LARGEST` bytes."""


def build(desk: Desk, now: Callable[[], float] = time.monotonic) -> FastAPI:
    """The application; `now` is in seconds."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(Guard, token=lambda: desk.token)
    app.include_router(_webhooks(desk, Forgeries(now)))
    app.include_router(_health(desk))
    return app


def _webhooks(desk: Desk, forgeries: Forgeries) -> APIRouter:
    router = APIRouter()

    @router.post("/webhooks/{connection}")
    async def webhook(connection: str, request: Request) -> Response:
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _body(request)
        except TooLarge:
            return Response(status_code=413)
        except (ClientDisconnect, TimeoutError):
            return Response(status_code=408)
        delivery = Delivery(headers=dict(request.headers), query=dict(request.query_params), body=body)
        received = await desk.receive(connection, delivery)
        _count(forgeries, connection, received)
        headers = {"Retry-After": ASK_AGAIN} if received is Received.BUSY else None
        return Response(status_code=_ANSWERS[received], headers=headers)

    return router


def _health(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        states = desk.ready()
        shown = {name: {"ok": ok, "why": why} for name, (ok, why) in states.items()}
        all_well = all(ok for ok, _ in states.values())
        return JSONResponse({"connections": shown}, status_code=200 if all_well else 503)

    @router.get("/metrics")
    async def show_metrics() -> Response:
        return Response(desk.metrics(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _body(request: Request) -> bytes:
    """The whole body, read no further than allowed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge
    return bytes(body)


def _count(forgeries: Forgeries, connection: str, received: Received) -> None:
    # A name that anybody may make up must not become a label.
    known = connection if received is not Received.UNKNOWN else ""
    metrics.WEBHOOKS.labels(known, received.value).inc()
    if received is Received.FORGED:
        forgeries.saw_one(connection)

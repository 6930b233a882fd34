"""Lets through what is for everybody, and the rest with the token."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = ("/healthz", "/readyz")
OPEN_BELOW = "/webhooks/"  # signed by the PSA instead


class Guard:
    """Stands before the router, so that not even a missing page can be told without the token."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the app, or answer 401."""
        if scope["type"] == "lifespan" or _is_open(scope["path"]) or self._knows_token(scope):
            await self._app(scope, receive, send)
        else:
            refused = JSONResponse(
                {"detail": "send the API token as Authorization: Bearer TOKEN"},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)

    def _knows_token(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        token = self._token()
        return bool(token) and len(given) == 1 and compare_digest(given[0], b"Bearer " + token.encode())


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)

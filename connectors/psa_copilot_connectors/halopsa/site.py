"""The way into one tenant's API: logs in, asks, and reads long lists to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psa_copilot import Answer, AuthFailed, Http, Moment, NotReady, Rejected
from psa_copilot_connectors.halopsa.rows import Row, number
from psa_copilot_connectors.halopsa.settings import KEYS, HaloPsaSettings

PAGE = 100
"""Halo silently cuts longer pages."""
MOST = 1000
"""So many rows come of a list that is asked for by `count`, and not more."""
USUAL_SIZE = 50
"""So many often come of a list that is asked for without paging: one of so many, or twice that, may go on."""
AHEAD = timedelta(minutes=2)
"""So long before its end a token is not used any more."""
STALE = timedelta(minutes=1)
"""Rights are baked into a token: a 403 on an older one is tried again with a new one."""
BY_ID: Mapping[str, str] = {"order": "id", "orderdesc": "false"}
USUAL_LIFE = 3600
ENDS_OLD = frozenset({400, 401})
"""What a bad client gets; servers differ."""


@dataclass(frozen=True)
class _Token:
    api: Http
    since: Moment
    ends: Moment


class Site:
    """One tenant's API."""

    def __init__(self, settings: HaloPsaSettings, http: Http) -> None:
        self.connection = http.connection
        self._settings, self._http = settings, http
        self._auth = http.at(settings.auth(), keys=KEYS, locked_out=lambda status, words: status in ENDS_OLD)
        self._token: _Token | None = None
        self._lock = asyncio.Lock()

    async def wait(self, seconds: float) -> None:
        """A polite pause, in the time that we live in."""
        await self._http.clock.sleep(seconds)

    # Reading

    async def row(self, path: str, params: Row | None = None, *, doing: str) -> Row:
        """One record."""
        answer = await self._ask(lambda api: api.get(path, params, doing=doing))
        try:
            return answer.row
        except ValueError as exc:
            raise NotReady(self.connection, doing, str(exc)) from exc

    async def rows(self, path: str, params: Row | None = None, *, doing: str) -> list[Row]:
        """A list that comes whole; where it was cut, read by pages to its end."""
        rows, total = await self._listed(path, params, doing)
        if _is_whole(rows, total):
            return rows
        found = _by_id(rows)
        async for more in self.walk(path, params, doing=doing, order={}, whole=True):
            found |= _by_id(more)
        return self._whole(list(found.values()), total, doing)

    async def first(self, path: str, params: Row, *, doing: str) -> list[Row]:
        """What comes of a list without reading on."""
        return (await self._listed(path, params, doing))[0]

    async def counted(self, path: str, params: Row, *, doing: str) -> list[Row]:
        """The same for a list that knows no pages, and takes `count` instead."""
        rows, total = await self._listed(path, {**params, "count": MOST}, doing)
        if len(rows) >= MOST:
            total = MOST + 1  # where it is cut there, the PSA tells no other number
        return self._whole(rows, total, doing)

    def _whole(self, rows: list[Row], total: int | None, doing: str) -> list[Row]:
        """Nothing is better than a part that passes for all."""
        if total is not None and len(rows) < total:
            says = f"the PSA shows {len(rows)} of {total if total <= MOST else f'more than {MOST}'} and not the rest"
            raise NotReady(self.connection, doing, says)
        return rows

    async def page(self, path: str, params: Row, page: int, *, doing: str) -> tuple[list[Row], int | None]:
        """One page, and how many records there are on all of them, where the PSA says so."""
        paging = {"pageinate": "true", "page_no": page, "page_size": PAGE}
        return await self._listed(path, {**params, **paging}, doing)

    async def walk(
        self,
        path: str,
        params: Row | None = None,
        *,
        doing: str,
        order: Mapping[str, str] = BY_ID,
        whole: bool = False,
    ) -> AsyncIterator[list[Row]]:
        """Pages of a long list by id. Some endpoints show their first page for ever: what comes again ends it.

        Who needs a `whole` list is told where it ends before its time.
        """
        seen: dict[str, Row] = {}
        page, total, got = 1, None, 0
        while total is None or got < total:
            rows, total = await self.page(path, {**(params or {}), **order}, page, doing=doing)
            fresh = {key: row for key, row in _by_id(rows).items() if key not in seen}
            if not fresh:
                break
            yield list(fresh.values())
            seen |= fresh
            page, got = page + 1, got + len(rows)
            if total is None and len(rows) < PAGE:
                break
        if whole:
            self._whole(list(seen.values()), total, doing)

    async def _listed(self, path: str, params: Row | None, doing: str) -> tuple[list[Row], int | None]:
        answer = await self._ask(lambda api: api.get(path, params, doing=doing))
        found = _rows(answer.json)
        if found is None:
            raise NotReady(self.connection, doing, "the answer holds no list")
        told = answer.json.get("record_count") if isinstance(answer.json, dict) else None
        return found, told if isinstance(told, int) else None

    # Writing

    async def write(self, path: str, body: Row, *, doing: str) -> Row:
        """Make or change one record; Halo takes arrays, and answers with one of them or with the object."""
        answer = await self._ask(lambda api: api.post(path, [body], doing=doing))
        told = answer.json[-1] if isinstance(answer.json, list) and answer.json else answer.json
        if not isinstance(told, dict):
            raise NotReady(self.connection, doing, "the answer is no record", maybe_done=True)
        return told

    async def delete(self, path: str, *, doing: str) -> None:
        """Take a record away."""
        await self._ask(lambda api: api.delete(path, doing=doing))

    # Logging in

    async def _ask(self, verb: Callable[[Http], Awaitable[Answer]]) -> Answer:
        """One request, and once more with a new token where the old one may be the reason of a refusal."""
        token = await self._open()
        try:
            return await verb(token.api)
        except AuthFailed:
            pass  # the token has ended; what is wrong with our secret shows when we ask for a new one
        except Rejected as exc:
            if not exc.why.startswith("HTTP 403") or self._http.clock.now() - token.since < STALE:
                raise
        return await verb((await self._open(instead_of=token)).api)

    async def _open(self, instead_of: _Token | None = None) -> _Token:
        """A good token; one at a time is asked for, since a new one may end the old one."""
        async with self._lock:
            if self._token is None or self._token is instead_of or self._http.clock.now() >= self._token.ends:
                self._token = await self._logged_in()
            return self._token

    async def _logged_in(self) -> _Token:
        doing, now = "log in", self._http.clock.now()
        told = await self._told_of_login(doing)
        word = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(word, str) or not word:
            raise NotReady(self.connection, doing, "the answer holds no token")
        life = told.get("expires_in")
        ends = now + timedelta(seconds=life if isinstance(life, int) else USUAL_LIFE) - AHEAD
        api = self._http.at(self._settings.api(), headers={"Authorization": f"Bearer {word}"}, keys=KEYS)
        return _Token(api, now, max(ends, now + STALE))

    async def _told_of_login(self, doing: str) -> Any:
        """A server that does not know the tenant shows a page, which alone says nothing of the mend."""
        try:
            return (await self._auth.ask(self._settings.token(), form=self._settings.login(), doing=doing)).json
        except NotReady as exc:
            if "page instead of JSON" not in exc.why:
                raise
            keys = ", ".join(f"connections.{self.connection}.{key}" for key in ("url", "auth_url", "tenant"))
            raise NotReady(self.connection, doing, f"{exc.why}; if it stays so, check {keys}") from exc


def _rows(json: Any) -> list[Row] | None:
    """The records of an answer: a bare array, or the one list in its envelope, whatever its name."""
    if isinstance(json, list):
        return json if all(isinstance(one, dict) for one in json) else None
    if not isinstance(json, dict):
        return None
    lists = [value for value in json.values() if isinstance(value, list)]
    return _rows(next((value for value in lists if value), lists[0])) if lists else None


def _is_whole(rows: list[Row], total: int | None) -> bool:
    """Whether nothing says that a list goes on; one without a count may end by chance where lists are cut."""
    return len(rows) >= total if total is not None else not rows or len(rows) % USUAL_SIZE > 0


def _by_id(rows: list[Row]) -> dict[str, Row]:
    return {number(row.get("id")) or str(row): row for row in rows}

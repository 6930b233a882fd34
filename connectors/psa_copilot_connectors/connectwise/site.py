"""The way into one company's API: finds the codebase, asks it, and reads long lists to their end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from psa_copilot import Answer, AuthFailed, Http, Moment, NotFound, NotReady, Rejected, Seldom
from psa_copilot_connectors.connectwise.rows import Row
from psa_copilot_connectors.connectwise.settings import KEYS, ConnectWiseSettings

LONGEST_PAGE = 1000
AGAIN = timedelta(minutes=1)
"""A PSA that answers 404 is looked for again at most this often."""

_CODEBASE = re.compile(r"[\w.-]+/")


class Site:
    """One company's API. An upgrade of the cloud moves it; a 404 makes us look for it again."""

    def __init__(self, settings: ConnectWiseSettings, http: Http) -> None:
        self.connection = http.connection
        self._settings, self._http = settings, http.at(settings.url, keys=("url", "company"))
        self._api: Http | None = None
        self._looks_again = Seldom(AGAIN)
        self._lock = asyncio.Lock()

    def now(self) -> Moment:
        """The PSA's time."""
        return self._http.psa_now()

    async def get(self, path: str, params: Row | None = None, *, doing: str, may_lack: bool = False) -> Answer:
        """Read; `may_lack`: older servers do not know this page, so its 404 says nothing about the codebase."""
        try:
            return await self._ask(lambda api: api.get(path, params, doing=doing), may_lack=may_lack)
        except NotReady as exc:
            # Nobody knows what a missing right looks like everywhere; some servers may answer it with a page.
            if exc.why.startswith("HTTP 403"):
                raise Rejected(exc.connection, exc.doing, f"{exc.why}; the account's role lacks a right") from exc
            raise

    async def row(self, path: str, *, doing: str) -> Row:
        """Read one record."""
        return self._one(await self.get(path, doing=doing))

    async def page(self, path: str, params: Row, *, doing: str, may_lack: bool = False) -> tuple[list[Row], bool]:
        """Read one page of a list, and whether there are more."""
        answer = await self.get(path, params, doing=doing, may_lack=may_lack)
        try:
            rows = answer.rows
        except ValueError as exc:
            raise NotReady(self.connection, doing, str(exc)) from exc
        return rows, bool(rows) and (len(rows) >= params["pageSize"] or answer.has_next)

    async def all(
        self, path: str, params: Mapping[str, Any] | None = None, *, doing: str, may_lack: bool = False
    ) -> list[Row]:
        """Read a list that people keep short, page by page."""
        rows: list[Row] = []
        number, more = 1, True
        while more:
            asked = {**(params or {}), "pageSize": LONGEST_PAGE, "page": number}
            new, more = await self.page(path, asked, doing=doing, may_lack=may_lack)
            rows += new
            number += 1
        return rows

    async def maybe_all(self, path: str, *, doing: str) -> list[Row] | None:
        """The same; None where the server does not have such a list, or keeps it from us."""
        try:
            return await self.all(path, doing=doing, may_lack=True)
        except (NotFound, Rejected):
            return None

    async def walk(self, path: str, conditions: str = "", *, fields: str = "", doing: str) -> AsyncIterator[list[Row]]:
        """Pages of a long list by id, so that nobody who writes meanwhile shifts them."""
        last, more = 0, True
        while more:
            asked = {"conditions": _both(f"id > {last}", conditions), "orderBy": "id asc", "pageSize": LONGEST_PAGE}
            rows, more = await self.page(path, {**asked, **({"fields": fields} if fields else {})}, doing=doing)
            if rows:
                last = max(int(row["id"]) for row in rows)
                yield rows

    async def post(self, path: str, body: Row, *, doing: str) -> Row:
        """Make a record."""
        return self._one(await self._ask(lambda api: api.post(path, body, doing=doing)), wrote=True)

    async def patch(self, path: str, operations: list[Row], *, doing: str) -> Row:
        """Change a record; the answer is how it stands then."""
        return self._one(await self._ask(lambda api: api.patch(path, operations, doing=doing)), wrote=True)

    async def act(self, path: str, body: Row, *, doing: str) -> Row:
        """Have something done that makes no record; the answer says whether it worked."""
        answer = await self._ask(lambda api: api.post(path, body, doing=doing))
        return answer.json if isinstance(answer.json, dict) else {}

    async def delete(self, path: str, *, doing: str) -> None:
        """Take a record away."""
        await self._ask(lambda api: api.delete(path, doing=doing))

    def _one(self, answer: Answer, *, wrote: bool = False) -> Row:
        try:
            row = answer.row
        except ValueError as exc:
            raise NotReady(self.connection, "understand the answer", str(exc), maybe_done=wrote) from exc
        if wrote and "id" not in row:
            raise NotReady(self.connection, "understand the answer", "it tells no id", maybe_done=True)
        return row

    async def _ask(self, verb: Callable[[Http], Awaitable[Answer]], *, may_lack: bool = False) -> Answer:
        """One request, and once more at the new place where a 404 meant that the codebase has moved."""
        api = await self._open()
        try:
            return await verb(api)
        except NotFound:
            moved = None if may_lack else await self._look_again(api)
            if moved is None:
                raise
        return await verb(moved)

    async def _open(self) -> Http:
        async with self._lock:
            if self._api is None:
                self._api = await self._found()
            return self._api

    async def _look_again(self, old: Http) -> Http | None:
        """Where the API is now, if that is another place than before."""
        async with self._lock:
            if self._api is old and self._looks_again.passes(self._http.psa_now()):
                found = await self._found()
                self._api = found if found.base != old.base else old
            return self._api if self._api is not old else None

    async def _found(self) -> Http:
        company = self._settings.company
        doing = f"find the codebase of company {company}"
        try:
            told = (await self._http.get(f"/login/companyinfo/{quote(company, safe='')}", doing=doing)).json
        except NotFound as exc:
            raise NotReady(self.connection, doing, f"{exc.why}; is this the root of a ConnectWise site?") from exc
        if told is None:
            raise AuthFailed(self.connection, doing, f"no such company; check connections.{self.connection}.company")
        codebase = told.get("Codebase") if isinstance(told, dict) else None
        if not isinstance(codebase, str) or not _CODEBASE.fullmatch(codebase):
            raise NotReady(self.connection, doing, "the answer names no codebase")
        return self._door(codebase)

    def _door(self, codebase: str) -> Http:
        return self._http.at(
            f"{self._settings.url}/{codebase}apis/3.0",
            headers={"clientId": self._settings.client_id, "Accept": "application/json"},
            auth=self._settings.login(),
            keys=KEYS,
            locked_out=locked_out,
        )


def _both(one: str, other: str) -> str:
    return f"{one} and {other}" if other else one


def locked_out(status: int, words: str) -> bool:
    """401, or the 403 that means the client id and not a missing right."""
    return status == 401 or (status == 403 and "clientid" in words.casefold().replace(" ", ""))

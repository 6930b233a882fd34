"""The way into one database: finds its zone, asks it, and reads long lists to their end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from psa_copilot import Answer, AuthFailed, Http, Moment, NotFound, NotReady, Rejected, Seldom
from psa_copilot_connectors.autotask.rows import Row, chunks, where
from psa_copilot_connectors.autotask.settings import KEYS, AutotaskSettings, is_trusted

PAGE = 500
THREADS = 2
"""Requests to one entity at a time: the vendor takes three of an integration, and another process may run."""
AGAIN = timedelta(minutes=1)
"""A database that answers 401 is looked for again at most this often."""
ROOT = "ATServicesRest"
VERSIONS = f"/{ROOT}/VersionInformation"
"""Told to everybody, whatever user is asked about."""
LATE = (1.0, 2.0, 4.0)
"""Seconds between looks at what was written: the server that answers may not know of it yet."""

T = TypeVar("T")


class Site:
    """One database's API. The vendor may move it to another zone; a 401 makes us look for it again."""

    def __init__(self, settings: AutotaskSettings, http: Http) -> None:
        self.connection = http.connection
        self.web_url = ""
        """Where people open it in a browser."""
        self._settings, self._http = settings, http.at(settings.url, keys=("url", "username"), means=meaning)
        self._api: Http | None = None
        self._looks_again = Seldom(AGAIN)
        self._lock = asyncio.Lock()
        self._doors: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(THREADS))

    def now(self) -> Moment:
        """The PSA's time."""
        return self._http.psa_now()

    async def get(self, path: str, *, doing: str) -> Row:
        """Read."""
        return self._row(await self._ask(lambda api: api.get(path, doing=doing)), doing)

    async def item(self, path: str, *, doing: str) -> Row:
        """Read one record; NotFound where there is none, which the PSA may say with 200."""
        found = (await self.get(path, doing=doing)).get("item")
        if not isinstance(found, dict):
            raise NotFound(self.connection, doing, "there is none")
        return found

    async def page(
        self, entity: str, conditions: Iterable[Row], *, beyond: int = -1, fields: tuple[str, ...] = (), doing: str
    ) -> tuple[list[Row], bool]:
        """The next records behind an id, and whether there are more. Their page addresses expire; ids do not."""
        asked: Row = {"filter": [where("id", "gt", beyond), *conditions], "maxRecords": PAGE}
        if fields:
            asked["includeFields"] = list(fields)
        path = f"/{entity}/query"
        told = self._row(await self._ask(lambda api: api.ask(path, asked, doing=doing)), doing)
        rows, details = told.get("items"), told.get("pageDetails")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            raise NotReady(self.connection, doing, "a list of records was expected")
        more = isinstance(details, dict) and bool(details.get("nextPageUrl"))
        return rows, bool(rows) and (more or len(rows) >= PAGE)

    async def walk(
        self, entity: str, *conditions: Row, fields: tuple[str, ...] = (), doing: str
    ) -> AsyncIterator[list[Row]]:
        """Pages of a long list by id, so that nobody who writes meanwhile shifts them."""
        beyond, more = -1, True
        while more:
            rows, more = await self.page(entity, conditions, beyond=beyond, fields=fields, doing=doing)
            if rows:
                beyond = int(rows[-1]["id"])
                yield rows

    async def all(self, entity: str, *conditions: Row, fields: tuple[str, ...] = (), doing: str) -> list[Row]:
        """A list that is short enough to have at once."""
        walk = self.walk(entity, *conditions, fields=fields, doing=doing)
        return [row async for rows in walk for row in rows]

    async def those(
        self, entity: str, field: str, values: Iterable[int], fields: tuple[str, ...] = (), *, doing: str
    ) -> list[Row]:
        """The records that have one of these values, asked for together."""
        rows: list[Row] = []
        for some in chunks(set(values)):
            rows += await self.all(entity, where(field, "in", some), fields=fields, doing=doing)
        return rows

    async def count(self, entity: str, conditions: list[Row], *, doing: str) -> int:
        """How many there are."""
        path = f"/{entity}/query/count"
        told = self._row(await self._ask(lambda api: api.ask(path, {"filter": conditions}, doing=doing)), doing)
        return int(told.get("queryCount") or 0)

    async def fields(self, entity: str) -> list[Row]:
        """What the PSA tells of an entity's fields, picklists among it."""
        doing = f"read the picklists of {entity}"
        told = (await self.get(f"/{entity}/entityInformation/fields", doing=doing)).get("fields")
        if not isinstance(told, list):
            raise NotReady(self.connection, doing, "a list of fields was expected")
        return [one for one in told if isinstance(one, dict)]

    async def post(self, path: str, body: Row, *, doing: str) -> int:
        """Make a record; its number."""
        return self._number(await self._ask(lambda api: api.post(path, body, doing=doing)), doing)

    async def patch(self, path: str, body: Row, *, doing: str) -> int:
        """Change a record, whose number is in the body."""
        return self._number(await self._ask(lambda api: api.patch(path, body, doing=doing)), doing)

    async def once_written(self, look: Callable[[], Awaitable[T]], shows: Callable[[T], bool]) -> T:
        """What a look finds after a write that was accepted, as soon as it shows there, or at last as it is."""
        try:
            found = await look()
            for seconds in LATE:
                if shows(found):
                    break
                await self._http.clock.sleep(seconds)
                found = await look()
        except NotReady as exc:  # only the look at it failed
            raise NotReady(exc.connection, exc.doing, exc.why, maybe_done=True) from exc
        return found

    async def delete(self, path: str, *, doing: str) -> None:
        """Take a record away."""
        await self._ask(lambda api: api.delete(path, doing=doing))

    def _row(self, answer: Answer, doing: str) -> Row:
        try:
            return answer.row
        except ValueError as exc:
            raise NotReady(self.connection, doing, str(exc)) from exc

    def _number(self, answer: Answer, doing: str) -> int:
        """A write is answered with a number and nothing else."""
        told = answer.json.get("itemId") if isinstance(answer.json, dict) else None
        if not isinstance(told, int):
            raise NotReady(self.connection, doing, "the answer tells no itemId", maybe_done=True)
        return told

    async def _ask(self, verb: Callable[[Http], Awaitable[Answer]]) -> Answer:
        """One request, and once more in the new zone where a 401 meant that the database has moved."""
        api = await self._open()
        try:
            return await verb(api)
        except AuthFailed:
            moved = await self._look_again(api)
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
        user = self._settings.username
        doing = f"find the zone of {user}"
        path = f"/{ROOT}/V1.0/ZoneInformation?user={quote(user, safe='')}"
        asked = self._http.at(self._settings.url, means=meaning_of_zone)
        try:
            told = (await asked.get(path, doing=doing)).json
        except NotFound as exc:
            raise NotReady(self.connection, doing, f"{exc.why}; is this the root of an Autotask site?") from exc
        except Rejected as exc:
            site = self._http.at(self._settings.url, headers=self._login(), keys=KEYS)
            await site.get(VERSIONS, doing=doing)  # in a bad hour this fails too, and no human can mend it
            why = f"{exc.why}; check connections.{self.connection}.username"
            raise AuthFailed(self.connection, doing, why) from exc
        url = told.get("url") if isinstance(told, dict) else None
        if not isinstance(url, str) or not is_trusted(self._settings.url, url):
            raise NotReady(self.connection, doing, "the answer names no zone that we would send our secret to")
        self.web_url = str(told.get("webUrl") or "")
        return self._door(url)

    def _login(self) -> dict[str, str]:
        return {
            "UserName": self._settings.username,
            "Secret": self._settings.secret.get_secret_value().strip(),
            "ApiIntegrationCode": self._settings.integration_code,
        }

    def _door(self, url: str) -> Http:
        base = f"{url.rstrip('/')}/V1.0"
        return self._http.at(base, headers=self._login(), keys=KEYS, means=meaning, lane=self._lane)

    @asynccontextmanager
    async def _lane(self, path: str) -> AsyncIterator[None]:
        """A place in every family that the vendor may count this request in."""
        async with AsyncExitStack() as places:
            for family in families(path):
                await places.enter_async_context(self._doors[family])
            yield


def meaning(status: int, json: Any) -> int:
    """Autotask refuses with 500 and a list of reasons; without reasons, a 500 is a bad hour like everywhere."""
    told = json.get("errors") if isinstance(json, dict) else None
    if status != 500 or not told:
        return status
    words = str(told).casefold()
    if "thread threshold" in words or "request threshold" in words:
        return 429
    return 403 if "permission" in words else 400


def meaning_of_zone(status: int, json: Any) -> int:
    """A user whom nobody knows is a plain 500 there, with reasons or without."""
    return 400 if status == 500 and meaning(status, json) != 429 else status


def families(path: str) -> list[str]:
    """What the vendor may count threads by: the path's first word, and the entity, which a child's path tells in two.

    Always in one order, so that no two requests wait for each other.
    """
    words = [part for part in path.casefold().split("/") if part and not part.isdigit()]
    named = [word for word in words if word not in ("query", "count", "entityinformation")]
    child = f"{named[0].removesuffix('s')}{named[1]}" if len(named) > 1 else named[0]
    return sorted({named[0], child})

"""The toolkit for connectors: one place that waits, retries reads, keeps to the budget and names errors."""

from __future__ import annotations

import asyncio
import copy
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic_core import from_json
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from psa_copilot.clock import Clock
from psa_copilot.errors import AuthFailed, NotFound, NotReady, PsaError, RateLimited, Rejected
from psa_copilot.models import Moment

READ_TRIES = 4
SHORT_WAIT = timedelta(seconds=10)
"""A read sits out a Retry-After of this length; a longer one is the caller's matter."""
LONGEST_WAIT = timedelta(hours=1)
USUAL_WAIT = timedelta(seconds=30)
TOLERATED_SKEW = timedelta(seconds=2)
WORDS = 500  # characters of the PSA's own words that an error keeps
SHORTEST_SECRET = 8  # shorter values would be struck out of ordinary words

# Servers close idle connections after 5 s and more; a write on one that just died would count as "maybe done".
_LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=4.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BACKOFF = wait_exponential(multiplier=0.25, max=4.0) + wait_random(0.0, 0.25)

# Where the PSAs put a refusal's words.
_SAYING = ("code", "error", "field", "message", "error_description", "Message", "errorMessage")

FAMILIES = 200
"""Kinds of paths that are counted apart; what is met beyond counts as one."""
_WORD = re.compile(r"[A-Za-z_.-]{1,40}")

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")

_in_background: ContextVar[bool] = ContextVar("in_background", default=False)


class Budget(Protocol):
    """The requests that one PSA tenant allows us, shared by all processes."""

    async def take(self, *, background: bool) -> None:
        """Wait for the right to send one request; RateLimited when the PSA's own wait is still long."""

    def blocked_until(self, moment: Moment) -> None:
        """The PSA said: no request before `moment`."""


@contextmanager
def background() -> Iterator[None]:
    """Requests made inside give way to everybody else's."""
    token = _in_background.set(True)
    try:
        yield
    finally:
        _in_background.reset(token)


class Traffic(NamedTuple):
    """What requests are counted by."""

    method: str
    family: str
    """The path without what names one record."""
    work: str
    """`background` or `interactive`."""
    status: str
    """`2xx` and so on; `none` where no answer came."""


@dataclass(frozen=True)
class Answer:
    """One answer of the PSA; `json` is None when it had no body."""

    status: int
    headers: Mapping[str, str]
    json: Any
    has_next: bool = False
    """A Link header names a next page."""

    @property
    def row(self) -> dict[str, Any]:
        """The one record that was asked for; ValueError when the PSA sent anything else."""
        if not isinstance(self.json, dict):
            raise ValueError(f"one record was expected, not {type(self.json).__name__}")
        return self.json

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The records that were asked for; ValueError when the PSA sent anything else."""
        if not isinstance(self.json, list) or not all(isinstance(row, dict) for row in self.json):
            raise ValueError("a list of records was expected")
        return self.json


@dataclass(frozen=True)
class _Door:
    """Where a view sends its requests, and what opens there."""

    base: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    keys: tuple[str, ...] = ()
    locked_out: Callable[[int, str], bool] = lambda status, words: status == 401
    means: Callable[[int, Any], int] = lambda status, json: status
    lane: Callable[[str], AbstractAsyncContextManager[object]] = lambda path: nullcontext()

    def secrets(self) -> list[str]:
        said = [*(self.auth or ()), *self.headers.values()]
        return sorted((value for value in said if len(value) >= SHORTEST_SECRET), key=len, reverse=True)


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    path: str
    doing: str
    params: Mapping[str, Any] | None
    headers: Mapping[str, str]
    body: Any
    form: Mapping[str, str] | None = None
    is_write: bool = False


class _Wire:
    """What all views on one PSA share: its connections, the counts, how far its clock is off."""

    def __init__(self, timeout: float) -> None:
        self.client = httpx.AsyncClient(limits=_LIMITS, timeout=timeout, trust_env=False, follow_redirects=False)
        self.counts: Counter[Traffic] = Counter()
        self._families: set[str] = set()
        self.skew = timedelta()
        self.limited: Callable[[RateLimited], None] = lambda error: None

    def family(self, path: str) -> str:
        """What is asked for, without about whom; bounded, since each is a label for ever."""
        parts = (part for part in path.partition("?")[0].split("/") if part)
        found = "/" + "/".join(part if _WORD.fullmatch(part) else "#" for part in parts)
        if len(self._families) < FAMILIES:
            self._families.add(found)
        return found if found in self._families else "other"


class Http:
    """Requests to one PSA. Reads are tried again, writes never; everything that fails has a name."""

    def __init__(self, connection: str, clock: Clock, budget: Budget, timeout: timedelta) -> None:
        self.connection, self.clock = connection, clock
        self._budget, self._timeout = budget, timeout.total_seconds()
        self._wire, self._door = _Wire(self._timeout), _Door()

    def at(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        keys: tuple[str, ...] = (),
        locked_out: Callable[[int, str], bool] | None = None,
        means: Callable[[int, Any], int] | None = None,
        lane: Callable[[str], AbstractAsyncContextManager[object]] | None = None,
    ) -> Http:
        """A view whose paths start at `base_url`; counts, budget and connections stay shared.

        `keys` are the settings that a human should check when the PSA does not accept our credentials;
        `locked_out(status, words)` tells that case, by default HTTP 401. `means(status, json)` is the status that
        everybody else would have sent, for a PSA that uses statuses in a way of its own. `lane(path)` is held while a
        request is under way, and not while it waits for its turn in the budget: for a PSA that counts who is inside.
        """
        view = copy.copy(self)
        door = _Door(base_url.rstrip("/"), dict(headers or {}), auth, keys)
        view._door = replace(
            door, locked_out=locked_out or door.locked_out, means=means or door.means, lane=lane or door.lane
        )
        return view

    @property
    def base(self) -> str:
        """Where the paths of this view start."""
        return self._door.base

    @property
    def requests(self) -> int:
        """How many requests went out, tries counted one by one."""
        return self._wire.counts.total()

    @property
    def counts(self) -> Mapping[Traffic, int]:
        """Requests so far, tries counted one by one."""
        return self._wire.counts

    def psa_now(self) -> Moment:
        """The PSA's time, as well as we know it; a followed clock is the PSA's already."""
        return self.clock.now() if self.clock.followed else self.clock.now() + self._wire.skew

    async def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        doing: str = "",
    ) -> Answer:
        """Read, with up to four tries."""
        return await self._read(self._request("GET", path, doing, params, headers, None))

    async def ask(self, path: str, body: Any = None, *, form: Mapping[str, str] | None = None, doing: str) -> Answer:
        """Read by a POST: a query that stands in the body, or a login's form. Tried again like every read."""
        return await self._read(
            replace(self._request("POST", path, doing, None, None, body), form=form, is_write=False)
        )

    async def _read(self, request: _Request) -> Answer:
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._is_worth_a_try),
            stop=stop_after_attempt(READ_TRIES),
            wait=_pause,
            sleep=self.clock.sleep,
            reraise=True,
        )
        return await retrying(self._try, request)

    async def post(self, path: str, body: Any, *, doing: str = "") -> Answer:
        """Make something; never repeated."""
        return await self._try(self._request("POST", path, doing, None, None, body))

    async def patch(self, path: str, body: Any, *, doing: str = "") -> Answer:
        """Change something; never repeated."""
        return await self._try(self._request("PATCH", path, doing, None, None, body))

    async def delete(self, path: str, *, doing: str = "") -> Answer:
        """Take something away; never repeated."""
        return await self._try(self._request("DELETE", path, doing, None, None, None))

    def when_limited(self, tell: Callable[[RateLimited], None]) -> None:
        """Tell of each 429, also of those that another try makes good."""
        self._wire.limited = tell

    async def close(self) -> None:
        """Hang up; the views share the connections and end with it."""
        await self._wire.client.aclose()

    def _request(
        self,
        method: str,
        path: str,
        doing: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: Any,
    ) -> _Request:
        sent = {**self._door.headers, **(headers or {})}
        said, writes = doing or f"{method} {path}", method != "GET"
        return _Request(method, self._door.base + path, path, said, params, sent, body, is_write=writes)

    def _is_worth_a_try(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_after - self.clock.now() <= SHORT_WAIT
        return isinstance(error, NotReady)

    async def _try(self, request: _Request) -> Answer:
        # A form is a login's, and everybody waits for that.
        in_background = _in_background.get() and request.form is None
        await self._budget.take(background=in_background)
        async with self._door.lane(request.path):
            response = await self._sent(request, "background" if in_background else "interactive")
        return self._judged(request, response)

    async def _sent(self, request: _Request, work: str) -> httpx.Response:
        """One exchange. httpx limits each phase, so a dripping answer needs the outer time-out."""
        status = "none"
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._wire.client.request(
                    request.method,
                    request.url,
                    params=request.params,
                    headers=request.headers,
                    json=request.body,
                    data=request.form,
                    auth=self._door.auth or httpx.USE_CLIENT_DEFAULT,
                )
            status = f"{response.status_code // 100}xx"
        except (TimeoutError, httpx.HTTPError) as exc:
            raise self._no_answer(request, exc) from exc
        finally:
            self._wire.counts[Traffic(request.method, self._wire.family(request.path), work, status)] += 1
        return response

    def _no_answer(self, request: _Request, exc: Exception) -> NotReady:
        if isinstance(exc, _NOT_SENT):
            return self._not_ready(request, f"no connection to {urlsplit(request.url).netloc} ({exc})", maybe=False)
        if isinstance(exc, TimeoutError | httpx.TimeoutException):
            return self._not_ready(request, f"no answer within {self._timeout:g} s")
        return self._not_ready(request, f"the connection was cut ({type(exc).__name__})")

    def _not_ready(self, request: _Request, why: str, *, maybe: bool = True) -> NotReady:
        return NotReady(self.connection, request.doing, why, maybe_done=maybe and request.is_write)

    def _judged(self, request: _Request, response: httpx.Response) -> Answer:
        """The answer, or the error that it means."""
        self._look_at_their_clock(response)
        known, json = _parsed(response)
        if response.is_success:
            if not known:
                raise self._not_ready(request, f"HTTP {response.status_code} with a page instead of JSON")
            return Answer(response.status_code, response.headers, json, "next" in response.links)
        raise self._refusal(request, response, known, json)

    def _refusal(self, request: _Request, response: httpx.Response, known: bool, json: Any) -> PsaError:
        words = self._hide(_words(json), request)
        status = self._door.means(response.status_code, json)
        why = f"HTTP {response.status_code}: {words}" if words else f"HTTP {response.status_code}"
        if status == 429:
            return self._rate_limited(request, response, why)
        if self._door.locked_out(status, words):
            return AuthFailed(self.connection, request.doing, why + self._what_to_check())
        if status == 404:
            return NotFound(self.connection, request.doing, why)
        if response.is_redirect:
            target = response.headers.get("location", "")
            return self._not_ready(
                request, f"{why}, sent on to {urlsplit(target).netloc or 'another page'}", maybe=False
            )
        if status >= 500 or not known:
            return self._not_ready(request, why if known else f"{why} with a page instead of JSON")
        if status == 403:
            why += "; the account's role lacks a right"
        return Rejected(self.connection, request.doing, why)

    def _rate_limited(self, request: _Request, response: httpx.Response, why: str) -> RateLimited:
        wait = _retry_after(response.headers, self.psa_now())
        moment = self.clock.now() + wait
        self._budget.blocked_until(moment)
        error = RateLimited(
            self.connection, request.doing, f"{why}; wait {wait.total_seconds():g} s", retry_after=moment
        )
        self._wire.limited(error)
        return error

    def _what_to_check(self) -> str:
        keys = [f"connections.{self.connection}.{key}" for key in self._door.keys]
        return f"; check {', '.join(keys)}" if keys else ""

    def _hide(self, words: str, request: _Request) -> str:
        typed = [value for value in (request.form or {}).values() if len(value) >= SHORTEST_SECRET]
        for secret in (*self._door.secrets(), *typed):
            words = words.replace(secret, "***")
        return words[:WORDS]

    def _look_at_their_clock(self, response: httpx.Response) -> None:
        shown = _http_date(response.headers.get("date", ""))
        if shown:
            skew = shown - self.clock.now()
            self._wire.skew = skew if abs(skew) > TOLERATED_SKEW else timedelta()


def _pause(state: RetryCallState) -> float:
    """Before the next try of a read; what a 429 asks for is waited out in the budget."""
    failed = state.outcome.exception() if state.outcome else None
    return 0.0 if isinstance(failed, RateLimited) else _BACKOFF(state)


def _parsed(response: httpx.Response) -> tuple[bool, Any]:
    """Whether the body is JSON (or nothing at all), and what it says."""
    if not response.content.strip():
        return True, None
    try:
        return True, from_json(response.content)
    except ValueError:
        return _in_another_encoding(response)


def _in_another_encoding(response: httpx.Response) -> tuple[bool, Any]:
    """JSON is UTF-8; a few servers think otherwise."""
    try:
        return True, response.json()
    except ValueError:
        return False, None


def _words(json: Any) -> str:
    """What the PSA says about a refusal: code, message and the nested errors, in its own words."""
    if isinstance(json, str):
        return json
    if isinstance(json, list):
        return "; ".join(filter(None, map(_words, json)))
    if not isinstance(json, dict):
        return ""
    said = [str(json[key]) for key in _SAYING if json.get(key)]
    return "; ".join(filter(None, [": ".join(said), _words(json.get("errors"))]))


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long we were asked to wait: seconds or a date, kept within reason."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=min(float(text), 10.0**6)), LONGEST_WAIT)
    until = _http_date(text)
    if until is None:
        return USUAL_WAIT
    return max(timedelta(), min(until - (_http_date(headers.get("date", "")) or now), LONGEST_WAIT))


@dataclass(frozen=True)
class Step:
    """What one page of a keyset walk asks for, ordered by stamp and id: `stamp OP this`, and `id > beyond` if given."""

    stamp: str
    op: Literal[">=", "=", ">"] = ">="
    beyond: int | None = None


T = TypeVar("T")


async def keyset(
    read: Callable[[Step], Awaitable[tuple[list[T], bool]]],
    since: str,
    key: Callable[[T], tuple[str, int]],
) -> AsyncIterator[list[T]]:
    """Walk over what changed at or after `since`, losing nothing to rows that change while we walk.

    `read` answers with the rows of one step and whether there are more; `key` is a row's (stamp, id). Each page
    starts again at the last stamp seen, since others may have got the same one; rows already seen are dropped.
    """
    step: Step | None = Step(since)
    seen: dict[tuple[str, int], T] = {}
    while step:
        rows, more = await read(step)
        fresh = [row for row in rows if seen.get(key(row)) != row]
        if fresh:
            yield fresh
        seen = {key(row): row for row in rows if key(row)[0] == key(rows[-1])[0]}
        step = _next_step(step, key(rows[-1]) if rows and more else None)


def _next_step(step: Step, last: tuple[str, int] | None) -> Step | None:
    if last is None:
        return Step(step.stamp, ">") if step.op == "=" else None
    stamp, row_id = last
    if stamp == step.stamp:
        return Step(stamp, "=", row_id)
    return Step(stamp)

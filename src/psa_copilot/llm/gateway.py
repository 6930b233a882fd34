"""One per process: hands each run the model that it may ask, or one that never answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from psa_copilot import logs
from psa_copilot.clock import Clock
from psa_copilot.llm import provider, words
from psa_copilot.llm.asking import Call, Llm
from psa_copilot.llm.ports import Account, Cache, Limits, Spend, Used
from psa_copilot.llm.provider import ModelFailed, Reply, Request
from psa_copilot.llm.settings import LlmSettings
from psa_copilot.llm.typed import NotTyped, json_in, schema_of, spoken, strings, typed
from psa_copilot.llm.veil import Veil
from psa_copilot.models import Thread
from psa_copilot.redact import SECRETS
from psa_copilot.text.foreign import without_foreign

log = logs.get("psa_copilot.llm")

T = TypeVar("T", bound=BaseModel)

NO_BUDGET = "the budget is used up"
PER_MESSAGE = 20
"""Tokens that a server may add for each message."""
_BACKOFF = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)


@dataclass(frozen=True)
class Route:
    """Which model reads a thread, and where it answers."""

    model: str
    api_base: str
    api_key: str = field(repr=False)


class Gateway:
    """The door to the configured model."""

    def __init__(self, settings: LlmSettings | None, spend: Spend, cache: Cache, clock: Clock) -> None:
        self.settings, self.spend, self.cache, self.clock = settings, spend, cache, clock
        self.plain: set[tuple[str, str]] = set()
        """Models, by name and address, that refused a schema."""
        for key in _keys(settings):
            SECRETS.add(key)

    def llm(self, plugin: str, thread: Thread, *, people: Iterable[str] = (), barred: str = "") -> Llm:
        """The model for one run of a plugin on a thread.

        `people` are names to hide besides those that the thread itself names (its contact, authors); `barred` says
        why no model may read this thread, for example that it is confidential.
        """
        if self.settings is None or barred:
            return Llm(barred) if barred else Llm()
        route = _route(self.settings, thread)
        if isinstance(route, str):
            return Llm(route)
        return _Asked(self, self.settings, route, plugin, thread, tuple(people))

    async def close(self) -> None:
        """Hang up."""
        await provider.close()


def _keys(settings: LlmSettings | None) -> list[str]:
    if settings is None:
        return []
    given = [settings.api_key, *(one.api_key for one in settings.companies.values())]
    return [key.get_secret_value() for key in given if key]


def _route(settings: LlmSettings, thread: Thread) -> Route | str:
    """Where this thread may go, or why nowhere: a client's wish counts for every thread with a ticket of it."""
    companies = sorted({ticket.company for ticket in thread.tickets})
    wishes = [settings.company(name) for name in companies]
    if any(wish.opted_out for wish in wishes if wish):
        return "the client wants no model"
    routes = {
        _pinned(settings, wish.model, wish.api_base, wish.api_key) if wish else _usual(settings) for wish in wishes
    }
    return routes.pop() if len(routes) == 1 else "clients of this thread want different models"


def _usual(settings: LlmSettings) -> Route:
    return _pinned(settings, "", "", None)


def _pinned(settings: LlmSettings, model: str, api_base: str, api_key: Any) -> Route:
    key = api_key or settings.api_key
    return Route(model or settings.model, api_base or settings.api_base, key.get_secret_value() if key else "")


class _Asked(Llm):
    """A model that answers, for one run."""

    def __init__(
        self,
        gateway: Gateway,
        settings: LlmSettings,
        route: Route,
        plugin: str,
        thread: Thread,
        people: tuple[str, ...],
    ) -> None:
        super().__init__(why="")
        self._gateway, self._settings, self._route = gateway, settings, route
        self._account = Account(plugin, thread.ticket.company, route.model)
        self._thread, self._people = thread, people
        self._veil: Veil | None = None

    async def ask(self, task: str, material: str, answer: type[T]) -> T | None:
        self.why = ""
        try:
            async with asyncio.timeout(self._settings.give_up_after.total_seconds()):
                return await self._answered(task, material, answer)
        except TimeoutError:
            self.why = "the model took too long"
        except (ModelFailed, NotTyped) as error:
            self.why = f"the model failed: {error}"
        except _NoBudget:
            self.why = NO_BUDGET
        return None

    async def _answered(self, task: str, material: str, answer: type[T]) -> T:
        # Looking for secrets in a long thread takes a moment; the loop has others to serve.
        question = await asyncio.to_thread(self._question, task, material, answer)
        kept = self._gateway.cache.get(question.key)
        if kept is not None and (value := _still_read(question, kept, answer)) is not None:
            self.spent.append(Call(self._route.model, cached=True))
            return value
        said, value = await self._mended(question, answer)
        self._gateway.cache.put(question.key, said, self._gateway.clock.now())
        return value

    def _question(self, task: str, material: str, answer: type[BaseModel]) -> _Question:
        self._veil = veil = self._veil or Veil(self._thread, self._people)
        schema = schema_of(answer)
        known = f"{veil.thread_text}\n{material}\n{task}\n{json.dumps(schema, ensure_ascii=False)}"
        return _Question(
            self._route,
            task=veil.hide(task),
            material=veil.hide(words.shortened(material, self._settings.longest_material)),
            schema=spoken(schema, veil.hide),
            veil=veil,
            known=known,
        )

    async def _mended(self, question: _Question, answer: type[T]) -> tuple[str, T]:
        """The answer; one that is not of its type may be mended once."""
        said = await self._said(question, ())
        try:
            return said, question.read(said, answer)
        except NotTyped as error:
            faults = question.veil.hide(str(error))
        said = await self._said(question, words.repair(question.veil.hide(said), faults))
        return said, question.read(said, answer)

    async def _said(self, question: _Question, more: tuple[words.Message, ...]) -> str:
        """The model's words; where the server refuses the schema, it is asked in plain words, now and from then on."""
        limits = self._limits()
        if 0 in (limits.day, limits.plugin, limits.company):
            raise _NoBudget  # before litellm is loaded for nothing
        await provider.ready()
        where = (self._route.model, self._route.api_base)
        plain = where in self._gateway.plain or not provider.takes_schema(self._route.model)
        try:
            return await self._tried(question.request(self._settings, more, plain=plain))
        except ModelFailed as error:
            if plain or error.status not in (400, 404, 415, 422, 501):
                raise
        said = await self._tried(question.request(self._settings, more, plain=True))
        self._gateway.plain.add(where)
        return said

    async def _tried(self, request: Request) -> str:
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, ModelFailed) and error.again),
            stop=stop_after_attempt(self._settings.tries),
            wait=_pause,
            sleep=self._gateway.clock.sleep,
            reraise=True,
        )
        reply: Reply = await retrying(self._paid, request)
        return reply.text

    async def _paid(self, request: Request) -> Reply:
        """One request, booked before it is sent at the most it can cost, and settled at what it did."""
        most = self._price(_most_read(request), request.max_tokens)
        now = self._gateway.clock.now()
        booking = self._gateway.spend.reserve(self._account, most, self._limits(), now)
        if booking is None:
            raise _NoBudget
        # A request that ends with no reply, or is cut short from outside, may have been worked on: it stays booked.
        used, outcome, began = Used(cost=most), "cut", time.monotonic()
        try:
            reply = await provider.complete(request)
            used, outcome = self._used(request, reply), "answered"
        except ModelFailed as error:
            used, outcome = used if error.maybe_charged else Used(), error.why
            raise
        finally:
            self._gateway.spend.settle(booking, used)
            self._record(used, outcome, round((time.monotonic() - began) * 1000))
        return reply

    def _used(self, request: Request, reply: Reply) -> Used:
        """What a reply took; a server that counts nothing is counted generously."""
        read = reply.tokens_in or _most_read(request)
        written = reply.tokens_out or len(reply.text.encode()) // 2 + 1
        return Used(read, written, self._price(read, written))

    def _record(self, used: Used, outcome: str, ms: int) -> None:
        call = Call(self._route.model, used.cost, used.tokens_in, used.tokens_out, ms=ms)
        self.spent.append(call)
        log.info(
            "model_called",
            plugin=self._account.plugin,
            model=call.model,
            outcome=outcome,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            cost=round(call.cost, 6),
            ms=ms,
        )

    def _limits(self) -> Limits:
        settings, account = self._settings, self._account
        return Limits(
            settings.daily_budget, settings.plugin_budgets.get(account.plugin), settings.company_budget(account.company)
        )

    def _price(self, tokens_in: int, tokens_out: int) -> float:
        """The config's word first, then litellm's list; a model that neither knows is a local one, and free."""
        read, written = self._settings.input_price, self._settings.output_price
        if self._route.model == self._settings.model and read is not None and written is not None:
            return (tokens_in * read + tokens_out * written) / 1_000_000
        return provider.price(self._route.model, tokens_in, tokens_out) or 0.0


def _still_read(question: _Question, kept: str, answer: type[T]) -> T | None:
    """A kept answer as a value; None when it does not fit any more, say because a name in it is longer here."""
    try:
        return question.read(kept, answer)
    except NotTyped:
        return None


class _NoBudget(Exception):
    """One more call would go over a budget."""


@dataclass(frozen=True, repr=False)
class _Question:
    """What is asked, with everything hidden that a model must not read."""

    route: Route
    task: str
    material: str
    schema: Mapping[str, Any]
    veil: Veil
    known: str

    @property
    def key(self) -> str:
        """Equal for the same question to the same model."""
        parts = [
            self.route.model,
            self.route.api_base,
            self.task,
            self.material,
            json.dumps(self.schema, sort_keys=True),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def request(self, settings: LlmSettings, more: tuple[words.Message, ...], *, plain: bool) -> Request:
        opening = words.opening(self.task, self.material, self.schema, plain=plain)
        request = Request(
            model=self.route.model,
            messages=(*opening, *more),
            max_tokens=settings.max_tokens,
            timeout=settings.timeout.total_seconds(),
            api_base=self.route.api_base,
            api_key=self.route.api_key,
        )
        return request if plain else replace(request, schema=self.schema)

    def read(self, said: str, answer: type[T]) -> T:
        """The model's words as a value: people put back, no secret, and nothing that points outside the thread."""
        return typed(strings(json_in(said), self._cleaned), answer)

    def _cleaned(self, text: str) -> str:
        return without_foreign(self.veil.show(text), self.known)


def _most_read(request: Request) -> int:
    """Tokens that a request can have at most: hardly any text has more than one for two bytes."""
    size = sum(len(message["content"].encode()) for message in request.messages) + len(json.dumps(request.schema or ""))
    return size // 2 + PER_MESSAGE * len(request.messages)


def _pause(state: RetryCallState) -> float:
    failed = state.outcome.exception() if state.outcome else None
    asked = failed.retry_after if isinstance(failed, ModelFailed) else 0.0
    return max(asked, _BACKOFF(state))

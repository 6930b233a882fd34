"""The one place that knows litellm: one request, one reply, and every failure as a name without text in it.

litellm is imported at the first real call and in a thread, since that takes seconds. It retries nothing (the budget
counts each request), fetches no price list, reads no `.env` of the folder it runs in and reports to nobody.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TAMPERED = frozenset({"1.82.7", "1.82.8"})
"""Releases of litellm that carried somebody else's code."""

_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_RETRY_AFTER = 30.0
_LONGEST_CHAIN = 10
_NOT_SENT = frozenset({"ClientConnectorError", "ClientConnectorDNSError", "ConnectTimeout", "UnsupportedProtocol"})

_loading = threading.Lock()


class ModelFailed(Exception):
    """A request that brought no reply. The words say what happened, never what was asked or with which key."""

    def __init__(
        self, why: str, *, status: int = 0, again: bool = False, retry_after: float = 0.0, maybe_charged: bool = False
    ) -> None:
        super().__init__(why)
        self.why, self.status, self.again, self.retry_after = why, status, again, retry_after
        self.maybe_charged = maybe_charged
        """The model may have worked for it though no reply came."""


@dataclass(frozen=True, repr=False)
class Request:
    """One request to a model; without a schema it is asked for JSON in plain words only."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    max_tokens: int
    timeout: float
    api_base: str = ""
    api_key: str = ""
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, repr=False)
class Reply:
    """What the model said, and what it counted."""

    text: str
    tokens_in: int
    tokens_out: int


async def ready() -> None:
    """Load litellm, without holding up the loop; ModelFailed when it must not or cannot be used."""
    await asyncio.to_thread(_litellm)


async def complete(request: Request) -> Reply:
    """One request, within its time-out whatever litellm does; ModelFailed otherwise."""
    failed: ModelFailed
    try:
        async with asyncio.timeout(request.timeout):
            answer = await _litellm().acompletion(**_arguments(request))
        return _reply(answer)
    except TimeoutError:
        failed = ModelFailed(f"no answer within {request.timeout:g} s", again=True, maybe_charged=True)
    except ModelFailed as error:
        failed = error
    except Exception as error:  # noqa: BLE001  whatever litellm raises may quote the key or the text
        failed = _named(error)
    # Raised here, not above: an error's context would carry the first one's words into a traceback.
    raise failed


async def close() -> None:
    """Close the connections that litellm keeps open; nothing to do where it was never loaded."""
    litellm = sys.modules.get("litellm")
    if litellm is not None and hasattr(litellm, "close_litellm_async_clients"):
        await litellm.close_litellm_async_clients()
        # It would go on handing out the closed ones.
        litellm.in_memory_llm_clients_cache.flush_cache()


def price(model: str, tokens_in: int, tokens_out: int) -> float | None:
    """Dollars by litellm's own list; None for a model that is not on it."""
    try:
        read, written = _litellm().cost_per_token(model=model, prompt_tokens=tokens_in, completion_tokens=tokens_out)
    except Exception:  # noqa: BLE001  it raises many things for "I do not know it"
        return None
    return float(read) + float(written)


def takes_schema(model: str) -> bool:
    """Whether to send the schema: only a model that litellm knows to refuse it goes without."""
    litellm = _litellm()
    known = model in litellm.model_cost or model.partition("/")[2] in litellm.model_cost
    return not known or bool(litellm.supports_response_schema(model=model))


def _litellm() -> Any:
    with _loading:
        version = _version()
        if version in TAMPERED:
            raise ModelFailed(f"litellm {version} was tampered with and is not used; install another release")
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
        import litellm

        if not getattr(litellm, "_quietened", False):
            _quieten(litellm)
        return litellm


def _version() -> str:
    try:
        return importlib.metadata.version("litellm")
    except importlib.metadata.PackageNotFoundError:
        raise ModelFailed("litellm is not installed") from None


def _quieten(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.redact_messages_in_exceptions = True
    litellm.telemetry = False
    litellm.drop_params = True
    litellm.num_retries = 0
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
    litellm._quietened = True


def _arguments(request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": [dict(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "timeout": request.timeout,
        "num_retries": 0,
        "max_retries": 0,
    }
    if request.api_base:
        # Without a key of its own, litellm would show the environment's to whoever answers there.
        arguments |= {"api_base": request.api_base, "api_key": request.api_key or "none"}
    elif request.api_key:
        arguments["api_key"] = request.api_key
    if request.schema is not None:
        shape = {"name": "answer", "schema": request.schema, "strict": is_strict(request.schema)}
        arguments |= {"response_format": {"type": "json_schema", "json_schema": shape}, "temperature": 0}
    return arguments


def is_strict(schema: object) -> bool:
    """Whether every object in a schema names all its properties, as servers want it of a strict one."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    return all(map(is_strict, schema.values()))


def _reply(answer: Any) -> Reply:
    try:
        text = answer.choices[0].message.content or ""
    except (AttributeError, IndexError, TypeError):
        raise ModelFailed("an answer of another shape", status=200, again=True) from None
    usage = getattr(answer, "usage", None)
    return Reply(
        str(text), int(getattr(usage, "prompt_tokens", 0) or 0), int(getattr(usage, "completion_tokens", 0) or 0)
    )


def _named(error: Exception) -> ModelFailed:
    status = getattr(error, "status_code", 0)
    status = status if isinstance(status, int) else 0
    causes = _causes(error)
    if _NOT_SENT & causes:
        return ModelFailed("no connection to the model's server", again=True)
    if any("Timeout" in name for name in causes):
        return ModelFailed("no answer in time", again=True, maybe_charged=True)
    if any("Connection" in name for name in causes):
        return ModelFailed("the connection to the model's server was cut", again=True, maybe_charged=True)
    if status in (401, 403):
        return ModelFailed(f"HTTP {status}: the server does not accept the key; check llm.api_key", status=status)
    if status in _BUSY:
        return ModelFailed(f"HTTP {status}", status=status, again=True, retry_after=_retry_after(error))
    return ModelFailed(f"HTTP {status}" if status else type(error).__name__, status=status)


def _causes(error: BaseException) -> set[str]:
    """What an error is, and what it came from: litellm calls a refused connection HTTP 500."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None and len(names) < _LONGEST_CHAIN:
        names.add(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return names


def _retry_after(error: Exception) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return min(max(0.0, float(headers.get("retry-after", 0))), _LONGEST_RETRY_AFTER)
    except (TypeError, ValueError):
        return 0.0

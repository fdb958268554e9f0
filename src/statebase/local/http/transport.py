"""HTTP in front of the engine, without a network: a transport for httpx."""

from __future__ import annotations

import logging
import os
import time
from typing import Any, NamedTuple, Optional, Union

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pydantic_core

from ..._base.operation import Operation
from ..._generated.operations import OPERATIONS
from ..._generated.queries import QUERIES
from ..caller import Context
from ..clock import Clock
from ..engine import Durability, EmbedFunction, Engine
from ..errors import EngineError
from ..identifiers import new_id
from ..operations.stored_response import AlreadyAnswered, encode
from ..search.embedder import Embedder
from .authenticate import Gate, Visitor
from .limit import RateLimit
from .read import InvalidRequest, check_size, invalid_body, read_body, read_query
from .replay import read_once
from .route import Router

logger = logging.getLogger("statebase.local")

_THREADS = 16
"""How many requests of one event loop that read are in threads at once, and how many of those that write."""
_CONTEXT_OPERATION = "get_context"
_LONGEST_REQUEST_ID = 128
_TYPES = {401: "authentication_error", 429: "rate_limit_error"}
_INVALID_TYPE = "invalid_request_error"
_SERVER_TYPE = "api_error"

_router = Router(OPERATIONS)
_read_threads: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("statebase_local_read_threads")
_write_threads: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("statebase_local_write_threads")


class _Answer(NamedTuple):
    status: int
    body: bytes
    replayed: bool = False


class _Entry:
    """A request on its way through the front door, and what is answered to it."""

    def __init__(self, request: httpx.Request) -> None:
        self.request = request
        self.path, _, self.query = request.url.raw_path.decode("ascii").partition("?")
        self.shown_key: Optional[str] = request.headers.get("x-api-key")
        self.request_id = _request_id(request.headers.get("x-request-id"))
        self.headers = {"X-Request-ID": self.request_id}
        """Of the answer."""
        self.visitor = Visitor(None, with_key=False)
        self.operation: Optional[Operation[Any]] = None
        self.parameters: tuple[str, ...] = ()
        self.answer: Optional[_Answer] = None

    def fail(self, error: EngineError) -> None:
        """Answer with an error; what went wrong in the store goes to the log with its cause."""
        if error.status == 500:
            logger.error("Request %s (%s) failed", self.request_id, self.request.method, exc_info=error)
        self.answer = _Answer(error.status, _error_body(error))
        if error.retry_after is not None:
            self.headers["Retry-After"] = str(error.retry_after)

    def response(self) -> httpx.Response:
        """Return the answer."""
        assert self.answer is not None
        if self.answer.replayed:
            self.headers["Idempotent-Replayed"] = "true"
        if self.answer.body:
            self.headers["Content-Type"] = "application/json"
        return httpx.Response(self.answer.status, headers=self.headers, content=self.answer.body)


class LocalTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers requests of httpx by calling an engine; for `httpx.Client` and for `httpx.AsyncClient`.

    In an event loop, an engine that may have to wait works in a thread. What is not an answer, such as what the handler
    of a signal raises in the middle of a call, comes out as it is.

    Args:
        engine: The engine. It stays open when the transport is closed, unless the transport is to close it.
        api_key: The key that requests have to show in `X-API-Key`, if it is not one of the dashboard's; without it,
            requests need no key.
        rate_limit: Requests a minute that come in; one with a key of the dashboard has the limit of its key. No limits
            without it.
        close_engine: Whether closing the transport closes the engine.

    Raises:
        ValueError: `api_key` is empty, or not printable ASCII text.

    Example:
        >>> import httpx
        >>> from statebase.local import Engine, LocalTransport
        >>> transport = LocalTransport(Engine.open(), close_engine=True)
        >>> with httpx.Client(base_url="http://localhost", transport=transport) as http:
        ...     http.get("/health/live").json()
        {'status': 'alive'}
    """

    def __init__(
        self,
        engine: Engine,
        *,
        api_key: Optional[str] = None,
        rate_limit: Optional[int] = None,
        close_engine: bool = False,
    ) -> None:
        self._engine = engine
        self._gate = Gate(engine, api_key)
        self._rate_limit = None if rate_limit is None else RateLimit(rate_limit)
        self._close_engine = close_engine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        deadline = _deadline(request)
        entry = _Entry(request)
        if not self._has_refused(entry):
            request.read()
            self._respond(entry, deadline)
        return entry.response()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request without holding up the event loop."""
        deadline = _deadline(request)
        entry = _Entry(request)
        if self._engine.is_quick:
            if not self._has_refused(entry):
                await request.aread()
                self._respond(entry, deadline)
            return entry.response()
        # Writes wait for each other, and may fill their threads; reads have threads of their own.
        threads = _read_threads if request.method == "GET" else _write_threads
        limiter = threads.get(None)
        if limiter is None:
            limiter = anyio.CapacityLimiter(_THREADS)
            threads.set(limiter)
        if self._gate.asks_engine(entry.shown_key):
            refused = await anyio.to_thread.run_sync(self._has_refused, entry, limiter=limiter)
        else:
            refused = self._has_refused(entry)
        if not refused:
            await request.aread()
            await anyio.to_thread.run_sync(self._respond, entry, deadline, limiter=limiter)
        return entry.response()

    def close(self) -> None:
        """Close the engine, if it is the transport's to close."""
        if self._close_engine:
            self._close_engine = False
            self._engine.close()

    async def aclose(self) -> None:
        """Close the engine, if it is the transport's to close."""
        if self._close_engine and not self._engine.is_quick:
            await anyio.to_thread.run_sync(self.close)
        else:
            self.close()

    def _has_refused(self, entry: _Entry) -> bool:
        """Decide from the head of a request alone, before any of its body is read, whether it comes in."""
        try:
            self._enter(entry)
        except EngineError as error:
            entry.fail(error)
        finally:
            self._engine.settle()
        return entry.answer is not None

    def _enter(self, entry: _Entry) -> None:
        """Find the operation, and let in who may ask for it.

        Raises:
            EngineError: 401 or 429, of a path where nothing is as well: who has no key learns nothing; 404 or 405.
        """
        found = _router.find(entry.path)
        operation = None if found is None else found.operations.get(entry.request.method)
        if operation is None or not operation.is_open:
            entry.visitor = self._gate.admit(entry.shown_key)
            if self._rate_limit is not None:
                rate_headers, exceeded = self._rate_limit.take(entry.visitor, self._engine.now_us())
                entry.headers.update(rate_headers)
                if exceeded is not None:
                    raise exceeded
        if found is None:
            raise EngineError(404, "resource_not_found", f"No operation has the path {entry.path}: check the path.")
        if operation is None:
            entry.headers["Allow"] = ", ".join(sorted(found.operations))
            message = f"{entry.request.method} is not allowed at {entry.path}: use {entry.headers['Allow']}."
            raise EngineError(405, "invalid_request", message)
        entry.operation, entry.parameters = operation, found.parameters

    def _respond(self, entry: _Entry, deadline: Optional[float]) -> None:
        try:
            entry.answer = self._answer(entry, deadline)
        except EngineError as error:
            entry.fail(error)
        finally:
            self._engine.settle()

    def _answer(self, entry: _Entry, deadline: Optional[float]) -> _Answer:
        operation, visitor, content = entry.operation, entry.visitor, entry.request.content
        assert operation is not None
        started_us = self._engine.now_us()
        check_size(len(content))
        once = read_once(operation, entry.path, entry.request.headers, content, visitor)
        context = Context(visitor.actor, visitor.key_id, entry.request_id, once, deadline)
        answer = self._once(operation, entry.parameters, entry.query, content, context)
        if operation.id == _CONTEXT_OPERATION and answer.status == operation.status:
            entry.headers["X-StateBase-Latency"] = f"{(self._engine.now_us() - started_us) / 1000:.3f}"
        return answer

    def _once(
        self, operation: Operation[Any], parameters: tuple[str, ...], query: str, content: bytes, context: Context
    ) -> _Answer:
        """Carry an operation out, or give the answer that the request got before."""
        once = context.once
        if once is None:
            return self._run(operation, parameters, query, content, context)
        kept = self._engine.recall(once)
        if kept is not None:
            return _Answer(*kept, replayed=True)
        try:
            answer = self._run(operation, parameters, query, content, context)
            if once.body is None:
                session_id = parameters[0] if "{session_id}" in operation.path else None
                memory_ids = _memories_in(operation, answer)
                self._engine.keep(once, answer.status, answer.body, context, session_id, memory_ids)
        except AlreadyAnswered as already:
            return _Answer(*already.answer, replayed=True)
        return answer

    def _run(
        self, operation: Operation[Any], parameters: tuple[str, ...], query: str, content: bytes, context: Context
    ) -> _Answer:
        """Carry an operation out; an answer that says what is wrong with the request is one like others."""
        try:
            arguments: list[Any] = list(parameters)
            if operation.body is not None:
                arguments.append(read_body(operation.body, content))
            elif operation.id in QUERIES:
                arguments.append(read_query(QUERIES[operation.id], query))
            result = getattr(self._engine, operation.id)(*arguments, context)
            body = None if context.once is None else context.once.body
            return _Answer(operation.status, encode(result) if body is None else body)
        except InvalidRequest as error:
            return _Answer(422, error.body())
        except EngineError as error:
            if error.location is not None:
                return _Answer(422, invalid_body(error).body())
            if error.status >= 500 or error.retry_after is not None:
                raise
            return _Answer(error.status, _error_body(error))


def open_transport(
    path: Union[str, os.PathLike[str]],
    *,
    embedder: Union[Embedder, EmbedFunction, None] = None,
    durability: Durability = "full",
    default_ttl_seconds: int = 86400,
    clock: Optional[Clock] = None,
) -> LocalTransport:
    """Open an engine and put a transport before it, which closes it; the parameters are those of `Engine.open`."""
    engine = Engine.open(
        path, embedder=embedder, durability=durability, default_ttl_seconds=default_ttl_seconds, clock=clock
    )
    return LocalTransport(engine, close_engine=True)


def refusal(error: EngineError, request_id: Optional[str]) -> httpx.Response:
    """Answer a request that does not get as far as a transport.

    Args:
        error: Why.
        request_id: The `X-Request-ID` that it came with, if it did.
    """
    headers = {"X-Request-ID": _request_id(request_id), "Content-Type": "application/json"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return httpx.Response(error.status, headers=headers, content=_error_body(error))


def _deadline(request: httpx.Request) -> Optional[float]:
    """Return the `time.monotonic()` until which the caller waits for an answer; None if it sets no time."""
    timeouts = request.extensions.get("timeout", {})
    seconds = timeouts.get("read")
    return None if seconds is None else time.monotonic() + seconds


def _memories_in(operation: Operation[Any], answer: _Answer) -> list[str]:
    """Return the ids of the memories that an answer holds, of whatever session they are."""
    if operation.id != _CONTEXT_OPERATION or answer.status != operation.status:
        return []
    return [memory["id"] for memory in pydantic_core.from_json(answer.body)["memories"]]


def _request_id(given: Optional[str]) -> str:
    """Return the id that a request came with, if it is fit to be one, else a new one."""
    if given and len(given) <= _LONGEST_REQUEST_ID and given.isascii() and given.isprintable():
        return given
    return new_id("req_")


def _error_body(error: EngineError) -> bytes:
    kind = _SERVER_TYPE if error.status >= 500 else _TYPES.get(error.status, _INVALID_TYPE)
    detail: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "type": kind,
        "param": error.param,
    }
    if error.retry_after is not None:
        detail["retry_after"] = error.retry_after
    return pydantic_core.to_json({"error": detail})

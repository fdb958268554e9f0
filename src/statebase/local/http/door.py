"""The front door: runs the steps that turn a request into a response. Each step is a module."""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple, Optional, Union
from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel
import anyio.to_thread

from ..._base.exchange import Reply, Request
from ..._base.extensions import HEADER, supported
from ..._base.operation import Operation
from ..._generated.operations import OPERATIONS
from ..caller import Caller
from ..engine import Engine
from ..errors import EngineError
from .authenticate import ANYONE, Authenticator, Principal
from .counts import Counts, ProcessCounts
from .head import Head, by_name
from .limit import RateLimit
from .read import check_size, version_in
from .replay import idempotent_request, is_looked_up_first, key_of_turn
from .reply import Headers, error_reply, reply
from .route import Router
from .run import Result, is_slow, run, stored_result
from .store import store

logger = logging.getLogger("statebase.local")

_READ_THREADS = 16
"""The maximum number of threads per event loop for reads."""
_WRITE_THREADS = 12
"""The same for writes. These wait for each other, and leave a database connections for reads."""
_WRITES_OF_ONE = 4
"""How many of the writes that name the same session, memory or entity in their paths have a thread at a time."""
_CONTEXT_OPERATION = "get_context"
_SHORT_READS = frozenset(
    {
        "readiness_probe",
        "get_session",
        "get_state",
        "get_memory",
        "get_entity",
        "get_trace",
    }
)
"""Operations that read a few rows by id, which takes less time than a switch to a thread."""
_WITHOUT_STORE = frozenset({"root", "liveness_probe"})
"""Operations that are answered even if every thread waits for the store."""

_router = Router(OPERATIONS)
_read_threads: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("statebase_local_read_threads")
_write_threads: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("statebase_local_write_threads")
_queues: anyio.lowlevel.RunVar[WeakValueDictionary[str, anyio.CapacityLimiter]] = anyio.lowlevel.RunVar(
    "statebase_local_queues"
)


class Admitted(NamedTuple):
    """A request that was admitted by its head; its body is read next."""

    head: Head
    operation: Operation[Any]
    parameters: tuple[str, ...]
    """The values of the path parameters, in order."""
    principal: Principal
    headers: Headers
    """The headers of the response."""


class FrontDoor:
    """HTTP in front of an engine, without a network.

    `admit` routes, authenticates and rate-limits a request by its head. `respond` looks up a stored response, reads the
    body, runs the operation, and stores the response. `exchange` does both. In an event loop, operations that may wait
    run in a thread. Only errors of the engine become responses: exceptions of signal handlers or embedders are raised
    unchanged.

    Args:
        engine: The engine.
        api_key: The key to require in `X-API-Key`; keys created by the dashboard API are accepted too. Default: no key
            is required.
        rate_limit: Requests per minute; keys of the dashboard have their own limits. Default: no limit.
        counts: The counts of requests per minute. Default: of this process.

    Raises:
        ValueError: `api_key` is empty, or not printable ASCII text.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        api_key: Optional[str] = None,
        rate_limit: Optional[int] = None,
        counts: Optional[Counts] = None,
    ) -> None:
        self._engine = engine
        self._authenticator = Authenticator(engine, api_key)
        self._rate_limit = None if rate_limit is None else RateLimit(rate_limit, counts or ProcessCounts())

    def tidy(self) -> bool:
        """Do a little of what is left to clean up in the store, and return whether there is more."""
        return self._engine.tidy()

    def exchange(self, request: Request) -> Reply:
        """Return the response to a request."""
        deadline = _deadline(request)
        admitted = self.admit(head_of(request))
        return _within(request, self.respond(admitted, request.content, deadline))

    async def exchange_async(self, request: Request) -> Reply:
        """Return the response to a request without blocking the event loop."""
        deadline = _deadline(request)
        admitted = await self.admit_async(head_of(request))
        return _within(request, await self.respond_async(admitted, request.content, deadline))

    def admit(self, head: Head) -> Union[Admitted, Reply]:
        """Route, authenticate and rate-limit a request by its head.

        Returns:
            The argument for `respond`; or an error response, if the body need not be read.
        """
        headers = [(b"X-Request-ID", head.request_id.encode())]
        try:
            return self._admit(head, headers)
        except EngineError as error:
            return _failed(error, head, headers)
        finally:
            self._engine.settle()

    async def admit_async(self, head: Head) -> Union[Admitted, Reply]:
        """Route, authenticate and rate-limit a request without blocking the event loop; see `admit`."""
        if self._engine.reads_at_once or not self._authenticator.asks_engine(head.api_key):
            return self.admit(head)
        return await anyio.to_thread.run_sync(self.admit, head, limiter=_limiter(head.method))

    def respond(self, admitted: Union[Admitted, Reply], content: bytes, deadline: Optional[float] = None) -> Reply:
        """Return the response to an admitted request.

        Args:
            admitted: The result of `admit`; if it is a response, it is returned.
            content: The body.
            deadline: The `time.monotonic()` at which the caller stops waiting. None: no limit.
        """
        if isinstance(admitted, Reply):
            return admitted
        try:
            return self._respond(admitted, content, deadline)
        except EngineError as error:
            return _failed(error, admitted.head, admitted.headers)
        finally:
            self._engine.settle()

    async def respond_async(
        self, admitted: Union[Admitted, Reply], content: bytes, deadline: Optional[float] = None
    ) -> Reply:
        """Return the response to an admitted request without blocking the event loop; see `respond`."""
        if isinstance(admitted, Reply) or self._is_quick(admitted.operation, content):
            return self.respond(admitted, content, deadline)
        limiter = _limiter(admitted.head.method)
        if admitted.head.method == "GET" or not admitted.parameters:
            return await anyio.to_thread.run_sync(self.respond, admitted, content, deadline, limiter=limiter)
        async with _queue(admitted.parameters[0]):
            return await anyio.to_thread.run_sync(self.respond, admitted, content, deadline, limiter=limiter)

    def _is_quick(self, operation: Operation[Any], content: bytes) -> bool:
        """Return whether an operation may run in the event loop: it waits for nothing and takes little time."""
        engine = self._engine
        if engine.is_quick or operation.id in _WITHOUT_STORE:
            return True
        is_short = operation.id in _SHORT_READS or (engine.in_memory and not is_slow(operation, content))
        return is_short and engine.reads_at_once

    def _admit(self, head: Head, headers: Headers) -> Admitted:
        """Find the operation and authenticate the request.

        Raises:
            EngineError: 401 or 429, also for unknown paths, so that callers without a key learn nothing; 404 or 405.
        """
        found = _router.find(head.path)
        operation = None if found is None else found.operations.get(head.method)
        principal = ANYONE
        if operation is None or not operation.is_open:
            principal = self._authenticator.authenticate(head.api_key)
            if self._rate_limit is not None:
                rate_headers, exceeded = self._rate_limit.take(principal, self._engine.now_us())
                headers += rate_headers
                if exceeded is not None:
                    raise exceeded
        if found is None:
            raise EngineError(404, "resource_not_found", f"No operation has the path {head.path}: check the path.")
        if operation is None:
            allowed = ", ".join(sorted(found.operations))
            headers.append((b"Allow", allowed.encode()))
            message = f"{head.method} is not allowed at {head.path}: use {allowed}."
            raise EngineError(405, "invalid_request", message)
        return Admitted(head, operation, found.parameters, principal, headers)

    def _respond(self, admitted: Admitted, content: bytes, deadline: Optional[float]) -> Reply:
        head, operation, parameters, principal, headers = admitted
        is_context = operation.id == _CONTEXT_OPERATION
        started_us = self._engine.now_us() if is_context else 0
        check_size(len(content))
        extensions = supported(head.extensions, operation.id)
        # A session that is found by its key may have been deleted since an earlier response with the idempotency key.
        is_found_again = "get-or-create" in extensions
        request = None if is_found_again else idempotent_request(operation, head, content, principal, extensions)
        caller = Caller(
            principal.actor,
            principal.key_id,
            head.request_id,
            request,
            deadline,
            version_in(extensions, "expected-version"),
            version_in(extensions, "before-version"),
            key_of_turn(head, principal, extensions),
            extensions,
        )
        if extensions:
            headers.append((HEADER.encode(), ", ".join(sorted(extensions)).encode()))
        result: Optional[Result] = None
        if request is not None and is_looked_up_first(operation, content):
            stored = self._engine.find_response(request)
            result = None if stored is None else stored_result(stored)
        if result is None:
            result = run(self._engine, operation, parameters, head.query, content, caller)
        if request is not None and not result.is_stored:
            result = store(self._engine, operation, parameters, request, caller, result)
        if is_context and result.status == operation.status:
            latency_us = self._engine.now_us() - started_us
            headers.append((b"X-StateBase-Latency", b"%.3f" % (latency_us / 1000)))
        if result.is_replayed:
            headers.append((b"Idempotent-Replayed", b"true"))
        return reply(result.status, headers, result.body)


def head_of(request: Request) -> Head:
    """Return the head of a request."""
    path, _, query = request.target.partition("?")
    return Head(request.method, path, query, by_name(request.headers))


def _failed(error: EngineError, head: Head, headers: Headers) -> Reply:
    """Return the response for an error. Errors of the store are logged with their cause."""
    if error.status == 500:
        logger.error("Request %s (%s) failed", head.request_id, head.method, exc_info=error)
    return error_reply(error, headers)


def _deadline(request: Request) -> Optional[float]:
    """Return the `time.monotonic()` at which the caller stops waiting; None if it set no timeout."""
    seconds = request.timeouts.get("read")
    return None if seconds is None else time.monotonic() + seconds


def _within(request: Request, answer: Reply) -> Reply:
    """Return a response with the request's size limit applied: without its body if that is too large."""
    limit = request.max_response_bytes
    if limit is None or len(answer.content) <= limit:
        return answer
    return Reply(answer.status_code, answer.raw_headers, b"", is_too_large=True)


def _limiter(method: str) -> anyio.CapacityLimiter:
    """Return the limiter of threads. Reads and writes have separate ones, since writes wait for each other."""
    threads, number = (_read_threads, _READ_THREADS) if method == "GET" else (_write_threads, _WRITE_THREADS)
    limiter = threads.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(number)
        threads.set(limiter)
    return limiter


def _queue(resource_id: str) -> anyio.CapacityLimiter:
    """Return the queue for writes to one resource, which lock it: a flood of them keeps threads for other writes."""
    queues: Optional[WeakValueDictionary[str, anyio.CapacityLimiter]] = _queues.get(None)
    if queues is None:
        queues = WeakValueDictionary[str, anyio.CapacityLimiter]()
        _queues.set(queues)
    queue = queues.get(resource_id)
    if queue is None:
        queue = queues[resource_id] = anyio.CapacityLimiter(_WRITES_OF_ONE)
    return queue

"""The two drivers of a call, synchronous and asynchronous: they send its requests and wait before retries."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Awaitable, Callable, NamedTuple, NoReturn, Optional, TypeVar, cast

import anyio
import anyio.to_thread

from .._base.address import Address
from .._base.clock import Clock
from .._base.errors import InvalidRequestError, StateBaseError
from .._base.exchange import AsyncExchange, Exchange, Reply, Request
from .._base.operation import Operation
from .._results.pages import AsyncPage, AsyncPages, Page
from .breaker import Breaker
from .call import Call
from .factory import NOTHING, CallFactory, Options, Values
from .fallback import Fallback, KeptReplies, exchange_or_fall_back
from .log_lines import configure_logging
from .options import NOT_GIVEN
from .outcome import DeadlineExceeded, Wire
from .raw_response import APIResponse
from .response import decode
from .retry import RetryBudget
from .settings import Settings
from .steps import run, run_async
from .telemetry import Telemetry

if TYPE_CHECKING:
    from .outbox import OutboxQueue, OutboxSteps

T = TypeVar("T")
Check = Callable[[Any, Reply], None]
Convert = Callable[[Any], Any]
_GRACE_SECONDS = 0.05  # lets a timeout of a phase fire first: it says how far the attempt came


class _List(NamedTuple):
    """A request for a page of a list."""

    operation: Operation[Any]
    options: Options
    path: Values
    query: Values
    headers: Values
    check: Optional[Check]


class SyncConnection:
    """The exchange that a client and its views share.

    Args:
        exchange: Sends requests.
        wire: Its properties, which decide what its errors mean.
        outbox: The outbox; None if the client has none.
        closed: Whether the client was closed before its first call.
    """

    def __init__(
        self, exchange: Exchange, wire: Wire, *, outbox: Optional[OutboxQueue] = None, closed: bool = False
    ) -> None:
        self.exchange: Callable[[Request], Reply] = exchange.exchange
        self.wire = wire
        self.has_extensions = wire.is_engine
        """Whether the service is known to support extensions of the API: an engine, in this process or served."""
        self.closed = closed
        self.budget = RetryBudget()
        self.lacks: set[str] = set()
        """The ids of the operations that the service turned out not to support."""
        self.breaker = Breaker()
        self.kept = KeptReplies()
        self.outbox = outbox
        self._close = exchange.close

    def close(self) -> None:
        """Close all connections. Calling it again has no effect."""
        if not self.closed:
            self.closed = True
            self._close()


class AsyncConnection:
    """The exchange that a client and its views share; the arguments are those of `SyncConnection`."""

    def __init__(
        self, exchange: AsyncExchange, wire: Wire, *, outbox: Optional[OutboxQueue] = None, closed: bool = False
    ) -> None:
        self.exchange: Callable[[Request], Awaitable[Reply]] = exchange.exchange_async
        self.wire = wire
        self.has_extensions = wire.is_engine
        self.closed = closed
        self.budget = RetryBudget()
        self.lacks: set[str] = set()
        """The ids of the operations that the service turned out not to support."""
        self.breaker = Breaker()
        self.kept = KeptReplies()
        self.outbox = outbox
        self._close = exchange.aclose

    async def close(self) -> None:
        """Close all connections. Calling it again has no effect."""
        if not self.closed:
            self.closed = True
            if self.outbox is not None:
                await self.outbox.cancel_tasks()
            await self._close()


def _refuse_to_pickle(self: object) -> NoReturn:
    raise TypeError("a client and its namespaces cannot be pickled or copied: make the client where it is used")


class SyncAPIClient:
    """Carries out calls, blocking the thread.

    Args:
        settings: The options of the client.
        connection: Sends the requests.
        raw: Return the `APIResponse` of each call instead of the parsed result.
    """

    def __init__(self, settings: Settings, connection: SyncConnection, *, raw: bool = False) -> None:
        self._connection = connection
        self._clock = settings.clock or Clock()
        configure_logging()
        self._calls = CallFactory(settings, connection.budget, connection.breaker, self._clock, connection.wire)
        self._telemetry = Telemetry(Address.of(settings.base_url).host.decode())
        self._raw = raw
        self.outbox: Optional[OutboxSteps] = None
        if connection.outbox is not None:
            self.outbox = connection.outbox.steps(self._calls.repeat, self._exchange, _call, self._clock)

    __reduce__ = _refuse_to_pickle

    @property
    def lacks(self) -> set[str]:
        """The ids of operations that the service does not support; methods of several calls add to them."""
        return self._connection.lacks

    def request(
        self,
        operation: Operation[T],
        options: Options,
        *,
        path: Values = NOTHING,
        query: Values = NOTHING,
        headers: Values = NOTHING,
        body: Optional[Values] = None,
        check: Optional[Check] = None,
        convert: Optional[Convert] = None,
        fallback: Optional[Fallback] = None,
    ) -> T:
        """Carry out an operation.

        Args:
            operation: The operation.
            options: Options of this call.
            path: Path parameters.
            query: Query parameters. `NOT_GIVEN` and None are not sent.
            headers: Header parameters. `NOT_GIVEN` and None are not sent.
            body: Top-level keys of the JSON body. `NOT_GIVEN` is not sent, None is sent as null.
            check: Raises an error if the result is not what the caller asked for.
            convert: Converts the result.
            fallback: The result if the service is unavailable; None to raise the error.

        Returns:
            The response, parsed as `operation.result` and converted.
        """
        call = self._calls.make(operation, options, path, query, headers, body)
        read = partial(_read, operation, check, convert)
        if fallback is not None:
            _check_not_raw(self._raw, fallback)
            steps = exchange_or_fall_back(call, fallback, self._send, read, self._connection.kept, self._clock)
            return cast(T, run(steps))
        if self.outbox is not None and self.outbox.keeps(operation):
            result = run(self.outbox.send(call, {**path, **(body or NOTHING)}, options))
            if not isinstance(result, Reply):
                return cast(T, self.outbox.queued_result(result, is_raw=self._raw))
            self._flush_if_due()
            return self._result(APIResponse(call, result, read))
        return self._result(APIResponse(call, self._send(call), read))

    def request_page(
        self,
        operation: Operation[Any],
        options: Options,
        *,
        path: Values = NOTHING,
        query: Values = NOTHING,
        headers: Values = NOTHING,
        check: Optional[Check] = None,
    ) -> Page[Any]:
        """Carry out an operation that returns a page of a list; the arguments are those of `request`."""
        return self._result(self._page(_List(operation, options, path, query, headers, check), None))

    def _page(self, wanted: _List, before: Optional[Page[Any]]) -> APIResponse[Page[Any]]:
        operation, options, path, query, headers, check = wanted
        call = self._calls.make(operation, options, path, query, headers, None)
        is_expected = before is not None or _asks_for_a_page(query)

        def read(reply: Reply) -> Page[Any]:
            answer = _read(operation, check, None, reply)
            return Page(answer, operation.page, fetch, before, is_expected=is_expected)

        def fetch(page: Page[Any], more: Values) -> Page[Any]:
            return self._page(wanted._replace(query={**query, **more}), page).parse()

        return APIResponse(call, self._send(call), read)

    def _result(self, response: APIResponse[T]) -> T:
        return cast(T, response) if self._raw else response.parse()

    def _send(self, call: Call) -> Reply:
        reply = self._exchange(call)
        self._flush_if_due()
        return reply

    def _exchange(self, call: Call) -> Reply:
        with self._telemetry.span(call):
            return self._attempts(call)

    def _attempts(self, call: Call) -> Reply:
        call.check_breaker()
        while True:
            if self._connection.closed:
                raise call.complete(closed_error())
            request = call.next_request()
            try:
                reply = self._connection.exchange(request)
            except Exception as error:
                delay = call.failed(error, request)
            else:
                again = call.answered(reply)
                if again is None:
                    self._connection.kept.answered(call)
                    return reply
                delay = again
            self._clock.sleep(delay)

    def _flush_if_due(self) -> None:
        outbox = self.outbox
        if outbox is None or not outbox.is_due:
            return
        if outbox.queue.thread.is_alive():
            return
        thread = threading.Thread(
            target=lambda: run(outbox.flush_in_background()), name="statebase-outbox", daemon=True
        )
        outbox.queue.thread = thread
        with suppress(RuntimeError):  # the interpreter ends: what waits stays in the file
            thread.start()


class AsyncAPIClient:
    """Carries out calls on an event loop; otherwise the same as `SyncAPIClient`."""

    def __init__(self, settings: Settings, connection: AsyncConnection, *, raw: bool = False) -> None:
        self._connection = connection
        self._clock = settings.clock or Clock()
        configure_logging()
        self._calls = CallFactory(settings, connection.budget, connection.breaker, self._clock, connection.wire)
        self._telemetry = Telemetry(Address.of(settings.base_url).host.decode())
        self._raw = raw
        self.outbox: Optional[OutboxSteps] = None
        if connection.outbox is not None:
            run_in_thread = anyio.to_thread.run_sync
            self.outbox = connection.outbox.steps(self._calls.repeat, self._exchange, run_in_thread, self._clock)

    __reduce__ = _refuse_to_pickle

    @property
    def lacks(self) -> set[str]:
        """The ids of operations that the service does not support; methods of several calls add to them."""
        return self._connection.lacks

    async def request(
        self,
        operation: Operation[T],
        options: Options,
        *,
        path: Values = NOTHING,
        query: Values = NOTHING,
        headers: Values = NOTHING,
        body: Optional[Values] = None,
        check: Optional[Check] = None,
        convert: Optional[Convert] = None,
        fallback: Optional[Fallback] = None,
    ) -> T:
        """Carry out an operation; see `SyncAPIClient.request`."""
        call = self._calls.make(operation, options, path, query, headers, body)
        read = partial(_read, operation, check, convert)
        if fallback is not None:
            _check_not_raw(self._raw, fallback)
            steps = exchange_or_fall_back(call, fallback, self._send, read, self._connection.kept, self._clock)
            return cast(T, await run_async(steps))
        if self.outbox is not None and self.outbox.keeps(operation):
            result = await run_async(self.outbox.send(call, {**path, **(body or NOTHING)}, options))
            if not isinstance(result, Reply):
                return cast(T, self.outbox.queued_result(result, is_raw=self._raw))
            self._flush_if_due()
            return self._result(APIResponse(call, result, read))
        return self._result(APIResponse(call, await self._send(call), read))

    def request_page(
        self,
        operation: Operation[Any],
        options: Options,
        *,
        path: Values = NOTHING,
        query: Values = NOTHING,
        headers: Values = NOTHING,
        check: Optional[Check] = None,
    ) -> AsyncPages[Any]:
        """Carry out an operation that returns a page of a list; the arguments are those of `request`."""
        return AsyncPages(self._first_page(_List(operation, options, path, query, headers, check)))

    async def _first_page(self, wanted: _List) -> AsyncPage[Any]:
        return self._result(await self._page(wanted, None))

    async def _page(self, wanted: _List, before: Optional[AsyncPage[Any]]) -> APIResponse[AsyncPage[Any]]:
        operation, options, path, query, headers, check = wanted
        call = self._calls.make(operation, options, path, query, headers, None)
        is_expected = before is not None or _asks_for_a_page(query)

        def read(reply: Reply) -> AsyncPage[Any]:
            answer = _read(operation, check, None, reply)
            return AsyncPage(answer, operation.page, fetch, before, is_expected=is_expected)

        async def fetch(page: AsyncPage[Any], more: Values) -> AsyncPage[Any]:
            return (await self._page(wanted._replace(query={**query, **more}), page)).parse()

        return APIResponse(call, await self._send(call), read)

    def _result(self, response: APIResponse[T]) -> T:
        return cast(T, response) if self._raw else response.parse()

    async def _send(self, call: Call) -> Reply:
        reply = await self._exchange(call)
        self._flush_if_due()
        return reply

    async def _exchange(self, call: Call) -> Reply:
        with self._telemetry.span(call):
            return await self._attempts(call)

    async def _attempts(self, call: Call) -> Reply:
        call.check_breaker()
        while True:
            if self._connection.closed:
                raise call.complete(closed_error())
            request = call.next_request()
            try:
                remaining = call.remaining_seconds()
                if remaining is None:
                    reply = await self._connection.exchange(request)
                else:
                    reply = await self._exchange_until(max(remaining, 0) + _GRACE_SECONDS, request)
            except Exception as error:
                delay = call.failed(error, request)
            else:
                again = call.answered(reply)
                if again is None:
                    self._connection.kept.answered(call)
                    return reply
                delay = again
            await self._clock.sleep_async(delay)

    def _flush_if_due(self) -> None:
        outbox = self.outbox
        if outbox is None or not outbox.is_due:
            return
        from .outbox import running_asyncio_loop

        loop = running_asyncio_loop()
        if loop is not None and not outbox.queue.tasks_of(loop):
            task = loop.create_task(run_async(outbox.flush_in_background()))
            outbox.queue.tasks.add(task)
            task.add_done_callback(outbox.queue.tasks.discard)

    async def _exchange_until(self, seconds: float, request: Request) -> Reply:
        with anyio.move_on_after(seconds):
            return await self._connection.exchange(request)
        raise DeadlineExceeded


def _call(function: Callable[..., T], *arguments: Any) -> T:
    return function(*arguments)


def _check_not_raw(is_raw: bool, fallback: Fallback) -> None:
    if is_raw:
        raise InvalidRequestError(
            f"{fallback.argument} cannot be used with with_raw_response: without the service there is no response",
            param=fallback.argument,
        )


def _asks_for_a_page(query: Values) -> bool:
    """Return whether the caller asked for one page of a list, and not just for the list."""
    return query.get("limit", NOT_GIVEN) is not NOT_GIVEN


def _read(operation: Operation[T], check: Optional[Check], convert: Optional[Convert], reply: Reply) -> T:
    result = decode(operation, reply)
    if check is not None:
        check(result, reply)
    return result if convert is None else cast("T", convert(result))


def closed_error() -> StateBaseError:
    """Return the error for a call of a closed client."""
    return StateBaseError("The client is closed: make a new one, or keep calls inside its `with` block")


class SyncNamespace:
    """A group of methods of `StateBase`."""

    def __init__(self, client: SyncAPIClient) -> None:
        self._client = client

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            from .._base.suggestions import no_attribute

            raise no_attribute(self, name)


class AsyncNamespace:
    """A group of methods of `AsyncStateBase`."""

    def __init__(self, client: AsyncAPIClient) -> None:
        self._client = client

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            from .._base.suggestions import no_attribute

            raise no_attribute(self, name)

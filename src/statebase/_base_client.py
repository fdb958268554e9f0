"""How a call is carried out: the part of the clients that talks to a transport."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, Awaitable, Callable, Mapping, NoReturn, Optional, TypeVar, Union, cast

import anyio
import httpx

from ._call import Call, Message
from ._clock import Clock
from ._errors import InvalidRequestError, StateBaseError
from ._headers import is_header_text
from ._observe import configure_logging
from ._pagination import AsyncPage, Page
from ._raw_response import APIResponse
from ._request import build_body, build_headers, build_path, build_query
from ._response import Reply, decode
from ._retry import RetryBudget, RetryPolicy
from ._settings import Settings, check_retries, check_seconds
from ._telemetry import Telemetry
from ._types import Operation, RequestOptions, WriteOptions, new_idempotency_key
from ._version import __version__

T = TypeVar("T")
Values = Mapping[str, object]
Options = Union[RequestOptions, WriteOptions]

_NOTHING: Values = {}
_READ_OPTIONS = frozenset(RequestOptions.__annotations__)
_WRITE_OPTIONS = frozenset(WriteOptions.__annotations__) | _READ_OPTIONS

_LONGEST_KEY = 255
_GRACE_SECONDS = 0.05  # the timeouts of an attempt's phases go first: they say how far it came

SyncSend = Callable[[httpx.Request], httpx.Response]
AsyncSend = Callable[[httpx.Request], Awaitable[httpx.Response]]


class _CallFactory:
    """From a method's arguments to a `Call`: what both clients share."""

    def __init__(self, settings: Settings, budget: RetryBudget, clock: Clock) -> None:
        configure_logging()
        self._settings = settings
        self._budget = budget
        self._clock = clock
        self._policy = RetryPolicy(settings.max_retries)
        self._timeouts = _phases(settings.timeout)
        self._headers = (
            (b"host", httpx.URL(settings.base_url).netloc),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"gzip, deflate"),
            (b"user-agent", f"statebase-python/{__version__}".encode()),
        )

    def make(
        self,
        operation: Operation[Any],
        options: Options,
        path: Values,
        query: Values,
        headers: Values,
        body: Optional[Values],
    ) -> Call:
        """Make the call of an operation.

        Raises:
            InvalidRequestError: An argument cannot be sent.
            TypeError: An option is unknown.
        """
        settings = self._settings
        writes = operation.carries_key
        extra = cast("dict[str, Any]", options)
        if extra:
            _check_options(operation, extra, _WRITE_OPTIONS if writes else _READ_OPTIONS)
        key = idempotency_key(extra.get("idempotency_key")) if writes else None
        if body is None and extra.get("extra_body"):
            raise InvalidRequestError(f"{operation.methods[0]}() sends no body for extra_body", param="extra_body")
        content = b"" if body is None else build_body(body, extra.get("extra_body"))
        address = settings.base_url + build_path(operation, path)
        text = build_query(query, extra.get("extra_query"))
        pairs = [*self._headers]
        if body is not None:
            pairs += ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(content)))
        if key is not None:
            pairs.append((b"idempotency-key", key.encode()))
        extra_headers = extra.get("extra_headers")
        if headers or extra_headers or settings.default_headers:
            pairs = build_headers(pairs, {**settings.default_headers, **headers, **(extra_headers or _NOTHING)})
            sent_key = dict(pairs).get(b"idempotency-key")
            key = None if sent_key is None else sent_key.decode()
        return Call(
            operation,
            Message(
                _url(f"{address}?{text}" if text else address),
                pairs,
                settings.api_key,
                content,
                _phases(extra["timeout"]) if "timeout" in extra else self._timeouts,
                key,
            ),
            policy=RetryPolicy(extra["max_retries"]) if "max_retries" in extra else self._policy,
            budget=self._budget,
            clock=self._clock,
            deadline=extra.get("deadline", settings.deadline),
            hooks=settings.event_hooks,
        )


def idempotency_key(given: Optional[str]) -> str:
    """Check the key that a caller gave for a write, or mint one where none was given.

    Raises:
        InvalidRequestError: It cannot be sent as a key.
    """
    if given is None:
        return new_idempotency_key()
    if not is_header_text(given) or not 1 <= len(given) <= _LONGEST_KEY:
        raise InvalidRequestError(
            f"idempotency_key is {given!r}: give 1 to {_LONGEST_KEY} printable ASCII characters, "
            "without a space at either end",
            param="idempotency_key",
        )
    return given


def _check_options(operation: Operation[Any], options: dict[str, Any], known: frozenset[str]) -> None:
    for name in options.keys() - known:
        raise TypeError(f"{operation.methods[0]}() got an unexpected keyword argument {name!r}")
    check_seconds("timeout", options.get("timeout"))
    check_seconds("deadline", options.get("deadline"))
    check_retries(options.get("max_retries", 0))
    for name in ("extra_headers", "extra_query", "extra_body"):
        value = options.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise InvalidRequestError(f"{name} is {value!r}: give a mapping", param=name)


def _url(address: str) -> httpx.URL:
    try:
        # What a query asks is seldom asked again, and may be private: it is not kept.
        return httpx.URL(address) if "?" in address else _known_url(address)
    except httpx.InvalidURL as error:
        raise InvalidRequestError(
            f"The ids and the query make an address of {len(address)} characters, which cannot be sent: {error}"
        ) from error


# An agent calls the same few addresses all the time, and taking one apart is the dearest part of making a request.
_known_url = lru_cache(maxsize=512)(httpx.URL)


def _phases(timeout: Union[float, httpx.Timeout, None]) -> Mapping[str, Optional[float]]:
    if isinstance(timeout, httpx.Timeout):
        return timeout.as_dict()
    return dict.fromkeys(("connect", "read", "write", "pool"), timeout)


class SyncConnection:
    """Where a client and its views send their requests."""

    def __init__(self, send: SyncSend, close: Callable[[], None], *, closed: bool = False) -> None:
        self.send = send
        self.closed = closed
        self.budget = RetryBudget()
        self._close = close

    def close(self) -> None:
        """Give everything back; a second time does nothing."""
        if not self.closed:
            self.closed = True
            self._close()


class AsyncConnection:
    """Where a client and its views send their requests."""

    def __init__(self, send: AsyncSend, close: Callable[[], Awaitable[None]], *, closed: bool = False) -> None:
        self.send = send
        self.closed = closed
        self.budget = RetryBudget()
        self._close = close

    async def close(self) -> None:
        """Give everything back; a second time does nothing."""
        if not self.closed:
            self.closed = True
            await self._close()


def _refuse_to_pickle(self: object) -> NoReturn:
    raise TypeError("a client and its namespaces cannot be pickled or copied: make the client where it is used")


class SyncAPIClient:
    """Carries out calls, holding up the thread.

    Args:
        settings: The options of the client.
        connection: Where to send requests.
        raw: Return the `APIResponse` of each call, in place of what it reads.
    """

    def __init__(self, settings: Settings, connection: SyncConnection, *, raw: bool = False) -> None:
        self._connection = connection
        self._clock = settings.clock or Clock()
        self._calls = _CallFactory(settings, connection.budget, self._clock)
        self._telemetry = Telemetry(httpx.URL(settings.base_url).host)
        self._raw = raw

    __reduce__ = _refuse_to_pickle

    def request(
        self,
        operation: Operation[T],
        options: Options,
        *,
        path: Values = _NOTHING,
        query: Values = _NOTHING,
        headers: Values = _NOTHING,
        body: Optional[Values] = None,
    ) -> T:
        """Carry out an operation.

        Args:
            operation: What to do.
            options: Options of this one call.
            path: Parameters of the route.
            query: Parameters of the query; what was not given is left out, None as well.
            headers: Header parameters; left out likewise.
            body: Top-level keys of the JSON body; what was not given is left out, None is null.

        Returns:
            The answer, read as `operation.result`.
        """
        call = self._calls.make(operation, options, path, query, headers, body)
        return self._result(APIResponse(call, self._exchange(call), partial(decode, operation)))

    def request_page(
        self, operation: Operation[Any], options: Options, *, path: Values = _NOTHING, query: Values = _NOTHING
    ) -> Page[Any]:
        """Carry out an operation whose answer is a page of a list."""
        return self._result(self._page(operation, options, path, query, None))

    def _page(
        self, operation: Operation[Any], options: Options, path: Values, query: Values, before: Optional[Page[Any]]
    ) -> APIResponse[Page[Any]]:
        call = self._calls.make(operation, options, path, query, _NOTHING, None)

        def read(reply: Reply) -> Page[Any]:
            return Page(decode(operation, reply), operation.page, fetch, before)

        def fetch(page: Page[Any], more: Values) -> Page[Any]:
            return self._page(operation, options, path, {**query, **more}, page).parse()

        return APIResponse(call, self._exchange(call), read)

    def _result(self, response: APIResponse[T]) -> T:
        return cast(T, response) if self._raw else response.parse()

    def _exchange(self, call: Call) -> Reply:
        with self._telemetry.span(call):
            return self._attempts(call)

    def _attempts(self, call: Call) -> Reply:
        while True:
            if self._connection.closed:
                raise call.complete(closed_error())
            request = call.next_request()
            try:
                reply = self._attempt(call, request)
            except Exception as error:
                delay = call.failed(error)
            else:
                again = call.answered(reply)
                if again is None:
                    return reply
                delay = again
            self._clock.sleep(delay)

    def _attempt(self, call: Call, request: httpx.Request) -> Reply:
        response = self._connection.send(request)
        try:
            if call.remaining_seconds() is None:
                content = response.read()
            else:
                content = b"".join(call.until_deadline(chunk) for chunk in response.iter_bytes())
        finally:
            response.close()
        return Reply(response.status_code, response.headers, content)


class AsyncAPIClient:
    """Carries out calls on an event loop; otherwise the same as `SyncAPIClient`."""

    def __init__(self, settings: Settings, connection: AsyncConnection, *, raw: bool = False) -> None:
        self._connection = connection
        self._clock = settings.clock or Clock()
        self._calls = _CallFactory(settings, connection.budget, self._clock)
        self._telemetry = Telemetry(httpx.URL(settings.base_url).host)
        self._raw = raw

    __reduce__ = _refuse_to_pickle

    async def request(
        self,
        operation: Operation[T],
        options: Options,
        *,
        path: Values = _NOTHING,
        query: Values = _NOTHING,
        headers: Values = _NOTHING,
        body: Optional[Values] = None,
    ) -> T:
        """Carry out an operation; see `SyncAPIClient.request`."""
        call = self._calls.make(operation, options, path, query, headers, body)
        return self._result(APIResponse(call, await self._exchange(call), partial(decode, operation)))

    async def request_page(
        self, operation: Operation[Any], options: Options, *, path: Values = _NOTHING, query: Values = _NOTHING
    ) -> AsyncPage[Any]:
        """Carry out an operation whose answer is a page of a list."""
        return self._result(await self._page(operation, options, path, query, None))

    async def _page(
        self, operation: Operation[Any], options: Options, path: Values, query: Values, before: Optional[AsyncPage[Any]]
    ) -> APIResponse[AsyncPage[Any]]:
        call = self._calls.make(operation, options, path, query, _NOTHING, None)

        def read(reply: Reply) -> AsyncPage[Any]:
            return AsyncPage(decode(operation, reply), operation.page, fetch, before)

        async def fetch(page: AsyncPage[Any], more: Values) -> AsyncPage[Any]:
            return (await self._page(operation, options, path, {**query, **more}, page)).parse()

        return APIResponse(call, await self._exchange(call), read)

    def _result(self, response: APIResponse[T]) -> T:
        return cast(T, response) if self._raw else response.parse()

    async def _exchange(self, call: Call) -> Reply:
        with self._telemetry.span(call):
            return await self._attempts(call)

    async def _attempts(self, call: Call) -> Reply:
        while True:
            if self._connection.closed:
                raise call.complete(closed_error())
            request = call.next_request()
            try:
                remaining = call.remaining_seconds()
                if remaining is None:
                    reply = await self._attempt(request)
                else:
                    with anyio.fail_after(max(remaining, 0) + _GRACE_SECONDS):
                        reply = await self._attempt(request)
            except Exception as error:
                delay = call.failed(error)
            else:
                again = call.answered(reply)
                if again is None:
                    return reply
                delay = again
            await self._clock.sleep_async(delay)

    async def _attempt(self, request: httpx.Request) -> Reply:
        response = await self._connection.send(request)
        try:
            content = await response.aread()
        finally:
            await response.aclose()
        return Reply(response.status_code, response.headers, content)


def closed_error() -> StateBaseError:
    """Make the error for a call through a connection that was given back."""
    return StateBaseError("The client is closed: make a new one, or keep calls inside its `with` block")


class SyncNamespace:
    """A group of methods of `StateBase`."""

    def __init__(self, client: SyncAPIClient) -> None:
        self._client = client


class AsyncNamespace:
    """A group of methods of `AsyncStateBase`."""

    def __init__(self, client: AsyncAPIClient) -> None:
        self._client = client

"""Fault injection: requests of a client fail as the test has asked."""

from __future__ import annotations

import contextlib
import difflib
import threading
from dataclasses import dataclass
from typing import Callable, ContextManager, Optional

import httpx

from .._generated.operations import OPERATIONS
from ..local.errors import EngineError
from ..local.http.reply import refusal
from ..local.http.route import Router
from .clock import FrozenClock

_METHODS = [name for operation in OPERATIONS.values() for name in operation.methods]
_router = Router(OPERATIONS)


def _go_on(request: httpx.Request) -> Optional[httpx.Response]:
    """Call the engine."""


def _pass_on(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """Return the response of the engine."""
    return response


@dataclass(frozen=True)
class Fault:
    """A fault for one request."""

    name: str
    """The method of `Faults` that injected it."""
    on: Optional[str] = None
    """The method of the client whose requests it affects; None: any method."""
    before: Callable[[httpx.Request], Optional[httpx.Response]] = _go_on
    """Called before the engine: raises an error, returns a response, or returns None to call the engine."""
    after: Callable[[httpx.Request, httpx.Response], httpx.Response] = _pass_on
    """Called with the response of the engine: raises an error, or returns a response."""

    def __str__(self) -> str:
        return self.name if self.on is None else f"{self.name} on {self.on}"


class Faults:
    """Faults to inject into the requests of `local_client`, and a record of the requests and waits.

    A fault affects one request, which is one attempt of a call. Each fault is used once, by the next request of any
    method, or with `on=` of one method, named as in the client: `"sessions.add_turn"`.

    Args:
        clock: The clock of the clients. Default: a new one.

    Example:
        >>> from statebase.testing import Faults, local_client
        >>> faults = Faults()
        >>> with local_client(faults=faults) as client:
        ...     faults.drop_after_commit()
        ...     session = client.sessions.create("support-bot")
        ...     len(client.sessions.list().data), faults.requests
        (1, ['sessions.create', 'sessions.create', 'sessions.list'])
    """

    clock: FrozenClock
    """The clock of the clients; their waits advance it and take no time."""
    requests: list[str]
    """The method of each request, first to last, including failed ones."""

    def __init__(self, clock: Optional[FrozenClock] = None) -> None:
        self.clock = FrozenClock() if clock is None else clock
        self.requests = []
        self._line: list[Fault] = []
        self._is_down = False
        self._lock = threading.Lock()

    @property
    def waits(self) -> list[float]:
        """The delay before each retry, in seconds, first to last."""
        return list(self.clock.waits)

    @property
    def pending(self) -> list[str]:
        """The faults that have not been triggered yet."""
        return [str(fault) for fault in self._line]

    def drop_before_send(self, times: int = 1, *, on: Optional[str] = None) -> None:
        """Refuse the connection of a request, so that it is not applied.

        Args:
            times: The number of requests.
            on: The method of the client whose requests fail. Default: any.
        """
        self._add(Fault("drop_before_send", on, before=_refuse_connection), times)

    def drop_after_commit(self, times: int = 1, *, on: Optional[str] = None) -> None:
        """Apply a request and lose its response.

        Args:
            times: The number of requests.
            on: The method of the client whose requests fail. Default: any.
        """

        def lose(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            raise httpx.ReadError("the response was lost: injected fault", request=request)

        self._add(Fault("drop_after_commit", on, after=lose), times)

    def rate_limit(self, *, retry_after: Optional[int] = None, times: int = 1, on: Optional[str] = None) -> None:
        """Refuse a request with 429, so that it is not applied.

        Args:
            retry_after: The seconds in `Retry-After`. After more than 60, the client does not retry. Default: no such
                header.
            times: The number of requests.
            on: The method of the client whose requests fail. Default: any.
        """
        error = EngineError(429, "rate_limit_exceeded", "Too many requests: injected fault.", None, retry_after)
        self._add(Fault("rate_limit", on, before=lambda request: _refused(request, error)), times)

    def server_error(
        self,
        status: int = 503,
        *,
        after_commit: bool = False,
        retry_after: Optional[int] = None,
        times: int = 1,
        on: Optional[str] = None,
    ) -> None:
        """Return a 5xx for a request.

        Args:
            status: The status, 500 to 599.
            after_commit: Whether the request is applied first.
            retry_after: The seconds in `Retry-After`. Default: no such header.
            times: The number of requests.
            on: The method of the client whose requests fail. Default: any.
        """
        if type(status) is not int or not 500 <= status <= 599:
            raise ValueError(f"status must be an integer from 500 to 599, got {status!r}")
        error = EngineError(status, "internal_error", "The service failed: injected fault.", None, retry_after)
        if after_commit:
            fault = Fault("server_error", on, after=lambda request, _: _refused(request, error))
        else:
            fault = Fault("server_error", on, before=lambda request: _refused(request, error))
        self._add(fault, times)

    def slow(self, seconds: float = 60, *, times: int = 1, on: Optional[str] = None) -> None:
        """Apply a request and delay its response; a client with a shorter `timeout` raises a timeout error.

        Only the clock advances; the test does not wait.

        Args:
            seconds: The delay of the response.
            times: The number of requests.
            on: The method of the client whose requests are slow. Default: any.
        """
        if not 0 < seconds < float("inf"):
            raise ValueError(f"seconds must be a finite number above 0, got {seconds!r}")

        def delay(request: httpx.Request, response: httpx.Response) -> httpx.Response:
            timeout: Optional[float] = request.extensions.get("timeout", {}).get("read")
            if timeout is None or timeout > seconds:
                self.clock.advance(seconds=seconds)
                return response
            self.clock.advance(seconds=timeout)
            raise httpx.ReadTimeout("the response takes too long: injected fault", request=request)

        self._add(Fault("slow", on, after=delay), times)

    def down(self) -> ContextManager[object]:
        """Refuse all connections until `up()`, or until the end of a `with` block.

        Example:
            >>> from statebase import APIConnectionError
            >>> from statebase.testing import Faults, local_client
            >>> faults = Faults()
            >>> with local_client(faults=faults) as client, faults.down():
            ...     try:
            ...         client.sessions.list()
            ...     except APIConnectionError as error:
            ...         error.outcome
            'not_sent'
        """
        self._is_down = True
        outage = contextlib.ExitStack()
        outage.callback(self.up)
        return outage

    def up(self) -> None:
        """Accept connections again after `down()`."""
        self._is_down = False

    def clear(self) -> None:
        """Remove all faults that have not been triggered, and accept connections."""
        with self._lock:
            self._line.clear()
        self.up()

    def assert_all_struck(self) -> None:
        """Check that every injected fault was triggered.

        Raises:
            AssertionError: A fault was not triggered, so the test did not test it.
        """
        __tracebackhide__ = True
        if self._line:
            left = ", ".join(self.pending)
            raise AssertionError(f"No request triggered {left}: inject fewer faults, or remove them with clear()")

    def meet(self, request: httpx.Request) -> Optional[Fault]:
        """Return the fault for a request; called by the transport between client and engine."""
        names = _methods_of(request)
        with self._lock:
            self.requests.append(names[0])
            if self._is_down:
                return Fault("down", before=_refuse_connection)
            fault = next((fault for fault in self._line if fault.on is None or fault.on in names), None)
            if fault is not None:
                self._line.remove(fault)
            return fault

    def _add(self, fault: Fault, times: int) -> None:
        if type(times) is not int or times < 1:
            raise ValueError(f"times must be an integer of at least 1, got {times!r}")
        if fault.on is not None and fault.on not in _METHODS:
            close = difflib.get_close_matches(str(fault.on), _METHODS, n=1) or ["sessions.add_turn"]
            raise ValueError(f"on={fault.on!r} is not a method of the client: pass one, such as {close[0]!r}")
        with self._lock:
            self._line += [fault] * times


def _methods_of(request: httpx.Request) -> tuple[str, ...]:
    """Return the names of the client's methods that send such a request."""
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    found = _router.find(path)
    operation = None if found is None else found.operations.get(request.method)
    return (f"{request.method} {path}",) if operation is None else operation.methods


def _refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused: injected fault", request=request)


def _refused(request: httpx.Request, error: EngineError) -> httpx.Response:
    reply = refusal(error, request.headers.get("x-request-id"))
    return httpx.Response(reply.status_code, headers=list(reply.raw_headers), content=reply.content)

"""Injected failures: what the requests of a client meet, in the order in which a test asked for it."""

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
    """Let a request reach the engine."""


def _pass_on(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Let an answer reach the client."""
    return answer


@dataclass(frozen=True)
class Fault:
    """What one request meets."""

    name: str
    """The method of `Faults` that asked for it."""
    on: Optional[str] = None
    """The only method of the client that it is for."""
    before: Callable[[httpx.Request], Optional[httpx.Response]] = _go_on
    """Takes place of the engine: raises, answers, or returns None to let the request through."""
    after: Callable[[httpx.Request, httpx.Response], httpx.Response] = _pass_on
    """Takes what the engine answered: raises, or returns an answer."""

    def __str__(self) -> str:
        return self.name if self.on is None else f"{self.name} on {self.on}"


class Faults:
    """Failures that the clients of `local_client` meet, and what they did about them.

    A failure strikes one request: one attempt of a call, not the call. It waits in line for a request that it is for:
    any, or with `on=` the requests of one method, named as in the client, such as `"sessions.add_turn"`.

    Args:
        clock: The clock of the clients that meet these failures. Default: a new one.

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
    """The clock of the clients: their waits take no time."""
    requests: list[str]
    """Which method each request was for, first to last, those that failed among them."""

    def __init__(self, clock: Optional[FrozenClock] = None) -> None:
        self.clock = FrozenClock() if clock is None else clock
        self.requests = []
        self._line: list[Fault] = []
        self._is_down = False
        self._lock = threading.Lock()

    @property
    def waits(self) -> list[float]:
        """Seconds that clients would have waited before each repetition, first to last."""
        return list(self.clock.waits)

    @property
    def pending(self) -> list[str]:
        """The failures that were not triggered yet."""
        return [str(fault) for fault in self._line]

    def drop_before_send(self, times: int = 1, *, on: Optional[str] = None) -> None:
        """Let a request fail to connect: it is not carried out.

        Args:
            times: How many requests.
            on: The only method that it is for.
        """
        self._add(Fault("drop_before_send", on, before=_refuse_connection), times)

    def drop_after_commit(self, times: int = 1, *, on: Optional[str] = None) -> None:
        """Let a request be carried out and its answer be lost.

        Args:
            times: How many requests.
            on: The only method that it is for.
        """

        def lose(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            raise httpx.ReadError("the response was lost: injected fault", request=request)

        self._add(Fault("drop_after_commit", on, after=lose), times)

    def rate_limit(self, *, retry_after: Optional[int] = None, times: int = 1, on: Optional[str] = None) -> None:
        """Let a request be refused with 429: it is not carried out.

        Args:
            retry_after: The seconds that the answer asks the client to wait; more than 60, and it does not try again.
            times: How many requests.
            on: The only method that it is for.
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
        """Let a request be answered with a 5xx.

        Args:
            status: The status, 500 to 599.
            after_commit: Whether the request is carried out nevertheless.
            retry_after: The seconds that the answer asks the client to wait.
            times: How many requests.
            on: The only method that it is for.
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
        """Let a request be carried out, and its answer take time: too much for a client whose `timeout` is less.

        The time passes on the clock, not for the test.

        Args:
            seconds: How long the answer takes.
            times: How many requests.
            on: The only method that it is for.
        """
        if not 0 < seconds < float("inf"):
            raise ValueError(f"seconds must be a finite number above 0, got {seconds!r}")

        def delay(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            patience: Optional[float] = request.extensions.get("timeout", {}).get("read")
            if patience is None or patience > seconds:
                self.clock.advance(seconds=seconds)
                return answer
            self.clock.advance(seconds=patience)
            raise httpx.ReadTimeout("the response takes too long: injected fault", request=request)

        self._add(Fault("slow", on, after=delay), times)

    def down(self) -> ContextManager[object]:
        """Let every request fail to connect, until `up()`, or while a `with` block lasts.

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
        """End what `down()` began."""
        self._is_down = False

    def clear(self) -> None:
        """Take back every failure that has not struck yet."""
        with self._lock:
            self._line.clear()
        self.up()

    def assert_all_struck(self) -> None:
        """Fail if a failure is left that was never triggered: the test proved less than it meant to.

        Raises:
            AssertionError: One is left.
        """
        __tracebackhide__ = True
        if self._line:
            left = ", ".join(self.pending)
            raise AssertionError(f"No request triggered {left}: inject fewer faults, or remove them with clear()")

    def meet(self, request: httpx.Request) -> Optional[Fault]:
        """Say what a request meets; for the transport between client and engine."""
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
    """Name the methods of a client that send such a request."""
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    found = _router.find(path)
    operation = None if found is None else found.operations.get(request.method)
    return (f"{request.method} {path}",) if operation is None else operation.methods


def _refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused: injected fault", request=request)


def _refused(request: httpx.Request, error: EngineError) -> httpx.Response:
    reply = refusal(error, request.headers.get("x-request-id"))
    return httpx.Response(reply.status_code, headers=list(reply.raw_headers), content=reply.content)

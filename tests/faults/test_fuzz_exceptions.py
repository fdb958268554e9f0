"""An error of a transport is an APIConnectionError with its cause, or is propagated unchanged; without the key."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import json
import socket
import ssl
import sys
import threading
from typing import Any, Dict, Iterator, List, Set, Type

import anyio
import h2.exceptions
import h11
import httpcore
import httpx
import pytest

from statebase import APIConnectionError
from tests.faults.error_checks import API_KEY, chain, check, deep_vars


def subclasses(kind: Type[Exception]) -> Set[Type[Exception]]:
    found = {kind}
    for each in kind.__subclasses__():
        found |= subclasses(each)
    return found


class Unpicklable(Exception):
    def __init__(self, lock: Any) -> None:
        super().__init__(lock)


def exceptions() -> List[Exception]:
    """Return one of each kind of exception that a transport has been known to raise, or might."""
    found: List[Exception] = [
        OSError(5, "Input/output error"),
        ConnectionResetError(104, "Connection reset by peer"),
        BrokenPipeError(32, "x"),
        socket.gaierror(-2, "Name or service not known"),
        TimeoutError("timed out"),
        FileNotFoundError(2, "no ca.pem"),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"),
        ssl.SSLCertVerificationError(1, "self-signed certificate"),
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ssl.SSLZeroReturnError(6, "closed"),
        ValueError("odd"),
        TypeError("odd"),
        KeyError("odd"),
        RuntimeError("odd\nin two lines"),
        RecursionError("deep"),
        AssertionError(),
        NotImplementedError(),
        AttributeError("x"),
        ZeroDivisionError("x"),
        EOFError(),
        MemoryError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        json.JSONDecodeError("x", "doc", 0),
        StopAsyncIteration(),
        anyio.BrokenResourceError(),
        anyio.ClosedResourceError(),
        anyio.EndOfStream(),
        anyio.WouldBlock(),
        h11.LocalProtocolError("x"),
        h11.RemoteProtocolError("x"),
        h2.exceptions.StreamClosedError(1),
        httpcore.ConnectError("x"),
        httpcore.ReadTimeout("x"),
        httpcore.ConnectionNotAvailable("x"),
        Unpicklable(threading.Lock()),
        httpx.InvalidURL("x"),
        httpx.CookieConflict("x"),
        Exception(),
    ]
    request = httpx.Request("POST", "http://localhost/v1", headers={"X-API-Key": API_KEY})
    for kind in sorted(subclasses(httpx.HTTPError) | subclasses(httpx.StreamError), key=lambda each: each.__name__):
        if kind.__module__ != "httpx":
            continue
        parameters = inspect.signature(kind).parameters
        more: Dict[str, Any] = {"request": request} if "request" in parameters else {}
        if "response" in parameters:
            more["response"] = httpx.Response(500, request=request, history=[httpx.Response(302, request=request)])
        error: Exception = kind(*(["odd"] if "message" in parameters else []), **more)
        if isinstance(error, httpx.RequestError):
            error.request = request
        found.append(error)
    if sys.version_info >= (3, 11):
        found.append(builtins.ExceptionGroup("several", [found[0], with_request(httpx.ReadError("x"), request)]))
    for cause in (httpx.WriteError("x"), httpx.ConnectError("x")):
        outer = ValueError("of another making")
        outer.__cause__ = ValueError("the cause")
        outer.__context__ = with_request(cause, request)
        found.append(outer)
    return found


def with_request(error: httpx.RequestError, request: httpx.Request) -> httpx.RequestError:
    error.request = request
    return error


KINDS = [type(error).__name__ for error in exceptions()]


class Failing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that fails at some place."""

    def __init__(self, error: BaseException, place: str) -> None:
        self.error = error
        self.place = place
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.place == "send":
            raise self.error
        return httpx.Response(200, stream=FailingBody(self.error, self.place))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


class FailingBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, error: BaseException, place: str) -> None:
        self.error = error
        self.place = place

    def __iter__(self) -> Iterator[bytes]:
        yield b"{"
        if self.place == "body":
            raise self.error

    async def __aiter__(self) -> Any:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        if self.place == "close":
            raise self.error

    async def aclose(self) -> None:
        self.close()


def is_of_connection(error: BaseException) -> bool:
    """Return whether it is an error of an HTTP library or of the system, or a group of such."""
    group = getattr(error, "exceptions", ())
    if group:
        return all(map(is_of_connection, group))
    libraries = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError) or not libraries.isdisjoint({"httpx", "httpcore", "h11", "h2", "anyio"})


FAILURES = [number for number, error in enumerate(exceptions()) if is_of_connection(error)]
OTHERS = [number for number in range(len(KINDS)) if number not in FAILURES]


@pytest.mark.parametrize("place", ["send", "body", "close"])
@pytest.mark.parametrize("number", FAILURES, ids=lambda number: KINDS[number])
def test_failure_of_a_connection(number: int, place: str, make_client: Any) -> None:
    """It becomes an APIConnectionError that has it as its cause, without the request, in which the key stands."""
    error = exceptions()[number]
    client = make_client(API_KEY, transport=Failing(error, place))

    with pytest.raises(APIConnectionError) as raised:
        client.sessions.create("agent")

    check(raised.value)
    assert error in chain(raised.value)
    assert raised.value.idempotency_key is not None


@pytest.mark.parametrize("place", ["send", "body", "close"])
@pytest.mark.parametrize("number", OTHERS, ids=lambda number: KINDS[number])
def test_any_other_exception(number: int, place: str, make_client: Any) -> None:
    """It comes out as it is, after one attempt, and brings no request along."""
    error = exceptions()[number]
    transport = Failing(error, place)
    client = make_client(API_KEY, transport=transport)

    with pytest.raises(BaseException) as raised:
        client.sessions.create("agent")

    if not isinstance(error, StopAsyncIteration):  # an asynchronous generator or coroutine makes a RuntimeError of it
        assert raised.value is error
    assert transport.requests == 1
    for each in chain(raised.value):
        assert API_KEY not in f"{each!r} {deep_vars(each)}"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_no_error_passes(kind: Type[BaseException], make_client: Any) -> None:
    """The end of the program, or the cancellation of a task, is not delayed."""
    client = make_client(API_KEY, transport=Failing(kind(), "send"))

    with pytest.raises(kind):
        client.sessions.create("agent")

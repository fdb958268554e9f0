"""Behind a transport of the caller's, an error says that nothing was sent only if nothing can have been sent."""

from __future__ import annotations

import socket
import threading
from typing import Any, Callable, Iterator, List, Tuple

import httpx
import pytest

from statebase import StateBaseError

ERRORS = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.WriteError,
    httpx.WriteTimeout,
    httpx.LocalProtocolError,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    OSError,
]
CALLS: List[Tuple[str, Callable[[Any], Any]]] = [
    ("GET", lambda client: client.sessions.get("sess_1")),
    ("POST", lambda client: client.sessions.create("agent")),
    ("DELETE", lambda client: client.memory.delete("mem_1")),
]


class MoreOfConnectError(httpx.ConnectError):
    """An error of the transport's own making."""


class Strange(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that does something with a request, and fails."""

    def __init__(self, act: Callable[[httpx.Request], object], error: Exception) -> None:
        self.act = act
        self.error = error
        self.seen: List[object] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(self.act(request))
        raise self.error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.act is iterate:
            self.seen.append(b"".join([piece async for piece in request.stream]))  # type: ignore[union-attr]
        elif self.act is read:
            self.seen.append(await request.aread())
        else:
            self.seen.append(self.act(request))
        raise self.error


def ignore(request: httpx.Request) -> object:
    return None


def iterate(request: httpx.Request) -> object:
    return b"".join(request.stream)  # type: ignore[arg-type]


def read(request: httpx.Request) -> object:
    return request.read()


def content(request: httpx.Request) -> object:
    return request.content


@pytest.fixture(params=["transport", "http_client"])
def outcome(request: pytest.FixtureRequest, flavour: str, make_client: Any) -> Iterator[Callable[..., str]]:
    """Return what a call says that became of it, sent through a transport in either way."""
    kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient

    def call(transport: Any, use: Callable[[Any], Any]) -> str:
        way = {"transport": transport} if request.param == "transport" else {"http_client": kind(transport=transport)}
        with pytest.raises(StateBaseError) as caught:
            use(make_client("sb_test", max_retries=0, **way))
        return str(caught.value.outcome)

    yield call


@pytest.mark.parametrize("use", [use for _, use in CALLS], ids=[name for name, _ in CALLS])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("act", [iterate, read, content])
def test_request_that_was_read_may_have_been_sent(outcome: Any, act: Any, error: Any, use: Any) -> None:
    """Whatever the class of its error, a transport that took the body may have delivered it."""
    assert outcome(Strange(act, error("lost")), use) == "unknown"


@pytest.mark.parametrize("error", [*ERRORS[1:], MoreOfConnectError])
def test_only_connect_error_says_that_nothing_was_sent(outcome: Any, error: Any) -> None:
    """Another class says nothing, even where the body was not asked for: the transport maps errors as it likes."""
    assert outcome(Strange(ignore, error("lost")), CALLS[1][1]) == "unknown"


@pytest.mark.parametrize("use", [use for _, use in CALLS], ids=[name for name, _ in CALLS])
def test_no_connection_before_the_body_was_asked_for(outcome: Any, use: Any) -> None:
    """httpx's own ConnectError from before that says that nothing was sent."""
    assert outcome(Strange(ignore, httpx.ConnectError("refused")), use) == "not_sent"


@pytest.mark.parametrize("act", [iterate, read, content])
def test_request_has_been_read(make_client: Any, act: Any) -> None:
    """A transport finds the body as httpx would hand it over, of requests with and without one."""
    transport = Strange(act, httpx.ReadError("lost"))
    client = make_client("sb_test", max_retries=0, transport=transport)

    for _, use in CALLS:
        with pytest.raises(StateBaseError):
            use(client)

    assert transport.seen == [b"", b'{"agent_id":"agent"}', b""]


def test_subclass_of_the_transport_of_httpx_is_not_httpx(flavour: str, outcome: Any) -> None:
    """A transport that inherits from httpx's may fail after it has sent."""

    class Sync(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectTimeout("late")

    class Async(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectTimeout("late")

    assert outcome((Sync if flavour == "sync" else Async)(), CALLS[1][1]) == "unknown"


def test_transport_of_httpx_is_believed(flavour: str, make_client: Any, free_port: int) -> None:
    """Through httpx's own transport, a refused connection sent nothing."""
    transport = httpx.HTTPTransport() if flavour == "sync" else httpx.AsyncHTTPTransport()
    client = make_client("sb_test", base_url=f"http://127.0.0.1:{free_port}", max_retries=0, transport=transport)

    with pytest.raises(StateBaseError, match="Cannot connect") as caught:
        client.sessions.create("agent")

    assert caught.value.outcome == "not_sent"


def test_transport_of_httpx_that_loses_the_answer(flavour: str, make_client: Any) -> None:
    """Through httpx's own transport, a write whose connection was closed is unknown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        transport = httpx.HTTPTransport() if flavour == "sync" else httpx.AsyncHTTPTransport()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = make_client("sb_test", base_url=address, max_retries=0, transport=transport)
        with pytest.raises(StateBaseError) as caught:
            client.sessions.create("agent")
        thread.join()

    assert caught.value.outcome == "unknown"


def test_hook_of_an_http_client_that_fails_after_the_answer(flavour: str, make_client: Any) -> None:
    """A ConnectError of a response hook comes after the service has answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}")
                connection.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()

        def hook(response: httpx.Response) -> None:
            raise httpx.ConnectError("of the hook's own request")

        async def hook_async(response: httpx.Response) -> None:
            hook(response)

        kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
        http_client = kind(event_hooks={"response": [hook if flavour == "sync" else hook_async]}, trust_env=False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = make_client("sb_test", base_url=address, max_retries=0, http_client=http_client)
        with pytest.raises(StateBaseError) as caught:
            client.sessions.create("agent")
        thread.join()

    assert caught.value.outcome == "unknown"


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

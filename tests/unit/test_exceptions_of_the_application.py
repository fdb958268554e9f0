"""What the handler of a signal, a hook or an embedder raises in the middle of a call comes out as it is, at once."""

from __future__ import annotations

import signal
import socket
import threading
from typing import Any, Callable, Iterator, List

import httpx
import pytest

from statebase import APIConnectionError, StateBase, StateBaseError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no alarm")


class SoftTimeLimitExceeded(Exception):
    """As Celery raises it."""


class JobTimeout(TimeoutError):
    """A limit of the application's that is a TimeoutError."""


@pytest.fixture
def silent() -> Iterator[Any]:
    """A service that receives requests and never answers; when one has come, the alarm rings."""
    listener = socket.create_server(("127.0.0.1", 0))
    received: List[bytes] = []
    main_thread = threading.get_ident()

    def serve() -> None:
        connections = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            connections.append(connection)
            received.append(connection.recv(65536))
            signal.pthread_kill(main_thread, signal.SIGALRM)
        for each in connections:
            each.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def alarm() -> Iterator[Callable[[Any], None]]:
    """Set what the handler of the alarm raises."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler) and None
    signal.signal(signal.SIGALRM, before)


ERRORS = [SoftTimeLimitExceeded(), TimeoutError("mine"), JobTimeout(), ConnectionResetError("mine"), ValueError("mine")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", ["pool", "transport", "http_client", "deadline"])
def test_handler_of_a_signal(
    flavour: str, make_client: Any, silent: Any, alarm: Callable[[Any], None], error: Exception, way: str
) -> None:
    """A limit that a signal enforces reaches its caller, also one that looks like an error of a socket."""
    address, received = silent
    options: Any = {}
    if way == "transport":
        options["transport"] = httpx.HTTPTransport() if flavour == "sync" else httpx.AsyncHTTPTransport()
    elif way == "http_client":
        kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
        options["http_client"] = kind(trust_env=False)
    elif way == "deadline":
        options["deadline"] = 30.0
    if flavour == "async":
        pytest.skip("the handler strikes the event loop, not the call")

    class Limit:
        def ring(self, *_: object) -> None:
            raise error

    alarm(Limit().ring)
    client = make_client("sb_test", base_url=address, max_retries=2, **options)

    with pytest.raises(type(error)) as caught:
        client.sessions.create("agent")

    assert caught.value is error
    assert not isinstance(caught.value, StateBaseError)
    assert len(received) == 1


def test_connection_is_dropped(make_client: Any, flavour: str, silent: Any, alarm: Callable[[Any], None]) -> None:
    """A call that was ended so leaves no connection that a later answer could be taken from."""
    if flavour == "async":
        pytest.skip("the handler strikes the event loop")
    address, received = silent

    def ring(*_: object) -> None:
        raise TimeoutError

    alarm(ring)
    client = make_client("sb_test", base_url=address)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            client.sessions.create("agent")

    assert len(received) == 2  # one connection each
    assert client._connection._close.__self__.active == 0


@pytest.mark.parametrize("error", [ValueError("odd"), SoftTimeLimitExceeded(), KeyError("odd"), AssertionError()])
def test_transport_with_a_bug(respond: Any, error: Exception) -> None:
    """What is neither an error of HTTP nor of the system is no lost connection, and is not repeated."""
    client, requests = respond(error)

    with pytest.raises(type(error)) as caught:
        client.sessions.create("agent")

    assert caught.value is error
    assert len(requests) == 1


def test_error_of_a_nested_call(respond: Any) -> None:
    """An error of another call of the SDK, made in a transport, is not taken for a lost connection of this one."""
    inner = APIConnectionError("of another call")
    client, requests = respond(inner)

    with pytest.raises(APIConnectionError) as caught:
        client.sessions.create("agent")

    assert caught.value is inner
    assert len(requests) == 1


def test_failure_that_is_met_while_a_limit_is_handled(respond: Any, alarm: Callable[[Any], None]) -> None:
    """A call in an except block of the application is judged by its own failure, not by what came before."""

    def ring(*_: object) -> None:
        raise TimeoutError

    alarm(ring)
    client, _ = respond(httpx.ReadError("lost"), max_retries=0)

    with pytest.raises(APIConnectionError):
        try:
            signal.raise_signal(signal.SIGALRM)
        except TimeoutError:
            client.sessions.create("agent")


@pytest.mark.parametrize(
    "error", [SoftTimeLimitExceeded(), TimeoutError("mine"), httpx.ConnectError("of the embedder")]
)
def test_engine_has_no_connection_to_lose(error: Exception, alarm: Callable[[Any], None]) -> None:
    """In an embedded call nothing is taken for a failed connection, not even an error of httpx."""
    times: List[int] = []

    def tell(*_: object) -> Any:
        times.append(1)
        raise error

    with StateBase.local() as client:
        session = client.sessions.create("agent")
        client._connection.send = tell
        with pytest.raises(type(error)) as caught:
            client.sessions.add_turn(session.id, "hi", "hello")

    assert caught.value is error
    assert len(times) == 1

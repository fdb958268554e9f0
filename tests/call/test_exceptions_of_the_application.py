"""An exception that a signal handler, a hook or an embedder raises in a call is propagated unchanged, at once."""

from __future__ import annotations

import signal
import socket
import threading
import time
from typing import Any, Iterator, List

import httpx
import pytest

from statebase import APIConnectionError, StateBase, StateBaseError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no alarm")


class SoftTimeLimitExceeded(Exception):
    """As Celery raises it."""


class JobTimeout(TimeoutError):
    """A limit of the application's that is a TimeoutError."""


class Alarm:
    """The handler of a signal that raises an error once for each request."""

    error: Exception
    has_rung = True

    def ring(self, *_: object) -> None:
        if not self.has_rung:
            self.has_rung = True
            raise self.error


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    before = signal.getsignal(signal.SIGALRM)
    alarm = Alarm()
    signal.signal(signal.SIGALRM, alarm.ring)
    yield alarm
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def silent(alarm: Alarm) -> Iterator[Any]:
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
            request = b""
            while not request.endswith(b"}"):  # httpcore takes no notice of what fails while a body is sent
                request += connection.recv(65536)
            received.append(request)
            alarm.has_rung = False
            while not alarm.has_rung:  # a signal from just before a wait does not end it
                signal.pthread_kill(main_thread, signal.SIGALRM)
                time.sleep(0.02)
        for each in connections:
            each.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    alarm.has_rung = True
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


ERRORS = [SoftTimeLimitExceeded(), TimeoutError("mine"), JobTimeout(), ConnectionResetError("mine"), ValueError("mine")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", ["pool", "transport", "http_client", "deadline"])
def test_handler_of_a_signal(
    flavour: str, make_client: Any, silent: Any, alarm: Alarm, error: Exception, way: str
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
    if way in ("transport", "http_client") and isinstance(error, ConnectionResetError):
        pytest.skip("httpcore takes no notice of it, if it strikes at the end of sending")

    alarm.error = error
    client = make_client("sb_test", base_url=address, max_retries=2, **options)

    with pytest.raises(type(error)) as caught:
        client.sessions.create("agent")

    assert caught.value is error
    assert not isinstance(caught.value, StateBaseError)
    assert len(received) == 1


def test_connection_is_dropped(make_client: Any, flavour: str, silent: Any, alarm: Alarm) -> None:
    """A call that was ended so leaves no connection that a later answer could be taken from."""
    if flavour == "async":
        pytest.skip("the handler strikes the event loop")
    address, received = silent

    alarm.error = TimeoutError()
    client = make_client("sb_test", base_url=address)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            client.sessions.create("agent")

    assert len(received) == 2  # one connection each
    assert client._connection._close.__self__.active == 0


@pytest.mark.parametrize("error", [ValueError("odd"), SoftTimeLimitExceeded(), KeyError("odd"), AssertionError()])
def test_transport_with_a_bug(respond: Any, error: Exception) -> None:
    """An exception that is neither an HTTP error nor an OSError is not a lost connection, and is not retried."""
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


def test_failure_that_is_met_while_a_limit_is_handled(respond: Any, alarm: Alarm) -> None:
    """A call in an except block of the application is judged by its own failure, not by what came before."""
    alarm.error = TimeoutError()
    alarm.has_rung = False
    client, _ = respond(httpx.ReadError("lost"), max_retries=0)

    with pytest.raises(APIConnectionError):
        try:
            signal.raise_signal(signal.SIGALRM)
        except TimeoutError:
            client.sessions.create("agent")


@pytest.mark.parametrize(
    "error", [SoftTimeLimitExceeded(), TimeoutError("mine"), httpx.ConnectError("of the embedder")]
)
def test_engine_has_no_connection_to_lose(error: Exception) -> None:
    """In an embedded call nothing is taken for a failed connection, not even an error of httpx."""
    times: List[int] = []

    def tell(*_: object) -> Any:
        times.append(1)
        raise error

    with StateBase.local() as client:
        session = client.sessions.create("agent")
        client._connection.exchange = tell
        with pytest.raises(type(error)) as caught:
            client.sessions.add_turn(session.id, "hi", "hello")

    assert caught.value is error
    assert len(times) == 1

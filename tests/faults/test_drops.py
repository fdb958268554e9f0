"""A deadline ends a call whose answer comes in drops, each of them in time, wherever in the exchange they fall."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Union

import httpcore
import httpx
import pytest
import trustme
from packaging.version import Version

from statebase import APITimeoutError, AsyncStateBase, StateBase
from statebase._wire.sockets import Backend

DEADLINE_SECONDS = 0.3
PATIENCE_SECONDS = 30
"""How long the server drips before it gives up on the client."""

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
GZIP_HEAD_WITH_A_NAME = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"
TLS_RECORD = b"\x16\x03\x03\x40\x00"
HTTP2_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
HTTP2_PING = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class Dripping:
    """A server that answers with some bytes at once, and then with a drop again and again until the client hangs up.

    What it answers at once it answers piece by piece, each to something that the client sends.
    """

    def __init__(self, start: List[bytes], drop: bytes, *, context: Optional[ssl.SSLContext]) -> None:
        self.start = start
        self.drop = drop
        self.hung_up = threading.Event()
        self.went_on = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted = self._listener.accept()[0]
                threading.Thread(target=self._answer, args=(accepted,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            for piece in self.start:
                connection.recv(65536)
                connection.sendall(piece)
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until:
                connection.sendall(self.drop)
                if select.select([connection], [], [], 0.001)[0] and not connection.recv(65536):
                    self.hung_up.set()
                    return
            self.went_on.set()
        except OSError:
            self.hung_up.set()
        finally:
            connection.close()


#         bytes at once, the drop
PLACES: Dict[str, Any] = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (b"HTTP/1.1 200 OK\r\nX-Name: ", b"a"),
    "informational answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "chunks": (CHUNKED + b"\r\n", chunk(b" ")),
    "trailer": (CHUNKED + b"\r\n" + chunk(b"{}") + b"0\r\nX-Name: ", b"a"),
    "head of gzip": (CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + chunk(GZIP_HEAD_WITH_A_NAME), chunk(b"a")),
}


@pytest.fixture
def drip(certificates: trustme.CA) -> Iterator[Callable[..., Dripping]]:
    made: List[Dripping] = []

    def make(start: Union[bytes, List[bytes]], drop: bytes, *protocols: str) -> Dripping:
        context = None
        if protocols:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificates.issue_cert("127.0.0.1").configure_cert(context)
            context.set_alpn_protocols(list(protocols))
        made.append(Dripping([start] if isinstance(start, bytes) else start, drop, context=context))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def fails_at_the_deadline(flavour: str, ca_file: str) -> Callable[..., None]:
    """Make a call; it must end at its deadline, and its connection must be closed."""

    def call(server: Dripping, base_url: str, *, deadline: Optional[float] = DEADLINE_SECONDS, **options: Any) -> None:
        async def call_async() -> None:
            async with AsyncStateBase("sb_test", base_url, **options) as client:
                await client.info()

        options = {"verify": ca_file, "deadline": deadline, "max_retries": 0, "timeout": PATIENCE_SECONDS, **options}
        with pytest.raises(APITimeoutError) as caught:
            if flavour == "async":
                asyncio.run(call_async())
            else:
                with StateBase("sb_test", base_url, **options) as client:
                    client.info()
        assert ("before the deadline" in str(caught.value)) == (deadline is not None)
        assert server.hung_up.wait(PATIENCE_SECONDS + 10)
        assert not server.went_on.is_set()

    return call


def skip_where_httpx_forgets(scheme: str, flavour: str) -> None:
    if scheme == "https" and flavour == "async" and Version(httpx.__version__) < Version("0.27.2"):
        pytest.skip("this httpx forgets the TLS context of a proxy")


@pytest.mark.parametrize("place", PLACES)
def test_answer_in_drops(drip: Any, fails_at_the_deadline: Any, place: str) -> None:
    """HTTP/1.1: whatever part of the answer does not end."""
    server = drip(*PLACES[place])

    fails_at_the_deadline(server, f"http://{server.address}")


@pytest.mark.parametrize("place", PLACES)
def test_answer_in_drops_over_tls(drip: Any, fails_at_the_deadline: Any, place: str) -> None:
    """The same within TLS."""
    server = drip(*PLACES[place], "http/1.1")

    fails_at_the_deadline(server, f"https://{server.address}")


def test_http2_frames_that_answer_nothing(drip: Any, fails_at_the_deadline: Any) -> None:
    """HTTP/2: a server that asks whether the client is still there, again and again."""
    server = drip(HTTP2_SETTINGS, HTTP2_PING, "h2")

    fails_at_the_deadline(server, f"https://{server.address}", http2=True)


def test_handshake_in_drops(drip: Any, fails_at_the_deadline: Any) -> None:
    """A TLS handshake counts, too."""
    server = drip(TLS_RECORD, b"a")

    fails_at_the_deadline(server, f"https://{server.address}")


@pytest.mark.parametrize("place", ["status line", "header", "informational answers"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answer_of_a_proxy_in_drops(
    drip: Any, fails_at_the_deadline: Any, scheme: str, place: str, flavour: str
) -> None:
    """The response of a proxy to CONNECT counts, too."""
    skip_where_httpx_forgets(scheme, flavour)
    server = drip(*PLACES[place], *(["http/1.1"] if scheme == "https" else []))

    fails_at_the_deadline(server, "https://origin.invalid", proxy=f"{scheme}://{server.address}")


def test_forwarded_answer_in_drops(drip: Any, fails_at_the_deadline: Any) -> None:
    """So does what a proxy forwards."""
    server = drip(*PLACES["header"])

    fails_at_the_deadline(server, "http://origin.invalid", proxy=f"http://{server.address}", allow_insecure_http=True)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_handshake_behind_a_proxy_in_drops(drip: Any, fails_at_the_deadline: Any, scheme: str, flavour: str) -> None:
    """So does the handshake with the origin behind a proxy, also within the TLS of the proxy."""
    skip_where_httpx_forgets(scheme, flavour)
    connected = b"HTTP/1.1 200 Connected\r\n\r\n"
    server = drip([connected, TLS_RECORD], b"a", *(["http/1.1"] if scheme == "https" else []))

    fails_at_the_deadline(server, "https://origin.invalid", proxy=f"{scheme}://{server.address}")


@pytest.mark.parametrize("deadline", [DEADLINE_SECONDS, None])
def test_socks_proxy_that_does_not_answer(
    drip: Any, fails_at_the_deadline: Any, deadline: Optional[float], flavour: str
) -> None:
    """The handshake with a SOCKS proxy ends with the deadline, and without one with the timeout."""
    pytest.importorskip("socksio")
    if flavour == "async" and Version(httpcore.__version__) < Version("1.0"):
        pytest.skip("this httpcore takes no async trace on the way to a SOCKS proxy")
    server = drip(b"", b"")
    options = {} if deadline else {"timeout": DEADLINE_SECONDS}

    fails_at_the_deadline(
        server, "https://origin.invalid", proxy=f"socks5://{server.address}", deadline=deadline, **options
    )


def test_wait_without_a_timeout_of_its_own_has_that_for_connecting(server: Any) -> None:
    """httpcore gives none for its waits in a SOCKS handshake."""
    stream = Backend().connect_tcp("127.0.0.1", server.port, timeout=0.01)

    with pytest.raises(httpcore.ReadTimeout):
        stream.read(4096)
    stream.close()


@pytest.fixture
def unresolved(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name whose look-up takes as long as the test."""
    over = threading.Event()
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        flags = options.get("flags", arguments[4] if len(arguments) > 4 else 0)
        if host in ("slow.example", b"slow.example") and not flags & socket.AI_NUMERICHOST:
            over.wait(PATIENCE_SECONDS)
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield "http://slow.example"
    over.set()


@pytest.mark.parametrize("option", ["deadline", "timeout"])
def test_look_up_of_a_name_counts(unresolved: str, option: str):
    """Nothing was sent, as there was no address to send it to."""
    options: Any = {option: DEADLINE_SECONDS}
    client = StateBase("sb_test", unresolved, allow_insecure_http=True, max_retries=0, **options)
    began = time.monotonic()

    with pytest.raises(APITimeoutError) as error:
        client.sessions.create("agent")

    assert time.monotonic() - began < PATIENCE_SECONDS / 2
    assert error.value.outcome == "not_sent"
    client.close()


def test_look_up_of_a_name_counts_for_async_clients(unresolved: str):
    async def call() -> str:
        async with AsyncStateBase("sb_test", unresolved, allow_insecure_http=True, max_retries=0) as client:
            with pytest.raises(APITimeoutError) as error:
                await client.sessions.create("agent", deadline=DEADLINE_SECONDS)
            return error.value.outcome

    began = time.monotonic()
    loop = asyncio.new_event_loop()
    outcome = loop.run_until_complete(call())

    assert time.monotonic() - began < PATIENCE_SECONDS / 2
    assert outcome == "not_sent"
    loop.close()

"""A real server over real sockets that echoes, stalls and hangs up as told, and the pools under test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import socket
import ssl
import stat
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import trustme

from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool

PATIENCE_SECONDS = 30
"""The limit for waiting for an event, before the test fails."""


class EchoServer:
    """Answers each request with the header `X-Id` that it carried and the number of the connection it came over.

    `/hold` answers when the gate is open, `/stall` sends half an answer at once and the rest then, `/open-the-gate`
    opens it; `/last` closes the connection. It is a proxy, too: for http it answers itself, for https it connects.
    """

    def __init__(self, context: Optional[ssl.SSLContext] = None) -> None:
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.opened = 0
        self.open = 0
        self.peak = 0
        self.held = 0
        self.targets: List[str] = []
        self.headers: List[Dict[str, str]] = []
        self._context = context
        self._sockets: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_SECONDS)

    def hang_up(self) -> None:
        """Close all connections at this end."""
        with self.changed:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.gate.set()
        self.wait_until(lambda: self.open == 0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.opened += 1
                self.open += 1
                self.peak = max(self.peak, self.open)
                self._sockets.append(connection)
                number = self.opened
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        raw = connection
        try:
            with contextlib.suppress(OSError):
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                    if connection.selected_alpn_protocol() == "h2":
                        return self._serve_http2(connection, number)
                self._serve_http1(connection, number)
        finally:
            with self.changed:
                self.open -= 1
                self._sockets.remove(raw)
                connection.close()
                self.changed.notify_all()

    def _serve_http1(self, connection: socket.socket, number: int) -> None:
        reader = connection.makefile("rb")
        with reader:
            for line in iter(reader.readline, b""):
                target = line.split()[1].decode()
                headers = {}
                for field in iter(reader.readline, b"\r\n"):
                    name, _, value = field.decode().partition(":")
                    headers[name.lower()] = value.strip()
                reader.read(int(headers.get("content-length", 0)))
                self.headers.append(headers)
                self.targets.append(target)
                if line.startswith(b"CONNECT "):
                    return _tunnel(connection, target)
                body = json.dumps({"id": headers.get("x-id"), "connection": number}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
                if target.endswith("/last"):
                    connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
                    return None
                if target.endswith("/open-the-gate"):
                    self.gate.set()
                self._hold_if_asked(target.endswith("/hold"))
                connection.sendall(f"{head}\r\n".encode() + body[:5])
                self._hold_if_asked(target.endswith("/stall"))
                connection.sendall(body[5:])
        return None

    def _serve_http2(self, connection: socket.socket, number: int) -> None:
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http2.initiate_connection()
        connection.sendall(http2.data_to_send())
        waiting: List[Any] = []
        while True:
            received = connection.recv(65536)
            if not received:
                return
            for event in http2.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    waiting.append((event.stream_id, dict(event.headers or ())))
            if any(headers[":path"] == "/hold" for _, headers in waiting):
                with self.changed:
                    self.held = len(waiting)
                    self.changed.notify_all()
                if not self.gate.is_set():
                    connection.sendall(http2.data_to_send())
                    continue
            for stream, headers in waiting:
                body = json.dumps({"id": headers.get("x-id"), "connection": number}).encode()
                http2.send_headers(stream, [(":status", "200"), ("content-length", str(len(body)))])
                http2.send_data(stream, body, end_stream=True)
            waiting.clear()
            connection.sendall(http2.data_to_send())

    def _hold_if_asked(self, asked: bool) -> None:
        if asked:
            with self.changed:
                self.held += 1
                self.changed.notify_all()
            assert self.gate.wait(PATIENCE_SECONDS)


def _tunnel(client: socket.socket, target: str) -> None:
    host, port = target.split(":")
    with socket.create_connection((host, int(port))) as origin:
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        while True:
            for source in select.select([client, origin], [], [])[0]:
                received = source.recv(65536)
                if not received:
                    return
                (origin if source is client else client).sendall(received)


@pytest.fixture
def server() -> Iterator[EchoServer]:
    """A server of plain HTTP/1.1."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(certificates: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate that the servers' certificates are signed with."""
    path: Path = tmp_path_factory.mktemp("certificates") / "ca.pem"
    certificates.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def make_tls_server(certificates: trustme.CA) -> Iterator[Callable[..., EchoServer]]:
    made: List[EchoServer] = []

    def make(*protocols: str) -> EchoServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificates.issue_cert("127.0.0.1").configure_cert(context)
        context.set_alpn_protocols(list(protocols))
        made.append(EchoServer(context))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def tls_server(make_tls_server: Callable[..., EchoServer]) -> EchoServer:
    """A server of HTTP/1.1 over TLS."""
    return make_tls_server("http/1.1")


@pytest.fixture
def http2_server(make_tls_server: Callable[..., EchoServer]) -> EchoServer:
    """A server of HTTP/2."""
    return make_tls_server("h2")


def make_request(url: str, id: object = None, pool_timeout: Optional[float] = PATIENCE_SECONDS) -> httpx.Request:
    """Return a request that asks the server to echo `id`."""
    timeout = {"connect": PATIENCE_SECONDS, "read": PATIENCE_SECONDS, "write": PATIENCE_SECONDS, "pool": pool_timeout}
    return httpx.Request("GET", url, headers={"X-Id": str(id)}, extensions={"timeout": timeout})


def count_connections(port: int) -> int:
    """Return how many sockets this process has open that are connected to a port."""
    count = 0
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as duplicate:
                    count += duplicate.getpeername()[1:2] == (port,)
    return count


@pytest.fixture
def connections_to() -> Callable[[int], int]:
    return count_connections


@pytest.fixture
def request_to() -> Callable[..., httpx.Request]:
    return make_request


class Caller:
    """Either pool, used by one caller."""

    def __init__(self, pool: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.pool = pool
        self._loop = loop

    def run(self, awaitable_or_result: Any) -> Any:
        """Return the result of a call of the pool, whichever flavour it has."""
        if isinstance(self.pool, AsyncPool):
            return self._loop.run_until_complete(awaitable_or_result)
        return awaitable_or_result

    def start(self, url: str, **options: Any) -> httpx.Response:
        """Send a request and do not read the response."""
        request = make_request(url, **options)
        if isinstance(self.pool, AsyncPool):
            response: httpx.Response = self.run(self.pool.handle_async_request(request))
            return response
        sent: httpx.Response = self.pool.handle_request(request)
        return sent

    def finish(self, response: httpx.Response) -> Any:
        """Read a response and close it."""
        if isinstance(self.pool, AsyncPool):
            self.run(response.aread())
        else:
            response.read()
        self.drop(response)
        return response.json()

    def drop(self, response: httpx.Response) -> None:
        """Close a response, read or not."""
        self.run(response.aclose() if isinstance(self.pool, AsyncPool) else response.close())

    def get(self, url: str, **options: Any) -> Any:
        """Send a request; return what the server says about it."""
        return self.finish(self.start(url, **options))

    def settle(self) -> None:
        """Run the pending callbacks of the event loop."""
        for _ in range(10):
            self._loop.run_until_complete(asyncio.sleep(0))

    def close(self) -> None:
        self.run(self.pool.aclose() if isinstance(self.pool, AsyncPool) else self.pool.close())


@pytest.fixture
def make_caller(flavour: str, event_loop_for_clients: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Caller]]:
    """Create a pool of the flavour, with one way to use both; it is closed after the test."""
    made: List[Caller] = []

    def make(**options: Any) -> Caller:
        made.append(Caller((SyncPool if flavour == "sync" else AsyncPool)(**options), event_loop_for_clients))
        return made[-1]

    yield make
    for caller in made:
        caller.close()

"""A real server over real sockets that echoes, waits and hangs up when asked, and its fixtures."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import ssl
import stat
import threading
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
import trustme

PATIENCE_SECONDS = 30
"""The time limit for an expected event, before the test fails."""


class EchoServer:
    """Answers each request with the header `X-Id` that it carried and the number of its connection.

    `/hold` is answered once its request is let go, `/stall` gets half of its answer at once and the rest then,
    `/cut` no more; `/let-all-go` lets all of them go, and `/when-one-is-held` is answered
    when there is one. `/last` closes the connection after the answer, with HTTP/2 by GOAWAY alone, and the answer of `/garbled` is not
    compressed as its headers say. The server is a proxy, too: it
    answers requests for http origins itself, and connects to https origins.
    """

    def __init__(self, context: Optional[ssl.SSLContext] = None) -> None:
        self.changed = threading.Condition()
        self.opened = 0
        self.open = 0
        self.peak = 0
        self.held = 0
        self.targets: List[str] = []
        self.headers: List[Dict[str, str]] = []
        self._gates: Dict[str, threading.Event] = {}
        """By the id of the request that is held."""
        self._lets_all_go = False
        self._context = context
        self._sockets: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_SECONDS)

    def let_go(self, id: object) -> None:
        """Answer the held request with an id."""
        self._gate_of(str(id)).set()

    def let_all_go(self) -> None:
        """Answer all held requests, and hold none from now on."""
        with self.changed:
            self._lets_all_go = True
            gates = list(self._gates.values())
        for gate in gates:
            gate.set()

    def hang_up(self) -> None:
        """Close all connections at this end."""
        with self.changed:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.let_all_go()
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
                    connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                    with self.changed:
                        self._sockets[self._sockets.index(raw)] = connection
                    connection.do_handshake()
                    if connection.selected_alpn_protocol() == "h2":
                        return self._serve_http2(connection, number)
                self._serve_http1(connection, number)
        finally:
            with self.changed:
                self.open -= 1
                self._sockets.remove(connection)
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
                if target.endswith("/garbled"):
                    head += "Content-Encoding: gzip\r\n"
                if target.endswith("/last"):
                    connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
                    return None
                if target.endswith("/when-one-is-held"):
                    self.wait_until(lambda: self.held > 0)
                if target.endswith("/let-all-go"):
                    self.let_all_go()
                if target.endswith("/hold"):
                    self._hold(headers)
                connection.sendall(f"{head}\r\n".encode() + body[:5])
                if target.endswith(("/stall", "/cut")):
                    self._hold(headers)
                if target.endswith("/cut"):
                    return None
                connection.sendall(body[5:])
        return None

    def _serve_http2(self, connection: socket.socket, number: int) -> None:
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http2.initiate_connection()
        connection.sendall(http2.data_to_send())
        lock = threading.Lock()

        def answer(stream: int, headers: Dict[str, str]) -> None:
            body = json.dumps({"id": headers.get("x-id"), "connection": number}).encode()
            if headers[":path"].endswith("/hold"):
                self._hold(headers)
            with contextlib.suppress(OSError, h2.exceptions.ProtocolError), lock:  # the client may have hung up
                http2.send_headers(stream, [(":status", "200"), ("content-length", str(len(body)))])
                http2.send_data(stream, body, end_stream=True)
                connection.sendall(http2.data_to_send())
                if headers[":path"].endswith("/last"):
                    http2.close_connection()
                    connection.sendall(http2.data_to_send())

        while True:
            received = connection.recv(65536)
            if not received:
                return
            with lock:
                if http2.state_machine.state is h2.connection.ConnectionState.CLOSED:  # it has said goodbye
                    continue
                events = http2.receive_data(received)
                connection.sendall(http2.data_to_send())
            for event in events:
                if isinstance(event, h2.events.DataReceived):
                    with lock:
                        http2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                        connection.sendall(http2.data_to_send())
                if isinstance(event, h2.events.RequestReceived):
                    arguments = (event.stream_id, dict(event.headers or ()))
                    if arguments[1][":path"].endswith("/hold"):
                        threading.Thread(target=answer, args=arguments, daemon=True).start()
                    else:
                        answer(*arguments)

    def _hold(self, headers: Dict[str, str]) -> None:
        gate = self._gate_of(headers.get("x-id", ""))
        with self.changed:
            self.held += 1
            self.changed.notify_all()
        assert gate.wait(PATIENCE_SECONDS)

    def _gate_of(self, id: str) -> threading.Event:
        with self.changed:
            gate = self._gates.setdefault(id, threading.Event())
            if self._lets_all_go:
                gate.set()
            return gate


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

"""A proxy on real sockets that does to each attempt of a client what the script says."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import struct
import threading
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

PATIENCE_SECONDS = 30
"""The limit for waiting for an event, before the test fails."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SAID_BY_THE_PROXY = {"content-length", "transfer-encoding", "connection", "keep-alive"}


class Answer(NamedTuple):
    """A complete answer, as it goes to the client."""

    status: int
    headers: List[Tuple[str, str]]
    body: bytes

    def encode(self) -> bytes:
        """Write the answer as HTTP/1.1."""
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Whatever')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status != 204:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Exchange:
    """One attempt of a client, and what can be done with it."""

    def __init__(self, proxy: FaultProxy, connection: Connection) -> None:
        self.proxy = proxy
        self._connection = connection

    def wait_for_request(self) -> None:
        """Wait until something of the request is there, and do not read it."""
        self._connection.raw.recv(1, socket.MSG_PEEK)

    def receive(self) -> bytes:
        """Return the whole request."""
        reader = self._connection.reader()
        head = b""
        size = 0
        for line in iter(reader.readline, b""):
            head += line
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
            if line == b"\r\n":
                return head + reader.read(size)
        raise ConnectionError("the client hung up in the middle of a request")

    def deliver(self, request: bytes) -> Answer:
        """Have the server answer a request."""
        return self.proxy.deliver(request)

    def deliver_at_once(self, request: bytes, times: int) -> List[Answer]:
        """Have the server answer a request that comes several times at once."""
        answers: List[Answer] = []
        threads = [
            threading.Thread(target=lambda: answers.append(self.deliver(request)), daemon=True) for _ in range(times)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        return answers

    def forward(self) -> Answer:
        """Have the server answer the request; the client hears nothing of it."""
        return self.deliver(self.receive())

    def send(self, content: bytes) -> None:
        """Send something to the client."""
        self._connection.socket.sendall(content)

    def send_raw(self, content: bytes) -> None:
        """Send something to the client before it has said anything, beside TLS."""
        self._connection.raw.sendall(content)

    def use_certificate_of_a_stranger(self) -> None:
        """Do the TLS handshake with a certificate that the client does not trust."""
        self._connection.context = self.proxy.stranger

    def hang_up(self) -> None:
        """Close the connection."""
        self._connection.close()

    def reset(self) -> None:
        """Close the connection so that the client is told that it was reset."""
        self._connection.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._connection.close()

    def wait_for_hang_up(self) -> None:
        """Say nothing until the client loses patience."""
        with contextlib.suppress(OSError):
            self._connection.socket.settimeout(PATIENCE_SECONDS)
            while self._connection.socket.recv(65536):
                pass
        self.hang_up()


Act = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """Do nothing wrong."""
    exchange.send(exchange.forward().encode())


class Connection:
    """The socket of a client, in plain text or, once it is read from, in TLS."""

    def __init__(self, accepted: socket.socket, context: Optional[ssl.SSLContext]) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = self.socket = accepted
        self.context = context
        self._reader: Optional[io.BufferedReader] = None

    def reader(self) -> io.BufferedReader:
        """Return the file to read requests from."""
        if self._reader is None:
            if self.context is not None:
                self.raw = self.socket = self.context.wrap_socket(self.socket, server_side=True)
            self._reader = self.socket.makefile("rb")
        return self._reader

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self.socket.close()


class FaultProxy:
    """Passes requests on to a server, and does to each attempt what the script says.

    Args:
        origin: Host and port of the server.
        context: How to speak TLS with clients of `tls_url`.
        stranger: The same, with a certificate that they do not trust.
    """

    def __init__(self, origin: Tuple[str, int], context: ssl.SSLContext, stranger: ssl.SSLContext) -> None:
        self.origin = origin
        self.stranger = stranger
        self.script: List[Act] = []
        """The faults of the next attempts; later ones have none."""
        self.late: List[bytes] = []
        """Requests that are still on their way to the server."""
        self.advance_clock: Callable[[float], object] = lambda seconds: None
        self.now: Callable[[], Any] = lambda: None
        self._context = context
        self._busy = 0
        self._changed = threading.Condition()
        self._listeners: List[socket.socket] = []
        self.url = self._listen(None, "http")
        self.tls_url = self._listen(context, "https")
        self._elsewhere = socket.create_server(("127.0.0.1", 0))
        self._elsewhere.setblocking(False)
        self._listeners.append(self._elsewhere)
        self.elsewhere_url = f"http://127.0.0.1:{self._elsewhere.getsockname()[1]}"

    def deliver(self, request: bytes) -> Answer:
        """Have the server answer a request."""
        with socket.create_connection(self.origin, PATIENCE_SECONDS) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.sendall(request)
            response = http.client.HTTPResponse(server)
            response.begin()
            headers = [pair for pair in response.getheaders() if pair[0].lower() not in _SAID_BY_THE_PROXY]
            return Answer(response.status, headers, response.read())

    def settle(self, unmet: Optional[int] = None) -> None:
        """Wait until the server has answered all that was sent, and send what is late.

        Args:
            unmet: How much of the script no attempt has met; the rest may be on its way here when a client gave up.
        """
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._busy == 0 and (unmet is None or len(self.script) <= unmet), PATIENCE_SECONDS
            )
        while self.late:
            self.deliver(self.late.pop(0))

    def has_strays(self) -> bool:
        """Return whether a client connected to `elsewhere_url`."""
        with contextlib.suppress(BlockingIOError):
            self._elsewhere.accept()[0].close()
            return True
        return False

    def closed_port(self) -> ClosedPort:
        """Return an address of this proxy at which it does not listen yet."""
        return ClosedPort(self)

    def close(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def accept_from(self, listener: socket.socket, context: Optional[ssl.SSLContext]) -> None:
        """Serve, in threads, who connects."""

        def accept() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._serve, args=(Connection(accepted, context),), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def _listen(self, context: Optional[ssl.SSLContext], scheme: str) -> str:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listeners.append(listener)
        self.accept_from(listener, context)
        return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client's end, or a fault that ended it here
            while True:
                self._act(Exchange(self, connection))
                if not connection.reader().peek(1):
                    break
        connection.close()

    def _act(self, exchange: Exchange) -> None:
        with self._changed:
            self._busy += 1
            act = self.script.pop(0) if self.script else pass_on
        try:
            act(exchange)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()


class ClosedPort:
    """An address at which clients are refused, or wait in the backlog, until it is opened."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._in_the_way: List[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._is_open = False
        self.address: Tuple[str, int] = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"

    def crowd(self) -> None:
        """Fill the backlog, so that clients are not refused but kept waiting."""
        self._listener.listen(0)
        self._in_the_way = [socket.create_connection(self.address, PATIENCE_SECONDS)]

    def open(self) -> None:
        """Let clients in."""
        if self._is_open:
            return
        self._is_open = True
        for each in self._in_the_way:
            self._listener.accept()[0].close()
            each.close()
        self._listener.listen(128)
        self._proxy.accept_from(self._listener, None)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._in_the_way:
            each.close()

"""The sockets of the connection pools, in place of httpcore's own.

httpcore computes a timeout once and uses it for each wait of a response: headers that arrive byte by byte may take any
number of waits. The sockets here compute the time that is left before each wait, if the timeout is a `TimeLeft`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 # pyright: ignore[reportUnusedImport] # sockets import it when they look up a name
import socket
import ssl
from contextlib import suppress
from functools import partial
from typing import Any, Callable, List, Optional, Tuple, Type, TypeVar, cast

import httpcore

# `get_extra_info` tells whether a socket is readable, which differs between systems.
from httpcore._backends.sync import SyncStream

from .._base.deadline import seconds_left, within

T = TypeVar("T")

# A peer that is unreachable is noticed after two minutes, also without a timeout.
SOCKET_OPTIONS: List[Tuple[int, int, int]] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    if hasattr(socket, name)
]

TIMEOUT_OF_CONNECTING: Any = object()
"""The timeout of a wait for which httpcore gives none: those of the SOCKS handshake."""

_SOCKET_MODULES = frozenset({"socket", "ssl", "gevent", "eventlet", seconds_left.__module__, __name__})
_TLS_RECORD_BYTES = 16384


class _Errors:
    """A block in which the errors of a socket become those of httpcore."""

    def __init__(self, timeout: Type[httpcore.TimeoutException], failure: Type[httpcore.NetworkError]) -> None:
        self._timeout = timeout
        self._failure = failure

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: Optional[BaseException], traceback: object) -> None:
        if _is_of_socket(error):
            raise (self._timeout if isinstance(error, socket.timeout) else self._failure)(error) from error


_CONNECTING = _Errors(httpcore.ConnectTimeout, httpcore.ConnectError)
_READING = _Errors(httpcore.ReadTimeout, httpcore.ReadError)
_WRITING = _Errors(httpcore.WriteTimeout, httpcore.WriteError)


class Backend(httpcore.NetworkBackend):
    """Opens the sockets of a connection, and can close all of them: httpcore leaks one if connecting fails."""

    def __init__(self) -> None:
        self._streams: List[Stream] = []

    def connect_tcp(
        self, host: str, port: int, timeout: Optional[float] = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        """Connect to the first address that accepts."""
        with _CONNECTING:
            stream = Stream(_connect(host, port, timeout), timeout)
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        """Close all sockets, without the locks of httpcore: an interrupted request may have left one taken."""
        for stream in self._streams:
            with suppress(OSError):  # the socket is closed even so
                stream.close()

    def is_readable(self) -> bool:
        """Return whether the server sent something or closed the connection."""
        return any(stream.get_extra_info("is_readable") for stream in self._streams)


class Stream(SyncStream):
    """A socket, with TLS or without."""

    def __init__(self, connected: socket.socket, connect_timeout: Optional[float]) -> None:
        super().__init__(connected)
        self._connect_timeout = connect_timeout

    def read(self, max_bytes: int, timeout: Optional[float] = TIMEOUT_OF_CONNECTING) -> bytes:
        """Return the next bytes; empty at the end."""
        with _READING:
            return self._receive(max_bytes, self._connect_timeout if timeout is TIMEOUT_OF_CONNECTING else timeout)

    def write(self, buffer: bytes, timeout: Optional[float] = TIMEOUT_OF_CONNECTING) -> None:
        """Send all of a buffer."""
        with _WRITING:
            self._send(buffer, self._connect_timeout if timeout is TIMEOUT_OF_CONNECTING else timeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.NetworkStream:
        """Perform the TLS handshake."""
        with _CONNECTING:
            connected = cast("object", self._sock)
            if isinstance(connected, ssl.SSLSocket):
                return _Tunnel(connected, ssl_context, server_hostname, timeout)
            self._sock.settimeout(seconds_left(timeout))
            # Stored before the handshake, so that `close` closes it if the handshake fails.
            self._sock = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._sock.do_handshake()
            return self

    def _receive(self, max_bytes: int, timeout: Optional[float]) -> bytes:
        self._sock.settimeout(seconds_left(timeout))
        return self._sock.recv(max_bytes)

    def _send(self, buffer: bytes, timeout: Optional[float]) -> None:
        left = memoryview(buffer)
        while left:
            self._sock.settimeout(seconds_left(timeout))
            left = left[self._sock.send(left) :]


class _Tunnel(Stream):
    """TLS within the TLS of an https proxy, which `ssl.SSLSocket` does not support."""

    def __init__(
        self,
        connected: ssl.SSLSocket,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str],
        timeout: Optional[float],
    ) -> None:
        super().__init__(connected, timeout)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = ssl_context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._perform(self._tls.do_handshake, timeout)

    def get_extra_info(self, info: str) -> Any:
        """Return information about the socket; as `ssl_object`, the TLS with the origin."""
        return self._tls if info == "ssl_object" else super().get_extra_info(info)

    def _receive(self, max_bytes: int, timeout: Optional[float]) -> bytes:
        with suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return self._perform(partial(self._tls.read, max_bytes), timeout)
        return b""

    def _send(self, buffer: bytes, timeout: Optional[float]) -> None:
        left = memoryview(buffer)
        while left:
            left = left[self._perform(partial(self._tls.write, left), timeout) :]

    def _perform(self, step: Callable[[], T], timeout: Optional[float]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                super()._send(self._outgoing.read(), timeout)
                received = super()._receive(_TLS_RECORD_BYTES, timeout)
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            else:
                super()._send(self._outgoing.read(), timeout)
                return result


def _connect(host: str, port: int, timeout: Optional[float]) -> socket.socket:
    addresses = _resolve(host, port, seconds_left(timeout))
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        connecting = None
        try:
            connecting = socket.socket(family, kind, protocol)
            connecting.settimeout(seconds_left(timeout))
            connecting.connect(address)
            for option in (*SOCKET_OPTIONS, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
                connecting.setsockopt(*option)
            return connecting
        except BaseException as error:
            if connecting is not None:
                connecting.close()
            if number == len(addresses) or not _is_of_socket(error):
                raise
    raise OSError("the host has no address")


def _resolve(host: str, port: int, timeout: Optional[float]) -> List[Any]:
    """Return the addresses of a host. The system's name resolution has no time limit of its own.

    Raises:
        socket.timeout: Resolution took too long.
        socket.gaierror: The host has no address.
    """
    with suppress(socket.gaierror):
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    look_up = partial(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    if timeout is None:
        return look_up()
    try:
        return within(timeout, look_up)
    except TimeoutError:
        raise socket.timeout("the name of the host was not resolved in time") from None


def _is_of_socket(error: Optional[BaseException]) -> bool:
    """Return whether a socket raised the error; a signal handler may raise an OSError, too."""
    if not isinstance(error, OSError):
        return False
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else cast("str", traceback.tb_frame.f_globals.get("__name__", ""))
    return module in _SOCKET_MODULES or module.partition(".")[0] in _SOCKET_MODULES

"""The sockets of the asynchronous pool: those of httpcore, which leaks one if connecting fails or is cancelled."""

from __future__ import annotations

import ssl
from typing import Any, List, Optional, cast

import httpcore
from httpcore._backends.anyio import AnyIOStream
from httpcore._utils import is_socket_readable

from .sockets import SOCKET_OPTIONS, TIMEOUT_OF_CONNECTING


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens the sockets of a connection, and can close all of them."""

    def __init__(self) -> None:
        self._backend: httpcore.AsyncNetworkBackend = cast(Any, httpcore).AnyIOBackend()
        self._streams: List[_Stream] = []
        self._sockets: List[Any] = []

    async def connect_tcp(
        self, host: str, port: int, timeout: Optional[float] = None, *_: Any, **__: Any
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host."""
        connected: Any = await self._backend.connect_tcp(host, port, timeout, None, SOCKET_OPTIONS)
        stream = _Stream(connected._stream)
        stream.connect_timeout = timeout
        self._streams.append(stream)
        self._sockets.append(stream.get_extra_info("socket"))
        return stream

    async def aclose(self) -> None:
        """Close all sockets."""
        for stream in self._streams:
            await stream.aclose()

    def descriptors(self) -> List[int]:
        """Return the descriptors of the open sockets."""
        return [each.fileno() for each in self._sockets if each.fileno() >= 0]

    def is_readable(self) -> bool:
        """Return whether the server sent something or closed the connection."""
        return any(map(is_socket_readable, self._sockets))


class _Stream(AnyIOStream):
    """A stream on which a wait without a timeout, such as those of the SOCKS handshake, has that of connecting."""

    connect_timeout: Optional[float] = None

    async def read(self, max_bytes: int, timeout: Optional[float] = TIMEOUT_OF_CONNECTING) -> bytes:
        return await super().read(max_bytes, self.connect_timeout if timeout is TIMEOUT_OF_CONNECTING else timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = TIMEOUT_OF_CONNECTING) -> None:
        await super().write(buffer, self.connect_timeout if timeout is TIMEOUT_OF_CONNECTING else timeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await super().start_tls(ssl_context, server_hostname, timeout)
        except ssl.SSLError as error:  # httpcore before 1.0 lets this one through
            raise httpcore.ConnectError(str(error)) from error

"""The sockets of the asynchronous pool: those of httpcore, which it forgets if connecting fails or is cancelled."""

from __future__ import annotations

import ssl
from typing import Any, Iterable, List, Optional, cast

import httpcore
from httpcore._utils import is_socket_readable

from .sockets import AS_FOR_CONNECTING, SOCKET_OPTIONS, SocketOption


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens the sockets of a connection, and can close all of them."""

    def __init__(self) -> None:
        self._backend: httpcore.AsyncNetworkBackend = cast(Any, httpcore).AnyIOBackend()
        self._streams: List[httpcore.AsyncNetworkStream] = []
        self._sockets: List[Any] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SocketOption]] = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host.

        Raises:
            httpcore.ConnectTimeout: It did not accept in time.
            httpcore.ConnectError: It has no address, or did not accept.
        """
        connected = await self._backend.connect_tcp(host, port, timeout, local_address, SOCKET_OPTIONS)
        self._streams.append(connected)
        self._sockets.append(connected.get_extra_info("socket"))
        return _Stream(connected, timeout)

    async def aclose(self) -> None:
        """Close all sockets."""
        for stream in self._streams:
            await stream.aclose()

    def descriptors(self) -> List[int]:
        """Return the descriptors of the open sockets."""
        return [each.fileno() for each in self._sockets if each.fileno() >= 0]

    def is_readable(self) -> bool:
        """Return whether the server has sent something, or hung up."""
        return any(map(is_socket_readable, self._sockets))


class _Stream(httpcore.AsyncNetworkStream):
    """A stream on which a wait without a timeout, such as those of the SOCKS handshake, has that of connecting."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, connect_timeout: Optional[float]) -> None:
        self._stream = stream
        self._connect_timeout = connect_timeout

    async def read(self, max_bytes: int, timeout: Optional[float] = AS_FOR_CONNECTING) -> bytes:
        """Return what arrives next; nothing at the end."""
        return await self._stream.read(max_bytes, self._timeout(timeout))

    async def write(self, buffer: bytes, timeout: Optional[float] = AS_FOR_CONNECTING) -> None:
        """Send all of a buffer."""
        await self._stream.write(buffer, self._timeout(timeout))

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands; what is sent afterwards does not pass through here."""
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except ssl.SSLError as error:  # httpcore before 1.0 lets this one through
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the socket."""
        return self._stream.get_extra_info(info)

    def _timeout(self, timeout: Optional[float]) -> Optional[float]:
        return self._connect_timeout if timeout is AS_FOR_CONNECTING else timeout

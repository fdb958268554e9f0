"""The asynchronous client on aiohttp (`statebase[aiohttp]`): less CPU a call than httpcore, for many calls at a time.

aiohttp manages the connections. To the pool, a session is one connection that all requests share.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Callable, List, Optional, Tuple
from weakref import WeakSet

import aiohttp
import httpx
from yarl import URL

from .._base.body import Body
from .._base.exchange import Reply, Request
from .loop_pool import LoopPool
from .pool_state import PooledConnection, PoolState
from .sockets import SOCKET_OPTIONS
from .tls import ssl_context

_LONGEST_LINE = 65536
"""Bytes of a line of a reply's head: about the limit of httpcore."""
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

# The httpx error for each aiohttp error, from the most specific to the least.
_ERRORS: Tuple[Tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerFingerprintMismatch, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientConnectionResetError, httpx.WriteError),
    (aiohttp.ClientConnectionError, httpx.ReadError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.RemoteProtocolError),
)


class _Sockets:
    """The sockets of a session."""

    def __init__(self, keepalive_expiry: float, tls: ssl.SSLContext | bool) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        connector = aiohttp.TCPConnector(
            limit=0,  # the pool has the limit: a timeout of aiohttp does not tell whether a connection was missing
            keepalive_timeout=keepalive_expiry,
            ssl=tls,
            socket_factory=self._make_socket,
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_field_size=_LONGEST_LINE,
            max_line_size=_LONGEST_LINE,
            skip_auto_headers=_AUTOMATIC_HEADERS,
        )
        # Only `_call` retries a request that the server may have received: it counts attempts and knows the keys.
        self.session._retry_connection = False  # pyright: ignore[reportPrivateUsage]

    async def aclose(self) -> None:
        """Close the session."""
        await self.session.close()

    def descriptors(self) -> List[int]:
        """Return the descriptors of the open sockets."""
        return [each.fileno() for each in self._sockets if each.fileno() >= 0]

    def _make_socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, _ = info
        made = socket.socket(family, kind, protocol)
        for option in SOCKET_OPTIONS:
            made.setsockopt(*option)
        self._sockets.add(made)
        return made


class AiohttpPool(LoopPool):
    """A pool with an aiohttp session in each asyncio event loop that it is used in.

    aiohttp speaks HTTP/1.1 only, and to http and https proxies only.
    """

    _survives_errors = True

    def _connection_maker(self) -> Callable[[], PooledConnection]:
        self._multiplexed = True
        self._origin = f"{self._url.scheme}://{self._url.netloc.decode()}"
        self._aiohttp_proxy = None if self._proxy is None else URL(str(self._proxy))
        is_tls = "https" in (self._url.scheme, self._proxy and self._proxy.scheme)
        context = ssl_context(self._verify) if is_tls else True
        keepalive_expiry = self._keepalive_expiry  # not `self`: that would be a reference cycle

        def make() -> PooledConnection:
            sockets = _Sockets(keepalive_expiry, context)
            return PooledConnection(sockets.session, sockets, max_requests=float("inf"))

        return make

    async def _send(
        self, state: PoolState, connection: PooledConnection, request: Request
    ) -> Tuple[Optional[Reply], bool]:
        session: aiohttp.ClientSession = connection.core
        connect = request.timeouts["connect"]
        never = float("inf")  # aiohttp rounds longer timeouts up to whole seconds
        try:
            async with session.request(
                request.method,
                URL(self._origin + request.target, encoded=True),
                headers=[(name.decode(), value.decode()) for name, value in request.headers],
                data=request.content or None,
                timeout=aiohttp.ClientTimeout(None, connect, request.timeouts["read"], connect, ceil_threshold=never),
                proxy=self._aiohttp_proxy,
                allow_redirects=False,
            ) as response:
                body = Body(response.raw_headers, request.max_response_bytes)
                async for data in response.content.iter_any():
                    request.check_deadline()  # aiohttp reads the timeout once, and uses it for each wait
                    if not body.add(data):
                        response.close()
                        break
                return body.reply(response.status), True
        except aiohttp.ClientError as error:
            request.check_deadline()
            failure, cause = _as_httpx_error(error), error.__cause__
        raise failure from cause  # not from aiohttp's error: its request has the API key in its headers


def _as_httpx_error(error: aiohttp.ClientError) -> httpx.TransportError:
    kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    return kind(str(error) or type(error).__name__)

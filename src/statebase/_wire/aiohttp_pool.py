"""The asynchronous client on aiohttp (`statebase[aiohttp]`): less CPU a call than httpcore, where many are under way.

aiohttp keeps the connections; this module gives each event loop a session of its own, translates errors and timeouts,
and leaves connections to the parent after a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from typing import Any, AsyncGenerator, List, Mapping, MutableMapping, NamedTuple, Optional, Tuple
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
import httpx
from yarl import URL

from .._base.body import Body, BodyTooLarge
from .._base.exchange import Reply, Request
from .._base.lazy import importing
from .base_pool import KEEPALIVE_EXPIRY, MAX_CONNECTIONS, ForkAware, cut_off
from .pool_state import CLOSED
from .sockets import SOCKET_OPTIONS
from .tls import Verify, ssl_context

_LONGEST_LINE = 65536
"""Bytes of a line of a reply's head: what httpcore accepts, about."""
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

# From the most specific to the least: what an error of aiohttp is in httpx's terms.
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


class _Home:
    """What an `AiohttpPool` has in one event loop."""

    def __init__(self, pool: AiohttpPool) -> None:
        self.sockets: WeakSet[socket.socket] = WeakSet()
        connector = aiohttp.TCPConnector(
            limit=0,  # `places` bounds them: aiohttp does not say of a timeout whether it was for want of a connection
            keepalive_timeout=pool.keepalive_expiry,
            ssl=pool.ssl_context(),
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
        # A request that may have been received is repeated by `_call` alone, which counts attempts and knows keys.
        self.session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
        self.places = asyncio.Semaphore(pool.max_connections)
        self.ending = _closed_with_loop(self.session)

    def _make_socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, _ = info
        made = socket.socket(family, kind, protocol)
        for option in SOCKET_OPTIONS:
            made.setsockopt(*option)
        self.sockets.add(made)
        return made


class _Timeouts(NamedTuple):
    """aiohttp's form of the timeouts that most requests have."""

    seconds: Mapping[str, Optional[float]]
    converted: aiohttp.ClientTimeout


class AiohttpPool(ForkAware):
    """A pool with an aiohttp session in each asyncio event loop that it is used in.

    The arguments are those of `AsyncPool`; aiohttp speaks HTTP/1.1 only, and to http and https proxies only.
    """

    _homes: MutableMapping[asyncio.AbstractEventLoop, _Home]

    def __init__(
        self,
        base_url: str,
        *,
        verify: Verify = True,
        proxy: Optional[str] = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
    ) -> None:
        url = httpx.URL(base_url)
        self._origin = f"{url.scheme}://{url.netloc.decode()}"
        self._verify: Verify = verify
        self._proxy = None if proxy is None else URL(proxy)
        self._timeouts: Optional[_Timeouts] = None
        self.max_connections = max_connections
        self.keepalive_expiry = keepalive_expiry
        super().__init__()

    async def exchange_async(self, request: Request) -> Reply:
        """Send a request and read the whole reply.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` if no connection became free in time.
            httpx.DecodingError: The body is not compressed as its headers say.
            RuntimeError: The pool was closed, or no asyncio event loop is running.
        """
        self._notice_fork()
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None or home.session.closed:
            home = await self._settle(loop)
        if home.places.locked():
            await self._wait(home, request)
        else:
            await home.places.acquire()
        try:
            return await self._send(home, request)
        except aiohttp.ClientError as error:
            request.check_deadline()
            failure, cause = _as_httpx_error(error), error.__cause__
        finally:
            home.places.release()
        raise failure from cause  # not from aiohttp's error, which has the headers of the request, the key among them

    async def aclose(self) -> None:
        """Close all connections; those in another event loop are closed by that loop."""
        self._notice_fork()
        self._closed = True
        homes, self._homes = list(self._homes.items()), WeakKeyDictionary()
        for loop, home in homes:
            if loop is asyncio.get_running_loop():
                await home.ending.aclose()
            elif not loop.is_closed():
                with contextlib.suppress(RuntimeError):
                    asyncio.run_coroutine_threadsafe(home.ending.aclose(), loop)

    def ssl_context(self) -> ssl.SSLContext | bool:
        """Return what aiohttp takes as `ssl`."""
        is_tls = self._origin.startswith("https:") or (self._proxy is not None and self._proxy.scheme == "https")
        with importing:
            return ssl_context(self._verify) if is_tls else True

    async def _send(self, home: _Home, request: Request) -> Reply:
        async with home.session.request(
            request.method,
            URL(self._origin + request.target, encoded=True),
            headers=[(name.decode(), value.decode()) for name, value in request.headers],
            data=request.content or None,
            timeout=self._converted(request.timeouts),
            proxy=self._proxy,
            allow_redirects=False,
        ) as response:
            body = Body(response.raw_headers, request.max_response_bytes)
            try:
                async for data in response.content.iter_any():
                    body.add(data)
                return Reply(response.status, response.raw_headers, body.content())
            except BodyTooLarge:
                response.close()
                return Reply(response.status, response.raw_headers, b"", is_too_large=True)

    async def _settle(self, loop: asyncio.AbstractEventLoop) -> _Home:
        if self._closed:
            raise RuntimeError(CLOSED)
        for other in [each for each in self._homes if each.is_closed()]:
            del self._homes[other]
        home = self._homes[loop] = _Home(self)
        await home.ending.__anext__()
        return home

    async def _wait(self, home: _Home, request: Request) -> None:
        seconds = request.timeouts["pool"]
        try:
            await asyncio.wait_for(home.places.acquire(), seconds)
        except asyncio.TimeoutError:
            raise httpx.PoolTimeout(
                f"No connection became free within {seconds} s: "
                f"{self.max_connections} requests are under way, which is the limit of this client"
            ) from None
        if home.session.closed:
            home.places.release()
            raise RuntimeError(CLOSED)

    def _converted(self, seconds: Mapping[str, Optional[float]]) -> aiohttp.ClientTimeout:
        if self._timeouts is None or self._timeouts.seconds is not seconds:
            connect = seconds["connect"]
            never = float("inf")  # aiohttp rounds longer timeouts up to whole seconds
            converted = aiohttp.ClientTimeout(None, connect, seconds["read"], connect, ceil_threshold=never)
            self._timeouts = _Timeouts(seconds, converted)
        return self._timeouts.converted

    def _start_over(self) -> None:
        super()._start_over()
        self._homes = WeakKeyDictionary()

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        _inherited.append(self._homes)  # not for the garbage collector: it belongs to event loops of the parent
        cut_off([each.fileno() for home in self._homes.values() for each in home.sockets if each.fileno() >= 0])
        super().renew()


async def _closed_with_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Close the session when its event loop ends: it closes its asynchronous generators then."""
    process = os.getpid()
    try:
        yield
    finally:
        if process == os.getpid():
            await session.close()


def _as_httpx_error(error: aiohttp.ClientError) -> httpx.TransportError:
    kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    return kind(str(error) or type(error).__name__)


_inherited: List[object] = []

"""What the two flavours of connection pools share: their options, the connections of httpcore, and what a fork does.

httpx's own pool looks through all of its requests and connections at each step. The pools here hold httpcore's
connections themselves, at a cost that does not grow with load; they also outlive a fork and, async, an event loop.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from itertools import chain
from typing import Any, AsyncIterator, Callable, Dict, Iterable, Iterator, List, NoReturn, Optional
from weakref import WeakSet

import httpcore
import httpx

from .._base.exchange import Reply, Request
from .._base.lazy import importing
from .._base.locks import FrameLock
from .pool_state import CLOSED, PooledConnection, PoolState
from .tls import Verify, ssl_context

MAX_CONNECTIONS = 100
"""Requests that a pool has under way at a time; more wait."""

KEEPALIVE_EXPIRY = 30.0
"""Seconds that an idle connection is kept: long enough for an agent to think between two calls, and well below the 55
to 75 after which the usual load balancers (Heroku, AWS, nginx) hang up: when they do, a request may be on its way."""

HTTPCORE_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class ForkAware:
    """A pool whose connections stay with the parent when the process forks."""

    _closed = True

    def __init__(self) -> None:
        self._start_over()
        self._closed = False
        _pools.add(self)

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        self._start_over()

    def _start_over(self) -> None:
        self._process = os.getpid()

    def _notice_fork(self) -> None:
        if self._process != os.getpid():  # it did not run the hooks of Python
            self.renew()


class BasePool(ForkAware):
    """What both flavours on httpcore share.

    Args:
        base_url: Scheme, host and port of the service; every request goes there.
        verify: Which certificate authorities (CAs) to trust: True for the default ones, False to check no
            certificate, the path of a file or directory of CA certificates, or a TLS context.
        http2: Whether to send all requests over one connection if an https server agrees to HTTP/2. More connections
            than one gain nothing: it is the CPU that limits them.
        proxy: URL of a proxy (http, https, socks5), with the credentials for it.
        max_connections: How many connections to open at most; with HTTP/2, how many requests to send at a time.
        keepalive_expiry: Seconds after which an idle connection is closed.

    Raises:
        ValueError: `max_connections` is below 1.
    """

    _httpcore_flavour: str
    """What the names of httpcore's classes begin with."""

    def __init__(
        self,
        base_url: str,
        *,
        verify: Verify = True,
        http2: bool = False,
        proxy: Optional[str] = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, got {max_connections}")
        url = httpx.URL(base_url)
        self._url = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/")
        self._origin = self._url.origin
        self._verify: Verify = verify
        self._multiplexed = http2 and url.scheme == "https"
        self._proxy = proxy
        self._limit = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._make_core: Optional[Callable[[Any], Any]] = None
        super().__init__()

    @property
    def active(self) -> int:
        """How many requests have a connection."""
        return sum(state.active for state in self._all_states())

    @property
    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return sum(state.waiting for state in self._all_states())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.active} of {self._limit} active, {self.waiting} waiting>"

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        self._lock = FrameLock()  # a thread that does not exist here may hold the old one
        for state in self._all_states():
            cut_off(chain.from_iterable(connection.sockets.descriptors() for connection in state.inherit()))
        super().renew()

    def _start_over(self) -> None:
        super()._start_over()
        self._lock = FrameLock()

    def _all_states(self) -> List[PoolState]:
        raise NotImplementedError

    def _make_state(self, make_sockets: Callable[[], Any]) -> PoolState:
        if self._closed:
            raise RuntimeError(CLOSED)
        if self._make_core is None:
            with importing:
                self._make_core = self._core_factory()
        make_core = self._make_core

        def make() -> PooledConnection:
            sockets = make_sockets()
            return PooledConnection(make_core(sockets), sockets)

        return PoolState(
            make, limit=self._limit, multiplexed=self._multiplexed, keepalive_expiry=self._keepalive_expiry
        )

    def _core_factory(self) -> Callable[[Any], Any]:
        """Return what makes a connection of httpcore from a network backend."""
        url = None if self._proxy is None else httpx.URL(self._proxy)
        is_tls, is_proxy_tls = self._url.scheme == b"https", url is not None and url.scheme == "https"
        context = ssl_context(self._verify) if is_tls or is_proxy_tls else None
        options: Dict[str, Any] = {
            "ssl_context": context if is_tls else None,
            "http2": self._multiplexed,
            "keepalive_expiry": self._keepalive_expiry,
        }
        kind = "ConnectionPool"
        if url is not None:
            kind = "SOCKSProxy" if url.scheme.startswith("socks") else "HTTPProxy"
            options["proxy_url"] = httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            )
            options["proxy_auth"] = httpx.Proxy(url).raw_auth
            if is_proxy_tls:
                options["proxy_ssl_context"] = context
        pool: Any = getattr(httpcore, self._httpcore_flavour + kind)
        origin = self._origin  # not `self`, whose states refer to what is returned: it would be garbage in a cycle

        def make_core(sockets: Any) -> Any:
            # httpcore's pool is used for this only: it makes the kind of connection that goes through the proxy.
            return pool(**options, network_backend=sockets).create_connection(origin)

        return make_core

    def _core_request(self, request: Request) -> httpcore.Request:
        target = request.target.encode("ascii")
        return _CoreRequest(request, _CoreURL(self._url, self._origin, target))

    def _raise_in_vain(self, state: PoolState, request: Request) -> NoReturn:
        if state.closed:
            raise RuntimeError(CLOSED)
        raise httpx.PoolTimeout(
            f"No connection became free within {request.timeouts['pool']} s: "
            f"{self._limit} requests are under way, which is the limit of this client"
        )

    def __del__(self) -> None:
        if not self._closed and any(state.connections for state in self._all_states()):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)


class _CoreURL(httpcore.URL):
    """A URL of the service, whose origin is made once: httpcore compares it twice a request."""

    def __init__(self, base: httpcore.URL, origin: httpcore.Origin, target: bytes) -> None:
        self.scheme, self.host, self.port, self.target = base.scheme, base.host, base.port, target
        self._origin = origin

    @property
    def origin(self) -> httpcore.Origin:
        return self._origin


class _CoreRequest(httpcore.Request):
    """A request whose parts have the right types: httpcore would check each header again."""

    def __init__(self, request: Request, url: httpcore.URL) -> None:
        self.method = request.method.encode("ascii")
        self.url = url
        self.headers = list(request.headers)
        self.stream = _CoreBody(request.content)
        self.extensions = {"timeout": request.timeouts}


class _CoreBody:
    """A body; httpcore's own sends an empty piece if there is none, which costs as much as a full one."""

    def __init__(self, content: bytes) -> None:
        self._pieces = (content,) if content else ()

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def is_reusable(connection: PooledConnection, stream: Any) -> bool:
    """Return whether a connection can carry another request, after a whole reply.

    If more came than the reply, httpcore (1.0.9) would take it for the reply to the next request.
    """
    state: Any = getattr(getattr(stream, "_connection", None), "_h11_state", None)
    has_surplus = state is not None and bool(state.trailing_data[0])
    return not has_surplus and not connection.core.is_closed()


def speaks_http1(connection: PooledConnection) -> bool:
    """Return whether a connection that was to multiplex cannot, since the server chose HTTP/1.1."""
    return "HTTP/1.1" in connection.core.info()


def reply_of(response: httpcore.Response, content: Optional[bytes]) -> Reply:
    """Return a reply; None as its content if that is too large."""
    return Reply(response.status, response.headers, content or b"", is_too_large=content is None)


def as_httpx_error(error: Exception) -> Exception:
    """Return the error of httpx that means the same as one of httpcore: it is what callers know."""
    kind: Callable[[str], Exception] = getattr(httpx, type(error).__name__)
    return kind(str(error))


def cut_off(descriptors: Iterable[int]) -> None:
    """Make the sockets that a child inherited lead nowhere.

    To close a socket properly would shut down, or say goodbye in TLS, or deregister from an event loop, and all of that
    would reach the parent's connection. This closes the child's descriptor only, and keeps its number from being given
    to another file while objects of the parent still refer to it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


_pools: WeakSet[ForkAware] = WeakSet()


def _renew_all() -> None:
    for pool in list(_pools):
        pool.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)

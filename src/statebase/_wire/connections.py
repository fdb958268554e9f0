"""httpcore's connections and requests, as both flavours of pools on httpcore use them."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Dict, Iterator, Optional, Tuple, cast

import httpcore

from .._base.address import Address
from .._base.body import Body
from .._base.exchange import Reply, Request
from .._base.lazy import httpx
from .pool_state import PooledConnection, PoolState
from .tls import Verify, ssl_context

HTTPCORE_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)

_HTTP1 = (httpcore.HTTP11Connection, httpcore.AsyncHTTP11Connection)
_HTTP2 = (httpcore.HTTP2Connection, httpcore.AsyncHTTP2Connection)
_MOST_READS = 100


def connection_maker(
    flavour: str,
    make_sockets: Callable[[], Any],
    address: Address,
    *,
    verify: Verify,
    http2: bool,
    proxy: Optional[httpx.URL],
) -> Callable[[], PooledConnection]:
    """Return a function that makes connections, which open their sockets with the first request.

    Args:
        flavour: The prefix of the names of httpcore's classes: `Async`, or nothing.
        make_sockets: Makes the network backend of a connection.
        address: Where the service is.
        verify: See `BasePool`.
        http2: Whether to offer HTTP/2.
        proxy: The URL of a proxy.
    """
    is_proxy_tls = proxy is not None and proxy.scheme == "https"
    context = ssl_context(verify) if address.scheme == "https" or is_proxy_tls else None
    options: Dict[str, Any] = {"ssl_context": context if address.scheme == "https" else None, "http2": http2}
    kind = "ConnectionPool"
    if proxy is not None:
        kind = "SOCKSProxy" if proxy.scheme.startswith("socks") else "HTTPProxy"
        options["proxy_url"] = httpcore.URL(
            scheme=proxy.raw_scheme, host=proxy.raw_host, port=proxy.port, target=proxy.raw_path
        )
        options["proxy_auth"] = httpx.Proxy(proxy).raw_auth
        if is_proxy_tls:
            options["proxy_ssl_context"] = context
    pool: Any = getattr(httpcore, flavour + kind)
    origin = _core_url(address).origin

    def make() -> PooledConnection:
        sockets = make_sockets()
        # The only use of httpcore's pool: it creates the class of connection that the proxy needs.
        return PooledConnection(pool(**options, network_backend=sockets).create_connection(origin), sockets)

    return make


def uses_http1(connection: PooledConnection) -> bool:
    """Return whether a connection speaks HTTP/1.1, once it is open; then it is used without the layers that opened it.

    Each layer of httpcore takes a lock for each request, and each async lock costs a cycle of the event loop. The pool
    gives a connection of HTTP/1.1 one request at a time.
    """
    inner: Any = getattr(connection.core, "_connection", None)
    if isinstance(inner, (*_HTTP1, *_HTTP2)):
        connection.core = inner
        if isinstance(inner, httpcore.AsyncHTTP11Connection):
            vars(inner)["_state_lock"] = _NO_LOCK
    return isinstance(connection.core, _HTTP1)


def unread(connection: PooledConnection) -> Iterator[Callable[[httpcore.Request], Any]]:
    """Yield the function that reads from an HTTP/2 connection, as long as something is unread.

    That may be a GOAWAY, or only a WINDOW_UPDATE.
    """
    for _ in range(_MOST_READS):
        if not isinstance(connection.core, _HTTP2) or not connection.has_unread:
            break
        yield cast(Any, connection.core)._receive_events


class _NoLock:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        pass


_NO_LOCK = _NoLock()


def result_of(
    state: PoolState, connection: PooledConnection, response: httpcore.Response, body: Body
) -> Tuple[Reply, bool]:
    """Return a reply that was read, and whether its connection can carry another request.

    Raises:
        httpx.DecodingError: The body is not compressed as its headers say.
    """
    if uses_http1(connection) and state.multiplexed:
        state.stop_sharing()
    reply = body.reply(response.status)
    h11_state: Any = getattr(getattr(response.stream, "_connection", None), "_h11_state", None)
    # httpcore (1.0.9) would read surplus data as the response to the next request.
    has_surplus = h11_state is not None and bool(h11_state.trailing_data[0])
    return reply, not (reply.is_too_large or has_surplus or connection.core.is_closed())


def result_of_refusal(state: PoolState, connection: PooledConnection) -> Tuple[None, bool]:
    """Return no reply, and whether a connection that refused to share itself can carry another request."""
    is_http1 = uses_http1(connection)
    if is_http1:
        state.stop_sharing()
    return None, is_http1


def as_httpx_error(error: Exception) -> Exception:
    """Return the httpx error that corresponds to one of httpcore."""
    kind: Callable[[str], Exception] = getattr(httpx, type(error).__name__)
    return kind(str(error))


def _core_url(address: Address) -> httpcore.URL:
    return httpcore.URL(scheme=address.scheme.encode(), host=address.host, port=address.port, target=b"/")


class CoreURL(httpcore.URL):
    """A URL of the service, whose origin is made once: httpcore compares it twice a request."""

    origin: Any = None

    def __init__(self, address: Address) -> None:
        base = _core_url(address)
        vars(self).update(vars(base), origin=base.origin)


def core_request(url: CoreURL, request: Request) -> httpcore.Request:
    """Return a request of httpcore, without the checks of types that httpcore makes for each header."""
    made = object.__new__(httpcore.Request)
    made.method = request.method.encode("ascii")
    made.url = object.__new__(CoreURL)
    vars(made.url).update(vars(url), target=request.target.encode("ascii"))
    made.headers = list(request.headers)
    made.stream = _CoreBody(request.content)
    made.extensions = {"timeout": request.timeouts}
    return made


class _CoreBody:
    """A request body. httpcore's own sends an empty piece if there is none, at the cost of a full one."""

    def __init__(self, content: bytes) -> None:
        self._pieces = (content,) if content else ()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

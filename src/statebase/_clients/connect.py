"""Chooses how a client sends requests: through a pool, the caller's transport or httpx client, or the engine."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Optional, cast

from .._base.exchange import AsyncExchange, Exchange, Reply, Request
from .._base.lazy import httpx, importing
from .._base.loopback import is_loopback
from .._call.drivers import AsyncConnection, SyncConnection
from .._call.option_checks import SOCKS_WITH_AIOHTTP
from .._call.outcome import Wire
from .._call.settings import Settings, check_proxy, configuration_error
from .._wire.pool import SyncPool
from .._wire.proxies import environment_proxy
from .._wire.tls import ssl_context

if TYPE_CHECKING:
    from .._call.outbox import OutboxQueue
    from .._wire.adapter import AsyncSend, SyncSend

_ENGINE = "statebase.local.http.transport"
_PROXY_PORTS = {"http": 80, "https": 443}


def connect(settings: Settings, *, closed: bool = False) -> SyncConnection:
    """Return the connection of a `StateBase`. No socket is opened yet.

    Raises:
        ConfigurationError: An option is invalid.
    """
    client, transport = settings.http_client, settings.transport
    exchange: Exchange
    if client is not None and isinstance(client, httpx.Client):
        wire = _wire_of_client(settings, client, httpx.Client)
        exchange = _adapted(_through_client(client), settings.base_url, _nothing, is_known=wire.is_known)
    elif client is not None:
        raise configuration_error(f"http_client must be an httpx.Client, got {type(client).__name__}")
    elif settings.http_backend == "aiohttp":
        raise configuration_error("http_backend='aiohttp' is for AsyncStateBase only: leave it out, or use that client")
    elif transport is None:
        options = _pool_options(settings)
        wire = Wire(proxy=_host_and_port_of(options["proxy"]))
        exchange = SyncPool(settings.base_url, **options)
    elif not isinstance(transport, httpx.BaseTransport):
        raise configuration_error(f"transport must be an httpx.BaseTransport, got {type(transport).__name__}")
    elif _is_engine(transport):
        wire, exchange = Wire(is_engine=True), cast(Any, transport)
    else:
        wire = _wire_of_transport(settings, transport)
        exchange = _adapted(transport.handle_request, settings.base_url, transport.close, is_known=wire.is_known)
    connection = SyncConnection(exchange, wire, outbox=_outbox(settings), closed=closed)
    if client is not None or settings.http2:
        connection.exchange = _unlogged(connection.exchange)
    return connection


def connect_async(settings: Settings, *, closed: bool = False) -> AsyncConnection:
    """Return the connection of an `AsyncStateBase`. No socket is opened yet.

    Raises:
        ConfigurationError: An option is invalid.
    """
    client, transport = settings.http_client, settings.transport
    exchange: AsyncExchange
    if client is not None and isinstance(client, httpx.AsyncClient):
        wire = _wire_of_client(settings, client, httpx.AsyncClient)
        exchange = _adapted(_through_async_client(client), settings.base_url, _nothing_async, is_known=wire.is_known)
    elif client is not None:
        raise configuration_error(f"http_client must be an httpx.AsyncClient, got {type(client).__name__}")
    elif transport is None:
        options = _pool_options(settings)
        wire = Wire(proxy=_host_and_port_of(options["proxy"]))
        exchange = (
            _aiohttp_pool(settings, options) if settings.http_backend == "aiohttp" else _async_pool(settings, options)
        )
    elif not isinstance(transport, httpx.AsyncBaseTransport):
        raise configuration_error(f"transport must be an httpx.AsyncBaseTransport, got {type(transport).__name__}")
    elif _is_engine(transport):
        wire, exchange = Wire(is_engine=True), cast(Any, transport)
    else:
        wire = _wire_of_transport(settings, transport)
        exchange = _adapted(transport.handle_async_request, settings.base_url, transport.aclose, is_known=wire.is_known)
    connection = AsyncConnection(exchange, wire, outbox=_outbox(settings), closed=closed)
    if client is not None or settings.http2:
        connection.exchange = _unlogged_async(connection.exchange)
    return connection


def _outbox(settings: Settings) -> Optional[OutboxQueue]:
    if settings.outbox is None:
        return None
    from .._call.outbox import OutboxQueue
    from .._generated import operations
    from .._results.queued import QueuedMemory, QueuedTurn

    return OutboxQueue(
        settings.outbox,
        [
            (operations.CREATE_TURN, QueuedTurn),
            (operations.CREATE_MEMORY, QueuedMemory),
            (operations.CREATE_MEMORIES, QueuedMemory),
        ],
    )


def _adapted(send: Callable[[Any], Any], base_url: str, close: Callable[[], Any], *, is_known: bool) -> Any:
    from .._wire.adapter import HttpxExchange  # with httpx

    return HttpxExchange(send, base_url, close, is_known=is_known)


def _async_pool(settings: Settings, options: dict[str, Any]) -> AsyncExchange:
    from .._wire.async_pool import AsyncPool  # asyncio takes long to import

    return AsyncPool(settings.base_url, **options)


def _aiohttp_pool(settings: Settings, options: dict[str, Any]) -> AsyncExchange:
    if (options["proxy"] or "").lower().startswith("socks"):  # from the environment
        raise configuration_error(SOCKS_WITH_AIOHTTP)
    with importing:
        from .._wire.aiohttp_pool import AiohttpPool

    return AiohttpPool(settings.base_url, verify=options["verify"], proxy=options["proxy"])


def _is_engine(transport: Any) -> bool:
    """Return whether a transport is the embedded engine, without importing the engine."""
    return type(transport).__module__ == _ENGINE


def _pool_options(settings: Settings) -> dict[str, Any]:
    proxy = settings.proxy
    if proxy is None:
        proxy = environment_proxy(settings.base_url)
        check_proxy("The proxy in the environment", proxy)
    return {
        "verify": _verify(settings.verify),
        "http2": settings.http2,
        "proxy": proxy,
    }


def _host_and_port_of(proxy: Optional[str]) -> Optional[str]:
    if proxy is None:
        return None
    url = httpx.URL(proxy)
    return f"{url.host}:{url.port or _PROXY_PORTS.get(url.scheme, 1080)}"


def _wire_of_client(settings: Settings, client: Any, kind: type) -> Wire:
    transport = client._transport_for_url(httpx.URL(settings.base_url))  # one of its mounts, perhaps of the environment
    wire = _wire_of_transport(settings, transport, name="http_client")
    return wire._replace(is_known=wire.is_known and type(client) is kind, is_engine=False, is_callers=True)


def _wire_of_transport(settings: Settings, transport: Any, name: str = "transport") -> Wire:
    if _is_engine(transport):
        return Wire(is_engine=True)
    if type(transport).__module__.startswith("statebase."):
        return Wire()
    if isinstance(transport, httpx.MockTransport):
        return Wire(is_known=type(transport) is httpx.MockTransport, is_callers=True)
    pool = getattr(transport, "_pool", None)
    is_known = type(transport) in (httpx.HTTPTransport, httpx.AsyncHTTPTransport) and type(pool).__module__.startswith(
        "httpcore."
    )
    url = getattr(pool, "_proxy_url", None)
    if url is None:
        return Wire(is_known=is_known, is_callers=True)
    host = url.host.decode()
    if _is_to_this_machine_only(settings) and not is_loopback(host):
        raise configuration_error(
            f"{name} would send the API key unencrypted through a proxy: create it with trust_env=False and without "
            "a proxy, or pass allow_insecure_http=True if the network is your own"
        )
    return Wire(is_known=is_known, is_callers=True, proxy=f"{host}:{url.port}")


def _is_to_this_machine_only(settings: Settings) -> bool:
    """Return whether unencrypted requests are allowed only because they do not leave this machine."""
    url = httpx.URL(settings.base_url)
    return url.scheme == "http" and is_loopback(url.host) and not settings.allow_insecure_http


def _verify(verify: Any) -> Any:
    """Load the CA file now: within a call, an unreadable file would look like a connection failure."""
    if not isinstance(verify, str):
        return verify
    try:
        return ssl_context(verify)
    except OSError as error:
        raise configuration_error(f"verify={verify!r}: no CA certificates in it ({error})") from error


def _through_client(client: httpx.Client) -> SyncSend:
    def send(request: httpx.Request) -> httpx.Response:
        return client.send(_with_headers_of(client, request), stream=True, follow_redirects=False)

    return send


def _through_async_client(client: httpx.AsyncClient) -> AsyncSend:
    async def send(request: httpx.Request) -> httpx.Response:
        return await client.send(_with_headers_of(client, request), stream=True, follow_redirects=False)

    return send


def _with_headers_of(client: httpx.Client | httpx.AsyncClient, request: httpx.Request) -> httpx.Request:
    for name, value in client.headers.items():
        request.headers.setdefault(name, value)
    return request


def _nothing() -> None:
    """Leave an httpx client open: it is the caller's."""


async def _nothing_async() -> None:
    """Leave an httpx client open: it is the caller's."""


# httpx logs the whole URL at INFO, including search queries; hpack logs all headers at DEBUG, including the API key.
# Both log in the thread or task that sends.
_sending: ContextVar[bool] = ContextVar("statebase_sending", default=False)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not _sending.get()


for _name in ("httpx", "hpack.hpack", "hpack.table"):
    logging.getLogger(_name).addFilter(_is_not_ours)


def _unlogged(exchange: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """Keep the lines of the HTTP libraries about our requests out of the log; `statebase` has lines of its own."""

    def exchange_unlogged(request: Request) -> Reply:
        _sending.set(True)
        try:
            return exchange(request)
        finally:
            _sending.set(False)

    return exchange_unlogged


def _unlogged_async(exchange: Callable[[Request], Awaitable[Reply]]) -> Callable[[Request], Awaitable[Reply]]:
    """Keep the lines of the HTTP libraries about our requests out of the log; `statebase` has lines of its own."""

    async def exchange_unlogged(request: Request) -> Reply:
        _sending.set(True)
        try:
            return await exchange(request)
        finally:
            _sending.set(False)

    return exchange_unlogged

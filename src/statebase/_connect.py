"""From the options of a client to a connection: our pools, a transport, or an httpx client of the caller's."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

import httpx

from ._base_client import AsyncConnection, AsyncSend, SyncConnection, SyncSend
from ._pools import SyncPool
from ._settings import Settings, check_proxy, configuration_error
from ._transports import environment_proxy, ssl_context


def connect(settings: Settings, *, closed: bool = False) -> SyncConnection:
    """Make the connection of a `StateBase`; nothing is opened yet.

    Raises:
        ConfigurationError: An option cannot work.
    """
    if settings.http_client is not None:
        client = settings.http_client
        if not isinstance(client, httpx.Client):
            raise configuration_error(f"http_client is {client!r}: StateBase takes an httpx.Client")
        return SyncConnection(_unlogged(_through_client(client)), lambda: None, closed=closed)
    transport = settings.transport
    if transport is None:
        transport = SyncPool(**_pool_options(settings))
    elif not isinstance(transport, httpx.BaseTransport):
        raise configuration_error(f"transport is {transport!r}: StateBase takes an httpx.BaseTransport")
    send = transport.handle_request
    return SyncConnection(_unlogged(send) if settings.http2 else send, transport.close, closed=closed)


def connect_async(settings: Settings, *, closed: bool = False) -> AsyncConnection:
    """Make the connection of an `AsyncStateBase`; nothing is opened yet.

    Raises:
        ConfigurationError: An option cannot work.
    """
    if settings.http_client is not None:
        client = settings.http_client
        if not isinstance(client, httpx.AsyncClient):
            raise configuration_error(f"http_client is {client!r}: AsyncStateBase takes an httpx.AsyncClient")
        return AsyncConnection(_unlogged_async(_through_async_client(client)), _nothing, closed=closed)
    transport = settings.transport
    if transport is None:
        from ._async_pools import AsyncPool

        transport = AsyncPool(**_pool_options(settings))
    elif not isinstance(transport, httpx.AsyncBaseTransport):
        raise configuration_error(f"transport is {transport!r}: AsyncStateBase takes an httpx.AsyncBaseTransport")
    send = transport.handle_async_request
    return AsyncConnection(_unlogged_async(send) if settings.http2 else send, transport.aclose, closed=closed)


def _pool_options(settings: Settings) -> dict[str, Any]:
    proxy = settings.proxy
    if proxy is None:
        proxy = environment_proxy(settings.base_url)
        check_proxy("The proxy in the environment", proxy)
    return {
        "tls": settings.base_url.startswith("https:"),
        "verify": _verify(settings.verify),
        "http2": settings.http2,
        "proxy": proxy,
    }


def _verify(verify: Any) -> Any:
    """Read a file of authorities now: inside a call, one that cannot be read would look like a lost connection."""
    if not isinstance(verify, str):
        return verify
    try:
        return ssl_context(verify)
    except OSError as error:
        raise configuration_error(f"verify is {verify!r}, which holds no certificates: {error}") from error


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


async def _nothing() -> None:
    """Leave an httpx client open: it is the caller's."""


# httpx logs the whole address at INFO, and a search has the user's words in it; hpack logs all headers at DEBUG, and
# one of them is the key. Both write their lines in the thread or task that sends.
_sending: ContextVar[bool] = ContextVar("statebase_sending", default=False)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not _sending.get()


for _name in ("httpx", "hpack.hpack", "hpack.table"):
    logging.getLogger(_name).addFilter(_is_not_ours)


def _unlogged(send: SyncSend) -> SyncSend:
    """Keep the lines of the HTTP libraries about our requests out of the log; `statebase` has lines of its own."""

    def send_unlogged(request: httpx.Request) -> httpx.Response:
        _sending.set(True)
        try:
            return send(request)
        finally:
            _sending.set(False)

    return send_unlogged


def _unlogged_async(send: AsyncSend) -> AsyncSend:
    """Keep the lines of the HTTP libraries about our requests out of the log; `statebase` has lines of its own."""

    async def send_unlogged(request: httpx.Request) -> httpx.Response:
        _sending.set(True)
        try:
            return await send(request)
        finally:
            _sending.set(False)

    return send_unlogged

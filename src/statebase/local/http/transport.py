"""`LocalTransport`: the engine as a transport of httpx, and as the exchange of a client."""

from __future__ import annotations

import os
import time
from typing import Optional, Union

import anyio.to_thread
import httpx

from ..._base.exchange import Reply, Request
from ..clock import Clock
from ..engine import Durability, EmbedFunction, Engine
from ..search.embedder import Embedder
from ..storage.location import is_url
from .door import FrontDoor
from .head import Head, by_name


class LocalTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that calls an engine, for `httpx.Client` and `httpx.AsyncClient`.

    In an event loop, operations that may wait for a disk or an embedder run in a thread. Only errors of the engine
    become responses: exceptions of signal handlers are raised unchanged.

    Args:
        engine: The engine. It stays open when the transport is closed, unless `close_engine` is true.
        api_key: The key to require in `X-API-Key`; keys created by the dashboard API are accepted too. Default: no key
            is required.
        rate_limit: Requests per minute; keys of the dashboard have their own limits. Default: no limit.
        close_engine: Whether closing the transport closes the engine.

    Raises:
        ValueError: `api_key` is empty, or not printable ASCII text.

    Example:
        >>> import httpx
        >>> from statebase.local import Engine, LocalTransport
        >>> transport = LocalTransport(Engine.open(), close_engine=True)
        >>> with httpx.Client(base_url="http://localhost", transport=transport) as http:
        ...     http.get("/health/live").json()
        {'status': 'alive'}
    """

    def __init__(
        self,
        engine: Engine,
        *,
        api_key: Optional[str] = None,
        rate_limit: Optional[int] = None,
        close_engine: bool = False,
    ) -> None:
        self.store_name: Optional[str] = None
        """The path of the store as passed, or its URL without a password; None if the caller opened the engine."""
        self._engine = engine
        self._door = FrontDoor(engine, api_key=api_key, rate_limit=rate_limit)
        self._close_engine = close_engine

    def exchange(self, request: Request) -> Reply:
        """Return the response to a request of an SDK client."""
        return self._door.exchange(request)

    async def exchange_async(self, request: Request) -> Reply:
        """Return the response to a request of an SDK client without blocking the event loop."""
        return await self._door.exchange_async(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request of httpx."""
        deadline = _deadline(request)
        admitted = self._door.admit(_head_of(request))
        content = b"" if isinstance(admitted, Reply) else request.read()
        return _response(self._door.respond(admitted, content, deadline))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request of httpx without blocking the event loop."""
        deadline = _deadline(request)
        admitted = await self._door.admit_async(_head_of(request))
        content = b"" if isinstance(admitted, Reply) else await request.aread()
        return _response(await self._door.respond_async(admitted, content, deadline))

    def close(self) -> None:
        """Close the engine if `close_engine` is true."""
        if self._close_engine:
            self._close_engine = False
            self._engine.close()

    async def aclose(self) -> None:
        """Close the engine if `close_engine` is true."""
        if self._close_engine and not self._engine.is_quick:
            await anyio.to_thread.run_sync(self.close)
        else:
            self.close()


def open_transport(
    path: Union[str, os.PathLike[str]],
    *,
    embedder: Union[Embedder, EmbedFunction, None] = None,
    durability: Durability = "full",
    default_ttl_seconds: int = 86400,
    clock: Optional[Clock] = None,
) -> LocalTransport:
    """Open an engine and return a transport that closes it. The parameters are those of `Engine.open`."""
    engine = Engine.open(
        path, embedder=embedder, durability=durability, default_ttl_seconds=default_ttl_seconds, clock=clock
    )
    engine.warn_of_expiry()
    transport = LocalTransport(engine, close_engine=True)
    transport.store_name = engine.name if is_url(os.fspath(path)) else os.fspath(path)
    return transport


def _head_of(request: httpx.Request) -> Head:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    values = by_name([(name.lower(), value) for name, value in request.headers.raw])
    return Head(request.method, path, query, values)


def _deadline(request: httpx.Request) -> Optional[float]:
    """Return the `time.monotonic()` at which the caller stops waiting; None if it set no timeout."""
    seconds = request.extensions.get("timeout", {}).get("read")
    return None if seconds is None else time.monotonic() + seconds


def _response(reply: Reply) -> httpx.Response:
    return httpx.Response(reply.status_code, headers=list(reply.raw_headers), content=reply.content)

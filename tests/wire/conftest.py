"""The pools under test, and ways to use both flavours alike."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterator, Optional

import pytest

from statebase._base.exchange import Reply, Request
from statebase._wire.aiohttp_pool import AiohttpPool
from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool
from tests.echo_server import (  # noqa: F401 # fixtures
    PATIENCE_SECONDS,
    ca_file,
    certificates,
    connections_to,
    http2_server,
    make_tls_server,
    server,
    tls_server,
)

MOST_THREADS = 64
POOLS: Dict[str, Any] = {"sync": SyncPool, "async": AsyncPool, "aiohttp": AiohttpPool}


def make_request(
    target: str = "/",
    *,
    id: object = None,
    pool_timeout: Optional[float] = PATIENCE_SECONDS,
    read_timeout: Optional[float] = PATIENCE_SECONDS,
    max_response_bytes: Optional[int] = None,
    host: str = "127.0.0.1",
    content: bytes = b"",
) -> Request:
    """Return a request that asks the echo server for `id`."""
    length = [(b"content-length", b"%d" % len(content))] if content else []
    return Request(
        "GET",
        target,
        [(b"host", host.encode()), (b"x-id", str(id).encode()), *length],
        content,
        timeouts={
            "connect": PATIENCE_SECONDS,
            "read": read_timeout,
            "write": PATIENCE_SECONDS,
            "pool": pool_timeout,
        },
        max_response_bytes=max_response_bytes,
    )


@pytest.fixture
def request_to() -> Callable[..., Request]:
    return make_request


class Caller:
    """Either pool. A sync one is used in threads, an async one in an event loop of another thread."""

    def __init__(self, pool: Any, loop: asyncio.AbstractEventLoop, threads: ThreadPoolExecutor) -> None:
        self.pool = pool
        self._loop = loop
        self._threads = threads

    def start(self, target: str = "/", **options: Any) -> Future[Reply]:
        """Begin an exchange that the test does not wait for yet."""
        return self._start(self.pool, make_request(target, **options))

    def exchange(self, target: str = "/", **options: Any) -> Reply:
        """Send a request; return the reply."""
        return self.start(target, **options).result(PATIENCE_SECONDS)

    def get(self, target: str = "/", **options: Any) -> Any:
        """Send a request; return what the server says about it."""
        return json.loads(self.exchange(target, **options).content)

    def forget(self) -> None:
        """Drop the pool, open as it is, and collect garbage where the pool was used."""
        self.pool = None

        async def collect() -> None:
            await asyncio.sleep(0)  # the event loop refers to what it has done last
            gc.collect()

        asyncio.run_coroutine_threadsafe(collect(), self._loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        """Close the pool."""
        if self.pool is None:
            return
        if hasattr(self.pool, "exchange_async"):
            asyncio.run_coroutine_threadsafe(self.pool.aclose(), self._loop).result(PATIENCE_SECONDS)
        else:
            self.pool.close()

    def _start(self, pool: Any, request: Request) -> Future[Reply]:
        if hasattr(pool, "exchange_async"):
            return asyncio.run_coroutine_threadsafe(pool.exchange_async(request), self._loop)
        return self._threads.submit(pool.exchange, request)


@pytest.fixture
def event_loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that another thread runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(PATIENCE_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_SECONDS)
    loop.close()


@pytest.fixture
def make_caller(flavour: str, event_loop_in_thread: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Caller]]:
    """Create pools of the flavour, used in the same way; they are closed after the test."""
    with ThreadPoolExecutor(MOST_THREADS) as threads, contextlib.ExitStack() as closing:

        def make(base_url: str, **options: Any) -> Caller:
            pool = POOLS[flavour](base_url, **options)
            caller = Caller(pool, event_loop_in_thread, threads)
            closing.callback(caller.close)
            return caller

        yield make

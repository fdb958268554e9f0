"""The pool of the asynchronous client. It has a module of its own because asyncio takes long to import."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any, AsyncGenerator, AsyncIterable, Callable, List, MutableMapping, NamedTuple, Optional, cast
from weakref import WeakKeyDictionary

import anyio
import anyio._backends._asyncio  # pyright: ignore[reportUnusedImport] # anyio imports it when it is first used
import httpcore
import httpx

from .._base.body import Body, BodyTooLarge
from .._base.exchange import Reply, Request
from .async_sockets import AsyncBackend
from .base_pool import HTTPCORE_ERRORS, BasePool, as_httpx_error, is_reusable, reply_of, speaks_http1
from .pool_state import PooledConnection, PoolState, Waiter


class _Home(NamedTuple):
    """What an `AsyncPool` has in one event loop."""

    state: PoolState
    ending: AsyncGenerator[None, None]


class AsyncPool(BasePool):
    """A pool with connections of its own in each event loop (of asyncio or trio) that it is used in."""

    _httpcore_flavour = "Async"
    _homes: MutableMapping[object, _Home]

    async def exchange_async(self, request: Request) -> Reply:
        """Send a request and read the whole reply.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` if no connection became free in time.
            httpx.DecodingError: The body is not compressed as its headers say.
            RuntimeError: The pool was closed.
        """
        self._notice_fork()
        loop = _running_loop()
        home = self._homes.get(loop)
        state = await self._settle(loop) if home is None or home.state.closed else home.state
        while True:
            waiter = Waiter()
            reusable = True  # as long as nothing was sent
            try:
                connection = state.acquire(waiter) or await self._wait(state, waiter, request)
                reusable = False
                if not connection.is_stale:
                    response: httpcore.Response = await connection.core.handle_async_request(
                        self._core_request(request)
                    )
                    content = await _read(response, request)
                    if state.multiplexed and speaks_http1(connection):
                        state.stop_sharing()
                    await _release(state, waiter, content is not None and is_reusable(connection, response.stream))
                    return reply_of(response, content)
            except GeneratorExit:  # this coroutine is garbage: it may not await any more
                state.release_later(waiter)
                _call_soon(loop, state.collect)
                raise
            except httpcore.ConnectionNotAvailable:  # of one that multiplexes, or was to
                reusable = waiter.connection is not None and speaks_http1(waiter.connection)
                if reusable:
                    state.stop_sharing()
            except BaseException as error:
                await _release(state, waiter, reusable)
                if isinstance(error, HTTPCORE_ERRORS):
                    raise as_httpx_error(error) from error
                raise
            await _release(state, waiter, reusable)

    async def aclose(self) -> None:
        """Close the idle connections; the others are closed as soon as their replies are complete.

        Those in another event loop are closed by that loop.
        """
        self._notice_fork()
        with self._lock.held():
            self._closed = True
            homes = list(self._homes.items())
            self._homes = WeakKeyDictionary()
        for loop, home in homes:
            if loop is _running_loop():
                await home.ending.aclose()
            else:
                _call_soon(loop, home.state.close)

    def _start_over(self) -> None:
        super()._start_over()
        self._homes = WeakKeyDictionary()

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        # Not for the garbage collector: what it would finalize belongs to event loops of the parent.
        _inherited.append(self._homes)
        super().renew()

    def _all_states(self) -> List[PoolState]:
        with self._lock.held():
            return [home.state for home in self._homes.values()]

    async def _settle(self, loop: object) -> PoolState:
        with self._lock.held():
            state = self._make_state(AsyncBackend)
            for other, home in list(self._homes.items()):
                if home.state.closed or _is_closed(other):
                    del self._homes[other]
            home = self._homes[loop] = _Home(state, _closed_with_loop(state))
        await home.ending.__anext__()
        return state

    async def _wait(self, state: PoolState, waiter: Waiter, request: Request) -> PooledConnection:
        gate = anyio.Event()
        waiter.wake = gate.set
        state.enqueue(waiter)
        if waiter.connection is None:
            with anyio.move_on_after(request.timeouts["pool"]):
                await gate.wait()
        return state.leave(waiter) or self._raise_in_vain(state, request)


async def _read(response: httpcore.Response, request: Request) -> Optional[bytes]:
    """Read a body; None if it is too large."""
    stream = cast("AsyncGenerator[bytes, None]", cast("AsyncIterable[bytes]", response.stream).__aiter__())
    body = Body(response.headers, request.max_response_bytes)
    try:
        async for data in stream:
            body.add(data)
        await response.aclose()
        return body.content()
    except (BodyTooLarge, httpx.DecodingError) as error:
        await stream.aclose()  # one that is left to the garbage collector is ended by a task
        if isinstance(error, BodyTooLarge):
            return None
        raise


async def _release(state: PoolState, waiter: Waiter, reusable: bool) -> None:
    if not state.inherited:
        state.release(waiter, reusable=reusable)
        if state.discarded:
            await _close_discarded(state)


async def _close_discarded(state: PoolState) -> None:
    while state.discarded:
        with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
            await state.discarded.popleft().sockets.aclose()


async def _closed_with_loop(state: PoolState) -> AsyncGenerator[None, None]:
    """Close the connections of an event loop when the loop ends: it closes its asynchronous generators then."""
    try:
        yield
    finally:
        if not state.inherited:
            state.close()
            await _close_discarded(state)


def _call_soon(loop: Any, function: Callable[[], object]) -> None:
    """Have an event loop (of asyncio, or the token of one of trio) call a function, unless it is over; thread-safe."""
    schedule = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon
    with contextlib.suppress(RuntimeError):
        schedule(function)


def _running_loop() -> object:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio: Any = sys.modules.get("trio")
        if trio is None:
            raise
        return trio.lowlevel.current_trio_token()


def _is_closed(loop: Any) -> bool:
    return hasattr(loop, "is_closed") and loop.is_closed()


_inherited: List[object] = []

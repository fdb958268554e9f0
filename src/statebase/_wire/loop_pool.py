"""The part that all asynchronous pools share: event loops, cancellation and forks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from itertools import chain
from typing import Any, AsyncGenerator, Callable, Iterable, List, MutableMapping, Optional, Tuple
from weakref import WeakKeyDictionary

import anyio
import anyio._backends._asyncio  # pyright: ignore[reportUnusedImport] # anyio imports it when it is first used

from .._base.exchange import Reply, Request
from .base_pool import BasePool
from .pool_state import Holder, PooledConnection, PoolState, Waiter

_Home = Tuple[PoolState, AsyncGenerator[None, None]]
"""The state of an event loop, and a generator that the loop closes when it ends."""


class LoopPool(BasePool):
    """A pool with connections of its own in each event loop (of asyncio or trio) that it is used in."""

    _homes: MutableMapping[object, _Home]
    _survives_errors = False
    """Whether a connection can carry another request after one that failed."""

    async def exchange_async(self, request: Request) -> Reply:
        """Send a request and read the whole reply."""
        self._notice_fork()
        loop = _running_loop()
        home = self._homes.get(loop)
        state = await self._settle(loop) if home is None or home[0].closed else home[0]
        holder = Holder()
        while True:
            waiter = Waiter(holder)
            reusable = True  # as long as nothing was sent
            try:
                connection = state.acquire(waiter) or await self._wait(state, waiter, request)
                reusable = self._survives_errors
                reply, reusable = await self._send(state, connection, request)
            except GeneratorExit:  # the coroutine is being collected: it must not await
                _call_soon(loop, state.release_lost)  # `holder` is gone by then
                raise
            except BaseException:
                await _release(state, waiter, reusable)
                raise
            await _release(state, waiter, reusable)
            if reply is not None:
                return reply

    async def aclose(self) -> None:
        """Close the idle connections; the others are closed as soon as their replies are complete.

        Those in another event loop are closed by that loop.
        """
        self._notice_fork()
        with self._lock.held():
            self._closed = True
            homes = list(self._homes.items())
            self._homes = WeakKeyDictionary()
        for loop, (state, ending) in homes:
            if loop is _running_loop():
                await ending.aclose()
            else:
                _call_soon(loop, state.close)

    async def _send(
        self, state: PoolState, connection: PooledConnection, request: Request
    ) -> Tuple[Optional[Reply], bool]:
        """Return the reply, None if another connection may carry the request; and whether this one can carry more."""
        raise NotImplementedError

    def _start_over(self) -> None:
        super()._start_over()
        self._homes = WeakKeyDictionary()

    def _leave_to_parent(self, connections: List[PooledConnection]) -> None:
        # Keep them from the garbage collector: their finalizers would use event loops of the parent.
        _inherited.append((self._homes, connections))
        _cut_off(chain.from_iterable(each.sockets.descriptors() for each in connections))

    def _all_states(self) -> List[PoolState]:
        with self._lock.held():
            return [state for state, _ in self._homes.values()]

    async def _settle(self, loop: object) -> PoolState:
        with self._lock.held():
            state = self._make_state()
            for other, (old, _) in list(self._homes.items()):
                if old.closed or getattr(other, "is_closed", bool)():  # a token of trio cannot tell
                    del self._homes[other]
            ending = _closed_with_loop(state)
            self._homes[loop] = (state, ending)
        await ending.__anext__()
        return state

    async def _wait(self, state: PoolState, waiter: Waiter, request: Request) -> PooledConnection:
        gate = anyio.Event()
        waiter.wake = gate.set
        timeout = request.timeouts["pool"]
        if waiter.connection is None and not state.closed:
            if timeout is None:
                await gate.wait()
            else:
                with anyio.move_on_after(timeout):
                    await gate.wait()
        return waiter.connection or state.leave(waiter) or self._raise_pool_timeout(state, request)


async def _release(state: PoolState, waiter: Waiter, reusable: bool) -> None:
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


def _cut_off(descriptors: Iterable[int]) -> None:
    """Replace the sockets that a child inherited by the null device.

    Closing a stream would send a close_notify of TLS, or deregister from the event loop, and so change the parent's
    connection. This closes the child's descriptor only. Its number is not reused, as objects of the parent refer to it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.dup2(null, descriptor, inheritable=False)
    finally:
        os.close(null)


_inherited: List[object] = []

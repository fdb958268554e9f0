"""The pool of the asynchronous client. It has a module of its own because asyncio takes long to import."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, AsyncGenerator, List, MutableMapping, NamedTuple
from weakref import WeakKeyDictionary

import anyio
import anyio._backends._asyncio  # pyright: ignore[reportUnusedImport] # anyio imports it when it is first used
import httpx

from .base_pool import BasePool, pool_timeout
from .connections import Lane, Slots, Turn
from .handshake import send
from .leases import AsyncLease, abandon, bury_async, call_soon, finish_async
from .sockets import AsyncTransport


class _Home(NamedTuple):
    """What an `AsyncPool` has in one event loop."""

    slots: Slots[httpx.AsyncHTTPTransport]
    ending: AsyncGenerator[None, None]


class AsyncPool(BasePool[httpx.AsyncHTTPTransport], httpx.AsyncBaseTransport):
    """A pool with connections of its own in each event loop (of asyncio or trio) that it is used in."""

    _homes: MutableMapping[object, _Home]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; it holds a connection until the response is closed.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` when it was not sent for want of a connection.
            RuntimeError: The pool was closed.
        """
        self._check(request.url)
        loop = _running_loop()
        home = self._homes.get(loop)
        slots = await self._settle(loop) if home is None or home.slots.closed else home.slots
        turn: Turn[httpx.AsyncHTTPTransport] = Turn()
        lane = slots.take(turn) or await self._wait(slots, turn, request, loop)
        try:
            if self._shakes_hands:
                response = await send(lane, request)
            else:
                response = await lane.transport.handle_async_request(request)
        except GeneratorExit:  # this coroutine is garbage: it may not await any more
            abandon(slots, turn, loop)
            raise
        except BaseException:
            await finish_async(slots, turn, reusable=False)
            raise
        lane.network_stream = response.extensions.get("network_stream")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = AsyncLease(response.stream, slots, turn, loop)
        return response

    async def aclose(self) -> None:
        """Close the idle connections; the others are closed as soon as their responses are.

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
                call_soon(loop, home.slots.close)

    def _start_over(self) -> None:
        super()._start_over()
        self._homes = WeakKeyDictionary()

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        # Not for the garbage collector: what it would finalize belongs to event loops of the parent.
        _inherited.append(self._homes)
        super().renew()

    def _all_slots(self) -> List[Slots[httpx.AsyncHTTPTransport]]:
        with self._lock.held():
            return [home.slots for home in self._homes.values()]

    async def _settle(self, loop: object) -> Slots[httpx.AsyncHTTPTransport]:
        with self._lock.held():
            slots = self._make_slots(AsyncTransport)
            for other, home in list(self._homes.items()):
                if home.slots.closed or _is_closed(other):
                    del self._homes[other]
            home = self._homes[loop] = _Home(slots, _closed_with_loop(slots))
        await home.ending.__anext__()
        return slots

    async def _wait(
        self,
        slots: Slots[httpx.AsyncHTTPTransport],
        turn: Turn[httpx.AsyncHTTPTransport],
        request: httpx.Request,
        loop: object,
    ) -> Lane[httpx.AsyncHTTPTransport]:
        gate = anyio.Event()
        turn.wake = gate.set
        slots.queue(turn)
        if turn.lane is None:
            try:
                with anyio.move_on_after(pool_timeout(request)):
                    await gate.wait()
            except BaseException as error:
                lane = slots.leave(turn)
                if lane is not None and isinstance(error, GeneratorExit):
                    abandon(slots, turn, loop)
                elif lane is not None:
                    await finish_async(slots, turn, reusable=True)
                raise
        lane = slots.leave(turn)
        if lane is None:
            raise self._in_vain(slots, request)
        return lane


async def _closed_with_loop(slots: Slots[httpx.AsyncHTTPTransport]) -> AsyncGenerator[None, None]:
    """Close the connections of an event loop when the loop ends: it closes its asynchronous generators then."""
    try:
        yield
    finally:
        if not slots.inherited:
            slots.close()
            await bury_async(slots)


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

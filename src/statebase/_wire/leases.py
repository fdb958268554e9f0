"""Response bodies that hold a connection of a pool until they are closed, and the ways to give it back."""

from __future__ import annotations

import contextlib
import weakref
from functools import partial
from typing import Any, AsyncIterator, Callable, Iterator, Optional

import anyio
import httpx

from .connections import Slots, Turn


class SyncLease(httpx.SyncByteStream):
    """The connection that a request of a `SyncPool` holds, and the body of its response."""

    def __init__(self, slots: Slots[httpx.HTTPTransport]) -> None:
        self.turn: Turn[httpx.HTTPTransport] = Turn()
        self.stream: Optional[httpx.SyncByteStream] = None
        """The body of the response, once it is there."""
        self._slots = slots
        self._reusable = False
        # No __del__, which would run for each response: what a signal handler raises within one is lost.
        self.turn.watch = weakref.ref(self, partial(_reclaim, slots, self.turn))

    def __iter__(self) -> Iterator[bytes]:
        assert self.stream is not None
        try:
            yield from self.stream
        except BaseException:
            self.close()
            raise
        self._reusable = not _has_surplus(self.stream)

    def close(self) -> None:
        """Give the connection back; it carries another request if all of this response was read."""
        if self.turn.watch is None or self._slots.inherited:
            return
        reusable = False
        try:
            if self.stream is not None and (self._reusable or self._slots.multiplexed):
                self.stream.close()
            reusable = self._reusable
        finally:
            self._give_back(reusable=reusable)

    def _give_back(self, *, reusable: bool) -> None:
        try:
            finish(self._slots, self.turn, reusable=reusable)
        except BaseException:  # of a signal handler: what it interrupted is done again
            finish(self._slots, self.turn, reusable=False)
            self.turn.watch = None
            raise
        self.turn.watch = None


def _reclaim(slots: Slots[httpx.HTTPTransport], turn: Turn[httpx.HTTPTransport], _: object) -> None:
    """Give a connection back whose lease is garbage."""
    if not slots.inherited:
        slots.abandon(turn)
        slots.reap()
        bury(slots)


class AsyncLease(httpx.AsyncByteStream):
    """The body of a response of an `AsyncPool`."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        slots: Slots[httpx.AsyncHTTPTransport],
        turn: Turn[httpx.AsyncHTTPTransport],
        loop: object,
    ) -> None:
        self._stream = stream
        self._slots = slots
        self._turn: Optional[Turn[httpx.AsyncHTTPTransport]] = turn
        self._loop = loop
        self._reusable = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except BaseException:
            await self.aclose()
            raise
        self._reusable = not _has_surplus(self._stream)

    async def aclose(self) -> None:
        """Give the connection back; it carries another request if all of this response was read."""
        turn, self._turn = self._turn, None
        if turn is None or self._slots.inherited:
            return
        try:
            await self._stream.aclose()
        except GeneratorExit:  # this coroutine is garbage: it may not await any more
            abandon(self._slots, turn, self._loop)
            raise
        except BaseException:
            await finish_async(self._slots, turn, reusable=False)
            raise
        await finish_async(self._slots, turn, reusable=self._reusable)

    def __del__(self) -> None:
        if self._turn is not None and not self._slots.inherited:
            abandon(self._slots, self._turn, self._loop)


def _has_surplus(stream: object) -> bool:
    """Say whether more came than the answer: httpcore (1.0.9) would take it for the answer to the next request."""
    found: Any = getattr(stream, "_httpcore_stream", None)
    found = getattr(found, "_stream", found)  # the body of httpcore's pool, which holds that of a connection
    state: Any = getattr(getattr(found, "_connection", None), "_h11_state", None)
    return state is not None and bool(state.trailing_data[0])


def finish(slots: Slots[httpx.HTTPTransport], turn: Turn[httpx.HTTPTransport], *, reusable: bool) -> None:
    """Give a lane back after a request."""
    transport = slots.release(turn, reusable=reusable)
    if transport is not None:
        try:
            _close(transport)
        finally:
            slots.vacate(turn)
    if slots.dead:
        bury(slots)


async def finish_async(
    slots: Slots[httpx.AsyncHTTPTransport], turn: Turn[httpx.AsyncHTTPTransport], *, reusable: bool
) -> None:
    """Give a lane back after a request."""
    transport = slots.release(turn, reusable=reusable)
    if transport is not None:
        try:
            await _close_async(transport)
        finally:
            slots.vacate(turn)
    if slots.dead:
        await bury_async(slots)


def abandon(slots: Slots[httpx.AsyncHTTPTransport], turn: Turn[httpx.AsyncHTTPTransport], loop: object) -> None:
    """Give a lane back from where nothing can be awaited: its connection is closed by the next who passes."""
    slots.abandon(turn)
    call_soon(loop, slots.reap)


def bury(slots: Slots[httpx.HTTPTransport]) -> None:
    """Close the connections that nobody uses any more."""
    while slots.dead:
        with contextlib.suppress(IndexError):  # another thread was faster
            _close(slots.dead.popleft())


async def bury_async(slots: Slots[httpx.AsyncHTTPTransport]) -> None:
    """Close the connections that nobody uses any more."""
    while slots.dead:
        await _close_async(slots.dead.popleft())


def call_soon(loop: Any, function: Callable[[], object]) -> None:
    """Have an event loop (of asyncio, or the token of one of trio) call a function, unless it is over; thread-safe."""
    schedule = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon
    with contextlib.suppress(RuntimeError):
        schedule(function)


def _close(transport: httpx.HTTPTransport) -> None:
    # The connection is given up for good, even if the other end is gone before it could be told.
    with contextlib.suppress(OSError):
        transport.close()


async def _close_async(transport: httpx.AsyncHTTPTransport) -> None:
    with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
        await transport.aclose()

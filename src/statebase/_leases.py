"""Response bodies that hold a connection of a pool until they are closed, and the ways to give it back."""

from __future__ import annotations

import contextlib
from typing import Any, AsyncIterator, Callable, Iterator, Optional

import anyio
import httpx

from ._slots import Lane, Slots


class SyncLease(httpx.SyncByteStream):
    """The body of a response of a `SyncPool`."""

    def __init__(
        self, stream: httpx.SyncByteStream, slots: Slots[httpx.HTTPTransport], lane: Lane[httpx.HTTPTransport]
    ) -> None:
        self._stream = stream
        self._slots = slots
        self._lane: Optional[Lane[httpx.HTTPTransport]] = lane
        self._reusable = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except BaseException:
            self.close()
            raise
        self._reusable = not _has_surplus(self._stream)

    def close(self) -> None:
        """Give the connection back; it carries another request if all of this response was read."""
        lane, self._lane = self._lane, None
        if lane is None or self._slots.inherited:
            return
        try:
            self._stream.close()
        except BaseException:
            self._reusable = False
            raise
        finally:
            finish(self._slots, lane, reusable=self._reusable)

    def __del__(self) -> None:
        if self._lane is not None and not self._slots.inherited:
            self._slots.abandon(self._lane)
            self._slots.reap()
            bury(self._slots)


class AsyncLease(httpx.AsyncByteStream):
    """The body of a response of an `AsyncPool`."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        slots: Slots[httpx.AsyncHTTPTransport],
        lane: Lane[httpx.AsyncHTTPTransport],
        loop: object,
    ) -> None:
        self._stream = stream
        self._slots = slots
        self._lane: Optional[Lane[httpx.AsyncHTTPTransport]] = lane
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
        lane, self._lane = self._lane, None
        if lane is None or self._slots.inherited:
            return
        try:
            await self._stream.aclose()
        except GeneratorExit:  # this coroutine is garbage: it may not await any more
            abandon(self._slots, lane, self._loop)
            raise
        except BaseException:
            await finish_async(self._slots, lane, reusable=False)
            raise
        await finish_async(self._slots, lane, reusable=self._reusable)

    def __del__(self) -> None:
        if self._lane is not None and not self._slots.inherited:
            abandon(self._slots, self._lane, self._loop)


def _has_surplus(stream: object) -> bool:
    """Say whether more came than the answer: httpcore (1.0.9) would take it for the answer to the next request."""
    found: Any = stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        found = getattr(found, name, None)
    return found is not None and bool(found.trailing_data[0])


def finish(slots: Slots[httpx.HTTPTransport], lane: Lane[httpx.HTTPTransport], *, reusable: bool) -> None:
    """Give a lane back after a request."""
    transport = slots.release(lane, reusable=reusable)
    if transport is not None:
        try:
            _close(transport)
        finally:
            slots.vacate()
    if slots.dead:
        bury(slots)


async def finish_async(
    slots: Slots[httpx.AsyncHTTPTransport], lane: Lane[httpx.AsyncHTTPTransport], *, reusable: bool
) -> None:
    """Give a lane back after a request."""
    transport = slots.release(lane, reusable=reusable)
    if transport is not None:
        try:
            await _close_async(transport)
        finally:
            slots.vacate()
    if slots.dead:
        await bury_async(slots)


def abandon(slots: Slots[httpx.AsyncHTTPTransport], lane: Lane[httpx.AsyncHTTPTransport], loop: object) -> None:
    """Give a lane back from where nothing can be awaited: its connection is closed by the next who passes."""
    slots.abandon(lane)
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
    # The connection is given up for good; that it would not even close is nobody's concern.
    with contextlib.suppress(Exception):
        transport.close()


async def _close_async(transport: httpx.AsyncHTTPTransport) -> None:
    with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
        await transport.aclose()

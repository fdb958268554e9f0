"""The pool of the synchronous client: an httpx transport that hands out one connection a request.

httpx's own pool looks through all of its requests and connections at each step. This one and its twin in
`_async_pools.py` keep a stack of transports with a single connection each, at a cost that does not grow with load; they
also outlive a fork and, async, an event loop.
"""

from __future__ import annotations

import threading
from typing import List, Optional

import httpx

from ._base_pool import BasePool, pool_timeout
from ._leases import SyncLease, bury, finish
from ._slots import Lane, Slots, Turn


class SyncPool(BasePool[httpx.HTTPTransport], httpx.BaseTransport):
    """A pool that threads may share."""

    _slots: Optional[Slots[httpx.HTTPTransport]]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; it holds a connection until the response is closed.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` when it was not sent for want of a connection.
            RuntimeError: The pool was closed.
        """
        self._check(request.url)
        slots = self._slots or self._open()
        lane = slots.take() or self._wait(slots, request)
        try:
            response = lane.transport.handle_request(request)
        except BaseException:
            finish(slots, lane, reusable=False)
            raise
        lane.network_stream = response.extensions.get("network_stream")
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = SyncLease(response.stream, slots, lane)
        return response

    def close(self) -> None:
        """Close the idle connections; the others are closed as soon as their responses are."""
        self._notice_fork()
        with self._lock:
            self._closed = True
        for slots in self._all_slots():
            slots.close()
            bury(slots)

    def __del__(self) -> None:
        super().__del__()
        if not self._closed:
            self.close()

    def _start_over(self) -> None:
        super()._start_over()
        self._slots = None

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        inherited = self._all_slots()
        super().renew()
        for slots in inherited:
            bury(slots)

    def _all_slots(self) -> List[Slots[httpx.HTTPTransport]]:
        return [] if self._slots is None else [self._slots]

    def _open(self) -> Slots[httpx.HTTPTransport]:
        with self._lock:
            if self._slots is None:
                self._slots = self._make_slots(httpx.HTTPTransport)
            return self._slots

    def _wait(self, slots: Slots[httpx.HTTPTransport], request: httpx.Request) -> Lane[httpx.HTTPTransport]:
        gate = threading.Lock()
        gate.acquire()
        turn: Turn[httpx.HTTPTransport] = Turn(gate.release)
        slots.queue(turn)
        if turn.lane is None:
            timeout = pool_timeout(request)
            try:
                gate.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
            except BaseException:
                lane = slots.leave(turn)
                if lane is not None:
                    finish(slots, lane, reusable=True)
                raise
        lane = slots.leave(turn)
        if lane is None:
            raise self._in_vain(slots, request)
        return lane

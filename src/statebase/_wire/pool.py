"""The pool of the synchronous client: an httpx transport that hands out one connection a request.

httpx's own pool looks through all of its requests and connections at each step. This one and its twin in
`async_pool.py` keep a stack of transports with a single connection each, at a cost that does not grow with load; they
also outlive a fork and, async, an event loop.
"""

from __future__ import annotations

import contextlib
import threading
from typing import List, Optional

import httpx

from .base_pool import BasePool, pool_timeout
from .connections import Lane, Slots, Turn
from .leases import SyncLease, bury
from .sockets import SharedTransport, SingleTransport


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
        lease = SyncLease(slots)
        try:
            lane = slots.take(lease.turn) or self._wait(slots, lease.turn, request)
            response = lane.transport.handle_request(request)
            lane.network_stream = response.extensions.get("network_stream")
            assert isinstance(response.stream, httpx.SyncByteStream)
            lease.stream = response.stream
            response.stream = lease
            return response
        except BaseException:
            lease.close()
            raise

    def close(self) -> None:
        """Close the idle connections; the others are closed as soon as their responses are."""
        self._notice_fork()
        with self._lock.held():
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
        with self._lock.held():
            if self._slots is None:
                self._slots = self._make_slots(SharedTransport if self._multiplexed else SingleTransport)
            return self._slots

    def _wait(
        self, slots: Slots[httpx.HTTPTransport], turn: Turn[httpx.HTTPTransport], request: httpx.Request
    ) -> Lane[httpx.HTTPTransport]:
        gate = threading.Lock()
        gate.acquire()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # a second time
                gate.release()

        turn.wake = wake
        slots.queue(turn)
        if turn.lane is None:
            timeout = pool_timeout(request)
            gate.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
        lane = slots.leave(turn)
        if lane is None:
            raise self._in_vain(slots, request)
        return lane

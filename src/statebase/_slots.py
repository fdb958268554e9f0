"""The bookkeeping of a pool: who holds which connection and who waits for one. Does no I/O, knows no event loop."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Generic, List, Optional, Set, TypeVar

T = TypeVar("T")

MULTIPLEXED_REQUESTS = 900
"""Requests after which a multiplexed connection makes way for a new one. Servers hang up after 1000 (nginx, hypercorn),
and httpcore then fails every request that is under way."""

CLOSED = "Cannot send a request, as the client has been closed."


class Lane(Generic[T]):
    """A transport that carries one request at a time or, where it multiplexes, many."""

    __slots__ = ("idle_since", "network_stream", "requests", "retired", "transport", "users")

    def __init__(self, transport: T) -> None:
        self.transport = transport
        self.users = 0
        self.requests = 0
        self.retired = False
        self.idle_since = 0.0
        self.network_stream: Any = None
        """What httpx calls so, of the latest response: the way to the socket."""


class Turn(Generic[T]):
    """A place in the queue for a lane."""

    __slots__ = ("lane", "wake")

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake
        """Called when the turn has come (`lane` is there), or when the pool was closed (it is not)."""
        self.lane: Optional[Lane[T]] = None


class Slots(Generic[T]):
    """A bounded number of slots, one a request; each comes with a lane to send the request on.

    A lane that became free last goes out first, so that the others may grow old and be closed. Who finds no free slot
    queues, and is served in the order of arrival. Each operation takes constant time.
    """

    def __init__(
        self,
        make: Callable[[], T],
        *,
        limit: int,
        multiplexed: bool,
        keepalive_expiry: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.active = 0
        self.closed = False
        self.inherited = False
        """Whether these are the parent's, seen from the child of a fork."""
        self.lanes: Set[Lane[T]] = set()
        self.dead: Deque[T] = deque()
        """Transports for whoever comes by and may do I/O to close."""
        self._make = make
        self._limit = limit
        self._multiplexed = multiplexed
        self._keepalive_expiry = keepalive_expiry
        self._clock = clock
        self._free: Deque[Lane[T]] = deque()
        self._waiting: OrderedDict[Turn[T], None] = OrderedDict()
        self._abandoned: Deque[Lane[T]] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many turns are in the queue."""
        return len(self._waiting)

    def take(self) -> Optional[Lane[T]]:
        """Return a lane, or None where all slots are taken.

        Raises:
            RuntimeError: The slots were closed.
        """
        with self._lock:
            return self._take()

    def queue(self, turn: Turn[T]) -> None:
        """Wait for a lane: the turn has one when this returns, or is woken later."""
        with self._lock:
            turn.lane = self._take()
            if turn.lane is None:
                self._waiting[turn] = None

    def leave(self, turn: Turn[T]) -> Optional[Lane[T]]:
        """Leave the queue; return the lane that came all the same."""
        with self._lock:
            self._waiting.pop(turn, None)
            return turn.lane

    def release(self, lane: Lane[T], *, reusable: bool) -> Optional[T]:
        """Give back a lane, and its slot.

        Args:
            lane: What `take` or a turn gave.
            reusable: Whether its connection is fit for another request.

        Returns:
            None, or the transport of the lane to close; then the slot stays taken until `vacate`.
        """
        with self._lock:
            self._part(lane, reusable=reusable)
            if lane.retired and lane.users == 0:
                return lane.transport
            self._vacate()
        return None

    def vacate(self) -> None:
        """Free the slot of a transport that `release` gave to close."""
        with self._lock:
            self._vacate()

    def abandon(self, lane: Lane[T]) -> None:
        """Note that the user of a lane is gone for good. Takes no lock: a garbage collector may call it anywhere."""
        self._abandoned.append(lane)

    def reap(self) -> None:
        """Free the slots of abandoned lanes, unless someone is busy here who may be the caller itself, interrupted."""
        if self._lock.acquire(blocking=False):
            try:
                self._reap()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Refuse who waits and who comes; lanes in use stay until they are given back."""
        with self._lock:
            self.closed = True
            for turn in self._waiting:
                turn.wake()
            self._waiting.clear()
            for lane in self._free:
                self._retire(lane)
                if lane.users == 0:
                    self.dead.append(lane.transport)
            self._free.clear()

    def inherit(self) -> List[Lane[T]]:
        """Close what a fork left in the child; return the lanes that the parent had.

        Their users may be threads that are not there, as may be the holder of the lock.
        """
        self._lock = threading.Lock()
        self.inherited = True
        self._waiting.clear()
        lanes = list(self.lanes)
        self.close()
        return lanes

    def _take(self) -> Optional[Lane[T]]:
        if self.closed:
            raise RuntimeError(CLOSED)
        if self._abandoned:
            self._reap()
        if self.active >= self._limit:
            return None
        lane = self._join()
        self.active += 1
        return lane

    def _join(self) -> Lane[T]:
        if self._free:
            lane = self._free[-1] if self._multiplexed else self._free.pop()
        else:
            lane = Lane(self._make())
            self.lanes.add(lane)
            if self._multiplexed:
                self._free.append(lane)
        lane.users += 1
        lane.requests += 1
        if self._multiplexed and lane.requests == MULTIPLEXED_REQUESTS:
            self._retire(lane)
        return lane

    def _part(self, lane: Lane[T], *, reusable: bool) -> None:
        lane.users -= 1
        if self.closed or not reusable or lane.retired:
            self._retire(lane)
            return
        lane.idle_since = self._clock()
        if not self._multiplexed:
            self._free.append(lane)
            self._expire(lane.idle_since)

    def _retire(self, lane: Lane[T]) -> None:
        if self._multiplexed and not lane.retired and not self.closed:
            self._free.remove(lane)
        lane.retired = True
        if lane.users == 0:
            self.lanes.discard(lane)

    def _expire(self, now: float) -> None:
        while self._free[0].idle_since + self._keepalive_expiry < now:
            lane = self._free.popleft()
            self.lanes.discard(lane)
            self.dead.append(lane.transport)

    def _vacate(self) -> None:
        if self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            turn.lane = self._join()
            turn.wake()
        else:
            self.active -= 1

    def _reap(self) -> None:
        while self._abandoned:
            lane = self._abandoned.popleft()
            self._part(lane, reusable=False)
            if lane.users == 0:
                self.dead.append(lane.transport)
            self._vacate()

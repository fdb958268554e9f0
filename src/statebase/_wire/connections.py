"""The bookkeeping of a pool: who holds which connection and who waits for one. Does no I/O, knows no event loop.

An exception may strike within any operation: of a signal handler, for one. What an operation changes is therefore
written down in an order in which `release` or `abandon` of the same turn puts right whatever was left half done.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Generic, List, Optional, Set, TypeVar
from weakref import ReferenceType

from .._base.locks import FrameLock, calling_frame

T = TypeVar("T")

MULTIPLEXED_REQUESTS = 900
"""Requests after which a multiplexed connection makes way for a new one. Servers hang up after 1000 (nginx, hypercorn),
and httpcore then fails every request that is under way."""

CLOSED = "Cannot send a request, as the client has been closed."


class Lane(Generic[T]):
    """A transport that carries one request at a time or, where it multiplexes, many."""

    __slots__ = ("idle_since", "network_stream", "requests", "retired", "transport", "turns")

    def __init__(self, transport: T) -> None:
        self.transport = transport
        self.turns: Set[Turn[T]] = set()
        """Whose requests it carries."""
        self.requests = 0
        self.retired = False
        self.idle_since = 0.0
        self.network_stream: Any = None
        """What httpx calls so, of the latest response: the way to the socket."""


class Turn(Generic[T]):
    """What a request asks for a lane with: a slot, once there is one for it, and until then a place in the queue."""

    __slots__ = ("lane", "wake", "watch")

    def __init__(self) -> None:
        self.lane: Optional[Lane[T]] = None
        self.wake: Callable[[], object] = bool
        """Called when the turn has come (`lane` is there), or when the pool was closed (it is not); maybe twice."""
        self.watch: Optional[ReferenceType[object]] = None
        """A reference to whoever gives the turn back, if that may get lost."""


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
        self.closed = False
        self.inherited = False
        """Whether these are the parent's, seen from the child of a fork."""
        self.multiplexed = multiplexed
        self.lanes: Set[Lane[T]] = set()
        self.dead: Deque[T] = deque()
        """Transports for whoever comes by and may do I/O to close."""
        self._make = make
        self._limit = limit
        self._keepalive_expiry = keepalive_expiry
        self._clock = clock
        self._active: Set[Turn[T]] = set()
        self._free: Deque[Lane[T]] = deque()
        self._waiting: OrderedDict[Turn[T], None] = OrderedDict()
        self._abandoned: Deque[Turn[T]] = deque()
        self._lock = FrameLock()

    @property
    def active(self) -> int:
        """How many turns have a slot."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """How many turns are in the queue."""
        return len(self._waiting)

    def take(self, turn: Turn[T]) -> Optional[Lane[T]]:
        """Return a lane, or None where all slots are taken.

        Raises:
            RuntimeError: The slots were closed.
        """
        with self._lock.held():
            return self._take(turn)

    def queue(self, turn: Turn[T]) -> None:
        """Wait for a lane: the turn has one when this returns, or is woken later."""
        with self._lock.held():
            if self._take(turn) is None and self._find_lost():
                self._take(turn)
            if turn.lane is None:
                self._waiting[turn] = None

    def leave(self, turn: Turn[T]) -> Optional[Lane[T]]:
        """Leave the queue; return the lane that came all the same."""
        with self._lock.held():
            self._waiting.pop(turn, None)
            return turn.lane

    def release(self, turn: Turn[T], *, reusable: bool) -> Optional[T]:
        """Give back the lane of a turn, and its slot. Calling it again has no effect.

        Args:
            turn: One that may have a lane, a slot, or a place in the queue.
            reusable: Whether its connection is fit for another request.

        Returns:
            None, or the transport of the lane to close; then the slot stays taken until `vacate`.
        """
        with self._lock.held():
            return self._release(turn, reusable=reusable)

    def vacate(self, turn: Turn[T]) -> None:
        """Free the slot of a turn whose transport `release` gave to close."""
        with self._lock.held():
            self._vacate(turn)

    def abandon(self, turn: Turn[T]) -> None:
        """Note that who had a turn is gone for good. Takes no lock: a garbage collector may call it anywhere."""
        self._abandoned.append(turn)

    def reap(self) -> None:
        """Free the slots of abandoned turns, unless someone is busy here who may be the caller itself, interrupted."""
        owner = self._lock.acquire(calling_frame(-1), deadline=0.0)
        if owner is not None:
            try:
                self._reap()
            finally:
                self._lock.release(owner)

    def close(self) -> None:
        """Refuse who waits and who comes; lanes in use stay until they are given back."""
        with self._lock.held():
            self.closed = True
            for turn in self._waiting:
                turn.wake()
            self._waiting.clear()
            for lane in list(self._free):
                self._retire(lane)
                if not lane.turns:
                    self.dead.append(lane.transport)
            self._free.clear()

    def inherit(self) -> List[Lane[T]]:
        """Close what a fork left in the child; return the lanes that the parent had.

        Their users may be threads that are not there, as may be the holder of the lock.
        """
        self._lock = FrameLock()
        self.inherited = True
        self._waiting.clear()
        lanes = list(self.lanes)
        self.close()
        return lanes

    def _take(self, turn: Turn[T]) -> Optional[Lane[T]]:
        if self.closed:
            raise RuntimeError(CLOSED)
        if self._abandoned:
            self._reap()
        if len(self._active) < self._limit:
            self._join(turn)
        return turn.lane

    def _find_lost(self) -> bool:
        """Reap turns whose loss went unnoticed: something was raised in the middle of noticing it."""
        # Others take the watch off meanwhile.
        lost = [turn for turn in self._active if (watch := turn.watch) is not None and watch() is None]
        self._abandoned.extend(lost)
        self._reap()
        return bool(lost)

    def _join(self, turn: Turn[T]) -> None:
        self._active.add(turn)
        lane = self._free[-1] if self._free else Lane(self._make())
        turn.lane = lane
        lane.turns.add(turn)
        self.lanes.add(lane)
        lane.requests += 1
        if not self.multiplexed:
            if self._free:
                self._free.pop()
        elif lane.requests == MULTIPLEXED_REQUESTS:
            self._retire(lane)
        elif not self._free:
            self._free.append(lane)

    def _release(self, turn: Turn[T], *, reusable: bool) -> Optional[T]:
        lane = turn.lane
        if turn in self._active and lane is not None:
            lane.turns.discard(turn)
            if self.closed or not reusable or lane.retired:
                self._retire(lane)
                if not lane.turns:
                    return lane.transport
            else:
                lane.idle_since = self._clock()
                if not self.multiplexed:
                    self._free.append(lane)
                    self._expire(lane.idle_since)
        self._vacate(turn)
        return None

    def _retire(self, lane: Lane[T]) -> None:
        lane.retired = True
        if lane in self._free:
            self._free.remove(lane)
        if not lane.turns:
            self.lanes.discard(lane)

    def _expire(self, now: float) -> None:
        while self._free and self._free[0].idle_since + self._keepalive_expiry <= now:
            lane = self._free[0]
            self.lanes.discard(lane)
            self.dead.append(lane.transport)
            self._free.popleft()

    def _vacate(self, turn: Turn[T]) -> None:
        self._waiting.pop(turn, None)
        self._active.discard(turn)
        while self._waiting:
            first = next(iter(self._waiting))
            if first.lane is None:
                if len(self._active) >= self._limit and first not in self._active:
                    break
                self._join(first)
            first.wake()
            self._waiting.pop(first, None)

    def _reap(self) -> None:
        while self._abandoned:
            turn = self._abandoned[0]
            transport = self._release(turn, reusable=False)
            if transport is not None:
                self.dead.append(transport)
            self._vacate(turn)
            self._abandoned.popleft()

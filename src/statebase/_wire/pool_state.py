"""The bookkeeping of a pool: which request has which connection, and which wait for one. No I/O, no event loop.

An exception may strike within any operation: of a signal handler, for one. Each operation therefore makes its changes
in an order in which `release` of the same waiter corrects whatever was left half done.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, List, Optional, Set
from weakref import ReferenceType

from .._base.locks import FrameLock, calling_frame

MULTIPLEXED_REQUESTS = 900
"""Requests after which a multiplexed connection is replaced. Servers close one after 1000 (nginx, hypercorn), and
httpcore then fails every request that is under way."""

CLOSED = "Cannot send a request, as the client has been closed."


class PooledConnection:
    """A connection that carries one request at a time or, where it multiplexes, many.

    Args:
        core: The connection of httpcore.
        sockets: The network backend that opened its sockets, and can close them.
    """

    __slots__ = ("core", "idle_since", "requests", "retired", "sockets", "users")

    def __init__(self, core: Any, sockets: Any) -> None:
        self.core = core
        self.sockets = sockets
        self.users: Set[Waiter] = set()
        """Whose requests it carries."""
        self.requests = 0
        self.retired = False
        self.idle_since = 0.0

    @property
    def is_stale(self) -> bool:
        """Whether it was used and cannot be used again: the server has closed it, or said that it will."""
        return self.requests > 1 and (not self.core.is_available() or self.core.has_expired())


class Holder:
    """Lives as long as the call that made it: no exception can end the call and leave it behind."""

    __slots__ = ("__weakref__",)


class Waiter:
    """A request that asks for a connection: it has one, or a place in the queue."""

    __slots__ = ("connection", "holder", "wake")

    def __init__(self, holder: Optional[ReferenceType[Holder]] = None) -> None:
        self.connection: Optional[PooledConnection] = None
        self.wake: Callable[[], object] = bool
        """Called when there is a connection, or the pool was closed; maybe twice."""
        self.holder = holder
        """A reference to what lives as long as the request, if that may end without its `release`."""


class PoolState:
    """A bounded number of requests, each with a connection.

    The connection that was used last is used first, so that the others can expire. A request for which there is none
    queues; requests are served in the order of arrival. Each operation takes constant time.

    Args:
        make: Makes a connection that is not open yet.
        limit: How many requests may have a connection.
        multiplexed: Whether requests share one.
        keepalive_expiry: Seconds after which an idle connection is closed.
        clock: Returns seconds.
    """

    def __init__(
        self,
        make: Callable[[], PooledConnection],
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
        self.connections: Set[PooledConnection] = set()
        self.discarded: Deque[PooledConnection] = deque()
        """Connections that whoever comes next and may do I/O closes."""
        self._make = make
        self._limit = limit
        self._keepalive_expiry = keepalive_expiry
        self._clock = clock
        self._active: Set[Waiter] = set()
        self._free: Deque[PooledConnection] = deque()
        """Connections that take a request, the one that was used last at the end."""
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._to_release: Deque[Waiter] = deque()
        self._lock = FrameLock()

    @property
    def active(self) -> int:
        """How many requests have a connection."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """How many requests are in the queue."""
        return len(self._queue)

    def acquire(self, waiter: Waiter) -> Optional[PooledConnection]:
        """Return a connection, or None if the limit is reached.

        Raises:
            RuntimeError: The pool was closed.
        """
        with self._lock.held():
            return self._acquire(waiter)

    def enqueue(self, waiter: Waiter) -> None:
        """Wait for a connection: the waiter has one when this returns, or is woken later."""
        with self._lock.held():
            if self._acquire(waiter) is None and self._find_lost():
                self._acquire(waiter)
            if waiter.connection is None:
                self._queue[waiter] = None

    def leave(self, waiter: Waiter) -> Optional[PooledConnection]:
        """Leave the queue; return the connection if there is one by now."""
        with self._lock.held():
            self._queue.pop(waiter, None)
            return waiter.connection

    def release(self, waiter: Waiter, *, reusable: bool) -> None:
        """Give back a connection or a place in the queue. Calling it again has no effect.

        Args:
            waiter: The request.
            reusable: Whether its connection can carry another request. If not, it is in `discarded` once its last
                request has released it.
        """
        with self._lock.held():
            self._release(waiter, reusable=reusable)

    def release_later(self, waiter: Waiter) -> None:
        """Have the next request release this one. Takes no lock: a garbage collector may call it anywhere."""
        self._to_release.append(waiter)

    def collect(self) -> None:
        """Release what was to be released later, unless the lock is taken, perhaps by the caller itself."""
        owner = self._lock.acquire(calling_frame(-1), deadline=0.0)
        if owner is not None:
            try:
                self._collect()
            finally:
                self._lock.release(owner)

    def stop_sharing(self) -> None:
        """Give each request a connection of its own from now on: the server does not multiplex."""
        with self._lock.held():
            self.multiplexed = False
            for connection in [each for each in self._free if each.users]:
                self._free.remove(connection)

    def close(self) -> None:
        """Discard idle connections, and refuse requests that wait or come; connections in use stay until released."""
        with self._lock.held():
            self.closed = True
            for waiter in self._queue:
                waiter.wake()
            self._queue.clear()
            self._find_lost()
            for connection in list(self._free):
                self._retire(connection)

    def inherit(self) -> List[PooledConnection]:
        """Close this in the child of a fork; return the connections, which are the parent's.

        Their users may be threads that do not exist here, as may be the holder of the lock.
        """
        self._lock = FrameLock()
        self.inherited = True
        self._queue.clear()
        connections = list(self.connections)
        self.close()
        return connections

    def _acquire(self, waiter: Waiter) -> Optional[PooledConnection]:
        if self.closed:
            raise RuntimeError(CLOSED)
        if self._to_release:
            self._collect()
        if len(self._active) < self._limit:
            self._assign(waiter)
        return waiter.connection

    def _find_lost(self) -> bool:
        """Release requests that an exception ended before they could do it; return whether there were any."""
        lost = [waiter for waiter in self._active if waiter.holder is not None and waiter.holder() is None]
        self._to_release.extend(lost)
        self._collect()
        return bool(lost)

    def _assign(self, waiter: Waiter) -> None:
        self._active.add(waiter)
        connection = self._free[-1] if self._free else self._make()
        waiter.connection = connection
        connection.users.add(waiter)
        self.connections.add(connection)
        connection.requests += 1
        if not self.multiplexed:
            if self._free:
                self._free.pop()
        elif connection.requests == MULTIPLEXED_REQUESTS:
            self._retire(connection)
        elif not self._free:
            self._free.append(connection)

    def _release(self, waiter: Waiter, *, reusable: bool) -> None:
        connection = waiter.connection
        if waiter in self._active and connection is not None:
            connection.users.discard(waiter)
            if self.closed or not reusable or connection.retired:
                self._retire(connection)
            elif not connection.users:
                connection.idle_since = self._clock()
                if connection not in self._free:
                    self._free.append(connection)
                self._expire(connection.idle_since)
        self._queue.pop(waiter, None)
        self._active.discard(waiter)
        waiter.connection = None
        while self._queue:
            first = next(iter(self._queue))
            if first.connection is None:
                if len(self._active) >= self._limit and first not in self._active:
                    break
                self._assign(first)
            first.wake()
            self._queue.pop(first, None)

    def _retire(self, connection: PooledConnection) -> None:
        connection.retired = True
        if connection in self._free:
            self._free.remove(connection)
        if not connection.users and connection in self.connections:
            self.discarded.append(connection)
            self.connections.discard(connection)

    def _expire(self, now: float) -> None:
        while self._free and self._free[0].idle_since + self._keepalive_expiry <= now and not self._free[0].users:
            self._retire(self._free[0])

    def _collect(self) -> None:
        while self._to_release:
            self._release(self._to_release[0], reusable=False)
            self._to_release.popleft()

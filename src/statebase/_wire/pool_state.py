"""The state of a pool: which request has which connection, and which requests wait. No I/O, no event loop.

A signal handler may raise an exception within any operation. Each operation therefore makes its changes in an order in
which `release` of the same waiter completes whatever is half done.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, List, Optional, Set
from weakref import ref

from .._base.locks import FrameLock

MULTIPLEXED_REQUESTS = 900
"""Requests after which a multiplexed connection is replaced. Servers close one after 1000 (nginx, hypercorn), and
httpcore then fails every request in progress."""

CLOSED = "Cannot send a request, as the client has been closed."


class PooledConnection:
    """A connection that carries one request at a time or, if it multiplexes, many.

    Args:
        core: The connection of httpcore, or the session of aiohttp.
        sockets: The owner of its sockets, which can close them.
        max_requests: Requests after which it is replaced if it multiplexes.
    """

    __slots__ = ("core", "idle_since", "max_requests", "requests", "retired", "sockets", "users")

    def __init__(self, core: Any, sockets: Any, max_requests: float = MULTIPLEXED_REQUESTS) -> None:
        self.core = core
        self.sockets = sockets
        self.max_requests = max_requests
        self.users: Set[Waiter] = set()
        """The requests that it carries."""
        self.requests = 0
        self.retired = False
        self.idle_since = 0.0

    @property
    def has_unread(self) -> bool:
        """Whether the server sent something or closed the connection while it was idle."""
        return self.requests > 1 and len(self.users) == 1 and bool(self.sockets.is_readable())

    @property
    def is_stale(self) -> bool:
        """Whether it was used and cannot be used again: the server closed it, or said that it will."""
        return self.requests > 1 and (not self.core.is_available() or self.has_unread)


class Holder:
    """An object that only the frame of a call refers to, so that it is gone when the call is, whatever ended it."""

    __slots__ = ("__weakref__",)


class Waiter:
    """A request that asks for a connection: it has one, or a place in the queue.

    Args:
        holder: An object that lives as long as the request. If it is gone before `release`, the request is lost.
    """

    __slots__ = ("connection", "holder", "wake")

    def __init__(self, holder: Holder) -> None:
        self.connection: Optional[PooledConnection] = None
        self.wake: Callable[[], object] = bool
        """Called when there is a connection, or the pool was closed; maybe twice."""
        self.holder = ref(holder)


class PoolState:
    """A bounded number of requests, each with a connection.

    The connection that was used last is used first, so that the others can expire. A request that finds none waits in
    a queue; requests are served in the order of arrival.

    Args:
        make: Makes a connection that is not open yet.
        limit: The maximum number of requests that have a connection.
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
        self.multiplexed = multiplexed
        self.connections: Set[PooledConnection] = set()
        self.discarded: Deque[PooledConnection] = deque()
        """Connections to close, by the next request that may do I/O."""
        self._make = make
        self._limit = limit
        self._keepalive_expiry = keepalive_expiry
        self._clock = clock
        self._active: Set[Waiter] = set()
        self._free: OrderedDict[PooledConnection, None] = OrderedDict()
        """Connections that take a request, the one that was used last at the end."""
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._arrivals = 0
        """The number of requests that found no connection."""
        self._lock = FrameLock()

    @property
    def active(self) -> int:
        """The number of requests that have a connection."""
        with self._lock.held():  # which drops the frames of an interrupted call, and its holder with them
            return sum(waiter.holder() is not None for waiter in self._active)

    @property
    def waiting(self) -> int:
        """The number of requests in the queue."""
        return len(self._queue)

    def acquire(self, waiter: Waiter) -> Optional[PooledConnection]:
        """Return a connection; None if the limit is reached: then the waiter is in the queue, and is woken later.

        Raises:
            RuntimeError: The pool was closed.
        """
        with self._lock.held():
            if self.closed:
                raise RuntimeError(CLOSED)
            if len(self._active) >= self._limit:
                self._arrivals += 1
                if not self._queue or self._arrivals % self._limit == 0:  # looking at all of them takes time
                    self.release_lost()
            if len(self._active) < self._limit:
                self._assign(waiter)
            else:
                self._queue[waiter] = None
            return waiter.connection

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
        with self._lock.held():  # no effect within another operation of the same thread
            connection = waiter.connection
            if waiter in self._active and connection is not None:
                connection.users.discard(waiter)
                if self.closed or not reusable or connection.retired:
                    self._retire(connection)
                elif not connection.users:
                    connection.idle_since = self._clock()
                    self._free[connection] = None
                    self._expire()
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

    def release_lost(self) -> None:
        """Release the requests that are lost: they ended without a `release`."""
        for waiter in [each for each in tuple(self._active) if each.holder() is None]:
            self.release(waiter, reusable=False)

    def stop_sharing(self) -> None:
        """Assign a connection of its own to each request from now on: the server does not multiplex."""
        with self._lock.held():
            self.multiplexed = False
            for connection in [each for each in self._free if each.users]:
                self._free.pop(connection, None)

    def close(self) -> None:
        """Discard idle connections, and refuse requests that wait or come; connections in use stay until released."""
        with self._lock.held():
            self.closed = True
            for waiter in self._queue:
                waiter.wake()
            self._queue.clear()
            self.release_lost()
            for connection in list(self._free):
                self._retire(connection)

    def inherit(self) -> List[PooledConnection]:
        """Forget everything in the child of a fork; return the connections, which are the parent's.

        Their users may be threads that do not exist here, as may be the holder of the lock.
        """
        self._lock = FrameLock()
        self.closed = True
        connections = [*self.connections, *self.discarded]
        for each in (self._active, self._free, self._queue, self.connections, self.discarded):
            each.clear()
        return connections

    def _assign(self, waiter: Waiter) -> None:
        self._active.add(waiter)
        self._expire()
        connection = next(reversed(self._free)) if self._free else self._make()
        waiter.connection = connection
        connection.users.add(waiter)
        self.connections.add(connection)
        connection.requests += 1
        if not self.multiplexed:
            self._free.pop(connection, None)
        elif connection.requests >= connection.max_requests:
            self._retire(connection)
        else:
            self._free[connection] = None

    def _retire(self, connection: PooledConnection) -> None:
        connection.retired = True
        self._free.pop(connection, None)
        if not connection.users and connection in self.connections:
            self.discarded.append(connection)
            self.connections.discard(connection)

    def _expire(self) -> None:
        """Retire the connections that were idle for too long."""
        while self._free:
            oldest = next(iter(self._free))
            if oldest.users or oldest.idle_since + self._keepalive_expiry > self._clock():
                break
            self._retire(oldest)

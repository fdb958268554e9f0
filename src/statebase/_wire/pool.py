"""The pool of the synchronous client; `async_pool.py` is the same for event loops."""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import Callable, Iterable, List, Optional, Tuple, cast

import httpcore

from .._base.body import Body
from .._base.exchange import Reply, Request
from .base_pool import BasePool
from .connections import (
    HTTPCORE_ERRORS,
    CoreURL,
    as_httpx_error,
    connection_maker,
    core_request,
    result_of,
    result_of_refusal,
    unread,
)
from .pool_state import Holder, PooledConnection, PoolState, Waiter
from .sockets import Backend


class SyncPool(BasePool):
    """A pool that threads may share."""

    _state: Optional[PoolState]

    def exchange(self, request: Request) -> Reply:
        """Send a request and read the whole reply."""
        self._notice_fork()
        state = self._state or self._open()
        holder = Holder()
        while True:
            reply = self._attempt(state, Waiter(holder), request)
            if reply is not None:
                return reply

    def close(self) -> None:
        """Close the idle connections; the others are closed as soon as their replies are complete."""
        self._notice_fork()
        with self._lock.held():
            self._closed = True
        for state in self._all_states():
            state.close()
            _close_discarded(state)

    def __del__(self) -> None:
        super().__del__()
        if not self._closed:
            self.close()

    def _start_over(self) -> None:
        super()._start_over()
        self._state = None

    def _leave_to_parent(self, connections: List[PooledConnection]) -> None:
        for connection in connections:
            connection.sockets.close()  # closes the child's descriptor only: nothing is sent

    def _all_states(self) -> List[PoolState]:
        return [] if self._state is None else [self._state]

    def _open(self) -> PoolState:
        with self._lock.held():
            if self._state is None:
                self._state = self._make_state()
            return self._state

    def _connection_maker(self) -> Callable[[], PooledConnection]:
        self._core_url = CoreURL(self._url)
        return connection_maker("", Backend, self._url, verify=self._verify, http2=self._multiplexed, proxy=self._proxy)

    def _attempt(self, state: PoolState, waiter: Waiter, request: Request) -> Optional[Reply]:
        """Return the reply; None if the connection cannot carry the request, and another may."""
        reusable = False
        try:
            connection = state.acquire(waiter) or self._wait(state, waiter, request)
            reply, reusable = self._send(state, connection, request)
            return reply
        finally:
            try:
                state.release(waiter, reusable=reusable)
            finally:
                _close_discarded(state)

    def _wait(self, state: PoolState, waiter: Waiter, request: Request) -> PooledConnection:
        gate: SimpleQueue[None] = SimpleQueue()
        waiter.wake = lambda: gate.put(None)
        if waiter.connection is None and not state.closed:
            timeout = request.timeouts["pool"]
            with contextlib.suppress(Empty):
                gate.get(timeout=None if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
        return waiter.connection or state.leave(waiter) or self._raise_pool_timeout(state, request)

    def _send(self, state: PoolState, connection: PooledConnection, request: Request) -> Tuple[Optional[Reply], bool]:
        """Return the reply or None, and whether the connection can carry another request."""
        prepared = core_request(self._core_url, request)
        with contextlib.suppress(*HTTPCORE_ERRORS):  # it is stale then
            for receive in unread(connection):
                receive(prepared)
        if connection.is_stale:
            return None, False
        try:
            response: httpcore.Response = connection.core.handle_request(prepared)
            body = Body(response.headers, request.max_response_bytes)
            try:
                for data in cast("Iterable[bytes]", response.stream):
                    if not body.add(data):
                        break
            finally:
                response.close()
            return result_of(state, connection, response, body)
        except httpcore.ConnectionNotAvailable:  # it multiplexes, or was expected to
            return result_of_refusal(state, connection)
        except HTTPCORE_ERRORS as error:
            raise as_httpx_error(error) from error


def _close_discarded(state: PoolState) -> None:
    while state.discarded:
        with contextlib.suppress(IndexError):  # another thread was faster
            state.discarded.popleft().sockets.close()

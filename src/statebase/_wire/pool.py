"""The pool of the synchronous client; its twin for event loops is `async_pool.py`."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import Iterable, List, Optional, cast

import httpcore

from .._base.body import Body, BodyTooLarge
from .._base.exchange import Reply, Request
from .base_pool import HTTPCORE_ERRORS, BasePool, as_httpx_error, is_reusable, reply_of, speaks_http1
from .pool_state import Holder, PooledConnection, PoolState, Waiter
from .sockets import Backend


class SyncPool(BasePool):
    """A pool that threads may share."""

    _httpcore_flavour = ""
    _state: Optional[PoolState]

    def exchange(self, request: Request) -> Reply:
        """Send a request and read the whole reply.

        Raises:
            httpx.TransportError: The request failed; a `PoolTimeout` if no connection became free in time.
            httpx.DecodingError: The body is not compressed as its headers say.
            RuntimeError: The pool was closed.
        """
        self._notice_fork()
        state = self._state or self._open()
        holder = Holder()
        while True:
            waiter = Waiter(weakref.ref(holder))
            try:
                reply = self._attempt(state, waiter, request)
                if reply is not None:
                    return reply
            except BaseException:  # of a signal handler, perhaps: a release that it interrupted is done again
                _release(state, waiter, reusable=False)
                raise

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

    def renew(self) -> None:
        """Leave all connections to the parent; to be called in the child of a fork."""
        inherited = self._all_states()
        super().renew()
        for state in inherited:
            _close_discarded(state)

    def _all_states(self) -> List[PoolState]:
        return [] if self._state is None else [self._state]

    def _open(self) -> PoolState:
        with self._lock.held():
            if self._state is None:
                self._state = self._make_state(Backend)
            return self._state

    def _attempt(self, state: PoolState, waiter: Waiter, request: Request) -> Optional[Reply]:
        """Return the reply; None if the connection cannot carry the request, and another may."""
        reusable = False
        try:
            connection = state.acquire(waiter) or self._wait(state, waiter, request)
            if connection.is_stale:
                return None
            response: httpcore.Response = connection.core.handle_request(self._core_request(request))
            content = _read(response, request)
            reusable = content is not None and is_reusable(connection, response.stream)
            if state.multiplexed and speaks_http1(connection):
                state.stop_sharing()
            return reply_of(response, content)
        except httpcore.ConnectionNotAvailable:  # of one that multiplexes, or was to
            reusable = waiter.connection is not None and speaks_http1(waiter.connection)
            if reusable:
                state.stop_sharing()
            return None
        except HTTPCORE_ERRORS as error:
            raise as_httpx_error(error) from error
        finally:
            _release(state, waiter, reusable=reusable)

    def _wait(self, state: PoolState, waiter: Waiter, request: Request) -> PooledConnection:
        gate = threading.Lock()
        gate.acquire()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # a second time
                gate.release()

        waiter.wake = wake
        state.enqueue(waiter)
        if waiter.connection is None:
            timeout = request.timeouts["pool"]
            gate.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
        return state.leave(waiter) or self._raise_in_vain(state, request)


def _read(response: httpcore.Response, request: Request) -> Optional[bytes]:
    """Read a body; None if it is too large."""
    stream = cast("Iterable[bytes]", response.stream)
    body = Body(response.headers, request.max_response_bytes)
    try:
        for data in stream:
            body.add(data)
        return body.content()
    except BodyTooLarge:
        return None
    finally:
        response.close()


def _release(state: PoolState, waiter: Waiter, *, reusable: bool) -> None:
    if state.inherited:
        return
    try:
        state.release(waiter, reusable=reusable)
    finally:
        _close_discarded(state)


def _close_discarded(state: PoolState) -> None:
    while state.discarded:
        with contextlib.suppress(IndexError):  # another thread was faster
            state.discarded.popleft().sockets.close()

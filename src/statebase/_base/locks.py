"""Locks that stay usable after an exception at any point.

A lock that a `with` statement has acquired stays locked if an exception (from a signal handler or a debugger) is raised
between the end of the block and the call of `__exit__`, or in `__exit__` itself. The locks here belong to the frame
that runs the `with` statement: once that frame is no longer on the stack of its thread, the lock is free.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from types import FrameType
from typing import Dict, Optional

_POLL_SECONDS = 0.05
"""Seconds between a waiter's checks whether the owner was interrupted; releasing the lock wakes it at once."""
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def calling_frame(above: int = 0) -> FrameType:
    """Return the frame that called the caller of this function, or one further up."""
    return sys._getframe(2 + above)  # pyright: ignore[reportPrivateUsage] # inspect offers only the current one


def is_on_stack(frame: Optional[FrameType], thread: int) -> bool:
    """Return whether a thread is still running a frame.

    Args:
        frame: The frame; None is on no stack.
        thread: The identifier of the thread, which may have ended.
    """
    if frame is None:
        return False
    if thread == threading.get_ident():
        current: Optional[FrameType] = inspect.currentframe()
    else:
        current = _frames_of_threads().get(thread)
    bottom = None
    while current is not None:
        if current is frame:
            return True
        bottom = current
        current = current.f_back
    # Another thread runs on meanwhile. A frame keeps its caller when it ends, but a generator lets go of its caller
    # when it yields: a walk that ends at one has not seen the rest of the stack.
    return bottom is not None and bool(bottom.f_code.co_flags & _SUSPENDABLE)


def _frames_of_threads() -> Dict[int, FrameType]:
    """Return the current frame of each thread.

    Before Python 3.12, a garbage collection meanwhile may wait without end for another thread (python/cpython#106883).
    """
    collects = sys.version_info < (3, 12) and gc.isenabled()
    try:
        if collects:
            gc.disable()
        return sys._current_frames()  # pyright: ignore[reportPrivateUsage] # documented
    finally:
        if collects:
            gc.enable()


class Owner:
    """The holder of a lock, or a waiter: the frame of a `with` statement, and its thread."""

    __slots__ = ("frame", "released", "successors", "thread", "wake")

    def __init__(self, frame: Optional[FrameType]) -> None:
        self.thread = threading.get_ident()
        self.frame: Optional[FrameType] = frame
        self.released = False
        self.successors: dict[int, Owner] = {}
        """At most one, under 0: the owner that `setdefault` stores, which is atomic, is the next."""
        self.wake = threading.Lock()
        """Held while it waits; released to wake it."""

    @property
    def is_gone(self) -> bool:
        """Whether it released the lock, or was interrupted before it could."""
        return self.released or not is_on_stack(self.frame, self.thread)


class FrameLock:
    """A lock that belongs to a frame. Waiters acquire it in the order of their arrival.

    Not reentrant. A holder that takes it over from an interrupted frame must repair the state that the frame left.
    """

    def __init__(self) -> None:
        self._last = Owner(None)
        """The newest owner, or one of those before it."""
        self._last.released = True
        self._waiters: deque[Owner] = deque()

    def acquire(self, frame: FrameType, deadline: Optional[float] = None) -> Optional[Owner]:
        """Take the lock.

        Args:
            frame: The frame that is to hold it, which is on the stack of this thread.
            deadline: The `time.monotonic()` at which to stop waiting; None to wait as long as it takes.

        Returns:
            What `release` takes; None if the deadline came first, or another frame of this thread holds the lock.
        """
        owner = Owner(frame)
        if not self._waiters and self._take(owner):
            return owner
        owner.wake.acquire()
        self._waiters.append(owner)
        looks = True  # check other owners before the first wait, and after each wait that timed out
        try:
            while not (self._is_next(owner, looks) and self._take(owner, looks)):
                newest = self._newest()
                if newest.thread == owner.thread and not newest.is_gone:
                    return None
                left = _POLL_SECONDS if deadline is None else min(_POLL_SECONDS, deadline - time.monotonic())
                if left <= 0:
                    return None
                looks = not owner.wake.acquire(timeout=left)
            return owner
        finally:
            self._forget(owner)

    def release(self, owner: Owner) -> None:
        """Release the lock and wake the next waiter."""
        owner.released = True
        owner.frame = None
        if self._waiters:
            # Not suppress(), whose __exit__ the handler of a signal could interrupt, with the exception under way.
            try:  # noqa: SIM105
                self._waiters[0].wake.release()
            except (IndexError, RuntimeError):
                pass  # others took themselves off meanwhile, or were woken already

    @property
    def is_free(self) -> bool:
        """Whether no frame holds the lock at this moment."""
        return self._newest().released

    def held(self) -> _Holding:
        """Return a context manager that holds the lock; within another of the same thread it has no effect."""
        return _Holding(self)

    def was_abandoned_here(self) -> bool:
        """Return whether a frame of this thread held the lock when it was interrupted, and none has taken it over."""
        newest = self._newest()
        return not newest.released and newest.thread == threading.get_ident() and newest.is_gone

    def _newest(self) -> Owner:
        owner = self._last
        while owner.successors:
            owner = owner.successors[0]
        return owner

    def _take(self, owner: Owner, looks: bool = True) -> bool:
        newest = self._newest()
        if not newest.released and not (looks and newest.is_gone):
            return False
        if newest.successors.setdefault(0, owner) is not owner:
            return False
        self._last = owner
        newest.frame = None
        return True

    def _is_next(self, owner: Owner, looks: bool) -> bool:
        """Return whether no other thread has waited longer; those that were interrupted are taken off the queue."""
        for waiter in list(self._waiters):
            if waiter is owner:
                break
            if looks and waiter.is_gone:
                self._forget(waiter)
            elif waiter.thread != owner.thread:
                # A waiter of this thread waits for what called us, such as a signal handler: it has to wait longer.
                return False
        return True

    def _forget(self, waiter: Owner) -> None:
        with suppress(ValueError):
            self._waiters.remove(waiter)


class _Holding:
    def __init__(self, lock: FrameLock) -> None:
        self._lock = lock
        self._owner: Optional[Owner] = None

    def __enter__(self) -> None:
        self._owner = self._lock.acquire(calling_frame())

    def __exit__(self, *error: object) -> None:
        if self._owner is not None:
            self._lock.release(self._owner)

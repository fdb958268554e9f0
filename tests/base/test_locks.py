"""A lock that belongs to a frame: given in order, given up at a deadline, taken over from what was interrupted."""

from __future__ import annotations

import inspect
import threading
import time
from types import FrameType
from typing import Any, Callable, Iterator, List, Optional

import pytest

from statebase._base.locks import FrameLock, Owner, is_on_stack


def frame() -> FrameType:
    current = inspect.currentframe()
    assert current is not None and current.f_back is not None
    return current.f_back


def start(call: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=call, args=arguments, daemon=True)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def leave_behind(lock: FrameLock) -> Optional[Owner]:
    """Take the lock in a frame that ends without giving it back, as one that was interrupted does."""
    return lock.acquire(frame())


def test_lock_is_given_in_order():
    lock, order = FrameLock(), []
    threads: List[threading.Thread] = []

    def take(number: int) -> None:
        with lock.held():
            order.append(number)

    with lock.held():
        for number in range(8):
            threads.append(start(take, number))
            wait_until(lambda: len(lock._waiters) == len(threads))
    for thread in threads:
        thread.join(20)

    assert order == list(range(8))


def test_waiting_ends_at_the_deadline():
    lock, got = FrameLock(), []

    with lock.held():
        start(lambda: got.append(lock.acquire(frame(), time.monotonic() + 0.01))).join(20)

    assert got == [None]
    assert lock.acquire(frame(), time.monotonic()) is not None


def test_lock_of_a_frame_that_ended_is_free():
    """For its own thread and for others."""
    lock, got = FrameLock(), []

    assert leave_behind(lock) is not None
    assert lock.was_abandoned_here()
    assert leave_behind(lock) is not None
    start(lambda: got.append(leave_behind(lock))).join(20)

    assert got[0] is not None
    assert not lock.was_abandoned_here()
    assert lock.acquire(frame()) is not None


def test_lock_of_a_thread_that_ended_is_free():
    lock = FrameLock()

    start(lambda: lock.acquire(frame())).join(20)

    assert lock.acquire(frame(), time.monotonic() + 20) is not None


def test_waiter_that_was_interrupted_is_passed_over():
    """A queue does not wait for one who is not there any more."""
    lock = FrameLock()
    start(lambda: lock._waiters.append(Owner(frame()))).join(20)

    assert lock.acquire(frame(), time.monotonic() + 20) is not None
    assert list(lock._waiters) == []


def test_second_lock_of_a_thread_is_refused_at_once():
    lock = FrameLock()

    with lock.held():
        assert leave_behind(lock) is None

    assert leave_behind(lock) is not None


def test_many_threads_hold_it_one_at_a_time():
    lock, inside, most = FrameLock(), [0], [0]

    def work() -> None:
        for _ in range(200):
            with lock.held():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [start(work) for _ in range(8)]
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    assert (inside, most) == ([0], [1])


def test_frame_that_runs_generators_is_never_taken_for_gone():
    """Another thread looks at the stack while generators on it start and yield."""
    frames: List[FrameType] = []
    over = threading.Event()

    def numbers() -> Iterator[int]:
        while not over.is_set():
            yield from (number for number in range(50))

    def run() -> None:
        frames.append(frame())
        for _ in numbers():
            pass

    def outer() -> None:
        run()

    thread = start(outer)
    wait_until(lambda: bool(frames))
    try:
        assert thread.ident is not None
        assert all(is_on_stack(frames[0], thread.ident) for _ in range(20_000))
    finally:
        over.set()
        thread.join(20)
    assert not is_on_stack(frames[0], thread.ident)


@pytest.mark.parametrize("thread", [0, -1])
def test_no_frame_is_on_the_stack_of_no_thread(thread: int):
    assert not is_on_stack(frame(), thread)
    assert not is_on_stack(None, threading.get_ident())

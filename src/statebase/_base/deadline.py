"""Timeouts that shrink while a call runs: the remaining time is computed again for each wait of a socket."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Callable, List, Optional, TypeVar

if TYPE_CHECKING:
    from .clock import Clock

T = TypeVar("T")

_SHORTEST_SECONDS = 0.001  # a socket takes 0 for "do not block"


class TimeLeft(float):
    """A timeout in seconds that ends with a deadline.

    HTTP libraries read a timeout once and use it for many waits. As a number, this is the time that was left at its
    creation; `seconds_left` returns the time that is left now.
    """

    __slots__ = ("_clock", "_deadline_at", "_timeout")

    _clock: Clock
    _deadline_at: float
    _timeout: Optional[float]

    def __new__(cls, timeout: Optional[float], deadline_at: float, clock: Clock) -> TimeLeft:
        """Create a timeout.

        Args:
            timeout: Seconds that one wait may take. None: as long as the deadline allows.
            deadline_at: The end of the last wait, on the monotonic clock.
            clock: The clock of the client.
        """
        self = super().__new__(cls, max(_shorter(timeout, deadline_at - clock.monotonic()), _SHORTEST_SECONDS))
        self._timeout = timeout
        self._deadline_at = deadline_at
        self._clock = clock
        return self

    def count(self) -> float:
        """Return the longest wait from now, in seconds; 0 or less after the deadline."""
        return _shorter(self._timeout, self._deadline_at - self._clock.monotonic())


def seconds_left(timeout: Optional[float]) -> Optional[float]:
    """Return the longest wait of a socket from now, in seconds; None: no limit.

    Raises:
        socket.timeout: The deadline has passed. A socket that is always readable would never time out by itself.
    """
    if not isinstance(timeout, TimeLeft):
        return timeout
    left = timeout.count()
    if left <= 0:
        raise socket.timeout("the deadline has passed")
    return left


def _shorter(timeout: Optional[float], left: float) -> float:
    return left if timeout is None else min(timeout, left)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run work that has no time limit of its own, such as name resolution.

    Work that exceeds the limit continues in a daemon thread.

    Raises:
        TimeoutError: The work took longer.
        Exception: Any exception of the work.
    """
    results: List[T] = []
    errors: List[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"not done in {seconds:g} seconds")
    return results[0]
